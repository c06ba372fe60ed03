// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.util.Arrays;

/** The argument checks of windows, for every device. */
final class WindowChecks {
    private WindowChecks() {}

    static void forward(KanWindows windows, Tensor x, Tensor starts, Tensor ends, Tensor phi) {
        inputs(windows, x, starts, ends);
        KanChecks.functions(phi, "phi", windows.functions(), x);
        Operands.requireWritable(phi, "phi");
        RowOperands.apart(phi, "phi", x, "x", starts, "starts", ends, "ends");
    }

    static void backward(
            KanWindows windows,
            Tensor dphi,
            Tensor x,
            Tensor starts,
            Tensor ends,
            Tensor dx,
            Tensor dstarts,
            Tensor dends) {
        inputs(windows, x, starts, ends);
        KanChecks.functions(dphi, "dphi", windows.functions(), x);
        RowOperands.optionalOutput(dx, "dx", x, "x");
        apart(dx, "dx", dphi, x, starts, ends);
        gradient(dstarts, "dstarts", starts, "starts", x);
        apart(dstarts, "dstarts", dphi, x, starts, ends);
        RowOperands.apart(dstarts, "dstarts", dx, "dx");
        gradient(dends, "dends", starts, "starts", x);
        apart(dends, "dends", dphi, x, starts, ends);
        RowOperands.apart(dends, "dends", dx, "dx", dstarts, "dstarts");
    }

    private static void inputs(KanWindows windows, Tensor x, Tensor starts, Tensor ends) {
        RowOperands.requireNonNull(windows, "windows", "KanWindows");
        RowOperands.anchor(x, "x");
        Operands.require(starts, "starts");
        Operands.require(ends, "ends");
        float32(starts, "starts", x);
        boolean shared = starts.rank() == 1 && starts.columns == windows.functions();
        boolean own =
                starts.rank() == 2
                        && starts.size(0) == windows.functions()
                        && starts.columns == x.columns;
        if (!shared && !own) {
            throw new IllegalArgumentException(
                    "starts: expected shape [%s] or [%s, %s], but it is %s"
                            .formatted(
                                    windows.functions(),
                                    windows.functions(),
                                    x.columns,
                                    Arrays.toString(starts.shape())));
        }
        float32(ends, "ends", x);
        Operands.requireShape(ends, "ends", starts, "starts");
    }

    private static void float32(Tensor tensor, String name, Tensor x) {
        Operands.requireDevice(tensor, name, x);
        Operands.requireType(tensor, name, DType.F32, "ends of windows are float32");
        if (!tensor.isContiguous()) {
            throw new IllegalArgumentException(
                    "%s: expected no gaps, but shape %s has strides %s; contiguous() makes a copy"
                            .formatted(
                                    name,
                                    Arrays.toString(tensor.shape()),
                                    Arrays.toString(tensor.strides())));
        }
    }

    private static void gradient(Tensor gradient, String name, Tensor of, String ofName, Tensor x) {
        if (gradient != null) {
            float32(gradient, name, x);
            Operands.requireShape(gradient, name, of, ofName);
            Operands.requireWritable(gradient, name);
        }
    }

    private static void apart(
            Tensor output, String name, Tensor dphi, Tensor x, Tensor starts, Tensor ends) {
        RowOperands.apart(output, name, dphi, "dphi", x, "x");
        RowOperands.apart(output, name, starts, "starts", ends, "ends");
    }

    static void requireOpen(Tensor x, Tensor starts, Tensor ends, Tensor phi) {
        Operands.requireOpen(x, "x");
        Operands.requireOpen(starts, "starts");
        Operands.requireOpen(ends, "ends");
        Operands.requireOpen(phi, "phi");
    }

    static void requireOpen(
            Tensor dphi,
            Tensor x,
            Tensor starts,
            Tensor ends,
            Tensor dx,
            Tensor dstarts,
            Tensor dends) {
        Operands.requireOpen(dphi, "dphi");
        Operands.requireOpen(x, "x");
        Operands.requireOpen(starts, "starts");
        Operands.requireOpen(ends, "ends");
        Operands.requireOpen(dx, "dx");
        Operands.requireOpen(dstarts, "dstarts");
        Operands.requireOpen(dends, "dends");
    }
}
