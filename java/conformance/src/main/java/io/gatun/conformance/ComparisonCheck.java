/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.DType;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** One recipe on one shape, compared with the reference device element by element. */
final class ComparisonCheck implements Check {
    /**
     * The measures of an operation's outputs other than its first, which has that of its data type.
     */
    @FunctionalInterface
    interface Measures {
        ErrorMeasure of(String output, Map<String, float[]> actual, Map<String, float[]> expected);
    }

    /** The bound of the other outputs, which are float32. */
    private static final double STATISTICS_BOUND = ErrorMeasure.INTERMEDIATE_UNITS;

    private final Operation operation;
    private final DType dtype;
    private final CaseFile.Case shape;
    private final Recipe recipe;
    private final double bound;
    private final Measures measures;

    ComparisonCheck(
            Operation operation,
            DType dtype,
            CaseFile.Case shape,
            Recipe recipe,
            double bound,
            Measures measures) {
        this.operation = operation;
        this.dtype = dtype;
        this.shape = shape;
        this.recipe = recipe;
        this.bound = bound;
        this.measures = measures;
    }

    @Override
    public Operation operation() {
        return operation;
    }

    @Override
    public DType dtype() {
        return dtype;
    }

    @Override
    public String shape() {
        return shape.label();
    }

    @Override
    public String name() {
        return recipe.name();
    }

    @Override
    public Trial prepare(long seed) {
        int rows = Math.toIntExact(shape.rows());
        int columns = Math.toIntExact(shape.columns());
        Call call = recipe.call(operation, dtype, rows, columns, seed);
        Call.Layout layout =
                new Call.Layout(
                        recipe.memory(),
                        Math.toIntExact(shape.xStride()),
                        Math.toIntExact(shape.yStride()),
                        recipe.inPlace());
        Map<String, float[]> expected = call.onReference();
        return device -> {
            try {
                return compare(call, layout, call.on(device, layout), expected);
            } catch (Call.MemoryViolation e) {
                return new Outcome(0, bound, e.getMessage() + "\n" + describe(call, layout));
            }
        };
    }

    private Outcome compare(
            Call call,
            Call.Layout layout,
            Map<String, float[]> actual,
            Map<String, float[]> expected) {
        double primaryError = 0;
        List<String> failures = new ArrayList<>();
        for (Operand operand : operation.operands()) {
            String name = operand.name();
            if (!call.outputs().contains(name)) {
                continue;
            }
            boolean primary = name.equals(call.firstOutput());
            ErrorMeasure measure =
                    primary ? ErrorMeasure.of(dtype) : measures.of(name, actual, expected);
            double allowed = primary ? bound : STATISTICS_BOUND;
            float[] got = actual.get(name);
            float[] wanted = expected.get(name);
            double worst = 0;
            int worstIndex = 0;
            int wrong = 0;
            for (int i = 0; i < got.length; i++) {
                double error = measure.compare(i, got[i], wanted[i]);
                if (error > worst) {
                    worst = error;
                    worstIndex = i;
                }
                if (error > allowed) {
                    wrong++;
                }
            }
            if (primary) {
                primaryError = worst;
            }
            if (wrong > 0) {
                failures.add(
                        place(operand, worstIndex, call.columns())
                                + ": expected "
                                + wanted[worstIndex]
                                + ", got "
                                + got[worstIndex]
                                + ", error "
                                + (float) worst
                                + ", bound "
                                + (float) allowed
                                + " ("
                                + wrong
                                + " of "
                                + got.length
                                + " elements beyond it)");
            }
        }
        return new Outcome(
                primaryError,
                bound,
                failures.isEmpty()
                        ? null
                        : String.join("\n", failures) + "\n" + describe(call, layout));
    }

    private static String place(Operand operand, int index, int columns) {
        return operand.extent() == Operand.Extent.FULL
                ? operand.name() + "[" + index / columns + ", " + index % columns + "]"
                : operand.name() + "[" + index + "]";
    }

    private static String describe(Call call, Call.Layout layout) {
        return call.settings()
                + ", parameters "
                + ErrorMeasure.label(call.parameterDtype())
                + ", inputs "
                + call.inputs().keySet()
                + ", outputs "
                + call.outputs()
                + ", "
                + layout;
    }
}
