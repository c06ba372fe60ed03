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
import java.util.Map;

/** LayerNormalization and SimplifiedLayerNormalization of ONNX Runtime, in a graph of one node. */
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
        return workload.dtype() == DType.F32 && workload.isContiguous();
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
        private final OnnxTensor x;
        private final OnnxTensor y;
        private final Map<String, OnnxTensor> inputs;
        private final Map<String, OnnxTensor> outputs;

        SessionRun(Workload workload) throws OrtException {
            this.workload = workload;
            OrtEnvironment environment = OrtEnvironment.getEnvironment();
            try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
                options.setIntraOpNumThreads(workload.threads());
                options.setInterOpNumThreads(1);
                session = environment.createSession(OnnxGraph.of(workload), options);
            }
            long[] shape = {workload.rows(), workload.columns()};
            x = OnnxTensor.createTensor(environment, floats(workload.xMemory()), shape);
            y = OnnxTensor.createTensor(environment, floats(workload.yMemory()), shape);
            inputs = Map.of(OnnxGraph.INPUT, x);
            outputs = Map.of(OnnxGraph.OUTPUT, y);
        }

        private static FloatBuffer floats(MemorySegment segment) {
            return segment.asByteBuffer().order(ByteOrder.nativeOrder()).asFloatBuffer();
        }

        @Override
        public void call() {
            try (OrtSession.Result result = session.run(inputs, outputs)) {
                if (result.size() != 1) {
                    throw new IllegalStateException(
                            "ONNX Runtime: expected one output, but there are " + result.size());
                }
            } catch (OrtException e) {
                throw new IllegalStateException("ONNX Runtime failed", e);
            }
        }

        @Override
        public float[] output() {
            return workload.yArray();
        }

        @Override
        public void close() {
            x.close();
            y.close();
            try {
                session.close();
            } catch (OrtException e) {
                throw new IllegalStateException("ONNX Runtime failed to close its session", e);
            }
        }
    }
}
