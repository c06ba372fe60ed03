// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

class TensorTest {
    private final Device device = Device.reference();

    private static float[] counting(int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = i;
        }
        return values;
    }

    private static void assertRejected(String message, Executable call) {
        assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
    }

    @Test
    void isAViewOfAnArray() {
        float[] values = counting(6);
        Tensor tensor = device.tensor(values, 2, 3);
        assertSame(device, tensor.device());
        assertEquals(DType.F32, tensor.dtype());
        assertEquals(2, tensor.rank());
        assertArrayEquals(new long[] {2, 3}, tensor.shape());
        assertArrayEquals(new long[] {3, 1}, tensor.strides());
        assertEquals(3, tensor.size(1));
        assertEquals(3, tensor.stride(0));
        assertEquals(6, tensor.elementCount());
        assertTrue(tensor.isContiguous());
        assertFalse(tensor.isReadOnly());
        assertEquals(5, tensor.get(1, 2));
        tensor.set(-1, 1, 0);
        assertEquals(-1, values[3]);
        values[0] = 7;
        assertEquals(7, tensor.get(0, 0));
        assertEquals("F32[2, 3] on reference", tensor.toString());
    }

    @Test
    void shapeArraysAreCopied() {
        long[] shape = {2, 3};
        Tensor tensor = device.tensor(counting(6), shape);
        shape[0] = 100;
        tensor.shape()[1] = 100;
        tensor.strides()[1] = 100;
        assertArrayEquals(new long[] {2, 3}, tensor.shape());
        assertArrayEquals(new long[] {3, 1}, tensor.strides());
    }

    @Test
    void convertsSixteenBitValues() {
        short[] bits = {(short) 0x3f80, (short) 0xc000, 0};
        Tensor tensor = device.tensor(DType.BF16, bits, 3);
        assertArrayEquals(new float[] {1, -2, 0}, tensor.toFloatArray());
        tensor.copyFrom(new float[] {1.00390625f, 3.4e38f, -0f});
        assertArrayEquals(new short[] {(short) 0x3f80, (short) 0x7f80, (short) 0x8000}, bits);
        Tensor half = device.tensor(DType.F16, new short[3], 3);
        tensor.copyTo(half);
        assertArrayEquals(new float[] {1, Float.POSITIVE_INFINITY, -0f}, half.toFloatArray());
    }

    @Test
    void copiesOfTheSameTypeKeepEveryBit() {
        short signallingNan = (short) 0x7f81;
        short[] from = {signallingNan, 1, signallingNan, 2};
        short[] to = new short[4];
        Tensor source = device.tensor(DType.BF16, from, 2, 2);
        source.slice(1, 0, 1).copyTo(device.tensor(DType.BF16, to, 2, 1));
        assertArrayEquals(new short[] {signallingNan, signallingNan, 0, 0}, to);
        source.copyTo(device.tensor(DType.BF16, to, 2, 2));
        assertArrayEquals(from, to);
        float[] floats = {Float.intBitsToFloat(0x7f800001), 1};
        float[] copy = new float[1];
        device.tensor(floats, 2)
                .strided(0, new long[] {1, 1}, new long[] {2, 2})
                .copyTo(device.tensor(copy, 1, 1));
        assertEquals(0x7f800001, Float.floatToRawIntBits(copy[0]));
    }

    @Test
    void slicesAndReshapes() {
        Tensor tensor = device.tensor(counting(24), 2, 3, 4);
        Tensor slice = tensor.slice(1, 1, 2).slice(2, 1, 2);
        assertArrayEquals(new float[] {5, 6, 9, 10, 17, 18, 21, 22}, slice.toFloatArray());
        assertArrayEquals(new long[] {12, 4, 1}, slice.strides());
        assertFalse(slice.isContiguous());
        assertArrayEquals(
                new float[] {5, 6, 9, 10, 17, 18, 21, 22},
                slice.contiguous().reshape(8).toFloatArray());
        assertArrayEquals(new long[] {6, 4}, tensor.reshape(6, 4).shape());
        assertSame(tensor, tensor.contiguous());
        assertNotSame(slice, slice.contiguous());
        slice.copyFrom(new float[8]);
        assertEquals(4, tensor.get(0, 1, 0));
        assertEquals(0, tensor.get(0, 1, 1));
        assertEquals(0, tensor.slice(0, 1, 0).elementCount());
        assertEquals(0, tensor.slice(0, 2, 0).elementCount());
    }

    @Test
    void transposesByStrides() {
        Tensor transposed =
                device.tensor(counting(6), 2, 3).strided(0, new long[] {3, 2}, new long[] {1, 3});
        assertArrayEquals(new float[] {0, 3, 1, 4, 2, 5}, transposed.toFloatArray());
        assertArrayEquals(new float[] {0, 3, 1, 4, 2, 5}, transposed.contiguous().toFloatArray());
        Tensor repeated =
                device.tensor(counting(6), 6).strided(1, new long[] {3, 2}, new long[] {0, 2});
        assertArrayEquals(new float[] {1, 3, 1, 3, 1, 3}, repeated.toFloatArray());
    }

    @Test
    void scalarsAndEmptyTensors() {
        Tensor scalar = device.tensor(new float[] {3});
        assertEquals(0, scalar.rank());
        assertEquals(1, scalar.elementCount());
        assertEquals(3, scalar.get());
        assertArrayEquals(new float[] {3}, scalar.toFloatArray());
        Tensor empty = device.tensor(new float[0], 0, 5);
        assertEquals(0, empty.elementCount());
        assertTrue(empty.isContiguous());
        assertArrayEquals(new float[0], empty.toFloatArray());
        empty.copyFrom(new float[0]);
        assertEquals(0, empty.segment().byteSize());
    }

    @Test
    void viewsEveryKindOfMemory() {
        ByteBuffer heap = ByteBuffer.allocate(20).order(ByteOrder.nativeOrder()).position(4);
        ByteBuffer direct =
                ByteBuffer.allocateDirect(20).order(ByteOrder.nativeOrder()).position(4);
        try (Arena arena = Arena.ofConfined()) {
            Tensor[] tensors = {
                device.tensor(DType.F32, heap, 2, 2),
                device.tensor(DType.F32, direct, 2, 2),
                device.tensor(DType.F32, arena.allocate(16), 2, 2),
                device.tensor(DType.F32, MemorySegment.ofArray(new long[2]), 2, 2),
                device.tensor(DType.F32, MemorySegment.ofArray(new byte[17]).asSlice(0, 16), 2, 2),
                device.allocate(DType.F32, 2, 2)
            };
            for (Tensor tensor : tensors) {
                tensor.copyFrom(new float[] {1, 2, 3, 4});
                assertArrayEquals(new float[] {1, 2, 3, 4}, tensor.toFloatArray());
                tensor.close();
            }
        }
        assertEquals(1, heap.getFloat(4));
        assertEquals(4, direct.getFloat(16));
    }

    @Test
    void readOnlyMemoryMakesReadOnlyTensors() {
        ByteBuffer buffer = ByteBuffer.allocate(8).order(ByteOrder.nativeOrder());
        Tensor fromBuffer =
                device.tensor(
                        DType.F32, buffer.asReadOnlyBuffer().order(ByteOrder.nativeOrder()), 2);
        Tensor fromSegment =
                device.tensor(DType.F32, MemorySegment.ofArray(new float[2]).asReadOnly(), 2);
        Tensor view = device.tensor(new float[2], 2).asReadOnly();
        for (Tensor tensor :
                new Tensor[] {fromBuffer, fromSegment, view, view.slice(0, 0, 2).reshape(2, 1)}) {
            assertTrue(tensor.isReadOnly());
            assertTrue(tensor.segment().isReadOnly());
            String expected =
                    tensor + ": expected a tensor that can be written, but it is read-only";
            assertRejected(expected, () -> tensor.set(1, new long[tensor.rank()]));
            assertRejected(expected, () -> tensor.copyFrom(new float[2]));
            Tensor source = device.tensor(new float[2], tensor.shape());
            assertRejected(expected, () -> source.copyTo(tensor));
        }
        assertSame(view, view.asReadOnly());
    }

    @Test
    void rejectsBadSizes() {
        float[] six = new float[6];
        assertRejected(
                "shape: expected sizes of at least 0, but it is [2, -3]",
                () -> device.tensor(six, 2, -3));
        assertRejected(
                "values: expected at least 8 elements (the product of shape [2, 4]), but it has 6",
                () -> device.tensor(six, 2, 4));
        long big = 1L << 62;
        assertRejected(
                "shape: expected at most 2^60 - 1 elements, but [4611686018427387904, 4] has more",
                () -> device.tensor(six, big, 4));
        assertRejected(
                "shape: expected at most 2^60 - 1 elements, but [0, 4611686018427387904] has more",
                () -> device.allocate(DType.F32, 0, big));
        assertRejected(
                "bits: expected at least 3 elements (the product of shape [3]), but it has 2",
                () -> device.tensor(DType.F16, new short[2], 3));
        assertRejected(
                "memory: expected at least 2 elements (the product of shape [2]), but it has 1",
                () -> device.tensor(DType.F32, MemorySegment.ofArray(new byte[7]), 2));
        assertRejected(
                "dtype: expected BF16 or F16 for a short[], but it is F32",
                () -> device.tensor(DType.F32, new short[2], 1));
    }

    @Test
    void rejectsUnalignedMemoryAndForeignByteOrder() {
        MemorySegment bytes = MemorySegment.ofArray(new byte[8]).asSlice(2);
        assertRejected(
                "memory: expected memory aligned to the 4 bytes of F32, but its address is 0x2",
                () -> device.tensor(DType.F32, bytes, 1));
        device.tensor(DType.BF16, bytes, 3);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment odd = arena.allocate(8).asSlice(1);
            assertTrue(
                    assertThrows(
                                    IllegalArgumentException.class,
                                    () -> device.tensor(DType.F16, odd, 1))
                            .getMessage()
                            .startsWith(
                                    "memory: expected memory aligned to the 2 bytes of F16, but its address is 0x"));
        }
        ByteOrder foreign =
                ByteOrder.nativeOrder() == ByteOrder.BIG_ENDIAN
                        ? ByteOrder.LITTLE_ENDIAN
                        : ByteOrder.BIG_ENDIAN;
        assertRejected(
                "memory: expected a buffer of native byte order ("
                        + ByteOrder.nativeOrder()
                        + "), but it is "
                        + foreign
                        + "; set order(ByteOrder.nativeOrder())",
                () -> device.tensor(DType.F32, ByteBuffer.allocate(8).order(foreign), 2));
    }

    @Test
    void rejectsBadViews() {
        Tensor tensor = device.tensor(counting(6), 2, 3);
        assertRejected(
                "start, length: expected a range within the 3 elements of dimension 1, but they are 2 and 2",
                () -> tensor.slice(1, 2, 2));
        assertRejected(
                "start, length: expected a range within the 3 elements of dimension 1, but they are -1 and 2",
                () -> tensor.slice(1, -1, 2));
        assertRejected(
                "start, length: expected a range within the 3 elements of dimension 1, but they are "
                        + Long.MAX_VALUE
                        + " and "
                        + Long.MAX_VALUE,
                () -> tensor.slice(1, Long.MAX_VALUE, Long.MAX_VALUE));
        assertRejected(
                "dimension: expected a number from 0 to 1 (shape [2, 3]), but it is 2",
                () -> tensor.slice(2, 0, 0));
        assertRejected(
                "dimension: expected a number from 0 to 1 (shape [2, 3]), but it is -1",
                () -> tensor.size(-1));
        assertRejected(
                "shape: expected 6 elements, those of [2, 3], but [4] has 4",
                () -> tensor.reshape(4));
        assertRejected(
                "reshape: expected a contiguous tensor, but shape [2, 2] has strides [3, 1]; contiguous() makes a copy"
                        + " that can be reshaped",
                () -> tensor.slice(1, 0, 2).reshape(4));
        assertRejected(
                "strides: expected at least 0, but they are [3, -1]",
                () -> tensor.strided(2, new long[] {2, 3}, new long[] {3, -1}));
        assertRejected(
                "strides: expected one for each of the 2 dimensions, but it is [3]",
                () -> tensor.strided(0, new long[] {2, 3}, new long[] {3}));
        assertRejected(
                "offset, shape, strides: expected elements within the 6 of this tensor's memory, but offset 1, shape"
                        + " [2, 3] and strides [3, 1] cover 6 from there",
                () -> tensor.strided(1, new long[] {2, 3}, new long[] {3, 1}));
        assertRejected(
                "offset, shape, strides: expected elements within the 6 of this tensor's memory, but offset -1, shape"
                        + " [1] and strides [1] cover 1 from there",
                () -> tensor.strided(-1, new long[] {1}, new long[] {1}));
        long huge = Long.MAX_VALUE / 2;
        assertRejected(
                "strides: expected elements within 2^60 - 1, but ["
                        + huge
                        + ", 1] with shape [5, 1] reach further",
                () -> tensor.strided(0, new long[] {5, 1}, new long[] {huge, 1}));
        assertRejected(
                "index: expected 2 numbers (shape [2, 3]), but there are 1", () -> tensor.get(1));
        assertRejected(
                "index: expected an element of shape [2, 3], but it is [0, 3]",
                () -> tensor.get(0, 3));
        assertRejected(
                "index: expected an element of shape [2, 3], but it is [-1, 0]",
                () -> tensor.set(0, -1, 0));
    }

    @Test
    void rejectsBadCopies() {
        float[] values = counting(6);
        Tensor tensor = device.tensor(values, 2, 3);
        assertRejected(
                "values: expected 6 elements, those of this tensor, but it has 5",
                () -> tensor.copyFrom(new float[5]));
        assertRejected(
                "other: expected shape [2, 3], but it is [3, 2]",
                () -> tensor.copyTo(device.tensor(new float[6], 3, 2)));
        Tensor wide = device.tensor(values, 6);
        assertRejected(
                "other: expected memory apart from this tensor, but they overlap",
                () -> wide.slice(0, 0, 4).copyTo(wide.slice(0, 2, 4)));
        assertArrayEquals(counting(6), values);
    }

    @Test
    void nullsAreNamed() {
        Tensor tensor = device.tensor(new float[1], 1);
        assertNull(
                "values: expected a float[], but it is null",
                () -> device.tensor((float[]) null, 1));
        assertNull(
                "bits: expected a short[], but it is null",
                () -> device.tensor(DType.F16, (short[]) null, 1));
        assertNull(
                "memory: expected a MemorySegment, but it is null",
                () -> device.tensor(DType.F32, (MemorySegment) null, 1));
        assertNull(
                "memory: expected a ByteBuffer, but it is null",
                () -> device.tensor(DType.F32, (ByteBuffer) null, 1));
        assertNull("dtype: expected a DType, but it is null", () -> device.allocate(null, 1));
        assertNull(
                "shape: expected the size of each dimension, but it is null",
                () -> device.tensor(new float[1], (long[]) null));
        assertNull("other: expected a Tensor, but it is null", () -> tensor.copyTo(null));
        assertNull("values: expected a float[], but it is null", () -> tensor.copyFrom(null));
        assertNull("device: expected a Device, but it is null", () -> tensor.on(null));
    }

    private static void assertNull(String message, Executable call) {
        assertEquals(message, assertThrows(NullPointerException.class, call).getMessage());
    }

    @Test
    void rowsHaveOneStride() {
        Tensor tensor = device.tensor(new float[120], 4, 5, 6);
        assertEquals(6, tensor.rowStride);
        assertEquals(20, tensor.rows);
        assertEquals(6, tensor.slice(2, 0, 3).rowStride);
        assertEquals(30, tensor.slice(1, 2, 1).rowStride);
        assertEquals(-1, tensor.slice(1, 0, 3).rowStride);
        assertEquals(6, tensor.slice(0, 1, 2).rowStride);
        assertEquals(6, tensor.slice(0, 1, 1).slice(1, 2, 1).rowStride);
        assertEquals(-1, tensor.strided(0, new long[] {2, 3}, new long[] {6, 2}).rowStride);
        assertEquals(-1, tensor.strided(0, new long[] {2, 3}, new long[] {2, 1}).rowStride);
        assertEquals(7, tensor.strided(0, new long[] {2, 1, 3}, new long[] {7, 9, 1}).rowStride);
        assertEquals(-1, device.tensor(new float[1]).rowStride);
        assertEquals(6, tensor.slice(0, 0, 0).rowStride);
    }
}
