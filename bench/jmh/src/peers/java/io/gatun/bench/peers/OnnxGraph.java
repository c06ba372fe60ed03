/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench.peers;

import io.gatun.bench.Workload;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * A model of one normalization node, in the protobuf encoding of ONNX (onnx/onnx.proto; the numbers
 * here are its field numbers).
 */
final class OnnxGraph {
    private static final int IR_VERSION = 8;
    private static final int OPSET_VERSION = 17;
    private static final int CONTRIBUTED_VERSION = 1;
    private static final String CONTRIBUTED = "com.microsoft";
    private static final int FLOAT = 1;
    private static final int ATTRIBUTE_FLOAT = 1;
    private static final int ATTRIBUTE_INT = 2;

    private OnnxGraph() {}

    /** Whether ONNX Runtime has one node for an operation. */
    static boolean has(Workload workload) {
        return switch (workload.operation().function()) {
            case "layer_norm", "rms_norm", "residual_add_norm" -> true;
            default -> false;
        };
    }

    /** The names of what is not a parameter of the model. */
    static List<String> inputs(Workload workload) {
        return isSkip(workload) ? List.of("x", "residual") : List.of("x");
    }

    /** The names of the results. */
    static List<String> outputs(Workload workload) {
        return isSkip(workload) ? List.of("y", "h") : List.of("y");
    }

    private static boolean isSkip(Workload workload) {
        return workload.has("residual");
    }

    static byte[] of(Workload workload) {
        boolean isLayerNorm = workload.has("beta");
        boolean isSkip = isSkip(workload);
        List<String> parameters = isLayerNorm ? List.of("gamma", "beta") : List.of("gamma");
        Message node = new Message();
        inputs(workload).forEach(name -> node.text(1, name));
        parameters.forEach(name -> node.text(1, name));
        if (isSkip) {
            // The second and third outputs are statistics.
            List.of("y", "", "", "h").forEach(name -> node.text(2, name));
        } else {
            node.text(2, "y");
        }
        node.text(
                4,
                (isSkip ? "Skip" : "") + (isLayerNorm ? "" : "Simplified") + "LayerNormalization");
        if (!isSkip) {
            node.message(5, new Message().text(1, "axis").number(3, -1).number(20, ATTRIBUTE_INT));
        }
        node.message(
                5,
                new Message()
                        .text(1, "epsilon")
                        .decimal(2, Workload.EPS)
                        .number(20, ATTRIBUTE_FLOAT));
        if (isSkip) {
            node.text(7, CONTRIBUTED);
        }
        Message graph = new Message().message(1, node).text(2, "norm");
        parameters.forEach(name -> graph.message(5, parameter(name, workload.array(name))));
        inputs(workload).forEach(name -> graph.message(11, value(name, workload)));
        outputs(workload).forEach(name -> graph.message(12, value(name, workload)));
        return new Message()
                .number(1, IR_VERSION)
                .message(7, graph)
                .message(8, new Message().text(1, "").number(2, OPSET_VERSION))
                .message(8, new Message().text(1, CONTRIBUTED).number(2, CONTRIBUTED_VERSION))
                .bytes();
    }

    private static Message parameter(String name, float[] values) {
        ByteBuffer raw =
                ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        raw.asFloatBuffer().put(values);
        return new Message()
                .number(1, values.length)
                .number(2, FLOAT)
                .text(8, name)
                .data(9, raw.array());
    }

    private static Message value(String name, Workload workload) {
        Message shape =
                new Message()
                        .message(1, new Message().number(1, workload.rows()))
                        .message(1, new Message().number(1, workload.columns()));
        Message tensor = new Message().number(1, FLOAT).message(2, shape);
        return new Message().text(1, name).message(2, new Message().message(1, tensor));
    }

    /** A protobuf message under construction. */
    private static final class Message {
        private static final int VARINT = 0;
        private static final int LENGTH = 2;
        private static final int FIXED32 = 5;

        private final ByteArrayOutputStream out = new ByteArrayOutputStream();

        private void varint(long value) {
            long rest = value;
            while ((rest & ~0x7FL) != 0) {
                out.write((int) (rest & 0x7F | 0x80));
                rest >>>= 7;
            }
            out.write((int) rest);
        }

        private void tag(int field, int wire) {
            varint((long) field << 3 | wire);
        }

        Message number(int field, long value) {
            tag(field, VARINT);
            varint(value);
            return this;
        }

        Message decimal(int field, float value) {
            tag(field, FIXED32);
            int bits = Float.floatToRawIntBits(value);
            for (int shift = 0; shift < 32; shift += 8) {
                out.write(bits >>> shift);
            }
            return this;
        }

        Message data(int field, byte[] value) {
            tag(field, LENGTH);
            varint(value.length);
            out.writeBytes(value);
            return this;
        }

        Message text(int field, String value) {
            return data(field, value.getBytes(StandardCharsets.UTF_8));
        }

        Message message(int field, Message value) {
            return data(field, value.bytes());
        }

        byte[] bytes() {
            return out.toByteArray();
        }
    }
}
