// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * What alpha dropout does, and its random numbers. With {@code a = -lambda * alpha} of SELU and
 * {@code q = 1 - probability}, an element is kept with probability q and set to a otherwise; then
 * {@code A = (q + a^2 q (1 - q))^(-1/2)} and {@code B = -A (1 - q) a} restore mean 0 and variance
 * 1. Klambauer et al.: Self-Normalizing Neural Networks, arXiv:1706.02515.
 *
 * <p>The numbers are those of Philox-4x32-10 (Salmon et al.: Parallel random numbers: as easy as 1,
 * 2, 3, SC 2011) with the seed as key, and a counter of offset and the place of the element, so
 * that they are the same on every device, for any strides and number of threads, and a backward
 * pass draws them again. Calls that are to draw other numbers need another seed or offset.
 *
 * @param probability of dropping an element, from 0 (all are kept as they are) to 1 (all are 0)
 * @param seed any
 * @param offset any, such as the number of the training step
 * @param perRow whether a row is kept or dropped as a whole, as for features
 * @param selu whether {@link Activation#SELU} is applied first, in the same pass
 */
public record AlphaDropout(
        float probability, long seed, long offset, boolean perRow, boolean selu) {
    /**
     * Checks the probability.
     *
     * @throws IllegalArgumentException if it is not from 0 to 1
     */
    public AlphaDropout {
        if (!(probability >= 0 && probability <= 1)) {
            throw new IllegalArgumentException(
                    "probability: expected a number from 0 to 1, but it is " + probability);
        }
    }

    /**
     * Dropout of single elements, without SELU, at offset 0.
     *
     * @param probability as in the record
     * @param seed as in the record
     */
    public AlphaDropout(float probability, long seed) {
        this(probability, seed, 0, false, false);
    }

    /**
     * The same with other random numbers.
     *
     * @param offset as in the record
     * @return the options
     */
    public AlphaDropout withOffset(long offset) {
        return new AlphaDropout(probability, seed, offset, perRow, selu);
    }

    /**
     * The same for rows or single elements.
     *
     * @param perRow as in the record
     * @return the options
     */
    public AlphaDropout withPerRow(boolean perRow) {
        return new AlphaDropout(probability, seed, offset, perRow, selu);
    }

    /**
     * The same with SELU or without.
     *
     * @param selu as in the record
     * @return the options
     */
    public AlphaDropout withSelu(boolean selu) {
        return new AlphaDropout(probability, seed, offset, perRow, selu);
    }
}
