/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

/**
 * One array of an operation.
 *
 * @param name the name in the C interface
 * @param input whether it is read and has values before the call
 * @param extent its shape
 * @param least the least value of an input
 * @param spread how far above that its values lie
 */
record Operand(String name, boolean input, Extent extent, float least, float spread) {
    /** The shape of an array, and with it the data type. */
    enum Extent {
        /** Rows by width, of the data type of the workload, with a distance between rows. */
        FULL,
        /** The same for each function of a basis, those of a row next to each other. */
        FUNCTIONS,
        /** Rows by the outputs of a layer, of the data type of the workload. */
        OUTPUTS,
        /** One float32 for each function and column. */
        ENDS,
        /** One float32 for each column, function and output of a layer. */
        WEIGHTS,
        /** One float32 for each column. */
        COLUMNS,
        /** One float32 for each row. */
        ROWS
    }

    /** Rows that are read. */
    static Operand data(String name) {
        return new Operand(name, true, Extent.FULL, -1.75f, 4);
    }

    /** What functions are to be multiplied with. */
    static Operand functions(String name) {
        return new Operand(name, true, Extent.FUNCTIONS, -1.75f, 4);
    }

    /** Where the windows of each column begin or end, about a place. */
    static Operand ends(String name, float about) {
        return new Operand(name, true, Extent.ENDS, about - 0.5f, 1);
    }

    /** Rows of the outputs of a layer that are read. */
    static Operand outputs(String name) {
        return new Operand(name, true, Extent.OUTPUTS, -1.75f, 4);
    }

    /** The weights of a layer. */
    static Operand weights(String name) {
        return new Operand(name, true, Extent.WEIGHTS, -0.5f, 1);
    }

    /** A factor of each column. */
    static Operand gamma(String name) {
        return new Operand(name, true, Extent.COLUMNS, 0.5f, 1);
    }

    /** What is added to each column. */
    static Operand beta(String name) {
        return new Operand(name, true, Extent.COLUMNS, -0.5f, 1);
    }

    /** A number for each row that is read. */
    static Operand rows(String name) {
        return new Operand(name, true, Extent.ROWS, -0.5f, 1);
    }

    /** An array that is written. */
    static Operand result(String name, Extent extent) {
        return new Operand(name, false, extent, 0, 0);
    }
}
