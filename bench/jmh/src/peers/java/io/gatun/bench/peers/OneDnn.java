/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench.peers;

import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_DST;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SCALE;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SHIFT;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SRC;
import static org.bytedeco.dnnl.global.dnnl.dnnl_forward_inference;
import static org.bytedeco.dnnl.global.dnnl.dnnl_rms_norm;
import static org.bytedeco.dnnl.global.dnnl.dnnl_use_scale;
import static org.bytedeco.dnnl.global.dnnl.dnnl_use_shift;

import io.gatun.DType;
import io.gatun.bench.Contender;
import io.gatun.bench.Workload;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import org.bytedeco.dnnl.IntMemoryMap;
import org.bytedeco.dnnl.engine;
import org.bytedeco.dnnl.layer_normalization_forward;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.stream;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;

/**
 * The layer normalization primitive of oneDNN, for RMSNorm with its flag; OMP_NUM_THREADS sets its
 * threads.
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
        return workload.dtype() == DType.F32 && workload.isContiguous();
    }

    @Override
    public Run prepare(Workload workload) {
        return new PrimitiveRun(workload);
    }

    private static final class PrimitiveRun implements Run {
        private final Workload workload;
        private final engine cpu = new engine(engine.kind.cpu, 0);
        private final stream queue = new stream(cpu);
        private final layer_normalization_forward primitive;
        private final IntMemoryMap arguments = new IntMemoryMap();

        PrimitiveRun(Workload workload) {
            this.workload = workload;
            long[] shape = {workload.rows(), workload.columns()};
            memory.desc data = new memory.desc(shape, memory.data_type.f32, memory.format_tag.ab);
            memory.desc parameter =
                    new memory.desc(
                            new long[] {workload.columns()},
                            memory.data_type.f32,
                            memory.format_tag.a);
            int flags =
                    workload.isLayerNorm()
                            ? dnnl_use_scale | dnnl_use_shift
                            : dnnl_use_scale | dnnl_rms_norm;
            primitive =
                    new layer_normalization_forward(
                            new layer_normalization_forward.primitive_desc(
                                    cpu, dnnl_forward_inference, data, data, Workload.EPS, flags));
            arguments.put(DNNL_ARG_SRC, new memory(data, cpu, pointer(workload.xMemory())));
            arguments.put(DNNL_ARG_DST, new memory(data, cpu, pointer(workload.yMemory())));
            arguments.put(
                    DNNL_ARG_SCALE,
                    new memory(parameter, cpu, pointer(workload.gamma().segment())));
            if (workload.isLayerNorm()) {
                arguments.put(
                        DNNL_ARG_SHIFT,
                        new memory(parameter, cpu, pointer(workload.beta().segment())));
            }
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
        public float[] output() {
            return workload.yArray();
        }

        @Override
        public void close() {
            arguments.close();
            primitive.close();
            queue.close();
            cpu.close();
        }
    }
}
