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
 * Every method reaches its C function, with the arguments where they belong: on native memory, and
 * the critical variant on arrays. Values are worked out by hand.
 */
class PolynomialFunctionsTest {

    private static final MemorySegment NULL = MemorySegment.NULL;
    private static final int F32 = gatun_h.GATUN_F32();
    private static final int TERMS = gatun_h.GATUN_DENOMINATOR_TERMS();

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

    private static void assertValues(String name, MemorySegment result, float... expected) {
        assertArrayEquals(expected, result.toArray(ValueLayout.JAVA_FLOAT), 1e-6f, name);
    }

    @FunctionalInterface
    private interface Scratch {
        int query(MemorySegment scratchBytes);
    }

    /** Scratch is off-heap for the critical variants too. */
    private static MemorySegment scratch(Scratch query) {
        MemorySegment bytes = arena.allocate(ValueLayout.JAVA_LONG);
        assertEquals(gatun_h.GATUN_OK(), query.query(bytes));
        long size = bytes.get(ValueLayout.JAVA_LONG, 0);
        return size == 0 ? NULL : arena.allocate(size, 64);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void polyRelu(boolean critical) {
        MemorySegment x = in(critical, -1, 0, 1, 2);
        MemorySegment coefficients = in(critical, 1, 2, 3, 4);
        MemorySegment y = out(critical, 4);
        int status =
                critical
                        ? PolynomialFunctions.polyReluCritical(
                                context, F32, 3, 1, 4, x, 4, coefficients, y, 4, NULL, 0)
                        : PolynomialFunctions.polyRelu(
                                context, F32, 3, 1, 4, x, 4, coefficients, y, 4, NULL, 0);
        assertEquals(gatun_h.GATUN_OK(), status);
        assertValues("y", y, 1, 1, 10, 49);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void polyReluBackward(boolean critical) {
        MemorySegment x = in(critical, -1, 0, 1, 2);
        MemorySegment dy = in(critical, 1, 1, 1, 1);
        MemorySegment coefficients = in(critical, 1, 2, 3, 4);
        MemorySegment dx = out(critical, 4);
        MemorySegment dcoefficients = in(critical, 1, 1, 1, 1);
        MemorySegment scratch =
                scratch(
                        bytes ->
                                PolynomialFunctions.polyReluBackwardScratch(
                                        context, 3, 1, 4, bytes));
        int status =
                critical
                        ? PolynomialFunctions.polyReluBackwardCritical(
                                context,
                                F32,
                                3,
                                1,
                                4,
                                dy,
                                4,
                                x,
                                4,
                                coefficients,
                                dx,
                                4,
                                dcoefficients,
                                1,
                                0,
                                4,
                                scratch,
                                scratch.byteSize(),
                                NULL,
                                0)
                        : PolynomialFunctions.polyReluBackward(
                                context,
                                F32,
                                3,
                                1,
                                4,
                                dy,
                                4,
                                x,
                                4,
                                coefficients,
                                dx,
                                4,
                                dcoefficients,
                                1,
                                0,
                                4,
                                scratch,
                                scratch.byteSize(),
                                NULL,
                                0);
        assertEquals(gatun_h.GATUN_OK(), status);
        assertValues("dx", dx, 0, 0, 20, 62);
        assertValues("dcoefficients", dcoefficients, 5, 4, 6, 10);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void polyEval(boolean critical) {
        MemorySegment x = in(critical, -1, 0, 1, 2);
        MemorySegment coefficients = in(critical, 1, 2, 3);
        MemorySegment y = out(critical, 4);
        int status =
                critical
                        ? PolynomialFunctions.polyEvalCritical(
                                context, F32, 2, 1, 4, x, 4, coefficients, y, 4, NULL, 0)
                        : PolynomialFunctions.polyEval(
                                context, F32, 2, 1, 4, x, 4, coefficients, y, 4, NULL, 0);
        assertEquals(gatun_h.GATUN_OK(), status);
        assertValues("y", y, 2, 1, 6, 17);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void polyEvalBackward(boolean critical) {
        MemorySegment x = in(critical, -1, 0, 1, 2);
        MemorySegment dy = in(critical, 1, 1, 1, 1);
        MemorySegment coefficients = in(critical, 1, 2, 3);
        MemorySegment dx = out(critical, 4);
        MemorySegment dcoefficients = out(critical, 3);
        MemorySegment scratch =
                scratch(
                        bytes ->
                                PolynomialFunctions.polyEvalBackwardScratch(
                                        context, 2, 1, 4, bytes));
        int status =
                critical
                        ? PolynomialFunctions.polyEvalBackwardCritical(
                                context,
                                F32,
                                2,
                                1,
                                4,
                                dy,
                                4,
                                x,
                                4,
                                coefficients,
                                dx,
                                4,
                                dcoefficients,
                                0,
                                0,
                                4,
                                scratch,
                                scratch.byteSize(),
                                NULL,
                                0)
                        : PolynomialFunctions.polyEvalBackward(
                                context,
                                F32,
                                2,
                                1,
                                4,
                                dy,
                                4,
                                x,
                                4,
                                coefficients,
                                dx,
                                4,
                                dcoefficients,
                                0,
                                0,
                                4,
                                scratch,
                                scratch.byteSize(),
                                NULL,
                                0);
        assertEquals(gatun_h.GATUN_OK(), status);
        assertValues("dx", dx, -4, 2, 8, 14);
        assertValues("dcoefficients", dcoefficients, 4, 2, 6);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void polyNorm(boolean critical) {
        MemorySegment gate = in(critical, 2, -2, 2, 2);
        MemorySegment coefficients = in(critical, 0.5f, 2);
        MemorySegment y = out(critical, 4);
        MemorySegment rho = out(critical, 1);
        MemorySegment scratch =
                scratch(bytes -> PolyNormFunctions.polyNormScratch(context, 1, 1, 4, bytes));
        int status =
                critical
                        ? PolyNormFunctions.polyNormCritical(
                                context,
                                F32,
                                1,
                                1,
                                4,
                                gate,
                                4,
                                coefficients,
                                0,
                                y,
                                4,
                                rho,
                                scratch,
                                scratch.byteSize(),
                                NULL,
                                0)
                        : PolyNormFunctions.polyNorm(
                                context,
                                F32,
                                1,
                                1,
                                4,
                                gate,
                                4,
                                coefficients,
                                0,
                                y,
                                4,
                                rho,
                                scratch,
                                scratch.byteSize(),
                                NULL,
                                0);
        assertEquals(gatun_h.GATUN_OK(), status);
        assertValues("y", y, 2.5f, -1.5f, 2.5f, 2.5f);
        assertValues("rho", rho, 0.5f);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void polyNormBackward(boolean critical) {
        MemorySegment gate = in(critical, 2, -2, 2, 2);
        MemorySegment coefficients = in(critical, 0.5f, 2);
        MemorySegment dy = in(critical, 1, 0, 0, 0);
        MemorySegment rho = in(critical, 0.5f);
        MemorySegment dx = out(critical, 4);
        MemorySegment dcoefficients = out(critical, 2);
        MemorySegment scratch =
                scratch(
                        bytes ->
                                PolyNormFunctions.polyNormBackwardScratch(context, 1, 1, 4, bytes));
        int status =
                critical
                        ? PolyNormFunctions.polyNormBackwardCritical(
                                context,
                                F32,
                                1,
                                1,
                                4,
                                dy,
                                4,
                                gate,
                                4,
                                coefficients,
                                0,
                                rho,
                                dx,
                                4,
                                dcoefficients,
                                0,
                                0,
                                1,
                                scratch,
                                scratch.byteSize(),
                                NULL,
                                0)
                        : PolyNormFunctions.polyNormBackward(
                                context,
                                F32,
                                1,
                                1,
                                4,
                                dy,
                                4,
                                gate,
                                4,
                                coefficients,
                                0,
                                rho,
                                dx,
                                4,
                                dcoefficients,
                                0,
                                0,
                                1,
                                scratch,
                                scratch.byteSize(),
                                NULL,
                                0);
        assertEquals(gatun_h.GATUN_OK(), status);
        assertValues("dx", dx, 0.75f, 0.25f, -0.25f, -0.25f);
        assertValues("dcoefficients", dcoefficients, 1, 1);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void polyNormMul(boolean critical) {
        MemorySegment gate = in(critical, 2, -2, 2, 2);
        MemorySegment coefficients = in(critical, 0.5f, 2);
        MemorySegment up = in(critical, 1, 2, 3, 4);
        MemorySegment y = out(critical, 4);
        MemorySegment rho = out(critical, 1);
        MemorySegment scratch =
                scratch(bytes -> PolyNormFunctions.polyNormMulScratch(context, 1, 1, 4, bytes));
        int status =
                critical
                        ? PolyNormFunctions.polyNormMulCritical(
                                context,
                                F32,
                                1,
                                1,
                                4,
                                gate,
                                4,
                                up,
                                4,
                                coefficients,
                                0,
                                y,
                                4,
                                rho,
                                scratch,
                                scratch.byteSize(),
                                NULL,
                                0)
                        : PolyNormFunctions.polyNormMul(
                                context,
                                F32,
                                1,
                                1,
                                4,
                                gate,
                                4,
                                up,
                                4,
                                coefficients,
                                0,
                                y,
                                4,
                                rho,
                                scratch,
                                scratch.byteSize(),
                                NULL,
                                0);
        assertEquals(gatun_h.GATUN_OK(), status);
        assertValues("y", y, 2.5f, -3, 7.5f, 10);
        assertValues("rho", rho, 0.5f);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void polyNormMulBackward(boolean critical) {
        MemorySegment gate = in(critical, 2, -2, 2, 2);
        MemorySegment coefficients = in(critical, 0.5f, 2);
        MemorySegment up = in(critical, 1, 2, 3, 4);
        MemorySegment dy = in(critical, 1, 0, 0, 0);
        MemorySegment dgate = out(critical, 4);
        MemorySegment dup = out(critical, 4);
        MemorySegment dcoefficients = out(critical, 2);
        MemorySegment scratch =
                scratch(
                        bytes ->
                                PolyNormFunctions.polyNormMulBackwardScratch(
                                        context, 1, 1, 4, bytes));
        int status =
                critical
                        ? PolyNormFunctions.polyNormMulBackwardCritical(
                                context,
                                F32,
                                1,
                                1,
                                4,
                                dy,
                                4,
                                gate,
                                4,
                                up,
                                4,
                                coefficients,
                                0,
                                NULL,
                                dgate,
                                4,
                                dup,
                                4,
                                dcoefficients,
                                0,
                                0,
                                1,
                                scratch,
                                scratch.byteSize(),
                                NULL,
                                0)
                        : PolyNormFunctions.polyNormMulBackward(
                                context,
                                F32,
                                1,
                                1,
                                4,
                                dy,
                                4,
                                gate,
                                4,
                                up,
                                4,
                                coefficients,
                                0,
                                NULL,
                                dgate,
                                4,
                                dup,
                                4,
                                dcoefficients,
                                0,
                                0,
                                1,
                                scratch,
                                scratch.byteSize(),
                                NULL,
                                0);
        assertEquals(gatun_h.GATUN_OK(), status);
        assertValues("dgate", dgate, 0.75f, 0.25f, -0.25f, -0.25f);
        assertValues("dup", dup, 2.5f, 0, 0, 0);
        assertValues("dcoefficients", dcoefficients, 1, 1);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void rational(boolean critical) {
        MemorySegment x = in(critical, 1, -1, 2, 3);
        MemorySegment numerator = in(critical, 1, 1);
        MemorySegment denominator = in(critical, 1, 0);
        MemorySegment y = out(critical, 4);
        int status =
                critical
                        ? RationalFunctions.rationalCritical(
                                context,
                                F32,
                                1,
                                1,
                                TERMS,
                                1,
                                4,
                                2,
                                x,
                                4,
                                numerator,
                                1,
                                denominator,
                                2,
                                y,
                                4,
                                NULL,
                                0)
                        : RationalFunctions.rational(
                                context,
                                F32,
                                1,
                                1,
                                TERMS,
                                1,
                                4,
                                2,
                                x,
                                4,
                                numerator,
                                1,
                                denominator,
                                2,
                                y,
                                4,
                                NULL,
                                0);
        assertEquals(gatun_h.GATUN_OK(), status);
        assertValues("y", y, 1, 0, 3, 4);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void rationalBackward(boolean critical) {
        MemorySegment x = in(critical, 1, -1, 2, 3);
        MemorySegment numerator = in(critical, 1, 1);
        MemorySegment denominator = in(critical, 1, 0);
        MemorySegment dy = in(critical, 1, 1, 1, 1);
        MemorySegment dx = out(critical, 4);
        MemorySegment dnumerator = out(critical, 2);
        MemorySegment ddenominator = out(critical, 2);
        MemorySegment scratch =
                scratch(
                        bytes ->
                                RationalFunctions.rationalBackwardScratch(
                                        context, 1, 1, 1, 4, 2, bytes));
        int status =
                critical
                        ? RationalFunctions.rationalBackwardCritical(
                                context,
                                F32,
                                1,
                                1,
                                TERMS,
                                1,
                                4,
                                2,
                                dy,
                                4,
                                x,
                                4,
                                numerator,
                                1,
                                denominator,
                                2,
                                dx,
                                4,
                                dnumerator,
                                ddenominator,
                                0,
                                0,
                                1,
                                scratch,
                                scratch.byteSize(),
                                NULL,
                                0)
                        : RationalFunctions.rationalBackward(
                                context,
                                F32,
                                1,
                                1,
                                TERMS,
                                1,
                                4,
                                2,
                                dy,
                                4,
                                x,
                                4,
                                numerator,
                                1,
                                denominator,
                                2,
                                dx,
                                4,
                                dnumerator,
                                ddenominator,
                                0,
                                0,
                                1,
                                scratch,
                                scratch.byteSize(),
                                NULL,
                                0);
        assertEquals(gatun_h.GATUN_OK(), status);
        assertValues("dx", dx, 0, 0.5f, 1, 1);
        assertValues("dnumerator", dnumerator, 3, 5);
        assertValues("ddenominator", ddenominator, -0.5f, -18);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void thresholdMask(boolean critical) {
        MemorySegment x = in(critical, 1, -3, 2, -4);
        MemorySegment y = out(critical, 4);
        int status =
                critical
                        ? SparsityFunctions.thresholdMaskCritical(
                                context, F32, 1, 4, x, 4, NULL, NULL, 2, 0, x, 4, y, 4, NULL, 0)
                        : SparsityFunctions.thresholdMask(
                                context, F32, 1, 4, x, 4, NULL, NULL, 2, 0, x, 4, y, 4, NULL, 0);
        assertEquals(gatun_h.GATUN_OK(), status);
        assertValues("y", y, 0, -3, 0, -4);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void topkMaskRows(boolean critical) {
        MemorySegment x = in(critical, 1, -3, 2, -4);
        MemorySegment y = out(critical, 4);
        MemorySegment scale = in(critical, 1, 2, 1, 1);
        int status =
                critical
                        ? SparsityFunctions.topkMaskRowsCritical(
                                context, F32, 1, 4, 1, x, 4, scale, x, 4, y, 4, NULL, 0)
                        : SparsityFunctions.topkMaskRows(
                                context, F32, 1, 4, 1, x, 4, scale, x, 4, y, 4, NULL, 0);
        assertEquals(gatun_h.GATUN_OK(), status);
        assertValues("y", y, 0, -3, 0, 0);
    }
}
