/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.DType;
import io.gatun.Device;
import java.util.List;
import java.util.Map;

/**
 * A backward pass. Its results are compared with the reference device, and with central differences
 * of the forward pass in float64.
 */
abstract class BackwardOperation extends PlannedOperation {
    /** Small enough that the third derivative does not matter, large enough for float64. */
    private static final double STEP = 1e-5;

    /**
     * What the errors of each output are relative to, element by element, as the case file says.
     */
    abstract Map<String, double[]> scales(Call call);

    /** What the outputs are the gradients of: the values of a variable for each name. */
    abstract Map<String, double[]> variables(Call call);

    /** The forward pass at some values of the variables, times the upstream gradients. */
    abstract double loss(Call call, Map<String, double[]> variables);

    /** The recipes that finite differences are compared with. */
    abstract List<Recipe> differentiable();

    @Override
    public Direction direction() {
        return Direction.BACKWARD;
    }

    @Override
    Tolerances tolerances(Call call) {
        Map<String, double[]> scales = scales(call);
        return (output, bound, results) -> {
            DType dtype = call.typeOf(output);
            return new Tolerance(measure(dtype, scales.get(output.name())), boundOf(output, bound));
        };
    }

    /** Gradients of parameters are float32 whatever the type of the data, which bounds are for. */
    double boundOf(Operand output, double bound) {
        return output.storage() == Operand.Storage.DATA
                ? bound
                : Math.max(bound, ErrorMeasure.INTERMEDIATE_UNITS);
    }

    /** In units of 2^-23 of the scale, beyond the rounding of a 16-bit type. */
    static ErrorMeasure measure(DType dtype, double[] scale) {
        return (index, actual, expected) -> {
            double distance = Math.abs((double) actual - expected);
            if (dtype != DType.F32 && ErrorMeasure.ulps(dtype, actual, expected) <= 1) {
                distance = 0;
            }
            return distance / Math.max(ErrorMeasure.UNIT * scale[index], Float.MIN_VALUE);
        };
    }

    @Override
    List<Check> properties(DType dtype, double bound) {
        OperationProperties properties = new OperationProperties(this, dtype, bound);
        List<Check> checks = properties.checks(259);
        checks.add(
                properties.property(
                        "finite-differences",
                        3,
                        13,
                        (device, rows, columns, seed) -> {
                            double worst = 0;
                            for (Recipe recipe : differentiable()) {
                                worst =
                                        Math.max(
                                                worst,
                                                differences(
                                                        recipe,
                                                        recipe.call(
                                                                this, dtype, rows, columns, seed),
                                                        device,
                                                        bound));
                            }
                            return worst;
                        }));
        return checks;
    }

    private double differences(Recipe recipe, Call call, Device device, double bound) {
        Map<String, float[]> actual =
                call.on(device, Call.Layout.dense(recipe.memory(), call.columns()));
        Map<String, double[]> scales = scales(call);
        Map<String, double[]> variables = variables(call);
        double worst = 0;
        for (Operand operand : operands()) {
            String name = operand.name();
            double[] variable = variables.get(name);
            float[] got = actual.get(name);
            if (got == null) {
                continue;
            }
            ErrorMeasure measure = measure(call.typeOf(operand), scales.get(name));
            for (int i = 0; i < variable.length; i++) {
                double value = variable[i];
                double step = STEP * Math.max(1, Math.abs(value));
                variable[i] = value + step;
                double above = loss(call, variables);
                variable[i] = value - step;
                double below = loss(call, variables);
                variable[i] = value;
                float expected = (float) ((above - below) / (2 * step));
                double error = measure.compare(i, got[i], expected);
                if (operand.storage() == Operand.Storage.DATA) {
                    worst = Math.max(worst, error);
                }
                if (!(error <= boundOf(operand, bound))) {
                    throw new NamedCheck.Failure(
                            "%s, %s: expected %s[%s] to be the difference %s, but it is %s"
                                    .formatted(
                                            recipe.name(),
                                            call.settings(),
                                            name,
                                            i,
                                            expected,
                                            got[i]));
                }
            }
        }
        return worst;
    }

    /** One row of values. */
    static double[] row(double[] values, int row, int columns) {
        double[] one = new double[columns];
        System.arraycopy(values, row * columns, one, 0, columns);
        return one;
    }

    static double[] magnitudes(double[] values) {
        double[] magnitudes = values.clone();
        for (int i = 0; i < magnitudes.length; i++) {
            magnitudes[i] = Math.abs(magnitudes[i]);
        }
        return magnitudes;
    }

    static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }

    /** A copy, or zeros where there is none. */
    static double[] orZeros(double[] values, int count) {
        return values == null ? new double[count] : values.clone();
    }
}
