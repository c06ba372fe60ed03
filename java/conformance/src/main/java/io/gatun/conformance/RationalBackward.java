/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.DType;
import io.gatun.RationalActivation;
import io.gatun.RationalForm;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The gradients of the group rational activation. */
final class RationalBackward extends ScaledBackward {
    @Override
    public String name() {
        return "rational";
    }

    @Override
    public String description() {
        return "The gradients of the group rational activation.";
    }

    @Override
    public List<Operand> operands() {
        List<Operand> list = new ArrayList<>();
        list.add(Operand.input("dy", "gradient of the result"));
        list.add(Operand.input("x", "input of the forward pass"));
        list.addAll(RationalForward.coefficients());
        list.add(Operand.output("dx", "gradient of x"));
        list.add(Operand.ownOutput("dnumerator", "gradient of the numerator"));
        list.add(Operand.ownOutput("ddenominator", "gradient of the denominator"));
        return list;
    }

    @Override
    public List<Setting> settings() {
        return RationalForward.ownSettings();
    }

    @Override
    public long[] shape(Operand output, Map<String, long[]> inputs) {
        return inputs.get(output.name().substring(1));
    }

    @Override
    public void run(Arguments arguments) {
        RationalActivation.backward(
                arguments.tensor("dy"),
                arguments.tensor("x"),
                RationalForward.coefficients(arguments),
                arguments.tensor("dx"),
                arguments.tensor("dnumerator"),
                arguments.tensor("ddenominator"),
                false);
    }

    @Override
    long[] ownShape(Operand input, int rows, int columns, Settings settings) {
        return RationalForward.shape(input, columns, settings);
    }

    @Override
    Map<String, double[]> scales(Call call) {
        RationalFormula[] formulas = RationalFormula.ofColumns(call);
        double[] x = call.stored("x");
        double[] dy = call.stored("dy");
        double[] dx = new double[x.length];
        double[] above = new double[call.inputs().get("numerator").length];
        double[] below = new double[call.inputs().get("denominator").length];
        int aWidth = formulas[0].a().length;
        int bWidth = formulas[0].terms().length - 1;
        int aGroups = above.length / aWidth;
        int bGroups = below.length / bWidth;
        for (int i = 0; i < x.length; i++) {
            int column = i % call.columns();
            RationalFormula formula = formulas[column];
            dx[i] = ScaledForward.atLeast(Math.abs(dy[i]) * formula.scaleOfSlope(x[i]));
            formula.addScales(
                    dy[i],
                    x[i],
                    above,
                    RationalFormula.group(call, aGroups, column) * aWidth,
                    below,
                    RationalFormula.group(call, bGroups, column) * bWidth);
        }
        return Map.of(
                "dx", dx,
                "dnumerator", ScaledForward.each(above, sum -> sum),
                "ddenominator", ScaledForward.each(below, sum -> sum));
    }

    @Override
    Map<String, double[]> variables(Call call) {
        Map<String, double[]> variables = new HashMap<>();
        variables.put("dx", call.stored("x"));
        variables.put("dnumerator", call.stored("numerator"));
        variables.put("ddenominator", call.stored("denominator"));
        return variables;
    }

    @Override
    double loss(Call call, Map<String, double[]> variables) {
        RationalFormula[] formulas =
                RationalFormula.ofColumns(
                        call, variables.get("dnumerator"), variables.get("ddenominator"));
        double[] dy = call.stored("dy");
        double[] x = variables.get("dx");
        double loss = 0;
        for (int i = 0; i < x.length; i++) {
            loss += dy[i] * formulas[i % call.columns()].value(x[i]);
        }
        return loss;
    }

    @Override
    List<Recipe> differentiable() {
        // Without a denominator its magnitudes have no derivative.
        return RationalForward.kinds(plain()).stream()
                .filter(recipe -> !recipe.name().endsWith("zero-denominator"))
                .toList();
    }

    @Override
    Recipe plain() {
        Map<String, Values> inputs = new LinkedHashMap<>();
        inputs.put("dy", Values.normal(0, 1));
        inputs.put("x", Values.normal(0, 1.5));
        inputs.put("numerator", Values.signed(0.25, 1));
        inputs.put("denominator", Values.signed(0.25, 1));
        return Recipe.plain(this, inputs, Set.of("dx", "dnumerator", "ddenominator"))
                .withSettings(RationalForward.suiteSettings());
    }

    @Override
    List<Recipe> recipes(DType dtype, int columns) {
        Recipe plain = plain();
        List<Recipe> list = new ArrayList<>();
        list.add(plain);
        list.addAll(ScaledForward.memories(this, plain));
        list.add(plain.inPlaceOf("dx", "x").on(Memory.NATIVE).named("in-place-of-x"));
        list.addAll(RationalForward.kinds(plain));
        list.add(plain.without("dnumerator", "ddenominator").on(Memory.NATIVE).named("input-only"));
        list.add(plain.without("dx").named("coefficients-only"));
        list.add(plain.without("ddenominator").on(Memory.NATIVE).named("without-ddenominator"));
        list.add(plain.without("dnumerator").named("without-dnumerator"));
        for (RationalForm form : RationalForm.values()) {
            list.add(
                    plain.with(RationalForward.FORM, form)
                            .withInput("x", Values.cycle(0, -0f, 1, -1, 1e-40f, 30, -30, 2))
                            .on(Memory.UNALIGNED)
                            .named("special-" + Setting.label(form)));
        }
        list.add(
                plain.withInput("x", Values.normal(0, 1).with(Float.NaN, Values.Position.TAIL))
                        .named("nan-tail"));
        return list;
    }

    @Override
    List<Check> properties(DType dtype, double bound) {
        List<Check> checks = super.properties(dtype, bound);
        checks.addAll(RationalForward.longCalls(this, dtype, bound));
        return checks;
    }
}
