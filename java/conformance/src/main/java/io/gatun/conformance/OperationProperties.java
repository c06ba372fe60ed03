/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.CpuOptions;
import io.gatun.DType;
import io.gatun.Device;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** What holds for every operation, tested without the reference device. */
final class OperationProperties {
    /** A property on one shape. */
    @FunctionalInterface
    interface Property {
        double test(Device device, int rows, int columns, long seed);
    }

    private final PlannedOperation operation;
    private final DType dtype;
    private final double bound;

    OperationProperties(PlannedOperation operation, DType dtype, double bound) {
        this.operation = operation;
        this.dtype = dtype;
        this.bound = bound;
    }

    Check property(String name, int rows, int columns, Property property) {
        return new NamedCheck(
                operation,
                dtype,
                rows + "x" + columns,
                name,
                bound,
                (device, seed) -> property.test(device, rows, columns, seed));
    }

    /** The properties of an operation on rows, with so many columns where they shall not be few. */
    List<Check> checks(int columns) {
        return new ArrayList<>(
                List.of(
                        property("edge-no-rows", 0, 67, this::noRowsAreNoWork),
                        property("edge-no-columns", 3, 0, this::emptyIsRejected),
                        property("edge-in-place", 5, columns, this::inPlaceGivesSameBits),
                        property("bits-memory", 5, columns, this::memoryGivesSameBits),
                        threads(33, columns)));
    }

    Check threads(int rows, int columns) {
        return property("bits-threads", rows, columns, this::threadsGiveSameBits);
    }

    /** Long heap calls are cut into pieces, rows too long for them copied off-heap. */
    Check longCalls(int rows, int columns) {
        return property("bits-memory", rows, columns, this::heapGivesSameBits);
    }

    Check rejectsEmpty(String name, int rows, int columns) {
        return property(name, rows, columns, this::emptyIsRejected);
    }

    /** Sums over no rows are 0. */
    private double noRowsAreNoWork(Device device, int rows, int columns, long seed) {
        for (Memory memory : List.of(Memory.HEAP, Memory.NATIVE)) {
            Map<String, float[]> outputs =
                    call(operation.plain(), rows, columns, seed)
                            .on(device, Call.Layout.dense(memory, columns));
            outputs.forEach(
                    (name, values) -> {
                        for (int i = 0; i < values.length; i++) {
                            if (values[i] != 0) {
                                throw new NamedCheck.Failure(
                                        "no rows, memory %s: expected sums of 0, but %s[%s] is %s"
                                                .formatted(
                                                        Setting.label(memory), name, i, values[i]));
                            }
                        }
                    });
        }
        return 0;
    }

    private double emptyIsRejected(Device device, int rows, int columns, long seed) {
        try {
            call(operation.plain(), rows, columns, seed).on(device, dense(columns));
        } catch (IllegalArgumentException e) {
            return 0;
        }
        throw new NamedCheck.Failure("expected an IllegalArgumentException, but the call returned");
    }

    private double inPlaceGivesSameBits(Device device, int rows, int columns, long seed) {
        Recipe inPlace = operation.plain().computedInPlace(operation);
        Call call = call(inPlace, rows, columns, seed);
        Map<String, float[]> expected = call.on(device, dense(columns));
        for (Memory memory : Memory.values()) {
            requireSame(
                    expected,
                    call.on(
                            device,
                            new Call.Layout(memory, columns + 5, columns + 5, inPlace.places())),
                    "in place, memory " + Setting.label(memory));
        }
        return 0;
    }

    private double memoryGivesSameBits(Device device, int rows, int columns, long seed) {
        Call call = call(operation.plain(), rows, columns, seed);
        Map<String, float[]> expected = call.on(device, dense(columns));
        for (Memory memory : Memory.values()) {
            for (int padding : new int[] {0, 1, 16}) {
                requireSame(
                        expected,
                        call.on(
                                device,
                                new Call.Layout(memory, columns + padding, columns, Map.of())),
                        "memory " + Setting.label(memory) + ", row stride " + (columns + padding));
            }
        }
        return 0;
    }

    private double heapGivesSameBits(Device device, int rows, int columns, long seed) {
        if (device.isa() == null) {
            // The reference device, which does not cut anything.
            return 0;
        }
        Call call = call(operation.plain(), rows, columns, seed);
        Map<String, float[]> expected = call.on(device, Call.Layout.dense(Memory.NATIVE, columns));
        requireSame(
                expected,
                call.on(device, new Call.Layout(Memory.HEAP, columns + 3, columns, Map.of())),
                "memory heap instead of native");
        return 0;
    }

    private double threadsGiveSameBits(Device device, int rows, int columns, long seed) {
        if (!device.name().equals("cpu")) {
            return 0;
        }
        Call call = call(operation.plain(), rows, columns, seed);
        Call.Layout layout = Call.Layout.dense(Memory.NATIVE, columns);
        Map<String, float[]> expected = call.on(device, layout);
        for (int threads : new int[] {1, 2, 3}) {
            try (Device other = Device.cpu(new CpuOptions(threads, device.isa()))) {
                requireSame(
                        expected,
                        call.on(other, layout),
                        threads + " threads instead of " + device.threads());
            }
        }
        return 0;
    }

    Call call(Recipe recipe, int rows, int columns, long seed) {
        return recipe.call(operation, dtype, rows, columns, seed);
    }

    static Call.Layout dense(int columns) {
        return Call.Layout.dense(Memory.HEAP, columns);
    }

    static void requireSame(
            Map<String, float[]> expected, Map<String, float[]> actual, String what) {
        for (Map.Entry<String, float[]> entry : expected.entrySet()) {
            float[] other = actual.get(entry.getKey());
            int index = Arrays.mismatch(entry.getValue(), other);
            if (index >= 0) {
                throw new NamedCheck.Failure(
                        "expected the same bits, but with "
                                + what
                                + " "
                                + entry.getKey()
                                + "["
                                + index
                                + "] is "
                                + other[index]
                                + " instead of "
                                + entry.getValue()[index]);
            }
        }
    }
}
