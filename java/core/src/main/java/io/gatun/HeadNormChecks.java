// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.util.Arrays;

/** The argument checks of head normalization, for every device. */
final class HeadNormChecks {
    /** How messages name the three tensors of an argument. */
    private record Names(String q, String k, String v) {}

    private static final Names X = new Names("x.q", "x.k", "x.v");
    private static final Names Y = new Names("y.q", "y.k", "y.v");
    private static final Names GAMMA = new Names("gamma.q", "gamma.k", "gamma.v");
    private static final Names DY = new Names("dy.q", "dy.k", "dy.v");
    private static final Names DX = new Names("dx.q", "dx.k", "dx.v");
    private static final Names DGAMMA = new Names("dgamma.q", "dgamma.k", "dgamma.v");

    private HeadNormChecks() {}

    /** How many heads keys and values have; 0 where both are left out. */
    static long keyValueHeads(Qkv x) {
        return HeadOperands.heads(x.k() != null ? x.k() : x.v());
    }

    static void forward(Qkv x, Qkv gamma, NormOptions options, Qkv y, Tensor rstd) {
        requireQkv(x, "x");
        requireQkv(gamma, "gamma");
        requireOptions(options);
        requireQkv(y, "y");
        inputs(x);
        gammas(gamma, x);
        needed(y, Y, x);
        outputs(y, Y, x);
        ownOrApart(y, Y, x, X);
        apart(y, Y, gamma, GAMMA);
        if (rstd != null) {
            statistic(rstd, x);
            apart(rstd, "rstd", x, X);
            apart(rstd, "rstd", gamma, GAMMA);
            apart(rstd, "rstd", y, Y);
        }
    }

    static void backward(Qkv dy, Qkv x, Qkv gamma, NormOptions options, Qkv dx, Qkv dgamma) {
        requireQkv(dy, "dy");
        requireQkv(x, "x");
        requireQkv(gamma, "gamma");
        requireOptions(options);
        requireQkv(dx, "dx");
        requireQkv(dgamma, "dgamma");
        inputs(x);
        needed(dy, DY, x);
        operands(dy, DY, x);
        gammas(gamma, x);
        outputs(dx, DX, x);
        ownOrApart(dx, DX, dy, DY);
        apartByToken(dx, DX, x, X);
        apart(dx, DX, gamma, GAMMA);
        gradient(dgamma.q(), DGAMMA.q, x.q(), X.q, dy, x, gamma, dx);
        gradient(dgamma.k(), DGAMMA.k, x.k(), X.k, dy, x, gamma, dx);
        gradient(dgamma.v(), DGAMMA.v, x.v(), X.v, dy, x, gamma, dx);
        RowOperands.apart(dgamma.k(), DGAMMA.k, dgamma.q(), DGAMMA.q);
        RowOperands.apart(dgamma.v(), DGAMMA.v, dgamma.q(), DGAMMA.q, dgamma.k(), DGAMMA.k);
    }

    static void requireOpen(Qkv x, Qkv gamma, Qkv y, Tensor rstd) {
        requireOpen(x, X);
        requireOpen(gamma, GAMMA);
        requireOpen(y, Y);
        Operands.requireOpen(rstd, "rstd");
    }

    static void requireOpen(Qkv dy, Qkv x, Qkv gamma, Qkv dx, Qkv dgamma) {
        requireOpen(dy, DY);
        requireOpen(x, X);
        requireOpen(gamma, GAMMA);
        requireOpen(dx, DX);
        requireOpen(dgamma, DGAMMA);
    }

    private static void requireOpen(Qkv of, Names names) {
        Operands.requireOpen(of.q(), names.q);
        Operands.requireOpen(of.k(), names.k);
        Operands.requireOpen(of.v(), names.v);
    }

    private static void requireQkv(Qkv qkv, String name) {
        RowOperands.requireNonNull(qkv, name, "Qkv (Qkv.NONE for none)");
    }

    private static void requireOptions(NormOptions options) {
        RowOperands.requireNonNull(options, "options", "NormOptions");
        if (options.statisticsColumns() != 0) {
            throw new IllegalArgumentException(
                    "options: expected statistics of all columns (0), but statisticsColumns is "
                            + options.statisticsColumns());
        }
    }

    private static void inputs(Qkv x) {
        Operands.require(x.q(), X.q);
        HeadOperands.anchor(x.q(), X.q);
        input(x.k(), X.k, x.q());
        input(x.v(), X.v, x.q());
        if (x.k() != null
                && x.v() != null
                && HeadOperands.heads(x.k()) != HeadOperands.heads(x.v())) {
            throw new IllegalArgumentException(
                    "x.v: expected %s heads, as many as x.k, but it has %s"
                            .formatted(HeadOperands.heads(x.k()), HeadOperands.heads(x.v())));
        }
    }

    private static void input(Tensor tensor, String name, Tensor q) {
        if (tensor == null) {
            return;
        }
        Operands.requireDevice(tensor, name, q, X.q);
        Operands.requireType(tensor, name, q.dtype(), "the type of x.q");
        HeadOperands.anchor(tensor, name);
        if (HeadOperands.tokens(tensor) != HeadOperands.tokens(q) || tensor.columns != q.columns) {
            throw new IllegalArgumentException(
                    "%s: expected %s tokens and %s head columns, those of x.q, but its shape is %s"
                            .formatted(
                                    name,
                                    HeadOperands.tokens(q),
                                    q.columns,
                                    Arrays.toString(tensor.shape())));
        }
    }

    private static void gammas(Qkv gamma, Qkv x) {
        gamma(gamma.q(), GAMMA.q, x.q(), X.q);
        gamma(gamma.k(), GAMMA.k, x.k(), X.k);
        gamma(gamma.v(), GAMMA.v, x.v(), X.v);
        RowOperands.sameType(gamma.k(), GAMMA.k, gamma.q(), GAMMA.q);
        RowOperands.sameType(gamma.v(), GAMMA.v, gamma.q(), GAMMA.q);
        RowOperands.sameType(gamma.v(), GAMMA.v, gamma.k(), GAMMA.k);
    }

    private static void gamma(Tensor gamma, String name, Tensor x, String xName) {
        if (gamma != null) {
            requireRole(name, x, xName);
            RowOperands.parameter(gamma, name, x, xName);
        }
    }

    private static void requireRole(String name, Tensor x, String xName) {
        if (x == null) {
            throw new IllegalArgumentException(
                    "%s: expected null, since %s is null, but it is a tensor"
                            .formatted(name, xName));
        }
    }

    /** All that x has. */
    private static void needed(Qkv of, Names names, Qkv x) {
        Operands.require(of.q(), names.q);
        if (x.k() != null) {
            Operands.require(of.k(), names.k);
        }
        if (x.v() != null) {
            Operands.require(of.v(), names.v);
        }
    }

    /** Tensors shaped as x. */
    private static void operands(Qkv of, Names names, Qkv x) {
        operand(of.q(), names.q, x.q(), X.q);
        operand(of.k(), names.k, x.k(), X.k);
        operand(of.v(), names.v, x.v(), X.v);
    }

    private static void operand(Tensor tensor, String name, Tensor x, String xName) {
        if (tensor == null) {
            return;
        }
        requireRole(name, x, xName);
        HeadOperands.operand(tensor, name, x, xName);
    }

    private static void outputs(Qkv of, Names names, Qkv x) {
        operands(of, names, x);
        writable(of.q(), names.q);
        writable(of.k(), names.k);
        writable(of.v(), names.v);
        HeadOperands.apart(of.k(), names.k, of.q(), names.q);
        HeadOperands.apart(of.v(), names.v, of.q(), names.q);
        HeadOperands.apart(of.v(), names.v, of.k(), names.k);
    }

    private static void writable(Tensor tensor, String name) {
        if (tensor != null) {
            Operands.requireWritable(tensor, name);
        }
    }

    private static void statistic(Tensor rstd, Qkv x) {
        Operands.requireDevice(rstd, "rstd", x.q(), X.q);
        Operands.requireType(rstd, "rstd", DType.F32, "statistics of every type");
        long count =
                HeadOperands.tokens(x.q()) * (HeadOperands.heads(x.q()) + 2 * keyValueHeads(x));
        if (rstd.elementCount() != count || !rstd.isContiguous()) {
            throw new IllegalArgumentException(
                    ("rstd: expected %s contiguous elements (%s tokens of %s + 2 * %s heads), but "
                                    + "shape %s has %s with strides %s")
                            .formatted(
                                    count,
                                    HeadOperands.tokens(x.q()),
                                    HeadOperands.heads(x.q()),
                                    keyValueHeads(x),
                                    Arrays.toString(rstd.shape()),
                                    rstd.elementCount(),
                                    Arrays.toString(rstd.strides())));
        }
        Operands.requireWritable(rstd, "rstd");
    }

    private static void gradient(
            Tensor gradient,
            String name,
            Tensor anchor,
            String anchorName,
            Qkv dy,
            Qkv x,
            Qkv gamma,
            Qkv dx) {
        if (gradient == null) {
            return;
        }
        requireRole(name, anchor, anchorName);
        RowOperands.gradient(gradient, name, anchor, anchorName);
        apart(gradient, name, dy, DY);
        apart(gradient, name, x, X);
        apart(gradient, name, gamma, GAMMA);
        apart(gradient, name, dx, DX);
    }

    /** An output that shares no byte with three others. */
    private static void apart(Tensor output, String name, Qkv others, Names names) {
        RowOperands.apart(
                output, name, others.q(), names.q, others.k(), names.k, others.v(), names.v);
    }

    private static void apart(Qkv outputs, Names names, Qkv others, Names otherNames) {
        apart(outputs.q(), names.q, others, otherNames);
        apart(outputs.k(), names.k, others, otherNames);
        apart(outputs.v(), names.v, others, otherNames);
    }

    private static void apartByToken(Qkv outputs, Names names, Qkv inputs, Names inputNames) {
        apartByToken(outputs.q(), names.q, inputs, inputNames);
        apartByToken(outputs.k(), names.k, inputs, inputNames);
        apartByToken(outputs.v(), names.v, inputs, inputNames);
    }

    private static void apartByToken(Tensor output, String name, Qkv inputs, Names inputNames) {
        HeadOperands.apart(output, name, inputs.q(), inputNames.q);
        HeadOperands.apart(output, name, inputs.k(), inputNames.k);
        HeadOperands.apart(output, name, inputs.v(), inputNames.v);
    }

    /** Each output may be the input of its own role, and shares no byte with those of others. */
    private static void ownOrApart(Qkv outputs, Names names, Qkv inputs, Names inputNames) {
        HeadOperands.sameOrApart(outputs.q(), names.q, inputs.q(), inputNames.q);
        HeadOperands.apart(outputs.q(), names.q, inputs.k(), inputNames.k);
        HeadOperands.apart(outputs.q(), names.q, inputs.v(), inputNames.v);
        HeadOperands.apart(outputs.k(), names.k, inputs.q(), inputNames.q);
        HeadOperands.sameOrApart(outputs.k(), names.k, inputs.k(), inputNames.k);
        HeadOperands.apart(outputs.k(), names.k, inputs.v(), inputNames.v);
        HeadOperands.apart(outputs.v(), names.v, inputs.q(), inputNames.q);
        HeadOperands.apart(outputs.v(), names.v, inputs.k(), inputNames.k);
        HeadOperands.sameOrApart(outputs.v(), names.v, inputs.v(), inputNames.v);
    }
}
