// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongConsumer;
import java.util.logging.Logger;
import org.junit.jupiter.api.Test;

class NativeHandleTest {

    private static final long ADDRESS = 0x1000;

    private final List<Long> freed = new ArrayList<>();

    private NativeHandle open() {
        return new NativeHandle(ADDRESS, "device cpu", freed::add);
    }

    @Test
    void acquireGivesThePointer() {
        try (NativeHandle handle = open()) {
            assertEquals(ADDRESS, handle.acquire().address());
            handle.release();
        }
    }

    @Test
    void closeFreesOnce() {
        NativeHandle handle = open();
        handle.close();
        handle.close();
        assertEquals(List.of(ADDRESS), freed);
        assertTrue(handle.isClosed());
    }

    @Test
    void useAfterCloseNamesWhatWasClosed() {
        NativeHandle handle = open();
        handle.close();
        var thrown = assertThrows(IllegalStateException.class, handle::acquire);
        assertEquals("device cpu is closed", thrown.getMessage());
    }

    @Test
    void closeInsideACallThrowsAndTheHandleStaysUsable() {
        NativeHandle handle = open();
        handle.acquire();
        var thrown = assertThrows(IllegalStateException.class, handle::close);
        assertTrue(thrown.getMessage().startsWith("device cpu cannot be closed while"));
        assertFalse(handle.isClosed());
        assertEquals(List.of(), freed);
        assertEquals(ADDRESS, handle.acquire().address());
        handle.release();
        handle.release();
        handle.close();
        assertEquals(List.of(ADDRESS), freed);
    }

    @Test
    void closeDuringACallOfAnotherThreadThrows() throws InterruptedException {
        NativeHandle handle = open();
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch leave = new CountDownLatch(1);
        Thread caller =
                Thread.ofVirtual()
                        .start(
                                () -> {
                                    handle.acquire();
                                    inside.countDown();
                                    awaitQuietly(leave);
                                    handle.release();
                                });
        inside.await();
        assertThrows(IllegalStateException.class, handle::close);
        leave.countDown();
        caller.join();
        handle.close();
        assertEquals(List.of(ADDRESS), freed);
    }

    @Test
    void aFailingDestructorStillClosesTheHandle() {
        LongConsumer failing =
                address -> {
                    throw new IllegalArgumentException("cannot free");
                };
        NativeHandle handle = new NativeHandle(ADDRESS, "plan", failing);
        assertThrows(IllegalArgumentException.class, handle::close);
        assertTrue(handle.isClosed());
        assertThrows(IllegalStateException.class, handle::acquire);
    }

    @Test
    void badArgumentsAreNamed() {
        var noAddress =
                assertThrows(
                        IllegalArgumentException.class, () -> new NativeHandle(0, "plan", a -> {}));
        assertTrue(noAddress.getMessage().startsWith("address: "));
        var noName =
                assertThrows(
                        NullPointerException.class, () -> new NativeHandle(ADDRESS, null, a -> {}));
        assertTrue(noName.getMessage().startsWith("name: "));
        var noDestructor =
                assertThrows(
                        NullPointerException.class, () -> new NativeHandle(ADDRESS, "plan", null));
        assertTrue(noDestructor.getMessage().startsWith("destructor: "));
    }

    @Test
    void theCleanerFreesAnAbandonedHandleAndSaysSo() throws InterruptedException {
        BlockingQueue<Long> freedByCleaner = new LinkedBlockingQueue<>();
        BlockingQueue<String> messages = new LinkedBlockingQueue<>();
        Logger logger = Logger.getLogger(NativeHandle.class.getName());
        // Takes the record, so that it does not reach the log of the tests.
        logger.setFilter(record -> !messages.add(record.getMessage()));
        try {
            WeakReference<NativeHandle> abandoned = abandon(freedByCleaner);
            while (!abandoned.refersTo(null)) {
                System.gc();
            }
            assertEquals(ADDRESS, freedByCleaner.poll(30, TimeUnit.SECONDS));
            String message = messages.poll(30, TimeUnit.SECONDS);
            assertTrue(message.startsWith("plan 7 was never closed"), message);
        } finally {
            logger.setFilter(null);
        }
    }

    private static WeakReference<NativeHandle> abandon(BlockingQueue<Long> freed) {
        return new WeakReference<>(new NativeHandle(ADDRESS, "plan 7", freed::add));
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void countedByAnotherItIsFreedOnceAllCallsHaveLeft() throws InterruptedException {
        AtomicInteger frees = new AtomicInteger();
        NativeHandle counter = new NativeHandle(1, "device", address -> {});
        NativeHandle memory =
                new NativeHandle(2, "memory", address -> frees.incrementAndGet(), counter);

        counter.acquire();
        memory.requireOpen();
        memory.close();
        memory.close();
        IllegalStateException closed =
                assertThrows(IllegalStateException.class, memory::requireOpen);
        assertEquals("memory is closed", closed.getMessage());
        Thread.sleep(20);
        assertEquals(0, frees.get(), "freed while a call was inside");

        counter.release();
        for (int i = 0; i < 5000 && frees.get() == 0; i++) {
            Thread.sleep(1);
        }
        assertEquals(1, frees.get());
        counter.close();
    }

    @Test
    void countedByAnotherItIsFreedAtOnceWhenNoCallIsInside() {
        AtomicInteger frees = new AtomicInteger();
        try (NativeHandle counter = new NativeHandle(1, "device", address -> {})) {
            new NativeHandle(2, "memory", address -> frees.incrementAndGet(), counter).close();
            assertEquals(1, frees.get());
        }
    }
}
