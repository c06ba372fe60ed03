/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.DType;
import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/**
 * LayerNorm and RMSNorm of rows with a large common offset, where a careless variance loses all its
 * digits.
 */
final class AccuracyRun {
    static final List<Double> BASES = List.of(0.0, 1e2, 1e4, 1e6, 1e7);

    private static final int COLUMNS = 4096;
    private static final int ROWS = 4;
    private static final double LARGE_BASE = 1e7;

    private AccuracyRun() {}

    static List<BenchResults.Accuracy> run(
            List<BenchOperation> operations, List<Contender> contenders, int seeds) {
        List<BenchResults.Accuracy> results = new ArrayList<>();
        for (BenchOperation operation : operations) {
            for (double base : BASES) {
                for (Contender contender : contenders) {
                    double absolute = 0;
                    double units = 0;
                    boolean supported = true;
                    for (int seed = 0; seed < seeds && supported; seed++) {
                        try (Workload workload = workload(operation, base, seed)) {
                            supported = contender.supports(workload);
                            if (supported) {
                                Evaluation evaluation = evaluate(contender, workload);
                                units = Math.max(units, evaluation.units());
                                absolute = Math.max(absolute, evaluation.absolute());
                            }
                        }
                    }
                    if (supported) {
                        results.add(
                                new BenchResults.Accuracy(
                                        operation.key(), contender.name(), base, absolute, units));
                    }
                }
            }
        }
        return results;
    }

    private static Workload workload(BenchOperation operation, double base, int seed) {
        Workload workload =
                new Workload(operation, DType.F32, ROWS, COLUMNS, COLUMNS, COLUMNS, 1, null);
        workload.fill("gamma", 1);
        if (workload.has("beta")) {
            workload.fill("beta", 0);
        }
        RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(1000 + seed);
        double deviation = base >= LARGE_BASE ? 4 : 1;
        for (long i = 0; i < (long) ROWS * COLUMNS; i++) {
            workload.set("x", i, (float) (base + deviation * random.nextGaussian()));
        }
        return workload;
    }

    private static Evaluation evaluate(Contender contender, Workload workload) {
        try (Contender.Run run = contender.prepare(workload)) {
            run.call();
            return workload.evaluate(run::output);
        }
    }
}
