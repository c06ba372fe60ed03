/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.DType;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What one comparison is made of, but for data type and shape. The copies made by the {@code with}
 * methods let a plan say only what is special about each line.
 */
record Recipe(
        String name,
        Map<String, Values> inputs,
        Settings settings,
        boolean parametersInDataType,
        Set<String> outputs,
        Memory memory,
        Map<String, String> places,
        Set<String> derived,
        double boundFactor) {

    /** A recipe that computes into memory of its own, on the heap. */
    static Recipe plain(Operation operation, Map<String, Values> inputs, Set<String> outputs) {
        return new Recipe(
                "plain",
                inputs,
                Settings.defaults(operation.settings()),
                false,
                outputs,
                Memory.HEAP,
                Map.of(),
                Set.of(),
                1);
    }

    Recipe named(String newName) {
        return new Recipe(
                newName,
                inputs,
                settings,
                parametersInDataType,
                outputs,
                memory,
                places,
                derived,
                boundFactor);
    }

    Recipe withInput(String input, Values values) {
        Map<String, Values> changed = new LinkedHashMap<>(inputs);
        changed.put(input, values);
        return new Recipe(
                name,
                changed,
                settings,
                parametersInDataType,
                outputs,
                memory,
                places,
                derived,
                boundFactor);
    }

    Recipe without(String... absent) {
        Map<String, Values> changed = new LinkedHashMap<>(inputs);
        Set<String> fewer = new LinkedHashSet<>(outputs);
        Set<String> given = new LinkedHashSet<>(derived);
        for (String each : absent) {
            changed.remove(each);
            fewer.remove(each);
            given.remove(each);
        }
        return new Recipe(
                name,
                changed,
                settings,
                parametersInDataType,
                fewer,
                memory,
                places,
                given,
                boundFactor);
    }

    Recipe withOutputs(String... more) {
        Set<String> changed = new LinkedHashSet<>(outputs);
        changed.addAll(List.of(more));
        return new Recipe(
                name,
                inputs,
                settings,
                parametersInDataType,
                changed,
                memory,
                places,
                derived,
                boundFactor);
    }

    /** With settings that only the suite has. */
    Recipe withSettings(Settings other) {
        return new Recipe(
                name,
                inputs,
                other,
                parametersInDataType,
                outputs,
                memory,
                places,
                derived,
                boundFactor);
    }

    Recipe with(String setting, Object value) {
        return new Recipe(
                name,
                inputs,
                settings.with(setting, value),
                parametersInDataType,
                outputs,
                memory,
                places,
                derived,
                boundFactor);
    }

    Recipe withParametersInDataType() {
        return new Recipe(
                name, inputs, settings, true, outputs, memory, places, derived, boundFactor);
    }

    Recipe on(Memory where) {
        return new Recipe(
                name,
                inputs,
                settings,
                parametersInDataType,
                outputs,
                where,
                places,
                derived,
                boundFactor);
    }

    /** The first output takes the place of the first input. */
    Recipe computedInPlace(Operation operation) {
        return inPlaceOf(Call.firstOutput(operation), operation.operands().getFirst().name());
    }

    /** An output takes the place of an input. */
    Recipe inPlaceOf(String output, String input) {
        Map<String, String> changed = new LinkedHashMap<>(places);
        changed.put(output, input);
        return new Recipe(
                name,
                inputs,
                settings,
                parametersInDataType,
                outputs,
                memory,
                changed,
                derived,
                boundFactor);
    }

    /** Inputs that the operation works out from others. */
    Recipe withDerived(String... names) {
        Set<String> changed = new LinkedHashSet<>(derived);
        changed.addAll(List.of(names));
        return new Recipe(
                name,
                inputs,
                settings,
                parametersInDataType,
                outputs,
                memory,
                places,
                changed,
                boundFactor);
    }

    /** Where one rounding more is part of the operation. */
    Recipe withBoundFactor(double factor) {
        return new Recipe(
                name,
                inputs,
                settings,
                parametersInDataType,
                outputs,
                memory,
                places,
                derived,
                factor);
    }

    /** The call on one shape. */
    Call call(PlannedOperation operation, DType dtype, int rows, int columns, long seed) {
        Map<String, float[]> values = new LinkedHashMap<>();
        Call call =
                new Call(
                        operation,
                        dtype,
                        parametersInDataType ? dtype : DType.F32,
                        rows,
                        columns,
                        values,
                        outputs,
                        settings);
        for (Operand operand : operation.operands()) {
            Values source = inputs.get(operand.name());
            if (source != null) {
                // Each head is a row of its own.
                int valueRows = call.rowsOf(operand) * call.headsOf(operand);
                int valueColumns = call.columnsOf(operand) / call.headsOf(operand);
                float[] array = new float[valueRows * valueColumns];
                source.fill(
                        array,
                        valueRows,
                        valueColumns,
                        new Values.Source(seed + operand.name().hashCode()));
                values.put(operand.name(), array);
            }
        }
        if (!derived.isEmpty()) {
            operation.derive(call, derived, values);
        }
        return call;
    }
}
