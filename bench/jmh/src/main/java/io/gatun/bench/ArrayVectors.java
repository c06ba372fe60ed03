/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** The passes of {@link SegmentVectors} over float arrays. */
final class ArrayVectors {
    static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
    static final int LANES = SPECIES.length();

    private ArrayVectors() {}

    static float get(float[] a, int from, int i) {
        return a[from + i];
    }

    static void set(float[] a, int from, int i, float value) {
        a[from + i] = value;
    }

    static float sum(float[] x, int from, int columns) {
        FloatVector a = FloatVector.zero(SPECIES);
        FloatVector b = a;
        FloatVector c = a;
        FloatVector d = a;
        int i = 0;
        for (; i <= columns - 4 * LANES; i += 4 * LANES) {
            a = a.add(FloatVector.fromArray(SPECIES, x, from + i));
            b = b.add(FloatVector.fromArray(SPECIES, x, from + i + LANES));
            c = c.add(FloatVector.fromArray(SPECIES, x, from + i + 2 * LANES));
            d = d.add(FloatVector.fromArray(SPECIES, x, from + i + 3 * LANES));
        }
        for (; i <= columns - LANES; i += LANES) {
            a = a.add(FloatVector.fromArray(SPECIES, x, from + i));
        }
        float sum = a.add(b).add(c.add(d)).reduceLanes(VectorOperators.ADD);
        for (; i < columns; i++) {
            sum += get(x, from, i);
        }
        return sum;
    }

    static float sumOfSquares(float[] x, int from, int columns, float mean) {
        FloatVector a = FloatVector.zero(SPECIES);
        FloatVector b = a;
        FloatVector c = a;
        FloatVector d = a;
        FloatVector m = FloatVector.broadcast(SPECIES, mean);
        int i = 0;
        for (; i <= columns - 4 * LANES; i += 4 * LANES) {
            FloatVector p = FloatVector.fromArray(SPECIES, x, from + i).sub(m);
            FloatVector q = FloatVector.fromArray(SPECIES, x, from + i + LANES).sub(m);
            FloatVector r = FloatVector.fromArray(SPECIES, x, from + i + 2 * LANES).sub(m);
            FloatVector s = FloatVector.fromArray(SPECIES, x, from + i + 3 * LANES).sub(m);
            a = p.fma(p, a);
            b = q.fma(q, b);
            c = r.fma(r, c);
            d = s.fma(s, d);
        }
        for (; i <= columns - LANES; i += LANES) {
            FloatVector p = FloatVector.fromArray(SPECIES, x, from + i).sub(m);
            a = p.fma(p, a);
        }
        float sum = a.add(b).add(c.add(d)).reduceLanes(VectorOperators.ADD);
        for (; i < columns; i++) {
            float t = get(x, from, i) - mean;
            sum += t * t;
        }
        return sum;
    }

    static float sumOfSquares(float[] x, int from, int columns) {
        FloatVector a = FloatVector.zero(SPECIES);
        FloatVector b = a;
        FloatVector c = a;
        FloatVector d = a;
        int i = 0;
        for (; i <= columns - 4 * LANES; i += 4 * LANES) {
            FloatVector p = FloatVector.fromArray(SPECIES, x, from + i);
            FloatVector q = FloatVector.fromArray(SPECIES, x, from + i + LANES);
            FloatVector r = FloatVector.fromArray(SPECIES, x, from + i + 2 * LANES);
            FloatVector s = FloatVector.fromArray(SPECIES, x, from + i + 3 * LANES);
            a = p.fma(p, a);
            b = q.fma(q, b);
            c = r.fma(r, c);
            d = s.fma(s, d);
        }
        for (; i <= columns - LANES; i += LANES) {
            FloatVector p = FloatVector.fromArray(SPECIES, x, from + i);
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
            float[] x,
            int xFrom,
            int columns,
            float mean,
            float r,
            float[] gamma,
            float[] beta,
            float[] y,
            int yFrom) {
        FloatVector m = FloatVector.broadcast(SPECIES, mean);
        FloatVector s = FloatVector.broadcast(SPECIES, r);
        int i = 0;
        for (; i <= columns - LANES; i += LANES) {
            FloatVector normalized = FloatVector.fromArray(SPECIES, x, xFrom + i).sub(m).mul(s);
            normalized
                    .fma(
                            FloatVector.fromArray(SPECIES, gamma, i),
                            FloatVector.fromArray(SPECIES, beta, i))
                    .intoArray(y, yFrom + i);
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
            float[] x, int xFrom, int columns, float r, float[] gamma, float[] y, int yFrom) {
        FloatVector s = FloatVector.broadcast(SPECIES, r);
        int i = 0;
        for (; i <= columns - LANES; i += LANES) {
            FloatVector.fromArray(SPECIES, x, xFrom + i)
                    .mul(s)
                    .mul(FloatVector.fromArray(SPECIES, gamma, i))
                    .intoArray(y, yFrom + i);
        }
        for (; i < columns; i++) {
            set(y, yFrom, i, get(x, xFrom, i) * r * get(gamma, 0, i));
        }
    }

    /** The sums of g = dy * gamma and of g * xh. */
    static void backwardSums(
            float[] dy,
            int dyFrom,
            float[] x,
            int xFrom,
            int columns,
            float[] gamma,
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
                    FloatVector.fromArray(SPECIES, dy, dyFrom + i)
                            .mul(FloatVector.fromArray(SPECIES, gamma, i));
            FloatVector h =
                    FloatVector.fromArray(SPECIES, dy, dyFrom + i + LANES)
                            .mul(FloatVector.fromArray(SPECIES, gamma, i + LANES));
            a = a.add(g);
            b = b.add(h);
            c = g.fma(FloatVector.fromArray(SPECIES, x, xFrom + i).sub(m), c);
            d = h.fma(FloatVector.fromArray(SPECIES, x, xFrom + i + LANES).sub(m), d);
        }
        for (; i <= columns - LANES; i += LANES) {
            FloatVector g =
                    FloatVector.fromArray(SPECIES, dy, dyFrom + i)
                            .mul(FloatVector.fromArray(SPECIES, gamma, i));
            a = a.add(g);
            c = g.fma(FloatVector.fromArray(SPECIES, x, xFrom + i).sub(m), c);
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
            float[] dy,
            int dyFrom,
            float[] x,
            int xFrom,
            int columns,
            float[] gamma,
            float mean,
            float r,
            float[] means,
            float[] dx,
            int dxFrom,
            float[] dgamma,
            float[] dbeta) {
        FloatVector m = FloatVector.broadcast(SPECIES, mean);
        FloatVector s = FloatVector.broadcast(SPECIES, r);
        FloatVector first = FloatVector.broadcast(SPECIES, means[0]);
        FloatVector second = FloatVector.broadcast(SPECIES, -means[1]);
        int i = 0;
        for (; i <= columns - LANES; i += LANES) {
            FloatVector upstream = FloatVector.fromArray(SPECIES, dy, dyFrom + i);
            FloatVector normalized = FloatVector.fromArray(SPECIES, x, xFrom + i).sub(m).mul(s);
            FloatVector g = upstream.mul(FloatVector.fromArray(SPECIES, gamma, i));
            normalized.fma(second, g.sub(first)).mul(s).intoArray(dx, dxFrom + i);
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

    private static void addTo(float[] sums, float[] dy, int dyFrom, int columns) {
        int i = 0;
        for (; i <= columns - LANES; i += LANES) {
            FloatVector.fromArray(SPECIES, sums, i)
                    .add(FloatVector.fromArray(SPECIES, dy, dyFrom + i))
                    .intoArray(sums, i);
        }
        for (; i < columns; i++) {
            sums[i] += get(dy, dyFrom, i);
        }
    }

    /** The sum of two rows. */
    static void add(float[] x, int xFrom, float[] z, int zFrom, int columns, float[] h, int hFrom) {
        int i = 0;
        for (; i <= columns - LANES; i += LANES) {
            FloatVector.fromArray(SPECIES, x, xFrom + i)
                    .add(FloatVector.fromArray(SPECIES, z, zFrom + i))
                    .intoArray(h, hFrom + i);
        }
        for (; i < columns; i++) {
            set(h, hFrom, i, get(x, xFrom, i) + get(z, zFrom, i));
        }
    }
}
