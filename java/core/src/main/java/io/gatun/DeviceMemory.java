// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.lang.foreign.MemorySegment;

/** Memory that a device allocated, shared by a tensor and all its views. */
interface DeviceMemory {
    /** As users see it: every access is checked, and fails once the memory was closed. */
    MemorySegment segment();

    /** As native calls of the device receive it, after {@link #requireOpen()}. */
    MemorySegment operand();

    /**
     * Inside a call that the device's handle counts: makes sure that the memory is open, and so
     * stays until the call has ended, as long as it is reachable.
     *
     * @throws IllegalStateException if it was closed
     */
    void requireOpen();

    /**
     * Frees the memory, after the kernels that are using it; again is a no-op.
     *
     * @throws IllegalStateException if a native call of the user's own holds the segment
     */
    void close();
}
