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
        PlannedOperation operation,
        DType dtype,
        DType parameterDtype,
        int rows,
        int columns,
        Map<String, float[]> inputs,
        Set<String> outputs,
        Settings settings) {

    /**
     * How the operands lie in memory. Inputs of extent FULL have the first stride, such outputs the
     * second; outputs with an entry in {@code places} are that input.
     */
    record Layout(Memory memory, int inputStride, int outputStride, Map<String, String> places) {
        static Layout dense(Memory memory, int columns) {
            return new Layout(memory, columns, columns, Map.of());
        }

        @Override
        public String toString() {
            return "memory="
                    + Setting.label(memory)
                    + " row strides "
                    + inputStride
                    + " and "
                    + outputStride
                    + (places.isEmpty() ? "" : " in place " + places);
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
        Map<String, Tensor> tensors = new HashMap<>();
        List<Operand> present = new ArrayList<>();
        for (Operand operand : operation.operands()) {
            String name = operand.name();
            boolean input = operand.role().isInput();
            if (!(input ? inputs.containsKey(name) : outputs.contains(name))) {
                continue;
            }
            present.add(operand);
            String place = input ? null : layout.places.get(name);
            images.put(
                    name,
                    place != null ? images.get(place) : image(device, arena, layout, operand));
            tensors.put(name, images.get(name).tensor());
        }
        operation.run(new Arguments(tensors, settings));
        device.synchronize();
        Map<String, float[]> results = new HashMap<>();
        for (Operand operand : present) {
            String name = operand.name();
            boolean output =
                    !operand.role().isInput()
                            || layout.places.entrySet().stream()
                                    .anyMatch(
                                            place ->
                                                    place.getValue().equals(name)
                                                            && outputs.contains(place.getKey()));
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

    /**
     * The values of an input as memory holds them, rounded to its type; null where it is absent.
     */
    double[] stored(String name) {
        float[] values = inputs.get(name);
        if (values == null) {
            return null;
        }
        DType type = typeOf(operation.operand(name).orElseThrow());
        double[] stored = new double[values.length];
        for (int i = 0; i < stored.length; i++) {
            stored[i] = type == DType.F32 ? values[i] : type.toFloat(type.fromFloat(values[i]));
        }
        return stored;
    }

    /** The shape of an operand of extent OWN. */
    private long[] ownShape(Operand operand) {
        if (operand.role().isInput()) {
            return operation.ownShape(operand, rows, columns, settings);
        }
        Map<String, long[]> shapes = new HashMap<>();
        for (Operand input : operation.operands()) {
            if (input.role().isInput()) {
                shapes.put(input.name(), shapeOf(input));
            }
        }
        return operation.shape(operand, shapes);
    }

    private long[] shapeOf(Operand operand) {
        return switch (operand.extent()) {
            case FULL -> new long[] {rows, columns};
            case HEADS, FUNCTIONS -> new long[] {rows, headsOf(operand), columns};
            case OWN -> ownShape(operand);
            case COLUMNS, ROWS, TOKENS_AND_HEADS -> new long[] {columnsOf(operand)};
        };
    }

    /** 1 for a vector. */
    int rowsOf(Operand operand) {
        return switch (operand.extent()) {
            case FULL, HEADS, FUNCTIONS -> rows;
            case COLUMNS, ROWS, TOKENS_AND_HEADS -> 1;
            case OWN -> {
                int product = 1;
                long[] shape = ownShape(operand);
                for (int dimension = 0; dimension < shape.length - 1; dimension++) {
                    product *= (int) shape[dimension];
                }
                yield product;
            }
        };
    }

    /** How many elements a row has, all heads of a token together. */
    int columnsOf(Operand operand) {
        return switch (operand.extent()) {
            case FULL, COLUMNS -> columns;
            case ROWS -> rows;
            case HEADS, FUNCTIONS -> headsOf(operand) * columns;
            case TOKENS_AND_HEADS -> rows * operation.heads(operand);
            case OWN -> {
                long[] shape = ownShape(operand);
                yield (int) shape[shape.length - 1];
            }
        };
    }

    /** The heads of a token, or the functions of a row. */
    int headsOf(Operand operand) {
        return switch (operand.extent()) {
            case HEADS -> operation.heads(operand);
            case FUNCTIONS -> operation.functions(settings);
            default -> 1;
        };
    }

    DType typeOf(Operand operand) {
        return switch (operand.storage()) {
            case DATA -> dtype;
            case PARAMETER -> parameterDtype;
            case STATISTIC -> DType.F32;
        };
    }

    private Image image(Device device, Arena arena, Layout layout, Operand operand) {
        boolean input = operand.role().isInput();
        int width = columnsOf(operand);
        boolean vector =
                operand.extent() != Operand.Extent.FULL
                        && operand.extent() != Operand.Extent.HEADS
                        && operand.extent() != Operand.Extent.FUNCTIONS;
        int padding = (input ? layout.inputStride : layout.outputStride) - columns;
        return new Image(
                device,
                arena,
                layout.memory,
                typeOf(operand),
                input ? inputs.get(operand.name()) : null,
                rowsOf(operand),
                width,
                vector ? width : width + padding,
                shapeOf(operand));
    }

    /** The output that may be computed in place, and whose error is reported. */
    static String firstOutput(Operation operation) {
        return operation.operands().stream()
                .filter(o -> o.role() == Operand.Role.OUTPUT)
                .findFirst()
                .orElseThrow()
                .name();
    }
}
