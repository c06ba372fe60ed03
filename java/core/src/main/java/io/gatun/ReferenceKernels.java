// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The reference device: pure Java, float64 inside, one thread. Every other device is tested against
 * it, so it is written to be read, not to be fast.
 */
final class ReferenceKernels implements Kernels {
    private volatile boolean closed;

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("device reference is closed");
        }
    }

    @Override
    public NormKernels norm() {
        requireOpen();
        return ReferenceNorm.INSTANCE;
    }

    @Override
    public ResidualNormKernels residualNorm() {
        requireOpen();
        return ReferenceResidualNorm.INSTANCE;
    }

    @Override
    public HeadNormKernels headNorm() {
        requireOpen();
        return ReferenceHeadNorm.INSTANCE;
    }

    @Override
    public WeightKernels weights() {
        requireOpen();
        return ReferenceWeights.INSTANCE;
    }

    @Override
    public ActivationKernels activation() {
        requireOpen();
        return ReferenceActivation.INSTANCE;
    }

    @Override
    public PolynomialKernels polynomial() {
        requireOpen();
        return ReferencePolynomial.INSTANCE;
    }

    @Override
    public SparsityKernels sparsity() {
        requireOpen();
        return ReferenceSparsity.INSTANCE;
    }

    @Override
    public LowBitKernels lowBit() {
        requireOpen();
        return ReferenceLowBit.INSTANCE;
    }

    @Override
    public KanKernels kan() {
        requireOpen();
        return ReferenceKan.INSTANCE;
    }

    @Override
    public WindowKernels windows() {
        requireOpen();
        return ReferenceWindows.INSTANCE;
    }

    @Override
    public DeviceMemory allocate(long bytes) {
        requireOpen();
        return new Memory(bytes);
    }

    @Override
    public void synchronize() {
        requireOpen();
    }

    @Override
    public void close() {
        closed = true;
    }

    /**
     * Memory of a shared arena, which does all that is asked: the JDK checks each access, and
     * native calls keep the arena open.
     */
    private static final class Memory implements DeviceMemory {
        private final Arena arena = Arena.ofShared();
        private final MemorySegment segment;

        Memory(long bytes) {
            segment = arena.allocate(bytes, 64);
        }

        @Override
        public MemorySegment segment() {
            return segment;
        }

        @Override
        public MemorySegment operand() {
            return segment;
        }

        @Override
        public void requireOpen() {}

        @Override
        public synchronized void close() {
            if (arena.scope().isAlive()) {
                arena.close();
            }
        }
    }
}
