// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import io.gatun.model.TensorType;
import java.lang.foreign.MemorySegment;

/**
 * Weights that somebody else has quantized, as the tensors of a file or of a model graph hold them:
 * what a {@link LowBitMatrix} is made from. {@link LowBitSources} finds them in files.
 *
 * <p>Memory is little-endian, needs no alignment, may be on or off the heap, and may be longer than
 * the shape needs. Constructors check numbers and sizes and throw an {@link
 * IllegalArgumentException} that names the component; what lies in the memory is checked when a
 * matrix is made.
 */
public sealed interface LowBitSource {
    /** As {@code group_size} of AWQ, GPTQ: one group of all inputs for each output. */
    long PER_CHANNEL = 0;

    /**
     * The rows of the matrix.
     *
     * @return at least 0
     */
    long outputs();

    /**
     * The columns of the matrix.
     *
     * @return at least 0
     */
    long inputs();

    /**
     * Blocks of GGUF: {@code [outputs, inputs]} of Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K or
     * Q6_K.
     *
     * @param type the type of the blocks
     * @param outputs number of outputs
     * @param inputs number of inputs, a multiple of the elements of a block
     * @param data the blocks
     */
    record Gguf(TensorType type, long outputs, long inputs, MemorySegment data)
            implements LowBitSource {
        /** Checks type and sizes. */
        public Gguf {
            SourceChecks.require(type, "type");
            if (GgufBlocks.bits(type) == 0) {
                throw new IllegalArgumentException(
                        "type: expected Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K or Q6_K, but it is "
                                + type);
            }
            SourceChecks.shape(outputs, inputs);
            SourceChecks.multiple("inputs", inputs, type.blockElements());
            SourceChecks.bytes(
                    "data",
                    data,
                    SourceChecks.product(
                            outputs, inputs / type.blockElements(), type.blockBytes()));
        }
    }

    /**
     * AWQ with 4 bits, as AutoAWQ's version "GEMM" writes it: {@code w = (u - z) * s}. Output
     * {@code 8 c + j} is in bits {@code 4 p} to {@code 4 p + 3} of word c, {@code p = (0, 4, 1, 5,
     * 2, 6, 3, 7)[j]}. Lin et al.: AWQ, arXiv:2306.00978.
     *
     * @param outputs number of outputs, a multiple of 8
     * @param inputs number of inputs
     * @param groupSize a multiple of 16 that divides inputs, or {@link #PER_CHANNEL}
     * @param qweight int32 {@code [inputs, outputs / 8]}
     * @param qzeros int32 {@code [groups, outputs / 8]}
     * @param scaleType the type of scales
     * @param scales {@code [groups, outputs]}
     */
    record Awq(
            long outputs,
            long inputs,
            long groupSize,
            MemorySegment qweight,
            MemorySegment qzeros,
            DType scaleType,
            MemorySegment scales)
            implements LowBitSource {
        /** Checks numbers and sizes. */
        public Awq {
            SourceChecks.shape(outputs, inputs);
            SourceChecks.multiple("outputs", outputs, 8);
            long groups = SourceChecks.groups(inputs, groupSize);
            if (groupSize != PER_CHANNEL) {
                SourceChecks.multiple("inputs", inputs, groupSize);
            }
            SourceChecks.bytes("qweight", qweight, SourceChecks.product(inputs, outputs / 8, 4));
            SourceChecks.bytes("qzeros", qzeros, SourceChecks.product(groups, outputs / 8, 4));
            SourceChecks.elements("scales", scales, scaleType, groups, outputs);
        }
    }

    /**
     * GPTQ, as AutoGPTQ and its successors write it: {@code w[n][k] = (u - z) * s[gIdx[k]][n]}.
     * Codes and zero points lie low bits first in 32-bit words, codes along the inputs, zero points
     * along the outputs. Frantar et al.: GPTQ, arXiv:2210.17323.
     *
     * @param bits 4 or 8
     * @param version 1: the stored zero point is {@code z - 1} modulo 2^bits, a field of all ones
     *     being 0; 2: it is z
     * @param outputs number of outputs, a multiple of {@code 32 / bits}
     * @param inputs number of inputs, a multiple of {@code 32 / bits}
     * @param groupSize a multiple of 16, or {@link #PER_CHANNEL}
     * @param qweight int32 {@code [inputs * bits / 32, outputs]}
     * @param qzeros int32 {@code [groups, outputs * bits / 32]}
     * @param scaleType the type of scales
     * @param scales {@code [groups, outputs]}
     * @param gIdx int32 {@code [inputs]}, the group of each input, or null where that is {@code k /
     *     groupSize}. Each group has groupSize inputs, the last one what is left.
     */
    record Gptq(
            int bits,
            int version,
            long outputs,
            long inputs,
            long groupSize,
            MemorySegment qweight,
            MemorySegment qzeros,
            DType scaleType,
            MemorySegment scales,
            MemorySegment gIdx)
            implements LowBitSource {
        /** Checks numbers and sizes. */
        public Gptq {
            SourceChecks.fourOrEight(bits);
            if (version != 1 && version != 2) {
                throw new IllegalArgumentException(
                        "version: expected 1 or 2, but it is " + version);
            }
            SourceChecks.shape(outputs, inputs);
            SourceChecks.multiple("outputs", outputs, 32 / bits);
            SourceChecks.multiple("inputs", inputs, 32 / bits);
            long groups = SourceChecks.groups(inputs, groupSize);
            SourceChecks.bytes(
                    "qweight", qweight, SourceChecks.product(inputs * bits / 32, outputs, 4));
            SourceChecks.bytes(
                    "qzeros", qzeros, SourceChecks.product(groups, outputs * bits / 32, 4));
            SourceChecks.elements("scales", scales, scaleType, groups, outputs);
            if (gIdx != null) {
                SourceChecks.bytes("gIdx", gIdx, inputs * 4);
            }
        }
    }

    /**
     * Operands of ONNX {@code com.microsoft.MatMulNBits}: {@code w = (u - z) * s}, with {@code
     * groups = ceil(inputs / blockSize)}.
     *
     * @param bits 4 or 8
     * @param outputs number of outputs, N of the operator
     * @param inputs number of inputs, K of the operator
     * @param blockSize a power of two of at least 16
     * @param b uint8 {@code [outputs, groups, blockSize * bits / 8]}, low bits first; codes behind
     *     the inputs are ignored
     * @param scaleType the type of scales
     * @param scales {@code [outputs, groups]}
     * @param zeroPointType the type of zeroPoints, or null where they are packed codes
     * @param zeroPoints null for {@code 2^(bits - 1)}; packed: uint8 {@code [outputs, ceil(groups *
     *     bits / 8)]}, low bits first; else {@code [outputs, groups]} of any value
     */
    record NBits(
            int bits,
            long outputs,
            long inputs,
            long blockSize,
            MemorySegment b,
            DType scaleType,
            MemorySegment scales,
            DType zeroPointType,
            MemorySegment zeroPoints)
            implements LowBitSource {
        /** Checks numbers and sizes. */
        public NBits {
            SourceChecks.fourOrEight(bits);
            SourceChecks.shape(outputs, inputs);
            if (blockSize < 16 || Long.bitCount(blockSize) != 1 || blockSize > 1L << 30) {
                throw new IllegalArgumentException(
                        "blockSize: expected a power of two from 16 to 2^30, but it is "
                                + blockSize);
            }
            long groups = (inputs + blockSize - 1) / blockSize;
            SourceChecks.bytes("b", b, SourceChecks.product(outputs, groups, blockSize * bits / 8));
            SourceChecks.elements("scales", scales, scaleType, outputs, groups);
            if (zeroPoints != null && zeroPointType == null) {
                SourceChecks.bytes(
                        "zeroPoints",
                        zeroPoints,
                        SourceChecks.product(outputs, (groups * bits + 7) / 8, 1));
            } else if (zeroPoints != null) {
                SourceChecks.elements("zeroPoints", zeroPoints, zeroPointType, outputs, groups);
            }
        }
    }

    /**
     * Tensors of Jlama: blocks of 32 inputs. With 4 bits ("Q4") {@code w = (u - 8) * s}, and byte j
     * of a block holds input j in its low and input {@code j + 16} in its high bits; with 8 bits
     * ("I8") {@code w = q * s}, q a signed byte.
     *
     * @param bits 4 or 8
     * @param outputs number of outputs
     * @param inputs number of inputs, a multiple of 32
     * @param data {@code [outputs, inputs * bits / 8]} bytes
     * @param scales float32 {@code [outputs, inputs / 32]}
     */
    record Jlama(int bits, long outputs, long inputs, MemorySegment data, MemorySegment scales)
            implements LowBitSource {
        /** Checks numbers and sizes. */
        public Jlama {
            SourceChecks.fourOrEight(bits);
            SourceChecks.shape(outputs, inputs);
            SourceChecks.multiple("inputs", inputs, 32);
            SourceChecks.bytes("data", data, SourceChecks.product(outputs, inputs * bits / 8, 1));
            SourceChecks.elements("scales", scales, DType.F32, outputs, inputs / 32);
        }
    }

    /**
     * Signed 8-bit codes with one scale and zero point for each output: {@code w = (q - z) * s}.
     *
     * @param codes {@code [outputs, inputs]}, {@link IntegerMatrix.Type#I8}; -128 is allowed
     * @param scales of each output, or null for 1
     * @param zeroPoints of each output, from -128 to 127, or null for 0
     */
    record Int8(IntegerMatrix codes, float[] scales, int[] zeroPoints) implements LowBitSource {
        /** Checks sizes and zero points, and copies the arrays. */
        public Int8 {
            SourceChecks.require(codes, "codes");
            codes.requireType(IntegerMatrix.Type.I8, "codes");
            SourceChecks.shape(codes.rows(), codes.columns());
            SourceChecks.length(
                    "scales", scales == null ? -1 : scales.length, codes.rows(), "outputs");
            scales = scales == null ? null : scales.clone();
            zeroPoints = SourceChecks.zeroPoints("zeroPoints", zeroPoints, codes.rows(), "outputs");
        }

        @Override
        public long outputs() {
            return codes.rows();
        }

        @Override
        public long inputs() {
            return codes.columns();
        }

        @Override
        public float[] scales() {
            return scales == null ? null : scales.clone();
        }

        @Override
        public int[] zeroPoints() {
            return zeroPoints == null ? null : zeroPoints.clone();
        }
    }
}
