// SPDX-License-Identifier: Apache-2.0
package io.gatun.model;

/**
 * How the elements of a tensor are stored in a file. Quantized types store a block of elements
 * together; the blocks of the K and IQ types hold 256.
 *
 * <p>The numbers and sizes of GGUF's types are those of ggml.h; safetensors knows the plain types.
 */
public enum TensorType {
    /** IEEE 754 binary64. */
    F64(28, 1, 8),
    /** IEEE 754 binary32. */
    F32(0, 1, 4),
    /** IEEE 754 binary16. */
    F16(1, 1, 2),
    /** The upper half of a binary32. */
    BF16(30, 1, 2),
    /** 8-bit float with 4 bits of exponent and 3 of fraction. */
    F8_E4M3(-1, 1, 1),
    /** 8-bit float with 5 bits of exponent and 2 of fraction. */
    F8_E5M2(-1, 1, 1),
    /** 8 bits of exponent alone. */
    F8_E8M0(-1, 1, 1),
    /** 6-bit float with 2 bits of exponent and 3 of fraction. */
    F6_E2M3(-1, 4, 3),
    /** 6-bit float with 3 bits of exponent and 2 of fraction. */
    F6_E3M2(-1, 4, 3),
    /** 4-bit float with 2 bits of exponent and 1 of fraction. */
    F4(-1, 2, 1),
    /** Two binary32, a complex number. */
    C64(-1, 1, 8),
    /** Signed, 64 bits. */
    I64(27, 1, 8),
    /** Signed, 32 bits. */
    I32(26, 1, 4),
    /** Signed, 16 bits. */
    I16(25, 1, 2),
    /** Signed, 8 bits. */
    I8(24, 1, 1),
    /** Unsigned, 64 bits. */
    U64(-1, 1, 8),
    /** Unsigned, 32 bits. */
    U32(-1, 1, 4),
    /** Unsigned, 16 bits. */
    U16(-1, 1, 2),
    /** Unsigned, 8 bits. */
    U8(-1, 1, 1),
    /** One byte, 0 or 1. */
    BOOL(-1, 1, 1),
    /** 4-bit codes as Jlama stores them in safetensors, with their scales in another tensor. */
    Q4(-1, 32, 16),
    /** 4-bit codes, one scale. */
    Q4_0(2, 32, 18),
    /** 4-bit codes, scale and minimum. */
    Q4_1(3, 32, 20),
    /** 5-bit codes, one scale. */
    Q5_0(6, 32, 22),
    /** 5-bit codes, scale and minimum. */
    Q5_1(7, 32, 24),
    /** 8-bit codes, one scale. */
    Q8_0(8, 32, 34),
    /** 8-bit codes, scale and scaled sum; for activations. */
    Q8_1(9, 32, 36),
    /** 2-bit codes. */
    Q2_K(10, 256, 84),
    /** 3-bit codes. */
    Q3_K(11, 256, 110),
    /** 4-bit codes, 6-bit scales and minima of each 32. */
    Q4_K(12, 256, 144),
    /** 5-bit codes, 6-bit scales and minima of each 32. */
    Q5_K(13, 256, 176),
    /** 6-bit codes, 8-bit scales of each 16. */
    Q6_K(14, 256, 210),
    /** 8-bit codes; for activations. */
    Q8_K(15, 256, 292),
    /** Codebook, 2.06 bits. */
    IQ2_XXS(16, 256, 66),
    /** Codebook, 2.31 bits. */
    IQ2_XS(17, 256, 74),
    /** Codebook, 3.06 bits. */
    IQ3_XXS(18, 256, 98),
    /** Codebook, 1.56 bits. */
    IQ1_S(19, 256, 50),
    /** 4-bit codes of a table. */
    IQ4_NL(20, 32, 18),
    /** Codebook, 3.44 bits. */
    IQ3_S(21, 256, 110),
    /** Codebook, 2.56 bits. */
    IQ2_S(22, 256, 82),
    /** 4-bit codes of a table, 6-bit scales of each 32. */
    IQ4_XS(23, 256, 136),
    /** Codebook, 1.75 bits. */
    IQ1_M(29, 256, 56),
    /** Ternary, five in a byte. */
    TQ1_0(34, 256, 54),
    /** Ternary, four in a byte. */
    TQ2_0(35, 256, 66),
    /** 4-bit floats with a power of two of each 32. */
    MXFP4(39, 32, 17),
    /** 4-bit floats with an 8-bit float of each 16. */
    NVFP4(40, 64, 36),
    /** Signs and a scale. */
    Q1_0(41, 128, 18),
    /** 2-bit codes, one scale. */
    Q2_0(42, 64, 18);

    private static final TensorType[] BY_GGUF_ID = new TensorType[43];

    static {
        for (TensorType type : values()) {
            if (type.ggufId >= 0) {
                BY_GGUF_ID[type.ggufId] = type;
            }
        }
    }

    private final int ggufId;
    private final int blockElements;
    private final int blockBytes;

    TensorType(int ggufId, int blockElements, int blockBytes) {
        this.ggufId = ggufId;
        this.blockElements = blockElements;
        this.blockBytes = blockBytes;
    }

    /**
     * The number of this type in a GGUF file.
     *
     * @return the number, or -1 for a type that GGUF has not
     */
    public int ggufId() {
        return ggufId;
    }

    /**
     * How many elements are stored together.
     *
     * @return 1 for plain types
     */
    public int blockElements() {
        return blockElements;
    }

    /**
     * The size of such a block.
     *
     * @return the number of bytes
     */
    public int blockBytes() {
        return blockBytes;
    }

    /**
     * The type of a number in a GGUF file.
     *
     * @param id the number
     * @return the type, or null for a number that stands for none
     */
    public static TensorType ofGgufId(int id) {
        return id >= 0 && id < BY_GGUF_ID.length ? BY_GGUF_ID[id] : null;
    }
}
