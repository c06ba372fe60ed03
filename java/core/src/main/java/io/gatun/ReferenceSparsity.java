// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.util.Comparator;
import java.util.stream.IntStream;

/** Activation sparsity by its definition. Keys are float32 products, as thresholds compare them. */
final class ReferenceSparsity implements SparsityKernels {
    static final ReferenceSparsity INSTANCE = new ReferenceSparsity();

    private ReferenceSparsity() {}

    @Override
    public void threshold(Tensor x, Threshold threshold, Tensor values, Tensor y) {
        Tensor scale = threshold.scale();
        Tensor thresholds = threshold.thresholds();
        SparsityChecks.requireOpen(x, scale, thresholds, values, y);
        for (long row = 0; row < x.rows; row++) {
            float[] keys = keys(x, scale, row);
            boolean[] keep = new boolean[keys.length];
            for (int column = 0; column < keep.length; column++) {
                float least =
                        thresholds == null
                                ? threshold.threshold()
                                : (float) ReferenceRows.load(thresholds, column);
                keep[column] =
                        keys[column] > least
                                || keys[column] == least && threshold.keepEqual()
                                || Float.isNaN(keys[column]);
            }
            keep(keep, values, y, row);
        }
    }

    @Override
    public void topK(Tensor x, Tensor scale, long kept, Tensor values, Tensor y) {
        SparsityChecks.requireOpen(x, scale, null, values, y);
        for (long row = 0; row < x.rows; row++) {
            float[] keys = keys(x, scale, row);
            boolean[] keep = new boolean[keys.length];
            IntStream.range(0, keys.length)
                    .boxed()
                    // Sorting keeps the order of equals.
                    .sorted(Comparator.comparing(column -> -order(keys[column])))
                    .limit(kept)
                    .forEach(column -> keep[column] = true);
            keep(keep, values, y, row);
        }
    }

    /** The order of keys, which are not negative, as whole numbers. */
    private static int order(float key) {
        return Float.isNaN(key) ? Integer.MAX_VALUE : Float.floatToIntBits(Math.abs(key));
    }

    private static float[] keys(Tensor x, Tensor scale, long row) {
        float[] keys = new float[Math.toIntExact(x.columns)];
        for (int column = 0; column < keys.length; column++) {
            float magnitude = (float) Math.abs(ReferenceRows.load(x, row * x.rowStride + column));
            keys[column] =
                    scale == null
                            ? magnitude
                            : magnitude * (float) ReferenceRows.load(scale, column);
        }
        return keys;
    }

    private static void keep(boolean[] keep, Tensor values, Tensor y, long row) {
        for (int column = 0; column < keep.length; column++) {
            long place = row * y.rowStride + column;
            if (keep[column]) {
                long from = row * values.rowStride + column;
                int bytes = y.dtype().bytes();
                Elements.copy(
                        y.dtype(),
                        values.segment(),
                        from * bytes,
                        y.dtype(),
                        y.segment(),
                        place * bytes);
            } else {
                ReferenceRows.store(y, place, 0);
            }
        }
    }
}
