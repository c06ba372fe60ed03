// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/** Windows by their definition, in float64. */
final class ReferenceWindows implements WindowKernels {
    static final ReferenceWindows INSTANCE = new ReferenceWindows();

    private ReferenceWindows() {}

    /** Where the end of function m of a column stands. */
    private static int end(Tensor starts, int m, int column) {
        return starts.rank() == 1 ? m : Math.toIntExact(m * starts.columns) + column;
    }

    @Override
    public void forward(KanWindows windows, Tensor x, Tensor starts, Tensor ends, Tensor phi) {
        WindowChecks.requireOpen(x, starts, ends, phi);
        double[] first = ReferenceRows.read(starts, 0, starts.elementCount());
        double[] last = ReferenceRows.read(ends, 0, ends.elementCount());
        for (long row = 0; row < x.rows; row++) {
            double[] values = ReferenceRows.read(x, row);
            for (int m = 0; m < windows.functions(); m++) {
                double[] function = new double[values.length];
                for (int i = 0; i < values.length; i++) {
                    int at = end(starts, m, i);
                    double u = WindowFormulas.inner(windows.inner(), values[i] - first[at]);
                    double v = WindowFormulas.inner(windows.inner(), last[at] - values[i]);
                    function[i] =
                            windows.scale() * WindowFormulas.combined(windows.combination(), u, v);
                }
                ReferenceRows.writeElements(
                        phi, row * KanChecks.functionStride(phi) + m * x.columns, function);
            }
        }
    }

    @Override
    public void backward(
            KanWindows windows,
            Tensor dphi,
            Tensor x,
            Tensor starts,
            Tensor ends,
            Tensor dx,
            Tensor dstarts,
            Tensor dends,
            boolean accumulate) {
        WindowChecks.requireOpen(dphi, x, starts, ends, dx, dstarts, dends);
        double[] first = ReferenceRows.read(starts, 0, starts.elementCount());
        double[] last = ReferenceRows.read(ends, 0, ends.elementCount());
        double[] ofStarts = begin(dstarts, first.length, accumulate);
        double[] ofEnds = begin(dends, last.length, accumulate);
        for (long row = 0; row < x.rows; row++) {
            double[] values = ReferenceRows.read(x, row);
            double[] sums = new double[values.length];
            for (int m = 0; m < windows.functions(); m++) {
                double[] upstream =
                        ReferenceRows.read(
                                dphi,
                                row * KanChecks.functionStride(dphi) + m * x.columns,
                                x.columns);
                for (int i = 0; i < values.length; i++) {
                    int at = end(starts, m, i);
                    double from = values[i] - first[at];
                    double to = last[at] - values[i];
                    double u = WindowFormulas.inner(windows.inner(), from);
                    double v = WindowFormulas.inner(windows.inner(), to);
                    double factor = windows.scale() * upstream[i];
                    double byStart =
                            factor
                                    * WindowFormulas.combinedSlope(windows.combination(), u, v)
                                    * WindowFormulas.innerSlope(windows.inner(), from);
                    double byEnd =
                            factor
                                    * WindowFormulas.combinedSlope(windows.combination(), v, u)
                                    * WindowFormulas.innerSlope(windows.inner(), to);
                    sums[i] += byStart - byEnd;
                    ofStarts[at] -= byStart;
                    ofEnds[at] += byEnd;
                }
            }
            ReferenceRows.write(dx, row, sums);
        }
        put(dstarts, ofStarts);
        put(dends, ofEnds);
    }

    private static double[] begin(Tensor gradient, int count, boolean accumulate) {
        return gradient == null || !accumulate
                ? new double[count]
                : ReferenceRows.read(gradient, 0, count);
    }

    private static void put(Tensor gradient, double[] sums) {
        if (gradient != null) {
            ReferenceRows.writeElements(gradient, 0, sums);
        }
    }
}
