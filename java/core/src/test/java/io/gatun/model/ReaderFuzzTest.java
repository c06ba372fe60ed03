// SPDX-License-Identifier: Apache-2.0
package io.gatun.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/**
 * Damaged files: either the readers refuse them, or every tensor lies within the file; nothing else
 * is thrown, and what is allocated is bounded by the size of the file. A million inputs (20 s):
 *
 * <pre>{@code
 * mvn -pl java/core -am verify -Dtest=ReaderFuzzTest -Dsurefire.failIfNoSpecifiedTests=false \
 *     -Dgatun.fuzz.inputs=1000000 -Dgatun.fuzz.seed=7
 * }</pre>
 */
final class ReaderFuzzTest {
    private static final int INPUTS = Integer.getInteger("gatun.fuzz.inputs", 40_000);
    private static final long SEED = Long.getLong("gatun.fuzz.seed", 1);

    private static final long[] NUMBERS = {
        0,
        1,
        2,
        3,
        7,
        8,
        31,
        32,
        63,
        64,
        255,
        256,
        65535,
        1L << 30,
        Integer.MAX_VALUE,
        1L << 31,
        0xffffffffL,
        1L << 32,
        1L << 61,
        1L << 62,
        Long.MAX_VALUE,
        Long.MIN_VALUE,
        -1,
        -32
    };

    private static final String[] WORDS = {
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\\ud83d",
        "null",
        "-1",
        "18446744073709551615",
        "\"dtype\":",
        "\"shape\":[]",
        "\"data_offsets\":[0,0]",
        "[[[[[[[[",
        "\"__metadata__\":{}"
    };

    private static byte[] gguf() {
        return FileBuilder.gguf(3, 3, 4)
                .string("general.alignment")
                .i32(4)
                .i32(32)
                .string("name")
                .i32(8)
                .string("tiny")
                .string("tokens")
                .i32(9)
                .i32(8)
                .i64(3)
                .string("a")
                .string("bc")
                .string("")
                .string("scores")
                .i32(9)
                .i32(6)
                .i64(2)
                .f32(1)
                .f32(2)
                .tensor("a", 2, 0, 64, 2)
                .tensor("b", 14, 96, 256)
                .tensor("c", 0, 320, 2, 2, 2)
                .pad(32)
                .zeros(320 + 32)
                .build();
    }

    private static byte[] safetensors() {
        return FileBuilder.safetensors(
                "{\"__metadata__\":{\"format\":\"pt\"},"
                        + "\"a.qweight\":{\"dtype\":\"I32\",\"shape\":[4,2],\"data_offsets\":[0,32]},"
                        + "\"a.scales\":{\"dtype\":\"F16\",\"shape\":[1,16],\"data_offsets\":[32,64]},"
                        + "\"b\\u00e9\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[64,68]}}  ",
                new int[68]);
    }

    private static byte[] mutate(byte[] seed, SplittableRandom random) {
        byte[] file = seed.clone();
        for (int edits = 1 + random.nextInt(4); edits > 0 && file.length > 0; edits--) {
            int at = random.nextInt(file.length);
            switch (random.nextInt(7)) {
                case 0 -> file[at] ^= (byte) (1 << random.nextInt(8));
                case 1 -> file[at] = (byte) random.nextInt(256);
                case 2 -> file = putNumber(file, at, random);
                case 3 -> file = Arrays.copyOf(file, at);
                case 4 -> file = splice(file, at, random);
                case 5 -> file = insert(file, at, WORDS[random.nextInt(WORDS.length)].getBytes());
                default -> {
                    // Where lengths stand in both formats.
                    file = putNumber(file, Math.min(at, 8 * random.nextInt(4)), random);
                }
            }
        }
        return file;
    }

    private static byte[] putNumber(byte[] file, int at, SplittableRandom random) {
        ByteBuffer buffer = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        long number = NUMBERS[random.nextInt(NUMBERS.length)];
        if (random.nextBoolean() && at + 8 <= file.length) {
            buffer.putLong(at, number);
        } else if (at + 4 <= file.length) {
            buffer.putInt(at, (int) number);
        }
        return file;
    }

    /** Copies a stretch of the file to another place. */
    private static byte[] splice(byte[] file, int at, SplittableRandom random) {
        int length = random.nextInt(Math.min(file.length - at, 64) + 1);
        return insert(
                file, random.nextInt(file.length + 1), Arrays.copyOfRange(file, at, at + length));
    }

    private static byte[] insert(byte[] file, int at, byte[] part) {
        byte[] longer = new byte[file.length + part.length];
        System.arraycopy(file, 0, longer, 0, at);
        System.arraycopy(part, 0, longer, at, part.length);
        System.arraycopy(file, at, longer, at + part.length, file.length - at);
        return longer;
    }

    @Test
    void damagedFilesAreRefusedOrHarmless() throws Exception {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        byte[][] seeds = {gguf(), safetensors()};
        for (byte[] seed : seeds) {
            assertEquals(3, FileBuilder.read(seed).tensors().size());
        }
        int accepted = 0;
        for (int input = 0; input < INPUTS; input++) {
            SplittableRandom random = new SplittableRandom(SEED * 0x9e3779b97f4a7c15L + input);
            byte[] file = mutate(seeds[input % 2], random);
            long before = threads.getCurrentThreadAllocatedBytes();
            try {
                ModelFile model = FileBuilder.read(file);
                requireWithin(model, file.length);
                accepted++;
            } catch (ModelFormatException refused) {
                String message = refused.getMessage();
                assertTrue(message.startsWith("test.bin, "), message);
                assertTrue(
                        refused.offset() >= 0 && refused.offset() <= file.length,
                        () -> message + " of " + file.length + " bytes");
            } catch (RuntimeException | Error broken) {
                throw new AssertionError(
                        "input " + input + " of seed " + SEED + ": " + Arrays.toString(file),
                        broken);
            }
            long allocated = threads.getCurrentThreadAllocatedBytes() - before;
            int number = input;
            assertTrue(
                    allocated < 1_000_000 + 200L * file.length,
                    () -> "input " + number + " of seed " + SEED + " allocated " + allocated);
        }
        // Damage to names and data is none to the format: some files must pass, or the fuzzer
        // reaches nothing.
        assertTrue(accepted > INPUTS / 100, accepted + " of " + INPUTS + " were accepted");
    }

    private static void requireWithin(ModelFile model, long size) {
        for (ModelTensor tensor : model.tensors()) {
            assertTrue(tensor.offset() >= 0 && tensor.bytes() >= 0);
            assertTrue(tensor.offset() <= size - tensor.bytes(), tensor::toString);
            assertTrue(tensor.elementCount() >= 0);
            assertEquals(
                    tensor.bytes(),
                    tensor.elementCount()
                            / tensor.type().blockElements()
                            * tensor.type().blockBytes());
        }
    }
}
