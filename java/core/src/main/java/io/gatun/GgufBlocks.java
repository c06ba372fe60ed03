// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static io.gatun.LowBitBytes.f16;
import static io.gatun.LowBitBytes.i32;
import static io.gatun.LowBitBytes.i8;
import static io.gatun.LowBitBytes.u8;

import io.gatun.model.TensorType;
import java.lang.foreign.MemorySegment;

/**
 * Blocks of GGUF files as codes, scales and offsets, by the decoders of ggml (dequantize_row_* in
 * ggml-quants.c). In float32 each product below is exact, so weights are bit for bit those of ggml.
 */
final class GgufBlocks {
    private GgufBlocks() {}

    /** The bits of a code; 0 for types that are not low-bit integers. */
    static int bits(TensorType type) {
        return switch (type) {
            case Q4_0, Q4_1, Q4_K -> 4;
            case Q5_0, Q5_1, Q5_K -> 5;
            case Q6_K -> 6;
            case Q8_0 -> 8;
            default -> 0;
        };
    }

    /** How many inputs share scale and offset. */
    static int groupSize(TensorType type) {
        return type == TensorType.Q6_K ? 16 : 32;
    }

    /** Decodes one row, which begins at a byte offset. */
    static LowBitRow row(TensorType type, MemorySegment data, long offset, int inputs) {
        LowBitRow row = new LowBitRow(inputs, groupSize(type));
        for (int input = 0; input < inputs; input += type.blockElements()) {
            switch (type) {
                case Q4_0 -> q4(data, offset, row, input, false);
                case Q4_1 -> q4(data, offset, row, input, true);
                case Q5_0 -> q5(data, offset, row, input, false);
                case Q5_1 -> q5(data, offset, row, input, true);
                case Q8_0 -> q8(data, offset, row, input);
                case Q4_K -> q4k(data, offset, row, input);
                case Q5_K -> q5k(data, offset, row, input);
                case Q6_K -> q6k(data, offset, row, input);
                default -> throw new AssertionError(type);
            }
            offset += type.blockBytes();
        }
        return row;
    }

    /** Scale, minimum where there is one, and 16 bytes: elements 0 to 15 low, 16 to 31 high. */
    private static void q4(
            MemorySegment data, long offset, LowBitRow row, int input, boolean minimum) {
        long codes = offset + (minimum ? 4 : 2);
        for (int i = 0; i < 32; i++) {
            row.setCode(input + i, nibble(data, codes + i % 16, i / 16));
        }
        scale(data, offset, row, input, minimum, 8);
    }

    /** As {@link #q4}, with the fifth bits of all elements in a word before the bytes. */
    private static void q5(
            MemorySegment data, long offset, LowBitRow row, int input, boolean minimum) {
        long high = offset + (minimum ? 4 : 2);
        int bits = i32(data, high);
        for (int i = 0; i < 32; i++) {
            int code = nibble(data, high + 4 + i % 16, i / 16) | (bits >>> i & 1) << 4;
            row.setCode(input + i, code);
        }
        scale(data, offset, row, input, minimum, 16);
    }

    private static void scale(
            MemorySegment data,
            long offset,
            LowBitRow row,
            int input,
            boolean minimum,
            int zeroPoint) {
        float scale = f16(data, offset);
        if (minimum) {
            row.setOffset(input / 32, scale, f16(data, offset + 2));
        } else {
            row.setZeroPoint(input / 32, scale, zeroPoint);
        }
    }

    /** Scale and 32 signed bytes. */
    private static void q8(MemorySegment data, long offset, LowBitRow row, int input) {
        for (int i = 0; i < 32; i++) {
            row.setCode(input + i, i8(data, offset + 2 + i) + 128);
        }
        row.setZeroPoint(input / 32, f16(data, offset), 128);
    }

    /** Scale of scales, scale of minima, 12 bytes of both, 128 bytes of codes. */
    private static void q4k(MemorySegment data, long offset, LowBitRow row, int input) {
        kScales(data, offset, row, input);
        for (int i = 0; i < 256; i++) {
            row.setCode(input + i, kNibble(data, offset + 16, i));
        }
    }

    /** As {@link #q4k}, with 32 bytes of fifth bits before the codes. */
    private static void q5k(MemorySegment data, long offset, LowBitRow row, int input) {
        kScales(data, offset, row, input);
        for (int i = 0; i < 256; i++) {
            int high = u8(data, offset + 16 + i % 32) >> i / 32 & 1;
            row.setCode(input + i, kNibble(data, offset + 48, i) | high << 4);
        }
    }

    /** Of each 64 elements the first 32 are the low halves of 32 bytes. */
    private static int kNibble(MemorySegment data, long codes, int i) {
        return nibble(data, codes + 32 * (i / 64) + i % 32, i / 32 % 2);
    }

    /** Scales and minima of 6 bits: four of each in whole bytes, four in what those leave. */
    private static void kScales(MemorySegment data, long offset, LowBitRow row, int input) {
        float d = f16(data, offset);
        float dmin = f16(data, offset + 2);
        long packed = offset + 4;
        for (int j = 0; j < 8; j++) {
            int scale;
            int minimum;
            if (j < 4) {
                scale = u8(data, packed + j) & 63;
                minimum = u8(data, packed + j + 4) & 63;
            } else {
                scale = u8(data, packed + j + 4) & 15 | u8(data, packed + j - 4) >> 6 << 4;
                minimum = u8(data, packed + j + 4) >> 4 | u8(data, packed + j) >> 6 << 4;
            }
            row.setOffset(input / 32 + j, d * scale, -(dmin * minimum));
        }
    }

    /** 128 bytes of low halves, 64 of high quarters, 16 signed scales, scale of scales. */
    private static void q6k(MemorySegment data, long offset, LowBitRow row, int input) {
        for (int i = 0; i < 256; i++) {
            int half = i / 128;
            int quarter = i % 128 / 32;
            int l = i % 32;
            int low = nibble(data, offset + 64 * half + l + 32 * (quarter & 1), quarter >> 1);
            int high = u8(data, offset + 128 + 32 * half + l) >> 2 * quarter & 3;
            row.setCode(input + i, low | high << 4);
        }
        float d = f16(data, offset + 208);
        for (int group = 0; group < 16; group++) {
            row.setZeroPoint(input / 16 + group, d * i8(data, offset + 192 + group), 32);
        }
    }

    private static int nibble(MemorySegment data, long offset, int half) {
        return u8(data, offset) >> 4 * half & 15;
    }
}
