// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.util.Arrays;

/** The argument checks of element-wise activations, for every device. */
final class ActivationChecks {
    private ActivationChecks() {}

    static void apply(Activation activation, Tensor x, Tensor y) {
        requireActivation(activation);
        RowOperands.anchor(x, "x");
        RowOperands.output(y, "y", x, "x");
        RowOperands.sameOrApart(y, "y", x, "x");
    }

    static void backward(Activation activation, Tensor dy, Tensor x, Tensor dx) {
        requireActivation(activation);
        gradient(dy, x, "x", dx);
    }

    static void backwardFromOutput(Activation activation, Tensor dy, Tensor y, Tensor dx) {
        requireActivation(activation);
        if (!activation.kind().derivesFromOutput()) {
            throw new IllegalArgumentException(
                    "activation: expected RELU, RELU6, CLIP, SIGMOID, TANH or SELU, whose gradient "
                            + "follows from y, but it is "
                            + activation.kind());
        }
        gradient(dy, y, "y", dx);
    }

    /** dx from dy and what the forward pass left. */
    private static void gradient(Tensor dy, Tensor kept, String name, Tensor dx) {
        RowOperands.anchor(kept, name);
        RowOperands.input(dy, "dy", kept, name);
        RowOperands.output(dx, "dx", kept, name);
        RowOperands.sameOrApart(dx, "dx", dy, "dy");
        RowOperands.sameOrApart(dx, "dx", kept, name);
    }

    static void gated(Activation activation, Tensor gate, Tensor value, Tensor y) {
        requireGate(activation);
        RowOperands.anchor(gate, "gate");
        RowOperands.input(value, "value", gate, "gate");
        RowOperands.output(y, "y", gate, "gate");
        RowOperands.sameOrRowsApart(y, "y", gate, "gate");
        RowOperands.sameOrRowsApart(y, "y", value, "value");
    }

    static void gated(Activation activation, GateLayout layout, Tensor packed, Tensor y) {
        requireGate(activation);
        packed(layout, packed);
        Operands.require(y, "y");
        half(y, "y", packed);
        Operands.requireWritable(y, "y");
        RowOperands.apart(y, "y", packed, "packed");
    }

    static void gatedBackward(
            Activation activation,
            Tensor dy,
            Tensor gate,
            Tensor value,
            Tensor dgate,
            Tensor dvalue,
            Tensor y) {
        requireGate(activation);
        RowOperands.anchor(gate, "gate");
        RowOperands.input(value, "value", gate, "gate");
        RowOperands.input(dy, "dy", gate, "gate");
        RowOperands.optionalOutput(dgate, "dgate", gate, "gate");
        RowOperands.optionalOutput(dvalue, "dvalue", gate, "gate");
        RowOperands.optionalOutput(y, "y", gate, "gate");
        sameOrRowsApart(dgate, "dgate", gate, value, dy);
        sameOrRowsApart(dvalue, "dvalue", gate, value, dy);
        sameOrRowsApart(y, "y", gate, value, dy);
        RowOperands.rowsApart(dvalue, "dvalue", dgate, "dgate");
        RowOperands.rowsApart(y, "y", dgate, "dgate");
        RowOperands.rowsApart(y, "y", dvalue, "dvalue");
    }

    private static void sameOrRowsApart(
            Tensor output, String name, Tensor gate, Tensor value, Tensor dy) {
        RowOperands.sameOrRowsApart(output, name, gate, "gate");
        RowOperands.sameOrRowsApart(output, name, value, "value");
        RowOperands.sameOrRowsApart(output, name, dy, "dy");
    }

    static void gatedBackward(
            Activation activation,
            GateLayout layout,
            Tensor dy,
            Tensor packed,
            Tensor dpacked,
            Tensor y) {
        requireGate(activation);
        packed(layout, packed);
        Operands.require(dy, "dy");
        half(dy, "dy", packed);
        RowOperands.output(dpacked, "dpacked", packed, "packed");
        RowOperands.sameOrApart(dpacked, "dpacked", packed, "packed");
        RowOperands.apart(dpacked, "dpacked", dy, "dy");
        if (y != null) {
            half(y, "y", packed);
            Operands.requireWritable(y, "y");
            RowOperands.sameOrApart(y, "y", dy, "dy");
            RowOperands.apart(y, "y", packed, "packed", dpacked, "dpacked");
        }
    }

    private static void packed(GateLayout layout, Tensor packed) {
        RowOperands.requireNonNull(layout, "layout", "a GateLayout");
        RowOperands.anchor(packed, "packed");
        if (packed.columns % 2 != 0) {
            throw new IllegalArgumentException(
                    "packed: expected an even number of columns, but its shape is "
                            + Arrays.toString(packed.shape()));
        }
    }

    /** Of the shape of packed, but with half the columns. */
    private static void half(Tensor tensor, String name, Tensor packed) {
        Operands.requireDevice(tensor, name, packed, "packed");
        if (tensor.dtype() != packed.dtype()) {
            Operands.requireType(tensor, name, packed.dtype(), "the type of packed");
        }
        long[] expected = packed.shape();
        expected[expected.length - 1] /= 2;
        if (!Arrays.equals(tensor.shape(), expected)) {
            throw new IllegalArgumentException(
                    "%s: expected shape %s, half the columns of packed, but it is %s"
                            .formatted(
                                    name,
                                    Arrays.toString(expected),
                                    Arrays.toString(tensor.shape())));
        }
        Operands.requireRows(tensor, name);
    }

    static void headGate(Tensor gate, Tensor value, Tensor y) {
        Operands.require(gate, "gate");
        Operands.require(value, "value");
        Operands.require(y, "y");
        HeadOperands.anchor(value, "value");
        ofHeads(gate, "gate", value);
        HeadOperands.operand(y, "y", value, "value");
        Operands.requireWritable(y, "y");
        HeadOperands.sameOrApart(y, "y", value, "value");
        HeadOperands.apartFromGates(y, "y", gate, "gate", false);
    }

    static void headGateBackward(
            Tensor dy, Tensor gate, Tensor value, Tensor dgate, Tensor dvalue) {
        Operands.require(dy, "dy");
        Operands.require(gate, "gate");
        Operands.require(value, "value");
        HeadOperands.anchor(value, "value");
        HeadOperands.operand(dy, "dy", value, "value");
        ofHeads(gate, "gate", value);
        if (dgate != null) {
            ofHeads(dgate, "dgate", value);
            Operands.requireWritable(dgate, "dgate");
            RowOperands.sameOrRowsApart(dgate, "dgate", gate, "gate");
            HeadOperands.apartFromGates(dy, "dy", dgate, "dgate", true);
            HeadOperands.apartFromGates(value, "value", dgate, "dgate", true);
        }
        if (dvalue != null) {
            HeadOperands.operand(dvalue, "dvalue", value, "value");
            Operands.requireWritable(dvalue, "dvalue");
            HeadOperands.sameOrApart(dvalue, "dvalue", dy, "dy");
            HeadOperands.sameOrApart(dvalue, "dvalue", value, "value");
            HeadOperands.apartFromGates(dvalue, "dvalue", gate, "gate", false);
            if (dgate != null) {
                HeadOperands.apartFromGates(dvalue, "dvalue", dgate, "dgate", false);
            }
        }
    }

    /** One element for each head of each token: the shape of value without its columns. */
    private static void ofHeads(Tensor tensor, String name, Tensor value) {
        Operands.requireDevice(tensor, name, value, "value");
        if (tensor.dtype() != value.dtype()) {
            Operands.requireType(tensor, name, value.dtype(), "the type of value");
        }
        long[] expected = Arrays.copyOf(value.shape(), value.rank() - 1);
        if (!Arrays.equals(tensor.shape(), expected)) {
            throw new IllegalArgumentException(
                    "%s: expected shape %s, that of value without columns, but it is %s"
                            .formatted(
                                    name,
                                    Arrays.toString(expected),
                                    Arrays.toString(tensor.shape())));
        }
        Operands.requireRows(tensor, name);
    }

    static void applyWithMask(
            Activation activation, Tensor x, float lower, float upper, Tensor y, BitMask mask) {
        apply(activation, x, y);
        if (activation.nanToZero()) {
            throw new IllegalArgumentException(
                    "activation: expected one without nanToZero, but it is " + activation);
        }
        requireNumber(lower, "lower");
        requireNumber(upper, "upper");
        mask(mask, x, "x");
        Tensor bits = mask.halves();
        Operands.requireWritable(bits, "mask");
        RowOperands.apart(bits, "mask", x, "x", y, "y");
    }

    static void maskBackward(Tensor dy, BitMask mask, float scale0, float scale1, Tensor dx) {
        RowOperands.anchor(dy, "dy");
        requireFinite(scale0, "scale0");
        requireFinite(scale1, "scale1");
        mask(mask, dy, "dy");
        RowOperands.output(dx, "dx", dy, "dy");
        RowOperands.sameOrApart(dx, "dx", dy, "dy");
        RowOperands.apart(dx, "dx", mask.halves(), "mask");
    }

    private static void mask(BitMask mask, Tensor anchor, String anchorName) {
        RowOperands.requireNonNull(mask, "mask", "a BitMask");
        Operands.requireDevice(mask.halves(), "mask", anchor, anchorName);
        if (mask.rows() != anchor.rows || mask.columns() != anchor.columns) {
            throw new IllegalArgumentException(
                    "mask: expected %s rows and %s columns, those of %s, but it has %s and %s"
                            .formatted(
                                    anchor.rows,
                                    anchor.columns,
                                    anchorName,
                                    mask.rows(),
                                    mask.columns()));
        }
    }

    static void alphaDropout(Tensor x, AlphaDropout options, Tensor y) {
        RowOperands.anchor(x, "x");
        requireDropout(options);
        RowOperands.output(y, "y", x, "x");
        RowOperands.sameOrApart(y, "y", x, "x");
    }

    static void alphaDropoutBackward(Tensor dy, Tensor x, AlphaDropout options, Tensor dx) {
        RowOperands.anchor(dy, "dy");
        requireDropout(options);
        if (options.selu()) {
            Operands.require(x, "x");
        }
        RowOperands.optionalInput(x, "x", dy, "dy");
        RowOperands.output(dx, "dx", dy, "dy");
        RowOperands.sameOrApart(dx, "dx", dy, "dy");
        RowOperands.sameOrApart(dx, "dx", x, "x");
    }

    private static void requireActivation(Activation activation) {
        RowOperands.requireNonNull(activation, "activation", "an Activation");
    }

    private static void requireGate(Activation activation) {
        requireActivation(activation);
        if (!activation.kind().gates()) {
            throw new IllegalArgumentException(
                    "activation: expected RELU, GELU, GELU_TANH, QUICK_GELU, SILU, SWISH or "
                            + "SIGMOID, but it is "
                            + activation.kind());
        }
    }

    private static void requireDropout(AlphaDropout options) {
        RowOperands.requireNonNull(options, "options", "AlphaDropout");
    }

    private static void requireNumber(float value, String name) {
        if (Float.isNaN(value)) {
            throw new IllegalArgumentException(name + ": expected a number, but it is NaN");
        }
    }

    private static void requireFinite(float value, String name) {
        if (!Float.isFinite(value)) {
            throw new IllegalArgumentException(
                    name + ": expected a finite number, but it is " + value);
        }
    }

    static void requireOpen(Tensor a, String aName, Tensor b, String bName) {
        Operands.requireOpen(a, aName);
        Operands.requireOpen(b, bName);
    }

    static void requireOpen(
            Tensor a, String aName, Tensor b, String bName, Tensor c, String cName) {
        requireOpen(a, aName, b, bName);
        Operands.requireOpen(c, cName);
    }

    static void requireOpenHeadGate(
            Tensor dy, Tensor gate, Tensor value, Tensor dgate, Tensor dvalue) {
        requireOpen(dy, "dy", gate, "gate", value, "value");
        requireOpen(dgate, "dgate", dvalue, "dvalue");
    }

    /** Packed tensors, which are both of a pair, have a name of their own. */
    static void requireOpenGated(
            GatePlaces places,
            Tensor dy,
            Tensor gate,
            Tensor value,
            Tensor dgate,
            Tensor dvalue,
            Tensor y) {
        Operands.requireOpen(dy, "dy");
        if (places != GatePlaces.SEPARATE) {
            requireOpen(gate, "packed", dgate, "dpacked");
        } else {
            requireOpen(gate, "gate", value, "value");
            requireOpen(dgate, "dgate", dvalue, "dvalue");
        }
        Operands.requireOpen(y, "y");
    }
}
