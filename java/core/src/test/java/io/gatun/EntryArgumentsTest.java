// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.Entry.Slot;
import io.gatun.Entry.Use;
import io.gatun.NormalizationArgumentsTest.Setting;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every tensor of every entry point beyond the plain forward passes, wrong in every way: the
 * documented exception, which names it, before anything is written.
 */
class EntryArgumentsTest {
    private static final long ROWS = 3;
    private static final long COLUMNS = 4;

    /** Settings are closed by JUnit, each with a device of its own. */
    static Stream<Arguments> everywhere() {
        return Stream.of(true, false)
                .flatMap(cpu -> Stream.of(true, false).map(onHeap -> List.of(cpu, onHeap)))
                .flatMap(
                        where ->
                                Entry.all().stream()
                                        .map(
                                                entry ->
                                                        Arguments.of(
                                                                new Setting(
                                                                        where.getFirst()
                                                                                ? Device.cpu()
                                                                                : Device
                                                                                        .reference(),
                                                                        where.getLast()),
                                                                entry)));
    }

    private static Map<String, Tensor> tensors(Setting at, Entry entry) {
        return entry.tensors(slot -> at.f32(slot.shape(ROWS, COLUMNS)));
    }

    private static Map<String, Tensor> with(Map<String, Tensor> all, Slot slot, Tensor other) {
        Map<String, Tensor> changed = new HashMap<>(all);
        changed.put(slot.name(), other);
        return changed;
    }

    private static void assertThrown(
            Setting at,
            Entry entry,
            Map<String, Tensor> tensors,
            Class<? extends Throwable> type,
            String message) {
        Throwable thrown =
                assertThrows(type, () -> entry.run().accept(tensors), () -> entry + ": " + message);
        assertSame(type, thrown.getClass(), () -> entry + ": " + thrown);
        assertTrue(
                thrown.getMessage().startsWith(message),
                () -> entry + ": expected " + message + ", but it is " + thrown.getMessage());
        at.assertUntouched();
    }

    @ParameterizedTest
    @MethodSource("everywhere")
    void nulls(Setting at, Entry entry) {
        Map<String, Tensor> all = tensors(at, entry);
        for (Slot slot : entry.slots()) {
            if (!slot.optional() && !slot.name().matches("x[.][kv]")) {
                assertThrown(
                        at,
                        entry,
                        with(all, slot, null),
                        NullPointerException.class,
                        slot + ": expected a Tensor, but it is null");
            }
        }
    }

    @ParameterizedTest
    @MethodSource("everywhere")
    void typesShapesAndStrides(Setting at, Entry entry) {
        Map<String, Tensor> all = tensors(at, entry);
        for (Slot slot : entry.slots()) {
            long[] shape = slot.shape(ROWS, COLUMNS);
            String expected = slot + ": expected ";
            if (!slot.equals(entry.slots().getFirst()) || entry.isOfWeights()) {
                assertThrown(
                        at,
                        entry,
                        with(all, slot, at.tensor(DType.F16, shape)),
                        IllegalArgumentException.class,
                        expected + "F32 (");
            }
            long[] wider = shape.clone();
            wider[shape.length - 1]++;
            Tensor wide = at.f32(wider);
            if (!slot.equals(entry.slots().getFirst())) {
                assertThrown(
                        at, entry, with(all, slot, wide), IllegalArgumentException.class, expected);
            }
            if (shape.length > 1 && slot.isData()) {
                // A transposed matrix has no columns next to each other.
                long[] strides = new long[shape.length];
                long step = 1;
                for (int dimension = 0; dimension < shape.length; dimension++) {
                    strides[dimension] = step;
                    step *= shape[dimension];
                }
                assertThrown(
                        at,
                        entry,
                        with(all, slot, at.f32(shape).strided(0, shape, strides)),
                        IllegalArgumentException.class,
                        expected);
                assertThrown(
                        at,
                        entry,
                        with(all, slot, at.f32()),
                        IllegalArgumentException.class,
                        expected);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("everywhere")
    void devices(Setting at, Entry entry) {
        Map<String, Tensor> all = tensors(at, entry);
        Slot first = entry.slots().getFirst();
        try (Device other = Device.reference()) {
            for (Slot slot : entry.slots()) {
                if (!slot.equals(first)) {
                    assertThrown(
                            at,
                            entry,
                            with(all, slot, all.get(slot.name()).on(other)),
                            IllegalArgumentException.class,
                            slot + ": expected a tensor on " + at.device + ", the device of ");
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("everywhere")
    void readOnlyOutputs(Setting at, Entry entry) {
        Map<String, Tensor> all = tensors(at, entry);
        for (Slot slot : entry.slots()) {
            Map<String, Tensor> changed = with(all, slot, all.get(slot.name()).asReadOnly());
            if (slot.isOutput()) {
                assertThrown(
                        at,
                        entry,
                        changed,
                        IllegalArgumentException.class,
                        slot + ": expected memory that can be written, but it is read-only");
            }
        }
        Map<String, Tensor> readOnly = new HashMap<>(all);
        for (Slot slot : entry.slots()) {
            if (!slot.isOutput()) {
                readOnly.put(slot.name(), all.get(slot.name()).asReadOnly());
            }
        }
        entry.run().accept(readOnly);
    }

    /** An output over any other tensor: itself where that is allowed, and else not by a byte. */
    @ParameterizedTest
    @MethodSource("everywhere")
    void overlaps(Setting at, Entry entry) {
        Map<String, Tensor> all = tensors(at, entry);
        for (Slot output : entry.slots()) {
            for (Slot other : entry.slots()) {
                if (!output.isOutput() || output.equals(other)) {
                    continue;
                }
                long[] shape = output.shape(ROWS, COLUMNS);
                long[] otherShape = other.shape(ROWS, COLUMNS);
                long count = Shapes.product(shape);
                long otherCount = Shapes.product(otherShape);
                Tensor both = at.f32(count + otherCount);
                Map<String, Tensor> changed =
                        with(all, other, both.slice(0, 0, otherCount).reshape(otherShape));
                changed.put(output.name(), both.slice(0, otherCount - 1, count).reshape(shape));
                Throwable thrown =
                        assertThrows(
                                IllegalArgumentException.class,
                                () -> entry.run().accept(changed),
                                () -> entry + ": " + output + " over " + other);
                String message = thrown.getMessage();
                assertTrue(
                        message.startsWith(output + ": expected ")
                                || message.startsWith(other + ": expected "),
                        message);
                assertTrue(message.contains("overlap"), message);
                at.assertUntouched();
                if (count == otherCount
                        && !output.mayBe().contains(other.name())
                        && !other.mayBe().contains(output.name())) {
                    Map<String, Tensor> same = with(all, output, all.get(other.name()));
                    if (shape.length == otherShape.length && Arrays.equals(shape, otherShape)) {
                        assertThrows(
                                IllegalArgumentException.class,
                                () -> entry.run().accept(same),
                                () -> entry + ": " + output + " is " + other);
                        at.assertUntouched();
                    }
                }
            }
        }
    }

    /** What may be the same gives the same bits as memory apart. */
    @ParameterizedTest
    @MethodSource("everywhere")
    void whatMayShareMemory(Setting at, Entry entry) {
        for (Slot output : entry.slots()) {
            for (String place : output.mayBe()) {
                Map<String, Tensor> apart = tensors(at, entry);
                Map<String, Tensor> shared = tensors(at, entry);
                apart.forEach((name, tensor) -> shared.get(name).copyFrom(values(tensor)));
                shared.put(output.name(), shared.get(place));
                entry.run().accept(apart);
                entry.run().accept(shared);
                for (Slot slot : entry.slots()) {
                    if (slot.isOutput()) {
                        assertArrayEquals(
                                values(apart.get(slot.name())),
                                values(shared.get(slot.name())),
                                () -> entry + ": " + output + " is " + place + ": " + slot);
                    }
                }
            }
        }
    }

    private static float[] values(Tensor tensor) {
        return tensor.toFloatArray();
    }

    @ParameterizedTest
    @MethodSource("everywhere")
    void closedMemoryIsNamed(Setting at, Entry entry) {
        for (long columns : new long[] {4, 70_000}) {
            for (Slot closed : entry.slots()) {
                Arena arena = Arena.ofShared();
                Map<String, Tensor> all =
                        entry.tensors(
                                slot -> {
                                    long[] shape = slot.shape(ROWS, columns);
                                    long bytes = Shapes.product(shape) * 4;
                                    MemorySegment memory =
                                            slot.equals(closed)
                                                    ? arena.allocate(bytes)
                                                    : at.memory(bytes);
                                    return at.device.tensor(DType.F32, memory, shape);
                                });
                arena.close();
                assertThrown(
                        at,
                        entry,
                        all,
                        IllegalStateException.class,
                        closed + ": expected open memory, but it was closed");
                at.all.clear();
                at.before.clear();
            }
        }
    }

    @ParameterizedTest
    @MethodSource("everywhere")
    void confinedMemoryOfAnotherThread(Setting at, Entry entry) throws InterruptedException {
        for (Slot foreign : entry.slots()) {
            try (Arena mine = Arena.ofConfined()) {
                Map<String, Tensor> all = tensors(at, entry);
                long[] shape = foreign.shape(ROWS, COLUMNS);
                all.put(
                        foreign.name(),
                        at.device.tensor(
                                DType.F32, mine.allocate(Shapes.product(shape) * 4), shape));
                List<Throwable> thrown = new ArrayList<>();
                Thread thread =
                        new Thread(
                                () ->
                                        thrown.add(
                                                assertThrows(
                                                        WrongThreadException.class,
                                                        () -> entry.run().accept(all))));
                thread.start();
                thread.join();
                assertEquals(1, thrown.size(), () -> entry + ": " + foreign);
                assertTrue(
                        thrown.getFirst()
                                .getMessage()
                                .startsWith(foreign + ": expected memory that Thread["),
                        thrown.getFirst().getMessage());
                at.assertUntouched();
            }
        }
    }

    @ParameterizedTest
    @MethodSource("everywhere")
    void noRows(Setting at, Entry entry) {
        Map<String, Tensor> all = entry.tensors(slot -> at.f32(slot.shape(0, COLUMNS)));
        if (entry.isOfWeights()) {
            assertThrown(
                    at,
                    entry,
                    all,
                    IllegalArgumentException.class,
                    "weight: expected at least 1 row, but its shape is [0, 4]");
            return;
        }
        entry.run().accept(all);
        for (Slot slot : entry.slots()) {
            if (slot.use() == Use.GRADIENT) {
                assertArrayEquals(
                        new float[(int) all.get(slot.name()).elementCount()],
                        values(all.get(slot.name())),
                        slot.name());
            }
        }
    }

    @ParameterizedTest
    @MethodSource("everywhere")
    void aClosedDevice(Setting at, Entry entry) {
        Map<String, Tensor> all = tensors(at, entry);
        Device device = at.device.name().equals("cpu") ? Device.cpu() : Device.reference();
        device.close();
        Map<String, Tensor> closed = new HashMap<>();
        all.forEach((name, tensor) -> closed.put(name, tensor.on(device)));
        assertThrown(
                at,
                entry,
                closed,
                IllegalStateException.class,
                "device " + device.name() + " is closed");
    }
}
