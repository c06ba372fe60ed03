/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.DType;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.DoubleUnaryOperator;

/**
 * A forward pass whose errors are relative to a scale of each element, as the case file says: in
 * units of 2^-23 of it, where a 16-bit result within one unit in the last place has no error.
 */
abstract class ScaledForward extends PlannedOperation {
    /** Smaller scales count as this: the unit is then 2^8 times the least float32 number. */
    private static final double LEAST_SCALE = 0x1p-118;

    /** Shapes matter less to single elements than to rows, and recipes are many. */
    static final Plan PLAN = new Plan(200, 20_000, 4, 1);

    /** What the errors of each output are relative to, element by element. */
    abstract Map<String, double[]> scales(Call call);

    @Override
    Plan plan() {
        return PLAN;
    }

    @Override
    public Direction direction() {
        return Direction.FORWARD;
    }

    @Override
    Tolerances tolerances(Call call) {
        Map<String, double[]> scales = scales(call);
        return (output, bound, results) -> {
            double[] scale = scales.get(output.name());
            ErrorMeasure measure =
                    scale == null ? exact() : BackwardOperation.measure(call.typeOf(output), scale);
            return new Tolerance(measure, unitsOf(bound));
        };
    }

    /**
     * The bound in units of the scale: that of float32, which results of every type keep before
     * they are rounded.
     */
    static double unitsOf(double bound) {
        return Math.max(bound, ErrorMeasure.INTERMEDIATE_UNITS);
    }

    /** Any difference is too great. */
    private static ErrorMeasure exact() {
        return (index, actual, expected) -> Double.POSITIVE_INFINITY;
    }

    static double atLeast(double scale) {
        return Math.max(scale, LEAST_SCALE);
    }

    /** A function of each element. */
    static double[] each(double[] x, DoubleUnaryOperator scale) {
        double[] scales = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            scales[i] = atLeast(Math.abs(scale.applyAsDouble(x[i])));
        }
        return scales;
    }

    /** The product of magnitudes, element by element. */
    static double[] product(double[] a, double[] b) {
        double[] products = new double[a.length];
        for (int i = 0; i < a.length; i++) {
            products[i] = atLeast(Math.abs(a[i]) * Math.abs(b[i]));
        }
        return products;
    }

    /** The kinds of memory, and the first output in place of the first input. */
    static List<Recipe> memories(PlannedOperation operation, Recipe plain) {
        List<Recipe> list = new ArrayList<>();
        for (Memory memory : Memory.values()) {
            list.add(plain.on(memory).named("memory-" + Setting.label(memory)));
        }
        list.add(plain.computedInPlace(operation).named("in-place-heap"));
        list.add(plain.on(Memory.UNALIGNED).computedInPlace(operation).named("in-place-unaligned"));
        return list;
    }

    /** Special values, for x of functions that are defined everywhere; twice each is finite. */
    static Values specials(DType dtype) {
        float huge = dtype == DType.F16 ? 32000 : 1.5e38f;
        return Values.cycle(
                Float.NaN,
                0f,
                -0f,
                Float.POSITIVE_INFINITY,
                1,
                Float.NEGATIVE_INFINITY,
                -1,
                Float.MIN_VALUE,
                -Float.MIN_VALUE,
                1e-40f,
                -6e-8f,
                3,
                -3,
                6,
                -0.75f,
                12,
                -12,
                88,
                -90,
                -100,
                -104,
                -150,
                1000,
                -1000,
                huge,
                -huge,
                huge / 2,
                -huge / 1024);
    }

    @Override
    List<Check> properties(DType dtype, double bound) {
        return elementProperties(this, dtype, bound);
    }

    /** Of operations whose rows may be cut: long rows are cut on the heap. */
    static List<Check> elementProperties(PlannedOperation operation, DType dtype, double bound) {
        OperationProperties common = new OperationProperties(operation, dtype, bound);
        List<Check> checks = common.checks(259);
        checks.add(common.longCalls(37, 1031));
        checks.add(common.longCalls(2, 70_001));
        checks.add(common.threads(70, 2003));
        return checks;
    }
}
