/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.DType;
import io.gatun.Normalization;
import java.util.List;

/** LayerNorm forward. */
final class LayerNormForward extends NormOperation {
    private static final List<Operand> OPERANDS =
            List.of(
                    Operand.input("x", "input"),
                    Operand.parameter("gamma", "factor of each column"),
                    Operand.parameter("beta", "added to each column"),
                    Operand.output("y", "result"),
                    Operand.statistic("mean", "mean of each row"),
                    Operand.statistic("mean_low", "what float32 loses of the mean"),
                    Operand.statistic("rstd", "scale of each row"));

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
