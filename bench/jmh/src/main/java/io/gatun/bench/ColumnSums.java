/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import java.util.Arrays;

/** Sums over rows that several threads share: each adds its own. */
final class ColumnSums {
    private final float[] total;
    private final ThreadLocal<float[]> own;

    /**
     * @param total receives the sums
     */
    ColumnSums(float[] total) {
        this.total = total;
        own = ThreadLocal.withInitial(() -> new float[total.length]);
    }

    void begin() {
        Arrays.fill(total, 0);
    }

    /** Zeros for the sums of this thread. */
    float[] ofThread() {
        float[] sums = own.get();
        Arrays.fill(sums, 0);
        return sums;
    }

    synchronized void add(float[] sums) {
        for (int i = 0; i < total.length; i++) {
            total[i] += sums[i];
        }
    }
}
