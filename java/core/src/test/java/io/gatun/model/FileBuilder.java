// SPDX-License-Identifier: Apache-2.0
package io.gatun.model;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Little-endian bytes, one behind the other: the files of the tests are written out with it. */
public final class FileBuilder {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    public FileBuilder() {}

    /** GGUF up to the counts. */
    public static FileBuilder gguf(int version, long tensors, long keys) {
        return new FileBuilder().text("GGUF").i32(version).i64(tensors).i64(keys);
    }

    /** A whole safetensors file. */
    public static byte[] safetensors(String header, int... data) {
        byte[] text = header.getBytes(StandardCharsets.UTF_8);
        return new FileBuilder().i64(text.length).raw(text).u8(data).build();
    }

    public FileBuilder u8(int... values) {
        for (int value : values) {
            bytes.write(value);
        }
        return this;
    }

    public FileBuilder raw(byte[] values) {
        bytes.writeBytes(values);
        return this;
    }

    public FileBuilder text(String text) {
        return raw(text.getBytes(StandardCharsets.UTF_8));
    }

    public FileBuilder i16(int value) {
        return raw(buffer(2).putShort((short) value).array());
    }

    public FileBuilder i32(int value) {
        return raw(buffer(4).putInt(value).array());
    }

    public FileBuilder i64(long value) {
        return raw(buffer(8).putLong(value).array());
    }

    public FileBuilder f32(float value) {
        return i32(Float.floatToRawIntBits(value));
    }

    public FileBuilder f16(float value) {
        return i16(Float.floatToFloat16(value));
    }

    /** A string of GGUF. */
    public FileBuilder string(String text) {
        byte[] content = text.getBytes(StandardCharsets.UTF_8);
        return i64(content.length).raw(content);
    }

    /** The description of a tensor of GGUF; the contiguous dimension comes first. */
    public FileBuilder tensor(String name, int type, long offset, long... dimensions) {
        string(name).i32(dimensions.length);
        for (long dimension : dimensions) {
            i64(dimension);
        }
        return i32(type).i64(offset);
    }

    /** Zeros up to a multiple. */
    public FileBuilder pad(int alignment) {
        while (bytes.size() % alignment != 0) {
            bytes.write(0);
        }
        return this;
    }

    public FileBuilder zeros(int count) {
        return raw(new byte[count]);
    }

    public byte[] build() {
        return bytes.toByteArray();
    }

    public ModelFile read() throws ModelFormatException {
        return read(build());
    }

    static ModelFile read(byte[] file) throws ModelFormatException {
        return ModelFile.of("test.bin", MemorySegment.ofArray(file));
    }

    private static ByteBuffer buffer(int size) {
        return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }
}
