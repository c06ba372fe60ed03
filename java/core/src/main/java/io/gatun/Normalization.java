/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun;

/** Normalization of rows. */
public final class Normalization {
    private Normalization() {}

    public static void layerNorm(Tensor x, Tensor gamma, Tensor beta, float eps, Tensor y) {
        throw new UnsupportedOperationException();
    }

    public static void layerNorm(
            Tensor x, Tensor gamma, Tensor beta, NormOptions options, Tensor y, NormStatistics statistics) {
        throw new UnsupportedOperationException();
    }

    public static void rmsNorm(Tensor x, Tensor gamma, float eps, Tensor y) {
        throw new UnsupportedOperationException();
    }

    public static void rmsNorm(
            Tensor x, Tensor gamma, Tensor beta, NormOptions options, Tensor y, NormStatistics statistics) {
        throw new UnsupportedOperationException();
    }

    public static void srmsNorm(Tensor x, float eps, Tensor y) {
        throw new UnsupportedOperationException();
    }
}
