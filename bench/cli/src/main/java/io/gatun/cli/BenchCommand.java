/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.cli;

import io.gatun.DeviceUnavailableException;
import io.gatun.bench.BenchOptions;
import io.gatun.bench.BenchResults;
import io.gatun.bench.BenchRunner;
import io.gatun.bench.Report;
import io.gatun.conformance.ResultLine;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Gatun beside the limit of this machine and the alternatives on the JVM. */
@Command(
        name = "bench",
        mixinStandardHelpOptions = true,
        description =
                "Checks each kernel, and times it beside the memory limit of this machine and what else a JVM"
                        + " program could use.",
        footer = {
            "",
            "limit: the part that Gatun reaches of what the fastest bare loop moves in the same run with as many streams,"
                    + " such as a copy. The columns after it say how many times faster Gatun is.",
            "./gatun bench --peers builds with oneDNN, libtorch and ONNX Runtime beside it (several hundred megabytes"
                    + " from Maven Central, once).",
            "Exit code: 0, 1 if a kernel exceeds its error bound, 2 for a wrong command line."
        })
final class BenchCommand implements Callable<Integer> {
    private static final String REPORT = "bench/results/report.html";

    @Option(
            names = "--json",
            paramLabel = "FILE",
            description = "Writes the results to FILE, one JSON object a line.")
    private Path json;

    @Option(
            names = "--only",
            paramLabel = "GLOB",
            description =
                    "Only what matches op/direction/dtype/shape, such as 'rms_norm/*/32x4096'.")
    private String only;

    @Option(names = "--quick", description = "One shape of most operations, float32, one thread.")
    private boolean quick;

    @Option(
            names = "--threads",
            paramLabel = "LIST",
            split = ",",
            description = "Thread counts, such as 1,4. Default: 1 and all.")
    private List<Integer> threads;

    @Option(
            names = "--isa",
            paramLabel = "LEVEL",
            description =
                    "Greatest instruction set level: scalar, avx2, avx512, avx512vnni or neon.")
    private String isa;

    @Option(
            names = "--report",
            paramLabel = "FILE",
            description = "Where the page with plots goes. Default: " + REPORT + ".")
    private Path report;

    @Spec private CommandSpec spec;

    private String shownPeers;

    @Override
    public Integer call() throws IOException {
        JsonLines.requireWritable(json);
        PrintWriter out = spec.commandLine().getOut();
        PrintWriter err = spec.commandLine().getErr();
        BenchResults results;
        try {
            results =
                    BenchRunner.run(
                            options(),
                            line -> row(line, out),
                            text -> {
                                err.println(text);
                                err.flush();
                            });
        } catch (DeviceUnavailableException e) {
            throw new UserException(e.getMessage() + "; gatun doctor says more", e);
        }
        if (results.timings().isEmpty()) {
            throw new UserException("--only: no benchmark matches '" + only + "'");
        }
        out.print(Report.summary(results));
        Path page = report == null ? defaultReport() : report;
        Report.write(results, page);
        if (json != null) {
            JsonLines.write(json, Map.of(), results.lines());
        }
        out.println();
        out.println("Report: " + page.toAbsolutePath().normalize());
        if (!results.passed()) {
            out.println("A kernel exceeds its error bound: gatun check says more.");
        }
        out.flush();
        return results.passed() ? 0 : Gatun.FAILED;
    }

    private BenchOptions options() {
        BenchOptions options = BenchOptions.DEFAULT.withQuick(quick);
        if (only != null) {
            CheckCommand.glob(only);
            options = options.withOnly(only);
        }
        if (threads != null) {
            for (int count : threads) {
                if (count < 1) {
                    throw new UserException(
                            "--threads: expected counts of at least 1, but one is " + count);
                }
            }
            options = options.withThreads(threads);
        }
        return isa == null ? options : options.withIsa(Devices.level(isa));
    }

    /** In the source tree if the launcher says where that is, else in the working folder. */
    private static Path defaultReport() {
        String home = System.getProperty("gatun.home");
        return home == null ? Path.of("report.html") : Path.of(home).resolve(REPORT);
    }

    private void row(ResultLine line, PrintWriter out) {
        Map<String, Double> peers = line.peers() == null ? Map.of() : new TreeMap<>(line.peers());
        String names =
                peers.keySet().stream()
                        .map(n -> String.format(" %18s", n))
                        .collect(Collectors.joining());
        if (!names.equals(shownPeers)) {
            // 16-bit types have other peers than float32: the columns say which.
            shownPeers = names;
            out.printf(
                    "%n%-32s %-9s %-5s %-18s %-8s %3s %12s %8s %6s %6s%s%n",
                    "operation",
                    "direction",
                    "dtype",
                    "shape",
                    "isa",
                    "thr",
                    "median",
                    "GB/s",
                    "limit",
                    "error",
                    names);
        }
        out.printf(
                "%-32s %-9s %-5s %-18s %-8s %3d %12s %8.1f %6s %6.2f%s%s%n",
                line.op(),
                line.direction(),
                line.dtype(),
                line.shape(),
                line.isa(),
                line.threads(),
                time(line.medianNs()),
                line.bytes() / line.medianNs(),
                line.fraction() == null ? "-" : String.format("%.2f", line.fraction()),
                line.maxError(),
                peers.values().stream()
                        .map(f -> String.format(" %17.2fx", f))
                        .collect(Collectors.joining()),
                line.passed() ? "" : "  ERROR BOUND EXCEEDED");
        out.flush();
    }

    private static String time(double nanoseconds) {
        if (nanoseconds < 1e3) {
            return String.format("%.0f ns", nanoseconds);
        }
        return nanoseconds < 1e6
                ? String.format("%.2f us", nanoseconds / 1e3)
                : String.format("%.2f ms", nanoseconds / 1e6);
    }
}
