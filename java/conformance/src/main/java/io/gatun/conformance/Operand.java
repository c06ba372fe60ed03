/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

/**
 * One tensor that an operation reads or writes.
 *
 * @param name the name in the C interface, such as {@code gamma}
 * @param role input or output, needed or not
 * @param extent its shape relative to the first input
 * @param storage its data type relative to that of the operation
 * @param description one line for {@code --help}
 * @param like the input whose shape it has, where the extent is HEADS; else null
 */
public record Operand(
        String name, Role role, Extent extent, Storage storage, String description, String like) {
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
     * product of the others, or {@code [tokens, heads, columns]} with rows = tokens.
     */
    public enum Extent {
        /** The same shape. */
        FULL,
        /** {@code [columns]}. */
        COLUMNS,
        /** {@code [rows]}. */
        ROWS,
        /** {@code [tokens, heads, columns]} with any number of heads. */
        HEADS,
        /** {@code [tokens, heads]} with the heads of all inputs. */
        TOKENS_AND_HEADS,
        /** {@code [..., functions, columns]}, as {@link Operation#functions} counts them. */
        FUNCTIONS,
        /** One of its own, without gaps, which {@link Operation#shape} gives for outputs. */
        OWN
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

    /** Data of the first input's shape that is read. */
    static Operand input(String name, String description) {
        return new Operand(name, Role.INPUT, Extent.FULL, Storage.DATA, description, null);
    }

    static Operand optionalInput(String name, String description) {
        return new Operand(name, Role.OPTIONAL_INPUT, Extent.FULL, Storage.DATA, description, null);
    }

    /** A parameter of each column. */
    static Operand parameter(String name, String description) {
        return new Operand(
                name, Role.OPTIONAL_INPUT, Extent.COLUMNS, Storage.PARAMETER, description, null);
    }

    /** Data of the first input's shape that is written. */
    static Operand output(String name, String description) {
        return new Operand(name, Role.OUTPUT, Extent.FULL, Storage.DATA, description, null);
    }

    static Operand optionalOutput(String name, String description) {
        return new Operand(
                name, Role.OPTIONAL_OUTPUT, Extent.FULL, Storage.DATA, description, null);
    }

    /** Float32 numbers in a shape of their own that are read. */
    static Operand coefficients(String name, String description) {
        return own(name, Role.INPUT, Storage.STATISTIC, description);
    }

    /** Float32 numbers in a shape of their own that are written. */
    static Operand ownOutput(String name, String description) {
        return own(name, Role.OPTIONAL_OUTPUT, Storage.STATISTIC, description);
    }

    /** Numbers in a shape of their own. */
    static Operand own(String name, Role role, Storage storage, String description) {
        return new Operand(name, role, Extent.OWN, storage, description, null);
    }

    /** Data of the first input's shape with functions in front of the columns. */
    static Operand functions(String name, boolean input, String description) {
        return new Operand(
                name,
                input ? Role.INPUT : Role.OUTPUT,
                Extent.FUNCTIONS,
                Storage.DATA,
                description,
                null);
    }

    /** A float32 number of each row that is written. */
    static Operand statistic(String name, String description) {
        return new Operand(
                name, Role.OPTIONAL_OUTPUT, Extent.ROWS, Storage.STATISTIC, description, null);
    }

    /** A float32 number of each row that is read. */
    static Operand savedStatistic(String name, String description) {
        return new Operand(
                name, Role.OPTIONAL_INPUT, Extent.ROWS, Storage.STATISTIC, description, null);
    }

    /** A float32 gradient of each column that is written. */
    static Operand gradient(String name, String description) {
        return new Operand(
                name, Role.OPTIONAL_OUTPUT, Extent.COLUMNS, Storage.STATISTIC, description, null);
    }
}
