// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.util.Objects;

/**
 * The coefficients of a rational activation {@code P / Q}. Columns are cut into groups of as many
 * neighbours; each group has coefficients of its own, or shares those of all.
 *
 * @param numerator {@code [groups, degree + 1]} or {@code [1, degree + 1]} for all groups, {@link
 *     DType#F32}, contiguous: {@code a0} first; degree 1 to 8
 * @param denominator {@code [groups, degree]} or {@code [1, degree]}, likewise: {@code b1} first
 * @param form what Q is
 */
public record RationalCoefficients(Tensor numerator, Tensor denominator, RationalForm form)
        implements AutoCloseable {
    /**
     * Checks that all are there.
     *
     * @throws NullPointerException if one is null
     */
    public RationalCoefficients {
        Objects.requireNonNull(numerator, "numerator: expected a Tensor, but it is null");
        Objects.requireNonNull(denominator, "denominator: expected a Tensor, but it is null");
        Objects.requireNonNull(form, "form: expected a RationalForm, but it is null");
    }

    /**
     * Coefficients as KAT begins with, in memory that a device allocates, to be closed by the
     * caller: a numerator that all groups share, a denominator for each group.
     *
     * @param device where
     * @param init which function
     * @param groups how many groups of columns there are, at least 1; 8 in KAT
     * @return the coefficients, in the form of the set
     * @throws IllegalArgumentException if groups is less than 1
     */
    public static RationalCoefficients initial(Device device, RationalInit init, int groups) {
        Objects.requireNonNull(init, "init: expected a RationalInit, but it is null");
        if (groups < 1) {
            throw new IllegalArgumentException("groups: expected at least 1, but it is " + groups);
        }
        float[] one = init.denominator();
        float[] denominator = new float[Math.multiplyExact(groups, one.length)];
        for (int i = 0; i < denominator.length; i++) {
            denominator[i] = one[i % one.length];
        }
        return of(device, init.numerator(), 1, denominator, groups, init.form());
    }

    /**
     * The parameters of a layer of a KAT checkpoint: the rows are groups, {@code a0} and {@code b1}
     * first, and the form is {@link RationalForm#TERM_WISE}, whatever function the layer began
     * with.
     *
     * @param device where, as in {@link #initial}
     * @param weightNumerator {@code weight_numerator} of the layer: {@code [1, 6]} in the releases,
     *     in row-major order
     * @param numeratorGroups how many rows it has
     * @param weightDenominator {@code weight_denominator} of the layer: {@code [8, 4]} in the
     *     releases, in row-major order
     * @param denominatorGroups how many rows it has
     * @return the coefficients
     * @throws IllegalArgumentException if rows are not of 2 to 9 and 1 to 8 numbers, if both have
     *     several groups but not as many, or if a number is NaN
     */
    public static RationalCoefficients fromKat(
            Device device,
            float[] weightNumerator,
            int numeratorGroups,
            float[] weightDenominator,
            int denominatorGroups) {
        requireRows(weightNumerator, "weightNumerator", numeratorGroups, 2);
        requireRows(weightDenominator, "weightDenominator", denominatorGroups, 1);
        if (numeratorGroups != denominatorGroups
                && numeratorGroups != 1
                && denominatorGroups != 1) {
            throw new IllegalArgumentException(
                    "denominatorGroups: expected 1 or the %s of the numerator, but it is %s"
                            .formatted(numeratorGroups, denominatorGroups));
        }
        return of(
                device,
                weightNumerator,
                numeratorGroups,
                weightDenominator,
                denominatorGroups,
                RationalForm.TERM_WISE);
    }

    private static void requireRows(float[] values, String name, int groups, int least) {
        Objects.requireNonNull(values, name + ": expected a float[], but it is null");
        int most = PolynomialCoefficients.MAX_ORDER + least - 1;
        if (groups < 1
                || values.length % groups != 0
                || values.length / groups < least
                || values.length / groups > most) {
            throw new IllegalArgumentException(
                    "%s: expected %s to %s numbers for each group, but there are %s for %s groups"
                            .formatted(name, least, most, values.length, groups));
        }
    }

    private static RationalCoefficients of(
            Device device,
            float[] numerator,
            int numeratorGroups,
            float[] denominator,
            int denominatorGroups,
            RationalForm form) {
        Tensor above =
                PolynomialCoefficients.allocate(
                        device,
                        numerator,
                        "numerator",
                        numeratorGroups,
                        numerator.length / numeratorGroups);
        Tensor below =
                PolynomialCoefficients.allocate(
                        device,
                        denominator,
                        "denominator",
                        denominatorGroups,
                        denominator.length / denominatorGroups);
        return new RationalCoefficients(above, below, form);
    }

    /**
     * The same numbers with another denominator, which is another function.
     *
     * @param form as in the record
     * @return coefficients in the same memory
     */
    public RationalCoefficients withForm(RationalForm form) {
        return new RationalCoefficients(numerator, denominator, form);
    }

    /** How many groups of columns have coefficients of their own. */
    long groups() {
        return Math.max(numerator.rows, denominator.rows);
    }

    int numeratorDegree() {
        return (int) numerator.columns - 1;
    }

    int denominatorDegree() {
        return (int) denominator.columns;
    }

    /** Frees the memory if a device allocated it. */
    @Override
    public void close() {
        numerator.close();
        denominator.close();
    }
}
