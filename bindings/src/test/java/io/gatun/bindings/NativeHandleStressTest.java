// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Calls, closes and the cleaner race; the object must be freed once, and never under a call. */
class NativeHandleStressTest {

    private static final long SEED = 20261123;
    private static final int ROUNDS = 2000;
    private static final int CALLERS = 3;
    private static final int CLOSERS = 2;
    private static final int CALLS = 200;
    private static final int ABANDONED = 200;

    /** Held, since the cleaner's warnings would otherwise fill the log. */
    private static final Logger LOGGER = Logger.getLogger(NativeHandle.class.getName());

    @BeforeAll
    static void silenceTheCleaner() {
        LOGGER.setLevel(Level.OFF);
    }

    @AfterAll
    static void letTheCleanerSpeak() {
        LOGGER.setLevel(null);
    }

    /** Stands for native memory: notes a use after the free, and a second free. */
    private static final class Memory {
        final AtomicInteger frees = new AtomicInteger();
        final AtomicInteger usesAfterFree = new AtomicInteger();

        void use() {
            if (frees.get() != 0) {
                usesAfterFree.incrementAndGet();
            }
        }

        void free(long address) {
            frees.incrementAndGet();
        }
    }

    @Test
    void callsRaceWithCloses() throws Exception {
        SplittableRandom random = new SplittableRandom(SEED);
        AtomicLong completedCalls = new AtomicLong();
        try (ExecutorService threads = Executors.newFixedThreadPool(CALLERS + CLOSERS)) {
            for (int round = 0; round < ROUNDS; round++) {
                Memory memory = new Memory();
                NativeHandle handle = new NativeHandle(1, "round " + round, memory::free);
                CyclicBarrier start = new CyclicBarrier(CALLERS + CLOSERS);
                List<Callable<Void>> tasks = new ArrayList<>();
                for (int i = 0; i < CALLERS; i++) {
                    tasks.add(caller(handle, memory, start, completedCalls));
                }
                for (int i = 0; i < CLOSERS; i++) {
                    tasks.add(closer(handle, start, random.nextInt(2000)));
                }
                for (Future<Void> done : threads.invokeAll(tasks)) {
                    done.get();
                }
                String where = "seed " + SEED + ", round " + round;
                assertEquals(0, memory.usesAfterFree.get(), where);
                assertEquals(1, memory.frees.get(), where);
                assertTrue(handle.isClosed(), where);
            }
        }
        assertTrue(completedCalls.get() > 0, "no call was inside: the race was not run");
    }

    @Test
    void callsRaceWithTheCleaner() throws InterruptedException {
        SplittableRandom random = new SplittableRandom(SEED);
        List<Memory> memories = new ArrayList<>();
        for (int round = 0; round < ABANDONED; round++) {
            Memory memory = new Memory();
            memories.add(memory);
            useAndAbandon(memory, random.nextInt(10) == 0);
        }
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (memories.stream().anyMatch(memory -> memory.frees.get() == 0)) {
            assertTrue(System.nanoTime() < deadline, "the cleaner has not freed every object");
            System.gc();
            Thread.sleep(1);
        }
        for (Memory memory : memories) {
            assertEquals(0, memory.usesAfterFree.get());
            assertEquals(1, memory.frees.get());
        }
    }

    private static Callable<Void> caller(
            NativeHandle handle, Memory memory, CyclicBarrier start, AtomicLong completed) {
        return () -> {
            start.await();
            for (int call = 0; call < CALLS; call++) {
                try {
                    handle.acquire();
                } catch (IllegalStateException closed) {
                    return null;
                }
                try {
                    memory.use();
                    Thread.onSpinWait();
                    memory.use();
                    completed.incrementAndGet();
                } finally {
                    handle.release();
                }
            }
            return null;
        };
    }

    private static Callable<Void> closer(NativeHandle handle, CyclicBarrier start, int delay) {
        return () -> {
            start.await();
            for (int i = 0; i < delay; i++) {
                Thread.onSpinWait();
            }
            while (!handle.isClosed()) {
                try {
                    handle.close();
                } catch (IllegalStateException inUse) {
                    Thread.onSpinWait();
                }
            }
            return null;
        };
    }

    /** The last use of the handle is the release, with a collection while the call is inside. */
    private static void useAndAbandon(Memory memory, boolean collect) {
        NativeHandle handle = new NativeHandle(1, "abandoned", memory::free);
        handle.acquire();
        memory.use();
        if (collect) {
            System.gc();
        }
        memory.use();
        handle.release();
    }
}
