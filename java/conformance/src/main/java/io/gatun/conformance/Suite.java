/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.CpuOptions;
import io.gatun.DType;
import io.gatun.Device;
import io.gatun.DeviceUnavailableException;
import io.gatun.Isa;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The conformance suite: plans checks and runs them. Every check is a function of its path and the
 * seed alone.
 */
public final class Suite {
    private Suite() {}

    /**
     * The planned checks.
     *
     * @param only which of them: matched against {@code op/direction/dtype/shape} and against
     *     {@code op/direction/dtype/shape/name}
     * @return the checks in the order of operation, data type and shape
     */
    public static List<Check> checks(Glob only) {
        List<Check> checks = new ArrayList<>();
        for (Operation operation : Operations.all()) {
            CaseFile cases = CaseFile.load(operation.function());
            for (DType dtype : cases.bounds().keySet()) {
                for (Check check : operation.checks(cases, dtype)) {
                    if (only.matches(check.group()) || only.matches(check.path())) {
                        checks.add(check);
                    }
                }
            }
        }
        return checks;
    }

    /**
     * A part of the suite that takes a few seconds: some shapes around vector sizes, and the edge
     * cases.
     *
     * @return the checks
     */
    public static List<Check> selfTest() {
        return checks(
                new Glob(
                        "{*/1x1/plain,*/forward/*/33x3/*,*/33x3/plain,*/2x129/plain,*/2x127/plain,*/edge-*}"));
    }

    /**
     * The CPU device at every instruction set level of this machine, to be closed by the caller.
     *
     * @param threads how many threads each may use, 0 for the default
     * @return the devices from the least level to the greatest; empty where there is no native
     *     library
     */
    public static List<Device> cpuDevices(int threads) {
        List<Device> devices = new ArrayList<>();
        for (Isa isa : Isa.values()) {
            try {
                Device device = Device.cpu(new CpuOptions(threads, isa));
                if (device.isa() == isa) {
                    devices.add(device);
                } else {
                    device.close();
                }
            } catch (DeviceUnavailableException e) {
                // This machine has no such level.
                continue;
            }
        }
        return devices;
    }

    /**
     * Runs checks on devices. The inputs and the expected results of a check are made once for all
     * devices.
     *
     * @param checks the checks
     * @param devices the devices under test
     * @param seed determines every random number
     * @param progress told of each result
     * @return the results, check by check and device by device
     */
    public static List<CheckResult> run(
            List<Check> checks, List<Device> devices, long seed, Progress progress) {
        List<CheckResult> results = new ArrayList<>();
        int total = checks.size() * devices.size();
        for (Check check : checks) {
            Check.Trial trial = prepare(check, seed);
            for (Device device : devices) {
                CheckResult result = result(check, trial, device, seed);
                results.add(result);
                progress.finished(results.size(), total, result);
            }
        }
        return results;
    }

    /**
     * Makes the inputs and expected results of a check.
     *
     * @param check the check
     * @param seed determines every random number
     * @return the prepared comparison
     */
    static Check.Trial prepare(Check check, long seed) {
        return check.prepare(Values.Source.mix(seed) ^ Values.Source.mix(hash(check.path())));
    }

    /** Runs one prepared check on one device. An exception is a failure, not the end of the run. */
    static CheckResult result(Check check, Check.Trial trial, Device device, long seed) {
        Check.Outcome outcome;
        try {
            outcome = trial.run(device);
        } catch (RuntimeException e) {
            outcome = new Check.Outcome(0, 0, "unexpected " + e);
        }
        String isa = device.isa() == null ? null : device.isa().name().toLowerCase(Locale.ROOT);
        ResultLine line =
                ResultLine.check(
                        check.operation().name(),
                        check.operation().direction().label(),
                        ErrorMeasure.label(check.dtype()),
                        check.shape(),
                        device.name(),
                        isa,
                        device.threads(),
                        outcome.maxError(),
                        outcome.bound(),
                        outcome.passed());
        String failure =
                outcome.passed()
                        ? null
                        : check.path()
                                + " on "
                                + device.name()
                                + (isa == null ? "" : " " + isa)
                                + ", "
                                + device.threads()
                                + " threads, seed "
                                + seed
                                + "\n"
                                + outcome.failure()
                                + "\nrepeat: "
                                + repeatCommand(check, device, isa, seed);
        return new CheckResult(line, check.name(), seed, failure);
    }

    /**
     * One line for each operation, data type, shape and device: the check that came closest to its
     * bound, passed only if all did.
     *
     * @param results the results of a run
     * @return the lines in the order of the results
     */
    public static List<ResultLine> lines(List<CheckResult> results) {
        Map<List<Object>, ResultLine> lines = new LinkedHashMap<>();
        for (CheckResult result : results) {
            ResultLine line = result.line();
            List<Object> key =
                    Arrays.asList(line.path(), line.device(), line.isa(), line.threads());
            lines.merge(key, line, Suite::worse);
        }
        return List.copyOf(lines.values());
    }

    private static ResultLine worse(ResultLine a, ResultLine b) {
        ResultLine worst = closeness(b) > closeness(a) ? b : a;
        return ResultLine.check(
                a.op(),
                a.direction(),
                a.dtype(),
                a.shape(),
                a.device(),
                a.isa(),
                a.threads(),
                worst.maxError(),
                worst.errorBound(),
                a.passed() && b.passed());
    }

    private static double closeness(ResultLine line) {
        return line.maxError() == 0 ? 0 : line.maxError() / line.errorBound();
    }

    private static String repeatCommand(Check check, Device device, String isa, long seed) {
        return "./gatun check --device "
                + device.name()
                + (isa == null ? "" : " --isa " + isa + " --threads " + device.threads())
                + " --seed "
                + seed
                + " --only '"
                + check.path()
                + "'";
    }

    /** FNV-1a, since the specification of String.hashCode has only 32 bits. */
    private static long hash(String text) {
        long hash = 0xcbf29ce484222325L;
        for (int i = 0; i < text.length(); i++) {
            hash = (hash ^ text.charAt(i)) * 0x100000001b3L;
        }
        return hash;
    }
}
