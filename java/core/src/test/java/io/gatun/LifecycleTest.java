// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.ref.Reference;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;

/** Closing devices, tensors and arenas, before calls, during calls and never. */
class LifecycleTest {
    private static final long STRESS_NANOS = 1_000_000_000L;

    @Test
    void aClosedTensorIsAnErrorInEveryUse() {
        try (Device device = Device.cpu()) {
            Tensor tensor = device.allocate(DType.F32, 2, 4);
            Tensor view = tensor.reshape(8).slice(0, 2, 4).reshape(1, 4);
            Tensor other = device.tensor(new float[4], 1, 4);
            MemorySegment segment = tensor.segment();
            tensor.copyFrom(new float[8]);
            view.close();
            tensor.close();
            tensor.close();
            assertThrows(IllegalStateException.class, () -> tensor.get(0, 0));
            assertThrows(IllegalStateException.class, () -> tensor.set(1, 0, 0));
            assertThrows(IllegalStateException.class, tensor::toFloatArray);
            assertThrows(IllegalStateException.class, () -> segment.get(ValueLayout.JAVA_FLOAT, 0));
            assertEquals(
                    "x: expected open memory, but it was closed",
                    assertThrows(
                                    IllegalStateException.class,
                                    () -> Normalization.srmsNorm(view, 1, other))
                            .getMessage());
            assertEquals(
                    "y: expected open memory, but it was closed",
                    assertThrows(
                                    IllegalStateException.class,
                                    () -> Normalization.srmsNorm(other, 1, view))
                            .getMessage());
        }
    }

    @Test
    void closingATensorOfTheUserLeavesItsMemory() {
        try (Device device = Device.cpu();
                Arena arena = Arena.ofConfined()) {
            Tensor onHeap = device.tensor(new float[4], 4);
            Tensor offHeap = device.tensor(DType.F32, arena.allocate(16), 4);
            onHeap.close();
            offHeap.close();
            assertEquals(0, onHeap.get(3));
            assertEquals(0, offHeap.get(3));
        }
    }

    @Test
    void aClosedDeviceIsAnErrorButItsTensorsStayReadable() {
        Device device = Device.cpu();
        Tensor allocated = device.allocate(DType.F32, 1, 2);
        allocated.copyFrom(new float[] {3, 4});
        Tensor onHeap = device.tensor(new float[2], 1, 2);
        device.close();
        device.close();
        for (Tensor tensor : new Tensor[] {allocated, onHeap}) {
            assertEquals(
                    "device cpu is closed",
                    assertThrows(
                                    IllegalStateException.class,
                                    () -> Normalization.srmsNorm(tensor, 1, tensor))
                            .getMessage());
        }
        assertThrows(IllegalStateException.class, () -> device.allocate(DType.F32, 1));
        assertThrows(IllegalStateException.class, device::synchronize);
        assertArrayEquals(new float[] {3, 4}, allocated.toFloatArray());
        // The native context is freed now, after the last memory that it gave.
        allocated.close();
        assertThrows(IllegalStateException.class, () -> allocated.get(0, 0));
    }

    /**
     * A native call of the user's own holds the segment: it cannot be closed then, but afterwards.
     */
    @Test
    @SuppressWarnings("restricted")
    void closingGoesOnWhereItWasStopped() throws Throwable {
        Linker linker = Linker.nativeLinker();
        MethodHandle sort =
                linker.downcallHandle(
                        linker.defaultLookup().find("qsort").orElseThrow(),
                        FunctionDescriptor.ofVoid(
                                ValueLayout.ADDRESS,
                                ValueLayout.JAVA_LONG,
                                ValueLayout.JAVA_LONG,
                                ValueLayout.ADDRESS));
        try (Device device = Device.cpu();
                Arena arena = Arena.ofConfined()) {
            Tensor tensor = device.allocate(DType.F32, 2);
            tensor.copyFrom(new float[] {1, 2});
            List<Throwable> refusals = new ArrayList<>();
            Runnable close =
                    () -> refusals.add(assertThrows(IllegalStateException.class, tensor::close));
            MethodHandle compare =
                    MethodHandles.dropArguments(
                            MethodHandles.filterReturnValue(
                                    MethodHandles.lookup()
                                            .findVirtual(
                                                    Runnable.class,
                                                    "run",
                                                    MethodType.methodType(void.class))
                                            .bindTo(close),
                                    MethodHandles.constant(int.class, 0)),
                            0,
                            MemorySegment.class,
                            MemorySegment.class);
            FunctionDescriptor comparison =
                    FunctionDescriptor.of(
                            ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.ADDRESS);
            sort.invoke(tensor.segment(), 2L, 4L, linker.upcallStub(compare, comparison, arena));
            assertFalse(refusals.isEmpty());
            assertEquals(2, tensor.get(1), "the memory is still there");
            tensor.close();
            assertFalse(tensor.segment().scope().isAlive());
        }
    }

    /**
     * Two threads call and one closes: each call works or says what was closed, and every close
     * frees once or throws.
     */
    @Test
    void callsAndClosesRace() throws InterruptedException {
        long until = System.nanoTime() + STRESS_NANOS;
        AtomicReference<Throwable> unexpected = new AtomicReference<>();
        AtomicLong calls = new AtomicLong();
        AtomicLong refused = new AtomicLong();
        int rounds = 0;
        while (System.nanoTime() - until < 0 && unexpected.get() == null) {
            rounds++;
            Device device = Device.cpu(CpuOptions.DEFAULT.withThreads(rounds % 2 + 1));
            Tensor x = device.allocate(DType.F32, 4, 64);
            Tensor y =
                    rounds % 3 == 0
                            ? device.tensor(new float[4 * 64], 4, 64)
                            : device.allocate(DType.F32, 4, 64);
            x.copyFrom(new float[4 * 64]);
            CountDownLatch started = new CountDownLatch(2);
            List<Thread> callers = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                Thread caller =
                        new Thread(
                                () -> {
                                    try {
                                        while (true) {
                                            Normalization.srmsNorm(x, 1e-6f, y);
                                            calls.incrementAndGet();
                                            started.countDown();
                                            LockSupport.parkNanos(20_000);
                                        }
                                    } catch (IllegalStateException closed) {
                                        if (!closed.getMessage().endsWith("closed")) {
                                            unexpected.set(closed);
                                        }
                                    } catch (Throwable thrown) {
                                        unexpected.set(thrown);
                                    }
                                    started.countDown();
                                    started.countDown();
                                });
                caller.start();
                callers.add(caller);
            }
            started.await();
            AutoCloseable[] order =
                    rounds % 2 == 0
                            ? new AutoCloseable[] {x::close, y::close, device::close}
                            : new AutoCloseable[] {device::close, y::close, x::close};
            for (AutoCloseable closeable : order) {
                while (true) {
                    try {
                        closeable.close();
                        break;
                    } catch (IllegalStateException inUse) {
                        refused.incrementAndGet();
                        Thread.onSpinWait();
                    } catch (Exception thrown) {
                        unexpected.set(thrown);
                        break;
                    }
                }
            }
            for (Thread caller : callers) {
                caller.join();
            }
        }
        if (unexpected.get() != null) {
            throw new AssertionError("in round " + rounds, unexpected.get());
        }
        assertTrue(rounds > 3, "rounds: " + rounds);
        assertTrue(calls.get() >= rounds, "calls: " + calls + ", closes refused: " + refused);
    }

    /**
     * Users read and write through the segment while the tensor is closed: they see an exception,
     * never freed memory.
     */
    @Test
    void accessesAndClosesRace() throws InterruptedException {
        try (Device device = Device.cpu()) {
            long until = System.nanoTime() + STRESS_NANOS / 2;
            while (System.nanoTime() - until < 0) {
                Tensor tensor = device.allocate(DType.F32, 1024);
                tensor.copyFrom(new float[1024]);
                CountDownLatch started = new CountDownLatch(1);
                AtomicReference<Throwable> end = new AtomicReference<>();
                Thread reader =
                        new Thread(
                                () -> {
                                    try {
                                        while (true) {
                                            for (int i = 0; i < 1024; i++) {
                                                if (tensor.get(i) != 0) {
                                                    throw new AssertionError(
                                                            "read memory that is not the tensor's");
                                                }
                                            }
                                            started.countDown();
                                        }
                                    } catch (Throwable thrown) {
                                        end.set(thrown);
                                    }
                                });
                reader.start();
                started.await();
                tensor.close();
                reader.join();
                assertEquals(
                        IllegalStateException.class,
                        end.get().getClass(),
                        () -> String.valueOf(end.get()));
            }
        }
    }

    @Test
    void manyThreadsShareADevice() throws InterruptedException {
        try (Device device = Device.cpu()) {
            float[] values = new float[2 * 70_000];
            for (int i = 0; i < values.length; i++) {
                values[i] = i % 1013 - 500;
            }
            Tensor x = device.tensor(values, 2, 70_000).asReadOnly();
            Tensor expected = device.allocate(DType.F32, 2, 70_000);
            Normalization.srmsNorm(x, 1e-6f, expected);
            float[] wanted = expected.toFloatArray();
            expected.close();
            AtomicReference<Throwable> unexpected = new AtomicReference<>();
            List<Thread> threads = new ArrayList<>();
            for (int i = 0; i < 6; i++) {
                boolean onHeap = i % 2 == 0;
                Runnable work =
                        () -> {
                            try (Tensor allocated = device.allocate(DType.F32, 2, 70_000)) {
                                Tensor y =
                                        onHeap
                                                ? device.tensor(new float[2 * 70_000], 2, 70_000)
                                                : allocated;
                                for (int round = 0; round < 20; round++) {
                                    Normalization.srmsNorm(x, 1e-6f, y);
                                    assertArrayEquals(wanted, y.toFloatArray());
                                }
                            } catch (Throwable thrown) {
                                unexpected.set(thrown);
                            }
                        };
                threads.add(
                        i < 3 ? Thread.ofPlatform().start(work) : Thread.ofVirtual().start(work));
            }
            for (Thread thread : threads) {
                thread.join();
            }
            if (unexpected.get() != null) {
                throw new AssertionError(unexpected.get());
            }
        }
    }

    /**
     * The memory of a forgotten tensor is freed, but not while its segment can still be reached.
     */
    @Test
    void aSegmentKeepsAForgottenTensorAlive() throws InterruptedException {
        try (Device device = Device.cpu()) {
            Tensor tensor = device.allocate(DType.F32, 4);
            tensor.copyFrom(new float[] {1, 2, 3, 4});
            MemorySegment segment = tensor.segment();
            WeakReference<Tensor> forgotten = new WeakReference<>(tensor);
            WeakReference<DeviceMemory> memory = new WeakReference<>(tensor.memory);
            tensor = null;
            collect(forgotten);
            collect(memory);
            Thread.sleep(50);
            assertEquals(3, segment.getAtIndex(ValueLayout.JAVA_FLOAT, 2));
            Reference.reachabilityFence(segment);
        }
    }

    /**
     * The cleaner frees a device and its memory in any order, and keeps neither from being
     * collected.
     */
    @Test
    void aForgottenDeviceIsFreedWithItsMemory() throws InterruptedException {
        Device device = Device.cpu();
        Tensor tensor = device.allocate(DType.F32, 4);
        tensor.copyFrom(new float[4]);
        Normalization.srmsNorm(tensor.reshape(1, 4), 1, tensor.reshape(1, 4));
        WeakReference<Kernels> kernels = new WeakReference<>(device.kernels());
        WeakReference<DeviceMemory> memory = new WeakReference<>(tensor.memory);
        WeakReference<MemorySegment> segment = new WeakReference<>(tensor.segment());
        device = null;
        tensor = null;
        collect(kernels);
        collect(memory);
        collect(segment);
        try (Device next = Device.cpu();
                Tensor fresh = next.allocate(DType.F32, 1, 4)) {
            fresh.copyFrom(new float[] {1, 1, 1, 1});
            Normalization.srmsNorm(fresh, 0, fresh);
            assertArrayEquals(new float[] {1, 1, 1, 1}, fresh.toFloatArray());
        }
    }

    private static void collect(WeakReference<?> reference) throws InterruptedException {
        for (int i = 0; i < 100 && reference.get() != null; i++) {
            System.gc();
            Thread.sleep(5);
        }
        assertEquals(null, reference.get());
    }
}
