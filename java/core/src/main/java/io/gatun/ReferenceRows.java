// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/** Rows of tensors in float64, for the kernels of the reference device. */
final class ReferenceRows {
    private ReferenceRows() {}

    /** One row of {@code [..., columns]}. */
    static double[] read(Tensor tensor, long row) {
        return read(tensor, row * tensor.rowStride, tensor.columns);
    }

    /** A parameter {@code [columns]}; null for none. */
    static double[] readVector(Tensor vector) {
        return vector == null ? null : read(vector, 0, vector.columns);
    }

    /** Neighbours in memory from an element on. */
    static double[] read(Tensor tensor, long element, long count) {
        double[] values = new double[Math.toIntExact(count)];
        for (int i = 0; i < values.length; i++) {
            values[i] = load(tensor, element + i);
        }
        return values;
    }

    static double load(Tensor tensor, long element) {
        DType dtype = tensor.dtype();
        return Elements.load(dtype, tensor.segment(), element * dtype.bytes());
    }

    /** Stores one row, each value rounded once; null for a tensor that is not wanted. */
    static void write(Tensor tensor, long row, double[] values) {
        if (tensor != null) {
            writeElements(tensor, row * tensor.rowStride, values);
        }
    }

    /** Stores a vector {@code [columns]}; null for one that is not wanted. */
    static void writeVector(Tensor vector, double[] values) {
        if (vector != null) {
            writeElements(vector, 0, values);
        }
    }

    static void writeElements(Tensor tensor, long element, double[] values) {
        for (int i = 0; i < values.length; i++) {
            store(tensor, element + i, values[i]);
        }
    }

    static void store(Tensor tensor, long element, double value) {
        DType dtype = tensor.dtype();
        Elements.store(dtype, tensor.segment(), element * dtype.bytes(), value);
    }

    /** Saves what a backward pass needs of one row. */
    static void save(NormStatistics statistics, long row, RowScale scale) {
        float mean = (float) scale.mean();
        save(statistics.mean(), row, mean);
        save(statistics.meanLow(), row, scale.mean() - mean);
        save(statistics.rstd(), row, scale.scale());
    }

    private static void save(Tensor statistic, long row, double value) {
        if (statistic != null) {
            store(statistic, row, value);
        }
    }

    /** A row rounded to a type and widened again. */
    static double[] round(DType dtype, double[] values) {
        double[] rounded = new double[values.length];
        for (int i = 0; i < values.length; i++) {
            rounded[i] = Elements.round(dtype, values[i]);
        }
        return rounded;
    }

    /** {@code alpha * residual + values}; the residual is not read where alpha is 0. */
    static double[] addResidual(float alpha, Tensor residual, long row, double[] values) {
        double[] sum = values.clone();
        if (alpha != 0) {
            double[] added = read(residual, row);
            for (int i = 0; i < sum.length; i++) {
                sum[i] += (double) alpha * added[i];
            }
        }
        return sum;
    }

    /** {@code factor * values}. */
    static double[] times(double factor, double[] values) {
        double[] products = values.clone();
        for (int i = 0; i < products.length; i++) {
            products[i] *= factor;
        }
        return products;
    }

    /** Adds a row, which may be null for zeros. */
    static void add(double[] values, double[] added) {
        for (int i = 0; added != null && i < values.length; i++) {
            values[i] += added[i];
        }
    }
}
