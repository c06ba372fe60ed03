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

/** PolyReLU, or a polynomial of each element. */
final class PolynomialForward extends ScaledForward {
    private static final String ORDER = "order";

    /** The order is that of the coefficients; only the suite has to choose one. */
    static final Settings SUITE_SETTINGS =
            Settings.defaults(List.of(new Setting(ORDER, 3L, "of the coefficients")));

    private final boolean rectified;

    PolynomialForward(boolean rectified) {
        this.rectified = rectified;
    }

    @Override
    public String name() {
        return name(rectified);
    }

    static String name(boolean rectified) {
        return rectified ? "poly_relu" : "poly_eval";
    }

    static Operand coefficients() {
        return Operand.coefficients("coefficients", "of the lowest power first [order + 1]");
    }

    static long[] shape(Settings settings) {
        return new long[] {settings.count(ORDER) + 1};
    }

    /** Recipes of every order. */
    static List<Recipe> orders(Recipe plain, int most) {
        List<Recipe> list = new ArrayList<>();
        for (long order = 1; order <= most; order++) {
            Memory memory = order % 2 == 0 ? Memory.HEAP : Memory.NATIVE;
            list.add(plain.with(ORDER, order).on(memory).named("order-" + order));
        }
        return list;
    }

    static Recipe ofOrder(Recipe recipe, long order) {
        return recipe.with(ORDER, order);
    }

    @Override
    public String description() {
        return rectified
                ? "PolyReLU: a polynomial of max(x, 0)."
                : "A polynomial of each element, such as the wide and deep activation.";
    }

    @Override
    public List<Operand> operands() {
        return List.of(Operand.input("x", "input"), coefficients(), Operand.output("y", "result"));
    }

    @Override
    public List<Setting> settings() {
        return List.of();
    }

    @Override
    public void run(Arguments arguments) {
        PolynomialCoefficients coefficients =
                new PolynomialCoefficients(arguments.tensor("coefficients"));
        if (rectified) {
            PolynomialActivation.polyRelu(
                    arguments.tensor("x"), coefficients, arguments.tensor("y"));
        } else {
            PolynomialActivation.polyEval(
                    arguments.tensor("x"), coefficients, arguments.tensor("y"));
        }
    }

    @Override
    long[] ownShape(Operand input, int rows, int columns, Settings settings) {
        return shape(settings);
    }

    @Override
    Map<String, double[]> scales(Call call) {
        double[] a = call.stored("coefficients");
        return Map.of("y", each(call.stored("x"), x -> Horner.magnitudes(a, argument(x))));
    }

    private double argument(double x) {
        return rectified && x < 0 ? 0 : x;
    }

    @Override
    Recipe plain() {
        Map<String, Values> inputs = new LinkedHashMap<>();
        inputs.put("x", Values.normal(0, 1));
        inputs.put("coefficients", Values.signed(0.25, 1));
        return Recipe.plain(this, inputs, Set.of("y")).withSettings(SUITE_SETTINGS);
    }

    @Override
    List<Recipe> recipes(DType dtype, int columns) {
        Recipe plain = plain();
        List<Recipe> list = new ArrayList<>();
        list.add(plain);
        list.addAll(memories(this, plain));
        list.addAll(orders(plain, PolynomialCoefficients.MAX_ORDER));
        list.add(plain.withInput("x", specials(dtype)).named("special"));
        list.add(
                ofOrder(plain, 8)
                        .withInput("x", specials(dtype))
                        .on(Memory.NATIVE)
                        .named("special-order-8"));
        list.add(plain.withInput("x", Values.normal(0, 40)).on(Memory.UNALIGNED).named("wide"));
        // 0 times infinity, as Horner's rule has it.
        list.add(
                plain.withInput("coefficients", Values.cycle(0.5f, 1, -2, 0))
                        .withInput("x", specials(dtype))
                        .named("special-zero-coefficient"));
        list.add(
                plain.withInput("coefficients", Values.cycle(1, Float.NaN, 0.5f, 2))
                        .on(Memory.NATIVE)
                        .named("coefficient-nan"));
        return list;
    }
}
