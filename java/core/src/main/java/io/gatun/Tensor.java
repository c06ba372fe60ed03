// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Objects;

/**
 * A typed, strided view of memory: of a Java array, a buffer or a memory segment, without a copy,
 * or of memory that a {@link Device} allocated. A tensor is immutable, though its elements are not,
 * and may be used by many threads.
 *
 * <p>The element at index {@code (i, j, …)} stands {@code i * stride(0) + j * stride(1) + …}
 * elements behind the first. Strides are not negative. Sizes, strides and counts are {@code long}
 * and in elements.
 *
 * <p>Memory needs the alignment of its element type and no more. A tensor over memory of the user
 * keeps that memory reachable, but its life is that of the user's arena; using it afterwards is an
 * {@link IllegalStateException}, and using memory of a confined arena from another thread a {@link
 * WrongThreadException}.
 */
public final class Tensor implements AutoCloseable {
    private static final long COPY_BYTES = 1 << 20;

    private final Device device;
    private final DType dtype;
    private final long[] shape;
    private final long[] strides;
    private final long elementCount;
    private final MemorySegment segment;

    /*
     * What kernels need, worked out once so that a call compares fields. The tensor as a matrix has `rows` rows of
     * `columns` elements; `rowStride` is -1 where that cannot be said with one stride.
     */
    final long rows;
    final long columns;
    final long rowStride;

    /* What native calls receive: the segment, or the bare address where `memory` keeps the allocation alive instead. */
    final MemorySegment operand;
    /* What a device allocated, null for memory of the user. */
    final DeviceMemory memory;
    /* The same where the operand is a bare address: seen from another device it is the segment, which the JDK guards. */
    final DeviceMemory guard;
    final boolean onHeap;
    final boolean readOnly;
    /* The array, null where it is off-heap or where a read-only segment hides it. */
    final Object array;
    /* First byte and the byte behind the last: addresses off-heap, else offsets in the array. */
    final long start;
    final long end;

    private Tensor(
            Device device,
            DType dtype,
            long[] shape,
            long[] strides,
            long extent,
            MemorySegment segment,
            MemorySegment operand,
            DeviceMemory memory,
            DeviceMemory guard,
            Object array) {
        this.device = device;
        this.dtype = dtype;
        this.shape = shape;
        this.strides = strides;
        this.segment = segment;
        this.operand = operand;
        this.memory = memory;
        this.guard = guard;
        this.array = array;
        this.onHeap = !segment.isNative();
        this.readOnly = segment.isReadOnly();
        this.start = segment.address();
        this.end = start + extent * dtype.bytes();
        this.elementCount = extent == 0 ? 0 : Shapes.product(shape);
        this.columns = shape.length == 0 ? 1 : shape[shape.length - 1];
        this.rows = Shapes.rows(shape);
        this.rowStride = Shapes.rowStride(shape, strides);
    }

    /**
     * A tensor that begins where the memory begins.
     *
     * @param name the argument that holds the memory, for messages
     */
    static Tensor of(Device device, DType dtype, MemorySegment segment, String name, long[] shape) {
        Objects.requireNonNull(dtype, "dtype: expected a DType, but it is null");
        Objects.requireNonNull(shape, "shape: expected the size of each dimension, but it is null");
        long[] sizes = shape.clone();
        Shapes.check(sizes);
        long count = Shapes.product(sizes);
        if (count > segment.byteSize() / dtype.bytes()) {
            throw new IllegalArgumentException(
                    ("%s: expected at least %s elements (the product of shape %s), but it has "
                                    + "%s")
                            .formatted(
                                    name,
                                    count,
                                    Arrays.toString(sizes),
                                    segment.byteSize() / dtype.bytes()));
        }
        if ((segment.address() & dtype.bytes() - 1) != 0) {
            throw new IllegalArgumentException(
                    ("%s: expected memory aligned to the %s bytes of %s, but its address is "
                                    + "0x%s")
                            .formatted(
                                    name,
                                    dtype.bytes(),
                                    dtype,
                                    Long.toHexString(segment.address())));
        }
        MemorySegment exact = segment.asSlice(0, count * dtype.bytes());
        Object array = segment.heapBase().orElse(null);
        return new Tensor(
                device,
                dtype,
                sizes,
                Shapes.contiguous(sizes),
                count,
                exact,
                exact,
                null,
                null,
                array);
    }

    /** A contiguous tensor of a fresh allocation. */
    static Tensor of(Device device, DType dtype, DeviceMemory memory, long[] shape) {
        long[] sizes = shape.clone();
        long count = Shapes.product(sizes);
        MemorySegment exact = memory.segment().asSlice(0, count * dtype.bytes());
        MemorySegment operand = memory.operand().asSlice(0, count * dtype.bytes());
        return new Tensor(
                device,
                dtype,
                sizes,
                Shapes.contiguous(sizes),
                count,
                exact,
                operand,
                memory,
                memory,
                null);
    }

    private Tensor view(long offset, long[] sizes, long[] strides) {
        long extent = Shapes.extent(sizes, strides);
        long from = extent == 0 ? 0 : offset * dtype.bytes();
        long bytes = extent * dtype.bytes();
        return new Tensor(
                device,
                dtype,
                sizes,
                strides,
                extent,
                segment.asSlice(from, bytes),
                operand.asSlice(from, bytes),
                memory,
                guard,
                array);
    }

    /**
     * The device that this tensor's kernels run on.
     *
     * @return the device
     */
    public Device device() {
        return device;
    }

    /**
     * How the elements are stored.
     *
     * @return the type
     */
    public DType dtype() {
        return dtype;
    }

    /**
     * How many dimensions there are; 0 for a single element.
     *
     * @return the number of dimensions
     */
    public int rank() {
        return shape.length;
    }

    /**
     * The size of a dimension.
     *
     * @param dimension 0 (outermost) to {@code rank() - 1}
     * @return the number of elements along it
     * @throws IllegalArgumentException if there is no such dimension
     */
    public long size(int dimension) {
        return shape[checkDimension(dimension)];
    }

    /**
     * The distance between neighbours along a dimension.
     *
     * @param dimension 0 (outermost) to {@code rank() - 1}
     * @return the stride in elements
     * @throws IllegalArgumentException if there is no such dimension
     */
    public long stride(int dimension) {
        return strides[checkDimension(dimension)];
    }

    /**
     * The sizes of all dimensions, outermost first.
     *
     * @return a fresh array
     */
    public long[] shape() {
        return shape.clone();
    }

    /**
     * The strides of all dimensions in elements, outermost first.
     *
     * @return a fresh array
     */
    public long[] strides() {
        return strides.clone();
    }

    /**
     * The product of the sizes.
     *
     * @return the number of elements
     */
    public long elementCount() {
        return elementCount;
    }

    /**
     * Whether the elements cannot be written through this tensor.
     *
     * @return true if its memory is read-only or it came from {@link #asReadOnly()}
     */
    public boolean isReadOnly() {
        return readOnly;
    }

    /**
     * Whether the elements lie one behind the other in row-major order.
     *
     * @return true if there are no gaps
     */
    public boolean isContiguous() {
        return Shapes.isContiguous(shape, strides);
    }

    /**
     * The memory from the first element to the last. Where strides leave gaps it covers them too.
     * The segment of a tensor that a device allocated keeps the allocation alive until the tensor
     * is closed; then it is closed as well.
     *
     * @return the memory
     */
    public MemorySegment segment() {
        return segment;
    }

    /**
     * The same elements in another shape.
     *
     * @param shape sizes with the same product
     * @return a view of the same memory
     * @throws IllegalArgumentException if the product differs, or if this tensor is not contiguous
     */
    public Tensor reshape(long... shape) {
        Objects.requireNonNull(shape, "shape: expected the size of each dimension, but it is null");
        long[] sizes = shape.clone();
        Shapes.check(sizes);
        if (Shapes.product(sizes) != elementCount) {
            throw new IllegalArgumentException(
                    "shape: expected %s elements, those of %s, but %s has %s"
                            .formatted(
                                    elementCount,
                                    Arrays.toString(this.shape),
                                    Arrays.toString(sizes),
                                    Shapes.product(sizes)));
        }
        if (!isContiguous()) {
            throw new IllegalArgumentException(
                    ("reshape: expected a contiguous tensor, but shape %s has strides %s; "
                                    + "contiguous() makes a copy that can be reshaped")
                            .formatted(Arrays.toString(this.shape), Arrays.toString(strides)));
        }
        return view(0, sizes, Shapes.contiguous(sizes));
    }

    /**
     * A range of one dimension.
     *
     * @param dimension 0 to {@code rank() - 1}
     * @param start the first index, at least 0
     * @param length how many indices, at least 0
     * @return a view of the same memory
     * @throws IllegalArgumentException if there is no such dimension or range
     */
    public Tensor slice(int dimension, long start, long length) {
        checkDimension(dimension);
        if (start < 0 || length < 0 || start > shape[dimension] - length) {
            throw new IllegalArgumentException(
                    ("start, length: expected a range within the %s elements of dimension %s, "
                                    + "but they are %s and %s")
                            .formatted(shape[dimension], dimension, start, length));
        }
        long[] sizes = shape.clone();
        sizes[dimension] = length;
        return view(start * strides[dimension], sizes, strides);
    }

    /**
     * Any other arrangement of this tensor's memory.
     *
     * @param offset where the first element stands, in elements behind the first of this tensor
     * @param shape the sizes
     * @param strides the strides in elements, one for each size; 0 repeats elements
     * @return a view of the same memory
     * @throws IllegalArgumentException if a number is negative, or if an element would be outside
     *     the memory between the first and the last element of this tensor
     */
    public Tensor strided(long offset, long[] shape, long[] strides) {
        Objects.requireNonNull(shape, "shape: expected the size of each dimension, but it is null");
        Objects.requireNonNull(
                strides, "strides: expected the stride of each dimension, but it is null");
        long[] sizes = shape.clone();
        long[] steps = strides.clone();
        Shapes.check(sizes);
        Shapes.checkStrides(sizes, steps);
        long room = segment.byteSize() / dtype.bytes();
        long extent = Shapes.extent(sizes, steps);
        if (offset < 0 || offset > room || extent > room - offset) {
            throw new IllegalArgumentException(
                    ("offset, shape, strides: expected elements within the %s of this tensor's "
                                    + "memory, but offset %s, shape %s and strides %s cover %s from there")
                            .formatted(
                                    room,
                                    offset,
                                    Arrays.toString(sizes),
                                    Arrays.toString(steps),
                                    extent));
        }
        return view(offset, sizes, steps);
    }

    /**
     * The same tensor, but no kernel may write to it.
     *
     * @return a view of the same memory
     */
    public Tensor asReadOnly() {
        if (readOnly) {
            return this;
        }
        long extent = segment.byteSize() / dtype.bytes();
        return new Tensor(
                device,
                dtype,
                shape,
                strides,
                extent,
                segment.asReadOnly(),
                operand,
                memory,
                guard,
                array);
    }

    /**
     * This tensor if it is contiguous, else a contiguous copy in off-heap memory that the garbage
     * collector frees.
     *
     * @return a contiguous tensor on the same device
     */
    public Tensor contiguous() {
        if (isContiguous()) {
            return this;
        }
        MemorySegment fresh =
                Arena.ofAuto().allocate(Math.multiplyExact(elementCount, dtype.bytes()), 64);
        Tensor copy = of(device, dtype, fresh, "copy", shape);
        copyTo(copy);
        return copy;
    }

    /**
     * The same memory as an argument of another device's kernels. Both devices must work on the
     * memory of the host, as the CPU and the reference device do.
     *
     * @param device the other device
     * @return a view of the same memory
     */
    public Tensor on(Device device) {
        Objects.requireNonNull(device, "device: expected a Device, but it is null");
        long extent = segment.byteSize() / dtype.bytes();
        boolean same = device == this.device;
        return new Tensor(
                device,
                dtype,
                shape,
                strides,
                extent,
                segment,
                same ? operand : segment,
                memory,
                same ? guard : null,
                array);
    }

    /**
     * One element.
     *
     * @param index one index for each dimension
     * @return its value
     * @throws IllegalArgumentException if there is no such element
     */
    public float get(long... index) {
        return Elements.load(dtype, segment, offset(index));
    }

    /**
     * Sets one element, rounded to nearest even where the type has 16 bits.
     *
     * @param value the value
     * @param index one index for each dimension
     * @throws IllegalArgumentException if there is no such element, or if this tensor is read-only
     */
    public void set(float value, long... index) {
        checkWritable();
        Elements.store(dtype, segment, offset(index), value);
    }

    /**
     * All elements in row-major order, widened to float.
     *
     * @return a fresh array
     * @throws IllegalStateException if there are more elements than an array can have
     */
    public float[] toFloatArray() {
        if (elementCount > Integer.MAX_VALUE - 8) {
            throw new IllegalStateException(
                    "a float[] cannot hold the " + elementCount + " elements of this tensor");
        }
        float[] values = new float[(int) elementCount];
        copyTo(of(device, DType.F32, MemorySegment.ofArray(values), "values", shape));
        return values;
    }

    /**
     * Sets all elements, in row-major order, rounded to nearest even where the type has 16 bits.
     *
     * @param values {@code elementCount()} values
     * @throws IllegalArgumentException if there are more or fewer, or if this tensor is read-only
     */
    public void copyFrom(float[] values) {
        Objects.requireNonNull(values, "values: expected a float[], but it is null");
        if (values.length != elementCount) {
            throw new IllegalArgumentException(
                    "values: expected %s elements, those of this tensor, but it has %s"
                            .formatted(elementCount, values.length));
        }
        checkWritable();
        of(device, DType.F32, MemorySegment.ofArray(values), "values", shape).copyTo(this);
    }

    /**
     * Copies all elements to another tensor, on any device, converting them where the types differ.
     *
     * @param other a tensor of the same shape whose memory does not overlap that of this one
     * @throws IllegalArgumentException if the shape differs, or if the other tensor is read-only or
     *     overlaps
     */
    public void copyTo(Tensor other) {
        Objects.requireNonNull(other, "other: expected a Tensor, but it is null");
        if (!Arrays.equals(shape, other.shape)) {
            throw new IllegalArgumentException(
                    "other: expected shape %s, but it is %s"
                            .formatted(Arrays.toString(shape), Arrays.toString(other.shape)));
        }
        other.checkWritable();
        Operands.requireDisjoint(other, "other", this, "this tensor");
        if (elementCount == 0) {
            return;
        }
        if (dtype == other.dtype && isContiguous() && other.isContiguous()) {
            copyBytes(segment, other.segment);
            return;
        }
        long step = (shape.length == 0 ? 0 : strides[shape.length - 1]) * dtype.bytes();
        long otherStep =
                (shape.length == 0 ? 0 : other.strides[shape.length - 1]) * other.dtype.bytes();
        for (long row = 0; row < rows; row++) {
            long from = Shapes.rowOffset(row, shape, strides) * dtype.bytes();
            long to = Shapes.rowOffset(row, shape, other.strides) * other.dtype.bytes();
            for (long column = 0; column < columns; column++) {
                Elements.copy(
                        dtype,
                        segment,
                        from + column * step,
                        other.dtype,
                        other.segment,
                        to + column * otherStep);
            }
        }
    }

    /** Copies in blocks, since the JVM cannot stop a thread within one. */
    private static void copyBytes(MemorySegment from, MemorySegment to) {
        for (long offset = 0; offset < from.byteSize(); offset += COPY_BYTES) {
            long bytes = Math.min(COPY_BYTES, from.byteSize() - offset);
            MemorySegment.copy(from, offset, to, offset, bytes);
        }
    }

    /**
     * Frees the memory if a device allocated it; all views of it are closed with it, whichever of
     * them this is called on. Kernels that are using the memory end before it is freed; calls made
     * from now on fail. Does nothing for memory of the user, or when called again.
     *
     * @throws IllegalStateException if a native call other than a kernel of this tensor's device
     *     holds the memory; nothing is freed then
     */
    @Override
    public void close() {
        if (memory != null) {
            memory.close();
        }
    }

    /** As {@code F32[2, 4096] on cpu}. */
    @Override
    public String toString() {
        return dtype + Arrays.toString(shape) + " on " + device.name();
    }

    /** Whether both have the same sizes. */
    boolean hasShapeOf(Tensor other) {
        return shape == other.shape || Arrays.equals(shape, other.shape);
    }

    private int checkDimension(int dimension) {
        if (dimension < 0 || dimension >= shape.length) {
            throw new IllegalArgumentException(
                    "dimension: expected a number from 0 to %s (shape %s), but it is %s"
                            .formatted(shape.length - 1, Arrays.toString(shape), dimension));
        }
        return dimension;
    }

    private void checkWritable() {
        if (readOnly) {
            throw new IllegalArgumentException(
                    this + ": expected a tensor that can be written, but it is read-only");
        }
    }

    private long offset(long[] index) {
        if (index.length != shape.length) {
            throw new IllegalArgumentException(
                    "index: expected %s numbers (shape %s), but there are %s"
                            .formatted(shape.length, Arrays.toString(shape), index.length));
        }
        long offset = 0;
        for (int dimension = 0; dimension < index.length; dimension++) {
            if (index[dimension] < 0 || index[dimension] >= shape[dimension]) {
                throw new IllegalArgumentException(
                        "index: expected an element of shape %s, but it is %s"
                                .formatted(Arrays.toString(shape), Arrays.toString(index)));
            }
            offset += index[dimension] * strides[dimension];
        }
        return offset * dtype.bytes();
    }
}
