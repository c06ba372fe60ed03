// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * What a device does. One accessor for each family of kernels; their arguments have been checked by
 * the public classes, but for what can change until the call: whether memory and device are still
 * open.
 */
interface Kernels {
    NormKernels norm();

    ResidualNormKernels residualNorm();

    HeadNormKernels headNorm();

    WeightKernels weights();

    ActivationKernels activation();

    PolynomialKernels polynomial();

    SparsityKernels sparsity();

    LowBitKernels lowBit();

    KanKernels kan();

    WindowKernels windows();

    /** Memory for at least {@code bytes} bytes, aligned to 64, not initialised. */
    DeviceMemory allocate(long bytes);

    /** Waits until everything that was started has ended. */
    void synchronize();

    /**
     * Ends the device; again is a no-op.
     *
     * @throws IllegalStateException if a call is inside
     */
    void close();
}
