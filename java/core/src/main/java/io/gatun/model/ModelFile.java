// SPDX-License-Identifier: Apache-2.0
package io.gatun.model;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * A GGUF or safetensors file, mapped read-only. May be used by any number of threads.
 *
 * <p>GGUF: versions 2 and 3, little-endian, <a
 * href="https://github.com/ggml-org/ggml/blob/master/docs/gguf.md">its specification</a>.
 * Safetensors: <a href="https://github.com/huggingface/safetensors">its specification</a>.
 */
public final class ModelFile implements AutoCloseable {
    /** The formats that are read. */
    public enum Format {
        /** GGUF, as llama.cpp writes it. */
        GGUF,
        /** Safetensors, as Hugging Face writes it. */
        SAFETENSORS
    }

    /**
     * An array among the metadata, such as the tokens of a vocabulary. Its elements are not kept.
     *
     * @param elementType the name of the element type, such as {@code string}
     * @param size the number of elements
     */
    public record MetadataArray(String elementType, long size) {
        /** As {@code string[128256]}. */
        @Override
        public String toString() {
            return elementType + "[" + size + "]";
        }
    }

    private final String name;
    private final Format format;
    private final int version;
    private final long size;
    private final Map<String, Object> metadata;
    private final Map<String, ModelTensor> tensors;
    private final Arena arena;

    /* Guarded by this. */
    private long holds;

    private ModelFile(String name, MemorySegment bytes, Arena arena) throws ModelFormatException {
        this.name = name;
        this.size = bytes.byteSize();
        this.arena = arena;
        FileBytes file = new FileBytes(name, bytes);
        Contents contents;
        if (GgufReader.isGguf(bytes)) {
            format = Format.GGUF;
            contents = GgufReader.read(file);
        } else {
            format = Format.SAFETENSORS;
            contents = SafetensorsReader.read(file);
        }
        version = contents.version;
        metadata = Collections.unmodifiableMap(contents.metadata);
        Map<String, ModelTensor> found = LinkedHashMap.newLinkedHashMap(contents.tensors.size());
        for (Entry entry : contents.tensors) {
            found.put(
                    entry.name,
                    new ModelTensor(
                            this,
                            entry.name,
                            entry.type,
                            entry.shape,
                            entry.offset,
                            bytes.asSlice(entry.offset, entry.bytes)));
        }
        tensors = Collections.unmodifiableMap(found);
    }

    /** What a reader finds in a file. Each tensor has been found to lie within it. */
    record Contents(int version, Map<String, Object> metadata, List<Entry> tensors) {}

    /** A tensor with its place in the file. */
    record Entry(String name, TensorType type, long[] shape, long offset, long bytes) {}

    /**
     * Maps a file and reads its header. Its format is that of its first bytes, not of its name.
     *
     * @param path the file
     * @return the open file, to be closed
     * @throws ModelFormatException if the file breaks a rule of its format
     * @throws IOException if it cannot be read
     */
    public static ModelFile open(Path path) throws IOException {
        Objects.requireNonNull(path, "path: expected a Path, but it is null");
        Arena arena = Arena.ofShared();
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            MemorySegment bytes = channel.map(MapMode.READ_ONLY, 0, channel.size(), arena);
            return new ModelFile(path.toString(), bytes, arena);
        } catch (InternalError fault) {
            arena.close();
            throw new IOException(path + ": the file was shortened while it was read", fault);
        } catch (Throwable failure) {
            arena.close();
            throw failure;
        }
    }

    /** Reads a file that is in memory, which is the caller's. */
    static ModelFile of(String name, MemorySegment bytes) throws ModelFormatException {
        return new ModelFile(name, bytes.asReadOnly(), null);
    }

    /**
     * The file.
     *
     * @return its path as it was given
     */
    public String name() {
        return name;
    }

    /**
     * Its format.
     *
     * @return GGUF or safetensors
     */
    public Format format() {
        return format;
    }

    /**
     * The version of the format.
     *
     * @return 2 or 3 for GGUF, 0 for safetensors
     */
    public int version() {
        return version;
    }

    /**
     * The size of the file.
     *
     * @return the number of bytes
     */
    public long size() {
        return size;
    }

    /**
     * What the file says beside its tensors, in its order: strings, numbers ({@link Long}, those
     * beyond it as {@link java.math.BigInteger}; {@link Double}), booleans, and {@link
     * MetadataArray}.
     *
     * @return an unmodifiable map
     */
    public Map<String, Object> metadata() {
        return metadata;
    }

    /**
     * All tensors, in the order of the file's list.
     *
     * @return an unmodifiable list
     */
    public List<ModelTensor> tensors() {
        return List.copyOf(tensors.values());
    }

    /**
     * A tensor that may be there.
     *
     * @param name its name
     * @return the tensor, if there is one
     */
    public Optional<ModelTensor> find(String name) {
        return Optional.ofNullable(tensors.get(name));
    }

    /**
     * A tensor.
     *
     * @param name its name
     * @return the tensor
     * @throws IllegalArgumentException if the file has none of that name
     */
    public ModelTensor tensor(String name) {
        return find(name)
                .orElseThrow(
                        () ->
                                new IllegalArgumentException(
                                        "name: expected one of the %s tensors of %s, but it is '%s'"
                                                .formatted(tensors.size(), this.name, name)));
    }

    /**
     * Keeps the file mapped: while anyone holds it, {@link #close()} fails. For whoever gives
     * addresses within it to native code.
     *
     * @return ends the hold when it is closed; closing it again is a no-op
     * @throws IllegalStateException if the file was closed
     */
    public synchronized Hold hold() {
        if (arena != null && !arena.scope().isAlive()) {
            throw new IllegalStateException(name + " is closed");
        }
        holds++;
        return new Hold(this);
    }

    /** A use of a file's memory. */
    public static final class Hold implements AutoCloseable {
        private ModelFile file;

        private Hold(ModelFile file) {
            this.file = file;
        }

        /** Ends the use. */
        @Override
        public synchronized void close() {
            if (file != null) {
                synchronized (file) {
                    file.holds--;
                }
                file = null;
            }
        }
    }

    /**
     * Unmaps the file; again is a no-op. Its tensors can no longer be read.
     *
     * @throws IllegalStateException if something holds the file, such as a matrix that is used in
     *     place; it stays open then
     */
    @Override
    public synchronized void close() {
        if (arena == null || !arena.scope().isAlive()) {
            return;
        }
        if (holds != 0) {
            throw new IllegalStateException(
                    "%s cannot be closed while %s of its tensors are used in place; close the "
                                    .formatted(name, holds)
                            + "matrices first");
        }
        arena.close();
    }

    /** As {@code model.gguf (GGUF, 291 tensors)}. */
    @Override
    public String toString() {
        return name + " (" + format + ", " + tensors.size() + " tensors)";
    }
}
