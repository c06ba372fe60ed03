// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * An instruction set level of the CPU kernels. On one architecture a later level includes the
 * earlier ones.
 */
public enum Isa {
    /** Plain C; every platform has it. */
    SCALAR(0),
    /** x86-64-v3: AVX2, FMA, F16C, BMI2. */
    AVX2(1),
    /** x86-64-v4: AVX-512 F, BW, CD, DQ and VL. */
    AVX512(2),
    /** x86-64-v4 with AVX512-VNNI. */
    AVX512VNNI(3),
    /** The aarch64 baseline. */
    NEON(16);

    private final int code;

    Isa(int code) {
        this.code = code;
    }

    /**
     * The number of this level in the C interface ({@code enum gatun_isa}).
     *
     * @return the code
     */
    public int code() {
        return code;
    }

    /**
     * The level with a code of the C interface.
     *
     * @param code a value of {@code enum gatun_isa}
     * @return the level
     * @throws IllegalArgumentException if no level has this code
     */
    public static Isa ofCode(int code) {
        for (Isa isa : values()) {
            if (isa.code == code) {
                return isa;
            }
        }
        throw new IllegalArgumentException(
                "code: expected the number of an instruction set level, but it is " + code);
    }
}
