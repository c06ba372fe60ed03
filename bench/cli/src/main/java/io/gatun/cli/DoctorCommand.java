/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.cli;

import io.gatun.Device;
import io.gatun.Doctor;
import io.gatun.Isa;
import io.gatun.conformance.Check;
import io.gatun.conformance.CheckResult;
import io.gatun.conformance.Suite;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** What this machine offers, what is missing and why. */
@Command(
        name = "doctor",
        mixinStandardHelpOptions = true,
        description =
                "Looks at this machine: library, processor, threads, GPU, and a short self-test.",
        footer = {
            "",
            "Exit code: 0 if the native kernels work here, 1 if they do not, 2 for a wrong command line.",
            "Lines of --json that are facts, not results, have the further keys name and value."
        })
final class DoctorCommand implements Callable<Integer> {
    private static final int NAME_WIDTH = 16;

    @Option(
            names = "--json",
            paramLabel = "FILE",
            description = "Writes facts and self-test to FILE, one JSON object a" + " line.")
    private Path json;

    @Option(
            names = "--only",
            paramLabel = "GLOB",
            description = "Self-test of what matches op/direction/dtype/shape only.")
    private String only;

    @Spec private CommandSpec spec;

    private final Map<String, String> facts = new LinkedHashMap<>();
    private final List<String> problems = new ArrayList<>();
    private final List<String> advice = new ArrayList<>();

    @Override
    public Integer call() throws IOException {
        JsonLines.requireWritable(json);
        PrintWriter out = spec.commandLine().getOut();
        List<Check> selfTest = selfTest();
        Doctor.Report report = Doctor.report();
        platform(report, out);
        library(report, out);
        processor(report, out);
        heading(out, "Self-test");
        List<CheckResult> results = selfTest(report, selfTest, out);
        verdict(report, out);
        if (json != null) {
            JsonLines.write(json, facts, Suite.lines(results));
        }
        return problems.isEmpty() ? 0 : Gatun.FAILED;
    }

    private List<Check> selfTest() {
        List<Check> checks = Suite.selfTest();
        if (only == null) {
            return checks;
        }
        var glob = CheckCommand.glob(only);
        List<Check> chosen =
                checks.stream()
                        .filter(c -> glob.matches(c.group()) || glob.matches(c.path()))
                        .toList();
        if (chosen.isEmpty()) {
            throw new UserException("--only: no check of the self-test matches '" + only + "'");
        }
        return chosen;
    }

    private void platform(Doctor.Report report, PrintWriter out) {
        heading(out, "Platform");
        fact(out, "system", report.os() + ", " + report.architecture());
        fact(out, "java", report.jdk());
        fact(out, "java home", System.getProperty("java.home"));
        fact(out, "native access", report.nativeAccess() ? "enabled" : "not enabled");
        if (!report.nativeAccess()) {
            advice.add(
                    "Start java with --enable-native-access=ALL-UNNAMED (class path) or"
                            + " --enable-native-access=io.gatun.bindings (module path): without it Java warns, and a later"
                            + " version will refuse.");
        }
        fact(out, "heap", Runtime.getRuntime().maxMemory() / (1 << 20) + " MiB at most");
        fact(
                out,
                "processors",
                Runtime.getRuntime().availableProcessors() + " that Java may use" + cgroup());
        for (String variable : List.of("GATUN_ISA", "GATUN_THREADS", "GATUN_DEVICE")) {
            String value = System.getenv(variable);
            if (value != null) {
                fact(out, variable, value);
            }
        }
    }

    private static String cgroup() {
        Path limit = Path.of("/sys/fs/cgroup/cpu.max");
        try {
            String[] words = Files.readString(limit).strip().split("\\s+");
            if (words.length == 2 && !words[0].equals("max")) {
                return String.format(
                        ", cgroup quota %.2f",
                        Double.parseDouble(words[0]) / Double.parseDouble(words[1]));
            }
            return ", no cgroup quota";
        } catch (IOException | NumberFormatException e) {
            // Not Linux, or cgroup version 1, or not to be read: there is nothing to say.
            return "";
        }
    }

    private void library(Doctor.Report report, PrintWriter out) {
        heading(out, "Native library");
        for (Doctor.LoadAttempt attempt : report.attempts()) {
            fact(out, "tried", attempt.source() + ": " + attempt.path() + ": " + attempt.outcome());
        }
        Doctor.Library library = report.library();
        if (library == null) {
            fact(out, "loaded", "nothing");
            problems.add(
                    "The native library could not be loaded; operations run on the reference device, which is"
                            + " correct but slow. "
                            + report.failure());
            return;
        }
        fact(out, "loaded", library.path());
        fact(out, "version", "ABI " + library.abiVersion() + ", build " + library.buildHash());
    }

    private void processor(Doctor.Report report, PrintWriter out) {
        Doctor.Library library = report.library();
        if (library == null) {
            return;
        }
        heading(out, "Processor");
        fact(out, "cpu", library.cpu());
        fact(
                out,
                "levels",
                "found "
                        + Devices.label(library.isaDetected())
                        + ", chosen "
                        + (library.isaChosen() == null
                                ? "none"
                                : Devices.label(library.isaChosen())));
        fact(out, "threads", library.threads() + " for each call at most");
        if (!library.cpuFailure().isEmpty()) {
            problems.add("The CPU device cannot be used: " + library.cpuFailure());
        }
        Map<Isa, List<String>> kernels =
                library.kernels().stream()
                        .collect(
                                Collectors.groupingBy(
                                        Doctor.Kernel::isa,
                                        TreeMap::new,
                                        Collectors.mapping(
                                                Doctor.Kernel::operation, Collectors.toList())));
        kernels.forEach(
                (isa, operations) ->
                        fact(
                                out,
                                "kernels " + Devices.label(isa),
                                operations.stream()
                                        .distinct()
                                        .sorted()
                                        .collect(Collectors.joining(", "))));
        heading(out, "GPU");
        fact(out, "gpu", library.gpu().isEmpty() ? "found" : library.gpu());
    }

    private List<CheckResult> selfTest(Doctor.Report report, List<Check> checks, PrintWriter out) {
        List<Device> devices = new ArrayList<>();
        devices.add(Device.reference());
        if (report.library() != null) {
            devices.addAll(Suite.cpuDevices(0));
        }
        List<CheckResult> results = new ArrayList<>();
        ProgressLine progress = new ProgressLine(spec.commandLine().getErr());
        try {
            results.addAll(
                    Suite.run(
                            checks,
                            devices,
                            0,
                            (done, total, result) ->
                                    progress.show(done, total, result.line().path())));
        } finally {
            progress.clear();
            Devices.close(devices);
        }
        Map<String, List<CheckResult>> byDevice =
                results.stream()
                        .collect(
                                Collectors.groupingBy(
                                        r ->
                                                r.line().device()
                                                        + (r.line().isa() == null
                                                                ? ""
                                                                : " " + r.line().isa()),
                                        LinkedHashMap::new,
                                        Collectors.toList()));
        byDevice.forEach(
                (device, all) -> {
                    List<CheckResult> failed = all.stream().filter(r -> !r.passed()).toList();
                    fact(
                            out,
                            device,
                            all.size() - failed.size() + " of " + all.size() + " checks passed");
                    if (!failed.isEmpty()) {
                        problems.add(
                                "The self-test failed on "
                                        + device
                                        + ": ./gatun check tells more. The first failure: "
                                        + failed.getFirst().failure());
                    }
                });
        return results;
    }

    private void verdict(Doctor.Report report, PrintWriter out) {
        heading(out, "Verdict");
        for (String problem : problems) {
            out.println(
                    Ansi.AUTO.string("  @|red,bold problem|@  ")
                            + problem.replace("\n", "\n           "));
        }
        for (String line : advice) {
            out.println(Ansi.AUTO.string("  @|yellow,bold advice|@   ") + line);
        }
        if (problems.isEmpty()) {
            Doctor.Library library = report.library();
            String ready =
                    "Gatun works here: "
                            + Devices.label(library.isaChosen())
                            + " kernels on "
                            + library.threads()
                            + (library.threads() == 1 ? " thread" : " threads");
            out.println(Ansi.AUTO.string("  @|green,bold ready|@    ") + ready);
            facts.put("verdict", ready);
        } else {
            facts.put("verdict", String.join(" ", problems));
        }
        out.flush();
    }

    private static void heading(PrintWriter out, String text) {
        out.println(Ansi.AUTO.string("@|bold " + text + "|@"));
    }

    private void fact(PrintWriter out, String name, String value) {
        out.println("  " + name + " ".repeat(Math.max(NAME_WIDTH - name.length(), 1)) + value);
        facts.merge(name, value, (a, b) -> a + "; " + b);
        out.flush();
    }
}
