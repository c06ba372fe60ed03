// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/** The weight conversions of a device. What may be null is said in {@link WeightConversion}. */
interface WeightKernels {
    void zeroMeanRows(Tensor weight, FeatureAxis features, Tensor out);

    void foldAffine(
            Tensor weight,
            Tensor bias,
            NormParameters parameters,
            float weightOffset,
            Tensor weightOut,
            Tensor biasOut);
}
