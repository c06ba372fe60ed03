// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;

/**
 * Looks at the headers of a shared library before the dynamic linker does: that one maps a file
 * which is too short without complaint, and the process dies at the first access.
 */
final class ElfFile {

    private static final int MAGIC = 0x464c457f; // "\177ELF", little-endian
    private static final int HEADER_BYTES = 64;
    private static final byte CLASS_64 = 2;
    private static final byte LITTLE_ENDIAN = 1;
    private static final int MACHINE_X86_64 = 62;
    private static final int MACHINE_AARCH64 = 183;

    private ElfFile() {}

    /** What is wrong with a file as a library for this platform, or null if nothing is seen. */
    static String problem(Path file, Platform platform) throws IOException {
        try (FileChannel channel = FileChannel.open(file)) {
            ByteBuffer header = read(channel, 0, HEADER_BYTES);
            if (header.limit() < 4 || header.getInt(0) != MAGIC) {
                return "not a shared library: it does not begin like an ELF file";
            }
            if (header.limit() < HEADER_BYTES) {
                return "damaged: it ends within its header";
            }
            if (header.get(4) != CLASS_64 || header.get(5) != LITTLE_ENDIAN) {
                return "for another architecture: expected 64 bits, little-endian";
            }
            int machine = Short.toUnsignedInt(header.getShort(18));
            int expected = machine(platform);
            if (expected != 0 && machine != expected) {
                return "for another architecture: expected ELF machine "
                        + expected
                        + " ("
                        + platform.name()
                        + "), but it has "
                        + machine;
            }
            long end = endOfSegments(channel, header);
            return end <= channel.size()
                    ? null
                    : "damaged: expected at least "
                            + end
                            + " bytes by its headers, but it has "
                            + channel.size();
        }
    }

    /** The end of the last byte that any program header refers to, or of those headers. */
    private static long endOfSegments(FileChannel channel, ByteBuffer header) throws IOException {
        long offset = header.getLong(32);
        int entryBytes = Short.toUnsignedInt(header.getShort(54));
        int count = Short.toUnsignedInt(header.getShort(56));
        long end = offset + (long) entryBytes * count;
        ByteBuffer entries = read(channel, offset, entryBytes * count);
        for (int i = 0; (i + 1) * entryBytes <= entries.limit(); i++) {
            long segmentOffset = entries.getLong(i * entryBytes + 8);
            long segmentBytes = entries.getLong(i * entryBytes + 32);
            end = Math.max(end, segmentOffset + segmentBytes);
        }
        return end;
    }

    /** As many of the bytes as the file has. */
    private static ByteBuffer read(FileChannel channel, long position, int bytes)
            throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
        while (buffer.hasRemaining() && channel.read(buffer, position + buffer.position()) >= 0) {
            // Reads on until the buffer is full or the file ends.
        }
        return buffer.flip();
    }

    private static int machine(Platform platform) {
        if (platform.name().contains("-x86_64")) {
            return MACHINE_X86_64;
        }
        return platform.name().contains("-aarch_64") ? MACHINE_AARCH64 : 0;
    }
}
