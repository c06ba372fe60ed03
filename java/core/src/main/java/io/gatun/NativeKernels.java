// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import io.gatun.bindings.NativeHandle;

/** A device of the native library whose memory is that of the host. */
final class NativeKernels implements Kernels {
    private final NativeContext context;
    private final NativeHandle handle;
    private final NormKernels norm;
    private final ResidualNormKernels residualNorm;
    private final HeadNormKernels headNorm;
    private final WeightKernels weights;
    private final ActivationKernels activation;
    private final PolynomialKernels polynomial;
    private final SparsityKernels sparsity;
    private final LowBitKernels lowBit;
    private final KanKernels kan;
    private final WindowKernels windows;
    private final String name;

    NativeKernels(NativeContext context, String name) {
        this.context = context;
        this.name = name;
        // The Cleaner holds the context until then, so the context must not hold the handle.
        this.handle =
                new NativeHandle(
                        context.threaded().address(),
                        "device " + name,
                        address -> context.release());
        this.norm = new NativeNorm(context, handle);
        this.residualNorm = new NativeResidualNorm(context, handle);
        this.headNorm = new NativeHeadNorm(context, handle);
        this.weights = new NativeWeights(context, handle);
        this.activation = new NativeActivation(context, handle);
        this.polynomial = new NativePolynomials(context, handle);
        this.sparsity = new NativeSparsity(context, handle);
        this.lowBit = new NativeLowBit(context, handle);
        this.kan = new NativeKan(context, handle);
        this.windows = new NativeWindows(context, handle);
    }

    @Override
    public NormKernels norm() {
        return norm;
    }

    @Override
    public ResidualNormKernels residualNorm() {
        return residualNorm;
    }

    @Override
    public HeadNormKernels headNorm() {
        return headNorm;
    }

    @Override
    public WeightKernels weights() {
        return weights;
    }

    @Override
    public ActivationKernels activation() {
        return activation;
    }

    @Override
    public PolynomialKernels polynomial() {
        return polynomial;
    }

    @Override
    public SparsityKernels sparsity() {
        return sparsity;
    }

    @Override
    public LowBitKernels lowBit() {
        return lowBit;
    }

    @Override
    public KanKernels kan() {
        return kan;
    }

    @Override
    public WindowKernels windows() {
        return windows;
    }

    @Override
    public DeviceMemory allocate(long bytes) {
        handle.acquire();
        try {
            return new NativeAllocation(
                    context,
                    handle,
                    Math.max(bytes, 1),
                    "tensor of " + bytes + " bytes on device " + name);
        } finally {
            handle.release();
        }
    }

    @Override
    public void synchronize() {
        // Kernels of the CPU have ended when their call returns; asking for a closed device is
        // still an error.
        handle.acquire();
        handle.release();
    }

    @Override
    public void close() {
        handle.close();
    }
}
