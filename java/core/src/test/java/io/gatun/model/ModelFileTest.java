// SPDX-License-Identifier: Apache-2.0
package io.gatun.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files on disk. */
final class ModelFileTest {
    @TempDir private Path folder;

    private Path file() throws Exception {
        return Files.write(
                folder.resolve("m.safetensors"),
                FileBuilder.safetensors(
                        "{\"w\":{\"dtype\":\"I8\",\"shape\":[2],\"data_offsets\":[0,2]}}", 7, 8));
    }

    @Test
    void mapsAFile() throws Exception {
        try (ModelFile model = ModelFile.open(file())) {
            assertEquals(folder.resolve("m.safetensors").toString(), model.name());
            assertEquals(Files.size(Path.of(model.name())), model.size());
            MemorySegment w = model.tensor("w").segment();
            assertTrue(w.isMapped());
            assertEquals(8, w.get(ValueLayout.JAVA_BYTE, 1));
            assertThrows(
                    IllegalArgumentException.class,
                    () -> w.set(ValueLayout.JAVA_BYTE, 0, (byte) 1));
        }
    }

    @Test
    void tensorsOfAClosedFileThrow() throws Exception {
        ModelFile model = ModelFile.open(file());
        model.close();
        model.close();
        MemorySegment w = model.tensor("w").segment();
        assertThrows(IllegalStateException.class, () -> w.get(ValueLayout.JAVA_BYTE, 0));
        assertEquals(
                model.name() + " is closed",
                assertThrows(IllegalStateException.class, model::hold).getMessage());
    }

    @Test
    void aHeldFileStaysOpen() throws Exception {
        ModelFile model = ModelFile.open(file());
        ModelFile.Hold hold = model.hold();
        assertThrows(IllegalStateException.class, model::close);
        assertEquals(7, model.tensor("w").segment().get(ValueLayout.JAVA_BYTE, 0));
        hold.close();
        hold.close();
        ModelFile.Hold other = model.hold();
        assertThrows(IllegalStateException.class, model::close);
        other.close();
        model.close();
    }

    @Test
    void errorsNameTheFile() throws Exception {
        Path wrong = Files.write(folder.resolve("wrong.gguf"), new byte[] {'G', 'G', 'U', 'F', 9});
        ModelFormatException e =
                assertThrows(ModelFormatException.class, () -> ModelFile.open(wrong));
        assertTrue(e.getMessage().startsWith(wrong + ", byte 4: "), e.getMessage());
        assertThrows(
                ModelFormatException.class,
                () -> ModelFile.open(Files.createFile(folder.resolve("empty"))));
        assertThrows(
                NoSuchFileException.class, () -> ModelFile.open(folder.resolve("missing.gguf")));
    }
}
