// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * RMSNorm of each head vector of queries, keys and values, and its gradients. A tensor is {@code
 * [tokens, heads, headColumns]}, or with more dimensions before the heads, which are all tokens
 * then. The heads of a token are next to each other and one stride leads from token to token, so
 * the three may be parts of one packed tensor ({@link Qkv#split(Tensor, long, long, long)}) or
 * separate. Keys and values have the same number of heads.
 *
 * <p>The rules of {@link Normalization} for devices, types, rounding and errors hold here too. Each
 * output may be its own input: the same first element and strides. Any other overlap of an output
 * with another tensor is rejected; tensors of equal token stride are compared token by token, so
 * parts of one packed tensor do not overlap.
 */
public final class HeadNormalization {
    private HeadNormalization() {}

    /**
     * RMSNorm of each head vector as HybridNorm and OLMo use it: {@code y = x / sqrt(mean of x^2 +
     * eps) * gamma}, with the two roundings of {@link CastMode#LLAMA}.
     *
     * @param x {@code [tokens, heads, headColumns]} each; k or v may be null
     * @param gamma {@code [headColumns]} each, shared by all heads; null for 1
     * @param eps finite, at least 0; commonly 1e-5
     * @param y receives the results, shaped as x; null where x is
     */
    public static void qkvHeadRmsNorm(Qkv x, Qkv gamma, float eps, Qkv y) {
        qkvHeadRmsNorm(x, gamma, NormOptions.llama(eps), y, null);
    }

    /**
     * RMSNorm of each head vector with all parameters: {@code y = x * r * (weightOffset + gamma)},
     * where {@code r} follows by {@link EpsMode} from the mean square of the vector. Zhuo et al.:
     * HybridNorm, arXiv:2503.04598; without values it is QK-norm (Henry et al.: Query-Key
     * Normalization for Transformers, arXiv:2010.04245, with RMSNorm).
     *
     * @param x {@code [tokens, heads, headColumns]} each; k or v may be null
     * @param gamma {@code [headColumns]} each, shared by all heads, of one type, {@link DType#F32}
     *     or that of x; null for a factor of 1, without weightOffset
     * @param options its statisticsColumns must be 0
     * @param y receives the results, shaped as x and of its type; null where x is
     * @param rstd {@code [tokens, heads of q + heads of k + heads of v]}, {@link DType#F32},
     *     contiguous, receives r of each head vector, or null. Keys and values count alike: where
     *     only one of them is left out its entries are there and stay untouched.
     */
    public static void qkvHeadRmsNorm(Qkv x, Qkv gamma, NormOptions options, Qkv y, Tensor rstd) {
        HeadNormChecks.forward(x, gamma, options, y, rstd);
        x.q().device().kernels().headNorm().forward(x, gamma, options, y, rstd);
    }

    /**
     * The gradients of {@link #qkvHeadRmsNorm(Qkv, Qkv, NormOptions, Qkv, Tensor)}: for each head
     * vector those of {@link Normalization#rmsNormBackward(Tensor, Tensor, Tensor, NormOptions,
     * NormStatistics, Tensor, NormGradients)}, with the statistics taken anew. The gradient of a
     * gamma is summed over tokens and heads.
     *
     * @param dy the gradients of the results, shaped as x; null where x is
     * @param x {@code [tokens, heads, headColumns]} each, as in the forward pass; k or v may be
     *     null
     * @param gamma {@code [headColumns]} each, as in the forward pass
     * @param options as in the forward pass
     * @param dx receives the gradients of x, shaped as x; each may be null, or its dy
     * @param dgamma {@code [headColumns]} each, {@link DType#F32}, contiguous, receives the
     *     gradients of gamma; each may be null
     */
    public static void qkvHeadRmsNormBackward(
            Qkv dy, Qkv x, Qkv gamma, NormOptions options, Qkv dx, Qkv dgamma) {
        HeadNormChecks.backward(dy, x, gamma, options, dx, dgamma);
        x.q().device().kernels().headNorm().backward(dy, x, gamma, options, dx, dgamma);
    }
}
