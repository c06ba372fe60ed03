// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.util.Arrays;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/**
 * Weights of a {@link KanLayer}, {@code [columns, basis.count(), outputs]}: how the published
 * layers begin, and how their layout is brought into this one.
 */
public final class KanWeights {
    /** The deviation of the noise that splines begin as, over the intervals of their grid. */
    private static final float SPLINE_NOISE = 0.1f;

    /** The deviation that Gaussians begin with. */
    private static final double GAUSSIAN_DEVIATION = 0.1;

    private KanWeights() {}

    /**
     * Weights in the layout {@code [outputs, columns, functions]} of PyTorch layers.
     *
     * @param weights {@code [outputs, columns, functions]}, in any strides
     * @return {@code [columns, functions, outputs]}, a contiguous copy
     * @throws IllegalArgumentException if there are not three dimensions
     */
    public static Tensor fromOutputsFirst(Tensor weights) {
        return permuted(weights, 1, 2, 0);
    }

    /**
     * Weights in the layout {@code [columns, outputs, functions]}, that of the released Chebyshev
     * layers.
     *
     * @param weights {@code [columns, outputs, functions]}, in any strides
     * @return {@code [columns, functions, outputs]}, a contiguous copy
     * @throws IllegalArgumentException if there are not three dimensions
     */
    public static Tensor fromColumnsFirst(Tensor weights) {
        return permuted(weights, 0, 2, 1);
    }

    private static Tensor permuted(Tensor weights, int... dimensions) {
        Operands.require(weights, "weights");
        if (weights.rank() != 3) {
            throw new IllegalArgumentException(
                    "weights: expected three dimensions, but the shape is "
                            + Arrays.toString(weights.shape()));
        }
        long[] shape = new long[3];
        long[] strides = new long[3];
        for (int i = 0; i < 3; i++) {
            shape[i] = weights.size(dimensions[i]);
            strides[i] = weights.stride(dimensions[i]);
        }
        return weights.strided(0, shape, strides).contiguous();
    }

    /**
     * Fills weights with what the published layer of this basis begins with:
     *
     * <ul>
     *   <li>B-splines (efficient-kan): splines nearest to noise, uniform within 0.05 over the
     *       number of intervals, on the knots of the grid, times a factor for each edge, uniform
     *       within {@code 1 / sqrt(columns)};
     *   <li>Chebyshev: normal with the deviation {@code 1 / (columns * functions)};
     *   <li>Fourier: normal with the deviation {@code 1 / sqrt(columns * harmonics)};
     *   <li>Gaussians (FastKAN): normal with the deviation 0.1, drawn again beyond two of them;
     *   <li>wavelets, and the base of all: uniform within {@code 1 / sqrt(columns)}.
     * </ul>
     *
     * @param basis the functions
     * @param seed decides on all numbers
     * @param weight {@code [columns, basis.count(), outputs]} in memory of the host, receives them
     * @throws IllegalArgumentException if the shape is another one, or weight is read-only
     */
    public static void initialize(KanBasis basis, long seed, Tensor weight) {
        RowOperands.requireNonNull(basis, "basis", "a KanBasis");
        Operands.require(weight, "weight");
        if (weight.rank() != 3 || weight.size(1) != basis.count()) {
            throw new IllegalArgumentException(
                    "weight: expected shape [columns, %s, outputs], but it is %s"
                            .formatted(basis.count(), Arrays.toString(weight.shape())));
        }
        Operands.requireWritable(weight, "weight");
        RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(seed);
        double[][] fit = basis.kind() == KanBasisKind.B_SPLINE ? splineFit(basis) : null;
        for (long column = 0; column < weight.size(0); column++) {
            for (long output = 0; output < weight.size(2); output++) {
                double[] edge = edge(basis, fit, weight.size(0), random);
                for (int m = 0; m < edge.length; m++) {
                    weight.set((float) edge[m], column, m, output);
                }
            }
        }
    }

    private static double[] edge(
            KanBasis basis, double[][] fit, long columns, RandomGenerator random) {
        double[] edge = new double[basis.count()];
        double bound = 1 / Math.sqrt(columns);
        int functions = basis.functions();
        if (basis.kind() == KanBasisKind.B_SPLINE) {
            double[] noise = new double[fit[0].length];
            for (int i = 0; i < noise.length; i++) {
                noise[i] = (random.nextDouble() - 0.5) * SPLINE_NOISE / (noise.length - 1);
            }
            double factor = (2 * random.nextDouble() - 1) * bound;
            for (int m = 0; m < functions; m++) {
                for (int i = 0; i < noise.length; i++) {
                    edge[m] += factor * fit[m][i] * noise[i];
                }
            }
        } else {
            for (int m = 0; m < functions; m++) {
                edge[m] =
                        switch (basis.kind()) {
                            case CHEBYSHEV ->
                                    random.nextGaussian() / ((double) columns * functions);
                            case FOURIER ->
                                    random.nextGaussian()
                                            / Math.sqrt((double) columns * (functions / 2));
                            case GAUSSIAN -> truncated(random) * GAUSSIAN_DEVIATION;
                            default -> (2 * random.nextDouble() - 1) * bound;
                        };
            }
        }
        if (basis.base()) {
            edge[functions] = (2 * random.nextDouble() - 1) * bound;
        }
        return edge;
    }

    /** Normal, within two deviations. */
    private static double truncated(RandomGenerator random) {
        double value;
        do {
            value = random.nextGaussian();
        } while (Math.abs(value) > 2);
        return value;
    }

    /**
     * The matrix from values on the knots of the grid to the least coefficients of the splines with
     * these values, {@code A' (A A')^-1} for the values A of the splines on the knots.
     */
    private static double[][] splineFit(KanBasis basis) {
        int knots = basis.functions() - basis.degree() + 1;
        int functions = basis.functions();
        double[][] values = new double[knots][functions];
        for (int i = 0; i < knots; i++) {
            double x = basis.low() + i * KanFormulas.step(basis);
            for (int m = 0; m < functions; m++) {
                values[i][m] = KanFormulas.value(basis, m, x);
            }
        }
        double[][] system = new double[knots][2 * knots];
        for (int i = 0; i < knots; i++) {
            system[i][knots + i] = 1;
            for (int j = 0; j < knots; j++) {
                for (int m = 0; m < functions; m++) {
                    system[i][j] += values[i][m] * values[j][m];
                }
            }
        }
        eliminate(system);
        double[][] fit = new double[functions][knots];
        for (int m = 0; m < functions; m++) {
            for (int i = 0; i < knots; i++) {
                for (int j = 0; j < knots; j++) {
                    fit[m][i] += values[j][m] * system[j][knots + i];
                }
            }
        }
        return fit;
    }

    /** Turns {@code [S, 1]} into {@code [1, S^-1]} for a positive definite S. */
    private static void eliminate(double[][] rows) {
        for (int pivot = 0; pivot < rows.length; pivot++) {
            double divisor = rows[pivot][pivot];
            for (int j = 0; j < rows[pivot].length; j++) {
                rows[pivot][j] /= divisor;
            }
            for (int i = 0; i < rows.length; i++) {
                double factor = rows[i][pivot];
                for (int j = 0; i != pivot && j < rows[i].length; j++) {
                    rows[i][j] -= factor * rows[pivot][j];
                }
            }
        }
    }
}
