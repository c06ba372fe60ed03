// SPDX-License-Identifier: Apache-2.0
package io.gatun.model;

import java.io.IOException;

/** A file breaks a rule of its format, or uses a part of it that is not read here. */
public final class ModelFormatException extends IOException {
    private static final long serialVersionUID = 1L;

    private final String file;
    private final String tensor;
    private final long offset;

    /**
     * Creates an exception.
     *
     * @param file the file
     * @param tensor the tensor in question, or null
     * @param offset where in the file the rule is broken, in bytes
     * @param reason what was expected and what was found
     */
    public ModelFormatException(String file, String tensor, long offset, String reason) {
        super(
                file
                        + (tensor == null ? "" : ", tensor '" + tensor + "'")
                        + ", byte "
                        + offset
                        + ": "
                        + reason);
        this.file = file;
        this.tensor = tensor;
        this.offset = offset;
    }

    /**
     * The file.
     *
     * @return its path as it was given
     */
    public String file() {
        return file;
    }

    /**
     * The tensor.
     *
     * @return its name, or null where the rule is not one of a single tensor
     */
    public String tensor() {
        return tensor;
    }

    /**
     * Where the rule is broken.
     *
     * @return bytes from the beginning of the file
     */
    public long offset() {
        return offset;
    }
}
