// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import io.gatun.model.TensorType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Decoders of GGUF blocks in the loops in which ggml writes its own, block by block and value by
 * value: the oracle of the closed forms in {@link GgufBlocks}.
 */
final class GgmlLoops {
    private GgmlLoops() {}

    /** Decodes blocks that lie one behind the other. */
    static float[] decode(TensorType type, byte[] data) {
        ByteBuffer in = ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN);
        int blocks = data.length / type.blockBytes();
        float[] out = new float[blocks * type.blockElements()];
        for (int b = 0; b < blocks; b++) {
            int at = b * type.blockBytes();
            int to = b * type.blockElements();
            switch (type) {
                case Q4_0 -> q4(in, at, out, to, false);
                case Q4_1 -> q4(in, at, out, to, true);
                case Q5_0 -> q5(in, at, out, to, false);
                case Q5_1 -> q5(in, at, out, to, true);
                case Q8_0 -> q8(in, at, out, to);
                case Q4_K -> q4k(in, at, out, to);
                case Q5_K -> q5k(in, at, out, to);
                case Q6_K -> q6k(in, at, out, to);
                default -> throw new IllegalArgumentException(type.toString());
            }
        }
        return out;
    }

    private static float half(ByteBuffer in, int at) {
        return Float.float16ToFloat(in.getShort(at));
    }

    private static int u8(ByteBuffer in, int at) {
        return Byte.toUnsignedInt(in.get(at));
    }

    private static void q4(ByteBuffer in, int at, float[] out, int to, boolean minimum) {
        float d = half(in, at);
        float m = minimum ? half(in, at + 2) : 0;
        int codes = at + (minimum ? 4 : 2);
        for (int j = 0; j < 16; j++) {
            int low = u8(in, codes + j) & 0x0f;
            int high = u8(in, codes + j) >> 4;
            out[to + j] = minimum ? low * d + m : (low - 8) * d;
            out[to + j + 16] = minimum ? high * d + m : (high - 8) * d;
        }
    }

    private static void q5(ByteBuffer in, int at, float[] out, int to, boolean minimum) {
        float d = half(in, at);
        float m = minimum ? half(in, at + 2) : 0;
        int fifth = at + (minimum ? 4 : 2);
        int qh = in.getInt(fifth);
        for (int j = 0; j < 16; j++) {
            int first = qh >>> j << 4 & 0x10;
            int second = qh >>> j + 12 & 0x10;
            int low = u8(in, fifth + 4 + j) & 0x0f | first;
            int high = u8(in, fifth + 4 + j) >> 4 | second;
            out[to + j] = minimum ? low * d + m : (low - 16) * d;
            out[to + j + 16] = minimum ? high * d + m : (high - 16) * d;
        }
    }

    private static void q8(ByteBuffer in, int at, float[] out, int to) {
        for (int j = 0; j < 32; j++) {
            out[to + j] = in.get(at + 2 + j) * half(in, at);
        }
    }

    /** Scale and minimum of sub-block j, from 12 bytes. */
    private static int[] scaleAndMinimum(ByteBuffer in, int q, int j) {
        if (j < 4) {
            return new int[] {u8(in, q + j) & 63, u8(in, q + j + 4) & 63};
        }
        return new int[] {
            u8(in, q + j + 4) & 0x0f | u8(in, q + j - 4) >> 6 << 4,
            u8(in, q + j + 4) >> 4 | u8(in, q + j) >> 6 << 4
        };
    }

    private static void q4k(ByteBuffer in, int at, float[] out, int to) {
        float d = half(in, at);
        float min = half(in, at + 2);
        int q = at + 16;
        for (int sub = 0; sub < 8; sub += 2) {
            int[] first = scaleAndMinimum(in, at + 4, sub);
            int[] second = scaleAndMinimum(in, at + 4, sub + 1);
            for (int l = 0; l < 32; l++) {
                out[to++] = d * first[0] * (u8(in, q + l) & 0x0f) - min * first[1];
            }
            for (int l = 0; l < 32; l++) {
                out[to++] = d * second[0] * (u8(in, q + l) >> 4) - min * second[1];
            }
            q += 32;
        }
    }

    private static void q5k(ByteBuffer in, int at, float[] out, int to) {
        float d = half(in, at);
        float min = half(in, at + 2);
        int high = at + 16;
        int low = at + 48;
        int mask1 = 1;
        int mask2 = 2;
        for (int sub = 0; sub < 8; sub += 2) {
            int[] first = scaleAndMinimum(in, at + 4, sub);
            int[] second = scaleAndMinimum(in, at + 4, sub + 1);
            for (int l = 0; l < 32; l++) {
                int code = (u8(in, low + l) & 0x0f) + ((u8(in, high + l) & mask1) != 0 ? 16 : 0);
                out[to++] = d * first[0] * code - min * first[1];
            }
            for (int l = 0; l < 32; l++) {
                int code = (u8(in, low + l) >> 4) + ((u8(in, high + l) & mask2) != 0 ? 16 : 0);
                out[to++] = d * second[0] * code - min * second[1];
            }
            low += 32;
            mask1 <<= 2;
            mask2 <<= 2;
        }
    }

    private static void q6k(ByteBuffer in, int at, float[] out, int to) {
        float d = half(in, at + 208);
        int ql = at;
        int qh = at + 128;
        int sc = at + 192;
        for (int n = 0; n < 2; n++) {
            for (int l = 0; l < 32; l++) {
                int is = l / 16;
                int high = u8(in, qh + l);
                int q1 = (u8(in, ql + l) & 0x0f | (high & 3) << 4) - 32;
                int q2 = (u8(in, ql + l + 32) & 0x0f | (high >> 2 & 3) << 4) - 32;
                int q3 = (u8(in, ql + l) >> 4 | (high >> 4 & 3) << 4) - 32;
                int q4 = (u8(in, ql + l + 32) >> 4 | (high >> 6 & 3) << 4) - 32;
                out[to + l] = d * in.get(sc + is) * q1;
                out[to + l + 32] = d * in.get(sc + is + 2) * q2;
                out[to + l + 64] = d * in.get(sc + is + 4) * q3;
                out[to + l + 96] = d * in.get(sc + is + 6) * q4;
            }
            to += 128;
            ql += 64;
            qh += 32;
            sc += 8;
        }
    }
}
