// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * Where gate and value lie in the rows of the tensors that hold them, which may be one.
 *
 * @param gate where in a row the first gate stands
 * @param value where in a row the first value stands
 * @param step from one gate to the next, and from value to value
 */
record GatePlaces(long gate, long value, long step) {
    /** Two tensors. */
    static final GatePlaces SEPARATE = new GatePlaces(0, 0, 1);

    /** The number of the layout in the C interface. */
    int code() {
        return step == 1 ? 0 : 1;
    }
}
