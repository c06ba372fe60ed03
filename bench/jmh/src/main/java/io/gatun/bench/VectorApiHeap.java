/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.DType;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * jdk.incubator.vector on float arrays, as a skilled user writes it: the preferred species, four
 * accumulators, fused multiply-add, and each pass a method of its own, since a row in one method
 * exceeds what the JIT inlines.
 */
final class VectorApiHeap implements Contender {
    private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
    private static final int LANES = SPECIES.length();

    @Override
    public String name() {
        return "Vector API float[]";
    }

    @Override
    public boolean supports(Workload workload) {
        return workload.dtype() == DType.F32;
    }

    @Override
    public Run prepare(Workload workload) {
        return new VectorRun(workload);
    }

    private static float get(float[] a, int from, int i) {
        return a[from + i];
    }

    private static void set(float[] a, int from, int i, float value) {
        a[from + i] = value;
    }

    private static float sum(float[] x, int from, int columns) {
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

    private static float sumOfSquares(float[] x, int from, int columns, float mean) {
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

    private static float sumOfSquares(float[] x, int from, int columns) {
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

    private static void normalize(
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

    private static void scale(
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

    private static final class VectorRun implements Run {
        private final RowPool pool;
        private final int rows;
        private final int columns;
        private final int xStride;
        private final int yStride;
        private final float[] x;
        private final float[] y;
        private final float[] gamma;
        private final float[] beta;
        private final RowPool.Rows body;

        VectorRun(Workload workload) {
            pool = new RowPool(workload.threads());
            rows = workload.rows();
            columns = workload.columns();
            xStride = workload.xStride();
            yStride = workload.yStride();
            x = workload.xArray();
            y = new float[rows * yStride];
            gamma = workload.gammaArray();
            beta = workload.betaArray();
            body = workload.isLayerNorm() ? this::layerNormRows : this::rmsNormRows;
        }

        private void layerNormRows(int from, int to) {
            for (int row = from; row < to; row++) {
                int at = row * xStride;
                float mean = sum(x, at, columns) / columns;
                float r =
                        (float)
                                (1
                                        / Math.sqrt(
                                                sumOfSquares(x, at, columns, mean) / columns
                                                        + Workload.EPS));
                normalize(x, at, columns, mean, r, gamma, beta, y, row * yStride);
            }
        }

        private void rmsNormRows(int from, int to) {
            for (int row = from; row < to; row++) {
                int at = row * xStride;
                float r =
                        (float)
                                (1
                                        / Math.sqrt(
                                                sumOfSquares(x, at, columns) / columns
                                                        + Workload.EPS));
                scale(x, at, columns, r, gamma, y, row * yStride);
            }
        }

        @Override
        public void call() {
            pool.run(rows, body);
        }

        @Override
        public float[] output() {
            return y.clone();
        }

        @Override
        public void close() {
            pool.close();
        }
    }
}
