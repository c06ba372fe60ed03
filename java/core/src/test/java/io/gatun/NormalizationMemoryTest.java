// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The native kernels give the same bits whatever memory they work on and however many threads do
 * the work.
 */
class NormalizationMemoryTest {
    static Device device;
    static Arena arena;

    @BeforeAll
    static void open() {
        device = Device.cpu();
        arena = Arena.ofShared();
    }

    @AfterAll
    static void close() {
        device.close();
        arena.close();
    }

    /** How the memory of an operand is made. */
    enum Kind {
        ARENA {
            @Override
            Tensor tensor(Device on, DType dtype, long... shape) {
                return on.tensor(dtype, arena.allocate(bytes(dtype, shape), 64), shape);
            }
        },
        DEVICE {
            @Override
            Tensor tensor(Device on, DType dtype, long... shape) {
                return on.allocate(dtype, shape);
            }
        },
        ARRAY {
            @Override
            Tensor tensor(Device on, DType dtype, long... shape) {
                int count = (int) Shapes.product(shape);
                return dtype == DType.F32
                        ? on.tensor(new float[count], shape)
                        : on.tensor(dtype, new short[count], shape);
            }
        },
        BYTE_ARRAY {
            @Override
            Tensor tensor(Device on, DType dtype, long... shape) {
                MemorySegment memory =
                        MemorySegment.ofArray(new byte[(int) bytes(dtype, shape) + 12]);
                return on.tensor(dtype, memory.asSlice(12), shape);
            }
        },
        LONG_ARRAY {
            @Override
            Tensor tensor(Device on, DType dtype, long... shape) {
                MemorySegment memory =
                        MemorySegment.ofArray(new long[(int) bytes(dtype, shape) / 8 + 2]);
                return on.tensor(dtype, memory.asSlice(4), shape);
            }
        },
        DIRECT_BUFFER {
            @Override
            Tensor tensor(Device on, DType dtype, long... shape) {
                ByteBuffer buffer = ByteBuffer.allocateDirect((int) bytes(dtype, shape) + 4);
                return on.tensor(dtype, buffer.order(ByteOrder.nativeOrder()).position(4), shape);
            }
        },
        HEAP_BUFFER {
            @Override
            Tensor tensor(Device on, DType dtype, long... shape) {
                ByteBuffer buffer = ByteBuffer.allocate((int) bytes(dtype, shape) + 8);
                return on.tensor(dtype, buffer.order(ByteOrder.nativeOrder()).position(8), shape);
            }
        },
        REFERENCE_MEMORY {
            @Override
            Tensor tensor(Device on, DType dtype, long... shape) {
                return Device.reference().allocate(dtype, shape).on(on);
            }
        };

        abstract Tensor tensor(Device on, DType dtype, long... shape);

        static long bytes(DType dtype, long... shape) {
            return Shapes.product(shape) * dtype.bytes();
        }
    }

    private static float[] noise(int count, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) (random.nextDouble() * 4 - 1);
        }
        return values;
    }

    private static int[] bits(Tensor tensor) {
        float[] values = tensor.toFloatArray();
        int[] bits = new int[values.length];
        for (int i = 0; i < bits.length; i++) {
            bits[i] = Float.floatToRawIntBits(values[i]);
        }
        return bits;
    }

    /** Everything that a call gives: y and the statistics of layer and RMS normalization. */
    private static List<int[]> results(
            Device on,
            Kind data,
            Kind parameters,
            Kind saved,
            DType dtype,
            long rows,
            long columns,
            boolean inPlace) {
        List<int[]> results = new ArrayList<>();
        List<Tensor> all = new ArrayList<>();
        for (boolean centered : new boolean[] {true, false}) {
            Tensor x = data.tensor(on, dtype, rows, columns);
            x.copyFrom(noise((int) (rows * columns), 1));
            Tensor y = inPlace ? x : data.tensor(on, dtype, rows, columns);
            Tensor gamma = parameters.tensor(on, DType.F32, columns);
            gamma.copyFrom(noise((int) columns, 2));
            Tensor beta = parameters.tensor(on, DType.F32, columns);
            beta.copyFrom(noise((int) columns, 3));
            Tensor mean = saved.tensor(on, DType.F32, rows);
            Tensor meanLow = saved.tensor(on, DType.F32, rows);
            Tensor rstd = saved.tensor(on, DType.F32, rows);
            if (centered) {
                Normalization.layerNorm(
                        x,
                        gamma,
                        beta,
                        NormOptions.eps(1e-5f),
                        y,
                        new NormStatistics(mean, meanLow, rstd));
                results.add(bits(mean));
                results.add(bits(meanLow));
            } else {
                Normalization.rmsNorm(
                        x,
                        gamma,
                        beta,
                        NormOptions.llama(1e-5f),
                        y,
                        new NormStatistics(null, null, rstd));
            }
            results.add(bits(rstd));
            results.add(bits(y));
            all.addAll(List.of(x, y, gamma, beta, mean, meanLow, rstd));
        }
        all.forEach(Tensor::close);
        return results;
    }

    private static void assertSame(List<int[]> expected, List<int[]> actual, String what) {
        for (int i = 0; i < expected.size(); i++) {
            assertArrayEquals(expected.get(i), actual.get(i), what);
        }
    }

    /** Rows that make one piece, rows that make several, rows that are staged. */
    static Stream<long[]> sizes() {
        return Stream.of(
                new long[] {1, 1},
                new long[] {3, 33},
                new long[] {3, 2048},
                new long[] {11, 4000},
                new long[] {1, 70_001},
                new long[] {2, 200_003});
    }

    @ParameterizedTest
    @MethodSource("sizes")
    void everyKindOfMemoryGivesTheSameBits(long[] size) {
        for (DType dtype : DType.values()) {
            if (dtype != DType.F32 && size[0] * size[1] > 100_000) {
                continue;
            }
            List<int[]> expected =
                    results(
                            device,
                            Kind.ARENA,
                            Kind.ARENA,
                            Kind.ARENA,
                            dtype,
                            size[0],
                            size[1],
                            false);
            for (Kind kind : Kind.values()) {
                for (boolean inPlace : new boolean[] {false, true}) {
                    assertSame(
                            expected,
                            results(device, kind, kind, kind, dtype, size[0], size[1], inPlace),
                            kind + " " + dtype + (inPlace ? " in place" : ""));
                }
            }
            assertSame(
                    expected,
                    results(
                            device,
                            Kind.ARRAY,
                            Kind.DEVICE,
                            Kind.ARENA,
                            dtype,
                            size[0],
                            size[1],
                            false),
                    "data on the heap");
            assertSame(
                    expected,
                    results(
                            device,
                            Kind.DEVICE,
                            Kind.ARRAY,
                            Kind.ARENA,
                            dtype,
                            size[0],
                            size[1],
                            true),
                    "parameters on the heap");
            assertSame(
                    expected,
                    results(
                            device,
                            Kind.DEVICE,
                            Kind.ARENA,
                            Kind.ARRAY,
                            dtype,
                            size[0],
                            size[1],
                            false),
                    "statistics on the heap");
        }
    }

    /** In one call, x on the heap and y not, and the other way round. */
    @ParameterizedTest
    @MethodSource("sizes")
    void heapAndOffHeapMixInOneCall(long[] size) {
        long rows = size[0];
        long columns = size[1];
        float[] values = noise((int) (rows * columns), 5);
        Tensor onHeap = device.tensor(values, rows, columns);
        Tensor offHeap = Kind.ARENA.tensor(device, DType.F32, rows, columns);
        onHeap.copyTo(offHeap);
        Tensor expected = Kind.ARENA.tensor(device, DType.F32, rows, columns);
        Normalization.srmsNorm(offHeap, 1e-6f, expected);
        Tensor toHeap = Kind.ARRAY.tensor(device, DType.F32, rows, columns);
        Normalization.srmsNorm(offHeap, 1e-6f, toHeap);
        assertArrayEquals(bits(expected), bits(toHeap));
        Tensor fromHeap = Kind.ARENA.tensor(device, DType.F32, rows, columns);
        Normalization.srmsNorm(onHeap, 1e-6f, fromHeap);
        assertArrayEquals(bits(expected), bits(fromHeap));
        assertArrayEquals(noise((int) (rows * columns), 5), values, "x must not be written");
    }

    @ParameterizedTest
    @MethodSource("sizes")
    void everyNumberOfThreadsGivesTheSameBits(long[] size) {
        List<int[]> expected = null;
        for (int threads = 1; threads <= 4; threads++) {
            try (Device some = Device.cpu(CpuOptions.DEFAULT.withThreads(threads))) {
                assertTrue(some.threads() >= 1 && some.threads() <= threads);
                List<int[]> actual =
                        results(
                                some,
                                Kind.ARENA,
                                Kind.ARENA,
                                Kind.ARENA,
                                DType.F32,
                                4 * size[0],
                                size[1],
                                false);
                if (expected == null) {
                    expected = actual;
                }
                assertSame(expected, actual, threads + " threads");
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void rowsWithGapsLeaveTheGapsAlone(DType dtype) {
        long rows = 3;
        for (long columns : new long[] {1, 31, 4096, 210_000}) {
            for (Kind kind : new Kind[] {Kind.ARENA, Kind.ARRAY}) {
                Tensor wideX = kind.tensor(device, dtype, rows, columns + 5);
                Tensor wideY = kind.tensor(device, dtype, rows, columns + 3);
                wideX.copyFrom(noise((int) (rows * (columns + 5)), 4));
                Tensor x = wideX.slice(1, 2, columns);
                Tensor y = wideY.slice(1, 1, columns);
                Tensor dense = Kind.ARENA.tensor(device, dtype, rows, columns);
                x.copyTo(dense);
                Normalization.srmsNorm(dense, 1e-5f, dense);
                Normalization.srmsNorm(x, 1e-5f, y);
                assertArrayEquals(bits(dense), bits(y));
                for (long row = 0; row < rows; row++) {
                    assertEquals(0, wideY.get(row, 0));
                    assertEquals(0, wideY.get(row, columns + 1));
                    assertEquals(0, wideY.get(row, columns + 2));
                }
                Normalization.srmsNorm(x, 1e-5f, x);
                assertArrayEquals(bits(dense), bits(x));
            }
        }
    }

    @Test
    void higherRanksAreRows() {
        Tensor x = Kind.ARRAY.tensor(device, DType.F32, 2, 3, 4, 16);
        x.copyFrom(noise(384, 6));
        Tensor y = Kind.ARENA.tensor(device, DType.F32, 2, 3, 4, 16);
        Normalization.srmsNorm(x, 0, y);
        Tensor flat = Kind.ARENA.tensor(device, DType.F32, 24, 16);
        Normalization.srmsNorm(x.reshape(24, 16), 0, flat);
        assertArrayEquals(bits(flat), bits(y));
        Tensor vector = Kind.ARRAY.tensor(device, DType.F32, 16);
        Normalization.srmsNorm(x.reshape(24, 16).slice(0, 5, 1).reshape(16), 0, vector);
        assertArrayEquals(bits(flat.slice(0, 5, 1).reshape(16)), bits(vector));
    }

    /** Every operand ends before a page that cannot be touched, then begins behind one. */
    @ParameterizedTest
    @EnumSource
    void touchesNothingBeyondItsOperands(DType dtype) {
        for (Isa isa : new Isa[] {Isa.SCALAR, device.isa()}) {
            try (GuardPageArena guarded = new GuardPageArena();
                    Device some = Device.cpu(CpuOptions.DEFAULT.withIsa(isa))) {
                for (long columns :
                        new long[] {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100, 1025, 70_001}) {
                    for (boolean atEnd : new boolean[] {true, false}) {
                        long[][] shapes = {
                            {3, columns}, {columns}, {columns}, {3, columns}, {3}, {3}, {3}
                        };
                        Tensor[] guardedTensors = new Tensor[7];
                        for (int i = 0; i < 7; i++) {
                            DType type = i == 0 || i == 3 ? dtype : DType.F32;
                            long bytes = Kind.bytes(type, shapes[i]);
                            MemorySegment memory =
                                    atEnd
                                            ? guarded.endingAtGuard(bytes)
                                            : guarded.beginningAtGuard(bytes);
                            guardedTensors[i] = some.tensor(type, memory, shapes[i]);
                            guardedTensors[i].copyFrom(noise((int) Shapes.product(shapes[i]), i));
                        }
                        Tensor expected = Kind.ARRAY.tensor(some, dtype, 3, columns);
                        Normalization.layerNorm(
                                guardedTensors[0],
                                guardedTensors[1],
                                guardedTensors[2],
                                1e-5f,
                                expected);
                        Normalization.layerNorm(
                                guardedTensors[0],
                                guardedTensors[1],
                                guardedTensors[2],
                                NormOptions.eps(1e-5f),
                                guardedTensors[3],
                                new NormStatistics(
                                        guardedTensors[4], guardedTensors[5], guardedTensors[6]));
                        assertArrayEquals(bits(expected), bits(guardedTensors[3]));
                    }
                }
            }
        }
    }

    /** Not the conformance suite, but enough to see that arguments arrive where they belong. */
    @ParameterizedTest
    @EnumSource
    void agreesWithTheReferenceInEveryMode(EpsMode epsMode) {
        try (Device reference = Device.reference()) {
            for (DType dtype : DType.values()) {
                float[] values = noise(5 * 100, 7);
                for (int i = 0; i < values.length && dtype == DType.F32; i++) {
                    values[i] += 4096;
                }
                for (CastMode castMode : CastMode.values()) {
                    for (Kind kind : new Kind[] {Kind.ARENA, Kind.ARRAY}) {
                        NormOptions options = new NormOptions(0.25f, epsMode, castMode, 0.5f, 0);
                        Tensor x = kind.tensor(device, dtype, 5, 100);
                        x.copyFrom(values);
                        Tensor gamma = kind.tensor(device, dtype, 100);
                        gamma.copyFrom(noise(100, 8));
                        Tensor beta = kind.tensor(device, dtype, 100);
                        beta.copyFrom(noise(100, 9));
                        Tensor[] saved = new Tensor[3];
                        Tensor[] expectedSaved = new Tensor[3];
                        for (int i = 0; i < 3; i++) {
                            saved[i] = kind.tensor(device, DType.F32, 5);
                            expectedSaved[i] = kind.tensor(reference, DType.F32, 5);
                        }
                        Tensor y = kind.tensor(device, dtype, 5, 100);
                        Tensor expected = kind.tensor(reference, dtype, 5, 100);
                        Normalization.layerNorm(
                                x,
                                gamma,
                                beta,
                                options,
                                y,
                                new NormStatistics(saved[0], saved[1], saved[2]));
                        Normalization.layerNorm(
                                x.on(reference),
                                gamma.on(reference),
                                beta.on(reference),
                                options,
                                expected,
                                new NormStatistics(
                                        expectedSaved[0], expectedSaved[1], expectedSaved[2]));
                        assertClose(dtype, castMode, expected, y);
                        assertClose(DType.F32, castMode, expectedSaved[2], saved[2]);
                        // A float32 near 4096 is known to 2^-12, mean and meanLow together to
                        // float32 of the deviation.
                        for (int row = 0; row < 5; row++) {
                            assertEquals(
                                    (double) expectedSaved[0].get(row) + expectedSaved[1].get(row),
                                    (double) saved[0].get(row) + saved[1].get(row),
                                    0x1p-22);
                        }
                        NormOptions partial = options.withStatisticsColumns(37);
                        Normalization.rmsNorm(
                                x,
                                gamma,
                                beta,
                                partial,
                                y,
                                new NormStatistics(null, null, saved[2]));
                        Normalization.rmsNorm(
                                x.on(reference),
                                gamma.on(reference),
                                beta.on(reference),
                                partial,
                                expected,
                                new NormStatistics(null, null, expectedSaved[2]));
                        assertClose(dtype, castMode, expected, y);
                        assertClose(DType.F32, castMode, expectedSaved[2], saved[2]);
                    }
                }
            }
        }
    }

    /**
     * Four float32 roundings, or one step of a 16-bit type (two where the value is rounded twice).
     */
    private static void assertClose(
            DType dtype, CastMode castMode, Tensor expected, Tensor actual) {
        float[] wanted = expected.toFloatArray();
        float[] got = actual.toFloatArray();
        double step =
                switch (dtype) {
                    case F32 -> 4 * 0x1p-23;
                    case BF16 -> 0x1p-7;
                    case F16 -> 0x1p-10;
                };
        double bound = step * (castMode == CastMode.LLAMA && dtype != DType.F32 ? 2 : 1);
        for (int i = 0; i < wanted.length; i++) {
            assertEquals(
                    wanted[i], got[i], bound * (1 + Math.abs(wanted[i])), dtype + " element " + i);
        }
    }

    @Test
    void deviceMemoryIsAligned() {
        try (Tensor tensor = device.allocate(DType.F16, 3)) {
            assertEquals(0, tensor.segment().address() % 64);
            assertEquals(6, tensor.segment().byteSize());
            tensor.segment().set(ValueLayout.JAVA_SHORT, 4, (short) 0x3c00);
            assertEquals(1, tensor.get(2));
        }
        try (Tensor empty = device.allocate(DType.F32, 0, 7)) {
            assertEquals(0, empty.segment().byteSize());
        }
    }
}
