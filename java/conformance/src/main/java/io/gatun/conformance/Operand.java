/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

/**
 * One tensor that an operation reads or writes.
 *
 * @param name the name in the Java and C interfaces, such as {@code gamma}
 * @param role input or output, needed or not
 * @param extent its shape relative to the first input
 * @param storage its data type relative to that of the operation
 * @param description one line for {@code --help}
 */
public record Operand(String name, Role role, Extent extent, Storage storage, String description) {
    /** Input or output, needed or not. */
    public enum Role {
        /** Read, always given. */
        INPUT,
        /** Read, may be absent. */
        OPTIONAL_INPUT,
        /** Written, always given. */
        OUTPUT,
        /** Written, may be absent. */
        OPTIONAL_OUTPUT;

        /**
         * Whether the operation reads it.
         *
         * @return true for both kinds of input
         */
        public boolean isInput() {
            return this == INPUT || this == OPTIONAL_INPUT;
        }
    }

    /**
     * The shape relative to the first input, which is {@code [..., columns]} with rows = the
     * product of the others.
     */
    public enum Extent {
        /** The same shape. */
        FULL,
        /** {@code [columns]}. */
        COLUMNS,
        /** {@code [rows]}. */
        ROWS
    }

    /** The data type relative to that of the operation. */
    public enum Storage {
        /** That of the operation. */
        DATA,
        /** That of the operation, or float32. */
        PARAMETER,
        /** Always float32. */
        STATISTIC
    }
}
