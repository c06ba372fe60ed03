// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.util.Objects;
import java.util.function.LongConsumer;

/**
 * Owns one native object, and keeps it from being freed while a call uses it. Every call goes
 *
 * <pre>{@code
 * MemorySegment context = handle.acquire();
 * try {
 *     CoreFunctions.contextThreads(context);
 * } finally {
 *     handle.release();
 * }
 * }</pre>
 *
 * <p>May be used by any number of threads at once: each counts its calls in a cell of its own, so
 * that two threads share no cache line. If a handle becomes unreachable without having been closed,
 * a cleaner frees the object and logs a warning.
 */
public final class NativeHandle implements AutoCloseable {

    private static final Logger LOGGER = System.getLogger(NativeHandle.class.getName());
    private static final Cleaner CLEANER = Cleaner.create();

    private final Owned owned;
    private final NativeHandle counter;
    private final Cleaner.Cleanable cleanable;

    /**
     * An object that counts its calls itself.
     *
     * @param address of the native object; not 0
     * @param name what messages call it, such as {@code device cpu}
     * @param destructor frees the object at the address; called once, by the thread that closes the
     *     handle or by the cleaner's, so it must not refer to this handle
     */
    public NativeHandle(long address, String name, LongConsumer destructor) {
        this(address, name, destructor, null);
    }

    /**
     * An object whose calls another handle counts, as a device those on its memory. A call that has
     * acquired the counter needs no more than {@link #requireOpen()} of each object it uses: one
     * count for a call, however many objects. The count does not say for which object a call is
     * inside, so {@link #close()} never fails: the object is freed as soon as all calls that were
     * inside have left.
     *
     * @param address of the native object; not 0
     * @param name what messages call it
     * @param destructor as above; may also run on a thread of its own
     * @param counter counts the calls; kept reachable; null for this handle itself
     */
    public NativeHandle(long address, String name, LongConsumer destructor, NativeHandle counter) {
        if (address == 0) {
            throw new IllegalArgumentException(
                    "address: expected that of a " + name + ", but it is 0");
        }
        Objects.requireNonNull(
                name, "name: expected what messages call the object, but it is null");
        Objects.requireNonNull(destructor, "destructor: expected a function, but it is null");
        this.counter = counter;
        owned = new Owned(address, name, destructor, counter == null ? null : counter.owned);
        cleanable = CLEANER.register(this, owned::freeAbandoned);
    }

    /**
     * Makes sure that the object is open, inside a call that has acquired the counter: then it
     * stays so until the call releases the counter. The handle must stay reachable until then.
     *
     * @throws IllegalStateException if the handle is closed, or being closed
     */
    public void requireOpen() {
        if (owned.state != Owned.OPEN) {
            throw new IllegalStateException(owned.name + " is closed");
        }
    }

    /**
     * Begins a call. The object stays alive until the same thread calls {@link #release()}, which
     * it must do if and only if this method returned.
     *
     * @return the pointer to the object
     * @throws IllegalStateException if the handle is closed
     */
    public MemorySegment acquire() {
        return owned.acquire();
    }

    /** Ends a call that {@link #acquire()} began on this thread. */
    public void release() {
        owned.release();
        // The cleaner must not run while a call is inside, even if this is the last use.
        Reference.reachabilityFence(counter);
        Reference.reachabilityFence(this);
    }

    /** Whether the object has been freed. */
    public boolean isClosed() {
        return owned.isClosed();
    }

    /**
     * Frees the object. Closing twice is a no-op.
     *
     * @throws IllegalStateException if the handle counts its calls itself, and one is using the
     *     object, which then stays usable
     */
    @Override
    public void close() {
        if (owned.free()) {
            cleanable.clean();
        }
        Reference.reachabilityFence(this);
    }

    @Override
    public String toString() {
        return owned.name + (isClosed() ? " (closed)" : "");
    }

    /** The part that outlives the handle, for the cleaner: it has no reference to the handle. */
    private static final class Owned {

        private static final VarHandle CELL = MethodHandles.arrayElementVarHandle(long[].class);
        private static final VarHandle STATE;

        static {
            try {
                STATE = MethodHandles.lookup().findVarHandle(Owned.class, "state", int.class);
            } catch (ReflectiveOperationException e) {
                throw new ExceptionInInitializerError(e);
            }
        }

        private static final int OPEN = 0;
        private static final int CLOSING = 1;
        private static final int CLOSED = 2;

        private static final long PATIENCE_NANOS = 1_000_000;

        /** Two cache lines, since the hardware fetches them in pairs. */
        private static final int CELL_STRIDE = 128 / Long.BYTES;

        /**
         * A power of two, and several times as many as processors, so that threads rarely share.
         */
        private static final int CELL_COUNT =
                Math.clamp(
                        Integer.highestOneBit(4 * Runtime.getRuntime().availableProcessors()),
                        8,
                        64);

        private final MemorySegment pointer;
        private final String name;
        private final LongConsumer destructor;
        private final boolean counts;

        /**
         * Calls in progress, one cell for the threads of one stripe; a stride of padding before.
         * The counter's own where there is one.
         */
        private final long[] calls;

        private volatile int state = OPEN;

        Owned(long address, String name, LongConsumer destructor, Owned counter) {
            this.pointer = MemorySegment.ofAddress(address);
            this.name = name;
            this.destructor = destructor;
            this.counts = counter == null;
            this.calls = counts ? new long[(CELL_COUNT + 2) * CELL_STRIDE] : counter.calls;
        }

        boolean isClosed() {
            return state == CLOSED;
        }

        MemorySegment acquire() {
            int cell = cell();
            while (true) {
                // Count first, then look: whoever closes sets the state first, then sums the cells,
                // so at least one of the two sees the other. Both are sequentially consistent.
                CELL.getAndAdd(calls, cell, 1L);
                if (state == OPEN) {
                    return pointer;
                }
                CELL.getAndAdd(calls, cell, -1L);
                awaitOpen();
            }
        }

        void release() {
            CELL.getAndAddRelease(calls, cell(), -1L);
        }

        /** Returns false if someone else has freed the object; throws if it is in use. */
        boolean free() {
            while (!STATE.compareAndSet(this, OPEN, CLOSING)) {
                if (state == CLOSED) {
                    return false;
                }
                Thread.onSpinWait();
            }
            if (!counts) {
                state = CLOSED;
                freeWhenLeft();
                return true;
            }
            if (inUse()) {
                state = OPEN;
                throw new IllegalStateException(
                        name
                                + " cannot be closed while a call is using it; close it when all calls have returned");
            }
            state = CLOSED;
            destructor.accept(pointer.address());
            return true;
        }

        /** Nobody can reach the handle, so no call is inside for it. */
        void freeAbandoned() {
            if (STATE.compareAndSet(this, OPEN, CLOSED)) {
                destructor.accept(pointer.address());
                LOGGER.log(
                        Level.WARNING,
                        name
                                + " was never closed and has been freed by the cleaner; call close() when it is no longer needed");
            }
        }

        private boolean inUse() {
            long sum = 0;
            for (int stripe = 0; stripe < CELL_COUNT; stripe++) {
                sum += (long) CELL.getVolatile(calls, (stripe + 1) * CELL_STRIDE);
            }
            return sum != 0;
        }

        /** Frees at once where all calls leave within a moment, else when they have. */
        private void freeWhenLeft() {
            int stripe = left(0, PATIENCE_NANOS);
            if (stripe == CELL_COUNT) {
                destructor.accept(pointer.address());
                return;
            }
            Thread.ofPlatform()
                    .daemon()
                    .name("gatun frees " + name)
                    .start(
                            () -> {
                                left(stripe, Long.MAX_VALUE);
                                destructor.accept(pointer.address());
                            });
        }

        /**
         * Waits until each cell from a stripe on has been seen at 0: then the calls that were
         * inside before have left, and those that came later have found this object closed. Returns
         * the first stripe that has not been seen so in time.
         */
        private int left(int first, long patienceNanos) {
            long start = System.nanoTime();
            for (int stripe = first; stripe < CELL_COUNT; stripe++) {
                while ((long) CELL.getVolatile(calls, (stripe + 1) * CELL_STRIDE) != 0) {
                    if (System.nanoTime() - start > patienceNanos) {
                        return stripe;
                    }
                    Thread.yield();
                }
            }
            return CELL_COUNT;
        }

        /** Returns once nobody is trying to close the object; throws if someone succeeded. */
        private void awaitOpen() {
            while (state == CLOSING) {
                Thread.yield();
            }
            if (state == CLOSED) {
                throw new IllegalStateException(name + " is closed");
            }
        }

        private static int cell() {
            int stripe = (int) Thread.currentThread().threadId() & (CELL_COUNT - 1);
            return (stripe + 1) * CELL_STRIDE;
        }
    }
}
