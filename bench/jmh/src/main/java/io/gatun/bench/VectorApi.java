/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * jdk.incubator.vector on off-heap memory segments, as a skilled user writes it: the preferred
 * species, four accumulators, fused multiply-add, and each pass a method of its own, since a row in
 * one method exceeds what the JIT inlines.
 */
final class VectorApi implements Contender {
    private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
    private static final int LANES = SPECIES.length();
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    @Override
    public String name() {
        return "Vector API";
    }

    @Override
    public boolean supports(Workload workload) {
        return workload.dtype() == DType.F32;
    }

    @Override
    public Run prepare(Workload workload) {
        return new VectorRun(workload);
    }

    private static float get(MemorySegment a, long from, int i) {
        return a.get(ValueLayout.JAVA_FLOAT, from + 4L * i);
    }

    private static void set(MemorySegment a, long from, int i, float value) {
        a.set(ValueLayout.JAVA_FLOAT, from + 4L * i, value);
    }

    private static float sum(MemorySegment x, long from, int columns) {
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

    private static float sumOfSquares(MemorySegment x, long from, int columns, float mean) {
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

    private static float sumOfSquares(MemorySegment x, long from, int columns) {
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

    private static void normalize(
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

    private static void scale(
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

    private static final class VectorRun implements Run {
        private final RowPool pool;
        private final int rows;
        private final int columns;
        private final int xStride;
        private final int yStride;
        private final MemorySegment x;
        private final MemorySegment y;
        private final MemorySegment gamma;
        private final MemorySegment beta;
        private final RowPool.Rows body;
        private final Workload workload;

        VectorRun(Workload workload) {
            pool = new RowPool(workload.threads());
            rows = workload.rows();
            columns = workload.columns();
            xStride = workload.xStride();
            yStride = workload.yStride();
            this.workload = workload;
            x = workload.xMemory();
            y = workload.yMemory();
            gamma = workload.gamma().segment();
            beta = workload.beta().segment();
            body = workload.isLayerNorm() ? this::layerNormRows : this::rmsNormRows;
        }

        private void layerNormRows(int from, int to) {
            for (int row = from; row < to; row++) {
                long at = 4L * row * xStride;
                float mean = sum(x, at, columns) / columns;
                float r =
                        (float)
                                (1
                                        / Math.sqrt(
                                                sumOfSquares(x, at, columns, mean) / columns
                                                        + Workload.EPS));
                normalize(x, at, columns, mean, r, gamma, beta, y, 4L * row * yStride);
            }
        }

        private void rmsNormRows(int from, int to) {
            for (int row = from; row < to; row++) {
                long at = 4L * row * xStride;
                float r =
                        (float)
                                (1
                                        / Math.sqrt(
                                                sumOfSquares(x, at, columns) / columns
                                                        + Workload.EPS));
                scale(x, at, columns, r, gamma, y, 4L * row * yStride);
            }
        }

        @Override
        public void call() {
            pool.run(rows, body);
        }

        @Override
        public float[] output() {
            return workload.yArray();
        }

        @Override
        public void close() {
            pool.close();
        }
    }
}
