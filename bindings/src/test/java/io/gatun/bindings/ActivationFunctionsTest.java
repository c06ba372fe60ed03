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

/**
 * Every function of the element-wise activations is reached, with the arguments where they belong:
 * on native memory, and the critical variant on arrays. Values are worked out by hand.
 */
class ActivationFunctionsTest {

    private static final MemorySegment NULL = MemorySegment.NULL;
    private static final int F32 = gatun_h.GATUN_F32();

    /**
     * The words of Philox-4x32-10 for counter and key 0 are 0x6627e8d5, 0xe169c58d, 0xbc57ac4c and
     * 0x9b00dbd8 (the known answers of Random123): less than 0.7 are the first and the last.
     */
    private static final float PROBABILITY = 0.3f;

    private static final double LIMIT = -1.7580993408473769;
    private static final double KEEP = 1 - (double) PROBABILITY;
    private static final float SCALE =
            (float) (1 / Math.sqrt(KEEP + LIMIT * LIMIT * KEEP * (1 - KEEP)));
    private static final float SHIFT = (float) (-SCALE * (1 - KEEP) * LIMIT);
    private static final float DROPPED = (float) (SCALE * LIMIT + SHIFT);
    private static final float TOLERANCE = 1e-6f;

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

    private static MemorySegment words(boolean onHeap, long... values) {
        return onHeap
                ? MemorySegment.ofArray(values.clone())
                : arena.allocateFrom(ValueLayout.JAVA_LONG, values);
    }

    private static MemorySegment out(boolean onHeap, int count) {
        return in(onHeap, new float[count]);
    }

    private static void expect(String name, MemorySegment actual, float... expected) {
        assertArrayEquals(expected, actual.toArray(ValueLayout.JAVA_FLOAT), TOLERANCE, name);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void activationOfBounds(boolean critical) {
        MemorySegment x = in(critical, -2, -0.5f, 1, 3);
        MemorySegment outY = out(critical, 4);
        int status =
                critical
                        ? ActivationFunctions.activationCritical(
                                context,
                                gatun_h.GATUN_CLIP(),
                                -1,
                                2,
                                0,
                                F32,
                                1,
                                4,
                                x,
                                4,
                                outY,
                                4,
                                NULL,
                                0)
                        : ActivationFunctions.activation(
                                context,
                                gatun_h.GATUN_CLIP(),
                                -1,
                                2,
                                0,
                                F32,
                                1,
                                4,
                                x,
                                4,
                                outY,
                                4,
                                NULL,
                                0);
        assertEquals(gatun_h.GATUN_OK(), status);
        expect("y", outY, -1, -0.5f, 1, 2);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void activationBackward(boolean critical) {
        MemorySegment dy = in(critical, 1, 2, 3, 4);
        MemorySegment x = in(critical, -2, -0.5f, 1, 3);
        MemorySegment outDx = out(critical, 4);
        int status =
                critical
                        ? ActivationFunctions.activationBackwardCritical(
                                context,
                                gatun_h.GATUN_CLIP(),
                                -1,
                                2,
                                0,
                                F32,
                                1,
                                4,
                                dy,
                                4,
                                x,
                                4,
                                outDx,
                                4,
                                NULL,
                                0)
                        : ActivationFunctions.activationBackward(
                                context,
                                gatun_h.GATUN_CLIP(),
                                -1,
                                2,
                                0,
                                F32,
                                1,
                                4,
                                dy,
                                4,
                                x,
                                4,
                                outDx,
                                4,
                                NULL,
                                0);
        assertEquals(gatun_h.GATUN_OK(), status);
        expect("dx", outDx, 0, 2, 3, 0);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void activationOutputBackward(boolean critical) {
        MemorySegment dy = in(critical, 1, 2, 3, 4);
        MemorySegment y = in(critical, -1, -0.5f, 1, 2);
        MemorySegment outDx = out(critical, 4);
        int status =
                critical
                        ? ActivationFunctions.activationOutputBackwardCritical(
                                context,
                                gatun_h.GATUN_CLIP(),
                                -1,
                                2,
                                F32,
                                1,
                                4,
                                dy,
                                4,
                                y,
                                4,
                                outDx,
                                4,
                                NULL,
                                0)
                        : ActivationFunctions.activationOutputBackward(
                                context,
                                gatun_h.GATUN_CLIP(),
                                -1,
                                2,
                                F32,
                                1,
                                4,
                                dy,
                                4,
                                y,
                                4,
                                outDx,
                                4,
                                NULL,
                                0);
        assertEquals(gatun_h.GATUN_OK(), status);
        expect("dx", outDx, 0, 2, 3, 0);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void activationMask(boolean critical) {
        MemorySegment x = in(critical, -2, 1, 5, 7);
        MemorySegment mask = words(critical, -1);
        MemorySegment outY = out(critical, 4);
        int status =
                critical
                        ? ActivationFunctions.activationMaskCritical(
                                context,
                                gatun_h.GATUN_RELU6(),
                                0,
                                0,
                                F32,
                                1,
                                4,
                                x,
                                4,
                                0,
                                6,
                                outY,
                                4,
                                mask,
                                NULL,
                                0)
                        : ActivationFunctions.activationMask(
                                context,
                                gatun_h.GATUN_RELU6(),
                                0,
                                0,
                                F32,
                                1,
                                4,
                                x,
                                4,
                                0,
                                6,
                                outY,
                                4,
                                mask,
                                NULL,
                                0);
        assertEquals(gatun_h.GATUN_OK(), status);
        expect("y", outY, 0, 1, 5, 6);
        assertArrayEquals(new long[] {6}, mask.toArray(ValueLayout.JAVA_LONG), "mask");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void activationMaskBackward(boolean critical) {
        MemorySegment dy = in(critical, 1, 2, 3, 4);
        MemorySegment mask = words(critical, 6);
        MemorySegment outDx = out(critical, 4);
        int status =
                critical
                        ? ActivationFunctions.activationMaskBackwardCritical(
                                context, F32, 1, 4, dy, 4, mask, -1, 2, outDx, 4, NULL, 0)
                        : ActivationFunctions.activationMaskBackward(
                                context, F32, 1, 4, dy, 4, mask, -1, 2, outDx, 4, NULL, 0);
        assertEquals(gatun_h.GATUN_OK(), status);
        expect("dx", outDx, -1, 4, 6, -4);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void gatedActivation(boolean critical) {
        MemorySegment gate = in(critical, -1, 2, 3, 0);
        MemorySegment value = in(critical, 1, 2, 3, 4);
        MemorySegment outY = out(critical, 4);
        int status =
                critical
                        ? GatedActivationFunctions.gatedActivationCritical(
                                context,
                                gatun_h.GATUN_RELU(),
                                0,
                                F32,
                                gatun_h.GATUN_GATE_SEPARATE(),
                                1,
                                4,
                                gate,
                                4,
                                value,
                                4,
                                outY,
                                4,
                                NULL,
                                0)
                        : GatedActivationFunctions.gatedActivation(
                                context,
                                gatun_h.GATUN_RELU(),
                                0,
                                F32,
                                gatun_h.GATUN_GATE_SEPARATE(),
                                1,
                                4,
                                gate,
                                4,
                                value,
                                4,
                                outY,
                                4,
                                NULL,
                                0);
        assertEquals(gatun_h.GATUN_OK(), status);
        expect("y", outY, 0, 4, 9, 0);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void gatedActivationBackward(boolean critical) {
        MemorySegment dy = in(critical, 1, 1, 2, 2);
        MemorySegment gate = in(critical, -1, 2, 3, 0);
        MemorySegment value = in(critical, 1, 5, 4, 4);
        MemorySegment outDgate = out(critical, 4);
        MemorySegment outDvalue = out(critical, 4);
        MemorySegment outY = out(critical, 4);
        int status =
                critical
                        ? GatedActivationFunctions.gatedActivationBackwardCritical(
                                context,
                                gatun_h.GATUN_RELU(),
                                0,
                                F32,
                                gatun_h.GATUN_GATE_SEPARATE(),
                                1,
                                4,
                                dy,
                                4,
                                gate,
                                4,
                                value,
                                4,
                                outDgate,
                                4,
                                outDvalue,
                                4,
                                outY,
                                4,
                                NULL,
                                0)
                        : GatedActivationFunctions.gatedActivationBackward(
                                context,
                                gatun_h.GATUN_RELU(),
                                0,
                                F32,
                                gatun_h.GATUN_GATE_SEPARATE(),
                                1,
                                4,
                                dy,
                                4,
                                gate,
                                4,
                                value,
                                4,
                                outDgate,
                                4,
                                outDvalue,
                                4,
                                outY,
                                4,
                                NULL,
                                0);
        assertEquals(gatun_h.GATUN_OK(), status);
        expect("dgate", outDgate, 0, 5, 8, 0);
        expect("dvalue", outDvalue, 0, 2, 6, 0);
        expect("y", outY, 0, 10, 12, 0);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void headGate(boolean critical) {
        MemorySegment gate = in(critical, 0, 0);
        MemorySegment value = in(critical, 2, 4, 6, 8);
        MemorySegment outY = out(critical, 4);
        int status =
                critical
                        ? GatedActivationFunctions.headGateCritical(
                                context, F32, 1, 2, 2, gate, 2, value, 4, outY, 4, NULL, 0)
                        : GatedActivationFunctions.headGate(
                                context, F32, 1, 2, 2, gate, 2, value, 4, outY, 4, NULL, 0);
        assertEquals(gatun_h.GATUN_OK(), status);
        expect("y", outY, 1, 2, 3, 4);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void headGateBackward(boolean critical) {
        MemorySegment dy = in(critical, 1, 2, 3, 4);
        MemorySegment gate = in(critical, 0, 0);
        MemorySegment value = in(critical, 2, 4, 6, 8);
        MemorySegment outDgate = out(critical, 2);
        MemorySegment outDvalue = out(critical, 4);
        int status =
                critical
                        ? GatedActivationFunctions.headGateBackwardCritical(
                                context, F32, 1, 2, 2, dy, 4, gate, 2, value, 4, outDgate, 2,
                                outDvalue, 4, NULL, 0)
                        : GatedActivationFunctions.headGateBackward(
                                context, F32, 1, 2, 2, dy, 4, gate, 2, value, 4, outDgate, 2,
                                outDvalue, 4, NULL, 0);
        assertEquals(gatun_h.GATUN_OK(), status);
        expect("dgate", outDgate, 2.5f, 12.5f);
        expect("dvalue", outDvalue, 0.5f, 1, 1.5f, 2);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void alphaDropout(boolean critical) {
        MemorySegment x = in(critical, 1, 2, 3, 4);
        MemorySegment outY = out(critical, 4);
        int status =
                critical
                        ? AlphaDropoutFunctions.alphaDropoutCritical(
                                context, F32, 1, 4, x, 4, PROBABILITY, 0, 0, 0, 0, outY, 4, NULL, 0)
                        : AlphaDropoutFunctions.alphaDropout(
                                context,
                                F32,
                                1,
                                4,
                                x,
                                4,
                                PROBABILITY,
                                0,
                                0,
                                0,
                                0,
                                outY,
                                4,
                                NULL,
                                0);
        assertEquals(gatun_h.GATUN_OK(), status);
        expect("y", outY, SCALE + SHIFT, DROPPED, DROPPED, 4 * SCALE + SHIFT);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void alphaDropoutBackward(boolean critical) {
        MemorySegment dy = in(critical, 1, 1, 1, 2);
        MemorySegment outDx = out(critical, 4);
        int status =
                critical
                        ? AlphaDropoutFunctions.alphaDropoutBackwardCritical(
                                context,
                                F32,
                                1,
                                4,
                                dy,
                                4,
                                NULL,
                                4,
                                PROBABILITY,
                                0,
                                0,
                                0,
                                0,
                                outDx,
                                4,
                                NULL,
                                0)
                        : AlphaDropoutFunctions.alphaDropoutBackward(
                                context,
                                F32,
                                1,
                                4,
                                dy,
                                4,
                                NULL,
                                4,
                                PROBABILITY,
                                0,
                                0,
                                0,
                                0,
                                outDx,
                                4,
                                NULL,
                                0);
        assertEquals(gatun_h.GATUN_OK(), status);
        expect("dx", outDx, SCALE, 0, 0, 2 * SCALE);
    }
}
