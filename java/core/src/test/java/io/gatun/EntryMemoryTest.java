// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.Entry.Slot;
import io.gatun.NormalizationMemoryTest.Kind;
import java.lang.foreign.Arena;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every entry point beyond the plain forward passes gives the same bits whatever memory it works on
 * and however many threads do the work, and touches nothing beyond its operands.
 */
class EntryMemoryTest {
    private static Device device;

    @BeforeAll
    static void open() {
        device = Device.cpu();
        NormalizationMemoryTest.arena = Arena.ofShared();
    }

    @AfterAll
    static void close() {
        device.close();
        NormalizationMemoryTest.arena.close();
    }

    static List<Entry> entries() {
        return Entry.ofAllFamilies();
    }

    private static float[] noise(Slot slot, int count) {
        SplittableRandom random = new SplittableRandom(slot.name().hashCode());
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            // Scales that were saved are positive.
            values[i] = (float) (random.nextDouble() * 2 + (slot.name().startsWith("r") ? 1 : -1));
        }
        return values;
    }

    /** The outputs of a call, with tensors made in some way. */
    private static Map<String, int[]> results(Entry entry, Function<Slot, Tensor> make) {
        Map<String, Tensor> tensors = entry.tensors(make);
        for (Slot slot : entry.slots()) {
            Tensor tensor = tensors.get(slot.name());
            tensor.copyFrom(noise(slot, (int) tensor.elementCount()));
        }
        entry.run().accept(tensors);
        Map<String, int[]> results = new LinkedHashMap<>();
        for (Slot slot : entry.slots()) {
            float[] values = tensors.get(slot.name()).toFloatArray();
            int[] bits = new int[values.length];
            for (int i = 0; i < bits.length; i++) {
                bits[i] = Float.floatToRawIntBits(values[i]);
            }
            results.put(slot.name(), bits);
        }
        tensors.values().forEach(Tensor::close);
        return results;
    }

    /** The words of a mask must be at multiples of 8 bytes, which some kinds of memory are not. */
    private static Kind allowed(Slot slot, Kind kind) {
        boolean aligned =
                kind != Kind.BYTE_ARRAY && kind != Kind.LONG_ARRAY && kind != Kind.DIRECT_BUFFER;
        return aligned || !slot.name().equals("mask") ? kind : Kind.ARENA;
    }

    private static void assertSame(
            Map<String, int[]> expected, Map<String, int[]> actual, String what) {
        expected.forEach(
                (name, bits) -> assertArrayEquals(bits, actual.get(name), what + ": " + name));
    }

    /** One piece, several, and rows that are copied off-heap. */
    private static List<long[]> sizes(Entry entry) {
        boolean heads = entry.slots().getFirst().name().equals("x.q");
        return heads
                ? List.of(new long[] {1, 1}, new long[] {5, 33}, new long[] {301, 128})
                : List.of(
                        new long[] {1, 1},
                        new long[] {5, 33},
                        new long[] {21, 4000},
                        new long[] {3, 70_001});
    }

    @ParameterizedTest
    @MethodSource("entries")
    void everyKindOfMemoryGivesTheSameBits(Entry entry) {
        for (long[] size : sizes(entry)) {
            for (DType dtype : DType.values()) {
                if (dtype != DType.F32 && (entry.isOfWeights() || size[1] > 4000)) {
                    continue;
                }
                Function<Kind, Function<Slot, Tensor>> of =
                        kind ->
                                slot ->
                                        allowed(slot, kind)
                                                .tensor(
                                                        device,
                                                        slot.type(dtype, DType.F32),
                                                        slot.shape(size[0], size[1]));
                Map<String, int[]> expected = results(entry, of.apply(Kind.ARENA));
                String at = entry + " " + dtype + " " + size[0] + "x" + size[1] + " ";
                for (Kind kind : Kind.values()) {
                    assertSame(expected, results(entry, of.apply(kind)), at + kind);
                }
                // One tensor on the heap, and one off it.
                for (Slot alone : entry.slots()) {
                    if (size[0] * size[1] > 10_000) {
                        continue;
                    }
                    assertSame(
                            expected,
                            results(
                                    entry,
                                    slot ->
                                            of.apply(slot == alone ? Kind.ARRAY : Kind.DEVICE)
                                                    .apply(slot)),
                            at + alone + " on the heap");
                    assertSame(
                            expected,
                            results(
                                    entry,
                                    slot ->
                                            of.apply(slot == alone ? Kind.DEVICE : Kind.ARRAY)
                                                    .apply(slot)),
                            at + alone + " off the heap");
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("entries")
    void everyNumberOfThreadsGivesTheSameBits(Entry entry) {
        for (long[] size : Stream.of(new long[] {300, 1000}, new long[] {3, 70_001}).toList()) {
            Map<String, int[]> expected = null;
            for (int threads = 1; threads <= 4; threads++) {
                try (Device some = Device.cpu(CpuOptions.DEFAULT.withThreads(threads))) {
                    assertTrue(some.threads() <= threads);
                    Map<String, int[]> actual =
                            results(
                                    entry,
                                    slot ->
                                            Kind.ARENA.tensor(
                                                    some, DType.F32, slot.shape(size[0], size[1])));
                    expected = expected == null ? actual : expected;
                    assertSame(expected, actual, entry + ", " + threads + " threads");
                }
            }
        }
    }

    /** Every operand ends before a page that cannot be touched, then begins behind one. */
    @ParameterizedTest
    @MethodSource("entries")
    void touchesNothingBeyondItsOperands(Entry entry) {
        for (Isa isa : new Isa[] {Isa.SCALAR, device.isa()}) {
            for (DType dtype : DType.values()) {
                if (dtype != DType.F32 && entry.isOfWeights()) {
                    continue;
                }
                try (GuardPageArena guarded = new GuardPageArena();
                        Device some = Device.cpu(CpuOptions.DEFAULT.withIsa(isa))) {
                    for (long columns : new long[] {1, 2, 3, 7, 9, 15, 17, 31, 33, 64, 100, 1025}) {
                        Map<String, int[]> expected =
                                results(
                                        entry,
                                        slot ->
                                                Kind.ARRAY.tensor(
                                                        some,
                                                        slot.type(dtype, DType.F32),
                                                        slot.shape(3, columns)));
                        for (boolean atEnd : new boolean[] {true, false}) {
                            Map<String, int[]> actual =
                                    results(
                                            entry,
                                            slot -> {
                                                DType type = slot.type(dtype, DType.F32);
                                                long[] shape = slot.shape(3, columns);
                                                long bytes = Kind.bytes(type, shape);
                                                return some.tensor(
                                                        type,
                                                        atEnd
                                                                ? guarded.endingAtGuard(bytes)
                                                                : guarded.beginningAtGuard(bytes),
                                                        shape);
                                            });
                            assertSame(expected, actual, entry + " of " + columns + " columns");
                        }
                    }
                }
            }
        }
    }
}
