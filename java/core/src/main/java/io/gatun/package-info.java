// SPDX-License-Identifier: Apache-2.0

/**
 * Numeric kernels on Java arrays and off-heap memory.
 *
 * <p>A {@link io.gatun.Device} is where kernels run: the CPU, by native code for its instruction
 * set, or the reference device in pure Java. A {@link io.gatun.Tensor} is a typed, strided view of
 * memory for one device: of an array, a buffer or a memory segment, without a copy, or of memory
 * that the device allocates. The operations are static methods, one class for each family, such as
 * {@link io.gatun.Normalization}.
 *
 * <pre>{@code
 * try (Device device = Device.open()) {
 *     Tensor x = device.tensor(new float[] {3, 4, 6, 8}, 2, 2);
 *     Tensor y = device.tensor(new float[4], 2, 2);
 *     Normalization.rmsNorm(x, null, 1e-6f, y);
 *     System.out.println(Arrays.toString(y.toFloatArray()));
 * }
 * }</pre>
 *
 * <p>Off-heap memory is worked on by all threads of a device. Arrays and other heap memory are
 * worked on in place as well, by the calling thread alone and in pieces of some 20 microseconds, so
 * that the garbage collector and other safepoints of the JVM need not wait for a kernel.
 */
package io.gatun;
