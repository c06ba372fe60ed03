// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.util.Arrays;
import java.util.Objects;

/**
 * The coefficients of a polynomial activation, and the initial values that were published for them.
 *
 * @param values {@code [order + 1]}, {@link DType#F32}, contiguous: the coefficient of the lowest
 *     power first. For PolyNorm the bias, then the weights of the first, second, ... power.
 */
public record PolynomialCoefficients(Tensor values) implements AutoCloseable {
    /** The greatest order that the operations take. */
    public static final int MAX_ORDER = 8;

    /** The greatest order of PolyNorm. */
    public static final int MAX_NORM_ORDER = 4;

    /**
     * Checks that there are values.
     *
     * @throws NullPointerException if values is null
     */
    public PolynomialCoefficients {
        Objects.requireNonNull(values, "coefficients: expected a Tensor, but it is null");
    }

    /**
     * Coefficients in memory that a device allocates, to be closed by the caller.
     *
     * @param device where
     * @param ascending the coefficient of the lowest power first; 2 to 9 numbers that are not NaN
     * @return the coefficients
     * @throws IllegalArgumentException if there are more or fewer numbers, or one is NaN
     */
    public static PolynomialCoefficients of(Device device, float... ascending) {
        Objects.requireNonNull(ascending, "ascending: expected a float[], but it is null");
        if (ascending.length < 2 || ascending.length > MAX_ORDER + 1) {
            throw new IllegalArgumentException(
                    "ascending: expected 2 to %s numbers, but there are %s"
                            .formatted(MAX_ORDER + 1, ascending.length));
        }
        return new PolynomialCoefficients(
                allocate(device, ascending, "ascending", ascending.length));
    }

    /** A tensor with these values. */
    static Tensor allocate(Device device, float[] values, String name, long... shape) {
        Objects.requireNonNull(device, "device: expected a Device, but it is null");
        for (float value : values) {
            if (Float.isNaN(value)) {
                throw new IllegalArgumentException(
                        "%s: expected numbers, but it is %s"
                                .formatted(name, Arrays.toString(values)));
            }
        }
        Tensor tensor = device.allocate(DType.F32, shape);
        tensor.copyFrom(values);
        return tensor;
    }

    /**
     * What PolyReLU and PolyNorm begin with: a third of each of the first three powers. Zhuo et
     * al.: Polynomial Composition Activations, arXiv:2411.03884, its released code.
     *
     * @param device as in {@link #of}
     * @return coefficients of order 3
     */
    public static PolynomialCoefficients polyCom(Device device) {
        return of(device, 0, 1 / 3f, 1 / 3f, 1 / 3f);
    }

    /**
     * The parameters of a layer of PolyCom or of Liger-Kernel, whose weights begin with that of the
     * highest power.
     *
     * @param device as in {@link #of}
     * @param weight {@code weight} of the layer: 3 numbers in the releases
     * @param bias {@code bias} of the layer
     * @return the coefficients
     * @throws IllegalArgumentException if there are no weights or more than 8, or a number is NaN
     */
    public static PolynomialCoefficients fromPolyCom(Device device, float[] weight, float bias) {
        Objects.requireNonNull(weight, "weight: expected a float[], but it is null");
        if (weight.length < 1 || weight.length > MAX_ORDER) {
            throw new IllegalArgumentException(
                    "weight: expected 1 to %s numbers, but there are %s"
                            .formatted(MAX_ORDER, weight.length));
        }
        float[] ascending = new float[weight.length + 1];
        ascending[0] = bias;
        for (int i = 0; i < weight.length; i++) {
            ascending[weight.length - i] = weight[i];
        }
        return of(device, ascending);
    }

    /**
     * The optimal activation of wide and deep networks for inputs of some dimension, without
     * learnable parts: with the Hermite polynomials {@code h_n} that are orthonormal under the
     * normal distribution, {@code h_7 / sqrt(2) + h_1 / sqrt(2)} for dimension 1, and {@code
     * 2^(-d/4) h_3 + sqrt(1 - 2 * 2^(-d/2)) h_2 + 2^(-d/4) h_1} for d from 2 on. Radhakrishnan,
     * Belkin, Uhler: Wide and Deep Neural Networks Achieve Optimality for Classification,
     * arXiv:2204.14126.
     *
     * @param device as in {@link #of}
     * @param dimension d, at least 1
     * @return the coefficients
     * @throws IllegalArgumentException if the dimension is less than 1
     */
    public static PolynomialCoefficients wideDeep(Device device, long dimension) {
        if (dimension < 1) {
            throw new IllegalArgumentException(
                    "dimension: expected at least 1, but it is " + dimension);
        }
        double[] sum = new double[dimension == 1 ? 8 : 4];
        if (dimension == 1) {
            add(sum, Math.sqrt(0.5), 7);
            add(sum, Math.sqrt(0.5), 1);
        } else {
            double outer = Math.pow(2, -dimension / 4.0);
            add(sum, outer, 3);
            add(sum, Math.sqrt(1 - 2 * Math.pow(2, -dimension / 2.0)), 2);
            add(sum, outer, 1);
        }
        return of(device, toFloats(sum));
    }

    /**
     * A Hermite polynomial that is normal under the standard normal distribution: {@code He_n /
     * sqrt(n!)}.
     *
     * @param device as in {@link #of}
     * @param order n, 1 to 8
     * @return the coefficients
     * @throws IllegalArgumentException if the order is out of range
     */
    public static PolynomialCoefficients hermite(Device device, int order) {
        if (order < 1 || order > MAX_ORDER) {
            throw new IllegalArgumentException(
                    "order: expected 1 to %s, but it is %s".formatted(MAX_ORDER, order));
        }
        double[] sum = new double[order + 1];
        add(sum, 1, order);
        return of(device, toFloats(sum));
    }

    /** Adds a multiple of the normalized Hermite polynomial of a degree. */
    private static void add(double[] sum, double factor, int degree) {
        double[] before = {1};
        double[] hermite = {0, 1};
        double norm = 1;
        for (int n = 1; n < degree; n++) {
            double[] next = new double[n + 2];
            for (int power = 0; power <= n; power++) {
                next[power + 1] += hermite[power];
                next[power] -= power < n ? n * before[power] : 0;
            }
            before = hermite;
            hermite = next;
            norm *= n + 1;
        }
        for (int power = 0; power <= degree; power++) {
            sum[power] += factor / Math.sqrt(norm) * hermite[power];
        }
    }

    private static float[] toFloats(double[] values) {
        float[] floats = new float[values.length];
        for (int i = 0; i < floats.length; i++) {
            floats[i] = (float) values[i];
        }
        return floats;
    }

    /** The order of the polynomial. */
    int order() {
        return (int) values.columns - 1;
    }

    /** Frees the memory if a device allocated it. */
    @Override
    public void close() {
        values.close();
    }
}
