/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.DType;
import io.gatun.Device;
import io.gatun.PolynomialActivation;
import io.gatun.PolynomialCoefficients;
import io.gatun.Tensor;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The gradients of PolyNorm, with another factor or without. */
final class PolyNormBackward extends ScaledBackward {
    private final boolean gated;

    PolyNormBackward(boolean gated) {
        this.gated = gated;
    }

    private String source() {
        return PolyNormForward.source(gated);
    }

    @Override
    public String name() {
        return PolyNormForward.name(gated);
    }

    @Override
    public String description() {
        return "The gradients of PolyNorm" + (gated ? " of a gate, times another tensor." : ".");
    }

    @Override
    public List<Operand> operands() {
        List<Operand> list = new ArrayList<>();
        list.add(Operand.input("dy", "gradient of the result"));
        list.add(Operand.input(source(), "what the forward pass normalized"));
        if (gated) {
            list.add(Operand.input("up", "what it was multiplied with"));
        }
        list.add(PolynomialForward.coefficients());
        list.add(
                new Operand(
                        "rho",
                        Operand.Role.OPTIONAL_INPUT,
                        Operand.Extent.OWN,
                        Operand.Storage.STATISTIC,
                        "scales of each row [rows, order]",
                        null));
        list.add(Operand.output("d" + source(), "gradient of " + source()));
        if (gated) {
            list.add(Operand.optionalOutput("dup", "gradient of up"));
        }
        list.add(Operand.ownOutput("dcoefficients", "gradient of the coefficients [order + 1]"));
        return list;
    }

    @Override
    public List<Setting> settings() {
        return PolyNormForward.ownSettings();
    }

    @Override
    public long[] shape(Operand output, Map<String, long[]> inputs) {
        return inputs.get("coefficients");
    }

    @Override
    public void run(Arguments arguments) {
        PolynomialCoefficients coefficients =
                new PolynomialCoefficients(arguments.tensor("coefficients"));
        float eps = arguments.settings().number(PolyNormForward.EPS);
        if (gated) {
            PolynomialActivation.polyNormMulBackward(
                    arguments.tensor("dy"),
                    arguments.tensor("gate"),
                    arguments.tensor("up"),
                    coefficients,
                    eps,
                    arguments.tensor("rho"),
                    arguments.tensor("dgate"),
                    arguments.tensor("dup"),
                    arguments.tensor("dcoefficients"),
                    false);
        } else {
            PolynomialActivation.polyNormBackward(
                    arguments.tensor("dy"),
                    arguments.tensor("x"),
                    coefficients,
                    eps,
                    arguments.tensor("rho"),
                    arguments.tensor("dx"),
                    arguments.tensor("dcoefficients"),
                    false);
        }
    }

    @Override
    long[] ownShape(Operand input, int rows, int columns, Settings settings) {
        long[] coefficients = PolynomialForward.shape(settings);
        return input.name().equals("coefficients")
                ? coefficients
                : new long[] {rows, coefficients[0] - 1};
    }

    /** The scales that the forward pass saves, from the reference device. */
    @Override
    void derive(Call call, Set<String> names, Map<String, float[]> values) {
        Device device = Device.reference();
        double[] stored = call.stored(source());
        float[] x = new float[stored.length];
        for (int i = 0; i < x.length; i++) {
            x[i] = (float) stored[i];
        }
        float[] a = values.get("coefficients");
        float[] rho = new float[call.rows() * (a.length - 1)];
        Tensor input = device.tensor(x, call.rows(), call.columns());
        PolynomialActivation.polyNorm(
                input,
                new PolynomialCoefficients(device.tensor(a, a.length)),
                call.settings().number(PolyNormForward.EPS),
                device.tensor(new float[x.length], call.rows(), call.columns()),
                device.tensor(rho, call.rows(), a.length - 1));
        values.put("rho", rho);
    }

    @Override
    Map<String, double[]> scales(Call call) {
        PolyNormFormula formula = PolyNormForward.formula(call);
        int columns = call.columns();
        double[] source = call.stored(source());
        double[] up = call.stored("up");
        double[] dy = magnitudes(call.stored("dy"));
        double[] dx = new double[source.length];
        double[] dup = new double[source.length];
        double[] sums = new double[formula.order() + 1];
        for (int row = 0; row < call.rows(); row++) {
            double[] x = row(source, row, columns);
            double[] upstream = row(dy, row, columns);
            double[] rho = formula.rho(x);
            for (int i = 0; up != null && i < columns; i++) {
                double y = formula.scale(rho, x[i]);
                dup[row * columns + i] = ScaledForward.atLeast(upstream[i] * y);
                upstream[i] *= Math.abs(up[row * columns + i]);
            }
            double[] scale = formula.scaleOfGradient(x, upstream, sums);
            System.arraycopy(scale, 0, dx, row * columns, columns);
        }
        Map<String, double[]> scales = new HashMap<>();
        scales.put("d" + source(), ScaledForward.each(dx, scale -> scale));
        scales.put("dup", dup);
        scales.put("dcoefficients", ScaledForward.each(sums, sum -> sum));
        return scales;
    }

    @Override
    Map<String, double[]> variables(Call call) {
        Map<String, double[]> variables = new HashMap<>();
        variables.put("d" + source(), call.stored(source()));
        variables.put("dup", call.stored("up"));
        variables.put("dcoefficients", call.stored("coefficients"));
        return variables;
    }

    @Override
    double loss(Call call, Map<String, double[]> variables) {
        PolyNormFormula formula =
                new PolyNormFormula(
                        variables.get("dcoefficients"),
                        call.settings().number(PolyNormForward.EPS));
        double[] dy = call.stored("dy");
        double[] up = variables.get("dup");
        int columns = call.columns();
        double loss = 0;
        for (int row = 0; row < call.rows(); row++) {
            double[] x = row(variables.get("d" + source()), row, columns);
            double[] rho = formula.rho(x);
            for (int i = 0; i < columns; i++) {
                double factor = up == null ? 1 : up[row * columns + i];
                loss += dy[row * columns + i] * factor * formula.value(rho, x[i]);
            }
        }
        return loss;
    }

    @Override
    List<Recipe> differentiable() {
        List<Recipe> list =
                new ArrayList<>(
                        PolynomialForward.orders(
                                plain().with(PolyNormForward.EPS, 0.01f),
                                PolynomialCoefficients.MAX_NORM_ORDER));
        list.add(plain().withDerived("rho").with(PolyNormForward.EPS, 0.5f).named("saved"));
        return list;
    }

    @Override
    Recipe plain() {
        Map<String, Values> inputs = new LinkedHashMap<>();
        inputs.put("dy", Values.normal(0, 1));
        inputs.put(source(), Values.normal(0, 1));
        if (gated) {
            inputs.put("up", Values.normal(0, 1));
        }
        inputs.put("coefficients", Values.signed(0.25, 1));
        Set<String> outputs =
                gated ? Set.of("dgate", "dup", "dcoefficients") : Set.of("dx", "dcoefficients");
        return Recipe.plain(this, inputs, outputs).withSettings(PolyNormForward.suiteSettings());
    }

    @Override
    List<Recipe> recipes(DType dtype, int columns) {
        Recipe plain = plain();
        List<Recipe> list = new ArrayList<>();
        list.add(plain);
        list.addAll(ScaledForward.memories(this, plain));
        list.add(
                plain.inPlaceOf("d" + source(), source())
                        .on(Memory.NATIVE)
                        .named("in-place-of-" + source()));
        list.add(plain.withDerived("rho").named("saved"));
        list.add(
                PolynomialForward.ofOrder(plain, 4)
                        .withDerived("rho")
                        .on(Memory.NATIVE)
                        .named("saved-order-4"));
        list.add(plain.without("dcoefficients").on(Memory.NATIVE).named("input-only"));
        list.add(plain.without("d" + source(), "dup").named("coefficients-only"));
        if (gated) {
            list.add(plain.without("dup", "dcoefficients").on(Memory.NATIVE).named("gate-only"));
            list.add(plain.without("dgate", "dcoefficients").named("up-only"));
            list.add(
                    plain.inPlaceOf("dgate", "up")
                            .inPlaceOf("dup", "gate")
                            .on(Memory.NATIVE)
                            .named("in-place-crossed"));
        }
        list.addAll(PolyNormForward.rows(plain, source(), dtype));
        return list;
    }

    @Override
    List<Check> properties(DType dtype, double bound) {
        List<Check> checks = super.properties(dtype, bound);
        OperationProperties common = new OperationProperties(this, dtype, bound);
        checks.add(common.longCalls(37, 4096));
        checks.add(common.longCalls(3, 70_001));
        checks.add(common.threads(70, 5000));
        return checks;
    }
}
