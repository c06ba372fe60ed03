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

    @Override
    public void forward(KanBasis basis, Tensor x, Tensor weight, Tensor bias, Tensor y) {
        KanChecks.requireOpenLayer(x, weight, bias, y);
        double[] weights = ReferenceRows.read(weight, 0, weight.elementCount());
        int outputs = Math.toIntExact(weight.columns);
        for (long row = 0; row < x.rows; row++) {
            double[] values = ReferenceRows.read(x, row);
            double[] sums = bias == null ? new double[outputs] : ReferenceRows.readVector(bias);
            for (int k = 0; k < weights.length / outputs; k++) {
                double function =
                        KanFormulas.value(basis, k % basis.count(), values[k / basis.count()]);
                for (int o = 0; o < outputs; o++) {
                    sums[o] += function * weights[k * outputs + o];
                }
            }
            ReferenceRows.write(y, row, sums);
        }
    }

    @Override
    public void backward(
            KanBasis basis,
            Tensor dy,
            Tensor x,
            Tensor weight,
            Tensor dx,
            Tensor dweight,
            Tensor dbias,
            boolean accumulate) {
        KanChecks.requireOpenGradients(dy, x, weight, dx, dweight, dbias);
        double[] weights = ReferenceRows.read(weight, 0, weight.elementCount());
        int outputs = Math.toIntExact(weight.columns);
        double[] ofWeights = begin(dweight, weights.length, accumulate);
        double[] ofBias = begin(dbias, outputs, accumulate);
        for (long row = 0; row < x.rows; row++) {
            double[] values = ReferenceRows.read(x, row);
            double[] upstream = ReferenceRows.read(dy, row);
            double[] ofInputs = new double[values.length];
            ReferenceRows.add(ofBias, upstream);
            for (int k = 0; k < weights.length / outputs; k++) {
                int m = k % basis.count();
                int column = k / basis.count();
                double function = KanFormulas.value(basis, m, values[column]);
                double sum = 0;
                for (int o = 0; o < outputs; o++) {
                    sum += upstream[o] * weights[k * outputs + o];
                    ofWeights[k * outputs + o] += upstream[o] * function;
                }
                ofInputs[column] += sum * KanFormulas.slope(basis, m, values[column]);
            }
            ReferenceRows.write(dx, row, ofInputs);
        }
        if (dweight != null) {
            ReferenceRows.writeElements(dweight, 0, ofWeights);
        }
        ReferenceRows.writeVector(dbias, ofBias);
    }

    /** Where the sum of a gradient begins. */
    private static double[] begin(Tensor gradient, int count, boolean accumulate) {
        return gradient == null || !accumulate
                ? new double[count]
                : ReferenceRows.read(gradient, 0, count);
    }
}
