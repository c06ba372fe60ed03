/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.CpuOptions;
import io.gatun.DType;
import io.gatun.Device;
import io.gatun.Isa;
import io.gatun.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/**
 * One normalization with its arrays in off-heap memory of the device. All contenders that work
 * off-heap read the same {@code x} and write the same {@code y}, so that none has better memory
 * than another.
 */
public final class Workload implements AutoCloseable {
    /** The eps of every benchmark. */
    public static final float EPS = 1e-5f;

    /** LayerNorm with scale and shift. */
    public static final String LAYER_NORM = "layer_norm";

    /** RMSNorm with scale. */
    public static final String RMS_NORM = "rms_norm";

    private final String operation;
    private final DType dtype;
    private final int rows;
    private final int columns;
    private final int xStride;
    private final int yStride;
    private final int threads;
    private final Device device;
    private final Tensor x;
    private final Tensor y;
    private final Tensor gamma;
    private final Tensor beta;

    /**
     * Allocates the arrays and fills them with uniform noise.
     *
     * @param operation {@link #LAYER_NORM} or {@link #RMS_NORM}
     * @param dtype data type of x and y; gamma and beta are float32
     * @param rows number of rows, at least 1
     * @param columns number of columns, at least 1
     * @param xStride distance between rows of x, in elements
     * @param yStride distance between rows of y, in elements
     * @param threads how many threads a contender may use
     * @param isa greatest instruction set level of Gatun's kernels; null for the best
     */
    public Workload(
            String operation,
            DType dtype,
            long rows,
            long columns,
            long xStride,
            long yStride,
            int threads,
            Isa isa) {
        if (!operation.equals(LAYER_NORM) && !operation.equals(RMS_NORM)) {
            throw new IllegalArgumentException(
                    "operation: expected "
                            + LAYER_NORM
                            + " or "
                            + RMS_NORM
                            + ", but it is "
                            + operation);
        }
        this.operation = operation;
        this.dtype = dtype;
        this.rows = Math.toIntExact(rows);
        this.columns = Math.toIntExact(columns);
        this.xStride = Math.toIntExact(xStride);
        this.yStride = Math.toIntExact(yStride);
        this.threads = threads;
        device = Device.cpu(new CpuOptions(threads, isa));
        x = device.allocate(dtype, rows, xStride);
        y = device.allocate(dtype, rows, yStride);
        gamma = device.allocate(DType.F32, columns);
        beta = device.allocate(DType.F32, columns);
        RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(42);
        for (int i = 0; i < this.columns; i++) {
            gamma.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, 0.5f + random.nextFloat());
            beta.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, random.nextFloat() - 0.5f);
        }
        for (long i = 0; i < rows * xStride; i++) {
            setX(i, 4 * random.nextFloat() - 1.75f);
        }
        y.segment().fill((byte) 0);
    }

    /**
     * A contiguous float32 workload for one thread.
     *
     * @param operation {@link #LAYER_NORM} or {@link #RMS_NORM}
     * @param rows number of rows
     * @param columns number of columns
     * @return the workload
     */
    public static Workload of(String operation, int rows, int columns) {
        return new Workload(operation, DType.F32, rows, columns, columns, columns, 1, null);
    }

    /**
     * Replaces one element of x.
     *
     * @param index row * xStride + column
     * @param value the value, rounded to the data type
     */
    public void setX(long index, float value) {
        if (dtype == DType.F32) {
            x.segment().setAtIndex(ValueLayout.JAVA_FLOAT, index, value);
        } else {
            x.segment().setAtIndex(ValueLayout.JAVA_SHORT, index, dtype.fromFloat(value));
        }
    }

    /** Replaces gamma by ones and beta by zeros. */
    public void setPlainParameters() {
        for (int i = 0; i < columns; i++) {
            gamma.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, 1);
            beta.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, 0);
        }
    }

    /**
     * The operation.
     *
     * @return {@link #LAYER_NORM} or {@link #RMS_NORM}
     */
    public String operation() {
        return operation;
    }

    /**
     * Whether the operation is LayerNorm.
     *
     * @return false for RMSNorm
     */
    public boolean isLayerNorm() {
        return operation.equals(LAYER_NORM);
    }

    /**
     * The data type of x and y.
     *
     * @return the data type
     */
    public DType dtype() {
        return dtype;
    }

    /**
     * The number of rows.
     *
     * @return at least 1
     */
    public int rows() {
        return rows;
    }

    /**
     * The number of columns.
     *
     * @return at least 1
     */
    public int columns() {
        return columns;
    }

    /**
     * The distance between rows of x, in elements.
     *
     * @return at least the columns
     */
    public int xStride() {
        return xStride;
    }

    /**
     * The distance between rows of y, in elements.
     *
     * @return at least the columns
     */
    public int yStride() {
        return yStride;
    }

    /**
     * How many threads a contender may use.
     *
     * @return at least 1
     */
    public int threads() {
        return threads;
    }

    /**
     * Whether neither x nor y has gaps between its rows.
     *
     * @return whether both strides are the columns
     */
    public boolean isContiguous() {
        return xStride == columns && yStride == columns;
    }

    /**
     * The device that owns the arrays.
     *
     * @return a CPU device with as many threads as the workload
     */
    public Device device() {
        return device;
    }

    /**
     * The input as a tensor.
     *
     * @return [rows, columns]
     */
    public Tensor x() {
        return x.slice(1, 0, columns);
    }

    /**
     * The output as a tensor.
     *
     * @return [rows, columns]
     */
    public Tensor y() {
        return y.slice(1, 0, columns);
    }

    /**
     * The scale as a tensor.
     *
     * @return [columns]
     */
    public Tensor gamma() {
        return gamma;
    }

    /**
     * The shift as a tensor; RMSNorm does not use it.
     *
     * @return [columns]
     */
    public Tensor beta() {
        return beta;
    }

    /**
     * The memory of x.
     *
     * @return rows * xStride elements
     */
    public MemorySegment xMemory() {
        return x.segment();
    }

    /**
     * The memory of y.
     *
     * @return rows * yStride elements
     */
    public MemorySegment yMemory() {
        return y.segment();
    }

    /**
     * A copy of x on the heap.
     *
     * @return rows * xStride values
     */
    public float[] xArray() {
        return x.toFloatArray();
    }

    /**
     * A copy of gamma on the heap.
     *
     * @return columns values
     */
    public float[] gammaArray() {
        return gamma.toFloatArray();
    }

    /**
     * A copy of beta on the heap.
     *
     * @return columns values
     */
    public float[] betaArray() {
        return beta.toFloatArray();
    }

    /**
     * A copy of y.
     *
     * @return rows * yStride values
     */
    public float[] yArray() {
        return y.toFloatArray();
    }

    /**
     * The least number of bytes that the operation has to move.
     *
     * @return twice the size of a contiguous x
     */
    public long bytes() {
        return 2L * rows * columns * dtype.bytes();
    }

    /**
     * The definition evaluated in float64 on the stored values.
     *
     * @return rows * columns values
     */
    public double[] expected() {
        double[] result = new double[rows * columns];
        float[] values = xArray();
        float[] scale = gammaArray();
        float[] shift = betaArray();
        for (int row = 0; row < rows; row++) {
            int from = row * xStride;
            double mean = 0;
            if (isLayerNorm()) {
                for (int i = 0; i < columns; i++) {
                    mean += values[from + i];
                }
                mean /= columns;
            }
            double squares = 0;
            for (int i = 0; i < columns; i++) {
                double d = values[from + i] - mean;
                squares += d * d;
            }
            double r = 1 / Math.sqrt(squares / columns + EPS);
            for (int i = 0; i < columns; i++) {
                double normalized = (values[from + i] - mean) * r * scale[i];
                result[row * columns + i] = isLayerNorm() ? normalized + shift[i] : normalized;
            }
        }
        return result;
    }

    /**
     * The greatest error of an output, in the units of the case files:
     * 2<sup>-23</sup>&nbsp;(1&nbsp;+&nbsp;|y|) for float32, units in the last place for 16-bit
     * types. A 16-bit result is a float32 result rounded: what that may be off by counts as at most
     * one unit, where units are smaller.
     *
     * @param output as {@link Contender.Run#output()} gives it
     * @param expected as {@link #expected()} gives it
     * @return the error; infinite when one value is not a number
     */
    public double error(float[] output, double[] expected) {
        int stride = output.length / rows;
        double greatest = 0;
        for (int row = 0; row < rows; row++) {
            for (int i = 0; i < columns; i++) {
                double wanted = expected[row * columns + i];
                double distance = Math.abs(output[row * stride + i] - wanted);
                double error = distance / unit(wanted);
                if (dtype != DType.F32 && distance <= 4 * 0x1p-23 * (1 + Math.abs(wanted))) {
                    error = Math.min(error, 1);
                }
                if (!(error <= greatest)) {
                    greatest = Double.isNaN(error) ? Double.POSITIVE_INFINITY : error;
                }
            }
        }
        return greatest;
    }

    private double unit(double value) {
        if (dtype == DType.F32) {
            return 0x1p-23 * (1 + Math.abs(value));
        }
        int precision = dtype == DType.BF16 ? 8 : 11;
        int least = dtype == DType.BF16 ? -126 : -14;
        return Math.scalb(1.0, Math.max(Math.getExponent(value), least) - (precision - 1));
    }

    /** Frees the arrays and the device. */
    @Override
    public void close() {
        x.close();
        y.close();
        gamma.close();
        beta.close();
        device.close();
    }
}
