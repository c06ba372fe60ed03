// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.util.Objects;

/**
 * How floating-point weights are quantized. With lo and hi the least and greatest weight of a
 * group, both widened to hold 0, and m its weight of largest magnitude (the negative one of two):
 *
 * <pre>
 * AFFINE                    s = (hi - lo) / (2^bits - 1),  z = round(-lo / s),
 *                           u = clamp(round(w * (1 / s) + z), 0, 2^bits - 1)
 * SYMMETRIC, 4 to 6 bits    s = -m / 2^(bits - 1),  z = 2^(bits - 1),  u as above
 * SYMMETRIC, 8 bits         s = |m| / 127,  z = 128,  u = 128 + rint(w * (127 / |m|))
 * </pre>
 *
 * <p>in float32, where round is half away from zero and rint half to even; the weight is {@code (u
 * - z) * s}. The first two are the quantizer of ONNX Runtime (MatMulNBits), the last that of
 * llama.cpp (Q8_0).
 *
 * @param bits of a code: 4, 5, 6 or 8
 * @param grid symmetric or affine
 * @param groupSize how many neighbouring inputs of an output share a scale: 32, 64, 128 or 256,
 *     {@link #PER_CHANNEL} or {@link #PER_TENSOR}. The last group is short where it does not divide
 *     the inputs.
 * @param scaleType {@link DType#F32}, or a 16-bit type to which s is rounded before z and u are
 *     computed
 */
public record WeightQuantization(int bits, WeightGrid grid, long groupSize, DType scaleType) {
    /** One scale for each output. */
    public static final long PER_CHANNEL = 0;

    /** One scale for all weights. */
    public static final long PER_TENSOR = -1;

    /**
     * Checks the values.
     *
     * @throws IllegalArgumentException if a number is none of those above
     * @throws NullPointerException if grid or scaleType is null
     */
    public WeightQuantization {
        if (bits != 4 && bits != 5 && bits != 6 && bits != 8) {
            throw new IllegalArgumentException("bits: expected 4, 5, 6 or 8, but it is " + bits);
        }
        Objects.requireNonNull(grid, "grid: expected a WeightGrid, but it is null");
        if (groupSize != PER_CHANNEL
                && groupSize != PER_TENSOR
                && groupSize != 32
                && groupSize != 64
                && groupSize != 128
                && groupSize != 256) {
            throw new IllegalArgumentException(
                    ("groupSize: expected 32, 64, 128, 256, PER_CHANNEL (0) or PER_TENSOR (-1), but "
                                    + "it is ")
                            + groupSize);
        }
        Objects.requireNonNull(scaleType, "scaleType: expected a DType, but it is null");
    }

    /**
     * The usual form of 4-bit weights: affine, float32 scales.
     *
     * @param groupSize as in the record
     * @return the description
     */
    public static WeightQuantization affine4(long groupSize) {
        return new WeightQuantization(4, WeightGrid.AFFINE, groupSize, DType.F32);
    }

    /**
     * The usual form of 8-bit weights: symmetric, float32 scales.
     *
     * @param groupSize as in the record
     * @return the description
     */
    public static WeightQuantization symmetric8(long groupSize) {
        return new WeightQuantization(8, WeightGrid.SYMMETRIC, groupSize, DType.F32);
    }
}
