/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench.peers;

import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_DIFF_DST;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_DIFF_SCALE;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_DIFF_SHIFT;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_DIFF_SRC;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_DST;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_MEAN;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SCALE;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SHIFT;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SRC;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_VARIANCE;
import static org.bytedeco.dnnl.global.dnnl.dnnl_backward;
import static org.bytedeco.dnnl.global.dnnl.dnnl_forward_inference;
import static org.bytedeco.dnnl.global.dnnl.dnnl_forward_training;
import static org.bytedeco.dnnl.global.dnnl.dnnl_rms_norm;
import static org.bytedeco.dnnl.global.dnnl.dnnl_use_scale;
import static org.bytedeco.dnnl.global.dnnl.dnnl_use_shift;

import io.gatun.DType;
import io.gatun.bench.Contender;
import io.gatun.bench.Workload;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import org.bytedeco.dnnl.IntMemoryMap;
import org.bytedeco.dnnl.engine;
import org.bytedeco.dnnl.layer_normalization_backward;
import org.bytedeco.dnnl.layer_normalization_forward;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.primitive;
import org.bytedeco.dnnl.stream;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;

/**
 * The layer normalization primitives of oneDNN: forward, for RMSNorm with a flag, and the backward
 * pass of LayerNorm from saved statistics, with the gradients of the parameters. OMP_NUM_THREADS
 * sets their threads.
 */
public final class OneDnn implements Contender {
    /** Loads nothing yet. */
    public OneDnn() {}

    @Override
    public String name() {
        return "oneDNN";
    }

    @Override
    public boolean supports(Workload workload) {
        // Its 16-bit types need AVX-512 extensions that few machines have.
        return workload.dtype() == DType.F32
                && workload.isContiguous()
                && switch (workload.operation().function()) {
                    // Its backward pass subtracts the mean of dy * gamma with the flag of RMSNorm,
                    // too
                    // (3.13): that is no gradient of RMSNorm.
                    case "layer_norm", "rms_norm", "layer_norm_backward" -> true;
                    default -> false;
                };
    }

    @Override
    public Run prepare(Workload workload) {
        return new PrimitiveRun(workload);
    }

    private static final class PrimitiveRun implements Run {
        private final Workload workload;
        private final Arena arena = Arena.ofConfined();
        private final engine cpu = new engine(engine.kind.cpu, 0);
        private final stream queue = new stream(cpu);
        private final primitive primitive;
        private final memory.desc data;
        private final memory.desc parameter;
        private final IntMemoryMap arguments = new IntMemoryMap();

        PrimitiveRun(Workload workload) {
            this.workload = workload;
            data = describe(memory.format_tag.ab, workload.rows(), workload.columns());
            parameter = describe(memory.format_tag.a, workload.columns());
            primitive = workload.has("dy") ? backward() : forward();
        }

        private static memory.desc describe(memory.format_tag format, long... shape) {
            return new memory.desc(shape, memory.data_type.f32, format);
        }

        private layer_normalization_forward.primitive_desc describe(int kind, int flags) {
            return new layer_normalization_forward.primitive_desc(
                    cpu, kind, data, data, Workload.EPS, flags);
        }

        private primitive forward() {
            boolean isLayerNorm = workload.has("beta");
            int flags =
                    isLayerNorm ? dnnl_use_scale | dnnl_use_shift : dnnl_use_scale | dnnl_rms_norm;
            add(DNNL_ARG_SRC, data, workload.memory("x"));
            add(DNNL_ARG_DST, data, workload.memory("y"));
            add(DNNL_ARG_SCALE, parameter, workload.memory("gamma"));
            if (isLayerNorm) {
                add(DNNL_ARG_SHIFT, parameter, workload.memory("beta"));
            }
            return new layer_normalization_forward(describe(dnnl_forward_inference, flags));
        }

        private primitive backward() {
            int flags = dnnl_use_scale | dnnl_use_shift;
            layer_normalization_forward.primitive_desc forward =
                    describe(dnnl_forward_training, flags);
            memory.desc statistic = describe(memory.format_tag.a, workload.rows());
            long statisticBytes = (long) workload.rows() * Float.BYTES;
            long columnBytes = (long) workload.columns() * Float.BYTES;
            add(DNNL_ARG_SRC, data, workload.memory("x"));
            add(DNNL_ARG_SCALE, parameter, workload.memory("gamma"));
            add(DNNL_ARG_SHIFT, parameter, arena.allocate(columnBytes));
            add(DNNL_ARG_MEAN, statistic, arena.allocate(statisticBytes));
            add(DNNL_ARG_VARIANCE, statistic, arena.allocate(statisticBytes));
            // The forward pass saves the statistics, and its result is overwritten.
            add(DNNL_ARG_DST, data, workload.memory("dx"));
            try (primitive pass = new layer_normalization_forward(forward)) {
                pass.execute(queue, arguments);
                queue._wait();
            }
            add(DNNL_ARG_DIFF_DST, data, workload.memory("dy"));
            add(DNNL_ARG_DIFF_SRC, data, workload.memory("dx"));
            add(DNNL_ARG_DIFF_SCALE, parameter, workload.memory("dgamma"));
            add(DNNL_ARG_DIFF_SHIFT, parameter, workload.memory("dbeta"));
            return new layer_normalization_backward(
                    new layer_normalization_backward.primitive_desc(
                            cpu, dnnl_backward, data, data, data, Workload.EPS, flags, forward));
        }

        private void add(int argument, memory.desc description, MemorySegment segment) {
            arguments.put(argument, new memory(description, cpu, pointer(segment)));
        }

        private static Pointer pointer(MemorySegment segment) {
            return new BytePointer(segment.asByteBuffer().order(ByteOrder.nativeOrder()));
        }

        @Override
        public void call() {
            primitive.execute(queue, arguments);
            queue._wait();
        }

        @Override
        public float[] output(String name) {
            return workload.array(name);
        }

        @Override
        public void close() {
            arguments.close();
            primitive.close();
            queue.close();
            cpu.close();
            arena.close();
        }
    }
}
