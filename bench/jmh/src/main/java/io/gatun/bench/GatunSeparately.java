/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.DType;

/**
 * What a fused operation of Gatun replaces: its single normalizations off-heap, and vectorized Java
 * loops between them.
 */
final class GatunSeparately implements Contender {
    @Override
    public String name() {
        return "Gatun separately";
    }

    @Override
    public boolean supports(Workload workload) {
        return workload.dtype() == DType.F32 && workload.operation().separately() != null;
    }

    @Override
    public Run prepare(Workload workload) {
        RowPool pool = new RowPool(workload.threads());
        Runnable calls = workload.operation().separately().apply(workload, pool);
        return new Run() {
            @Override
            public void call() {
                calls.run();
            }

            @Override
            public float[] output(String name) {
                return workload.array(name);
            }

            @Override
            public void close() {
                pool.close();
            }
        };
    }
}
