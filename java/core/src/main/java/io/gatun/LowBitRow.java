// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.util.Arrays;

/**
 * The weights of one output, in the order in which the matrix holds its inputs: an unsigned code of
 * each, and scale and offset of each group.
 */
final class LowBitRow {
    /** Unsigned. */
    final byte[] codes;

    final float[] scales;
    final float[] offsets;

    /** NaN where a group has none that is an integer; its offset says all. */
    final float[] zeroPoints;

    /** Whether products of scales and codes may need more than float32. */
    private boolean wide;

    final int groupSize;

    /** All codes 0, all scales and offsets to be set. */
    LowBitRow(int inputs, int groupSize) {
        int groups = (int) ((inputs + (long) groupSize - 1) / groupSize);
        this.codes = new byte[inputs];
        this.scales = new float[groups];
        this.offsets = new float[groups];
        this.zeroPoints = new float[groups];
        this.groupSize = groupSize;
        Arrays.fill(zeroPoints, Float.NaN);
    }

    int code(int input) {
        return codes[input] & 0xff;
    }

    void setCode(int input, int code) {
        codes[input] = (byte) code;
    }

    /** A group whose weights are {@code (u - z) * s}. */
    void setZeroPoint(int group, float scale, int zeroPoint) {
        scales[group] = scale;
        offsets[group] = -(zeroPoint * scale);
        zeroPoints[group] = zeroPoint;
    }

    /** A group whose weights are {@code s * u + c}. */
    void setOffset(int group, float scale, float offset) {
        scales[group] = scale;
        offsets[group] = offset;
    }

    /** As {@link #setOffset}, with a scale of any precision. */
    void setWideOffset(int group, float scale, float offset) {
        setOffset(group, scale, offset);
        wide = true;
    }

    /** One weight in float32. */
    float weight(int input) {
        int group = input / groupSize;
        float zeroPoint = zeroPoints[group];
        if (zeroPoint == zeroPoint) {
            return (code(input) - zeroPoint) * scales[group];
        }
        return wide
                ? (float) ((double) scales[group] * code(input) + offsets[group])
                : scales[group] * code(input) + offsets[group];
    }

    /** The first group whose weights with so many bits are not all finite; -1 if there is none. */
    int firstNotFinite(int bits) {
        for (int group = 0; group < scales.length; group++) {
            if (!Float.isFinite(scales[group] * (1 << bits)) || !Float.isFinite(offsets[group])) {
                return group;
            }
        }
        return -1;
    }
}
