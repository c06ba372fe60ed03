// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import io.gatun.bindings.NativeHandle;
import java.lang.foreign.MemorySegment;

/** Memory that a device allocated, shared by a tensor and all its views. */
interface DeviceMemory {
    /** As users see it: every access is checked, and fails once the memory was closed. */
    MemorySegment segment();

    /** As native calls receive it, between {@link #acquire} and {@link #release}. */
    MemorySegment operand();

    /**
     * Keeps the memory from being freed. Each call is followed by one {@link #release} on the same
     * thread.
     *
     * @param device the handle of the device that the call runs on, acquired
     * @throws IllegalStateException if the memory was closed
     */
    void acquire(NativeHandle device);

    void release(NativeHandle device);

    /**
     * Frees the memory; again is a no-op.
     *
     * @throws IllegalStateException if it is in use
     */
    void close();
}
