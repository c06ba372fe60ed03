/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.DType;
import io.gatun.Device;
import io.gatun.IntegerMatrix;
import io.gatun.LowBitMatrix;
import io.gatun.LowBitSource;
import io.gatun.WeightGrid;
import io.gatun.WeightQuantization;
import io.gatun.model.TensorType;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.function.Function;

/**
 * A form of low-bit weights, with random weights in it.
 *
 * @param name such as {@code gguf-q4_0}
 * @param inputsMultiple of what the inputs must be a multiple
 * @param outputsMultiple of what the outputs must be a multiple
 * @param weights makes them for a shape
 */
record LowBitFormat(String name, int inputsMultiple, int outputsMultiple, Weights weights) {
    /** Makes weights. */
    @FunctionalInterface
    interface Weights {
        /** The same weights for any device that the function is given. */
        Function<Device, LowBitMatrix> of(int outputs, int inputs, SplittableRandom random);
    }

    /** Whether the inputs of a shape are whole blocks. */
    boolean fits(CaseFile.Case shape) {
        return shape.columns() % inputsMultiple == 0;
    }

    /** The outputs of a shape, which its last number says, or the multiple above. */
    int outputs(CaseFile.Case shape) {
        long multiples = (shape.yStride() + outputsMultiple - 1) / outputsMultiple;
        return Math.toIntExact(multiples * outputsMultiple);
    }

    static List<LowBitFormat> all() {
        List<LowBitFormat> all = new ArrayList<>();
        all.add(quantized(4, WeightGrid.SYMMETRIC, 32, DType.F16));
        all.add(quantized(4, WeightGrid.AFFINE, 128, DType.F32));
        all.add(quantized(5, WeightGrid.AFFINE, 64, DType.BF16));
        all.add(quantized(6, WeightGrid.SYMMETRIC, 256, DType.F32));
        all.add(quantized(8, WeightGrid.SYMMETRIC, 32, DType.F32));
        all.add(quantized(8, WeightGrid.AFFINE, WeightQuantization.PER_CHANNEL, DType.F32));
        all.add(quantized(4, WeightGrid.AFFINE, WeightQuantization.PER_TENSOR, DType.F32));
        for (TensorType type :
                List.of(
                        TensorType.Q4_0,
                        TensorType.Q4_1,
                        TensorType.Q5_0,
                        TensorType.Q5_1,
                        TensorType.Q8_0,
                        TensorType.Q4_K,
                        TensorType.Q5_K,
                        TensorType.Q6_K)) {
            all.add(gguf(type));
        }
        all.add(awq(32));
        all.add(gptq(4, 32, false));
        all.add(gptq(4, 64, true));
        all.add(gptq(8, 32, true));
        for (int bits : new int[] {4, 8}) {
            all.add(nbits(bits, 16, false));
            all.add(nbits(bits, 128, true));
            all.add(jlama(bits));
        }
        all.add(int8());
        return List.copyOf(all);
    }

    static LowBitFormat quantized(int bits, WeightGrid grid, long groupSize, DType scales) {
        String group =
                groupSize == WeightQuantization.PER_TENSOR
                        ? "tensor"
                        : groupSize == WeightQuantization.PER_CHANNEL ? "channel" : "g" + groupSize;
        return new LowBitFormat(
                "%s%s-%s".formatted(Setting.label(grid), bits, group),
                1,
                1,
                (outputs, inputs, random) -> {
                    float[] weights = new float[outputs * inputs];
                    for (int i = 0; i < weights.length; i++) {
                        weights[i] = (float) (2 * random.nextDouble() - 1);
                    }
                    WeightQuantization how = new WeightQuantization(bits, grid, groupSize, scales);
                    return device ->
                            LowBitMatrix.quantize(device.tensor(weights, outputs, inputs), how);
                });
    }

    private static LowBitFormat of(
            String name, int inputs, int outputs, Function<Filler, LowBitSource> source) {
        return new LowBitFormat(
                name,
                inputs,
                outputs,
                (n, k, random) -> {
                    LowBitSource made = source.apply(new Filler(n, k, random));
                    return device -> LowBitMatrix.of(device, made);
                });
    }

    static LowBitFormat gguf(TensorType type) {
        return of(
                "gguf-" + type.name().toLowerCase(Locale.ROOT),
                type.blockElements(),
                1,
                to ->
                        new LowBitSource.Gguf(
                                type,
                                to.outputs,
                                to.inputs,
                                MemorySegment.ofArray(to.blocks(type))));
    }

    private static LowBitFormat awq(int groupSize) {
        return of(
                "awq-g" + groupSize,
                groupSize,
                8,
                to -> {
                    int groups = to.inputs / groupSize;
                    return new LowBitSource.Awq(
                            to.outputs,
                            to.inputs,
                            groupSize,
                            to.bytes(to.inputs * to.outputs / 2),
                            to.bytes(groups * to.outputs / 2),
                            DType.F16,
                            to.halves(groups * to.outputs));
                });
    }

    private static LowBitFormat gptq(int bits, int groupSize, boolean actOrder) {
        return of(
                "gptq%s-g%s%s".formatted(bits, groupSize, actOrder ? "-act-order" : ""),
                32 / bits,
                32 / bits,
                to -> {
                    int groups = (to.inputs + groupSize - 1) / groupSize;
                    return new LowBitSource.Gptq(
                            bits,
                            1,
                            to.outputs,
                            to.inputs,
                            groupSize,
                            to.bytes(to.inputs * to.outputs * bits / 8),
                            to.bytes(groups * to.outputs * bits / 8),
                            DType.F16,
                            to.halves(groups * to.outputs),
                            actOrder ? to.groupsInRandomOrder(groupSize) : null);
                });
    }

    private static LowBitFormat nbits(int bits, int blockSize, boolean floatZeroPoints) {
        return of(
                "nbits%s-b%s%s".formatted(bits, blockSize, floatZeroPoints ? "-float-zero" : ""),
                1,
                1,
                to -> {
                    int groups = (to.inputs + blockSize - 1) / blockSize;
                    return new LowBitSource.NBits(
                            bits,
                            to.outputs,
                            to.inputs,
                            blockSize,
                            to.bytes(to.outputs * groups * blockSize * bits / 8),
                            DType.F32,
                            to.floats(to.outputs * groups, 0.1f),
                            floatZeroPoints ? DType.F32 : null,
                            floatZeroPoints
                                    ? to.floats(to.outputs * groups, 1 << bits)
                                    : to.bytes(to.outputs * ((groups * bits + 7) / 8)));
                });
    }

    private static LowBitFormat jlama(int bits) {
        return of(
                "jlama" + bits,
                32,
                1,
                to ->
                        new LowBitSource.Jlama(
                                bits,
                                to.outputs,
                                to.inputs,
                                to.bytes(to.outputs * to.inputs * bits / 8),
                                to.floats(to.outputs * to.inputs / 32, 0.1f)));
    }

    static LowBitFormat int8() {
        return of(
                "int8",
                1,
                1,
                to -> {
                    byte[] codes = new byte[to.outputs * to.inputs];
                    to.random.nextBytes(codes);
                    float[] scales = new float[to.outputs];
                    for (int output = 0; output < scales.length; output++) {
                        scales[output] = 0.01f + (float) to.random.nextDouble();
                    }
                    return new LowBitSource.Int8(
                            IntegerMatrix.of(codes, to.outputs, to.inputs),
                            scales,
                            to.random.ints(to.outputs, -128, 128).toArray());
                });
    }

    /** Random tensors of one shape. */
    private record Filler(int outputs, int inputs, SplittableRandom random) {
        MemorySegment bytes(int count) {
            byte[] bytes = new byte[count];
            random.nextBytes(bytes);
            return MemorySegment.ofArray(bytes);
        }

        MemorySegment floats(int count, float spread) {
            float[] values = new float[count];
            for (int i = 0; i < count; i++) {
                values[i] = spread * (float) random.nextDouble();
            }
            return MemorySegment.ofArray(values);
        }

        /** Between 2^-8 and 1, so that products of all formats are of one size. */
        MemorySegment halves(int count) {
            short[] values = new short[count];
            for (int i = 0; i < count; i++) {
                values[i] = half();
            }
            return MemorySegment.ofArray(values);
        }

        private short half() {
            return Float.floatToFloat16((float) Math.scalb(1 + random.nextDouble(), -8));
        }

        /** Blocks of random bytes, but for their scales. */
        byte[] blocks(TensorType type) {
            int size = type.blockBytes();
            byte[] blocks = new byte[outputs * (inputs / type.blockElements()) * size];
            random.nextBytes(blocks);
            int[] places =
                    switch (type) {
                        case Q4_1, Q5_1, Q4_K, Q5_K -> new int[] {0, 2};
                        case Q6_K -> new int[] {208};
                        default -> new int[] {0};
                    };
            for (int block = 0; block < blocks.length; block += size) {
                for (int place : places) {
                    short half = half();
                    blocks[block + place] = (byte) half;
                    blocks[block + place + 1] = (byte) (half >> 8);
                }
            }
            return blocks;
        }

        /** Each group as often as it must be, in any order. */
        MemorySegment groupsInRandomOrder(int groupSize) {
            int[] groups = new int[inputs];
            for (int input = 0; input < inputs; input++) {
                groups[input] = input / groupSize;
            }
            for (int input = inputs - 1; input > 0; input--) {
                int other = random.nextInt(input + 1);
                int swapped = groups[input];
                groups[input] = groups[other];
                groups[other] = swapped;
            }
            return MemorySegment.ofArray(groups);
        }
    }
}
