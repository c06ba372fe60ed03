/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import java.util.Arrays;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Products of 4-bit weights in groups of 32 with int8 activations as one would write them with the
 * Vector API: for each output one group after the other, 32 codes from 16 bytes, products in 16
 * bits. Rows are shared among the threads.
 */
final class LowBitVectors implements RowLoops {
    private static final int GROUP = 32;
    private static final int ZERO = 8;
    private static final VectorSpecies<Byte> BYTES = ByteVector.SPECIES_128;
    private static final VectorSpecies<Short> SHORTS = ShortVector.SPECIES_256;
    private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_256;

    private final float[] x;
    private final float[] y;
    private final int columns;
    private final int xStride;
    private final int yStride;
    private final int groups;

    /* 16 bytes of each group: the first half low, the second half high. */
    private final byte[] codes;
    private final float[] scales;

    LowBitVectors(HeapOperands arrays, LowBitWeightsOfBench weights) {
        x = arrays.array("x");
        y = arrays.array("y");
        columns = arrays.columns();
        xStride = arrays.stride("x");
        yStride = arrays.stride("y");
        groups = (columns + GROUP - 1) / GROUP;
        codes = new byte[columns * groups * GROUP / 2];
        scales = new float[columns * groups];
        float[] w = weights.dequantized(columns);
        for (int n = 0; n < columns; n++) {
            for (int group = 0; group < groups; group++) {
                pack(w, n, group);
            }
        }
    }

    /** Codes again from what they stand for: multiples of a scale, -8 times being the greatest. */
    private void pack(float[] w, int n, int group) {
        int begin = n * columns + group * GROUP;
        int end = Math.min(begin + GROUP, (n + 1) * columns);
        float largest = 0;
        for (int i = begin; i < end; i++) {
            largest = Math.abs(w[i]) > Math.abs(largest) ? w[i] : largest;
        }
        float scale = largest / -ZERO;
        scales[n * groups + group] = scale;
        for (int i = begin; i < begin + GROUP; i++) {
            int code = i < end && scale != 0 ? Math.round(w[i] / scale) + ZERO : ZERO;
            int place = (n * groups + group) * GROUP / 2 + (i - begin) % (GROUP / 2);
            codes[place] |= (byte) (i - begin < GROUP / 2 ? code : code << 4);
        }
    }

    @Override
    public void compute(int from, int to) {
        byte[] q = new byte[groups * GROUP];
        float[] factors = new float[groups];
        for (int row = from; row < to; row++) {
            quantize(row, q, factors);
            multiply(row, q, factors);
        }
    }

    private void quantize(int row, byte[] q, float[] factors) {
        int start = row * xStride;
        Arrays.fill(q, (byte) 0);
        for (int group = 0; group < groups; group++) {
            int end = Math.min((group + 1) * GROUP, columns);
            float magnitude = 0;
            for (int k = group * GROUP; k < end; k++) {
                magnitude = Math.max(magnitude, Math.abs(x[start + k]));
            }
            float inverse = magnitude == 0 ? 0 : 127 / magnitude;
            for (int k = group * GROUP; k < end; k++) {
                q[k] = (byte) Math.rint(x[start + k] * inverse);
            }
            factors[group] = magnitude / 127;
        }
    }

    private void multiply(int row, byte[] q, float[] factors) {
        for (int n = 0; n < columns; n++) {
            FloatVector sum = FloatVector.zero(FloatVector.SPECIES_256);
            for (int group = 0; group < groups; group++) {
                int at = n * groups + group;
                ByteVector packed = ByteVector.fromArray(BYTES, codes, at * GROUP / 2);
                ByteVector low = packed.and((byte) 15).sub((byte) ZERO);
                ByteVector high =
                        packed.lanewise(VectorOperators.LSHR, 4).and((byte) 15).sub((byte) ZERO);
                IntVector products =
                        products(low, q, group * GROUP)
                                .add(products(high, q, group * GROUP + GROUP / 2));
                FloatVector floats = (FloatVector) products.convert(VectorOperators.I2F, 0);
                sum = floats.lanewise(VectorOperators.FMA, scales[at] * factors[group], sum);
            }
            y[row * yStride + n] = sum.reduceLanes(VectorOperators.ADD);
        }
    }

    /** Sums of pairs of products, which fit 16 bits: 8 * 127 each. */
    private static IntVector products(ByteVector weights, byte[] q, int at) {
        ShortVector w = (ShortVector) weights.convertShape(VectorOperators.B2S, SHORTS, 0);
        ShortVector a =
                (ShortVector)
                        ByteVector.fromArray(BYTES, q, at)
                                .convertShape(VectorOperators.B2S, SHORTS, 0);
        ShortVector products = w.mul(a);
        IntVector low = (IntVector) products.convertShape(VectorOperators.S2I, INTS, 0);
        return low.add(products.convertShape(VectorOperators.S2I, INTS, 1));
    }
}
