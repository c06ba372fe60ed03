// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is particular to the layers of Kolmogorov-Arnold networks: arguments, sums, beginnings. */
class KanLayerTest {
    /** Hat functions on -1, 0, 1. */
    private static final KanBasis HATS = KanBasis.bSpline(2, 1, -1, 1);

    private static final Device REFERENCE = Device.reference();

    private static Device cpu;

    @BeforeAll
    static void open() {
        cpu = Device.cpu();
    }

    @AfterAll
    static void close() {
        cpu.close();
    }

    /** Arguments that can be closed would be, after each test. */
    private static Device device(String name) {
        return name.equals("cpu") ? cpu : REFERENCE;
    }

    /** The tensors of a layer from 2 columns to 3 outputs, by place. */
    private static final class Tensors {
        Tensor x;
        Tensor weight;
        Tensor bias;
        Tensor y;
        Tensor dy;
        Tensor dx;
        Tensor dweight;
        Tensor dbias;

        Tensors(Device device) {
            x = device.tensor(new float[] {-0.5f, 0.25f}, 1, 2);
            weight = device.tensor(numbers(18), 2, 3, 3);
            bias = device.tensor(new float[] {100, 200, 300}, 3);
            y = device.tensor(new float[3], 1, 3);
            dy = device.tensor(new float[] {1, 0, -1}, 1, 3);
            dx = device.tensor(new float[2], 1, 2);
            dweight = device.tensor(new float[18], 2, 3, 3);
            dbias = device.tensor(new float[3], 3);
        }

        void forward() {
            KanLayer.forward(HATS, x, weight, bias, y);
        }

        void backward(boolean accumulate) {
            KanLayer.backward(HATS, dy, x, weight, dx, dweight, dbias, accumulate);
        }
    }

    private static float[] numbers(int count) {
        float[] numbers = new float[count];
        for (int i = 0; i < count; i++) {
            numbers[i] = i;
        }
        return numbers;
    }

    @ParameterizedTest
    @ValueSource(strings = {"reference", "cpu"})
    void aLayerAddsFunctionsTimesWeights(String name) {
        Device device = device(name);
        Tensors t = new Tensors(device);
        t.forward();
        // 0.5 (0 + 3) of the first column, 0.75 * 12 + 0.25 * 15 of the second; then one more each.
        assertArrayEquals(new float[] {114.25f, 216.25f, 318.25f}, t.y.toFloatArray());
        t.bias = null;
        t.forward();
        assertArrayEquals(new float[] {14.25f, 16.25f, 18.25f}, t.y.toFloatArray());
    }

    @ParameterizedTest
    @ValueSource(strings = {"reference", "cpu"})
    void gradientsAreOverwrittenOrAddedTo(String name) {
        Device device = device(name);
        Tensors t = new Tensors(device);
        t.backward(false);
        t.backward(true);
        assertArrayEquals(new float[] {0, 0}, t.dx.toFloatArray(), "each weight is one more");
        assertArrayEquals(new float[] {2, 0, -2}, t.dbias.toFloatArray());
        float[] expected = new float[18];
        float[] functions = {0.5f, 0.5f, 0, 0, 0.75f, 0.25f};
        for (int k = 0; k < 6; k++) {
            expected[3 * k] = 2 * functions[k];
            expected[3 * k + 2] = 0 - 2 * functions[k];
        }
        assertArrayEquals(expected, t.dweight.toFloatArray());
        t.dweight.set(7, 0, 0, 0);
        t.dweight = null;
        t.dbias = null;
        t.weight.set(4, 0, 1, 0);
        t.backward(false);
        assertArrayEquals(new float[] {1, 0}, t.dx.toFloatArray());
    }

    @ParameterizedTest
    @ValueSource(strings = {"reference", "cpu"})
    void withoutRowsGradientsOfWeightsAreZero(String name) {
        Device device = device(name);
        Tensors t = new Tensors(device);
        t.x = device.tensor(new float[0], 0, 2);
        t.dx = device.tensor(new float[0], 0, 2);
        t.y = device.tensor(new float[0], 0, 3);
        t.dy = device.tensor(new float[0], 0, 3);
        t.dbias.set(5, 1);
        t.forward();
        t.backward(true);
        assertEquals(5, t.dbias.get(1));
        t.backward(false);
        assertEquals(0, t.dbias.get(1));
    }

    private record Mistake(
            String message, Class<? extends Throwable> type, Consumer<Tensors> make) {
        Mistake(String message, Consumer<Tensors> make) {
            this(message, IllegalArgumentException.class, make);
        }
    }

    private static Tensor f32(Tensor like, long... shape) {
        int count = (int) Arrays.stream(shape).reduce(1, (a, b) -> a * b);
        return like.device().tensor(new float[count], shape);
    }

    private static final List<Mistake> FORWARD =
            List.of(
                    new Mistake("x: ", NullPointerException.class, t -> t.x = null),
                    new Mistake("weight: ", NullPointerException.class, t -> t.weight = null),
                    new Mistake("y: ", NullPointerException.class, t -> t.y = null),
                    new Mistake("x: ", t -> t.x = f32(t.x, 1, 0)),
                    new Mistake("weight: ", t -> t.weight = f32(t.x, 2, 9)),
                    new Mistake("weight: ", t -> t.weight = f32(t.x, 3, 3, 3)),
                    new Mistake("weight: ", t -> t.weight = f32(t.x, 2, 4, 3)),
                    new Mistake("weight: ", t -> t.weight = f32(t.x, 2, 3, 0)),
                    new Mistake("weight: ", t -> t.weight = f32(t.x, 2, 3, 6).slice(2, 0, 3)),
                    new Mistake(
                            "weight: ",
                            t -> t.weight = t.x.device().tensor(DType.F16, new short[18], 2, 3, 3)),
                    new Mistake("bias: ", t -> t.bias = f32(t.x, 4)),
                    new Mistake(
                            "bias: ",
                            t -> t.bias = t.x.device().tensor(DType.BF16, new short[3], 3)),
                    new Mistake("y: ", t -> t.y = f32(t.x, 1, 2)),
                    new Mistake("y: ", t -> t.y = f32(t.x, 3)),
                    new Mistake(
                            "y: ", t -> t.y = t.x.device().tensor(DType.BF16, new short[3], 1, 3)),
                    new Mistake("y: ", t -> t.y = t.y.asReadOnly()),
                    new Mistake(
                            "y: ",
                            t -> t.y = t.bias.strided(0, new long[] {1, 3}, new long[] {3, 1})),
                    new Mistake("y: ", t -> t.y = REFERENCE.tensor(new float[3], 1, 3)));

    private static final List<Mistake> BACKWARD =
            List.of(
                    new Mistake("x: ", NullPointerException.class, t -> t.x = null),
                    new Mistake("weight: ", NullPointerException.class, t -> t.weight = null),
                    new Mistake("dy: ", NullPointerException.class, t -> t.dy = null),
                    new Mistake("dy: ", t -> t.dy = f32(t.x, 1, 2)),
                    new Mistake("dx: ", t -> t.dx = f32(t.x, 1, 3)),
                    new Mistake("dx: ", t -> t.dx = t.x),
                    new Mistake("dx: ", t -> t.dx = t.dx.asReadOnly()),
                    new Mistake("dweight: ", t -> t.dweight = t.weight),
                    new Mistake("dweight: ", t -> t.dweight = f32(t.x, 2, 3, 4)),
                    new Mistake("dweight: ", t -> t.dweight = t.dweight.asReadOnly()),
                    new Mistake("dbias: ", t -> t.dbias = f32(t.x, 2)),
                    new Mistake("dbias: ", t -> t.dbias = t.dbias.asReadOnly()));

    private static void assertRefused(Mistake mistake, Device device, Consumer<Tensors> call) {
        Tensors t = new Tensors(device);
        mistake.make.accept(t);
        Throwable thrown = assertThrows(mistake.type, () -> call.accept(t));
        assertTrue(thrown.getMessage().startsWith(mistake.message), thrown::getMessage);
    }

    @Test
    void mistakesAreNamed() {
        for (Mistake mistake : FORWARD) {
            assertRefused(mistake, cpu, Tensors::forward);
        }
        for (Mistake mistake : BACKWARD) {
            assertRefused(mistake, cpu, t -> t.backward(false));
        }
        Tensors t = new Tensors(cpu);
        Throwable thrown =
                assertThrows(
                        NullPointerException.class,
                        () -> KanLayer.forward(null, t.x, t.weight, t.bias, t.y));
        assertTrue(thrown.getMessage().startsWith("basis: "), thrown::getMessage);
    }

    @ParameterizedTest
    @ValueSource(strings = {"reference", "cpu"})
    void closedMemoryIsNamed(String name) {
        Device device = device(name);
        Tensors t = new Tensors(device);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(72, 64);
            t.weight = device.tensor(DType.F32, memory, 2, 3, 3);
        }
        for (Consumer<Tensors> call :
                List.<Consumer<Tensors>>of(Tensors::forward, u -> u.backward(false))) {
            Throwable thrown = assertThrows(IllegalStateException.class, () -> call.accept(t));
            assertTrue(thrown.getMessage().startsWith("weight: "), thrown::getMessage);
        }
    }

    @Test
    void basesRefuseWhatTheyCannotBe() {
        List<Runnable> mistakes =
                List.of(
                        () -> KanBasis.bSpline(0, 3, -1, 1),
                        () -> KanBasis.bSpline(5, 0, -1, 1),
                        () -> KanBasis.bSpline(5, 6, -1, 1),
                        () -> KanBasis.bSpline(5, 3, 1, 1),
                        () -> KanBasis.bSpline(5, 3, -1, Float.POSITIVE_INFINITY),
                        () -> KanBasis.bSpline(5, 3, 0, 1e-38f),
                        () -> KanBasis.bSpline(126, 3, -1, 1),
                        () -> KanBasis.chebyshev(-1),
                        () -> KanBasis.fourier(0),
                        () -> KanBasis.fourier(65),
                        () -> KanBasis.gaussian(1, -1, 1),
                        () -> KanBasis.wavelet(3, Float.NaN, 1),
                        () -> new KanBasis(KanBasisKind.FOURIER, 3, 0, 0, 0, false),
                        () -> new KanBasis(KanBasisKind.CHEBYSHEV, 3, 0, 0, 1, false));
        for (Runnable mistake : mistakes) {
            assertThrows(IllegalArgumentException.class, mistake::run);
        }
        assertThrows(NullPointerException.class, () -> new KanBasis(null, 3, 0, 0, 0, false));
        assertEquals(9, KanBasis.bSpline(5, 3, -1, 1).withBase(true).count());
    }

    @Test
    void layoutsOfOthers() {
        Tensor torch = cpu.tensor(numbers(24), 2, 3, 4);
        Tensor weight = KanWeights.fromOutputsFirst(torch);
        assertArrayEquals(new long[] {3, 4, 2}, weight.shape());
        assertEquals(torch.get(1, 2, 3), weight.get(2, 3, 1));
        Tensor columnsFirst = KanWeights.fromColumnsFirst(torch);
        assertArrayEquals(new long[] {2, 4, 3}, columnsFirst.shape());
        assertEquals(torch.get(1, 2, 3), columnsFirst.get(1, 3, 2));
        assertThrows(
                IllegalArgumentException.class,
                () -> KanWeights.fromOutputsFirst(cpu.tensor(new float[4], 4)));
    }

    /** Deviations of the first function, of many weights. */
    private static double deviation(KanBasis basis, int function) {
        Tensor weight = cpu.tensor(new float[16 * basis.count() * 500], 16, basis.count(), 500);
        KanWeights.initialize(basis, 7, weight);
        double sum = 0;
        for (int column = 0; column < 16; column++) {
            for (int output = 0; output < 500; output++) {
                sum += Math.pow(weight.get(column, function, output), 2);
            }
        }
        return Math.sqrt(sum / 8000);
    }

    @Test
    void weightsBeginAsPublished() {
        double uniform = 1 / Math.sqrt(3) / 4;
        assertEquals(1.0 / (16 * 4), deviation(KanBasis.chebyshev(3), 2), 0.001);
        assertEquals(1 / Math.sqrt(16 * 8), deviation(KanBasis.fourier(8), 3), 0.002);
        assertEquals(0.088, deviation(KanBasis.gaussian(8, -2, 2), 3), 0.003);
        assertEquals(uniform, deviation(KanBasis.wavelet(8, -2, 2), 3), 0.004);
        assertEquals(uniform, deviation(KanBasis.chebyshev(3).withBase(true), 4), 0.004);
        double spline = deviation(KanBasis.bSpline(5, 3, -1, 1), 3);
        assertTrue(spline > 0 && spline < 0.05, () -> "deviation " + spline);
    }

    /** On the knots, the splines of an edge are noise times one factor, and so within its bound. */
    @Test
    void splinesBeginAsNoiseOnTheKnots() {
        KanBasis basis = KanBasis.bSpline(5, 3, -1, 1);
        Tensor weight = REFERENCE.tensor(new float[8], 1, 8, 1);
        KanWeights.initialize(basis, 3, weight);
        float[] knots = {-1, -0.6f, -0.2f, 0.2f, 0.6f, 1};
        Tensor y = REFERENCE.tensor(new float[6], 6, 1);
        KanLayer.forward(basis, REFERENCE.tensor(knots, 6, 1), weight, null, y);
        for (float value : y.toFloatArray()) {
            assertTrue(Math.abs(value) <= 0.01 * 1.0001, () -> "a knot has " + value);
        }
        assertNotEquals(0, y.get(2, 0));
    }
}
