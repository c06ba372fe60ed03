// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.bindings.generated.gatun_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every method reaches its C function, with the arguments where they belong. */
class KanFunctionsTest {
    private static final MemorySegment NULL = MemorySegment.NULL;
    private static final int F32 = gatun_h.GATUN_F32();
    private static final int SPLINE = gatun_h.GATUN_KAN_BSPLINE();

    /** Hat functions with the knots -1, 0, 1, 2, 3. */
    private static final float[] X = {0.25f, 1.5f};

    private static final float[] PHI = {0.75f, 0, 0.25f, 0.5f, 0, 0.5f};

    private static Arena arena;
    private static MemorySegment context;

    @BeforeAll
    static void createContext() {
        assertTrue(NativeLibrary.get().available(), NativeLibrary.get()::failure);
        arena = Arena.ofConfined();
        MemorySegment pointer = arena.allocate(ValueLayout.ADDRESS);
        int status =
                CoreFunctions.contextCreate(
                        gatun_h.GATUN_BACKEND_CPU(),
                        0,
                        gatun_h.GATUN_ISA_SCALAR(),
                        1,
                        pointer,
                        NULL,
                        0);
        assertEquals(gatun_h.GATUN_OK(), status);
        context = pointer.get(ValueLayout.ADDRESS, 0);
    }

    @AfterAll
    static void destroyContext() {
        assertEquals(gatun_h.GATUN_OK(), CoreFunctions.contextDestroy(context));
        arena.close();
    }

    private static MemorySegment in(boolean onHeap, float... values) {
        return onHeap
                ? MemorySegment.ofArray(values.clone())
                : arena.allocateFrom(ValueLayout.JAVA_FLOAT, values);
    }

    private static MemorySegment out(boolean onHeap, int count) {
        return in(onHeap, new float[count]);
    }

    private static void assertValues(MemorySegment actual, float... expected) {
        assertArrayEquals(expected, actual.toArray(ValueLayout.JAVA_FLOAT));
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void kanBasis(boolean critical) {
        MemorySegment x = in(critical, X);
        MemorySegment phi = out(critical, 6);
        int status =
                critical
                        ? KanFunctions.kanBasisCritical(
                                context, SPLINE, 3, 1, 0, 2, 0, F32, 1, 2, x, 2, phi, 6, NULL, 0)
                        : KanFunctions.kanBasis(
                                context, SPLINE, 3, 1, 0, 2, 0, F32, 1, 2, x, 2, phi, 6, NULL, 0);
        assertEquals(gatun_h.GATUN_OK(), status);
        assertValues(phi, PHI);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void kanBasisBackward(boolean critical) {
        MemorySegment dphi = in(critical, 1, 2, 3, 4, 5, 6);
        MemorySegment x = in(critical, X);
        MemorySegment dx = out(critical, 2);
        int status =
                critical
                        ? KanFunctions.kanBasisBackwardCritical(
                                context, SPLINE, 3, 1, 0, 2, 0, F32, 1, 2, dphi, 6, x, 2, dx, 2,
                                NULL, 0)
                        : KanFunctions.kanBasisBackward(
                                context, SPLINE, 3, 1, 0, 2, 0, F32, 1, 2, dphi, 6, x, 2, dx, 2,
                                NULL, 0);
        assertEquals(gatun_h.GATUN_OK(), status);
        assertValues(dx, -1 + 3, -4 + 6);
    }

    /** The functions PHI times weights, one output more than inputs. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void kanLayer(boolean critical) {
        MemorySegment x = in(critical, X);
        MemorySegment weight = in(critical, 1, 2, 3, 4, 5, 6);
        MemorySegment bias = in(critical, 10);
        MemorySegment y = out(critical, 1);
        int status =
                critical
                        ? KanFunctions.kanLayerCritical(
                                context, SPLINE, 3, 1, 0, 2, 0, F32, 1, 2, 1, x, 2, weight, bias, y,
                                1, NULL, 0)
                        : KanFunctions.kanLayer(
                                context, SPLINE, 3, 1, 0, 2, 0, F32, 1, 2, 1, x, 2, weight, bias, y,
                                1, NULL, 0);
        assertEquals(gatun_h.GATUN_OK(), status);
        assertValues(y, 10 + 0.75f + 0.5f + 2.5f + 3);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void kanLayerBackward(boolean critical) {
        MemorySegment dy = in(critical, 2);
        MemorySegment x = in(critical, X);
        MemorySegment weight = in(critical, 1, 2, 3, 4, 5, 7);
        MemorySegment dx = out(critical, 2);
        MemorySegment dweight = out(critical, 6);
        MemorySegment dbias = in(critical, 3);
        int status =
                critical
                        ? KanFunctions.kanLayerBackwardCritical(
                                context, SPLINE, 3, 1, 0, 2, 0, F32, 1, 2, 1, dy, 1, x, 2, weight,
                                dx, 2, dweight, dbias, 1, NULL, 0)
                        : KanFunctions.kanLayerBackward(
                                context, SPLINE, 3, 1, 0, 2, 0, F32, 1, 2, 1, dy, 1, x, 2, weight,
                                dx, 2, dweight, dbias, 1, NULL, 0);
        assertEquals(gatun_h.GATUN_OK(), status);
        assertValues(dx, 2, 4);
        assertValues(dweight, 1.5f, 0.5f, 0, 0, 1, 1);
        assertValues(dbias, 5);
    }

    /** ReLU-KAN with one window from 0 to 2, and one from 1 to 3. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void kanWindowBasis(boolean critical) {
        MemorySegment x = in(critical, 1, 1.5f);
        MemorySegment starts = in(critical, 0, 1);
        MemorySegment ends = in(critical, 2, 3);
        MemorySegment phi = out(critical, 4);
        int relu = gatun_h.GATUN_KAN_INNER_RELU();
        int prod = gatun_h.GATUN_KAN_PROD();
        int status =
                critical
                        ? KanFunctions.kanWindowBasisCritical(
                                context, relu, prod, 2, 0, 2, F32, 1, 2, x, 2, starts, ends, phi, 4,
                                NULL, 0)
                        : KanFunctions.kanWindowBasis(
                                context, relu, prod, 2, 0, 2, F32, 1, 2, x, 2, starts, ends, phi, 4,
                                NULL, 0);
        assertEquals(gatun_h.GATUN_OK(), status);
        assertValues(phi, 2, 1.5f, 0, 1.5f);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void kanWindowBasisBackward(boolean critical) {
        MemorySegment dphi = in(critical, 1, 2, 3, 4);
        MemorySegment x = in(critical, 1, 1.5f);
        MemorySegment starts = in(critical, 0, 1);
        MemorySegment ends = in(critical, 2, 3);
        MemorySegment dx = out(critical, 2);
        MemorySegment dstarts = out(critical, 2);
        MemorySegment dends = out(critical, 2);
        int relu = gatun_h.GATUN_KAN_INNER_RELU();
        int prod = gatun_h.GATUN_KAN_PROD();
        int status =
                critical
                        ? KanFunctions.kanWindowBasisBackwardCritical(
                                context, relu, prod, 2, 0, 2, F32, 1, 2, dphi, 4, x, 2, starts,
                                ends, dx, 2, dstarts, dends, 0, NULL, 0)
                        : KanFunctions.kanWindowBasisBackward(
                                context, relu, prod, 2, 0, 2, F32, 1, 2, dphi, 4, x, 2, starts,
                                ends, dx, 2, dstarts, dends, 0, NULL, 0);
        assertEquals(gatun_h.GATUN_OK(), status);
        // 2 v, 2 u of the windows: 2 and 2, 1 and 3 of the first; none and 0, 3 and 1 of the other.
        assertValues(dx, 0, 2 * (1 - 3) + 4 * (3 - 1));
        assertValues(dstarts, -(1 * 2 + 2 * 1), -(4 * 3));
        assertValues(dends, 1 * 2 + 2 * 3, 4 * 1);
    }
}
