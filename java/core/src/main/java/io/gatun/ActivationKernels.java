// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/** The element-wise activations of a device. What may be null is said in {@link Activations}. */
interface ActivationKernels {
    void apply(Activation activation, Tensor x, Tensor y);

    void backward(Activation activation, Tensor dy, Tensor x, Tensor dx);

    void backwardFromOutput(Activation activation, Tensor dy, Tensor y, Tensor dx);

    /** Gate and value are one tensor where the places are not those of two. */
    void gated(Activation activation, GatePlaces places, Tensor gate, Tensor value, Tensor y);

    /** dgate and dvalue are one tensor where gate and value are. */
    void gatedBackward(
            Activation activation,
            GatePlaces places,
            Tensor dy,
            Tensor gate,
            Tensor value,
            Tensor dgate,
            Tensor dvalue,
            Tensor y);

    void headGate(Tensor gate, Tensor value, Tensor y);

    void headGateBackward(Tensor dy, Tensor gate, Tensor value, Tensor dgate, Tensor dvalue);

    void applyWithMask(
            Activation activation, Tensor x, float lower, float upper, Tensor y, BitMask mask);

    void maskBackward(Tensor dy, BitMask mask, float scale0, float scale1, Tensor dx);

    void alphaDropout(Tensor x, AlphaDropout options, Tensor y);

    void alphaDropoutBackward(Tensor dy, Tensor x, AlphaDropout options, Tensor dx);
}
