/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.DType;
import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/** Rows with a large common offset, where a careless variance loses all its digits. */
final class AccuracyRun {
    static final List<Double> BASES = List.of(0.0, 1e2, 1e4, 1e6, 1e7);

    private static final int COLUMNS = 4096;
    private static final int ROWS = 4;
    private static final double LARGE_BASE = 1e7;

    private AccuracyRun() {}

    static List<BenchResults.Accuracy> run(
            List<String> operations, List<Contender> contenders, int seeds) {
        List<BenchResults.Accuracy> results = new ArrayList<>();
        for (String operation : operations) {
            for (double base : BASES) {
                for (Contender contender : contenders) {
                    double absolute = 0;
                    double units = 0;
                    boolean supported = true;
                    for (int seed = 0; seed < seeds && supported; seed++) {
                        try (Workload workload = workload(operation, base, seed)) {
                            supported = contender.supports(workload);
                            if (supported) {
                                double[] expected = workload.expected();
                                float[] output = output(contender, workload);
                                units = Math.max(units, workload.error(output, expected));
                                absolute = Math.max(absolute, absoluteError(output, expected));
                            }
                        }
                    }
                    if (supported) {
                        results.add(
                                new BenchResults.Accuracy(
                                        operation, contender.name(), base, absolute, units));
                    }
                }
            }
        }
        return results;
    }

    private static Workload workload(String operation, double base, int seed) {
        Workload workload =
                new Workload(operation, DType.F32, ROWS, COLUMNS, COLUMNS, COLUMNS, 1, null);
        workload.setPlainParameters();
        RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(1000 + seed);
        double deviation = base >= LARGE_BASE ? 4 : 1;
        for (long i = 0; i < (long) ROWS * COLUMNS; i++) {
            workload.setX(i, (float) (base + deviation * random.nextGaussian()));
        }
        return workload;
    }

    private static float[] output(Contender contender, Workload workload) {
        try (Contender.Run run = contender.prepare(workload)) {
            run.call();
            return run.output();
        }
    }

    private static double absoluteError(float[] output, double[] expected) {
        double greatest = 0;
        for (int i = 0; i < expected.length; i++) {
            double error = Math.abs(output[i] - expected[i]);
            if (!(error <= greatest)) {
                greatest = Double.isNaN(error) ? Double.POSITIVE_INFINITY : error;
            }
        }
        return greatest;
    }
}
