/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.DType;
import io.gatun.Device;
import io.gatun.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * An operand in memory, with canaries before, between and after its rows. The canary is a NaN with
 * a payload: a kernel that lets it into a sum is as visible as one that overwrites it.
 */
final class Image {
    private static final int CANARY_F32 = 0x7fc5a5a5;
    private static final short CANARY_BF16 = 0x7fe5;
    private static final short CANARY_F16 = 0x7ee5;

    /**
     * Elements before the first and after the last row: a multiple of every vector, so that it
     * keeps alignment.
     */
    private static final int MARGIN = 64;

    private final DType dtype;
    private final int rows;
    private final int columns;
    private final int stride;
    private final int offset;
    private final MemorySegment before;
    private final MemorySegment memory;
    private final Tensor whole;
    private final Tensor tensor;

    /**
     * Lays out values.
     *
     * @param values dense {@code [rows, columns]} values, or null for an output, which then holds
     *     canaries everywhere
     * @param shape that of the tensor: one dimension for a vector, else rows and what a row
     *     consists of
     */
    Image(
            Device device,
            Arena arena,
            Memory memory,
            DType dtype,
            float[] values,
            int rows,
            int columns,
            int stride,
            long[] shape) {
        this.dtype = dtype;
        this.rows = rows;
        this.columns = columns;
        this.stride = stride;
        offset = MARGIN + (memory == Memory.HEAP ? 3 : memory == Memory.UNALIGNED ? 1 : 0);
        int total = offset + Math.max(rows - 1, 0) * stride + (rows == 0 ? 0 : columns) + MARGIN;
        before = bytes(total);
        for (int i = 0; i < total; i++) {
            setCanary(before, i);
        }
        if (values != null) {
            for (int row = 0; row < rows; row++) {
                for (int column = 0; column < columns; column++) {
                    set(before, offset + row * stride + column, values[row * columns + column]);
                }
            }
        }
        boolean host = !device.name().startsWith("cuda");
        if (!host || memory == Memory.DEVICE) {
            this.memory = null;
            whole = device.allocate(dtype, total);
            hostView(before, total).copyTo(whole);
        } else {
            this.memory =
                    switch (memory) {
                        case HEAP -> bytes(total);
                        case NATIVE, UNALIGNED -> arena.allocate((long) total * dtype.bytes(), 64);
                        case BUFFER ->
                                MemorySegment.ofBuffer(
                                        ByteBuffer.allocateDirect(total * dtype.bytes()));
                        case DEVICE -> throw new AssertionError();
                    };
            this.memory.copyFrom(before);
            whole =
                    memory == Memory.BUFFER
                            ? device.tensor(
                                    dtype,
                                    this.memory.asByteBuffer().order(ByteOrder.nativeOrder()),
                                    total)
                            : device.tensor(dtype, this.memory, total);
        }
        long[] strides = new long[shape.length];
        long step = 1;
        for (int dimension = shape.length - 1; dimension >= 0; dimension--) {
            // Rows may be those of several dimensions, without gaps between them.
            long rowsOfFirst = shape[0] == 0 ? 1 : rows / shape[0];
            strides[dimension] = dimension == 0 && shape.length > 1 ? stride * rowsOfFirst : step;
            step *= shape[dimension];
        }
        tensor = whole.strided(offset, shape, strides);
    }

    /** The operand. */
    Tensor tensor() {
        return tensor;
    }

    /** The dense values, after the call. */
    float[] values() {
        MemorySegment after = after();
        float[] values = new float[rows * columns];
        for (int row = 0; row < rows; row++) {
            for (int column = 0; column < columns; column++) {
                values[row * columns + column] = get(after, offset + row * stride + column);
            }
        }
        return values;
    }

    /** What has changed that must not: the first such element, or null. */
    String unexpectedChange(boolean output) {
        MemorySegment after = after();
        long mismatch = after.mismatch(before);
        if (mismatch < 0) {
            return null;
        }
        int total = (int) (after.byteSize() / dtype.bytes());
        for (int i = (int) (mismatch / dtype.bytes()); i < total; i++) {
            int place = i - offset;
            boolean inside = place >= 0 && place < rows * (long) stride && place % stride < columns;
            if (!(output && inside) && bits(after, i) != bits(before, i)) {
                return inside
                        ? "changed the input at row "
                                + place / stride
                                + ", column "
                                + place % stride
                        : "changed the padding " + place + " elements after the first element";
            }
        }
        return null;
    }

    /** Frees what the device allocated. */
    void close() {
        if (memory == null) {
            whole.close();
        }
    }

    private MemorySegment after() {
        if (memory != null) {
            return memory;
        }
        MemorySegment copy = bytes((int) (before.byteSize() / dtype.bytes()));
        whole.copyTo(hostView(copy, before.byteSize() / dtype.bytes()));
        return copy;
    }

    private Tensor hostView(MemorySegment segment, long total) {
        return Device.reference().tensor(dtype, segment, total);
    }

    private MemorySegment bytes(int elements) {
        return dtype == DType.F32
                ? MemorySegment.ofArray(new float[elements])
                : MemorySegment.ofArray(new short[elements]);
    }

    private void setCanary(MemorySegment segment, int index) {
        switch (dtype) {
            case F32 -> segment.setAtIndex(ValueLayout.JAVA_INT, index, CANARY_F32);
            case BF16 -> segment.setAtIndex(ValueLayout.JAVA_SHORT, index, CANARY_BF16);
            case F16 -> segment.setAtIndex(ValueLayout.JAVA_SHORT, index, CANARY_F16);
        }
    }

    private void set(MemorySegment segment, int index, float value) {
        if (dtype == DType.F32) {
            segment.setAtIndex(ValueLayout.JAVA_FLOAT, index, value);
        } else {
            segment.setAtIndex(ValueLayout.JAVA_SHORT, index, dtype.fromFloat(value));
        }
    }

    private float get(MemorySegment segment, int index) {
        return dtype == DType.F32
                ? segment.getAtIndex(ValueLayout.JAVA_FLOAT, index)
                : dtype.toFloat(segment.getAtIndex(ValueLayout.JAVA_SHORT, index));
    }

    private int bits(MemorySegment segment, int index) {
        return dtype == DType.F32
                ? segment.getAtIndex(ValueLayout.JAVA_INT, index)
                : segment.getAtIndex(ValueLayout.JAVA_SHORT, index);
    }
}
