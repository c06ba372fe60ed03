// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.util.Objects;

/**
 * The numbers of {@link ResidualNormalization}. Immutable; keep one and use it for many calls.
 *
 * @param kind which normalization
 * @param norm its eps, modes and weight offset; statisticsColumns must be 0, for all columns
 * @param alpha the factor of the residual, finite; with 0 the residual is not read
 * @param sumMode from what a sum is normalized that is stored as well
 */
public record ResidualOptions(NormKind kind, NormOptions norm, float alpha, SumMode sumMode) {
    /**
     * Checks the values.
     *
     * @throws IllegalArgumentException if alpha is not finite, or norm takes its statistics of some
     *     columns only
     * @throws NullPointerException if kind, norm or sumMode is null
     */
    public ResidualOptions {
        Objects.requireNonNull(kind, "kind: expected a NormKind, but it is null");
        Objects.requireNonNull(norm, "norm: expected NormOptions, but it is null");
        Objects.requireNonNull(sumMode, "sumMode: expected a SumMode, but it is null");
        if (!Float.isFinite(alpha)) {
            throw new IllegalArgumentException(
                    "alpha: expected a finite number, but it is " + alpha);
        }
        if (norm.statisticsColumns() != 0) {
            throw new IllegalArgumentException(
                    "norm: expected statistics of all columns (0), but statisticsColumns is "
                            + norm.statisticsColumns());
        }
    }

    /**
     * LayerNorm with alpha 1.
     *
     * @param eps finite, at least 0
     * @return the options
     */
    public static ResidualOptions layer(float eps) {
        return new ResidualOptions(NormKind.LAYER, NormOptions.eps(eps), 1, SumMode.ROUNDED);
    }

    /**
     * RMSNorm with alpha 1.
     *
     * @param eps finite, at least 0
     * @return the options
     */
    public static ResidualOptions rms(float eps) {
        return new ResidualOptions(NormKind.RMS, NormOptions.eps(eps), 1, SumMode.ROUNDED);
    }

    /**
     * The same options with other numbers of the normalization.
     *
     * @param norm as in the record
     * @return the options
     */
    public ResidualOptions withNorm(NormOptions norm) {
        return new ResidualOptions(kind, norm, alpha, sumMode);
    }

    /**
     * The same options with another factor of the residual.
     *
     * @param alpha as in the record
     * @return the options
     */
    public ResidualOptions withAlpha(float alpha) {
        return new ResidualOptions(kind, norm, alpha, sumMode);
    }

    /**
     * The same options with another sum mode.
     *
     * @param sumMode as in the record
     * @return the options
     */
    public ResidualOptions withSumMode(SumMode sumMode) {
        return new ResidualOptions(kind, norm, alpha, sumMode);
    }
}
