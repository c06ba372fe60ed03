/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.cli;

import io.gatun.DType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Reads and writes NumPy's {@code .npy} format (NEP 1), versions 1.0, 2.0 and 3.0.
 *
 * <p>Readable are {@code f2 f4 f8}, the integers {@code i1 i2 i4 i8 u1 u2 u4 u8}, {@code b1}, and
 * {@code V2}, which is what NumPy makes of the bfloat16 of ml_dtypes, in either byte order and
 * either C or Fortran order. All become float32. The file is data from elsewhere: whatever it
 * holds, the outcome is an array or an {@link IOException} with one sentence that names the file.
 */
final class Npy {
    private static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};
    private static final Set<String> TYPES =
            Set.of("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1", "V2");

    /** NumPy itself refuses to parse more than this. */
    private static final int MAX_HEADER = 1 << 16;

    private static final int CHUNK = 1 << 16;

    /** NumPy's: the data starts at a multiple of it. */
    private static final int ALIGNMENT = 64;

    private Npy() {}

    /**
     * Reads a file.
     *
     * @throws IOException if it cannot be read, or is not such a file
     */
    static NpyArray read(Path path) throws IOException {
        if (Files.isDirectory(path)) {
            throw new IOException(path + ": expected a .npy file, but it is a directory");
        }
        try (SeekableByteChannel channel = Files.newByteChannel(path)) {
            return read(path, channel);
        } catch (NoSuchFileException e) {
            throw new IOException(path + ": no such file", e);
        }
    }

    private static NpyArray read(Path path, SeekableByteChannel channel) throws IOException {
        ByteBuffer start = ByteBuffer.allocate(MAGIC.length + 2);
        boolean complete = fill(channel, start);
        if (start.limit() >= 2 && start.get(0) == 'P' && start.get(1) == 'K') {
            throw new IOException(
                    path
                            + ": expected a .npy file, but it is a .npz archive; save one array with np.save");
        }
        if (!complete || start.mismatch(ByteBuffer.wrap(MAGIC)) < MAGIC.length) {
            throw new IOException(
                    path + ": expected a .npy file, but it does not start with \\x93NUMPY");
        }
        int version = start.get(MAGIC.length);
        if (version < 1 || version > 3) {
            throw new IOException(
                    path + ": expected format version 1, 2 or 3, but it is " + version);
        }
        ByteBuffer lengthBytes =
                ByteBuffer.allocate(version == 1 ? 2 : 4).order(ByteOrder.LITTLE_ENDIAN);
        if (!fill(channel, lengthBytes)) {
            throw new IOException(path + ": the file ends inside its header");
        }
        long headerLength =
                version == 1
                        ? Short.toUnsignedInt(lengthBytes.getShort(0))
                        : Integer.toUnsignedLong(lengthBytes.getInt(0));
        if (headerLength > MAX_HEADER) {
            throw new IOException(
                    path
                            + ": expected a header of at most "
                            + MAX_HEADER
                            + " bytes, but it has "
                            + headerLength);
        }
        ByteBuffer headerBytes = ByteBuffer.allocate((int) headerLength);
        if (!fill(channel, headerBytes)) {
            throw new IOException(path + ": the file ends inside its header");
        }
        Charset charset = version == 3 ? StandardCharsets.UTF_8 : StandardCharsets.ISO_8859_1;
        Map<String, Object> header;
        try {
            header = new HeaderParser(new String(headerBytes.array(), charset)).parse();
        } catch (IllegalArgumentException e) {
            throw new IOException(path + ": malformed header: " + e.getMessage(), e);
        }
        return readData(path, channel, header);
    }

    private static NpyArray readData(
            Path path, SeekableByteChannel channel, Map<String, Object> header) throws IOException {
        if (!(header.get("descr") instanceof String descr)
                || !(header.get("fortran_order") instanceof Boolean fortran)
                || !(header.get("shape") instanceof List<?> sizes)) {
            throw new IOException(
                    path
                            + ": malformed header: expected descr (a simple type), fortran_order and shape, found "
                            + header);
        }
        boolean hasOrder = !descr.isEmpty() && "<>|=".indexOf(descr.charAt(0)) >= 0;
        String type = hasOrder ? descr.substring(1) : descr;
        if (type.equals("?")) {
            type = "b1";
        }
        if (!TYPES.contains(type)) {
            throw new IOException(
                    path
                            + ": the element type '"
                            + descr
                            + "' is not supported; expected f2, f4, f8, an integer type, b1, or V2 (bfloat16)");
        }
        ByteOrder order =
                switch (hasOrder ? descr.charAt(0) : '=') {
                    case '<' -> ByteOrder.LITTLE_ENDIAN;
                    case '>' -> ByteOrder.BIG_ENDIAN;
                    default -> ByteOrder.nativeOrder();
                };
        int elementBytes = type.charAt(1) - '0';
        long[] shape = new long[sizes.size()];
        long count = 1;
        for (int i = 0; i < shape.length; i++) {
            shape[i] = (Long) sizes.get(i);
        }
        boolean empty = false;
        for (long size : shape) {
            empty |= size == 0;
        }
        for (long size : shape) {
            count =
                    empty
                            ? 0
                            : Math.multiplyHigh(count, size) != 0 || count * size < 0
                                    ? Long.MAX_VALUE
                                    : count * size;
            if (count > Integer.MAX_VALUE - 8) {
                throw new IOException(
                        path
                                + ": expected at most "
                                + (Integer.MAX_VALUE - 8)
                                + " elements, but the shape is "
                                + NpyArray.text(shape));
            }
        }
        long available = channel.size() - channel.position();
        long needed = count * elementBytes;
        if (available != needed) {
            throw new IOException(
                    path
                            + ": expected "
                            + needed
                            + " bytes of data for "
                            + NpyArray.text(shape)
                            + " of "
                            + type
                            + ", but the file holds "
                            + available);
        }
        float[] values = new float[(int) count];
        ByteBuffer buffer = ByteBuffer.allocate(CHUNK).order(order);
        int done = 0;
        while (done < values.length) {
            buffer.clear()
                    .limit((int) Math.min(CHUNK, (long) (values.length - done) * elementBytes));
            if (!fill(channel, buffer)) {
                throw new IOException(path + ": the file ended while it was read");
            }
            int elements = buffer.limit() / elementBytes;
            for (int i = 0; i < elements; i++) {
                values[done + i] = element(buffer, i * elementBytes, type);
            }
            done += elements;
        }
        return new NpyArray(
                type,
                shape,
                fortran && shape.length > 1 ? fromFortranOrder(values, shape) : values);
    }

    private static float element(ByteBuffer buffer, int at, String type) {
        return switch (type) {
            case "f2" -> Float.float16ToFloat(buffer.getShort(at));
            case "f4" -> buffer.getFloat(at);
            case "f8" -> (float) buffer.getDouble(at);
            case "i1" -> buffer.get(at);
            case "i2" -> buffer.getShort(at);
            case "i4" -> buffer.getInt(at);
            case "i8" -> buffer.getLong(at);
            case "u1" -> Byte.toUnsignedInt(buffer.get(at));
            case "u2" -> Short.toUnsignedInt(buffer.getShort(at));
            case "u4" -> Integer.toUnsignedLong(buffer.getInt(at));
            case "u8" -> unsigned(buffer.getLong(at));
            case "b1" -> buffer.get(at) == 0 ? 0 : 1;
            case "V2" -> Float.intBitsToFloat(buffer.getShort(at) << 16);
            default -> throw new IllegalStateException(type);
        };
    }

    /** Halving keeps the lowest bit, so that the rounding to float is still to nearest. */
    private static float unsigned(long value) {
        return value >= 0 ? value : (float) (value >>> 1 | value & 1) * 2;
    }

    private static float[] fromFortranOrder(float[] values, long[] shape) {
        float[] result = new float[values.length];
        int[] index = new int[shape.length];
        int[] stride = new int[shape.length];
        int product = 1;
        for (int i = 0; i < shape.length; i++) {
            stride[i] = product;
            product *= (int) shape[i];
        }
        int from = 0;
        for (int to = 0; to < result.length; to++) {
            result[to] = values[from];
            for (int d = shape.length - 1; d >= 0; d--) {
                from += stride[d];
                if (++index[d] < shape[d]) {
                    break;
                }
                from -= index[d] * stride[d];
                index[d] = 0;
            }
        }
        return result;
    }

    /** Reads until the buffer is full; flips it. False if the file ends before. */
    private static boolean fill(SeekableByteChannel channel, ByteBuffer buffer) throws IOException {
        while (buffer.hasRemaining()) {
            if (channel.read(buffer) < 0) {
                buffer.flip();
                return false;
            }
        }
        buffer.flip();
        return true;
    }

    /**
     * Writes a file in C order and little-endian, in format version 1.0.
     *
     * @param type {@code f2}, {@code f4}, {@code f8}, or {@code V2} for the bits of bfloat16
     */
    static void write(Path path, NpyArray array, String type) throws IOException {
        StringBuilder shape = new StringBuilder("(");
        for (int i = 0; i < array.shape().length; i++) {
            shape.append(i == 0 ? "" : " ").append(array.shape()[i]).append(',');
        }
        if (array.shape().length > 1) {
            shape.setLength(shape.length() - 1);
        }
        String header =
                "{'descr': '<" + type + "', 'fortran_order': False, 'shape': " + shape + "), }";
        int prefix = MAGIC.length + 4;
        int total = (prefix + header.length() + 1 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        ByteBuffer buffer =
                ByteBuffer.allocate(Math.max(CHUNK, total)).order(ByteOrder.LITTLE_ENDIAN);
        buffer.put(MAGIC).put((byte) 1).put((byte) 0).putShort((short) (total - prefix));
        buffer.put(header.getBytes(StandardCharsets.ISO_8859_1));
        while (buffer.position() < total - 1) {
            buffer.put((byte) ' ');
        }
        buffer.put((byte) '\n');
        try (SeekableByteChannel channel =
                Files.newByteChannel(
                        path,
                        StandardOpenOption.CREATE,
                        StandardOpenOption.WRITE,
                        StandardOpenOption.TRUNCATE_EXISTING)) {
            for (float value : array.values()) {
                if (buffer.remaining() < Double.BYTES) {
                    drain(channel, buffer);
                }
                switch (type) {
                    case "f2" -> buffer.putShort(Float.floatToFloat16(value));
                    case "f4" -> buffer.putFloat(value);
                    case "f8" -> buffer.putDouble(value);
                    case "V2" -> buffer.putShort(DType.BF16.fromFloat(value));
                    default ->
                            throw new IllegalArgumentException(
                                    "type: expected f2, f4, f8 or V2, but it is " + type);
                }
            }
            drain(channel, buffer);
        } catch (NoSuchFileException e) {
            throw new IOException(path + ": the folder does not exist", e);
        }
    }

    private static void drain(SeekableByteChannel channel, ByteBuffer buffer) throws IOException {
        buffer.flip();
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
        buffer.clear();
    }

    /**
     * Parses the one Python literal that a header is: a dictionary of strings, booleans and tuples
     * of integers.
     */
    private static final class HeaderParser {
        private final String text;
        private int at;

        HeaderParser(String text) {
            this.text = text;
        }

        Map<String, Object> parse() {
            Map<String, Object> entries = new HashMap<>();
            expect('{');
            while (peek() != '}') {
                String key = string();
                expect(':');
                if (entries.put(key, value()) != null) {
                    throw error("'" + key + "' stands twice");
                }
                if (peek() != '}') {
                    expect(',');
                }
            }
            expect('}');
            if (peek() != 0) {
                throw error("text after the closing brace");
            }
            return entries;
        }

        private Object value() {
            char c = peek();
            if (c == '\'' || c == '"') {
                return string();
            }
            if (c == '(') {
                return tuple();
            }
            if (c == '[') {
                throw error("structured types are not supported");
            }
            if (text.startsWith("True", at)) {
                at += 4;
                return Boolean.TRUE;
            }
            if (text.startsWith("False", at)) {
                at += 5;
                return Boolean.FALSE;
            }
            throw error("expected a string, a tuple, True or False");
        }

        private List<Long> tuple() {
            List<Long> sizes = new ArrayList<>();
            expect('(');
            while (peek() != ')') {
                int start = at;
                while (at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '9') {
                    at++;
                }
                if (at == start) {
                    throw error("expected a size of at least 0");
                }
                try {
                    sizes.add(Long.valueOf(text.substring(start, at)));
                } catch (NumberFormatException e) {
                    throw error("the size " + text.substring(start, at) + " is too large");
                }
                if (at < text.length() && text.charAt(at) == 'L') {
                    // Python 2 wrote long integers so.
                    at++;
                }
                if (peek() != ')') {
                    expect(',');
                }
            }
            expect(')');
            if (sizes.size() > 32) {
                throw error("more than 32 dimensions");
            }
            return sizes;
        }

        private String string() {
            char quote = peek();
            if (quote != '\'' && quote != '"') {
                throw error("expected a string");
            }
            int end = text.indexOf(quote, at + 1);
            if (end < 0) {
                throw error("a string without its end");
            }
            String result = text.substring(at + 1, end);
            at = end + 1;
            return result;
        }

        private char peek() {
            while (at < text.length() && Character.isWhitespace(text.charAt(at))) {
                at++;
            }
            return at < text.length() ? text.charAt(at) : 0;
        }

        private void expect(char c) {
            if (peek() != c) {
                throw error("expected " + c);
            }
            at++;
        }

        private IllegalArgumentException error(String what) {
            return new IllegalArgumentException(what + " at character " + at);
        }
    }
}
