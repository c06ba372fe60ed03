// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import io.gatun.model.ModelFile;
import io.gatun.model.ModelTensor;
import io.gatun.model.TensorType;
import java.util.Arrays;
import java.util.Objects;

/** Finds low-bit weights in files. */
public final class LowBitSources {
    private static final String WEIGHT = ".weight";
    private static final String QWEIGHT = ".qweight";

    private LowBitSources() {}

    /**
     * The weights of a name. In a GGUF file that is the name of a tensor. In a safetensors file it
     * is the name of a layer, with {@code .weight} or {@code .qweight} or without:
     *
     * <ul>
     *   <li>with tensors {@code qweight}, {@code qzeros} and {@code scales}: AWQ where qweight is
     *       {@code [inputs, outputs / 8]}, GPTQ where it is {@code [inputs * bits / 32, outputs]},
     *       with {@code g_idx} where that is there. The file does not say the version of GPTQ's
     *       zero points: it is taken for 1, {@link #gptq} takes another;
     *   <li>a tensor of type I8 or Q4 with its scales in a tensor of the same name and {@code .qb}:
     *       Jlama.
     * </ul>
     *
     * @param file the file
     * @param name of the tensor or layer
     * @return the weights, in the memory of the file
     * @throws IllegalArgumentException if there are none
     */
    public static LowBitSource find(ModelFile file, String name) {
        Objects.requireNonNull(file, "file: expected a ModelFile, but it is null");
        Objects.requireNonNull(name, "name: expected the name of a tensor, but it is null");
        if (file.format() == ModelFile.Format.GGUF) {
            return gguf(file.tensor(name));
        }
        String layer = layer(name);
        if (file.find(layer + QWEIGHT).isPresent()) {
            return isAwq(file, layer) ? awq(file, layer) : gptq(file, layer, 1);
        }
        ModelTensor tensor = file.find(name).orElseGet(() -> file.tensor(layer + WEIGHT));
        if (file.find(tensor.name() + ".qb").isPresent()) {
            return jlama(tensor);
        }
        throw new IllegalArgumentException(
                ("name: expected low-bit weights (AWQ, GPTQ or Jlama), but '%s' of %s is %s%s without "
                                + "scales")
                        .formatted(
                                tensor.name(),
                                file.name(),
                                tensor.type(),
                                Arrays.toString(tensor.shape())));
    }

    private static String layer(String name) {
        for (String suffix : new String[] {WEIGHT, QWEIGHT}) {
            if (name.endsWith(suffix)) {
                return name.substring(0, name.length() - suffix.length());
            }
        }
        return name;
    }

    /**
     * A tensor of a GGUF file.
     *
     * @param tensor {@code [outputs, inputs]}; further dimensions count as outputs
     * @return its blocks, in the memory of the file
     * @throws IllegalArgumentException if it is not of a type that a matrix can be made from
     */
    public static LowBitSource.Gguf gguf(ModelTensor tensor) {
        Objects.requireNonNull(tensor, "tensor: expected a ModelTensor, but it is null");
        if (GgufBlocks.bits(tensor.type()) == 0) {
            throw new IllegalArgumentException(
                    ("tensor: expected Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K or Q6_K, but '%s' of "
                                    + "%s is %s")
                            .formatted(tensor.name(), tensor.file().name(), tensor.type()));
        }
        long[] shape = tensor.shape();
        long inputs = shape.length == 0 ? 1 : shape[shape.length - 1];
        long outputs = inputs == 0 ? 0 : tensor.elementCount() / inputs;
        return new LowBitSource.Gguf(tensor.type(), outputs, inputs, tensor.segment());
    }

    /**
     * GPTQ weights of a safetensors file.
     *
     * @param file the file
     * @param layer the name of the layer, to which {@code .qweight} and so on are appended
     * @param version of the zero points: 1, or 2 for files of {@code checkpoint_format} gptq_v2
     * @return the weights, in the memory of the file
     * @throws IllegalArgumentException if tensors are missing or do not fit each other
     */
    public static LowBitSource.Gptq gptq(ModelFile file, String layer, int version) {
        ModelTensor qweight = matrix(file, layer + QWEIGHT, TensorType.I32);
        ModelTensor qzeros = matrix(file, layer + ".qzeros", TensorType.I32);
        ModelTensor scales = scales(file, layer);
        long outputs = qweight.shape()[1];
        long groups = scales.shape()[0];
        requireShape(scales, groups, outputs);
        ModelTensor gIdx = file.find(layer + ".g_idx").orElse(null);
        // Codes and zero points have as many bits: the shape of the latter says how many.
        long zeroBits = outputs == 0 ? 0 : qzeros.shape()[1] * 32 / outputs;
        int bits = zeroBits == 8 ? 8 : 4;
        long inputs = qweight.shape()[0] * (32 / bits);
        requireShape(qzeros, groups, outputs * bits / 32);
        if (gIdx != null) {
            requireType(gIdx, TensorType.I32);
            requireShape(gIdx, inputs);
        }
        return new LowBitSource.Gptq(
                bits,
                version,
                outputs,
                inputs,
                groupSize(scales, inputs, groups),
                qweight.segment(),
                qzeros.segment(),
                dtype(scales),
                scales.segment(),
                gIdx == null ? null : gIdx.segment());
    }

    private static boolean isAwq(ModelFile file, String layer) {
        ModelTensor qweight = matrix(file, layer + QWEIGHT, TensorType.I32);
        ModelTensor scales = scales(file, layer);
        return file.find(layer + ".g_idx").isEmpty()
                && qweight.shape()[1] != scales.shape()[1]
                && qweight.shape()[1] * 8 == scales.shape()[1];
    }

    private static LowBitSource awq(ModelFile file, String layer) {
        ModelTensor qweight = matrix(file, layer + QWEIGHT, TensorType.I32);
        ModelTensor qzeros = matrix(file, layer + ".qzeros", TensorType.I32);
        ModelTensor scales = scales(file, layer);
        long inputs = qweight.shape()[0];
        long groups = scales.shape()[0];
        long outputs = scales.shape()[1];
        requireShape(qzeros, groups, outputs / 8);
        return new LowBitSource.Awq(
                outputs,
                inputs,
                groupSize(scales, inputs, groups),
                qweight.segment(),
                qzeros.segment(),
                dtype(scales),
                scales.segment());
    }

    private static LowBitSource jlama(ModelTensor tensor) {
        ModelFile file = tensor.file();
        boolean eightBits = tensor.type() == TensorType.I8;
        if (!eightBits) {
            requireType(tensor, TensorType.Q4);
        }
        long[] shape = tensor.shape();
        if (shape.length != 2) {
            throw wrongShape(tensor, "[outputs, inputs]");
        }
        ModelTensor scales = file.tensor(tensor.name() + ".qb");
        requireType(scales, TensorType.F32);
        requireShape(scales, shape[0], shape[1] / 32);
        return new LowBitSource.Jlama(
                eightBits ? 8 : 4, shape[0], shape[1], tensor.segment(), scales.segment());
    }

    /** What a group must have for a layer to have so many. */
    private static long groupSize(ModelTensor scales, long inputs, long groups) {
        if (groups == 1 || inputs == 0) {
            return LowBitSource.PER_CHANNEL;
        }
        if (groups > 0 && inputs % groups == 0) {
            return inputs / groups;
        }
        // The last group is short: the sizes in use are powers of two.
        for (long size = 16; groups > 0 && size < inputs; size *= 2) {
            if ((inputs + size - 1) / size == groups) {
                return size;
            }
        }
        throw new IllegalArgumentException(
                "tensor '%s' of %s: expected groups of %s inputs, but there are %s of them"
                        .formatted(scales.name(), scales.file().name(), inputs, groups));
    }

    private static ModelTensor scales(ModelFile file, String layer) {
        ModelTensor scales = file.tensor(layer + ".scales");
        dtype(scales);
        if (scales.shape().length != 2) {
            throw wrongShape(scales, "[groups, outputs]");
        }
        return scales;
    }

    private static ModelTensor matrix(ModelFile file, String name, TensorType type) {
        ModelTensor tensor = file.tensor(name);
        requireType(tensor, type);
        if (tensor.shape().length != 2) {
            throw wrongShape(tensor, "two dimensions");
        }
        return tensor;
    }

    private static void requireType(ModelTensor tensor, TensorType type) {
        if (tensor.type() != type) {
            throw new IllegalArgumentException(
                    "tensor '%s' of %s: expected %s, but it is %s"
                            .formatted(tensor.name(), tensor.file().name(), type, tensor.type()));
        }
    }

    private static void requireShape(ModelTensor tensor, long... shape) {
        if (!Arrays.equals(tensor.shape(), shape)) {
            throw wrongShape(tensor, "shape " + Arrays.toString(shape));
        }
    }

    private static IllegalArgumentException wrongShape(ModelTensor tensor, String expected) {
        return new IllegalArgumentException(
                "tensor '%s' of %s: expected %s, but it is %s"
                        .formatted(
                                tensor.name(),
                                tensor.file().name(),
                                expected,
                                Arrays.toString(tensor.shape())));
    }

    private static DType dtype(ModelTensor tensor) {
        return switch (tensor.type()) {
            case F32 -> DType.F32;
            case F16 -> DType.F16;
            case BF16 -> DType.BF16;
            default ->
                    throw new IllegalArgumentException(
                            "tensor '%s' of %s: expected F32, F16 or BF16, but it is %s"
                                    .formatted(tensor.name(), tensor.file().name(), tensor.type()));
        };
    }
}
