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
        boolean inPlace,
        double boundFactor) {

    Recipe named(String newName) {
        return new Recipe(
                newName,
                inputs,
                settings,
                parametersInDataType,
                outputs,
                memory,
                inPlace,
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
                inPlace,
                boundFactor);
    }

    Recipe without(String... absent) {
        Map<String, Values> changed = new LinkedHashMap<>(inputs);
        Set<String> fewer = new LinkedHashSet<>(outputs);
        for (String each : absent) {
            changed.remove(each);
            fewer.remove(each);
        }
        return new Recipe(
                name, changed, settings, parametersInDataType, fewer, memory, inPlace, boundFactor);
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
                inPlace,
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
                inPlace,
                boundFactor);
    }

    Recipe withParametersInDataType() {
        return new Recipe(name, inputs, settings, true, outputs, memory, inPlace, boundFactor);
    }

    Recipe on(Memory where) {
        return new Recipe(
                name, inputs, settings, parametersInDataType, outputs, where, inPlace, boundFactor);
    }

    Recipe computedInPlace() {
        return new Recipe(
                name, inputs, settings, parametersInDataType, outputs, memory, true, boundFactor);
    }

    /** Where one rounding more is part of the operation. */
    Recipe withBoundFactor(double factor) {
        return new Recipe(
                name, inputs, settings, parametersInDataType, outputs, memory, inPlace, factor);
    }

    /** The call on one shape. */
    Call call(Operation operation, DType dtype, int rows, int columns, long seed) {
        Map<String, float[]> values = new LinkedHashMap<>();
        for (Operand operand : operation.operands()) {
            Values source = inputs.get(operand.name());
            if (source == null) {
                continue;
            }
            int valueRows = operand.extent() == Operand.Extent.FULL ? rows : 1;
            int valueColumns = operand.extent() == Operand.Extent.ROWS ? rows : columns;
            float[] array = new float[valueRows * valueColumns];
            source.fill(
                    array,
                    valueRows,
                    valueColumns,
                    new Values.Source(seed + operand.name().hashCode()));
            values.put(operand.name(), array);
        }
        return new Call(
                operation,
                dtype,
                parametersInDataType ? dtype : DType.F32,
                rows,
                columns,
                values,
                outputs,
                settings);
    }
}
