// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.util.Arrays;

/** The argument checks of polynomial and rational activations, for every device. */
final class PolynomialChecks {
    private PolynomialChecks() {}

    static void polynomial(Tensor x, PolynomialCoefficients coefficients, Tensor y) {
        RowOperands.anchor(x, "x");
        coefficients(coefficients, x, "x", PolynomialCoefficients.MAX_ORDER);
        RowOperands.output(y, "y", x, "x");
        RowOperands.sameOrApart(y, "y", x, "x");
        RowOperands.apart(y, "y", coefficients.values(), "coefficients");
    }

    static void polynomialBackward(
            Tensor dy,
            Tensor x,
            PolynomialCoefficients coefficients,
            Tensor dx,
            Tensor dcoefficients) {
        RowOperands.anchor(x, "x");
        coefficients(coefficients, x, "x", PolynomialCoefficients.MAX_ORDER);
        gradient(dy, x, dx);
        Tensor values = coefficients.values();
        RowOperands.apart(dx, "dx", values, "coefficients");
        gradient(dcoefficients, "dcoefficients", values, "coefficients");
        RowOperands.apart(dcoefficients, "dcoefficients", dy, "dy", x, "x", dx, "dx");
        RowOperands.apart(dcoefficients, "dcoefficients", values, "coefficients");
    }

    static void polyNorm(
            Tensor gate,
            String name,
            Tensor up,
            PolynomialCoefficients coefficients,
            float eps,
            Tensor y,
            Tensor rho) {
        RowOperands.anchor(gate, name);
        RowOperands.optionalInput(up, "up", gate, name);
        coefficients(coefficients, gate, name, PolynomialCoefficients.MAX_NORM_ORDER);
        requireEps(eps);
        Tensor values = coefficients.values();
        RowOperands.output(y, "y", gate, name);
        RowOperands.sameOrApart(y, "y", gate, name);
        RowOperands.sameOrApart(y, "y", up, "up");
        RowOperands.apart(y, "y", values, "coefficients");
        rho(rho, coefficients, gate, name);
        if (rho != null) {
            Operands.requireWritable(rho, "rho");
            RowOperands.apart(rho, "rho", gate, name, up, "up", y, "y");
            RowOperands.apart(rho, "rho", values, "coefficients");
        }
    }

    static void polyNormBackward(
            Tensor dy,
            Tensor x,
            PolynomialCoefficients coefficients,
            float eps,
            Tensor rho,
            Tensor dx,
            Tensor dcoefficients) {
        polynomialBackward(dy, x, coefficients, dx, dcoefficients);
        coefficients(coefficients, x, "x", PolynomialCoefficients.MAX_NORM_ORDER);
        requireEps(eps);
        rho(rho, coefficients, x, "x");
        RowOperands.apart(dx, "dx", rho, "rho");
        RowOperands.apart(dcoefficients, "dcoefficients", rho, "rho");
    }

    static void polyNormMulBackward(
            Tensor dy,
            Tensor gate,
            Tensor up,
            PolynomialCoefficients coefficients,
            float eps,
            Tensor rho,
            Tensor dgate,
            Tensor dup,
            Tensor dcoefficients) {
        RowOperands.anchor(gate, "gate");
        RowOperands.input(dy, "dy", gate, "gate");
        RowOperands.input(up, "up", gate, "gate");
        coefficients(coefficients, gate, "gate", PolynomialCoefficients.MAX_NORM_ORDER);
        requireEps(eps);
        rho(rho, coefficients, gate, "gate");
        Tensor values = coefficients.values();
        output(dgate, "dgate", dy, gate, up, values, rho);
        output(dup, "dup", dy, gate, up, values, rho);
        RowOperands.apart(dup, "dup", dgate, "dgate");
        gradient(dcoefficients, "dcoefficients", values, "coefficients");
        RowOperands.apart(dcoefficients, "dcoefficients", dy, "dy", gate, "gate", up, "up");
        RowOperands.apart(
                dcoefficients, "dcoefficients", values, "coefficients", rho, "rho", dup, "dup");
        RowOperands.apart(dcoefficients, "dcoefficients", dgate, "dgate");
    }

    private static void output(
            Tensor output,
            String name,
            Tensor dy,
            Tensor gate,
            Tensor up,
            Tensor coefficients,
            Tensor rho) {
        RowOperands.optionalOutput(output, name, gate, "gate");
        RowOperands.sameOrApart(output, name, dy, "dy");
        RowOperands.sameOrApart(output, name, gate, "gate");
        RowOperands.sameOrApart(output, name, up, "up");
        RowOperands.apart(output, name, coefficients, "coefficients", rho, "rho");
    }

    static void rational(Tensor x, RationalCoefficients coefficients, Tensor y) {
        RowOperands.anchor(x, "x");
        coefficients(coefficients, x);
        RowOperands.output(y, "y", x, "x");
        RowOperands.sameOrApart(y, "y", x, "x");
        apart(y, "y", coefficients);
    }

    static void rationalBackward(
            Tensor dy,
            Tensor x,
            RationalCoefficients coefficients,
            Tensor dx,
            Tensor dnumerator,
            Tensor ddenominator) {
        RowOperands.anchor(x, "x");
        coefficients(coefficients, x);
        gradient(dy, x, dx);
        apart(dx, "dx", coefficients);
        gradient(dnumerator, "dnumerator", coefficients.numerator(), "numerator");
        gradient(ddenominator, "ddenominator", coefficients.denominator(), "denominator");
        RowOperands.apart(dnumerator, "dnumerator", dy, "dy", x, "x", dx, "dx");
        apart(dnumerator, "dnumerator", coefficients);
        RowOperands.apart(ddenominator, "ddenominator", dy, "dy", x, "x", dx, "dx");
        apart(ddenominator, "ddenominator", coefficients);
        RowOperands.apart(ddenominator, "ddenominator", dnumerator, "dnumerator");
    }

    /** dy and dx of an operation on x, where dx may be either of the others. */
    private static void gradient(Tensor dy, Tensor x, Tensor dx) {
        RowOperands.input(dy, "dy", x, "x");
        RowOperands.optionalOutput(dx, "dx", x, "x");
        RowOperands.sameOrApart(dx, "dx", dy, "dy");
        RowOperands.sameOrApart(dx, "dx", x, "x");
    }

    private static void coefficients(
            PolynomialCoefficients coefficients, Tensor anchor, String anchorName, int mostOrder) {
        RowOperands.requireNonNull(coefficients, "coefficients", "PolynomialCoefficients");
        Tensor values = coefficients.values();
        float32(values, "coefficients", anchor, anchorName);
        if (values.rank() != 1
                || values.rowStride < 0
                || values.columns < 2
                || values.columns > mostOrder + 1) {
            throw new IllegalArgumentException(
                    ("coefficients: expected 2 to %s contiguous elements (order 1 to %s) in one "
                                    + "dimension, but shape %s has strides %s")
                            .formatted(
                                    mostOrder + 1,
                                    mostOrder,
                                    Arrays.toString(values.shape()),
                                    Arrays.toString(values.strides())));
        }
    }

    private static void coefficients(RationalCoefficients coefficients, Tensor x) {
        RowOperands.requireNonNull(coefficients, "coefficients", "RationalCoefficients");
        Tensor numerator = coefficients.numerator();
        Tensor denominator = coefficients.denominator();
        rows(numerator, "numerator", x, 2);
        rows(denominator, "denominator", x, 1);
        long groups = coefficients.groups();
        if (denominator.rows != groups && denominator.rows != 1) {
            throw wrongGroups("denominator", denominator.rows, groups);
        }
        if (numerator.rows != groups && numerator.rows != 1) {
            throw wrongGroups("numerator", numerator.rows, groups);
        }
        if (x.columns % groups != 0) {
            throw new IllegalArgumentException(
                    ("x: expected columns that are a multiple of the %s groups of the "
                                    + "coefficients, but its shape is %s")
                            .formatted(groups, Arrays.toString(x.shape())));
        }
    }

    private static IllegalArgumentException wrongGroups(String name, long rows, long groups) {
        return new IllegalArgumentException(
                "%s: expected 1 group or %s, as many as the other has, but it has %s"
                        .formatted(name, groups, rows));
    }

    /** Coefficients of each group; the least number of them belongs to degree 1. */
    private static void rows(Tensor tensor, String name, Tensor x, int least) {
        float32(tensor, name, x, "x");
        int most = PolynomialCoefficients.MAX_ORDER + least - 1;
        if (tensor.rank() != 2
                || !tensor.isContiguous()
                || tensor.rows < 1
                || tensor.columns < least
                || tensor.columns > most) {
            throw new IllegalArgumentException(
                    ("%s: expected contiguous shape [groups, %s to %s] (degree 1 to %s), but shape "
                                    + "%s has strides %s")
                            .formatted(
                                    name,
                                    least,
                                    most,
                                    PolynomialCoefficients.MAX_ORDER,
                                    Arrays.toString(tensor.shape()),
                                    Arrays.toString(tensor.strides())));
        }
    }

    private static void float32(Tensor tensor, String name, Tensor anchor, String anchorName) {
        Operands.requireDevice(tensor, name, anchor, anchorName);
        Operands.requireType(tensor, name, DType.F32, "coefficients of every type");
    }

    /** The gradient of coefficients, of their shape. */
    private static void gradient(
            Tensor gradient, String name, Tensor coefficients, String coefficientsName) {
        if (gradient == null) {
            return;
        }
        Operands.requireDevice(gradient, name, coefficients, coefficientsName);
        Operands.requireType(gradient, name, DType.F32, "gradients of coefficients of every type");
        Operands.requireShape(gradient, name, coefficients, coefficientsName);
        if (!gradient.isContiguous()) {
            throw new IllegalArgumentException(
                    "%s: expected contiguous elements, but shape %s has strides %s"
                            .formatted(
                                    name,
                                    Arrays.toString(gradient.shape()),
                                    Arrays.toString(gradient.strides())));
        }
        Operands.requireWritable(gradient, name);
    }

    private static void rho(
            Tensor rho, PolynomialCoefficients coefficients, Tensor anchor, String anchorName) {
        if (rho == null) {
            return;
        }
        Operands.requireDevice(rho, "rho", anchor, anchorName);
        Operands.requireType(rho, "rho", DType.F32, "statistics of every type");
        if (rho.columns != coefficients.order() || rho.rows != anchor.rows || !rho.isContiguous()) {
            throw new IllegalArgumentException(
                    ("rho: expected %s contiguous rows of %s elements (the rows of %s, the order "
                                    + "of coefficients), but shape %s has strides %s")
                            .formatted(
                                    anchor.rows,
                                    coefficients.order(),
                                    anchorName,
                                    Arrays.toString(rho.shape()),
                                    Arrays.toString(rho.strides())));
        }
    }

    private static void requireEps(float eps) {
        if (!(eps >= 0 && eps <= Float.MAX_VALUE)) {
            throw new IllegalArgumentException(
                    "eps: expected a finite number of at least 0, but it is " + eps);
        }
    }

    /** An output that shares no byte with coefficients. */
    private static void apart(Tensor output, String name, RationalCoefficients coefficients) {
        RowOperands.apart(
                output,
                name,
                coefficients.numerator(),
                "numerator",
                coefficients.denominator(),
                "denominator");
    }

    static void requireOpen(Tensor x, PolynomialCoefficients coefficients, Tensor y) {
        Operands.requireOpen(x, "x");
        Operands.requireOpen(coefficients.values(), "coefficients");
        Operands.requireOpen(y, "y");
    }

    static void requireOpen(
            Tensor dy,
            Tensor x,
            PolynomialCoefficients coefficients,
            Tensor dx,
            Tensor dcoefficients) {
        Operands.requireOpen(dy, "dy");
        Operands.requireOpen(x, "x");
        Operands.requireOpen(coefficients.values(), "coefficients");
        Operands.requireOpen(dx, "dx");
        Operands.requireOpen(dcoefficients, "dcoefficients");
    }

    static void requireOpenPolyNorm(
            Tensor gate, Tensor up, PolynomialCoefficients coefficients, Tensor y, Tensor rho) {
        Operands.requireOpen(gate, up == null ? "x" : "gate");
        Operands.requireOpen(up, "up");
        Operands.requireOpen(coefficients.values(), "coefficients");
        Operands.requireOpen(y, "y");
        Operands.requireOpen(rho, "rho");
    }

    static void requireOpenPolyNorm(
            Tensor dy,
            Tensor gate,
            Tensor up,
            PolynomialCoefficients coefficients,
            Tensor rho,
            Tensor dgate,
            Tensor dup,
            Tensor dcoefficients) {
        Operands.requireOpen(dy, "dy");
        Operands.requireOpen(gate, up == null ? "x" : "gate");
        Operands.requireOpen(up, "up");
        Operands.requireOpen(coefficients.values(), "coefficients");
        Operands.requireOpen(rho, "rho");
        Operands.requireOpen(dgate, up == null ? "dx" : "dgate");
        Operands.requireOpen(dup, "dup");
        Operands.requireOpen(dcoefficients, "dcoefficients");
    }

    static void requireOpen(Tensor x, RationalCoefficients coefficients, Tensor y) {
        Operands.requireOpen(x, "x");
        Operands.requireOpen(coefficients.numerator(), "numerator");
        Operands.requireOpen(coefficients.denominator(), "denominator");
        Operands.requireOpen(y, "y");
    }

    static void requireOpen(
            Tensor dy,
            Tensor x,
            RationalCoefficients coefficients,
            Tensor dx,
            Tensor dnumerator,
            Tensor ddenominator) {
        Operands.requireOpen(dy, "dy");
        requireOpen(x, coefficients, dx, "dx");
        Operands.requireOpen(dnumerator, "dnumerator");
        Operands.requireOpen(ddenominator, "ddenominator");
    }

    private static void requireOpen(
            Tensor x, RationalCoefficients coefficients, Tensor output, String name) {
        Operands.requireOpen(x, "x");
        Operands.requireOpen(coefficients.numerator(), "numerator");
        Operands.requireOpen(coefficients.denominator(), "denominator");
        Operands.requireOpen(output, name);
    }
}
