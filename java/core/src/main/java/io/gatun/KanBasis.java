// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.util.Objects;

/**
 * The functions of one variable that an edge of a Kolmogorov-Arnold network adds up. Immutable;
 * make it with one of the factories.
 *
 * @param kind which functions
 * @param functions how many there are without the base: 1 to 128; more than the degree for
 *     B-splines, an even number for Fourier, at least 2 for Gaussians and wavelets
 * @param degree of B-splines, 1 to 5; 0 for the others
 * @param low where the grid begins; 0 without a grid
 * @param high where it ends; finite and above low, 0 without a grid
 * @param base whether there is one function more behind the others: SiLU, {@code x * sigma(x)}, the
 *     base of a KAN layer
 */
public record KanBasis(
        KanBasisKind kind, int functions, int degree, float low, float high, boolean base) {
    /** The greatest number of functions. */
    public static final int MOST_FUNCTIONS = 128;

    private static final int GREATEST_DEGREE = 5;

    /**
     * Checks the values.
     *
     * @throws IllegalArgumentException if one is outside what is said of it
     * @throws NullPointerException if kind is null
     */
    public KanBasis {
        Objects.requireNonNull(kind, "kind: expected a KanBasisKind, but it is null");
        boolean spline = kind == KanBasisKind.B_SPLINE;
        between("degree", degree, spline ? 1 : 0, spline ? GREATEST_DEGREE : 0);
        int least = spline ? degree + 1 : kind == KanBasisKind.CHEBYSHEV ? 1 : 2;
        between("functions", functions, least, MOST_FUNCTIONS);
        if (kind == KanBasisKind.FOURIER && functions % 2 != 0) {
            throw new IllegalArgumentException(
                    "functions: expected an even number, but it is " + functions);
        }
        if (kind.onGrid()) {
            if (!Float.isFinite(low) || !Float.isFinite(high) || !(low < high)) {
                throw new IllegalArgumentException(
                        "high: expected finite numbers low < high, but they are %s and %s"
                                .formatted(low, high));
            }
            if (((double) high - low) / functions < 1024 * (double) Float.MIN_NORMAL) {
                throw new IllegalArgumentException(
                        "high: expected to be above low, %s, by normal steps, but it is %s"
                                .formatted(low, high));
            }
        } else if (low != 0 || high != 0) {
            throw new IllegalArgumentException(
                    "low, high: expected 0 without a grid, but they are %s and %s"
                            .formatted(low, high));
        }
    }

    private static void between(String name, int value, int least, int most) {
        if (value < least || value > most) {
            throw new IllegalArgumentException(
                    "%s: expected %s to %s, but it is %s".formatted(name, least, most, value));
        }
    }

    /**
     * B-splines of a degree on {@code intervals} equal intervals from low to high, and as many
     * knots more on either side as the degree. The usual layer has 5 intervals and degree 3 on [-1,
     * 1].
     *
     * @param intervals at least 1
     * @param degree 1 to 5
     * @param low where the grid begins
     * @param high where it ends
     * @return intervals + degree functions
     */
    public static KanBasis bSpline(int intervals, int degree, float low, float high) {
        return new KanBasis(
                KanBasisKind.B_SPLINE, Math.addExact(intervals, degree), degree, low, high, false);
    }

    /**
     * Chebyshev polynomials {@code T[0] .. T[order]} of tanh(x).
     *
     * @param order the greatest degree, at least 0; usually 3
     * @return order + 1 functions
     */
    public static KanBasis chebyshev(int order) {
        return new KanBasis(KanBasisKind.CHEBYSHEV, Math.addExact(order, 1), 0, 0, 0, false);
    }

    /**
     * {@code cos(x) .. cos(harmonics x), sin(x) .. sin(harmonics x)}.
     *
     * @param harmonics at least 1; usually 8
     * @return 2 * harmonics functions
     */
    public static KanBasis fourier(int harmonics) {
        return new KanBasis(KanBasisKind.FOURIER, Math.multiplyExact(2, harmonics), 0, 0, 0, false);
    }

    /**
     * Gaussians with centres in equal steps from low to high, which are their widths, too.
     *
     * @param functions at least 2; usually 8
     * @param low the first centre, usually -2
     * @param high the last one, usually 2
     * @return the basis
     */
    public static KanBasis gaussian(int functions, float low, float high) {
        return new KanBasis(KanBasisKind.GAUSSIAN, functions, 0, low, high, false);
    }

    /**
     * Mexican hats with centres in equal steps from low to high, which are their widths, too.
     *
     * @param functions at least 2
     * @param low the first centre
     * @param high the last one
     * @return the basis
     */
    public static KanBasis wavelet(int functions, float low, float high) {
        return new KanBasis(KanBasisKind.WAVELET, functions, 0, low, high, false);
    }

    /**
     * The same basis with the base behind its functions, or without.
     *
     * @param base as in the record
     * @return the basis
     */
    public KanBasis withBase(boolean base) {
        return new KanBasis(kind, functions, degree, low, high, base);
    }

    /**
     * How many functions there are, the base included.
     *
     * @return functions, or one more
     */
    public int count() {
        return functions + (base ? 1 : 0);
    }
}
