// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * The learned parameters of one normalization. Each is contiguous with one element for each column,
 * {@link DType#F32} or of the type of the data; null where there is none.
 *
 * @param gamma the factor of each column, or null for 1 (then without {@link
 *     NormOptions#weightOffset()})
 * @param beta what is added to each column, or null for 0
 */
public record NormParameters(Tensor gamma, Tensor beta) {
    /** A normalization without parameters. */
    public static final NormParameters NONE = new NormParameters(null, null);

    /**
     * A normalization with a factor only, as most RMSNorms.
     *
     * @param gamma as in the record
     * @return the parameters
     */
    public static NormParameters gamma(Tensor gamma) {
        return new NormParameters(gamma, null);
    }
}
