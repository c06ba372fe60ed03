// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/** The argument checks of activation sparsity, for every device. */
final class SparsityChecks {
    private SparsityChecks() {}

    static void threshold(Tensor x, Threshold threshold, Tensor y) {
        RowOperands.anchor(x, "x");
        threshold(threshold, x);
        output(y, "y", x);
        apart(y, "y", threshold);
    }

    static void thresholdBackward(Tensor dy, Tensor x, Threshold threshold, Tensor dx) {
        RowOperands.anchor(x, "x");
        threshold(threshold, x);
        gradient(dy, x, dx);
        apart(dx, "dx", threshold);
    }

    static void topK(Tensor x, Tensor scale, long kept, Tensor y) {
        RowOperands.anchor(x, "x");
        vector(scale, "scale", x);
        requireKept(kept);
        output(y, "y", x);
        RowOperands.apart(y, "y", scale, "scale");
    }

    static void topKBackward(Tensor dy, Tensor x, Tensor scale, long kept, Tensor dx) {
        RowOperands.anchor(x, "x");
        vector(scale, "scale", x);
        requireKept(kept);
        gradient(dy, x, dx);
        RowOperands.apart(dx, "dx", scale, "scale");
    }

    private static void output(Tensor y, String name, Tensor x) {
        RowOperands.output(y, name, x, "x");
        RowOperands.sameOrApart(y, name, x, "x");
    }

    private static void gradient(Tensor dy, Tensor x, Tensor dx) {
        RowOperands.input(dy, "dy", x, "x");
        output(dx, "dx", x);
        RowOperands.sameOrApart(dx, "dx", dy, "dy");
    }

    private static void threshold(Threshold threshold, Tensor x) {
        RowOperands.requireNonNull(threshold, "threshold", "a Threshold");
        vector(threshold.scale(), "scale", x);
        vector(threshold.thresholds(), "thresholds", x);
    }

    private static void vector(Tensor vector, String name, Tensor x) {
        if (vector != null) {
            Operands.requireDevice(vector, name, x);
            Operands.requireType(vector, name, DType.F32, "whatever the type of x");
            Operands.requireColumns(vector, name, x);
        }
    }

    private static void requireKept(long kept) {
        if (kept < 0) {
            throw new IllegalArgumentException("kept: expected at least 0, but it is " + kept);
        }
    }

    private static void apart(Tensor output, String name, Threshold threshold) {
        RowOperands.apart(
                output, name, threshold.scale(), "scale", threshold.thresholds(), "thresholds");
    }

    static void requireOpen(Tensor x, Tensor scale, Tensor thresholds, Tensor values, Tensor y) {
        boolean forward = values == x;
        Operands.requireOpen(x, "x");
        Operands.requireOpen(scale, "scale");
        Operands.requireOpen(thresholds, "thresholds");
        Operands.requireOpen(values, forward ? "x" : "dy");
        Operands.requireOpen(y, forward ? "y" : "dx");
    }
}
