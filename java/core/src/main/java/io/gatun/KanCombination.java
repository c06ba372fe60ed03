// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/** How {@link KanWindows} combine u and v. */
public enum KanCombination {
    /** {@code (u v)^2}. */
    QUAD1(0),
    /** {@code u v + u^2 + v^2}. */
    QUAD2(1),
    /** {@code u + v}. */
    SUM(2),
    /** {@code u v}. */
    PROD(3),
    /** {@code u + v + u v}. */
    SUM_PROD(4),
    /** {@code (u + v) (u^2 + v^2)}. */
    CUBIC1(5),
    /** {@code (u v)^3}. */
    CUBIC2(6);

    private final int code;

    KanCombination(int code) {
        this.code = code;
    }

    /** The number of this combination in the C interface. */
    int code() {
        return code;
    }
}
