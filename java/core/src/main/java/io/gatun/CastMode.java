// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/** How a 16-bit result is rounded. With {@link DType#F32} both modes are the same. */
public enum CastMode {
    /** One rounding: {@code y = cast(xh * (weightOffset + gamma) + beta)}. */
    NONE(0),
    /**
     * Two roundings, as LLaMA and OLMo do: {@code y = cast(cast(xh) * (weightOffset + gamma) +
     * beta)}.
     */
    LLAMA(1);

    private final int code;

    CastMode(int code) {
        this.code = code;
    }

    /** The number of this mode in the C interface. */
    int code() {
        return code;
    }
}
