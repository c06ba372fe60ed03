/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;

/** Where kernels run. */
public final class Device implements AutoCloseable {
    public static Device open() {
        throw new UnsupportedOperationException();
    }

    public static Device cpu() {
        return cpu(CpuOptions.DEFAULT);
    }

    public static Device cpu(CpuOptions options) {
        throw new UnsupportedOperationException();
    }

    public static Device cuda(int index) {
        throw new UnsupportedOperationException();
    }

    public static Device reference() {
        throw new UnsupportedOperationException();
    }

    public Tensor allocate(DType dtype, long... shape) {
        throw new UnsupportedOperationException();
    }

    public Tensor tensor(float[] values, long... shape) {
        throw new UnsupportedOperationException();
    }

    public Tensor tensor(DType dtype, short[] bits, long... shape) {
        throw new UnsupportedOperationException();
    }

    public Tensor tensor(DType dtype, MemorySegment memory, long... shape) {
        throw new UnsupportedOperationException();
    }

    public Tensor tensor(DType dtype, ByteBuffer memory, long... shape) {
        throw new UnsupportedOperationException();
    }

    public String name() {
        throw new UnsupportedOperationException();
    }

    /** Null where the device has no such levels (reference, cuda). */
    public Isa isa() {
        throw new UnsupportedOperationException();
    }

    public int threads() {
        throw new UnsupportedOperationException();
    }

    public String description() {
        throw new UnsupportedOperationException();
    }

    public void synchronize() {
        throw new UnsupportedOperationException();
    }

    @Override
    public void close() {
        throw new UnsupportedOperationException();
    }
}
