/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.DType;
import io.gatun.PolynomialActivation;
import io.gatun.PolynomialCoefficients;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** PolyNorm, or PolyNorm of a gate times another tensor. */
final class PolyNormForward extends ScaledForward {
    static final String EPS = "eps";
    private static final String ORDER = "order";

    private final boolean gated;

    PolyNormForward(boolean gated) {
        this.gated = gated;
    }

    static String name(boolean gated) {
        return gated ? "poly_norm_mul" : "poly_norm";
    }

    /** The name of what is normalized. */
    static String source(boolean gated) {
        return gated ? "gate" : "x";
    }

    static List<Setting> ownSettings() {
        return List.of(new Setting(EPS, 1e-6f, "added to the mean of each power"));
    }

    /** The order is that of the coefficients; only the suite has to choose one. */
    static Settings suiteSettings() {
        List<Setting> all = new ArrayList<>(ownSettings());
        all.add(new Setting(ORDER, 3L, "of the coefficients"));
        return Settings.defaults(all);
    }

    static PolyNormFormula formula(Call call) {
        return new PolyNormFormula(call.stored("coefficients"), call.settings().number(EPS));
    }

    /** Rows of every order, and those that are hard for powers. */
    static List<Recipe> rows(Recipe plain, String source, DType dtype) {
        boolean half = dtype == DType.F16;
        List<Recipe> list = new ArrayList<>();
        list.addAll(PolynomialForward.orders(plain, PolynomialCoefficients.MAX_NORM_ORDER));
        list.add(plain.with(EPS, 0.5f).on(Memory.NATIVE).named("eps-0.5"));
        list.add(plain.withInput(source, Values.constant(0)).named("zero-rows"));
        list.add(plain.withInput(source, Values.constant(0.3)).on(Memory.NATIVE).named("constant"));
        list.add(plain.withInput(source, Values.oneHot(3)).named("one-hot"));
        list.add(plain.withInput(source, Values.mixedRows()).on(Memory.NATIVE).named("mixed"));
        list.add(plain.withInput(source, Values.normal(0, 1e-3)).named("small"));
        list.add(
                plain.withInput(source, Values.normal(0, half ? 1e4 : 1e7))
                        .on(Memory.NATIVE)
                        .named("large"));
        list.add(
                PolynomialForward.ofOrder(
                                plain.withInput(source, Values.normal(0, half ? 1e4 : 1e8)), 4)
                        .named("large-order-4"));
        for (Values.Position position : Values.Position.values()) {
            list.add(
                    plain.withInput(source, Values.normal(0, 1).with(Float.NaN, position))
                            .named("nan-" + Setting.label(position)));
        }
        list.add(
                plain.withInput(
                                source,
                                Values.normal(0, 1)
                                        .with(Float.NEGATIVE_INFINITY, Values.Position.MIDDLE))
                        .on(Memory.UNALIGNED)
                        .named("infinite"));
        return list;
    }

    static List<Check> properties(PlannedOperation operation, DType dtype, double bound) {
        OperationProperties common = new OperationProperties(operation, dtype, bound);
        List<Check> checks = common.checks(259);
        checks.add(common.longCalls(37, 4096));
        checks.add(common.longCalls(3, 110_001));
        checks.add(common.threads(2, 30_001));
        return checks;
    }

    @Override
    public String name() {
        return name(gated);
    }

    @Override
    public String description() {
        return gated
                ? "PolyNorm of a gate, times another tensor."
                : "PolyNorm: a sum of normalized powers of each row.";
    }

    @Override
    public List<Operand> operands() {
        List<Operand> list = new ArrayList<>();
        list.add(Operand.input(source(gated), "what is normalized"));
        if (gated) {
            list.add(Operand.input("up", "what it is multiplied with"));
        }
        list.add(PolynomialForward.coefficients());
        list.add(Operand.output("y", "result"));
        list.add(Operand.ownOutput("rho", "scales of each row [rows, order]"));
        return list;
    }

    @Override
    public List<Setting> settings() {
        return ownSettings();
    }

    @Override
    public long[] shape(Operand output, Map<String, long[]> inputs) {
        return rhoShape(inputs, gated);
    }

    /** As x, but with the order as columns. */
    static long[] rhoShape(Map<String, long[]> inputs, boolean gated) {
        long[] shape = inputs.get(source(gated));
        long rows = 1;
        for (int i = 0; i < shape.length - 1; i++) {
            rows *= shape[i];
        }
        return new long[] {rows, inputs.get("coefficients")[0] - 1};
    }

    @Override
    public void run(Arguments arguments) {
        PolynomialCoefficients coefficients =
                new PolynomialCoefficients(arguments.tensor("coefficients"));
        float eps = arguments.settings().number(EPS);
        if (gated) {
            PolynomialActivation.polyNormMul(
                    arguments.tensor("gate"),
                    arguments.tensor("up"),
                    coefficients,
                    eps,
                    arguments.tensor("y"),
                    arguments.tensor("rho"));
        } else {
            PolynomialActivation.polyNorm(
                    arguments.tensor("x"),
                    coefficients,
                    eps,
                    arguments.tensor("y"),
                    arguments.tensor("rho"));
        }
    }

    @Override
    long[] ownShape(Operand input, int rows, int columns, Settings settings) {
        return PolynomialForward.shape(settings);
    }

    @Override
    Map<String, double[]> scales(Call call) {
        PolyNormFormula formula = formula(call);
        double[] source = call.stored(source(gated));
        double[] y = new double[source.length];
        double[] rho = new double[call.rows() * formula.order()];
        for (int row = 0; row < call.rows(); row++) {
            double[] x = BackwardOperation.row(source, row, call.columns());
            double[] scales = formula.rho(x);
            System.arraycopy(scales, 0, rho, row * scales.length, scales.length);
            for (int i = 0; i < x.length; i++) {
                y[row * x.length + i] = atLeast(formula.scale(scales, x[i]));
            }
        }
        return Map.of("y", gated ? product(y, call.stored("up")) : y, "rho", rho);
    }

    @Override
    Recipe plain() {
        Map<String, Values> inputs = new LinkedHashMap<>();
        inputs.put(source(gated), Values.normal(0, 1));
        if (gated) {
            inputs.put("up", Values.normal(0, 1));
        }
        inputs.put("coefficients", Values.signed(0.25, 1));
        return Recipe.plain(this, inputs, Set.of("y", "rho")).withSettings(suiteSettings());
    }

    @Override
    List<Recipe> recipes(DType dtype, int columns) {
        Recipe plain = plain();
        List<Recipe> list = new ArrayList<>();
        list.add(plain);
        list.addAll(memories(this, plain));
        list.add(plain.without("rho").on(Memory.NATIVE).named("without-rho"));
        if (gated) {
            list.add(plain.inPlaceOf("y", "up").on(Memory.NATIVE).named("in-place-of-up"));
        }
        list.addAll(rows(plain, source(gated), dtype));
        return list;
    }

    @Override
    List<Check> properties(DType dtype, double bound) {
        return properties(this, dtype, bound);
    }
}
