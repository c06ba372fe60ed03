/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

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
        Runnable gatun = workload.operation().gatun(workload::tensor);
        return new Run() {
            @Override
            public void call() {
                gatun.run();
            }

            @Override
            public float[] output(String name) {
                return workload.array(name);
            }

            @Override
            public void close() {}
        };
    }
}
