// SPDX-License-Identifier: Apache-2.0
package io.gatun.model;

import java.lang.foreign.MemorySegment;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * GGUF, versions 2 and 3: magic, version, counts, metadata, descriptions of tensors, padding, data.
 * Refuses what the reader of ggml refuses, and sizes whose product exceeds 64 bits.
 */
final class GgufReader {
    private static final byte[] MAGIC = {'G', 'G', 'U', 'F'};
    private static final String ALIGNMENT_KEY = "general.alignment";
    private static final long DEFAULT_ALIGNMENT = 32;
    private static final long MOST_BYTES = 1L << 30;
    private static final int MOST_DIMENSIONS = 4;
    private static final int MOST_NAME_BYTES = 63;

    /* The least that a key with its value, and the description of a tensor, can take. */
    private static final long LEAST_KEY_BYTES = 8 + 1 + 4 + 1;
    private static final long LEAST_TENSOR_BYTES = 8 + 4 + 4 + 8;

    /** The types of metadata, by their number; the names are those of the specification. */
    private enum ValueType {
        UINT8(1),
        INT8(1),
        UINT16(2),
        INT16(2),
        UINT32(4),
        INT32(4),
        FLOAT32(4),
        BOOL(1),
        STRING(0),
        ARRAY(0),
        UINT64(8),
        INT64(8),
        FLOAT64(8);

        /* 0 where it varies. */
        private final int bytes;

        ValueType(int bytes) {
            this.bytes = bytes;
        }

        String label() {
            return name().toLowerCase(java.util.Locale.ROOT);
        }
    }

    private final FileBytes file;
    private final Map<String, Object> metadata = new LinkedHashMap<>();
    private long alignment = DEFAULT_ALIGNMENT;

    private GgufReader(FileBytes file) {
        this.file = file;
    }

    static boolean isGguf(MemorySegment bytes) {
        return bytes.byteSize() >= MAGIC.length
                && MemorySegment.ofArray(MAGIC).mismatch(bytes.asSlice(0, MAGIC.length)) < 0;
    }

    static ModelFile.Contents read(FileBytes file) throws ModelFormatException {
        return new GgufReader(file).read();
    }

    private ModelFile.Contents read() throws ModelFormatException {
        file.skip(MAGIC.length, "the magic number");
        long at = file.position();
        int version = file.readInt("the version");
        if (version != 2 && version != 3) {
            boolean bigEndian = (version & 0xffff) == 0 && version != 0;
            throw file.error(
                    null,
                    at,
                    "expected version 2 or 3, but it is "
                            + (bigEndian
                                    ? Integer.reverseBytes(version) + " in a big-endian file"
                                    : Integer.toUnsignedString(version)));
        }
        long tensorCount = readCount("tensors", LEAST_TENSOR_BYTES);
        long keyCount = readCount("keys", LEAST_KEY_BYTES);
        for (long i = 0; i < keyCount; i++) {
            readKey();
        }
        return new ModelFile.Contents(version, metadata, readTensors(tensorCount));
    }

    private long readCount(String what, long leastBytes) throws ModelFormatException {
        long at = file.position();
        long count = file.readLong("the number of " + what);
        if (count < 0 || count > file.left() / leastBytes) {
            throw file.error(
                    null,
                    at,
                    "expected a number of %s that fits into the file, but it is %s"
                            .formatted(what, count));
        }
        return count;
    }

    private void readKey() throws ModelFormatException {
        long at = file.position();
        String key = file.readString(MOST_BYTES, "a key");
        if (key.isEmpty()) {
            throw file.error(null, at, "expected a key, but it is empty");
        }
        long typeAt = file.position();
        ValueType type = readType("key '" + key + "'");
        Object value = type == ValueType.ARRAY ? readArray(key) : readValue(type, key);
        if (metadata.putIfAbsent(key, value) != null) {
            throw file.error(null, at, "expected each key once, but '" + key + "' comes again");
        }
        if (key.equals(ALIGNMENT_KEY)) {
            if (type != ValueType.UINT32 || Long.bitCount((Long) value) != 1) {
                throw file.error(
                        null,
                        typeAt,
                        "key '%s': expected a power of two of type uint32, but it is %s of type %s"
                                .formatted(key, value, type.label()));
            }
            alignment = (Long) value;
        }
    }

    private ValueType readType(String what) throws ModelFormatException {
        long at = file.position();
        int type = file.readInt("the type of " + what);
        if (type < 0 || type >= ValueType.values().length) {
            throw file.error(null, at, what + ": expected a type from 0 to 12, but it is " + type);
        }
        return ValueType.values()[type];
    }

    private ModelFile.MetadataArray readArray(String key) throws ModelFormatException {
        long typeAt = file.position();
        ValueType type = readType("the elements of key '" + key + "'");
        if (type == ValueType.ARRAY) {
            throw file.error(
                    null, typeAt, "key '" + key + "': expected no array of arrays, but it is one");
        }
        long at = file.position();
        long count = file.readLong("the size of key '" + key + "'");
        if (count < 0 || count > MOST_BYTES) {
            throw file.error(
                    null,
                    at,
                    "key '%s': expected at most %s elements, but there are %s"
                            .formatted(key, MOST_BYTES, Long.toUnsignedString(count)));
        }
        if (type == ValueType.STRING) {
            for (long i = 0; i < count; i++) {
                file.skipString(MOST_BYTES, "an element of key '" + key + "'");
            }
        } else {
            file.skip(count * type.bytes, "key '" + key + "'");
        }
        return new ModelFile.MetadataArray(type.label(), count);
    }

    private Object readValue(ValueType type, String key) throws ModelFormatException {
        String what = "key '" + key + "'";
        return switch (type) {
            case UINT8 -> (long) (file.readByte(what) & 0xff);
            case INT8 -> (long) file.readByte(what);
            case UINT16 -> (long) (file.readShort(what) & 0xffff);
            case INT16 -> (long) file.readShort(what);
            case UINT32 -> Integer.toUnsignedLong(file.readInt(what));
            case INT32 -> (long) file.readInt(what);
            case FLOAT32 -> (double) Float.intBitsToFloat(file.readInt(what));
            case BOOL -> readBoolean(what);
            case STRING -> file.readString(MOST_BYTES, what);
            case UINT64 -> unsigned(file.readLong(what));
            case INT64 -> file.readLong(what);
            case FLOAT64 -> Double.longBitsToDouble(file.readLong(what));
            case ARRAY -> throw new AssertionError("arrays are read by readArray");
        };
    }

    private boolean readBoolean(String what) throws ModelFormatException {
        byte value = file.readByte(what);
        if (value != 0 && value != 1) {
            throw file.error(
                    null,
                    file.position() - 1,
                    what + ": expected 0 or 1, a bool, but it is " + (value & 0xff));
        }
        return value == 1;
    }

    private static Object unsigned(long value) {
        return value >= 0 ? (Object) value : new BigInteger(Long.toUnsignedString(value));
    }

    private List<ModelFile.Entry> readTensors(long count) throws ModelFormatException {
        List<Description> descriptions = new ArrayList<>(Math.toIntExact(count));
        Set<String> names = new HashSet<>();
        for (long i = 0; i < count; i++) {
            Description description = readTensor();
            if (!names.add(description.name)) {
                throw file.error(
                        description.name,
                        description.at,
                        "expected each name once, but it is again");
            }
            descriptions.add(description);
        }
        List<ModelFile.Entry> entries = new ArrayList<>(descriptions.size());
        long start = count == 0 ? file.position() : padded(file.position());
        long next = 0;
        for (Description description : descriptions) {
            long bytes = description.bytes;
            if (description.offset != next) {
                throw file.error(
                        description.name,
                        description.at,
                        "expected offset %s, behind the tensor before it, but it is %s"
                                .formatted(next, Long.toUnsignedString(description.offset)));
            }
            // Neither sum can overflow: all are at most the size of the file and an alignment.
            if (start > file.size() || bytes > file.size() - start - next) {
                throw tooShort(description, start + next);
            }
            next += padded(bytes);
            if (next > file.size() - start) {
                throw tooShort(description, start + description.offset);
            }
            entries.add(
                    new ModelFile.Entry(
                            description.name,
                            description.type,
                            description.shape,
                            start + description.offset,
                            bytes));
        }
        return entries;
    }

    private ModelFormatException tooShort(Description description, long at) {
        return file.error(
                description.name,
                Math.min(at, file.size()),
                "expected %s bytes from byte %s on, padded to %s, but the file has %s bytes"
                        .formatted(description.bytes, at, alignment, file.size()));
    }

    private long padded(long bytes) {
        return (bytes + alignment - 1) / alignment * alignment;
    }

    /** As the file describes a tensor; `at` is where it does. */
    private record Description(
            String name, TensorType type, long[] shape, long bytes, long offset, long at) {}

    private Description readTensor() throws ModelFormatException {
        long at = file.position();
        String name = file.readString(MOST_NAME_BYTES, "the name of a tensor");
        long dimensionsAt = file.position();
        int rank = file.readInt("the number of dimensions");
        if (rank < 0 || rank > MOST_DIMENSIONS) {
            throw file.error(
                    name,
                    dimensionsAt,
                    "expected at most 4 dimensions, but there are "
                            + Integer.toUnsignedString(rank));
        }
        // The file lists the contiguous dimension first.
        long[] shape = new long[rank];
        for (int dimension = rank - 1; dimension >= 0; dimension--) {
            shape[dimension] = file.readLong("the shape of tensor '" + name + "'");
        }
        long typeAt = file.position();
        int id = file.readInt("the type of tensor '" + name + "'");
        TensorType type = TensorType.ofGgufId(id);
        if (type == null) {
            throw file.error(
                    name,
                    typeAt,
                    "expected the type of a tensor, but there is none of number "
                            + Integer.toUnsignedString(id));
        }
        long columns = rank == 0 ? 1 : shape[rank - 1];
        if (columns % type.blockElements() != 0) {
            throw file.error(
                    name,
                    dimensionsAt,
                    "expected rows of a multiple of %s elements, the blocks of %s, but they have %s"
                            .formatted(type.blockElements(), type, columns));
        }
        long bytes = Sizes.bytes(type, shape);
        if (bytes < 0) {
            throw file.error(
                    name,
                    dimensionsAt,
                    "expected sizes of at least 0 with a product of less than 2^63, but they are "
                            + java.util.Arrays.toString(shape));
        }
        return new Description(
                name, type, shape, bytes, file.readLong("the offset of '" + name + "'"), at);
    }
}
