// SPDX-License-Identifier: Apache-2.0
package io.gatun.model;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** A tensor of a {@link ModelFile}: its description, and its bytes where the file is mapped. */
public final class ModelTensor {
    private final ModelFile file;
    private final String name;
    private final TensorType type;
    private final long[] shape;
    private final long offset;
    private final MemorySegment segment;

    ModelTensor(
            ModelFile file,
            String name,
            TensorType type,
            long[] shape,
            long offset,
            MemorySegment segment) {
        this.file = file;
        this.name = name;
        this.type = type;
        this.shape = shape;
        this.offset = offset;
        this.segment = segment;
    }

    /**
     * The file that it is in.
     *
     * @return the file
     */
    public ModelFile file() {
        return file;
    }

    /**
     * The name.
     *
     * @return such as {@code blk.0.attn_q.weight}
     */
    public String name() {
        return name;
    }

    /**
     * How its elements are stored.
     *
     * @return the type
     */
    public TensorType type() {
        return type;
    }

    /**
     * The sizes of its dimensions, outermost first: the last one is contiguous, also where a GGUF
     * file lists it first. Weights of a linear layer are {@code [outputs, inputs]}.
     *
     * @return a fresh array
     */
    public long[] shape() {
        return shape.clone();
    }

    /**
     * The product of the sizes.
     *
     * @return the number of elements
     */
    public long elementCount() {
        long count = 1;
        for (long size : shape) {
            count *= size;
        }
        return count;
    }

    /**
     * The size of its data.
     *
     * @return the number of bytes
     */
    public long bytes() {
        return segment.byteSize();
    }

    /**
     * Where its data begins.
     *
     * @return bytes from the beginning of the file
     */
    public long offset() {
        return offset;
    }

    /**
     * Its data as in the file, little-endian, in row-major order, at any alignment. Read-only; no
     * longer accessible once the file is closed. The file must not be shortened while it is mapped:
     * reading what is no longer there is an {@link InternalError}, and ends the process where
     * native code does it.
     *
     * @return the memory
     */
    public MemorySegment segment() {
        return segment;
    }

    /** As {@code blk.0.attn_q.weight Q4_0[4096, 4096]}. */
    @Override
    public String toString() {
        return name + " " + type + Arrays.toString(shape);
    }
}
