// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * Which elements {@link ActivationSparsity} keeps: those whose key {@code |x| * scale[column]} is
 * greater than a threshold.
 *
 * @param scale {@code [columns]}, {@link DType#F32}, contiguous, each at least 0; or null for 1
 * @param thresholds {@code [columns]}, likewise, one for each column; or null for {@code threshold}
 * @param threshold the threshold of all columns, not NaN; not used where there are thresholds
 * @param keepEqual whether a key that equals its threshold is kept
 */
public record Threshold(Tensor scale, Tensor thresholds, float threshold, boolean keepEqual) {
    /**
     * Checks the threshold.
     *
     * @throws IllegalArgumentException if it is NaN
     */
    public Threshold {
        if (Float.isNaN(threshold)) {
            throw new IllegalArgumentException("threshold: expected a number, but it is NaN");
        }
    }

    /**
     * One threshold that elements must reach. Lee et al.: CATS, arXiv:2404.08763.
     *
     * @param threshold not NaN
     * @return the rule
     */
    public static Threshold cats(float threshold) {
        return new Threshold(null, null, threshold, true);
    }

    /**
     * One threshold that elements must exceed. Liu et al.: TEAL, arXiv:2408.14690.
     *
     * @param threshold not NaN
     * @return the rule
     */
    public static Threshold teal(float threshold) {
        return new Threshold(null, null, threshold, false);
    }

    /**
     * A threshold for each column that elements must reach. He et al.: CHESS, EMNLP 2024.
     *
     * @param thresholds {@code [columns]}
     * @return the rule
     */
    public static Threshold chess(Tensor thresholds) {
        return new Threshold(null, thresholds, 0, true);
    }

    /**
     * One threshold that magnitudes times the norm of their column of the weight must exceed. Chen
     * et al.: WINA, arXiv:2505.19427.
     *
     * @param norms {@code [columns]}
     * @param threshold not NaN
     * @return the rule
     */
    public static Threshold wina(Tensor norms, float threshold) {
        return new Threshold(norms, null, threshold, false);
    }
}
