// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * How long a critical call may be. While one runs no safepoint can be reached, so all threads of
 * the JVM may have to wait for it. Work on heap arrays is therefore cut into pieces of about 20
 * microseconds, with a plain call after each. One row is not cut, so that the bits are those of
 * off-heap memory, and a row that would take more than 200 microseconds is copied off-heap first.
 *
 * @param pieceElements how many elements a piece may have
 * @param rowElements how many elements a row may have that is used where it is
 */
record HeapCalls(long pieceElements, long rowElements) {
    private static final long PIECE_NANOS = 20_000;
    private static final long ROW_NANOS = 200_000;

    /**
     * How many bytes one copy between heap and off-heap memory moves: less than a piece, for memory
     * out of cache.
     */
    static final long COPY_BYTES = 1 << 16;

    /**
     * For the row kernels of a level: the times are upper bounds for one element of any type, out
     * of cache.
     */
    static HeapCalls ofRowKernels(Isa isa) {
        long nanosPerElement =
                switch (isa) {
                    case SCALAR -> 5;
                    case AVX2, AVX512, AVX512VNNI, NEON -> 1;
                };
        return new HeapCalls(PIECE_NANOS / nanosPerElement, ROW_NANOS / nanosPerElement);
    }

    /** How many rows make a piece. */
    long pieceRows(long columns) {
        return columns >= pieceElements ? 1 : pieceElements / columns;
    }
}
