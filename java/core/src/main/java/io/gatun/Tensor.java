/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun;

import java.lang.foreign.MemorySegment;

/** A typed, strided view over memory. */
public final class Tensor implements AutoCloseable {
    private Tensor() {}

    public Device device() {
        throw new UnsupportedOperationException();
    }

    public DType dtype() {
        throw new UnsupportedOperationException();
    }

    public int rank() {
        throw new UnsupportedOperationException();
    }

    public long size(int dimension) {
        throw new UnsupportedOperationException();
    }

    public long stride(int dimension) {
        throw new UnsupportedOperationException();
    }

    public long[] shape() {
        throw new UnsupportedOperationException();
    }

    public long[] strides() {
        throw new UnsupportedOperationException();
    }

    public long elementCount() {
        throw new UnsupportedOperationException();
    }

    public boolean isReadOnly() {
        throw new UnsupportedOperationException();
    }

    public boolean isContiguous() {
        throw new UnsupportedOperationException();
    }

    public MemorySegment segment() {
        throw new UnsupportedOperationException();
    }

    public Tensor reshape(long... shape) {
        throw new UnsupportedOperationException();
    }

    public Tensor slice(int dimension, long start, long length) {
        throw new UnsupportedOperationException();
    }

    public Tensor strided(long offset, long[] shape, long[] strides) {
        throw new UnsupportedOperationException();
    }

    public Tensor asReadOnly() {
        throw new UnsupportedOperationException();
    }

    public Tensor contiguous() {
        throw new UnsupportedOperationException();
    }

    public Tensor on(Device device) {
        throw new UnsupportedOperationException();
    }

    public float get(long... index) {
        throw new UnsupportedOperationException();
    }

    public void set(float value, long... index) {
        throw new UnsupportedOperationException();
    }

    public float[] toFloatArray() {
        throw new UnsupportedOperationException();
    }

    public void copyFrom(float[] values) {
        throw new UnsupportedOperationException();
    }

    public void copyTo(Tensor other) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void close() {
        throw new UnsupportedOperationException();
    }
}
