// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import io.gatun.bindings.NativeHandle;
import io.gatun.model.TensorType;

/** Low-bit weights as rows of codes; those in place are decoded anew in every call. */
final class ReferenceLowBitWeights implements LowBitWeights {
    private final LowBitLayout layout;
    private final LowBitRows rows;
    private final int[] permutation;
    private final NativeHandle handle;

    private ReferenceLowBitWeights(
            LowBitLayout layout, LowBitRows rows, int[] permutation, Runnable release) {
        this.layout = layout;
        this.rows = rows;
        this.permutation = permutation;
        // There is nothing native to free, but calls are to be counted as those of native weights.
        this.handle =
                new NativeHandle(
                        1,
                        "low-bit matrix [%s, %s] on device reference"
                                .formatted(layout.outputs(), layout.inputs()),
                        address -> release.run());
    }

    /** Decodes all rows, whose scales and offsets must be finite. */
    static ReferenceLowBitWeights packed(Shape shape, LowBitRows source, int[] permutation) {
        LowBitRow[] rows = new LowBitRow[Math.toIntExact(shape.outputs)];
        boolean minus128 = false;
        for (int output = 0; output < rows.length; output++) {
            LowBitRow row = source.row(output);
            int group = row.firstNotFinite(shape.bits);
            if (group >= 0) {
                throw new IllegalArgumentException(
                        ("scales: expected finite scales and offsets, but those of output %s, group %s "
                                        + "are %s and %s")
                                .formatted(output, group, row.scales[group], row.offsets[group]));
            }
            minus128 |= shape.isSigned && hasCodeZero(row);
            rows[output] = row;
        }
        return new ReferenceLowBitWeights(
                shape.layout(minus128), output -> rows[(int) output], permutation, () -> {});
    }

    static ReferenceLowBitWeights inPlace(Shape shape, LowBitRows rows, Runnable release) {
        return new ReferenceLowBitWeights(shape.layout(false), rows, null, release);
    }

    private static boolean hasCodeZero(LowBitRow row) {
        for (byte code : row.codes) {
            if (code == 0) {
                return true;
            }
        }
        return false;
    }

    /** What is known before the weights are read; signed codes are those with 8 bits around 0. */
    record Shape(
            long outputs,
            long inputs,
            int bits,
            LowBitScheme scheme,
            TensorType ggufType,
            long groupSize,
            boolean isSigned,
            boolean zeroPointOnes) {
        LowBitLayout layout(boolean minus128) {
            long groups = (inputs + groupSize - 1) / groupSize;
            return new LowBitLayout(
                    outputs,
                    inputs,
                    bits,
                    scheme,
                    ggufType,
                    groupSize,
                    outputs * ((inputs * bits + 7) / 8 + groups * 2 * Float.BYTES),
                    minus128,
                    zeroPointOnes);
        }
    }

    LowBitRow row(long output) {
        return rows.row(output);
    }

    @Override
    public LowBitLayout layout() {
        return layout;
    }

    @Override
    public NativeHandle handle() {
        return handle;
    }

    @Override
    public int[] permutation() {
        return permutation == null ? null : permutation.clone();
    }

    /** A row of activations in the order of the matrix. */
    float[] ordered(float[] x) {
        if (permutation == null) {
            return x;
        }
        float[] ordered = new float[x.length];
        for (int position = 0; position < x.length; position++) {
            ordered[position] = x[permutation[position]];
        }
        return ordered;
    }

    @Override
    public void dequantize(long firstOutput, Tensor out) {
        DType dtype = out.dtype();
        for (long output = 0; output < out.rows; output++) {
            LowBitRow row = row(firstOutput + output);
            for (int position = 0; position < out.columns; position++) {
                long input = permutation == null ? position : permutation[position];
                Elements.store(
                        dtype,
                        out.segment(),
                        (output * out.rowStride + input) * dtype.bytes(),
                        row.weight(position));
            }
        }
    }

    @Override
    public void unpack(
            long firstOutput, long count, IntegerMatrix codes, Tensor scales, Tensor offsets) {
        for (long output = 0; output < count; output++) {
            LowBitRow row = row(firstOutput + output);
            for (int input = 0; codes != null && input < layout.inputs(); input++) {
                codes.set(output, input, row.code(input));
            }
            for (int group = 0; group < row.scales.length; group++) {
                store(scales, output, group, row.scales[group]);
                store(offsets, output, group, row.offsets[group]);
            }
        }
    }

    private static void store(Tensor tensor, long output, long group, float value) {
        if (tensor != null) {
            long element = output * tensor.rowStride + group;
            Elements.store(DType.F32, tensor.segment(), element * Float.BYTES, value);
        }
    }
}
