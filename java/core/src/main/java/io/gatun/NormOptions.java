// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.util.Objects;

/**
 * The parameters that layer and RMS normalization share. Immutable; keep one and use it for many
 * calls.
 *
 * @param eps keeps the scale finite; finite and at least 0
 * @param epsMode where eps enters
 * @param castMode how 16-bit results are rounded
 * @param weightOffset added to gamma (1 in Gemma, else 0); finite. Not used without gamma.
 * @param statisticsColumns over how many leading columns RMSNorm takes its mean square (partial
 *     RMSNorm); 0 for all
 */
public record NormOptions(
        float eps, EpsMode epsMode, CastMode castMode, float weightOffset, long statisticsColumns) {
    /*
     * The options of recent calls that gave only eps, so that those calls make no garbage. A race between two threads
     * costs one object, and records are safe to publish without synchronization.
     */
    private static final NormOptions[] RECENT = new NormOptions[16];

    /**
     * Checks the values.
     *
     * @throws IllegalArgumentException if eps is NaN, infinite or negative, weightOffset is not
     *     finite, or statisticsColumns is negative
     * @throws NullPointerException if a mode is null
     */
    public NormOptions {
        if (!(eps >= 0 && eps <= Float.MAX_VALUE)) {
            throw new IllegalArgumentException(
                    "eps: expected a finite number of at least 0, but it is " + eps);
        }
        Objects.requireNonNull(epsMode, "epsMode: expected an EpsMode, but it is null");
        Objects.requireNonNull(castMode, "castMode: expected a CastMode, but it is null");
        if (!Float.isFinite(weightOffset)) {
            throw new IllegalArgumentException(
                    "weightOffset: expected a finite number, but it is " + weightOffset);
        }
        if (statisticsColumns < 0) {
            throw new IllegalArgumentException(
                    "statisticsColumns: expected at least 0, but it is " + statisticsColumns);
        }
    }

    /**
     * The usual normalization: eps inside the square root, one rounding, all columns.
     *
     * @param eps as in the record
     * @return the options
     */
    public static NormOptions eps(float eps) {
        int bits = Float.floatToRawIntBits(eps);
        int slot = (bits ^ bits >>> 13 ^ bits >>> 23) & (RECENT.length - 1);
        NormOptions recent = RECENT[slot];
        if (recent != null && Float.floatToRawIntBits(recent.eps) == bits) {
            return recent;
        }
        NormOptions options = new NormOptions(eps, EpsMode.IN_SQRT, CastMode.NONE, 0, 0);
        RECENT[slot] = options;
        return options;
    }

    /**
     * As LLaMA and OLMo: the normalized value is rounded to the storage type before it is
     * multiplied by gamma.
     *
     * @param eps as in the record
     * @return the options
     */
    public static NormOptions llama(float eps) {
        return eps(eps).withCastMode(CastMode.LLAMA);
    }

    /**
     * As Gemma: the factor is {@code 1 + gamma}.
     *
     * @param eps as in the record
     * @return the options
     */
    public static NormOptions gemma(float eps) {
        return eps(eps).withWeightOffset(1);
    }

    /**
     * The same options with another eps.
     *
     * @param eps as in the record
     * @return the options
     */
    public NormOptions withEps(float eps) {
        return new NormOptions(eps, epsMode, castMode, weightOffset, statisticsColumns);
    }

    /**
     * The same options with another eps mode.
     *
     * @param epsMode as in the record
     * @return the options
     */
    public NormOptions withEpsMode(EpsMode epsMode) {
        return new NormOptions(eps, epsMode, castMode, weightOffset, statisticsColumns);
    }

    /**
     * The same options with another cast mode.
     *
     * @param castMode as in the record
     * @return the options
     */
    public NormOptions withCastMode(CastMode castMode) {
        return new NormOptions(eps, epsMode, castMode, weightOffset, statisticsColumns);
    }

    /**
     * The same options with another weight offset.
     *
     * @param weightOffset as in the record
     * @return the options
     */
    public NormOptions withWeightOffset(float weightOffset) {
        return new NormOptions(eps, epsMode, castMode, weightOffset, statisticsColumns);
    }

    /**
     * The same options with the statistics over other columns.
     *
     * @param statisticsColumns as in the record
     * @return the options
     */
    public NormOptions withStatisticsColumns(long statisticsColumns) {
        return new NormOptions(eps, epsMode, castMode, weightOffset, statisticsColumns);
    }
}
