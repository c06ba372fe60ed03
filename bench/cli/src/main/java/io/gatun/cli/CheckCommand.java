/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.cli;

import io.gatun.Device;
import io.gatun.conformance.Check;
import io.gatun.conformance.CheckResult;
import io.gatun.conformance.Glob;
import io.gatun.conformance.ResultLine;
import io.gatun.conformance.Suite;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The conformance suite on this machine. */
@Command(
        name = "check",
        mixinStandardHelpOptions = true,
        description = "Compares every operation with the float64 reference on this machine.",
        footer = {
            "",
            "Exit code: 0 if all passed, 1 if a check failed, 2 for a wrong command line."
        })
final class CheckCommand implements Callable<Integer> {
    private static final int SHOWN_FAILURES = 10;

    @Option(
            names = "--json",
            paramLabel = "FILE",
            description = "Writes the results to FILE, one JSON object a line.")
    private Path json;

    @Option(
            names = "--only",
            paramLabel = "GLOB",
            description =
                    "Only what matches op/direction/dtype/shape or op/direction/dtype/shape/check,"
                            + " such as 'layer_norm/*/bf16/*'.")
    private String only;

    @Option(
            names = "--device",
            paramLabel = "DEVICE",
            defaultValue = "cpu",
            description = Devices.DEVICE_HELP + " Default: ${DEFAULT-VALUE}.")
    private String device;

    @Option(
            names = "--isa",
            paramLabel = "LEVEL",
            description =
                    "Instruction set level of the CPU device: scalar, avx2, avx512, avx512vnni, neon, or all"
                            + " (the default) for each that this machine has.")
    private String isa;

    @Option(
            names = "--threads",
            paramLabel = "COUNT",
            defaultValue = "0",
            description = "Threads of the CPU device; 0 (the default) for all.")
    private int threads;

    @Option(
            names = "--seed",
            paramLabel = "SEED",
            defaultValue = "0",
            description = "Other random numbers. Default: ${DEFAULT-VALUE}.")
    private long seed;

    @Spec private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        JsonLines.requireWritable(json);
        PrintWriter out = spec.commandLine().getOut();
        List<Check> checks = Suite.checks(glob(only));
        if (checks.isEmpty()) {
            throw new UserException("--only: no check matches '" + only + "'");
        }
        List<Device> devices = Devices.open(device, isa == null ? "all" : isa, threads);
        try {
            for (Device each : devices) {
                out.println(Devices.label(each) + ", " + each.threads() + " threads");
            }
            out.println(checks.size() + " checks on each, seed " + seed);
            out.println();
            out.flush();
            List<CheckResult> results = run(checks, devices, spec.commandLine().getErr());
            table(results, out);
            failures(results, out);
            if (json != null) {
                JsonLines.write(json, Map.of(), Suite.lines(results));
            }
            return results.stream().allMatch(CheckResult::passed) ? 0 : Gatun.FAILED;
        } finally {
            Devices.close(devices);
        }
    }

    /** The pattern, or all. */
    static Glob glob(String text) {
        try {
            return text == null ? Glob.ALL : new Glob(text);
        } catch (IllegalArgumentException e) {
            throw new UserException("--only: " + e.getMessage(), e);
        }
    }

    private List<CheckResult> run(List<Check> checks, List<Device> devices, PrintWriter err) {
        ProgressLine progress = new ProgressLine(err);
        try {
            return Suite.run(
                    checks,
                    devices,
                    seed,
                    (done, total, result) -> progress.show(done, total, result.line().path()));
        } finally {
            progress.clear();
        }
    }

    private static final class Row {
        int checks;
        int failed;
        CheckResult worst;
    }

    /**
     * One row for each operation, data type and device, with the check that came closest to its
     * bound.
     */
    static void table(List<CheckResult> results, PrintWriter out) {
        Map<String, Row> rows = new LinkedHashMap<>();
        for (CheckResult result : results) {
            ResultLine line = result.line();
            String device = line.isa() == null ? line.device() : line.device() + " " + line.isa();
            String key =
                    String.format(
                            "%-18s %-9s %-5s %-15s",
                            line.op(), line.direction(), line.dtype(), device);
            Row row = rows.computeIfAbsent(key, k -> new Row());
            row.checks++;
            row.failed += result.passed() ? 0 : 1;
            if (row.worst == null || closeness(line) > closeness(row.worst.line())) {
                row.worst = result;
            }
        }
        out.printf(
                "%-18s %-9s %-5s %-15s %6s %6s %9s %6s  %s%n",
                "operation",
                "direction",
                "dtype",
                "device",
                "checks",
                "failed",
                "max error",
                "bound",
                "at");
        rows.forEach(
                (key, row) -> {
                    ResultLine line = row.worst.line();
                    out.printf(
                            "%s %6d %6d %9.2f %6.0f  %s/%s%n",
                            key,
                            row.checks,
                            row.failed,
                            line.maxError(),
                            line.errorBound(),
                            line.shape(),
                            row.worst.check());
                });
        out.println();
        out.flush();
    }

    private static double closeness(ResultLine line) {
        return line.maxError() == 0 ? 0 : line.maxError() / line.errorBound();
    }

    private void failures(List<CheckResult> results, PrintWriter out) {
        List<CheckResult> failed = results.stream().filter(r -> !r.passed()).toList();
        boolean verbose =
                spec.commandLine().getParseResult() != null
                        && Boolean.TRUE.equals(spec.findOption("--verbose").getValue());
        int shown = verbose ? failed.size() : Math.min(failed.size(), SHOWN_FAILURES);
        for (CheckResult result : failed.subList(0, shown)) {
            out.println("FAILED " + result.failure());
            out.println();
        }
        if (shown < failed.size()) {
            out.println((failed.size() - shown) + " more failures; --verbose shows all");
        }
        out.println(
                failed.isEmpty()
                        ? "All " + results.size() + " checks passed."
                        : failed.size() + " of " + results.size() + " checks failed.");
        out.flush();
    }
}
