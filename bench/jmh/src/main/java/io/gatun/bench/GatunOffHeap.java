/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.Normalization;
import io.gatun.Tensor;

/** Gatun on memory of its device. */
final class GatunOffHeap implements Contender {
    @Override
    public String name() {
        return Contenders.GATUN;
    }

    @Override
    public boolean supports(Workload workload) {
        return true;
    }

    @Override
    public Run prepare(Workload workload) {
        return new GatunRun(
                workload, workload.x(), workload.gamma(), workload.beta(), workload.y()) {
            @Override
            public float[] output() {
                return workload.yArray();
            }
        };
    }

    /** Calls Gatun on tensors of any kind. */
    abstract static class GatunRun implements Run {
        private final boolean isLayerNorm;
        private final Tensor x;
        private final Tensor gamma;
        private final Tensor beta;
        private final Tensor y;

        GatunRun(Workload workload, Tensor x, Tensor gamma, Tensor beta, Tensor y) {
            isLayerNorm = workload.isLayerNorm();
            this.x = x;
            this.gamma = gamma;
            this.beta = beta;
            this.y = y;
        }

        @Override
        public void call() {
            if (isLayerNorm) {
                Normalization.layerNorm(x, gamma, beta, Workload.EPS, y);
            } else {
                Normalization.rmsNorm(x, gamma, Workload.EPS, y);
            }
        }

        @Override
        public void close() {}
    }
}
