/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * The passes over a row in memory segments with jdk.incubator.vector, as a skilled user writes
 * them: the preferred species, four accumulators, fused multiply-add, and each pass a method of its
 * own, since a row in one method exceeds what the JIT inlines.
 */
final class SegmentVectors {
    static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
    static final int LANES = SPECIES.length();
    static final ByteOrder ORDER = ByteOrder.nativeOrder();

    private SegmentVectors() {}

    static float get(MemorySegment a, long from, int i) {
        return a.get(ValueLayout.JAVA_FLOAT, from + 4L * i);
    }

    static void set(MemorySegment a, long from, int i, float value) {
        a.set(ValueLayout.JAVA_FLOAT, from + 4L * i, value);
    }

    static float sum(MemorySegment x, long from, int columns) {
        FloatVector a = FloatVector.zero(SPECIES);
        FloatVector b = a;
        FloatVector c = a;
        FloatVector d = a;
        int i = 0;
        for (; i <= columns - 4 * LANES; i += 4 * LANES) {
            a = a.add(FloatVector.fromMemorySegment(SPECIES, x, from + 4L * i, ORDER));
            b = b.add(FloatVector.fromMemorySegment(SPECIES, x, from + 4L * (i + LANES), ORDER));
            c =
                    c.add(
                            FloatVector.fromMemorySegment(
                                    SPECIES, x, from + 4L * (i + 2 * LANES), ORDER));
            d =
                    d.add(
                            FloatVector.fromMemorySegment(
                                    SPECIES, x, from + 4L * (i + 3 * LANES), ORDER));
        }
        for (; i <= columns - LANES; i += LANES) {
            a = a.add(FloatVector.fromMemorySegment(SPECIES, x, from + 4L * i, ORDER));
        }
        float sum = a.add(b).add(c.add(d)).reduceLanes(VectorOperators.ADD);
        for (; i < columns; i++) {
            sum += get(x, from, i);
        }
        return sum;
    }

    static float sumOfSquares(MemorySegment x, long from, int columns, float mean) {
        FloatVector a = FloatVector.zero(SPECIES);
        FloatVector b = a;
        FloatVector c = a;
        FloatVector d = a;
        FloatVector m = FloatVector.broadcast(SPECIES, mean);
        int i = 0;
        for (; i <= columns - 4 * LANES; i += 4 * LANES) {
            FloatVector p = FloatVector.fromMemorySegment(SPECIES, x, from + 4L * i, ORDER).sub(m);
            FloatVector q =
                    FloatVector.fromMemorySegment(SPECIES, x, from + 4L * (i + LANES), ORDER)
                            .sub(m);
            FloatVector r =
                    FloatVector.fromMemorySegment(SPECIES, x, from + 4L * (i + 2 * LANES), ORDER)
                            .sub(m);
            FloatVector s =
                    FloatVector.fromMemorySegment(SPECIES, x, from + 4L * (i + 3 * LANES), ORDER)
                            .sub(m);
            a = p.fma(p, a);
            b = q.fma(q, b);
            c = r.fma(r, c);
            d = s.fma(s, d);
        }
        for (; i <= columns - LANES; i += LANES) {
            FloatVector p = FloatVector.fromMemorySegment(SPECIES, x, from + 4L * i, ORDER).sub(m);
            a = p.fma(p, a);
        }
        float sum = a.add(b).add(c.add(d)).reduceLanes(VectorOperators.ADD);
        for (; i < columns; i++) {
            float t = get(x, from, i) - mean;
            sum += t * t;
        }
        return sum;
    }

    static float sumOfSquares(MemorySegment x, long from, int columns) {
        FloatVector a = FloatVector.zero(SPECIES);
        FloatVector b = a;
        FloatVector c = a;
        FloatVector d = a;
        int i = 0;
        for (; i <= columns - 4 * LANES; i += 4 * LANES) {
            FloatVector p = FloatVector.fromMemorySegment(SPECIES, x, from + 4L * i, ORDER);
            FloatVector q =
                    FloatVector.fromMemorySegment(SPECIES, x, from + 4L * (i + LANES), ORDER);
            FloatVector r =
                    FloatVector.fromMemorySegment(SPECIES, x, from + 4L * (i + 2 * LANES), ORDER);
            FloatVector s =
                    FloatVector.fromMemorySegment(SPECIES, x, from + 4L * (i + 3 * LANES), ORDER);
            a = p.fma(p, a);
            b = q.fma(q, b);
            c = r.fma(r, c);
            d = s.fma(s, d);
        }
        for (; i <= columns - LANES; i += LANES) {
            FloatVector p = FloatVector.fromMemorySegment(SPECIES, x, from + 4L * i, ORDER);
            a = p.fma(p, a);
        }
        float sum = a.add(b).add(c.add(d)).reduceLanes(VectorOperators.ADD);
        for (; i < columns; i++) {
            float t = get(x, from, i);
            sum += t * t;
        }
        return sum;
    }

    static void normalize(
            MemorySegment x,
            long xFrom,
            int columns,
            float mean,
            float r,
            MemorySegment gamma,
            MemorySegment beta,
            MemorySegment y,
            long yFrom) {
        FloatVector m = FloatVector.broadcast(SPECIES, mean);
        FloatVector s = FloatVector.broadcast(SPECIES, r);
        int i = 0;
        for (; i <= columns - LANES; i += LANES) {
            FloatVector normalized =
                    FloatVector.fromMemorySegment(SPECIES, x, xFrom + 4L * i, ORDER).sub(m).mul(s);
            normalized
                    .fma(
                            FloatVector.fromMemorySegment(SPECIES, gamma, 4L * i, ORDER),
                            FloatVector.fromMemorySegment(SPECIES, beta, 4L * i, ORDER))
                    .intoMemorySegment(y, yFrom + 4L * i, ORDER);
        }
        for (; i < columns; i++) {
            set(
                    y,
                    yFrom,
                    i,
                    Math.fma((get(x, xFrom, i) - mean) * r, get(gamma, 0, i), get(beta, 0, i)));
        }
    }

    static void scale(
            MemorySegment x,
            long xFrom,
            int columns,
            float r,
            MemorySegment gamma,
            MemorySegment y,
            long yFrom) {
        FloatVector s = FloatVector.broadcast(SPECIES, r);
        int i = 0;
        for (; i <= columns - LANES; i += LANES) {
            FloatVector.fromMemorySegment(SPECIES, x, xFrom + 4L * i, ORDER)
                    .mul(s)
                    .mul(FloatVector.fromMemorySegment(SPECIES, gamma, 4L * i, ORDER))
                    .intoMemorySegment(y, yFrom + 4L * i, ORDER);
        }
        for (; i < columns; i++) {
            set(y, yFrom, i, get(x, xFrom, i) * r * get(gamma, 0, i));
        }
    }

    /** The sums of g = dy * gamma and of g * xh. */
    static void backwardSums(
            MemorySegment dy,
            long dyFrom,
            MemorySegment x,
            long xFrom,
            int columns,
            MemorySegment gamma,
            float mean,
            float r,
            float[] sums) {
        FloatVector a = FloatVector.zero(SPECIES);
        FloatVector b = a;
        FloatVector c = a;
        FloatVector d = a;
        FloatVector m = FloatVector.broadcast(SPECIES, mean);
        int i = 0;
        for (; i <= columns - 2 * LANES; i += 2 * LANES) {
            FloatVector g =
                    FloatVector.fromMemorySegment(SPECIES, dy, dyFrom + 4L * i, ORDER)
                            .mul(FloatVector.fromMemorySegment(SPECIES, gamma, 4L * i, ORDER));
            FloatVector h =
                    FloatVector.fromMemorySegment(SPECIES, dy, dyFrom + 4L * (i + LANES), ORDER)
                            .mul(
                                    FloatVector.fromMemorySegment(
                                            SPECIES, gamma, 4L * (i + LANES), ORDER));
            a = a.add(g);
            b = b.add(h);
            c = g.fma(FloatVector.fromMemorySegment(SPECIES, x, xFrom + 4L * i, ORDER).sub(m), c);
            d =
                    h.fma(
                            FloatVector.fromMemorySegment(
                                            SPECIES, x, xFrom + 4L * (i + LANES), ORDER)
                                    .sub(m),
                            d);
        }
        for (; i <= columns - LANES; i += LANES) {
            FloatVector g =
                    FloatVector.fromMemorySegment(SPECIES, dy, dyFrom + 4L * i, ORDER)
                            .mul(FloatVector.fromMemorySegment(SPECIES, gamma, 4L * i, ORDER));
            a = a.add(g);
            c = g.fma(FloatVector.fromMemorySegment(SPECIES, x, xFrom + 4L * i, ORDER).sub(m), c);
        }
        float sum = a.add(b).reduceLanes(VectorOperators.ADD);
        float product = c.add(d).reduceLanes(VectorOperators.ADD);
        for (; i < columns; i++) {
            float g = get(dy, dyFrom, i) * get(gamma, 0, i);
            sum += g;
            product += g * (get(x, xFrom, i) - mean);
        }
        sums[0] = sum;
        sums[1] = product * r;
    }

    /** The gradients of a row from the means of g and of g * xh; dbeta may be null. */
    static void backward(
            MemorySegment dy,
            long dyFrom,
            MemorySegment x,
            long xFrom,
            int columns,
            MemorySegment gamma,
            float mean,
            float r,
            float[] means,
            MemorySegment dx,
            long dxFrom,
            float[] dgamma,
            float[] dbeta) {
        FloatVector m = FloatVector.broadcast(SPECIES, mean);
        FloatVector s = FloatVector.broadcast(SPECIES, r);
        FloatVector first = FloatVector.broadcast(SPECIES, means[0]);
        FloatVector second = FloatVector.broadcast(SPECIES, -means[1]);
        int i = 0;
        for (; i <= columns - LANES; i += LANES) {
            FloatVector upstream =
                    FloatVector.fromMemorySegment(SPECIES, dy, dyFrom + 4L * i, ORDER);
            FloatVector normalized =
                    FloatVector.fromMemorySegment(SPECIES, x, xFrom + 4L * i, ORDER).sub(m).mul(s);
            FloatVector g =
                    upstream.mul(FloatVector.fromMemorySegment(SPECIES, gamma, 4L * i, ORDER));
            normalized
                    .fma(second, g.sub(first))
                    .mul(s)
                    .intoMemorySegment(dx, dxFrom + 4L * i, ORDER);
            upstream.fma(normalized, FloatVector.fromArray(SPECIES, dgamma, i))
                    .intoArray(dgamma, i);
        }
        for (; i < columns; i++) {
            float upstream = get(dy, dyFrom, i);
            float normalized = (get(x, xFrom, i) - mean) * r;
            float g = upstream * get(gamma, 0, i);
            set(dx, dxFrom, i, r * (g - means[0] - normalized * means[1]));
            dgamma[i] += upstream * normalized;
        }
        if (dbeta != null) {
            addTo(dbeta, dy, dyFrom, columns);
        }
    }

    private static void addTo(float[] sums, MemorySegment dy, long dyFrom, int columns) {
        int i = 0;
        for (; i <= columns - LANES; i += LANES) {
            FloatVector.fromArray(SPECIES, sums, i)
                    .add(FloatVector.fromMemorySegment(SPECIES, dy, dyFrom + 4L * i, ORDER))
                    .intoArray(sums, i);
        }
        for (; i < columns; i++) {
            sums[i] += get(dy, dyFrom, i);
        }
    }

    /** The sum of two rows. */
    static void add(
            MemorySegment x,
            long xFrom,
            MemorySegment z,
            long zFrom,
            int columns,
            MemorySegment h,
            long hFrom) {
        int i = 0;
        for (; i <= columns - LANES; i += LANES) {
            FloatVector.fromMemorySegment(SPECIES, x, xFrom + 4L * i, ORDER)
                    .add(FloatVector.fromMemorySegment(SPECIES, z, zFrom + 4L * i, ORDER))
                    .intoMemorySegment(h, hFrom + 4L * i, ORDER);
        }
        for (; i < columns; i++) {
            set(h, hFrom, i, get(x, xFrom, i) + get(z, zFrom, i));
        }
    }
}
