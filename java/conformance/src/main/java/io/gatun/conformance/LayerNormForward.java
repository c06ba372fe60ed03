/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.DType;
import io.gatun.Normalization;
import java.util.List;

/** LayerNorm forward. */
final class LayerNormForward extends NormOperation {
    private static final List<Operand> OPERANDS =
            List.of(
                    new Operand(
                            "x",
                            Operand.Role.INPUT,
                            Operand.Extent.FULL,
                            Operand.Storage.DATA,
                            "input"),
                    new Operand(
                            "gamma",
                            Operand.Role.OPTIONAL_INPUT,
                            Operand.Extent.COLUMNS,
                            Operand.Storage.PARAMETER,
                            "factor of each column"),
                    new Operand(
                            "beta",
                            Operand.Role.OPTIONAL_INPUT,
                            Operand.Extent.COLUMNS,
                            Operand.Storage.PARAMETER,
                            "added to each column"),
                    new Operand(
                            "y",
                            Operand.Role.OUTPUT,
                            Operand.Extent.FULL,
                            Operand.Storage.DATA,
                            "result"),
                    new Operand(
                            "mean",
                            Operand.Role.OPTIONAL_OUTPUT,
                            Operand.Extent.ROWS,
                            Operand.Storage.STATISTIC,
                            "mean of each row"),
                    new Operand(
                            "mean_low",
                            Operand.Role.OPTIONAL_OUTPUT,
                            Operand.Extent.ROWS,
                            Operand.Storage.STATISTIC,
                            "what float32 loses of the mean"),
                    new Operand(
                            "rstd",
                            Operand.Role.OPTIONAL_OUTPUT,
                            Operand.Extent.ROWS,
                            Operand.Storage.STATISTIC,
                            "scale of each row"));

    @Override
    public String name() {
        return "layer_norm";
    }

    @Override
    public String description() {
        return "LayerNorm over the last dimension: (x - mean) / sqrt(variance + eps) * gamma + beta";
    }

    @Override
    public List<Operand> operands() {
        return OPERANDS;
    }

    @Override
    public List<Setting> settings() {
        return commonSettings();
    }

    @Override
    public void run(Arguments arguments) {
        Normalization.layerNorm(
                arguments.tensor("x"),
                arguments.tensor("gamma"),
                arguments.tensor("beta"),
                options(arguments.settings(), 0),
                arguments.tensor("y"),
                statistics(arguments));
    }

    @Override
    String[] statisticsNames() {
        return new String[] {"mean", "mean_low", "rstd"};
    }

    @Override
    List<Recipe> ownRecipes(Recipe plain, DType dtype, int columns) {
        return List.of();
    }

    @Override
    List<Check> ownProperties(DType dtype, double bound) {
        NormProperties properties = new NormProperties(this, dtype, bound);
        return List.of(
                properties.property("edge-one-column", 5, 1, properties::oneColumnIsBeta),
                properties.property("edge-constant-row", 3, 771, properties::constantRowIsBeta),
                properties.property("edge-infinite-row", 5, 67, properties::infiniteRowIsNan),
                properties.property("invariant-shift", 3, 771, properties::shiftChangesNothing));
    }
}
