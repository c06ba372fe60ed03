/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.DType;
import io.gatun.Device;
import io.gatun.Tensor;

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
        Device device = workload.device();
        int rows = workload.rows();
        int columns = workload.columns();
        float[] result = new float[rows * workload.yStride()];
        Tensor x = device.tensor(workload.xArray(), rows, workload.xStride()).slice(1, 0, columns);
        Tensor y = device.tensor(result, rows, workload.yStride()).slice(1, 0, columns);
        Tensor gamma = device.tensor(workload.gammaArray(), columns);
        Tensor beta = device.tensor(workload.betaArray(), columns);
        return new GatunOffHeap.GatunRun(workload, x, gamma, beta, y) {
            @Override
            public float[] output() {
                return result.clone();
            }
        };
    }
}
