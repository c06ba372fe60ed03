// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.util.Objects;

/**
 * Functions between learnable ends, {@code phi[m](x) = scale * f(g(x - starts[m]), g(ends[m] -
 * x))}: ReLU-KAN (Qiu et al., arXiv:2406.02075), and AF-KAN (Ta et al., arXiv:2503.06112) before it
 * normalizes them. The ends are tensors; see {@link KanLayer#windows}. Immutable.
 *
 * @param inner the function g
 * @param combination the function f
 * @param functions how many windows there are, 1 to 128
 * @param scale a factor of all, finite
 */
public record KanWindows(KanInner inner, KanCombination combination, int functions, float scale) {
    /**
     * Checks the values.
     *
     * @throws IllegalArgumentException if functions or scale are outside what is said of them
     * @throws NullPointerException if inner or combination are null
     */
    public KanWindows {
        Objects.requireNonNull(inner, "inner: expected a KanInner, but it is null");
        Objects.requireNonNull(
                combination, "combination: expected a KanCombination, but it is null");
        if (functions < 1 || functions > KanBasis.MOST_FUNCTIONS) {
            throw new IllegalArgumentException(
                    "functions: expected 1 to %s, but it is %s"
                            .formatted(KanBasis.MOST_FUNCTIONS, functions));
        }
        if (!Float.isFinite(scale)) {
            throw new IllegalArgumentException(
                    "scale: expected a finite number, but it is " + scale);
        }
    }

    /**
     * ReLU-KAN, whose windows have the peak 1.
     *
     * @param grid the intervals of the grid, at least 1; usually 5
     * @param order how many more windows there are, at least 0; usually 3
     * @return grid + order windows
     */
    public static KanWindows reluKan(int grid, int order) {
        requireGrid(grid, order);
        double width = (order + 1.0) / grid;
        return new KanWindows(
                KanInner.RELU,
                KanCombination.QUAD1,
                Math.addExact(grid, order),
                (float) Math.pow(4 / (width * width), 2));
    }

    /**
     * AF-KAN.
     *
     * @param inner the function g; usually SiLU
     * @param combination the function f; usually QUAD1
     * @param grid the intervals of the grid, at least 1
     * @param order how many more windows there are, at least 0
     * @return grid + order windows
     */
    public static KanWindows afKan(
            KanInner inner, KanCombination combination, int grid, int order) {
        requireGrid(grid, order);
        return new KanWindows(inner, combination, Math.addExact(grid, order), 1);
    }

    /**
     * Where the windows of both begin: {@code (m - order) / grid}.
     *
     * @param grid the intervals of the grid, at least 1
     * @param order how many more windows there are, at least 0
     * @return grid + order numbers
     */
    public static float[] initialStarts(int grid, int order) {
        requireGrid(grid, order);
        float[] starts = new float[Math.addExact(grid, order)];
        for (int m = 0; m < starts.length; m++) {
            starts[m] = (float) ((m - order) / (double) grid);
        }
        return starts;
    }

    /**
     * Where the windows of both end: {@code (m + 1) / grid}.
     *
     * @param grid the intervals of the grid, at least 1
     * @param order how many more windows there are, at least 0
     * @return grid + order numbers
     */
    public static float[] initialEnds(int grid, int order) {
        requireGrid(grid, order);
        float[] ends = new float[Math.addExact(grid, order)];
        for (int m = 0; m < ends.length; m++) {
            ends[m] = (float) ((m + 1) / (double) grid);
        }
        return ends;
    }

    private static void requireGrid(int grid, int order) {
        if (grid < 1) {
            throw new IllegalArgumentException("grid: expected at least 1, but it is " + grid);
        }
        if (order < 0) {
            throw new IllegalArgumentException("order: expected at least 0, but it is " + order);
        }
    }
}
