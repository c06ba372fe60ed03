// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * How the denominator Q of a rational activation is kept from having zeros. Coefficients that were
 * fitted under one form mean another function under the other.
 */
public enum RationalForm {
    /**
     * {@code Q = 1 + |b1| |x| + |b2| |x|^2 + ...}: what the released kernels of KAT compute, so the
     * form of every KAT checkpoint.
     */
    TERM_WISE(0),
    /**
     * {@code Q = 1 + |b1 x + b2 x^2 + ...|}: the safe Padé activation unit, and what the fitting
     * scripts of KAT assume.
     */
    SUM(1);

    private final int code;

    RationalForm(int code) {
        this.code = code;
    }

    /** The number of this form in the C interface. */
    int code() {
        return code;
    }
}
