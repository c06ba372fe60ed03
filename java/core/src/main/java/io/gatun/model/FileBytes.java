// SPDX-License-Identifier: Apache-2.0
package io.gatun.model;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * A file from a position on. Whatever is read is compared with what is left of the file before
 * anything is allocated for it.
 */
final class FileBytes {
    private static final ValueLayout.OfInt INT =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final String name;
    private final MemorySegment bytes;
    private long position;

    FileBytes(String name, MemorySegment bytes) {
        this.name = name;
        this.bytes = bytes;
    }

    long size() {
        return bytes.byteSize();
    }

    long position() {
        return position;
    }

    long left() {
        return size() - position;
    }

    /** An error at the position. */
    ModelFormatException error(String reason) {
        return error(null, position, reason);
    }

    ModelFormatException error(String tensor, long offset, String reason) {
        return new ModelFormatException(name, tensor, offset, reason);
    }

    /** Moves on over so many bytes. */
    void skip(long count, String what) throws ModelFormatException {
        if (count < 0 || count > left()) {
            throw error(
                    "expected the %s bytes of %s, but the file has %s more"
                            .formatted(Long.toUnsignedString(count), what, left()));
        }
        position += count;
    }

    byte readByte(String what) throws ModelFormatException {
        skip(1, what);
        return bytes.get(ValueLayout.JAVA_BYTE, position - 1);
    }

    short readShort(String what) throws ModelFormatException {
        skip(2, what);
        return bytes.get(SHORT, position - 2);
    }

    int readInt(String what) throws ModelFormatException {
        skip(4, what);
        return bytes.get(INT, position - 4);
    }

    long readLong(String what) throws ModelFormatException {
        skip(8, what);
        return bytes.get(LONG, position - 8);
    }

    byte[] readBytes(long count, String what) throws ModelFormatException {
        skip(count, what);
        return bytes.asSlice(position - count, count).toArray(ValueLayout.JAVA_BYTE);
    }

    /**
     * A length of 64 bits and so many bytes; what is not UTF-8 becomes the replacement character.
     */
    String readString(long most, String what) throws ModelFormatException {
        return new String(readBytes(readLength(most, what), what), StandardCharsets.UTF_8);
    }

    void skipString(long most, String what) throws ModelFormatException {
        skip(readLength(most, what), what);
    }

    private long readLength(long most, String what) throws ModelFormatException {
        long at = position;
        long length = readLong("the length of " + what);
        if (length < 0 || length > most) {
            throw error(
                    null,
                    at,
                    "expected at most %s bytes of %s, but there are %s"
                            .formatted(most, what, Long.toUnsignedString(length)));
        }
        return length;
    }
}
