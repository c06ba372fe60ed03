/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.CastMode;
import io.gatun.DType;
import io.gatun.EpsMode;
import io.gatun.Normalization;
import java.util.ArrayList;
import java.util.List;

/** RMSNorm forward; without gamma it is SRMSNorm. */
final class RmsNormForward extends NormOperation {
    private static final String STATISTICS_COLUMNS = "statistics-columns";

    private static final List<Operand> OPERANDS =
            List.of(
                    Operand.input("x", "input"),
                    Operand.parameter("gamma", "factor of each column"),
                    Operand.parameter("beta", "added to each column"),
                    Operand.output("y", "result"),
                    Operand.statistic("rstd", "scale of each row"));

    @Override
    public String name() {
        return "rms_norm";
    }

    @Override
    public String description() {
        return "RMSNorm over the last dimension: x / sqrt(mean of x^2 + eps) * gamma + beta";
    }

    @Override
    public List<Operand> operands() {
        return OPERANDS;
    }

    @Override
    public List<Setting> settings() {
        List<Setting> settings = new ArrayList<>(commonSettings());
        settings.add(
                new Setting(
                        STATISTICS_COLUMNS,
                        0L,
                        "leading columns that the mean square is taken of, 0 for all"));
        return settings;
    }

    @Override
    public void run(Arguments arguments) {
        Normalization.rmsNorm(
                arguments.tensor("x"),
                arguments.tensor("gamma"),
                arguments.tensor("beta"),
                options(arguments.settings(), arguments.settings().count(STATISTICS_COLUMNS)),
                arguments.tensor("y"),
                statistics(arguments));
    }

    @Override
    String[] statisticsNames() {
        return new String[] {"rstd"};
    }

    @Override
    List<Recipe> ownRecipes(Recipe plain, DType dtype, int columns) {
        List<Recipe> list = new ArrayList<>();
        long quarter = Math.max(1, columns / 4);
        Recipe partial = plain.with(STATISTICS_COLUMNS, quarter);
        list.add(partial.named("partial"));
        list.add(partial.with(EPS_MODE, EpsMode.ADD).on(Memory.NATIVE).named("partial-add"));
        list.add(partial.with(EPS_MODE, EpsMode.CLAMP).with(EPS, 0.5f).named("partial-clamp"));
        list.add(
                partial.withInput("x", Values.signed(0.5, 2))
                        .without("beta")
                        .with(CAST_MODE, CastMode.LLAMA)
                        .withBoundFactor(2)
                        .named("partial-llama"));
        list.add(
                plain.withInput("x", Values.signed(0.5, 2))
                        .with(STATISTICS_COLUMNS, 1L)
                        .named("partial-one-column"));
        if (columns > 1) {
            list.add(
                    plain.with(STATISTICS_COLUMNS, columns - 1L)
                            .on(Memory.UNALIGNED)
                            .named("partial-all-but-one"));
            // What lies beyond the statistics columns takes no part in the scale, however large.
            Values ordinary = Values.signed(0.5, 2);
            float large = dtype == DType.F16 ? 1e3f : 1e20f;
            list.add(
                    partial.withInput("x", ordinary.with(large, Values.Position.TAIL))
                            .withInput("gamma", Values.signed(0.5, 1))
                            .named("partial-large-tail"));
            list.add(
                    partial.withInput("x", ordinary.with(Float.NaN, Values.Position.TAIL))
                            .named("partial-nan-tail"));
        }
        return list;
    }

    @Override
    List<Check> ownProperties(DType dtype, double bound) {
        NormProperties properties = new NormProperties(this, dtype, bound);
        return List.of(
                properties.property("edge-one-column", 5, 1, properties::oneColumnIsScaledByItself),
                properties.property(
                        "edge-infinite-row", 5, 67, properties::infiniteElementIsNanOthersAreZero),
                properties.property("invariant-scale", 3, 771, properties::scaleChangesNothing));
    }
}
