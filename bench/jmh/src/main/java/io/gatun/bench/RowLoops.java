/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

/** An operation as loops over rows, which threads share. */
interface RowLoops extends RowPool.Rows {
    /** Before the first row of a call. */
    default void begin() {}

    /** After the last row of a call. */
    default void end() {}

    /** One call. */
    default void call(RowPool pool, int rows) {
        begin();
        pool.run(rows, this);
        end();
    }
}
