/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.DType;
import io.gatun.Device;
import io.gatun.Tensor;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * One call of an operation with given values, to be made on any device.
 *
 * @param inputs dense values of each input that is present
 * @param outputs names of the outputs that are wanted
 */
record Call(
        Operation operation,
        DType dtype,
        DType parameterDtype,
        int rows,
        int columns,
        Map<String, float[]> inputs,
        Set<String> outputs,
        Settings settings) {

    /**
     * How the operands lie in memory. Inputs of extent FULL have the first stride, such outputs the
     * second.
     */
    record Layout(Memory memory, int inputStride, int outputStride, boolean inPlace) {
        static Layout dense(Memory memory, int columns) {
            return new Layout(memory, columns, columns, false);
        }

        @Override
        public String toString() {
            return "memory="
                    + Setting.label(memory)
                    + " row strides "
                    + inputStride
                    + " and "
                    + outputStride
                    + (inPlace ? " in place" : "");
        }
    }

    /** Something happened to memory that must not. */
    static final class MemoryViolation extends RuntimeException {
        private static final long serialVersionUID = 1;

        MemoryViolation(String message) {
            super(message);
        }
    }

    /** The oracle's outputs. */
    Map<String, float[]> onReference() {
        return on(Device.reference(), Layout.dense(Memory.HEAP, columns));
    }

    /**
     * Calls, then looks at every byte around the operands.
     *
     * @return the dense values of each wanted output
     * @throws MemoryViolation if an input or the padding of any operand has changed
     */
    Map<String, float[]> on(Device device, Layout layout) {
        Map<String, Image> images = new HashMap<>();
        try (Arena arena = Arena.ofConfined()) {
            try {
                return on(device, layout, arena, images);
            } finally {
                images.values().stream().distinct().forEach(Image::close);
            }
        }
    }

    private Map<String, float[]> on(
            Device device, Layout layout, Arena arena, Map<String, Image> images) {
        String firstInput = operation.operands().getFirst().name();
        String firstOutput = firstOutput();
        Map<String, Tensor> tensors = new HashMap<>();
        List<Operand> present = new ArrayList<>();
        for (Operand operand : operation.operands()) {
            String name = operand.name();
            boolean input = operand.role().isInput();
            if (!(input ? inputs.containsKey(name) : outputs.contains(name))) {
                continue;
            }
            present.add(operand);
            images.put(
                    name,
                    layout.inPlace && name.equals(firstOutput)
                            ? images.get(firstInput)
                            : image(device, arena, layout, operand));
            tensors.put(name, images.get(name).tensor());
        }
        operation.run(new Arguments(tensors, settings));
        device.synchronize();
        Map<String, float[]> results = new HashMap<>();
        for (Operand operand : present) {
            String name = operand.name();
            boolean output = !operand.role().isInput() || layout.inPlace && name.equals(firstInput);
            String change = images.get(name).unexpectedChange(output);
            if (change != null) {
                throw new MemoryViolation(name + ": the call " + change);
            }
            if (!operand.role().isInput()) {
                results.put(name, images.get(name).values());
            }
        }
        return results;
    }

    private Image image(Device device, Arena arena, Layout layout, Operand operand) {
        boolean full = operand.extent() == Operand.Extent.FULL;
        boolean input = operand.role().isInput();
        int size =
                switch (operand.extent()) {
                    case FULL, COLUMNS -> columns;
                    case ROWS -> rows;
                };
        DType type =
                switch (operand.storage()) {
                    case DATA -> dtype;
                    case PARAMETER -> parameterDtype;
                    case STATISTIC -> DType.F32;
                };
        int stride =
                !full ? size : input || layout.inPlace ? layout.inputStride : layout.outputStride;
        return new Image(
                device,
                arena,
                layout.memory,
                type,
                input ? inputs.get(operand.name()) : null,
                full ? rows : 1,
                size,
                stride,
                !full);
    }

    /** The output that may be computed in place, and whose error is reported. */
    String firstOutput() {
        return operation.operands().stream()
                .filter(o -> o.role() == Operand.Role.OUTPUT)
                .findFirst()
                .orElseThrow()
                .name();
    }
}
