/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.DType;

/** Gatun on float arrays, without a copy. Such calls run on the calling thread only. */
final class GatunHeap implements Contender {
    @Override
    public String name() {
        return "Gatun float[]";
    }

    @Override
    public boolean supports(Workload workload) {
        return workload.dtype() == DType.F32;
    }

    @Override
    public Run prepare(Workload workload) {
        HeapOperands arrays = new HeapOperands(workload);
        Runnable gatun =
                workload.operation().gatun(name -> workload.tensor(name, arrays.array(name)));
        return new Run() {
            @Override
            public void call() {
                gatun.run();
            }

            @Override
            public float[] output(String name) {
                return arrays.array(name).clone();
            }

            @Override
            public void close() {}
        };
    }
}
