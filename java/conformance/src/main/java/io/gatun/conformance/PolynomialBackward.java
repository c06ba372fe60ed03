/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.DType;
import io.gatun.PolynomialActivation;
import io.gatun.PolynomialCoefficients;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The gradients of PolyReLU, or of a polynomial of each element. */
final class PolynomialBackward extends ScaledBackward {
    private final boolean rectified;

    PolynomialBackward(boolean rectified) {
        this.rectified = rectified;
    }

    @Override
    public String name() {
        return PolynomialForward.name(rectified);
    }

    @Override
    public String description() {
        return "The gradients of " + (rectified ? "PolyReLU." : "a polynomial of each element.");
    }

    @Override
    public List<Operand> operands() {
        return List.of(
                Operand.input("dy", "gradient of the result"),
                Operand.input("x", "input of the forward pass"),
                PolynomialForward.coefficients(),
                Operand.output("dx", "gradient of x"),
                Operand.ownOutput("dcoefficients", "gradient of the coefficients [order + 1]"));
    }

    @Override
    public List<Setting> settings() {
        return List.of();
    }

    @Override
    public long[] shape(Operand output, Map<String, long[]> inputs) {
        return inputs.get("coefficients");
    }

    @Override
    public void run(Arguments arguments) {
        PolynomialCoefficients coefficients =
                new PolynomialCoefficients(arguments.tensor("coefficients"));
        if (rectified) {
            PolynomialActivation.polyReluBackward(
                    arguments.tensor("dy"),
                    arguments.tensor("x"),
                    coefficients,
                    arguments.tensor("dx"),
                    arguments.tensor("dcoefficients"),
                    false);
        } else {
            PolynomialActivation.polyEvalBackward(
                    arguments.tensor("dy"),
                    arguments.tensor("x"),
                    coefficients,
                    arguments.tensor("dx"),
                    arguments.tensor("dcoefficients"),
                    false);
        }
    }

    @Override
    long[] ownShape(Operand input, int rows, int columns, Settings settings) {
        return PolynomialForward.shape(settings);
    }

    private double argument(double x) {
        return rectified && x < 0 ? 0 : x;
    }

    @Override
    Map<String, double[]> scales(Call call) {
        double[] a = call.stored("coefficients");
        double[] x = call.stored("x");
        double[] dy = call.stored("dy");
        double[] sums = new double[a.length];
        for (int i = 0; i < x.length; i++) {
            Horner.addMoments(sums, 0, sums.length, Math.abs(dy[i]), argument(x[i]));
        }
        double[] slopes =
                ScaledForward.each(x, value -> Horner.slopeMagnitudes(a, argument(value)));
        return Map.of(
                "dx", ScaledForward.product(dy, slopes),
                "dcoefficients", ScaledForward.each(sums, sum -> sum));
    }

    @Override
    Map<String, double[]> variables(Call call) {
        Map<String, double[]> variables = new HashMap<>();
        variables.put("dx", call.stored("x"));
        variables.put("dcoefficients", call.stored("coefficients"));
        return variables;
    }

    @Override
    double loss(Call call, Map<String, double[]> variables) {
        double[] dy = call.stored("dy");
        double[] x = variables.get("dx");
        double loss = 0;
        for (int i = 0; i < x.length; i++) {
            loss += dy[i] * Horner.sum(variables.get("dcoefficients"), argument(x[i]));
        }
        return loss;
    }

    @Override
    List<Recipe> differentiable() {
        return PolynomialForward.orders(plain(), PolynomialCoefficients.MAX_ORDER);
    }

    @Override
    Recipe plain() {
        Map<String, Values> inputs = new LinkedHashMap<>();
        inputs.put("dy", Values.normal(0, 1));
        inputs.put("x", Values.normal(0, 1));
        inputs.put("coefficients", Values.signed(0.25, 1));
        return Recipe.plain(this, inputs, Set.of("dx", "dcoefficients"))
                .withSettings(PolynomialForward.SUITE_SETTINGS);
    }

    @Override
    List<Recipe> recipes(DType dtype, int columns) {
        Recipe plain = plain();
        List<Recipe> list = new ArrayList<>();
        list.add(plain);
        list.addAll(ScaledForward.memories(this, plain));
        list.add(plain.inPlaceOf("dx", "x").on(Memory.NATIVE).named("in-place-of-x"));
        list.addAll(PolynomialForward.orders(plain, PolynomialCoefficients.MAX_ORDER));
        list.add(plain.without("dcoefficients").on(Memory.NATIVE).named("input-only"));
        list.add(plain.without("dx").on(Memory.NATIVE).named("coefficients-only"));
        list.add(plain.without("dx").named("coefficients-only-heap"));
        list.add(
                plain.withInput("x", ScaledForward.specials(dtype))
                        .without("dcoefficients")
                        .named("special"));
        list.add(
                plain.withInput("dy", Values.constant(0))
                        .on(Memory.UNALIGNED)
                        .named("upstream-zero"));
        for (Values.Position position : Values.Position.values()) {
            list.add(
                    plain.withInput("x", Values.normal(0, 1).with(Float.NaN, position))
                            .named("nan-" + Setting.label(position)));
        }
        return list;
    }

    @Override
    List<Check> properties(DType dtype, double bound) {
        List<Check> checks = super.properties(dtype, bound);
        OperationProperties common = new OperationProperties(this, dtype, bound);
        checks.add(common.longCalls(37, 1031));
        checks.add(common.longCalls(2, 70_001));
        checks.add(common.threads(70, 2003));
        return checks;
    }
}
