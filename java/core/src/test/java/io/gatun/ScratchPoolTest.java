// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.bindings.CoreFunctions;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ScratchPoolTest {
    private MemorySegment context;
    private ScratchPool pool;

    @BeforeEach
    void open() {
        assertTrue(io.gatun.bindings.NativeLibrary.get().available());
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment result = arena.allocate(ValueLayout.ADDRESS);
            assertEquals(
                    0,
                    CoreFunctions.contextCreate(
                            NativeContext.BACKEND_CPU, 0, 255, 1, result, MemorySegment.NULL, 0));
            context = result.get(ValueLayout.ADDRESS, 0);
        }
        pool = new ScratchPool(context, 2);
    }

    @AfterEach
    void close() {
        pool.close();
        CoreFunctions.contextDestroy(context);
    }

    @Test
    void lendsTheSameSlabAgain() {
        ScratchPool.Slab slab = pool.borrow(1000);
        assertTrue(slab.memory().byteSize() >= 1000);
        assertEquals(0, slab.memory().address() % 64);
        pool.giveBack(slab);
        assertSame(slab, pool.borrow(2000));
        ScratchPool.Slab second = pool.borrow(1000);
        assertNotSame(slab, second);
        pool.giveBack(slab);
        pool.giveBack(second);
    }

    @Test
    void slabsGrow() {
        ScratchPool.Slab small = pool.borrow(1);
        pool.giveBack(small);
        ScratchPool.Slab large = pool.borrow(5_000_000);
        assertTrue(large.memory().byteSize() >= 5_000_000);
        pool.giveBack(large);
        assertSame(large, pool.borrow(1));
        pool.giveBack(large);
    }

    @Test
    void keepsNoMoreThanItsSlotsAndNoGiants() {
        List<ScratchPool.Slab> lent = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            lent.add(pool.borrow(100));
        }
        lent.forEach(pool::giveBack);
        Set<ScratchPool.Slab> kept = new HashSet<>();
        for (int i = 0; i < 10; i++) {
            ScratchPool.Slab slab = pool.borrow(100);
            if (lent.contains(slab)) {
                kept.add(slab);
            }
            pool.giveBack(slab);
        }
        assertTrue(kept.size() <= 2);
        ScratchPool.Slab giant = pool.borrow(20_000_000);
        assertEquals(20_000_000, giant.memory().byteSize());
        pool.giveBack(giant);
        ScratchPool.Slab next = pool.borrow(1);
        assertNotSame(giant, next);
        pool.giveBack(next);
    }

    @Test
    void noTwoThreadsHaveTheSameSlab() throws InterruptedException {
        AtomicReference<Throwable> unexpected = new AtomicReference<>();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            long mark = i;
            threads.add(
                    Thread.ofPlatform()
                            .start(
                                    () -> {
                                        try {
                                            for (int round = 0; round < 20_000; round++) {
                                                ScratchPool.Slab slab =
                                                        pool.borrow(1 << 10 + round % 8);
                                                slab.memory().set(ValueLayout.JAVA_LONG, 0, mark);
                                                Thread.onSpinWait();
                                                assertEquals(
                                                        mark,
                                                        slab.memory()
                                                                .get(ValueLayout.JAVA_LONG, 0));
                                                pool.giveBack(slab);
                                            }
                                        } catch (Throwable thrown) {
                                            unexpected.set(thrown);
                                        }
                                    }));
        }
        for (Thread thread : threads) {
            thread.join();
        }
        if (unexpected.get() != null) {
            throw new AssertionError(unexpected.get());
        }
    }

    @Test
    void saysWhenThereIsNoMemory() {
        String message =
                assertThrows(OutOfMemoryError.class, () -> pool.borrow(Long.MAX_VALUE - 64))
                        .getMessage();
        assertTrue(message.contains("no memory for 9223372036854775743 bytes"), message);
    }
}
