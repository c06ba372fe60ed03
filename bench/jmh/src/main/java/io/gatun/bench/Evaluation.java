/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.DType;
import io.gatun.Device;
import io.gatun.Tensor;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Function;

/**
 * The outputs of a call against the definition in float64, a row at a time. Errors are in the units
 * of the case files.
 */
final class Evaluation {
    private static final double UNIT = 0x1p-23;

    /** The bound of the case files on float32 results, and on 16-bit ones before rounding. */
    private static final double FLOAT32_BOUND = 4;

    /** Sums over rows, and the sums of their scales. */
    private record Sums(double[] values, double[] scales) {}

    private final Workload workload;
    private final Function<String, float[]> actual;
    private final Map<String, float[]> inputs = new HashMap<>();
    private final Map<String, float[]> outputs = new HashMap<>();
    private final Map<String, Sums> sums = new HashMap<>();
    private final Map<String, double[]> means = new HashMap<>();
    private final Map<String, float[]> reference = new HashMap<>();
    private int row;
    private double units;
    private double absolute;

    private Evaluation(Workload workload, Function<String, float[]> outputs) {
        this.workload = workload;
        actual = outputs;
    }

    /**
     * Compares.
     *
     * @param outputs the values of each output, with the gaps of the workload or none
     */
    static Evaluation of(Workload workload, Function<String, float[]> outputs) {
        Evaluation evaluation = new Evaluation(workload, outputs);
        for (int row = 0; row < workload.rows(); row++) {
            evaluation.row = row;
            workload.operation().define(evaluation);
        }
        evaluation.sums.forEach(evaluation::compareSums);
        return evaluation;
    }

    /** The greatest error; infinite when a value is not a number. */
    double units() {
        return units;
    }

    /** The greatest distance from an expected value, likewise. */
    double absolute() {
        return absolute;
    }

    int columns() {
        return workload.columns();
    }

    int rows() {
        return workload.rows();
    }

    /** Which row this is. */
    int number() {
        return row;
    }

    /** This row of an input, its number for this row, or all of its columns. */
    double[] input(String name) {
        return part(inputs.computeIfAbsent(name, workload::array), name);
    }

    /** The means of the columns of an input. */
    double[] columnMeans(String name) {
        return means.computeIfAbsent(
                name,
                key -> {
                    double[] mean = new double[columns()];
                    int last = row;
                    for (row = 0; row < workload.rows(); row++) {
                        double[] values = input(key);
                        for (int i = 0; i < mean.length; i++) {
                            mean[i] += values[i] / workload.rows();
                        }
                    }
                    row = last;
                    return mean;
                });
    }

    /** What the reference device writes into this row of an output, in float32. */
    double[] reference(String name) {
        if (reference.isEmpty()) {
            computeReference();
        }
        return part(reference.get(name), name);
    }

    /** All of its outputs, once. */
    private void computeReference() {
        Device device = Device.reference();
        Map<String, Tensor> tensors = new HashMap<>();
        for (Operand operand : workload.operation().operands()) {
            float[] values = workload.array(operand.name());
            reference.put(operand.name(), values);
            tensors.put(
                    operand.name(),
                    operand.extent() == Operand.Extent.FULL
                            ? device.tensor(
                                            values,
                                            workload.rows(),
                                            workload.stride(operand.name()))
                                    .slice(1, 0, workload.width())
                            : device.tensor(values, values.length));
        }
        workload.operation().gatun(tensors::get).run();
    }

    /** What the call wrote into this row. */
    double[] output(String name) {
        return part(outputs.computeIfAbsent(name, actual), name);
    }

    private double[] part(float[] values, String name) {
        Operand operand = workload.operand(name);
        int length = workload.width(operand);
        boolean ofAllRows =
                switch (operand.extent()) {
                    case COLUMNS, ENDS, WEIGHTS -> true;
                    case FULL, FUNCTIONS, OUTPUTS, ROWS -> false;
                };
        int from = ofAllRows ? 0 : row * (values.length / workload.rows());
        double[] part = new double[length];
        for (int i = 0; i < length; i++) {
            part[i] = values[from + i];
        }
        return part;
    }

    /** This row of an output, whose scale is {@code 1 + |y|}. */
    void expect(String name, double[] values) {
        double[] scales = new double[values.length];
        for (int i = 0; i < scales.length; i++) {
            scales[i] = 1 + Math.abs(values[i]);
        }
        expect(name, values, scales);
    }

    /** This row of a gradient, whose scale is the sum of the magnitudes of its terms. */
    void expect(String name, double[] values, double[] scales) {
        double[] got = output(name);
        DType dtype = workload.typeOf(workload.operand(name));
        for (int i = 0; i < got.length; i++) {
            double distance = Math.abs(got[i] - values[i]);
            if (dtype == DType.F32) {
                note(float32Units(distance, scales[i]), distance);
                continue;
            }
            double place = lastPlace(dtype, values[i]);
            // A float32 result rounded: where that is within its bound, it counts as one at most.
            boolean asFloat32 = distance - place / 2 <= FLOAT32_BOUND * UNIT * scales[i];
            note(asFloat32 ? Math.min(distance / place, 1) : distance / place, distance);
        }
    }

    private static double float32Units(double distance, double scale) {
        return distance == 0 ? 0 : distance / (UNIT * scale);
    }

    /** A row's part in sums over rows. */
    void add(String name, double[] values, double[] scales) {
        Sums sum =
                sums.computeIfAbsent(
                        name, k -> new Sums(new double[values.length], new double[values.length]));
        for (int i = 0; i < values.length; i++) {
            sum.values[i] += values[i];
            sum.scales[i] += scales[i];
        }
    }

    /**
     * Gradients of parameters are float32 and within its bound, whatever the type of the rows,
     * whose bound is 1 if that has 16 bits.
     */
    private void compareSums(String name, Sums sum) {
        double ofUnit = workload.dtype() == DType.F32 ? 1 : FLOAT32_BOUND;
        double[] got = output(name);
        for (int i = 0; i < got.length; i++) {
            double distance = Math.abs(got[i] - sum.values[i]);
            note(float32Units(distance, sum.scales[i]) / ofUnit, distance);
        }
    }

    private void note(double error, double distance) {
        if (!(error <= units)) {
            units = Double.isNaN(error) ? Double.POSITIVE_INFINITY : error;
        }
        if (!(distance <= absolute)) {
            absolute = Double.isNaN(distance) ? Double.POSITIVE_INFINITY : distance;
        }
    }

    private static double lastPlace(DType dtype, double value) {
        int precision = dtype == DType.BF16 ? 8 : 11;
        int least = dtype == DType.BF16 ? -126 : -14;
        return Math.scalb(1.0, Math.max(Math.getExponent(value), least) - (precision - 1));
    }

    /** Magnitudes, the scale of what is an input. */
    static double[] magnitudes(double[] values) {
        return Arrays.stream(values).map(Math::abs).toArray();
    }
}
