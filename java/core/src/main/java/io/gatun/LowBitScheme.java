// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/** Where the weights of a {@link LowBitMatrix} come from. */
public enum LowBitScheme {
    /** Floating-point weights, by {@link Quantization}. */
    QUANTIZED(0),
    /** Blocks of a GGUF file, packed. */
    GGUF(1),
    /** Blocks of a GGUF file, used where they are. */
    GGUF_IN_PLACE(2),
    /** AWQ. */
    AWQ(3),
    /** GPTQ. */
    GPTQ(4),
    /** MatMulNBits of ONNX Runtime. */
    NBITS(5),
    /** Jlama. */
    JLAMA(6),
    /** Signed 8-bit codes with a scale for each output. */
    INT8(7);

    private final int code;

    LowBitScheme(int code) {
        this.code = code;
    }

    static LowBitScheme ofCode(int code) {
        for (LowBitScheme scheme : values()) {
            if (scheme.code == code) {
                return scheme;
            }
        }
        throw new GatunException(
                "the native library has a scheme of low-bit weights number " + code);
    }
}
