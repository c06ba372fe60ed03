/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench.peers;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import io.gatun.DType;
import io.gatun.bench.Contender;
import io.gatun.bench.Workload;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.HashMap;
import java.util.Map;

/**
 * LayerNormalization, SimplifiedLayerNormalization and both with a residual addition before
 * (SkipLayerNormalization, SkipSimplifiedLayerNormalization) of ONNX Runtime, in a graph of one
 * node.
 */
public final class OnnxRuntime implements Contender {
    /** Loads nothing yet. */
    public OnnxRuntime() {}

    @Override
    public String name() {
        return "ONNX Runtime";
    }

    @Override
    public boolean supports(Workload workload) {
        // Its CPU kernels take no bfloat16, and float16 goes through float32 copies.
        return workload.dtype() == DType.F32
                && workload.isContiguous()
                && !workload.isInPlace()
                && OnnxGraph.has(workload);
    }

    @Override
    public Run prepare(Workload workload) {
        try {
            return new SessionRun(workload);
        } catch (OrtException e) {
            throw new IllegalStateException("ONNX Runtime refused the graph", e);
        }
    }

    private static final class SessionRun implements Run {
        private final Workload workload;
        private final OrtSession session;
        private final Map<String, OnnxTensor> inputs = new HashMap<>();
        private final Map<String, OnnxTensor> outputs = new HashMap<>();

        SessionRun(Workload workload) throws OrtException {
            this.workload = workload;
            OrtEnvironment environment = OrtEnvironment.getEnvironment();
            try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
                options.setIntraOpNumThreads(workload.threads());
                options.setInterOpNumThreads(1);
                session = environment.createSession(OnnxGraph.of(workload), options);
            }
            for (String name : OnnxGraph.inputs(workload)) {
                inputs.put(name, tensor(environment, name));
            }
            for (String name : OnnxGraph.outputs(workload)) {
                outputs.put(name, tensor(environment, name));
            }
        }

        private OnnxTensor tensor(OrtEnvironment environment, String name) throws OrtException {
            long[] shape = {workload.rows(), workload.columns()};
            return OnnxTensor.createTensor(environment, floats(workload.memory(name)), shape);
        }

        private static FloatBuffer floats(MemorySegment segment) {
            return segment.asByteBuffer().order(ByteOrder.nativeOrder()).asFloatBuffer();
        }

        @Override
        public void call() {
            try (OrtSession.Result result = session.run(inputs, outputs)) {
                if (result.size() != outputs.size()) {
                    throw new IllegalStateException(
                            "ONNX Runtime: expected the outputs "
                                    + outputs.keySet()
                                    + ", but there are "
                                    + result.size());
                }
            } catch (OrtException e) {
                throw new IllegalStateException("ONNX Runtime failed", e);
            }
        }

        @Override
        public float[] output(String name) {
            return workload.array(name);
        }

        @Override
        public void close() {
            inputs.values().forEach(OnnxTensor::close);
            outputs.values().forEach(OnnxTensor::close);
            try {
                session.close();
            } catch (OrtException e) {
                throw new IllegalStateException("ONNX Runtime failed to close its session", e);
            }
        }
    }
}
