// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * Where the gradients of the parameters of a normalization go. Each is {@link DType#F32} whatever
 * the type of the data, contiguous, with one element for each column, on the same device, and is
 * overwritten; null where it is not wanted.
 *
 * @param dgamma the gradient of gamma
 * @param dbeta the gradient of beta
 * @param dbias the gradient of the bias that is added before (operations with a bias only)
 */
public record NormGradients(Tensor dgamma, Tensor dbeta, Tensor dbias) {
    /** No gradients of parameters are wanted. */
    public static final NormGradients NONE = new NormGradients(null, null, null);

    /**
     * The gradients of a normalization with gamma and beta.
     *
     * @param dgamma as in the record
     * @param dbeta as in the record
     */
    public NormGradients(Tensor dgamma, Tensor dbeta) {
        this(dgamma, dbeta, null);
    }

    /** Whether any is wanted. */
    boolean any() {
        return dgamma != null || dbeta != null || dbias != null;
    }
}
