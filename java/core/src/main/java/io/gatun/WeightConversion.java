// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * Conversion of weights, once, when a model is loaded. With both methods a Pre-LN Transformer
 * becomes a Pre-RMSNorm Transformer that computes the same: {@link #foldAffine} moves gamma and
 * beta of every LayerNorm into the linear layers behind it, {@link #zeroMeanRows} takes the mean
 * out of everything that enters the residual stream; then each LayerNorm is an RMSNorm with the
 * same eps. Jiang et al.: Pre-RMSNorm and Pre-CRMSNorm Transformers, arXiv:2305.14858.
 *
 * <p>Weights are {@link DType#F32}. Matrices have columns that are neighbours in memory and one
 * stride from row to row; vectors are contiguous. Sums and products are taken in double precision
 * and rounded once. Errors are as in {@link Normalization}.
 */
public final class WeightConversion {
    private WeightConversion() {}

    /**
     * Takes the mean out of weights, so that every vector they put into the residual stream has
     * zero mean:
     *
     * <pre>
     * ROWS:     out[i, j] = weight[i, j] - mean over i of weight[i, j]
     * COLUMNS:  out[i, j] = weight[i, j] - mean over j of weight[i, j]
     * </pre>
     *
     * @param weight {@code [rows, columns]}, at least one of each; or {@code [columns]}, a bias
     * @param features along which dimension the features of the residual stream lie: {@link
     *     FeatureAxis#ROWS} for a linear layer {@code [out features, in features]}, {@link
     *     FeatureAxis#COLUMNS} for an embedding or a bias
     * @param out shaped as weight, receives the result; may be weight itself
     */
    public static void zeroMeanRows(Tensor weight, FeatureAxis features, Tensor out) {
        WeightChecks.zeroMeanRows(weight, features, out);
        weight.device().kernels().weights().zeroMeanRows(weight, features, out);
    }

    /**
     * Folds the affine part of a normalization into the linear layer behind it:
     *
     * <pre>
     * weightOut[i, j] = weight[i, j] * (weightOffset + gamma[j]),
     * biasOut[i] = bias[i] + sum over j of weight[i, j] * beta[j]
     * </pre>
     *
     * @param weight {@code [out features, in features]}, at least one of each
     * @param bias {@code [out features]}, or null for 0
     * @param parameters gamma and beta of the normalization, {@code [in features]}, {@link
     *     DType#F32}; without gamma the factor is 1
     * @param weightOffset added to gamma (1 in Gemma, else 0); finite
     * @param weightOut shaped as weight, receives the result; may be weight itself
     * @param biasOut {@code [out features]}, receives the new bias; may be bias itself; null where
     *     it is not wanted
     */
    public static void foldAffine(
            Tensor weight,
            Tensor bias,
            NormParameters parameters,
            float weightOffset,
            Tensor weightOut,
            Tensor biasOut) {
        WeightChecks.foldAffine(weight, bias, parameters, weightOffset, weightOut, biasOut);
        weight.device()
                .kernels()
                .weights()
                .foldAffine(weight, bias, parameters, weightOffset, weightOut, biasOut);
    }
}
