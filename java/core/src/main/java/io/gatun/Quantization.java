// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * Quantizes activations. Weights are quantized by {@link LowBitMatrix#quantize}.
 *
 * <p>Errors are as in {@link LowBitMatrix}.
 */
public final class Quantization {
    private Quantization() {}

    /**
     * Activations as signed 8-bit codes, with a scale of each row, or of each 32, 64, 128 or 256
     * columns (the last of them short). With amax the greatest magnitude among those,
     *
     * <pre>
     * q = clamp(rint(x * id), -127, 127),  id = amax &gt;= 2^-118 ? 127 / amax : 0,  scale = amax / 127
     * </pre>
     *
     * <p>in float32, rint half to even. If one x is NaN or infinite, the scale is NaN and the codes
     * are 0.
     *
     * @param x {@code [..., columns]}
     * @param mode one with int8 codes
     * @param codes {@code [rows, columns]}, {@link IntegerMatrix.Type#I8}, receives q
     * @param scales {@code [rows, groups]}, {@link DType#F32}, receives the scales
     * @param sums {@code [rows, groups]}, {@link IntegerMatrix.Type#I32} without gaps, receives the
     *     sums of the codes of each group; or null
     */
    public static void quantizeActivations(
            Tensor x, ActivationMode mode, IntegerMatrix codes, Tensor scales, IntegerMatrix sums) {
        LowBitChecks.quantizeActivations(x, mode, codes, scales, sums);
        x.device().kernels().lowBit().quantizeActivations(x, mode, codes, scales, sums);
    }

    /**
     * Activations as signed 8-bit codes, with scales and centres of each column that were measured
     * before, as in OutlierTune:
     *
     * <pre>
     * q = clamp(rint((x - centre) / scale), -limit, limit);  0 for a NaN
     * </pre>
     *
     * @param x {@code [..., columns]}
     * @param channelScales {@code [columns]}, {@link DType#F32}, finite and above 0
     * @param channelCentres {@code [columns]}, {@link DType#F32}, finite; or null for 0
     * @param limit the greatest code: 127, or 31 for 6 bits
     * @param codes {@code [rows, columns]}, {@link IntegerMatrix.Type#I8}, receives q
     * @param sums {@code [rows, 1]}, {@link IntegerMatrix.Type#I32}, receives the sums of the codes
     *     of each row; or null
     */
    public static void quantizeActivations(
            Tensor x,
            Tensor channelScales,
            Tensor channelCentres,
            int limit,
            IntegerMatrix codes,
            IntegerMatrix sums) {
        LowBitChecks.quantizeActivations(x, channelScales, channelCentres, limit, codes, sums);
        x.device()
                .kernels()
                .lowBit()
                .quantizeActivations(x, channelScales, channelCentres, limit, codes, sums);
    }
}
