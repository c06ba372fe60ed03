// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every wrong argument of the row normalizations: the documented exception with its message, before
 * anything is written. Each call is made by the CPU and by the reference device, on the heap and
 * off it.
 */
class NormalizationArgumentsTest {
    private static final float EPS = 1e-5f;
    private static final NormOptions OPTIONS = NormOptions.eps(EPS);

    private final List<Setting> settings = new ArrayList<>();

    /** Where a test runs. Memory is filled with a pattern, to be compared after the call. */
    static final class Setting implements AutoCloseable {
        final Device device;
        final boolean onHeap;
        final Arena arena = Arena.ofShared();
        final List<MemorySegment> all = new ArrayList<>();
        final List<byte[]> before = new ArrayList<>();

        Setting(Device device, boolean onHeap) {
            this.device = device;
            this.onHeap = onHeap;
        }

        MemorySegment memory(long bytes) {
            MemorySegment segment =
                    onHeap
                            ? MemorySegment.ofArray(new float[(int) (bytes / 4)])
                            : arena.allocate(bytes, 64);
            for (long i = 0; i < bytes / 4; i++) {
                segment.setAtIndex(ValueLayout.JAVA_INT_UNALIGNED, i, 0x3f800000 + (int) i * 7919);
            }
            all.add(segment);
            before.add(segment.toArray(ValueLayout.JAVA_BYTE));
            return segment;
        }

        Tensor tensor(DType dtype, long... shape) {
            return device.tensor(
                    dtype,
                    memory(Math.max(Shapes.product(shape) * dtype.bytes() + 3 & ~3L, 4)),
                    shape);
        }

        Tensor f32(long... shape) {
            return tensor(DType.F32, shape);
        }

        void assertUntouched() {
            for (int i = 0; i < all.size(); i++) {
                if (all.get(i).scope().isAlive()) {
                    assertArrayEquals(before.get(i), all.get(i).toArray(ValueLayout.JAVA_BYTE));
                }
            }
        }

        @Override
        public void close() {
            if (arena.scope().isAlive()) {
                arena.close();
            }
            device.close();
        }

        @Override
        public String toString() {
            return device.name() + (onHeap ? " on heap" : " off heap");
        }
    }

    static Stream<Setting> everywhere() {
        return Stream.of(
                new Setting(Device.cpu(), true),
                new Setting(Device.cpu(), false),
                new Setting(Device.reference(), true),
                new Setting(Device.reference(), false));
    }

    @AfterEach
    void close() {
        settings.forEach(Setting::close);
    }

    private <T extends Throwable> T assertThrown(
            Setting at, Class<T> type, String message, Executable call) {
        if (!settings.contains(at)) {
            settings.add(at);
        }
        T thrown = assertThrows(type, call);
        assertSame(type, thrown.getClass());
        assertEquals(message, thrown.getMessage());
        at.assertUntouched();
        return thrown;
    }

    private void assertRejected(Setting at, String message, Executable call) {
        assertThrown(at, IllegalArgumentException.class, message, call);
    }

    private static void rms(Tensor x, Tensor gamma, Tensor y) {
        Normalization.rmsNorm(x, gamma, EPS, y);
    }

    private static void layer(
            Tensor x, Tensor gamma, Tensor beta, Tensor y, NormStatistics statistics) {
        Normalization.layerNorm(x, gamma, beta, OPTIONS, y, statistics);
    }

    @ParameterizedTest
    @MethodSource("everywhere")
    void nulls(Setting at) {
        Tensor x = at.f32(2, 4);
        Tensor y = at.f32(2, 4);
        Class<NullPointerException> type = NullPointerException.class;
        assertThrown(at, type, "x: expected a Tensor, but it is null", () -> rms(null, null, y));
        assertThrown(at, type, "y: expected a Tensor, but it is null", () -> rms(x, null, null));
        assertThrown(
                at,
                type,
                "x: expected a Tensor, but it is null",
                () -> layer(null, null, null, y, NormStatistics.NONE));
        assertThrown(
                at,
                type,
                "options: expected NormOptions, but it is null",
                () -> Normalization.rmsNorm(x, null, null, null, y, NormStatistics.NONE));
        assertThrown(
                at,
                type,
                "statistics: expected NormStatistics (NormStatistics.NONE for none), but it is null",
                () -> layer(x, null, null, y, null));
    }

    @ParameterizedTest
    @MethodSource("everywhere")
    void types(Setting at) {
        Tensor x = at.tensor(DType.BF16, 2, 4);
        Tensor y = at.tensor(DType.BF16, 2, 4);
        assertRejected(
                at,
                "y: expected BF16 (the type of x), but it is F32",
                () -> rms(x, null, at.f32(2, 4)));
        assertRejected(
                at,
                "gamma: expected BF16 (F32 or the type of x), but it is F16",
                () -> rms(x, at.tensor(DType.F16, 4), y));
        assertRejected(
                at,
                "gamma: expected F32 (F32 or the type of x), but it is F16",
                () -> rms(at.f32(2, 4), at.tensor(DType.F16, 4), at.f32(2, 4)));
        assertRejected(
                at,
                "beta: expected F32 (the type of gamma), but it is BF16",
                () -> layer(x, at.f32(4), at.tensor(DType.BF16, 4), y, NormStatistics.NONE));
        assertRejected(
                at,
                "rstd: expected F32 (statistics of every type), but it is BF16",
                () ->
                        layer(
                                x,
                                null,
                                null,
                                y,
                                new NormStatistics(null, null, at.tensor(DType.BF16, 2))));
    }

    @ParameterizedTest
    @MethodSource("everywhere")
    void devices(Setting at) {
        try (Device other = Device.reference()) {
            Tensor x = at.f32(2, 4);
            Tensor y = at.f32(2, 4);
            String tail =
                    ": expected a tensor on "
                            + at.device
                            + ", the device of x, but it is on "
                            + other
                            + "; Tensor.on(Device) shows host memory to another device";
            assertRejected(at, "y" + tail, () -> rms(x, null, y.on(other)));
            assertRejected(at, "gamma" + tail, () -> rms(x, at.f32(4).on(other), y));
            assertRejected(
                    at,
                    "beta" + tail,
                    () -> layer(x, null, at.f32(4).on(other), y, NormStatistics.NONE));
            Tensor saved = at.f32(2).on(other);
            assertRejected(
                    at,
                    "mean" + tail,
                    () -> layer(x, null, null, y, new NormStatistics(saved, null, null)));
            assertRejected(
                    at,
                    "meanLow" + tail,
                    () -> layer(x, null, null, y, new NormStatistics(null, saved, null)));
            assertRejected(
                    at,
                    "rstd" + tail,
                    () -> layer(x, null, null, y, new NormStatistics(null, null, saved)));
        }
    }

    @ParameterizedTest
    @MethodSource("everywhere")
    void shapes(Setting at) {
        Tensor x = at.f32(2, 4);
        Tensor y = at.f32(2, 4);
        assertRejected(
                at,
                "y: expected shape [2, 4], that of x, but it is [4, 2]",
                () -> rms(x, null, at.f32(4, 2)));
        assertRejected(
                at,
                "y: expected shape [2, 4], that of x, but it is [2, 2, 2]",
                () -> rms(x, null, at.f32(2, 2, 2)));
        assertRejected(
                at,
                "gamma: expected 4 elements (the columns of x), but it has 3",
                () -> rms(x, at.f32(3), y));
        assertRejected(
                at,
                "gamma: expected 4 elements (the columns of x), but its shape is [1, 4]",
                () -> rms(x, at.f32(1, 4), y));
        assertRejected(
                at,
                "beta: expected 4 elements (the columns of x), but it has 5",
                () -> layer(x, null, at.f32(5), y, NormStatistics.NONE));
        assertRejected(
                at,
                "mean: expected 2 contiguous elements (the rows of x), but shape [3] has 3 with strides [1]",
                () -> layer(x, null, null, y, new NormStatistics(at.f32(3), null, null)));
        assertRejected(
                at,
                "rstd: expected 2 contiguous elements (the rows of x), but shape [2, 1] has 2 with strides [2, 1]",
                () ->
                        layer(
                                x,
                                null,
                                null,
                                y,
                                new NormStatistics(null, null, at.f32(2, 2).slice(1, 0, 1))));
        assertRejected(
                at,
                "x: expected at least one dimension, but it has none",
                () -> rms(at.f32(), null, at.f32()));
        assertRejected(
                at,
                "x: expected at least 1 column (the last dimension), but shape [2, 0] has 0",
                () -> rms(at.f32(2, 0), null, at.f32(2, 0)));
    }

    @ParameterizedTest
    @MethodSource("everywhere")
    void strides(Setting at) {
        Tensor square = at.f32(4, 4);
        Tensor transposed = square.strided(0, new long[] {4, 4}, new long[] {1, 4});
        String tail =
                ": expected columns with stride 1 and leading dimensions with one stride from row to row, but shape"
                        + " [4, 4] has strides [1, 4]; contiguous() makes a copy without gaps";
        assertRejected(at, "x" + tail, () -> rms(transposed, null, at.f32(4, 4)));
        assertRejected(at, "y" + tail, () -> rms(at.f32(4, 4), null, transposed));
        Tensor cut = at.f32(2, 3, 4).slice(1, 0, 2);
        assertRejected(
                at,
                "x: expected columns with stride 1 and leading dimensions with one stride from row to row, but shape"
                        + " [2, 2, 4] has strides [12, 4, 1]; contiguous() makes a copy without gaps",
                () -> rms(cut, null, at.f32(2, 2, 4)));
        assertRejected(
                at,
                "y: expected columns with stride 1 and leading dimensions with one stride from row to row, but shape"
                        + " [2, 4] has strides [0, 1]; contiguous() makes a copy without gaps",
                () ->
                        rms(
                                at.f32(2, 4),
                                null,
                                at.f32(4).strided(0, new long[] {2, 4}, new long[] {0, 1})));
        assertRejected(
                at,
                "gamma: expected columns with stride 1 and leading dimensions with one stride from row to row, but"
                        + " shape [4] has strides [2]; contiguous() makes a copy without gaps",
                () ->
                        rms(
                                at.f32(2, 4),
                                at.f32(8).strided(0, new long[] {4}, new long[] {2}),
                                at.f32(2, 4)));
    }

    @ParameterizedTest
    @MethodSource("everywhere")
    void readOnlyOutputs(Setting at) {
        Tensor x = at.f32(2, 4);
        Tensor y = at.f32(2, 4);
        String tail = ": expected memory that can be written, but it is read-only";
        assertRejected(at, "y" + tail, () -> rms(x, null, y.asReadOnly()));
        Tensor ofSegment = at.device.tensor(DType.F32, at.memory(32).asReadOnly(), 2, 4);
        assertRejected(at, "y" + tail, () -> rms(x, null, ofSegment));
        Tensor saved = at.f32(2).asReadOnly();
        assertRejected(
                at,
                "mean" + tail,
                () -> layer(x, null, null, y, new NormStatistics(saved, null, null)));
        assertRejected(
                at,
                "meanLow" + tail,
                () -> layer(x, null, null, y, new NormStatistics(null, saved, null)));
        assertRejected(
                at,
                "rstd" + tail,
                () -> layer(x, null, null, y, new NormStatistics(null, null, saved)));
        rms(x.asReadOnly(), at.f32(4).asReadOnly(), y);
    }

    @ParameterizedTest
    @MethodSource("everywhere")
    void overlaps(Setting at) {
        MemorySegment memory = at.memory(400);
        Tensor all = at.device.tensor(DType.F32, memory, 100);
        Tensor x = all.slice(0, 0, 8).reshape(2, 4);
        Tensor apart = all.slice(0, 8, 8).reshape(2, 4);
        Tensor shifted = all.slice(0, 1, 8).reshape(2, 4);
        Tensor touching = all.slice(0, 7, 8).reshape(2, 4);
        String other =
                "y: expected x itself or memory apart from x, but they overlap in another way";
        assertRejected(at, other, () -> rms(x, null, shifted));
        assertRejected(at, other, () -> rms(touching, null, x));
        Tensor wide = all.strided(0, new long[] {2, 4}, new long[] {8, 1});
        assertRejected(at, other, () -> rms(x, null, wide));
        // The memory of a read-only heap segment cannot be named, but it can be compared.
        Tensor readOnly = at.device.tensor(DType.F32, memory.asReadOnly(), 2, 4);
        assertRejected(at, other, () -> rms(readOnly, null, shifted));
        Tensor gamma = all.slice(0, 15, 4);
        assertRejected(
                at,
                "y: expected memory apart from gamma, but they overlap",
                () -> rms(x, gamma, apart));
        assertRejected(
                at,
                "y: expected memory apart from beta, but they overlap",
                () -> layer(x, null, gamma.asReadOnly(), apart, NormStatistics.NONE));
        Tensor saved = all.slice(0, 50, 2);
        Tensor savedToo = all.slice(0, 51, 2);
        assertRejected(
                at,
                "meanLow: expected memory apart from mean, but they overlap",
                () -> layer(x, null, null, apart, new NormStatistics(saved, savedToo, null)));
        assertRejected(
                at,
                "rstd: expected memory apart from mean, but they overlap",
                () -> layer(x, null, null, apart, new NormStatistics(saved, null, savedToo)));
        assertRejected(
                at,
                "rstd: expected memory apart from meanLow, but they overlap",
                () -> layer(x, null, null, apart, new NormStatistics(null, saved, savedToo)));
        assertRejected(
                at,
                "rstd: expected memory apart from x, but they overlap",
                () ->
                        layer(
                                x,
                                null,
                                null,
                                apart,
                                new NormStatistics(null, null, all.slice(0, 7, 2))));
        assertRejected(
                at,
                "rstd: expected memory apart from y, but they overlap",
                () ->
                        Normalization.rmsNorm(
                                x,
                                null,
                                null,
                                OPTIONS,
                                apart,
                                new NormStatistics(null, null, all.slice(0, 8, 2))));
        assertRejected(
                at,
                "rstd: expected memory apart from gamma, but they overlap",
                () ->
                        layer(
                                x,
                                all.slice(0, 20, 4),
                                null,
                                apart,
                                new NormStatistics(null, null, all.slice(0, 20, 2))));
        assertRejected(
                at,
                "mean: expected memory apart from beta, but they overlap",
                () ->
                        layer(
                                x,
                                null,
                                all.slice(0, 20, 4),
                                apart,
                                new NormStatistics(all.slice(0, 23, 2), null, null)));
    }

    @ParameterizedTest
    @MethodSource("everywhere")
    void whatMayShareMemory(Setting at) {
        settings.add(at);
        MemorySegment memory = at.memory(400);
        Tensor all = at.device.tensor(DType.F32, memory, 100);
        Tensor x = all.slice(0, 0, 8).reshape(2, 4);
        Tensor gamma = all.slice(0, 2, 4);
        // Inputs may overlap each other, y may be x, and neighbours do not overlap.
        Tensor y = all.slice(0, 8, 8).reshape(2, 4);
        rms(x, gamma, y);
        float[] expected = y.toFloatArray();
        Tensor separateGamma = at.f32(4);
        separateGamma.copyFrom(gamma.toFloatArray());
        rms(x, separateGamma, x);
        assertArrayEquals(expected, x.toFloatArray());
        // Two arrays never overlap, though their offsets do; nor do an array and off-heap memory.
        Tensor left = at.device.tensor(new float[8], 2, 4);
        Tensor right = at.device.tensor(new float[8], 2, 4);
        rms(left, null, right);
        rms(left, null, all.slice(0, 16, 8).reshape(2, 4));
    }

    @ParameterizedTest
    @MethodSource("everywhere")
    void numbers(Setting at) {
        Tensor x = at.f32(2, 4);
        Tensor y = at.f32(2, 4);
        for (float eps :
                new float[] {
                    Float.NaN, -1e-30f, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY
                }) {
            String message = "eps: expected a finite number of at least 0, but it is " + eps;
            assertRejected(at, message, () -> Normalization.rmsNorm(x, null, eps, y));
            assertRejected(at, message, () -> Normalization.layerNorm(x, null, null, eps, y));
            assertRejected(at, message, () -> Normalization.srmsNorm(x, eps, y));
            assertRejected(at, message, () -> OPTIONS.withEps(eps));
        }
        for (float offset : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
            assertRejected(
                    at,
                    "weightOffset: expected a finite number, but it is " + offset,
                    () -> OPTIONS.withWeightOffset(offset));
        }
        assertRejected(
                at,
                "statisticsColumns: expected at least 0, but it is -1",
                () -> OPTIONS.withStatisticsColumns(-1));
        assertRejected(
                at,
                "statisticsColumns: expected at most the 4 columns of x, but it is 5",
                () ->
                        Normalization.rmsNorm(
                                x,
                                null,
                                null,
                                OPTIONS.withStatisticsColumns(5),
                                y,
                                NormStatistics.NONE));
        assertRejected(
                at,
                "statisticsColumns: expected 0 or all 4 columns of x for layer normalization, but it is 3",
                () ->
                        Normalization.layerNorm(
                                x,
                                null,
                                null,
                                OPTIONS.withStatisticsColumns(3),
                                y,
                                NormStatistics.NONE));
        assertRejected(
                at,
                "mean: expected null, since RMS normalization takes no mean, but it is a tensor",
                () ->
                        Normalization.rmsNorm(
                                x,
                                null,
                                null,
                                OPTIONS,
                                y,
                                new NormStatistics(at.f32(2), null, null)));
        assertRejected(
                at,
                "meanLow: expected null, since RMS normalization takes no mean, but it is a tensor",
                () ->
                        Normalization.rmsNorm(
                                x,
                                null,
                                null,
                                OPTIONS,
                                y,
                                new NormStatistics(null, at.f32(2), null)));
        assertThrown(
                at,
                NullPointerException.class,
                "epsMode: expected an EpsMode, but it is null",
                () -> OPTIONS.withEpsMode(null));
        assertThrown(
                at,
                NullPointerException.class,
                "castMode: expected a CastMode, but it is null",
                () -> OPTIONS.withCastMode(null));
        assertRejected(
                at,
                "threads: expected at least 0, but it is -1",
                () -> CpuOptions.DEFAULT.withThreads(-1));
    }

    @ParameterizedTest
    @MethodSource("everywhere")
    void noRowsAreANoOp(Setting at) {
        settings.add(at);
        Tensor x = at.f32(0, 4);
        Tensor y = at.f32(0, 4);
        Tensor none = at.f32(0);
        layer(x, at.f32(4), at.f32(4), y, new NormStatistics(none, at.f32(0), at.f32(0)));
        rms(x, null, x);
        rms(at.f32(2, 0, 4), null, at.f32(2, 0, 4));
        at.assertUntouched();
    }

    @ParameterizedTest
    @MethodSource("everywhere")
    void closedMemoryIsNamed(Setting at) {
        for (long columns : new long[] {4, 300_000}) {
            for (int closed = 0; closed < 7; closed++) {
                Arena arena = Arena.ofShared();
                long[][] shapes = {{2, columns}, {columns}, {columns}, {2, columns}, {2}, {2}, {2}};
                Tensor[] all = new Tensor[7];
                for (int i = 0; i < 7; i++) {
                    long bytes = Shapes.product(shapes[i]) * 4;
                    MemorySegment memory = i == closed ? arena.allocate(bytes) : at.memory(bytes);
                    all[i] = at.device.tensor(DType.F32, memory, shapes[i]);
                }
                arena.close();
                String name =
                        List.of("x", "gamma", "beta", "y", "mean", "meanLow", "rstd").get(closed);
                assertThrown(
                        at,
                        IllegalStateException.class,
                        name + ": expected open memory, but it was closed",
                        () ->
                                layer(
                                        all[0],
                                        all[1],
                                        all[2],
                                        all[3],
                                        new NormStatistics(all[4], all[5], all[6])));
                at.all.clear();
                at.before.clear();
            }
        }
        Arena arena = Arena.ofConfined();
        Tensor empty = at.device.tensor(DType.F32, arena.allocate(4), 0, 4);
        arena.close();
        assertThrown(
                at,
                IllegalStateException.class,
                "x: expected open memory, but it was closed",
                () -> rms(empty, null, at.f32(0, 4)));
    }

    @ParameterizedTest
    @MethodSource("everywhere")
    void confinedMemoryOfAnotherThread(Setting at) throws InterruptedException {
        try (Arena mine = Arena.ofConfined()) {
            Tensor x = at.f32(2, 4);
            Tensor y = at.device.tensor(DType.F32, mine.allocate(32), 2, 4);
            y.copyFrom(new float[] {1, 2, 3, 4, 5, 6, 7, 8});
            Throwable[] thrown = new Throwable[1];
            Thread thread =
                    new Thread(
                            () ->
                                    thrown[0] =
                                            assertThrows(
                                                    WrongThreadException.class,
                                                    () -> rms(x, null, y)));
            thread.setName("another thread");
            thread.start();
            thread.join();
            assertTrue(
                    thrown[0].getMessage().startsWith("y: expected memory that Thread["),
                    thrown[0].getMessage());
            assertTrue(
                    thrown[0]
                            .getMessage()
                            .endsWith(
                                    " may use, but it belongs to the confined arena of another thread"));
            assertArrayEquals(new float[] {1, 2, 3, 4, 5, 6, 7, 8}, y.toFloatArray());
            rms(x, null, y);
        }
        settings.add(at);
        at.assertUntouched();
    }
}
