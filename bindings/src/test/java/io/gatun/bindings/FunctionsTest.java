// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.bindings.generated.gatun_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Every method reaches its C function, with the arguments where they belong. */
class FunctionsTest {

    private static final MemorySegment NULL = MemorySegment.NULL;
    private static final float[] X = {1, 2, 3, 6};
    private static final float[] GAMMA = {1, 2, 1, 2};
    private static final float[] BETA = {0.5f, 0, -0.5f, 0};

    /** The mean is 3 and the variance 3.5: with this, r = 1/2. */
    private static final float EPS = 0.5f;

    private static final float[] LAYER_NORM = {-0.5f, -1, -0.5f, 3};
    private static final float[] LAYER_STATISTICS = {3, 0, 0.5f};

    /**
     * The mean square of the first two is 2.5; with eps 1.5 r = 1/2, and the weight offset is 1.
     */
    private static final float[] RMS_NORM = {1.5f, 3, 2.5f, 9};

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

    @Test
    void theLibraryDescribesItself() {
        assertEquals(gatun_h.GATUN_ABI_VERSION(), CoreFunctions.abiVersion());
        assertEquals(NativeLibrary.get().buildHash(), CoreFunctions.buildHash());
        assertEquals(gatun_h.GATUN_OK(), CoreFunctions.noOp());
        assertEquals("scalar", CoreFunctions.isaName(gatun_h.GATUN_ISA_SCALAR()));
        assertNull(CoreFunctions.isaName(99));
        assertEquals(
                CoreFunctions.isaDetected() >= 0,
                CoreFunctions.isaName(CoreFunctions.isaDetected()) != null);
        MemorySegment text = arena.allocate(256);
        assertEquals(gatun_h.GATUN_OK(), CoreFunctions.cpuDescribe(text, text.byteSize()));
        assertNotEquals("", text.getString(0));
        MemorySegment reason = arena.allocate(256);
        assertEquals(gatun_h.GATUN_OK(), CoreFunctions.gpuReason(reason, reason.byteSize()));
    }

    @Test
    void kernelsAreListed() {
        MemorySegment operation = arena.allocate(ValueLayout.ADDRESS);
        MemorySegment isa = arena.allocate(ValueLayout.JAVA_INT);
        assertEquals(gatun_h.GATUN_OK(), CoreFunctions.kernelDescribe(0, operation, isa));
        String name = NativeMemory.string(operation.get(ValueLayout.ADDRESS, 0));
        assertTrue(name.endsWith("_norm"), name);
        assertEquals(
                gatun_h.GATUN_INVALID_ARGUMENT(),
                CoreFunctions.kernelDescribe(1_000_000, operation, isa));
    }

    @Test
    void aContextDescribesItself() {
        assertEquals(gatun_h.GATUN_BACKEND_CPU(), CoreFunctions.contextBackend(context));
        assertEquals(gatun_h.GATUN_ISA_SCALAR(), CoreFunctions.contextIsa(context));
        assertEquals(1, CoreFunctions.contextThreads(context));
    }

    @Test
    void memoryIsAllocatedAndFreed() {
        MemorySegment pointer = arena.allocate(ValueLayout.ADDRESS);
        assertEquals(gatun_h.GATUN_OK(), CoreFunctions.allocate(context, 4096, pointer, NULL, 0));
        long address = pointer.get(ValueLayout.ADDRESS, 0).address();
        MemorySegment memory = NativeMemory.segment(address, 4096, arena);
        memory.set(ValueLayout.JAVA_LONG, 4088, 42);
        assertEquals(42, memory.get(ValueLayout.JAVA_LONG, 4088));
        assertEquals(gatun_h.GATUN_OK(), CoreFunctions.free(context, memory, 4096));
    }

    @Test
    void aMessageNamesTheArgument() {
        MemorySegment message = arena.allocate(256);
        MemorySegment pointer = arena.allocate(ValueLayout.ADDRESS);
        assertEquals(
                gatun_h.GATUN_INVALID_ARGUMENT(),
                CoreFunctions.allocate(context, -1, pointer, message, message.byteSize()));
        assertTrue(message.getString(0).startsWith("bytes: "), message.getString(0));
    }

    @Test
    void scratchIsAskedFor() {
        MemorySegment bytes = arena.allocate(ValueLayout.JAVA_LONG);
        assertEquals(gatun_h.GATUN_OK(), NormFunctions.layerNormScratch(context, 1, 4, bytes));
        assertEquals(0, bytes.get(ValueLayout.JAVA_LONG, 0));
        assertEquals(gatun_h.GATUN_OK(), NormFunctions.rmsNormScratch(context, 1, 4, bytes));
        assertEquals(0, bytes.get(ValueLayout.JAVA_LONG, 0));
    }

    @Test
    void layerNormOfNativeMemory() {
        MemorySegment y = arena.allocate(ValueLayout.JAVA_FLOAT, 4);
        MemorySegment statistics = arena.allocate(ValueLayout.JAVA_FLOAT, 3);
        int status =
                layerNorm(
                        NormFunctions::layerNorm,
                        offHeap(X),
                        offHeap(GAMMA),
                        offHeap(BETA),
                        y,
                        statistics);
        assertEquals(gatun_h.GATUN_OK(), status);
        assertArrayEquals(LAYER_NORM, y.toArray(ValueLayout.JAVA_FLOAT));
        assertArrayEquals(LAYER_STATISTICS, statistics.toArray(ValueLayout.JAVA_FLOAT));
    }

    @Test
    void layerNormOfArrays() {
        float[] y = new float[4];
        float[] statistics = new float[3];
        int status =
                layerNorm(
                        NormFunctions::layerNormCritical,
                        onHeap(X),
                        onHeap(GAMMA),
                        onHeap(BETA),
                        onHeap(y),
                        onHeap(statistics));
        assertEquals(gatun_h.GATUN_OK(), status);
        assertArrayEquals(LAYER_NORM, y);
        assertArrayEquals(LAYER_STATISTICS, statistics);
    }

    @Test
    void rmsNormOfNativeMemory() {
        MemorySegment y = arena.allocate(ValueLayout.JAVA_FLOAT, 4);
        MemorySegment rstd = arena.allocate(ValueLayout.JAVA_FLOAT);
        int status =
                rmsNorm(NormFunctions::rmsNorm, offHeap(X), offHeap(GAMMA), offHeap(BETA), y, rstd);
        assertEquals(gatun_h.GATUN_OK(), status);
        assertArrayEquals(RMS_NORM, y.toArray(ValueLayout.JAVA_FLOAT));
        assertEquals(0.5f, rstd.get(ValueLayout.JAVA_FLOAT, 0));
    }

    @Test
    void rmsNormOfArrays() {
        float[] y = new float[4];
        float[] rstd = new float[1];
        int status =
                rmsNorm(
                        NormFunctions::rmsNormCritical,
                        onHeap(X),
                        onHeap(GAMMA),
                        onHeap(BETA),
                        onHeap(y),
                        onHeap(rstd));
        assertEquals(gatun_h.GATUN_OK(), status);
        assertArrayEquals(RMS_NORM, y);
        assertEquals(0.5f, rstd[0]);
    }

    @FunctionalInterface
    private interface LayerNorm {
        int call(
                MemorySegment context,
                int dtype,
                int parameterDtype,
                long rows,
                long totalRows,
                long columns,
                MemorySegment x,
                long xStride,
                MemorySegment gamma,
                MemorySegment beta,
                float weightOffset,
                float eps,
                int epsMode,
                int castMode,
                MemorySegment y,
                long yStride,
                MemorySegment mean,
                MemorySegment meanLow,
                MemorySegment rstd,
                MemorySegment scratch,
                long scratchBytes,
                MemorySegment message,
                long messageBytes);
    }

    @FunctionalInterface
    private interface RmsNorm {
        int call(
                MemorySegment context,
                int dtype,
                int parameterDtype,
                long rows,
                long totalRows,
                long columns,
                long statisticsColumns,
                MemorySegment x,
                long xStride,
                MemorySegment gamma,
                MemorySegment beta,
                float weightOffset,
                float eps,
                int epsMode,
                int castMode,
                MemorySegment y,
                long yStride,
                MemorySegment rstd,
                MemorySegment scratch,
                long scratchBytes,
                MemorySegment message,
                long messageBytes);
    }

    private static int layerNorm(
            LayerNorm function,
            MemorySegment x,
            MemorySegment gamma,
            MemorySegment beta,
            MemorySegment y,
            MemorySegment statistics) {
        return function.call(
                context,
                gatun_h.GATUN_F32(),
                gatun_h.GATUN_F32(),
                1,
                1,
                4,
                x,
                4,
                gamma,
                beta,
                0,
                EPS,
                gatun_h.GATUN_EPS_IN_SQRT(),
                gatun_h.GATUN_CAST_NONE(),
                y,
                4,
                statistics.asSlice(0, 4),
                statistics.asSlice(4, 4),
                statistics.asSlice(8, 4),
                NULL,
                0,
                NULL,
                0);
    }

    private static int rmsNorm(
            RmsNorm function,
            MemorySegment x,
            MemorySegment gamma,
            MemorySegment beta,
            MemorySegment y,
            MemorySegment rstd) {
        return function.call(
                context,
                gatun_h.GATUN_F32(),
                gatun_h.GATUN_F32(),
                1,
                1,
                4,
                2,
                x,
                4,
                gamma,
                beta,
                1,
                1.5f,
                gatun_h.GATUN_EPS_IN_SQRT(),
                gatun_h.GATUN_CAST_NONE(),
                y,
                4,
                rstd,
                NULL,
                0,
                NULL,
                0);
    }

    private static MemorySegment offHeap(float[] values) {
        return arena.allocateFrom(ValueLayout.JAVA_FLOAT, values);
    }

    private static MemorySegment onHeap(float[] values) {
        return MemorySegment.ofArray(values);
    }
}
