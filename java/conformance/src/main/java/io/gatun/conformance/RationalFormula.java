/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.RationalForm;
import java.util.Arrays;

/**
 * A rational function in float64, and what errors are relative to.
 *
 * @param a the numerator's coefficients
 * @param terms 0, then the denominator's from power 1 on
 * @param form what the denominator is
 */
record RationalFormula(double[] a, double[] terms, RationalForm form) {
    /** That of each column. */
    static RationalFormula[] ofColumns(Call call) {
        return ofColumns(call, call.stored("numerator"), call.stored("denominator"));
    }

    static RationalFormula[] ofColumns(Call call, double[] above, double[] below) {
        long[] aShape = shape(call, "numerator");
        long[] bShape = shape(call, "denominator");
        int groups = (int) Math.max(aShape[0], bShape[0]);
        RationalForm form = call.settings().choice(RationalForward.FORM, RationalForm.class);
        RationalFormula[] ofGroups = new RationalFormula[groups];
        Arrays.setAll(
                ofGroups,
                group ->
                        new RationalFormula(
                                row(above, aShape, group, 0), row(below, bShape, group, 1), form));
        RationalFormula[] ofColumns = new RationalFormula[call.columns()];
        Arrays.setAll(ofColumns, column -> ofGroups[group(call, groups, column)]);
        return ofColumns;
    }

    private static long[] shape(Call call, String name) {
        Operand operand = call.operation().operand(name).orElseThrow();
        return RationalForward.shape(operand, call.columns(), call.settings());
    }

    /** The group of a column. */
    static int group(Call call, int groups, int column) {
        return column / (call.columns() / groups);
    }

    /** The coefficients of a group, behind some zeros. */
    private static double[] row(double[] values, long[] shape, int group, int zeros) {
        int width = (int) shape[1];
        double[] row = new double[width + zeros];
        System.arraycopy(values, shape[0] == 1 ? 0 : group * width, row, zeros, width);
        return row;
    }

    double denominator(double x) {
        return 1
                + (form == RationalForm.TERM_WISE
                        ? Horner.magnitudes(terms, x)
                        : Math.abs(Horner.sum(terms, x)));
    }

    double value(double x) {
        return Horner.sum(a, x) / denominator(x);
    }

    /** How much greater the magnitudes of the terms of Q are than Q. */
    private double condition(double x) {
        return 1 + (1 + Horner.magnitudes(terms, x)) / denominator(x);
    }

    double scale(double x) {
        return Horner.magnitudes(a, x) / denominator(x) * condition(x);
    }

    double scaleOfSlope(double x) {
        double inner = Horner.slopeMagnitudes(terms, x);
        double sum = Horner.slopeMagnitudes(a, x) + scale(x) * inner;
        return sum / denominator(x) * condition(x);
    }

    /**
     * Adds to what the gradients of the numerator and the denominator are relative to, at the
     * places of the coefficients of the group.
     */
    void addScales(
            double upstream, double x, double[] above, int aPlace, double[] below, int bPlace) {
        double h = Math.abs(upstream) / denominator(x) * condition(x);
        Horner.addMoments(above, aPlace, a.length, h, x);
        Horner.addMoments(below, bPlace, terms.length - 1, h * scale(x) * Math.abs(x), x);
    }
}
