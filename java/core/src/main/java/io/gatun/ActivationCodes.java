// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/** One row of activations as signed 8-bit codes. */
final class ActivationCodes {
    /* Below, 127 divided by it is not finite. */
    private static final float LEAST_MAGNITUDE = 0x1p-118f;
    private static final int MOST = 127;

    final byte[] codes;
    /* Of each group. */
    final float[] scales;
    final int groupSize;

    private ActivationCodes(byte[] codes, float[] scales, int groupSize) {
        this.codes = codes;
        this.scales = scales;
        this.groupSize = groupSize;
    }

    /** Dynamic: a scale for each group, from its greatest magnitude. */
    static ActivationCodes of(float[] x, int groupSize) {
        byte[] codes = new byte[x.length];
        float[] scales = new float[(int) ((x.length + (long) groupSize - 1) / groupSize)];
        for (int group = 0; group < scales.length; group++) {
            int begin = group * groupSize;
            int end = Math.min(begin + groupSize, x.length);
            scales[group] = quantize(x, begin, end, codes);
        }
        return new ActivationCodes(codes, scales, groupSize);
    }

    private static float quantize(float[] x, int begin, int end, byte[] codes) {
        float magnitude = 0;
        for (int i = begin; i < end; i++) {
            if (!Float.isFinite(x[i])) {
                return Float.NaN;
            }
            magnitude = Math.max(magnitude, Math.abs(x[i]));
        }
        float inverse = magnitude >= LEAST_MAGNITUDE ? MOST / magnitude : 0;
        for (int i = begin; i < end; i++) {
            codes[i] = clamped(x[i] * inverse, MOST);
        }
        return magnitude / MOST;
    }

    /** Static: a scale and a centre for each input, measured before. */
    static ActivationCodes of(float[] x, float[] scales, float[] centres, int limit) {
        byte[] codes = new byte[x.length];
        for (int i = 0; i < x.length; i++) {
            float centred = centres == null ? x[i] : x[i] - centres[i];
            codes[i] = clamped(centred / scales[i], limit);
        }
        return new ActivationCodes(codes, new float[0], Math.max(x.length, 1));
    }

    /** Half to even; 0 for NaN. */
    private static byte clamped(float value, int limit) {
        return (byte) Math.clamp(Double.isNaN(value) ? 0 : Math.rint(value), -limit, limit);
    }

    /** The sum of the codes from one position to before another. */
    int sum(int begin, int end) {
        int sum = 0;
        for (int i = begin; i < end; i++) {
            sum += codes[i];
        }
        return sum;
    }
}
