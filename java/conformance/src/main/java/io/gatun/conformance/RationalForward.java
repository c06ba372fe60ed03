/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.DType;
import io.gatun.RationalActivation;
import io.gatun.RationalCoefficients;
import io.gatun.RationalForm;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The group rational activation. */
final class RationalForward extends ScaledForward {
    static final String FORM = "form";
    private static final String NUMERATOR_DEGREE = "numerator-degree";
    private static final String DENOMINATOR_DEGREE = "denominator-degree";
    private static final String GROUPS = "groups";
    private static final String SHARED_NUMERATOR = "shared-numerator";
    private static final String SHARED_DENOMINATOR = "shared-denominator";

    static List<Setting> ownSettings() {
        return List.of(new Setting(FORM, RationalForm.TERM_WISE, "what the denominator is"));
    }

    /** Degrees and groups are those of the coefficients; only the suite has to choose. */
    static Settings suiteSettings() {
        List<Setting> all = new ArrayList<>(ownSettings());
        all.add(new Setting(NUMERATOR_DEGREE, 5L, "degree above"));
        all.add(new Setting(DENOMINATOR_DEGREE, 4L, "degree below"));
        all.add(new Setting(GROUPS, 8L, "the most groups, of those that divide the columns"));
        all.add(new Setting(SHARED_NUMERATOR, true, "one numerator for all groups"));
        all.add(new Setting(SHARED_DENOMINATOR, false, "one denominator for all groups"));
        return Settings.defaults(all);
    }

    static List<Operand> coefficients() {
        return List.of(
                Operand.coefficients("numerator", "[groups or 1, degree + 1]"),
                Operand.coefficients("denominator", "[groups or 1, degree], from power 1 on"));
    }

    static RationalCoefficients coefficients(Arguments arguments) {
        return new RationalCoefficients(
                arguments.tensor("numerator"),
                arguments.tensor("denominator"),
                arguments.settings().choice(FORM, RationalForm.class));
    }

    static long[] shape(Operand input, int columns, Settings settings) {
        long groups = Math.max(Math.min(settings.count(GROUPS), columns), 1);
        while (columns % groups != 0) {
            groups--;
        }
        boolean above = input.name().equals("numerator");
        boolean shared = settings.flag(above ? SHARED_NUMERATOR : SHARED_DENOMINATOR);
        return new long[] {
            shared ? 1 : groups,
            above ? settings.count(NUMERATOR_DEGREE) + 1 : settings.count(DENOMINATOR_DEGREE)
        };
    }

    /** Recipes of both forms, of degrees and of ways to share. */
    static List<Recipe> kinds(Recipe plain) {
        List<Recipe> list = new ArrayList<>();
        for (RationalForm form : RationalForm.values()) {
            String label = Setting.label(form);
            Recipe own = plain.with(FORM, form);
            list.add(own.on(Memory.NATIVE).named(label));
            list.add(
                    own.with(SHARED_NUMERATOR, false)
                            .with(SHARED_DENOMINATOR, true)
                            .named(label + "-shared-denominator"));
            list.add(own.with(SHARED_NUMERATOR, false).named(label + "-own"));
            list.add(
                    own.with(SHARED_DENOMINATOR, true)
                            .on(Memory.NATIVE)
                            .named(label + "-all-shared"));
            for (long[] degrees : new long[][] {{1, 1}, {3, 2}, {2, 5}, {8, 8}, {7, 1}}) {
                list.add(
                        own.with(NUMERATOR_DEGREE, degrees[0])
                                .with(DENOMINATOR_DEGREE, degrees[1])
                                .with(GROUPS, 3L)
                                .on(degrees[0] % 2 == 0 ? Memory.NATIVE : Memory.HEAP)
                                .named(label + "-" + degrees[0] + "-" + degrees[1]));
            }
            list.add(
                    own.withInput("denominator", Values.constant(0))
                            .named(label + "-zero-denominator"));
        }
        return list;
    }

    static List<Check> longCalls(PlannedOperation operation, DType dtype, double bound) {
        OperationProperties common = new OperationProperties(operation, dtype, bound);
        return List.of(
                common.longCalls(37, 1032), common.longCalls(2, 70_002), common.threads(70, 2008));
    }

    @Override
    public String name() {
        return "rational";
    }

    @Override
    public String description() {
        return "The group rational activation of KAT.";
    }

    @Override
    public List<Operand> operands() {
        List<Operand> list = new ArrayList<>();
        list.add(Operand.input("x", "input"));
        list.addAll(coefficients());
        list.add(Operand.output("y", "result"));
        return list;
    }

    @Override
    public List<Setting> settings() {
        return ownSettings();
    }

    @Override
    public void run(Arguments arguments) {
        RationalActivation.apply(
                arguments.tensor("x"), coefficients(arguments), arguments.tensor("y"));
    }

    @Override
    long[] ownShape(Operand input, int rows, int columns, Settings settings) {
        return shape(input, columns, settings);
    }

    @Override
    Map<String, double[]> scales(Call call) {
        RationalFormula[] formulas = RationalFormula.ofColumns(call);
        double[] x = call.stored("x");
        double[] y = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            y[i] = atLeast(formulas[i % call.columns()].scale(x[i]));
        }
        return Map.of("y", y);
    }

    @Override
    Recipe plain() {
        Map<String, Values> inputs = new LinkedHashMap<>();
        inputs.put("x", Values.normal(0, 1.5));
        inputs.put("numerator", Values.signed(0.25, 1));
        inputs.put("denominator", Values.signed(0.25, 1));
        return Recipe.plain(this, inputs, Set.of("y")).withSettings(suiteSettings());
    }

    @Override
    List<Recipe> recipes(DType dtype, int columns) {
        Recipe plain = plain();
        List<Recipe> list = new ArrayList<>();
        list.add(plain);
        list.addAll(memories(this, plain));
        list.addAll(kinds(plain));
        for (RationalForm form : RationalForm.values()) {
            list.add(
                    plain.with(FORM, form)
                            .withInput(
                                    "x",
                                    Values.cycle(
                                            0, -0f, 1, -1, 1e-40f, 30, -30, 1000, -1000, 2, 6e4f))
                            .on(Memory.UNALIGNED)
                            .named("special-" + Setting.label(form)));
            list.add(
                    plain.with(FORM, form)
                            .withInput(
                                    "x", Values.normal(0, 1).with(Float.NaN, Values.Position.TAIL))
                            .named("nan-" + Setting.label(form)));
        }
        list.add(
                plain.withInput(
                                "x",
                                Values.normal(0, 1)
                                        .with(Float.POSITIVE_INFINITY, Values.Position.MIDDLE))
                        .on(Memory.NATIVE)
                        .named("infinite"));
        return list;
    }

    @Override
    List<Check> properties(DType dtype, double bound) {
        List<Check> checks = new OperationProperties(this, dtype, bound).checks(264);
        checks.addAll(longCalls(this, dtype, bound));
        return checks;
    }
}
