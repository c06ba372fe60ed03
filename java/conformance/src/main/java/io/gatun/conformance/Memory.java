/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

/**
 * Where the operands of a check lie. A device without access to host memory always takes its own.
 */
enum Memory {
    /** Java arrays, each operand starting at an odd element. */
    HEAP,
    /** Off-heap memory, each operand aligned to 64 bytes. */
    NATIVE,
    /** Off-heap memory, each operand aligned to its element size only. */
    UNALIGNED,
    /** Direct byte buffers. */
    BUFFER,
    /** Memory that the device allocates. */
    DEVICE
}
