/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

/** Polynomials in float64, power by power, and the magnitudes of their terms. */
final class Horner {
    private Horner() {}

    /** The sum of {@code c[i] t^i}. */
    static double sum(double[] c, double t) {
        double sum = 0;
        double power = 1;
        for (double coefficient : c) {
            sum += coefficient * power;
            power *= t;
        }
        return sum;
    }

    /** The sum of the magnitudes of {@code c[i] t^i}. */
    static double magnitudes(double[] c, double t) {
        double sum = 0;
        double power = 1;
        for (double coefficient : c) {
            sum += Math.abs(coefficient) * power;
            power *= Math.abs(t);
        }
        return sum;
    }

    /** The sum of the magnitudes of {@code i c[i] t^(i - 1)}. */
    static double slopeMagnitudes(double[] c, double t) {
        double sum = 0;
        double power = 1;
        for (int i = 1; i < c.length; i++) {
            sum += i * Math.abs(c[i]) * power;
            power *= Math.abs(t);
        }
        return sum;
    }

    /** Adds {@code factor |t|^i} to some sums, of which the first is at a place. */
    static void addMoments(double[] sums, int place, int count, double factor, double t) {
        double power = 1;
        for (int i = 0; i < count; i++) {
            sums[place + i] += factor * power;
            power *= Math.abs(t);
        }
    }
}
