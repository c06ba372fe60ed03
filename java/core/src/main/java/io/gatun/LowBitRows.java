// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static io.gatun.LowBitBytes.element;
import static io.gatun.LowBitBytes.field;
import static io.gatun.LowBitBytes.i32;
import static io.gatun.LowBitBytes.i8;
import static io.gatun.LowBitBytes.u8;

import java.lang.foreign.MemorySegment;

/** The weights of a source, output by output, in the order of its permutation. */
@FunctionalInterface
interface LowBitRows {
    /** Decodes the weights of one output. */
    LowBitRow row(long output);

    /** Where the j-th of eight outputs stands among the nibbles of an AWQ word. */
    int[] AWQ_PLACES = {0, 4, 1, 5, 2, 6, 3, 7};

    static LowBitRows of(LowBitSource.Gguf gguf) {
        int inputs = (int) gguf.inputs();
        long rowBytes =
                gguf.inputs() / gguf.type().blockElements() * (long) gguf.type().blockBytes();
        return output -> GgufBlocks.row(gguf.type(), gguf.data(), output * rowBytes, inputs);
    }

    static LowBitRows of(LowBitSource.Awq awq) {
        int inputs = (int) awq.inputs();
        long words = awq.outputs() / 8;
        return output -> {
            int shift = 4 * AWQ_PLACES[(int) (output % 8)];
            LowBitRow row = new LowBitRow(inputs, groupSize(awq.groupSize(), inputs));
            for (int input = 0; input < inputs; input++) {
                long word = input * words + output / 8;
                row.setCode(input, i32(awq.qweight(), 4 * word) >>> shift & 15);
            }
            for (int group = 0; group < row.scales.length; group++) {
                long word = group * words + output / 8;
                row.setZeroPoint(
                        group,
                        element(awq.scaleType(), awq.scales(), group * awq.outputs() + output),
                        i32(awq.qzeros(), 4 * word) >>> shift & 15);
            }
            return row;
        };
    }

    /**
     * GPTQ.
     *
     * @param permutation the inputs in the order of the matrix, or null for their own
     */
    static LowBitRows of(LowBitSource.Gptq gptq, int[] permutation) {
        int inputs = (int) gptq.inputs();
        int bits = gptq.bits();
        int fields = 32 / bits;
        int most = (1 << bits) - 1;
        return output -> {
            LowBitRow row = new LowBitRow(inputs, groupSize(gptq.groupSize(), inputs));
            for (int position = 0; position < inputs; position++) {
                int input = permutation == null ? position : permutation[position];
                long word = input / fields * gptq.outputs() + output;
                int shift = input % fields * bits;
                row.setCode(position, i32(gptq.qweight(), 4 * word) >>> shift & most);
            }
            for (int group = 0; group < row.scales.length; group++) {
                int stored = gptqZeroPoint(gptq, group, output);
                row.setZeroPoint(
                        group,
                        element(gptq.scaleType(), gptq.scales(), group * gptq.outputs() + output),
                        gptq.version() == 1 ? stored + 1 & most : stored);
            }
            return row;
        };
    }

    /** A zero point as it is stored. */
    static int gptqZeroPoint(LowBitSource.Gptq gptq, long group, long output) {
        int bits = gptq.bits();
        int fields = 32 / bits;
        long word = group * (gptq.outputs() / fields) + output / fields;
        int shift = (int) (output % fields) * bits;
        return i32(gptq.qzeros(), 4 * word) >>> shift & (1 << bits) - 1;
    }

    /**
     * MatMulNBits.
     *
     * @param whole whether all zero points are integers
     */
    static LowBitRows of(LowBitSource.NBits nbits, boolean whole) {
        int inputs = (int) nbits.inputs();
        int bits = nbits.bits();
        int blockSize = (int) nbits.blockSize();
        long groups = (nbits.inputs() + blockSize - 1) / blockSize;
        long rowBytes = groups * (blockSize * (long) bits / 8);
        return output -> {
            LowBitRow row = new LowBitRow(inputs, blockSize);
            for (int input = 0; input < inputs; input++) {
                row.setCode(input, field(nbits.b(), output * rowBytes, input, bits));
            }
            for (int group = 0; group < groups; group++) {
                float scale = element(nbits.scaleType(), nbits.scales(), output * groups + group);
                float zeroPoint = nbitsZeroPoint(nbits, output, group, groups);
                if (whole) {
                    row.setZeroPoint(group, scale, (int) zeroPoint);
                } else {
                    row.setWideOffset(group, scale, -zeroPoint * scale);
                }
            }
            return row;
        };
    }

    static float nbitsZeroPoint(LowBitSource.NBits nbits, long output, long group, long groups) {
        MemorySegment zeroPoints = nbits.zeroPoints();
        if (zeroPoints == null) {
            return 1 << nbits.bits() - 1;
        }
        if (nbits.zeroPointType() != null) {
            return element(nbits.zeroPointType(), zeroPoints, output * groups + group);
        }
        return field(zeroPoints, output * ((groups * nbits.bits() + 7) / 8), group, nbits.bits());
    }

    static LowBitRows of(LowBitSource.Jlama jlama) {
        int inputs = (int) jlama.inputs();
        long rowBytes = jlama.inputs() * jlama.bits() / 8;
        return output -> {
            LowBitRow row = new LowBitRow(inputs, 32);
            for (int input = 0; input < inputs; input++) {
                long start = output * rowBytes;
                int code =
                        jlama.bits() == 8
                                ? i8(jlama.data(), start + input) + 128
                                : u8(jlama.data(), start + input / 32 * 16 + input % 16)
                                                >> 4 * (input % 32 / 16)
                                        & 15;
                row.setCode(input, code);
            }
            for (int group = 0; group < inputs / 32; group++) {
                row.setZeroPoint(
                        group,
                        element(DType.F32, jlama.scales(), output * (inputs / 32) + group),
                        jlama.bits() == 8 ? 128 : 8);
            }
            return row;
        };
    }

    static LowBitRows of(LowBitSource.Int8 int8) {
        int inputs = (int) int8.inputs();
        float[] scales = int8.scales();
        int[] zeroPoints = int8.zeroPoints();
        return output -> {
            LowBitRow row = new LowBitRow(inputs, Math.max(inputs, 1));
            for (int input = 0; input < inputs; input++) {
                row.setCode(input, int8.codes().get(output, input) + 128);
            }
            if (inputs > 0) {
                row.setZeroPoint(
                        0,
                        scales == null ? 1 : scales[(int) output],
                        128 + (zeroPoints == null ? 0 : zeroPoints[(int) output]));
            }
            return row;
        };
    }

    private static int groupSize(long groupSize, int inputs) {
        return groupSize == LowBitSource.PER_CHANNEL
                ? Math.max(inputs, 1)
                : (int) Math.min(groupSize, Integer.MAX_VALUE);
    }
}
