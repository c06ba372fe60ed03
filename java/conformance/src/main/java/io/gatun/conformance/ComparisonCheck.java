/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.DType;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** One recipe on one shape, compared with the reference device element by element. */
final class ComparisonCheck implements Check {
    private final PlannedOperation operation;
    private final DType dtype;
    private final CaseFile.Case shape;
    private final Recipe recipe;
    private final double bound;

    ComparisonCheck(
            PlannedOperation operation,
            DType dtype,
            CaseFile.Case shape,
            Recipe recipe,
            double bound) {
        this.operation = operation;
        this.dtype = dtype;
        this.shape = shape;
        this.recipe = recipe;
        this.bound = bound;
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
                        recipe.places());
        Map<String, float[]> expected = call.onReference();
        PlannedOperation.Tolerances tolerances = operation.tolerances(call);
        return device -> {
            try {
                Map<String, float[]> actual = call.on(device, layout);
                return compare(
                        call,
                        layout,
                        tolerances,
                        new PlannedOperation.Results(
                                actual, operation.expected(call, expected, actual)));
            } catch (Call.MemoryViolation e) {
                return new Outcome(0, bound, e.getMessage() + "\n" + describe(call, layout));
            }
        };
    }

    private Outcome compare(
            Call call,
            Call.Layout layout,
            PlannedOperation.Tolerances tolerances,
            PlannedOperation.Results results) {
        double primaryError = 0;
        List<String> failures = new ArrayList<>();
        for (Operand operand : operation.operands()) {
            String name = operand.name();
            if (!call.outputs().contains(name)) {
                continue;
            }
            PlannedOperation.Tolerance tolerance = tolerances.of(operand, bound, results);
            ErrorMeasure measure = tolerance.measure();
            double allowed = tolerance.bound();
            float[] got = results.actual().get(name);
            float[] wanted = results.expected().get(name);
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
            if (operand.storage() == Operand.Storage.DATA) {
                primaryError = Math.max(primaryError, worst);
            }
            if (wrong > 0) {
                failures.add(
                        place(operand, worstIndex, call.columnsOf(operand))
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
        return operand.extent() == Operand.Extent.FULL || operand.extent() == Operand.Extent.HEADS
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
