// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/** Which normalization a fused operation contains. */
public enum NormKind {
    /**
     * About the mean of each row, as {@link Normalization#layerNorm(Tensor, Tensor, Tensor, float,
     * Tensor)}.
     */
    LAYER(0),
    /**
     * About zero, as {@link Normalization#rmsNorm(Tensor, Tensor, float, Tensor)}; takes no mean.
     */
    RMS(1);

    private final int code;

    NormKind(int code) {
        this.code = code;
    }

    /** The number of this kind in the C interface. */
    int code() {
        return code;
    }
}
