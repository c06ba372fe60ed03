// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/** Kolmogorov-Arnold networks by their definitions, in float64. */
final class ReferenceKan implements KanKernels {
    static final ReferenceKan INSTANCE = new ReferenceKan();

    private ReferenceKan() {}

    @Override
    public void basis(KanBasis basis, Tensor x, Tensor phi) {
        KanChecks.requireOpenBasis(x, phi);
        for (long row = 0; row < x.rows; row++) {
            double[] values = ReferenceRows.read(x, row);
            for (int m = 0; m < basis.count(); m++) {
                double[] function = new double[values.length];
                for (int i = 0; i < values.length; i++) {
                    function[i] = KanFormulas.value(basis, m, values[i]);
                }
                ReferenceRows.writeElements(phi, element(phi, row, m), function);
            }
        }
    }

    @Override
    public void basisBackward(KanBasis basis, Tensor dphi, Tensor x, Tensor dx) {
        KanChecks.requireOpenBasisBackward(dphi, x, dx);
        for (long row = 0; row < x.rows; row++) {
            double[] values = ReferenceRows.read(x, row);
            double[] sums = new double[values.length];
            for (int m = 0; m < basis.count(); m++) {
                double[] upstream = ReferenceRows.read(dphi, element(dphi, row, m), x.columns);
                for (int i = 0; i < values.length; i++) {
                    sums[i] += upstream[i] * KanFormulas.slope(basis, m, values[i]);
                }
            }
            ReferenceRows.write(dx, row, sums);
        }
    }

    /** Where function m of a row begins. */
    private static long element(Tensor functions, long row, int m) {
        return row * KanChecks.functionStride(functions) + m * functions.columns;
    }
}
