// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * Quantizes activations, and searches for what makes quantized weights better. Weights are
 * quantized by {@link LowBitMatrix#quantize}.
 *
 * <p>The searches are tools for the preparation of a model: they run on the calling thread, in
 * double precision, and take a time that grows with outputs, inputs, calibration activations and
 * candidates. Errors are as in {@link LowBitMatrix}.
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

    /** Told how far a search is. An exception that it throws ends the search. */
    @FunctionalInterface
    public interface Progress {
        /**
         * A step has been done.
         *
         * @param steps how many have been done
         * @param of how many there are
         */
        void done(int steps, int of);
    }

    /**
     * What a search for factors of the inputs has found: activations are divided by them, which is
     * folded into the layer before, and weights multiplied.
     *
     * @param factors one for each input, above 0
     * @param exponent of the candidate that was chosen
     * @param error mean square error of the outputs with quantized weights
     * @param plainError the same without factors
     */
    public record Smoothing(float[] factors, double exponent, double error, double plainError) {
        /** Copies the array. */
        public Smoothing {
            factors = factors.clone();
        }

        @Override
        public float[] factors() {
            return factors.clone();
        }
    }

    /**
     * The scale search of AWQ: factors {@code t = max(a^r, 1e-4)}, a the mean magnitude of each
     * input, divided by {@code sqrt(max t * min t)}, for r from 0 to 0.95 in steps of 0.05; the
     * ones with the least mean square error of the outputs. Lin et al.: AWQ, arXiv:2306.00978,
     * section 3.2.
     *
     * @param weight {@code [outputs, inputs]}, finite
     * @param activations {@code [..., inputs]}, at least one row, finite
     * @param how the weights will be quantized
     * @param progress told of each output and candidate
     * @return the factors; all 1 where none are better
     */
    public static Smoothing awqScales(
            Tensor weight, Tensor activations, WeightQuantization how, Progress progress) {
        LowBitChecks.calibrate(weight, activations, how, progress);
        return new CalibrationSearch(weight, activations, how, progress).awq();
    }

    /**
     * The smoothing of SmoothQuant+: factors {@code t = max|X|^alpha / max|W|^(1 - alpha)} of each
     * input, 1 where one of both is 0, for alpha from 0 to 1 in steps of 0.05; the ones with the
     * least mean square error of the outputs of this layer. Pan et al.: SmoothQuant+,
     * arXiv:2312.03788.
     *
     * @param weight {@code [outputs, inputs]}, finite
     * @param activations {@code [..., inputs]}, at least one row, finite
     * @param how the weights will be quantized
     * @param progress told of each output and candidate
     * @return the factors; all 1 where none are better
     */
    public static Smoothing smoothQuantPlus(
            Tensor weight, Tensor activations, WeightQuantization how, Progress progress) {
        LowBitChecks.calibrate(weight, activations, how, progress);
        return new CalibrationSearch(weight, activations, how, progress).smoothQuantPlus();
    }

    /**
     * The clip search of AWQ: weights of each output and group are cut to {@code 1 - i / 20} of
     * their greatest magnitude, i from 0 to 9, with the i whose part of the outputs has the least
     * square error once the weights are quantized.
     *
     * @param weight {@code [outputs, inputs]}, finite
     * @param activations {@code [..., inputs]}, at least one row, finite
     * @param how the weights will be quantized; not per tensor
     * @param out {@code [outputs, inputs]}, receives the weights to quantize; may be weight itself
     * @param progress told of each output
     */
    public static void awqClip(
            Tensor weight,
            Tensor activations,
            WeightQuantization how,
            Tensor out,
            Progress progress) {
        LowBitChecks.calibrate(weight, activations, how, progress);
        LowBitChecks.clip(weight, activations, how, out);
        new CalibrationSearch(weight, activations, how, progress).awqClip(out);
    }
}
