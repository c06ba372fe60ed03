// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import io.gatun.bindings.NativeHandle;

/** The element-wise activations by the native library. */
final class NativeActivation implements ActivationKernels {
    private final NativeElementwise elementwise;
    private final NativeGates gates;
    private final NativeAlphaDropout dropout;

    NativeActivation(NativeContext context, NativeHandle handle) {
        this.elementwise = new NativeElementwise(context, handle);
        this.gates = new NativeGates(context, handle);
        this.dropout = new NativeAlphaDropout(context, handle);
    }

    @Override
    public void apply(Activation activation, Tensor x, Tensor y) {
        elementwise.apply(activation, x, y);
    }

    @Override
    public void backward(Activation activation, Tensor dy, Tensor x, Tensor dx) {
        elementwise.backward(activation, dy, x, dx);
    }

    @Override
    public void backwardFromOutput(Activation activation, Tensor dy, Tensor y, Tensor dx) {
        elementwise.backwardFromOutput(activation, dy, y, dx);
    }

    @Override
    public void gated(
            Activation activation, GatePlaces places, Tensor gate, Tensor value, Tensor y) {
        gates.gated(activation, places, gate, value, y);
    }

    @Override
    public void gatedBackward(
            Activation activation,
            GatePlaces places,
            Tensor dy,
            Tensor gate,
            Tensor value,
            Tensor dgate,
            Tensor dvalue,
            Tensor y) {
        gates.gatedBackward(activation, places, dy, gate, value, dgate, dvalue, y);
    }

    @Override
    public void headGate(Tensor gate, Tensor value, Tensor y) {
        gates.headGate(gate, value, y);
    }

    @Override
    public void headGateBackward(
            Tensor dy, Tensor gate, Tensor value, Tensor dgate, Tensor dvalue) {
        gates.headGateBackward(dy, gate, value, dgate, dvalue);
    }

    @Override
    public void applyWithMask(
            Activation activation, Tensor x, float lower, float upper, Tensor y, BitMask mask) {
        elementwise.applyWithMask(activation, x, lower, upper, y, mask);
    }

    @Override
    public void maskBackward(Tensor dy, BitMask mask, float scale0, float scale1, Tensor dx) {
        elementwise.maskBackward(dy, mask, scale0, scale1, dx);
    }

    @Override
    public void alphaDropout(Tensor x, AlphaDropout options, Tensor y) {
        dropout.alphaDropout(x, options, y);
    }

    @Override
    public void alphaDropoutBackward(Tensor dy, Tensor x, AlphaDropout options, Tensor dx) {
        dropout.alphaDropoutBackward(dy, x, options, dx);
    }
}
