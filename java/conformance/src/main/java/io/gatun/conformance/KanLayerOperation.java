/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import java.util.Arrays;
import java.util.Map;

/** What both directions of a layer share: its shapes, and terms of its sums. */
final class KanLayerOperation {
    /** Outputs of every layer of the suite. */
    static final int OUTPUTS = 16;

    private KanLayerOperation() {}

    static long[] ownShape(Operand input, int rows, int columns, Settings settings) {
        return switch (input.name()) {
            case "weight" -> new long[] {columns, KanSettings.basis(settings).count(), OUTPUTS};
            case "dy" -> new long[] {rows, OUTPUTS};
            default -> new long[] {OUTPUTS};
        };
    }

    static long[] shape(Operand output, Map<String, long[]> inputs) {
        long[] weight = inputs.get("weight");
        return switch (output.name()) {
            case "dweight" -> weight;
            case "dbias" -> new long[] {weight[weight.length - 1]};
            default -> {
                long[] x = inputs.get("x");
                long[] shape = Arrays.copyOf(x, x.length);
                shape[x.length - 1] = weight[weight.length - 1];
                yield shape;
            }
        };
    }

    /** One product of a layer's sums. */
    @FunctionalInterface
    interface Term {
        void at(int row, int column, int m, int output, double phi);
    }

    /** Visits all products of a layer on some x. */
    static void terms(Call call, double[] x, Term term) {
        KanFormula formula = new KanFormula(KanSettings.basis(call.settings()));
        for (int i = 0; i < x.length; i++) {
            double[] phi = formula.values(x[i]);
            for (int m = 0; m < phi.length; m++) {
                for (int o = 0; o < OUTPUTS; o++) {
                    term.at(i / call.columns(), i % call.columns(), m, o, phi[m]);
                }
            }
        }
    }

    /** Where a weight stands. */
    static int weight(Call call, int column, int m, int output) {
        return (column * KanSettings.basis(call.settings()).count() + m) * OUTPUTS + output;
    }

    static int result(int row, int output) {
        return row * OUTPUTS + output;
    }
}
