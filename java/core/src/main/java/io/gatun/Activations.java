// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * Element-wise activations: forward and backward, as a gate of another tensor, with one bit for
 * each element instead of a saved input, and alpha dropout.
 *
 * <p>Tensors have any shape {@code [..., columns]} whose rows have columns that are neighbours in
 * memory and one stride from row to row ({@link Tensor#contiguous()} copies others). All tensors of
 * a call are on one device, of one type and, unless said otherwise, of one shape. Arithmetic is
 * float32 or wider, and a 16-bit result is rounded to nearest even once. NaN gives NaN at its
 * place, and an infinity the limit where there is one: SiLU and GELU of negative infinity are -0.
 * No rows are a no-op.
 *
 * <p>An output may be an input where its description says so: the same first element and strides.
 * Any other overlap of an output with another tensor is rejected; memory is compared from the first
 * to the last element, so gaps between rows count, but where it says "row by row", tensors of equal
 * row stride are compared row by row, so that the halves of one tensor do not overlap.
 *
 * <p>The same arguments give the same bits for any number of threads, and for heap and off-heap
 * memory. Errors are those of {@link Normalization}, found before anything is written.
 */
public final class Activations {
    private Activations() {}

    /**
     * {@code y = f(x)}.
     *
     * @param activation f
     * @param x {@code [..., columns]}
     * @param y receives the result; may be x
     */
    public static void apply(Activation activation, Tensor x, Tensor y) {
        ActivationChecks.apply(activation, x, y);
        x.device().kernels().activation().apply(activation, x, y);
    }

    /**
     * {@code dx = dy * f'(x)}.
     *
     * @param activation f
     * @param dy {@code [..., columns]}, the gradient of y
     * @param x {@code [..., columns]}, as in the forward pass
     * @param dx receives the gradient of x; may be dy or x
     */
    public static void backward(Activation activation, Tensor dy, Tensor x, Tensor dx) {
        ActivationChecks.backward(activation, dy, x, dx);
        x.device().kernels().activation().backward(activation, dy, x, dx);
    }

    /**
     * {@code dx = dy * f'(x)} from {@code y = f(x)} alone, so that x need not be kept: for {@link
     * ActivationKind#RELU}, {@link ActivationKind#RELU6}, {@link ActivationKind#CLIP}, {@link
     * ActivationKind#SIGMOID}, {@link ActivationKind#TANH} and {@link ActivationKind#SELU}. It is
     * the derivative at the y that was stored, rounded as it is.
     *
     * @param activation f
     * @param dy {@code [..., columns]}, the gradient of y
     * @param y {@code [..., columns]}, the result of the forward pass
     * @param dx receives the gradient of x; may be dy or y
     */
    public static void backwardFromOutput(Activation activation, Tensor dy, Tensor y, Tensor dx) {
        ActivationChecks.backwardFromOutput(activation, dy, y, dx);
        y.device().kernels().activation().backwardFromOutput(activation, dy, y, dx);
    }

    /**
     * {@code y = f(gate) * value}: SwiGLU with {@link Activation#SILU}, GEGLU with {@link
     * Activation#GELU}, ReGLU with {@link Activation#RELU}, and the sigmoid gate of attention
     * outputs with {@link Activation#SIGMOID}. Shazeer: GLU Variants Improve Transformer,
     * arXiv:2002.05202; Qiu et al.: Gated Attention for Large Language Models, arXiv:2505.06708.
     *
     * @param activation f: one of RELU, GELU, GELU_TANH, QUICK_GELU, SILU, SWISH and SIGMOID
     * @param gate {@code [..., columns]}
     * @param value {@code [..., columns]}
     * @param y receives the result; may be gate or value, else apart from them row by row
     */
    public static void gated(Activation activation, Tensor gate, Tensor value, Tensor y) {
        ActivationChecks.gated(activation, gate, value, y);
        gate.device().kernels().activation().gated(activation, GatePlaces.SEPARATE, gate, value, y);
    }

    /**
     * The same with gate and value in one tensor.
     *
     * @param activation as with two tensors
     * @param layout where gate and value lie
     * @param packed {@code [..., 2 * columns]}
     * @param y {@code [..., columns]}, receives the result
     */
    public static void gated(Activation activation, GateLayout layout, Tensor packed, Tensor y) {
        ActivationChecks.gated(activation, layout, packed, y);
        packed.device()
                .kernels()
                .activation()
                .gated(activation, layout.places(y.columns), packed, packed, y);
    }

    /**
     * {@code dgate = dy * value * f'(gate)} and {@code dvalue = dy * f(gate)}.
     *
     * @param activation as in the forward pass
     * @param dy {@code [..., columns]}, the gradient of y
     * @param gate {@code [..., columns]}, as in the forward pass
     * @param value {@code [..., columns]}, as in the forward pass
     * @param dgate receives the gradient of gate, or null; may be gate, value or dy, else apart
     *     from all others row by row
     * @param dvalue likewise of value
     * @param y receives {@code f(gate) * value} once more, for the gradient of the layer behind, or
     *     null; may be dy, or an input that neither dgate nor dvalue is
     */
    public static void gatedBackward(
            Activation activation,
            Tensor dy,
            Tensor gate,
            Tensor value,
            Tensor dgate,
            Tensor dvalue,
            Tensor y) {
        ActivationChecks.gatedBackward(activation, dy, gate, value, dgate, dvalue, y);
        gate.device()
                .kernels()
                .activation()
                .gatedBackward(activation, GatePlaces.SEPARATE, dy, gate, value, dgate, dvalue, y);
    }

    /**
     * The same with gate and value in one tensor, and their gradients in another.
     *
     * @param activation as in the forward pass
     * @param layout as in the forward pass
     * @param dy {@code [..., columns]}, the gradient of y
     * @param packed {@code [..., 2 * columns]}, as in the forward pass
     * @param dpacked {@code [..., 2 * columns]}, receives the gradient of packed; may be packed
     * @param y {@code [..., columns]}, receives {@code f(gate) * value} once more, or null; may be
     *     dy
     */
    public static void gatedBackward(
            Activation activation,
            GateLayout layout,
            Tensor dy,
            Tensor packed,
            Tensor dpacked,
            Tensor y) {
        ActivationChecks.gatedBackward(activation, layout, dy, packed, dpacked, y);
        packed.device()
                .kernels()
                .activation()
                .gatedBackward(
                        activation,
                        layout.places(dy.columns),
                        dy,
                        packed,
                        packed,
                        dpacked,
                        dpacked,
                        y);
    }

    /**
     * The output gate of attention with one gate for each head of each token: {@code y = value *
     * sigma(gate)}. Qiu et al.: Gated Attention for Large Language Models, arXiv:2505.06708,
     * "headwise"; for the elementwise form use {@link #gated(Activation, Tensor, Tensor, Tensor)}.
     *
     * @param gate {@code [tokens, heads]}, or with more dimensions before the heads, all of them
     *     tokens
     * @param value {@code [tokens, heads, columns]}: the heads of a token are next to each other
     *     and one stride leads from token to token
     * @param y receives the result, shaped as value; may be value. Tensors of equal token stride
     *     are compared token by token.
     */
    public static void headGate(Tensor gate, Tensor value, Tensor y) {
        ActivationChecks.headGate(gate, value, y);
        value.device().kernels().activation().headGate(gate, value, y);
    }

    /**
     * {@code dvalue = dy * sigma(gate)} and {@code dgate = sigma(gate) * (1 - sigma(gate)) * sum
     * over the head's columns of dy * value}.
     *
     * @param dy {@code [tokens, heads, columns]}, the gradient of y
     * @param gate {@code [tokens, heads]}, as in the forward pass
     * @param value {@code [tokens, heads, columns]}, as in the forward pass
     * @param dgate {@code [tokens, heads]}, of the type of the others, receives the gradient of
     *     gate, or null; may be gate
     * @param dvalue receives the gradient of value, or null; may be dy or value
     */
    public static void headGateBackward(
            Tensor dy, Tensor gate, Tensor value, Tensor dgate, Tensor dvalue) {
        ActivationChecks.headGateBackward(dy, gate, value, dgate, dvalue);
        value.device().kernels().activation().headGateBackward(dy, gate, value, dgate, dvalue);
    }

    /**
     * {@code y = f(x)}, and one bit for each element, {@code lower < x} and not {@code x >= upper},
     * which is all that {@link #maskBackward} needs. Chiang et al.: MobileTL, arXiv:2212.03246. For
     * ReLU6 the bounds 0 and 6 are exact, and 0 and infinity make it a ReLU in the backward pass;
     * for hard-swish -1.5 and infinity take the sign of its derivative.
     *
     * @param activation f, without nanToZero
     * @param x {@code [..., columns]}
     * @param lower not NaN
     * @param upper not NaN; with infinity there is no upper bound, and infinity in x has its bit
     * @param y receives the result; may be x
     * @param mask receives the bits: as many rows and columns as x
     */
    public static void applyWithMask(
            Activation activation, Tensor x, float lower, float upper, Tensor y, BitMask mask) {
        ActivationChecks.applyWithMask(activation, x, lower, upper, y, mask);
        x.device().kernels().activation().applyWithMask(activation, x, lower, upper, y, mask);
    }

    /**
     * {@code dx = dy * scale1} where the bit of the mask is 1, {@code dy * scale0} elsewhere. With
     * a scale of 0 the gradient is 0 whatever dy is.
     *
     * @param dy {@code [..., columns]}, the gradient of y
     * @param mask as {@link #applyWithMask} wrote it
     * @param scale0 finite; 0 for a ReLU
     * @param scale1 finite; 1 for a ReLU
     * @param dx receives the gradient of x; may be dy
     */
    public static void maskBackward(
            Tensor dy, BitMask mask, float scale0, float scale1, Tensor dx) {
        ActivationChecks.maskBackward(dy, mask, scale0, scale1, dx);
        dy.device().kernels().activation().maskBackward(dy, mask, scale0, scale1, dx);
    }

    /**
     * Alpha dropout, which keeps the mean and the variance of SELU's outputs: {@code y = A * v + B}
     * for elements that are kept, {@code A * a + B} for the others, with {@code v = x} or {@code
     * selu(x)}. The numbers are said in {@link AlphaDropout}.
     *
     * @param x {@code [..., columns]}
     * @param options what is dropped
     * @param y receives the result; may be x
     */
    public static void alphaDropout(Tensor x, AlphaDropout options, Tensor y) {
        ActivationChecks.alphaDropout(x, options, y);
        x.device().kernels().activation().alphaDropout(x, options, y);
    }

    /**
     * {@code dx = dy * A * dv/dx} for elements that were kept, 0 for the others, which are drawn
     * again.
     *
     * @param dy {@code [..., columns]}, the gradient of y
     * @param x {@code [..., columns]}, as in the forward pass, where it applied SELU; otherwise not
     *     used, and may be null
     * @param options as in the forward pass
     * @param dx receives the gradient of x; may be dy or x
     */
    public static void alphaDropoutBackward(Tensor dy, Tensor x, AlphaDropout options, Tensor dx) {
        ActivationChecks.alphaDropoutBackward(dy, x, options, dx);
        dy.device().kernels().activation().alphaDropoutBackward(dy, x, options, dx);
    }
}
