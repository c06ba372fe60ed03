/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench.peers;

import io.gatun.DType;
import io.gatun.bench.Contender;
import io.gatun.bench.Workload;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;

/**
 * torch.layer_norm and torch.rms_norm. They return new tensors: with an allocator that keeps freed
 * blocks (MALLOC_MMAP_MAX_=0), as the runner sets, that costs little.
 */
public final class Libtorch implements Contender {
    /** Loads nothing yet. */
    public Libtorch() {}

    @Override
    public String name() {
        return "libtorch";
    }

    @Override
    public boolean supports(Workload workload) {
        // Parameters of another type than x are refused for float16, and float32 is what the others
        // run.
        return workload.dtype() == DType.F32 && workload.isContiguous();
    }

    @Override
    public Run prepare(Workload workload) {
        torch.set_num_threads(workload.threads());
        return new TensorRun(workload);
    }

    private static final class TensorRun implements Run {
        private final boolean isLayerNorm;
        private final int elements;
        private final long[] normalized;
        private final Tensor x;
        private final TensorOptional gamma;
        private final TensorOptional beta;
        private final DoubleOptional eps = new DoubleOptional(Workload.EPS);
        private final NoGradGuard noGradient = new NoGradGuard();
        private Tensor result;

        TensorRun(Workload workload) {
            isLayerNorm = workload.isLayerNorm();
            elements = workload.rows() * workload.columns();
            normalized = new long[] {workload.columns()};
            x = tensor(workload.xMemory(), workload.rows(), workload.columns());
            gamma = new TensorOptional(tensor(workload.gamma().segment(), workload.columns()));
            beta = new TensorOptional(tensor(workload.beta().segment(), workload.columns()));
        }

        private static Tensor tensor(MemorySegment segment, long... shape) {
            TensorOptions options =
                    new TensorOptions().dtype(new ScalarTypeOptional(torch.ScalarType.Float));
            return torch.from_blob(
                    new BytePointer(segment.asByteBuffer().order(ByteOrder.nativeOrder())),
                    shape,
                    options);
        }

        @Override
        public void call() {
            if (result != null) {
                result.close();
            }
            result =
                    isLayerNorm
                            ? torch.layer_norm(x, normalized, gamma, beta, Workload.EPS, false)
                            : torch.rms_norm(x, normalized, gamma, eps);
        }

        @Override
        public float[] output() {
            float[] values = new float[elements];
            new FloatPointer(result.data_ptr()).get(values);
            return values;
        }

        @Override
        public void close() {
            if (result != null) {
                result.close();
            }
            x.close();
            gamma.close();
            beta.close();
            noGradient.close();
        }
    }
}
