// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.util.Arrays;

/** The argument checks of weight conversion, for every device. */
final class WeightChecks {
    private WeightChecks() {}

    static void zeroMeanRows(Tensor weight, FeatureAxis features, Tensor out) {
        weight(weight);
        RowOperands.requireNonNull(features, "features", "a FeatureAxis");
        RowOperands.output(out, "out", weight, "weight");
        RowOperands.sameOrApart(out, "out", weight, "weight");
    }

    static void foldAffine(
            Tensor weight,
            Tensor bias,
            NormParameters parameters,
            float weightOffset,
            Tensor weightOut,
            Tensor biasOut) {
        weight(weight);
        RowOperands.requireNonNull(
                parameters, "parameters", "NormParameters (NormParameters.NONE for none)");
        if (!Float.isFinite(weightOffset)) {
            throw new IllegalArgumentException(
                    "weightOffset: expected a finite number, but it is " + weightOffset);
        }
        Tensor gamma = parameters.gamma();
        Tensor beta = parameters.beta();
        rows(bias, "bias", weight);
        columns(gamma, "gamma", weight);
        columns(beta, "beta", weight);
        RowOperands.output(weightOut, "weightOut", weight, "weight");
        RowOperands.sameOrApart(weightOut, "weightOut", weight, "weight");
        RowOperands.apart(weightOut, "weightOut", bias, "bias", gamma, "gamma", beta, "beta");
        rows(biasOut, "biasOut", weight);
        if (biasOut != null) {
            Operands.requireWritable(biasOut, "biasOut");
            RowOperands.sameOrApart(biasOut, "biasOut", bias, "bias");
            RowOperands.apart(biasOut, "biasOut", weight, "weight", weightOut, "weightOut");
            RowOperands.apart(biasOut, "biasOut", gamma, "gamma", beta, "beta");
        }
    }

    private static void weight(Tensor weight) {
        RowOperands.anchor(weight, "weight");
        Operands.requireType(weight, "weight", DType.F32, "weights are converted in float32");
        if (weight.rows == 0) {
            throw new IllegalArgumentException(
                    "weight: expected at least 1 row, but its shape is "
                            + Arrays.toString(weight.shape()));
        }
    }

    private static void rows(Tensor vector, String name, Tensor weight) {
        if (vector != null) {
            vector(vector, name, weight);
            Operands.requireElements(vector, name, weight.rows, "rows", "weight");
        }
    }

    private static void columns(Tensor vector, String name, Tensor weight) {
        if (vector != null) {
            vector(vector, name, weight);
            Operands.requireColumns(vector, name, weight, "weight");
        }
    }

    private static void vector(Tensor vector, String name, Tensor weight) {
        Operands.requireDevice(vector, name, weight, "weight");
        Operands.requireType(vector, name, DType.F32, "weights are converted in float32");
    }

    static void requireOpen(Tensor weight, Tensor out) {
        Operands.requireOpen(weight, "weight");
        Operands.requireOpen(out, "out");
    }

    static void requireOpen(
            Tensor weight,
            Tensor bias,
            NormParameters parameters,
            Tensor weightOut,
            Tensor biasOut) {
        Operands.requireOpen(weight, "weight");
        Operands.requireOpen(bias, "bias");
        Operands.requireOpen(parameters.gamma(), "gamma");
        Operands.requireOpen(parameters.beta(), "beta");
        Operands.requireOpen(weightOut, "weightOut");
        Operands.requireOpen(biasOut, "biasOut");
    }
}
