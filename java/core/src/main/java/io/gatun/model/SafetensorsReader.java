// SPDX-License-Identifier: Apache-2.0
package io.gatun.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Safetensors: the length of the header in 64 bits, the header in JSON, the data. Tensors must
 * cover the data without a gap or an overlap.
 */
final class SafetensorsReader {
    private static final long MOST_HEADER_BYTES = 100_000_000;
    private static final int MOST_DIMENSIONS = 64;
    private static final int LENGTH_BYTES = 8;
    private static final String METADATA = "__metadata__";

    private final FileBytes file;
    private final JsonReader json;
    private final long dataStart;
    private final long dataBytes;
    private final Map<String, Object> metadata = new LinkedHashMap<>();
    private final Map<String, ModelFile.Entry> tensors = new LinkedHashMap<>();

    private SafetensorsReader(FileBytes file, byte[] header) {
        this.file = file;
        this.json =
                new JsonReader(
                        header,
                        (offset, reason) -> file.error(null, LENGTH_BYTES + offset, reason));
        this.dataStart = LENGTH_BYTES + header.length;
        this.dataBytes = file.size() - dataStart;
    }

    static ModelFile.Contents read(FileBytes file) throws ModelFormatException {
        if (file.size() < LENGTH_BYTES + 2) {
            throw file.error(
                    "expected a GGUF or safetensors file, but it has " + file.size() + " bytes");
        }
        long length = file.readLong("the length of the header");
        if (length < 2 || length > MOST_HEADER_BYTES || length > file.left()) {
            throw file.error(
                    null,
                    0,
                    ("expected GGUF, or the length of a safetensors header (at most %s and the %s "
                                    + "bytes behind it), but it is %s")
                            .formatted(
                                    MOST_HEADER_BYTES, file.left(), Long.toUnsignedString(length)));
        }
        return new SafetensorsReader(file, file.readBytes(length, "the header")).read();
    }

    private ModelFile.Contents read() throws ModelFormatException {
        json.readObject("the header", this::readMember);
        json.requireEnd();
        requireCovered();
        return new ModelFile.Contents(0, metadata, new ArrayList<>(tensors.values()));
    }

    private void readMember(String name, int at) throws ModelFormatException {
        if (name.equals(METADATA)) {
            json.readObject(METADATA, this::readMetadata);
        } else if (tensors.putIfAbsent(name, readTensor(name, at)) != null) {
            throw error(name, at, "expected each name once, but it is again");
        }
    }

    private void readMetadata(String key, int at) throws ModelFormatException {
        if (metadata.putIfAbsent(key, json.readString("the value of '" + key + "'")) != null) {
            throw error(null, at, "expected each key once, but '" + key + "' comes again");
        }
    }

    private ModelFormatException error(String tensor, int at, String reason) {
        return file.error(tensor, LENGTH_BYTES + (long) at, reason);
    }

    /** What a tensor's object has said. */
    private static final class Fields {
        private TensorType type;
        private long[] shape;
        private long[] offsets;
    }

    private ModelFile.Entry readTensor(String name, int at) throws ModelFormatException {
        Fields fields = new Fields();
        String what = "tensor '" + name + "'";
        json.readObject(what, (key, keyAt) -> readField(name, what, fields, key, keyAt));
        if (fields.type == null || fields.shape == null || fields.offsets == null) {
            throw error(name, at, "expected dtype, shape and data_offsets, but one is missing");
        }
        long[] offsets = fields.offsets;
        if (offsets.length != 2 || offsets[0] > offsets[1] || offsets[1] > dataBytes) {
            throw error(
                    name,
                    at,
                    "data_offsets: expected two in ascending order within the %s bytes of data, "
                                    .formatted(dataBytes)
                            + "but they are "
                            + Arrays.toString(offsets));
        }
        long bytes = Sizes.bytes(fields.type, fields.shape);
        if (bytes != offsets[1] - offsets[0]) {
            throw error(
                    name,
                    at,
                    "data_offsets: expected the bytes of %s%s, but %s have %s"
                            .formatted(
                                    fields.type,
                                    Arrays.toString(fields.shape),
                                    Arrays.toString(offsets),
                                    offsets[1] - offsets[0]));
        }
        return new ModelFile.Entry(name, fields.type, fields.shape, dataStart + offsets[0], bytes);
    }

    private void readField(String name, String what, Fields fields, String key, int at)
            throws ModelFormatException {
        boolean again =
                switch (key) {
                    case "dtype" -> fields.type != null;
                    case "shape" -> fields.shape != null;
                    case "data_offsets" -> fields.offsets != null;
                    default -> false;
                };
        if (again) {
            throw error(name, at, "expected " + key + " once, but it comes again");
        }
        switch (key) {
            case "dtype" -> fields.type = readType(name, at);
            case "shape" -> fields.shape = readCounts("the shape of " + what);
            case "data_offsets" -> fields.offsets = readCounts("data_offsets of " + what);
            default -> json.skipValue(what);
        }
    }

    private TensorType readType(String name, int at) throws ModelFormatException {
        String label = json.readString("dtype");
        return switch (label) {
            case "F64" -> TensorType.F64;
            case "F32" -> TensorType.F32;
            case "F16" -> TensorType.F16;
            case "BF16" -> TensorType.BF16;
            case "F8_E4M3" -> TensorType.F8_E4M3;
            case "F8_E5M2" -> TensorType.F8_E5M2;
            case "F8_E8M0" -> TensorType.F8_E8M0;
            case "F6_E2M3" -> TensorType.F6_E2M3;
            case "F6_E3M2" -> TensorType.F6_E3M2;
            case "F4" -> TensorType.F4;
            case "C64" -> TensorType.C64;
            case "I64" -> TensorType.I64;
            case "I32" -> TensorType.I32;
            case "I16" -> TensorType.I16;
            case "I8" -> TensorType.I8;
            case "U64" -> TensorType.U64;
            case "U32" -> TensorType.U32;
            case "U16" -> TensorType.U16;
            case "U8" -> TensorType.U8;
            case "BOOL" -> TensorType.BOOL;
            case "Q4" -> TensorType.Q4;
            default ->
                    throw error(
                            name,
                            at,
                            "dtype: expected one of safetensors, but it is '" + label + "'");
        };
    }

    private long[] readCounts(String what) throws ModelFormatException {
        long[] counts = new long[MOST_DIMENSIONS];
        int[] size = new int[1];
        json.readArray(
                what,
                () -> {
                    if (size[0] == MOST_DIMENSIONS) {
                        throw json.error(
                                "expected at most " + MOST_DIMENSIONS + " numbers in " + what);
                    }
                    counts[size[0]++] = json.readCount(what);
                });
        return Arrays.copyOf(counts, size[0]);
    }

    private void requireCovered() throws ModelFormatException {
        List<ModelFile.Entry> ordered = new ArrayList<>(tensors.values());
        ordered.sort(
                Comparator.comparingLong(ModelFile.Entry::offset)
                        .thenComparingLong(ModelFile.Entry::bytes));
        long next = dataStart;
        for (ModelFile.Entry entry : ordered) {
            if (entry.offset() != next) {
                throw file.error(
                        entry.name(),
                        entry.offset(),
                        "expected the tensors to cover the data without gap or overlap, but the "
                                + "tensor before it ends at byte "
                                + next);
            }
            next += entry.bytes();
        }
        if (next != file.size()) {
            throw file.error(
                    null,
                    next,
                    "expected the end of the file behind the last tensor, but there are %s more bytes"
                            .formatted(file.size() - next));
        }
    }
}
