/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.BitMask;
import io.gatun.DType;
import io.gatun.Device;
import io.gatun.Tensor;
import java.lang.foreign.Arena;

/** Off-heap operands beside those of a workload, which the garbage collector frees. */
final class Constants {
    private Constants() {}

    static Tensor tensor(Device device, DType dtype, float[] values, long... shape) {
        long bytes = Math.max((long) values.length * dtype.bytes(), 1);
        Tensor tensor = device.tensor(dtype, Arena.ofAuto().allocate(bytes, 64), shape);
        tensor.copyFrom(values);
        return tensor;
    }

    /** A mask for a tensor {@code [rows, columns]} whose bits are those of a pattern. */
    static BitMask mask(Tensor tensor, byte pattern) {
        long rows = tensor.size(0);
        long columns = tensor.size(1);
        long bytes = rows * ((columns + Long.SIZE - 1) / Long.SIZE) * Long.BYTES;
        var memory = Arena.ofAuto().allocate(Math.max(bytes, 1), 64);
        memory.fill(pattern);
        return BitMask.of(tensor.device(), memory, rows, columns);
    }
}
