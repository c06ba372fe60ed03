// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/** The function g of {@link KanWindows}. */
public enum KanInner {
    /** {@code t * sigma(t)}: AF-KAN's choice. */
    SILU(0),
    /** {@code max(t, 0)}, with the slope 0 at 0: ReLU-KAN. */
    RELU(1),
    /** {@code t * Phi(t)} with the normal distribution function. */
    GELU(2),
    /** {@code t}, or {@code exp(t) - 1} below 0. */
    ELU(3),
    /** The scaled ELU of self-normalizing networks. */
    SELU(4),
    /** {@code log(1 + exp(t))}. */
    SOFTPLUS(5),
    /** {@code 1 / (1 + exp(-t))}. */
    SIGMOID(6),
    /** {@code t}, or {@code 0.01 t} up to 0. */
    LEAKY_RELU(7),
    /** The hyperbolic tangent. */
    TANH(8);

    private final int code;

    KanInner(int code) {
        this.code = code;
    }

    /** The number of this function in the C interface. */
    int code() {
        return code;
    }
}
