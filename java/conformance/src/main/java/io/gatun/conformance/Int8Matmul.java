/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.DType;
import io.gatun.Device;
import io.gatun.IntegerMatrix;
import io.gatun.LowBitMatrix;
import io.gatun.LowBitSource;
import io.gatun.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/** int8 times int8: exact sums, and those scaled. */
final class Int8Matmul extends LowBitOperation {
    @Override
    public String name() {
        return "int8_matmul";
    }

    @Override
    public String description() {
        return "Multiplies signed 8-bit codes with signed 8-bit codes.";
    }

    @Override
    public List<Check> checks(CaseFile cases, DType dtype) {
        List<Check> checks = new ArrayList<>();
        for (CaseFile.Case shape : cases.casesFor(CaseFile.Use.CHECK)) {
            for (Kind kind : Kind.values()) {
                int outputs = Math.toIntExact(shape.yStride());
                checks.add(
                        check(
                                dtype,
                                shape,
                                Setting.label(kind),
                                cases.bound(dtype),
                                (device, seed) -> agrees(kind, shape, outputs, device, seed)));
            }
        }
        return checks;
    }

    private enum Kind {
        PLAIN,
        ZERO_POINTS_OF_X,
        ZERO_POINTS_OF_WEIGHTS,
        ZERO_POINTS,
        SIX_BITS,
        /** All codes of the greatest magnitude, as far as possible from their zero points. */
        WORST_CASE
    }

    private record Codes(
            byte[] x, byte[] weights, int[] rowZeroPoints, int[] zeroPoints, int rows, int inputs) {
        int sum(int m, int n) {
            int zx = rowZeroPoints == null ? 0 : rowZeroPoints[m];
            int zw = zeroPoints == null ? 0 : zeroPoints[n];
            int sum = 0;
            for (int k = 0; k < inputs; k++) {
                sum += (x[m * inputs + k] - zx) * (weights[n * inputs + k] - zw);
            }
            return sum;
        }
    }

    private static Codes codes(
            Kind kind, int rows, int inputs, int outputs, SplittableRandom random) {
        byte[] x = new byte[rows * inputs];
        byte[] weights = new byte[outputs * inputs];
        random.nextBytes(x);
        random.nextBytes(weights);
        boolean ofX = kind == Kind.ZERO_POINTS_OF_X || kind == Kind.ZERO_POINTS;
        boolean ofWeights = kind == Kind.ZERO_POINTS_OF_WEIGHTS || kind == Kind.ZERO_POINTS;
        int[] zx = ofX ? random.ints(rows, -128, 128).toArray() : null;
        int[] zw = ofWeights ? random.ints(outputs, -128, 128).toArray() : null;
        if (kind == Kind.SIX_BITS) {
            for (int i = 0; i < x.length; i++) {
                x[i] = (byte) random.nextInt(-31, 32);
            }
            for (int i = 0; i < weights.length; i++) {
                weights[i] = (byte) random.nextInt(-31, 32);
            }
        }
        if (kind == Kind.WORST_CASE) {
            zx = new int[rows];
            zw = new int[outputs];
            for (int m = 0; m < rows; m++) {
                Arrays.fill(x, m * inputs, (m + 1) * inputs, (byte) (m % 2 == 0 ? -128 : 127));
                zx[m] = m % 2 == 0 ? 127 : -128;
            }
            for (int n = 0; n < outputs; n++) {
                Arrays.fill(
                        weights, n * inputs, (n + 1) * inputs, (byte) (n % 3 == 0 ? 127 : -128));
                zw[n] = n % 3 == 0 ? -128 : 127;
            }
        }
        return new Codes(x, weights, zx, zw, rows, inputs);
    }

    private static double agrees(
            Kind kind, CaseFile.Case shape, int outputs, Device device, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        int rows = Math.toIntExact(shape.rows());
        int inputs = Math.toIntExact(shape.columns());
        Codes codes = codes(kind, rows, inputs, outputs, random);
        float[] scales = normal(DType.F32, outputs, random);
        float[] rowScales = normal(DType.F32, rows, random);
        float[] bias = normal(DType.F32, outputs, random);
        LowBitSource source =
                new LowBitSource.Int8(
                        IntegerMatrix.of(codes.weights, outputs, inputs), scales, codes.zeroPoints);
        int xGap = Math.toIntExact(shape.xStride()) - inputs;
        int yGap = rows % 3;
        double worst = 0;
        try (LowBitMatrix matrix = LowBitMatrix.of(device, source)) {
            for (Memory memory : Memory.values()) {
                try (Arena arena = Arena.ofConfined()) {
                    IntegerMatrix x =
                            integers(arena, memory, IntegerMatrix.Type.I8, rows, inputs, xGap);
                    for (int i = 0; i < codes.x.length; i++) {
                        x.set(i / inputs, i % inputs, codes.x[i]);
                    }
                    IntegerMatrix sums =
                            integers(arena, memory, IntegerMatrix.Type.I32, rows, outputs, yGap);
                    matrix.int8Matmul(x, codes.rowZeroPoints, sums);
                    boolean scaled = memory == Memory.HEAP;
                    Tensor y =
                            rows(
                                    device,
                                    arena,
                                    memory,
                                    DType.F32,
                                    new float[rows * outputs],
                                    rows,
                                    outputs,
                                    outputs + yGap);
                    matrix.int8Matmul(
                            x,
                            scaled ? device.tensor(rowScales, rows) : null,
                            codes.rowZeroPoints,
                            scaled ? device.tensor(bias, outputs) : null,
                            y);
                    worst =
                            Math.max(
                                    worst,
                                    compare(
                                            codes,
                                            sums,
                                            y,
                                            scales,
                                            scaled ? rowScales : null,
                                            scaled ? bias : null));
                }
            }
        }
        return worst;
    }

    private static IntegerMatrix integers(
            Arena arena, Memory memory, IntegerMatrix.Type type, int rows, int columns, int gap) {
        long bytes = (long) rows * (columns + gap) * type.bytes();
        MemorySegment segment =
                memory == Memory.HEAP
                        ? MemorySegment.ofArray(new int[Math.toIntExact(bytes)])
                        : arena.allocate(Math.max(bytes, 1), 64);
        return IntegerMatrix.of(type, segment, rows, columns, columns + gap);
    }

    /** The greatest error in units of 2^-24 of the magnitudes. */
    private static double compare(
            Codes codes,
            IntegerMatrix sums,
            Tensor y,
            float[] scales,
            float[] rowScales,
            float[] bias) {
        double worst = 0;
        for (int m = 0; m < codes.rows; m++) {
            for (int n = 0; n < scales.length; n++) {
                int sum = codes.sum(m, n);
                if (sums.get(m, n) != sum) {
                    throw failure(
                            "y[%s, %s]: expected the sum %s, got %s", m, n, sum, sums.get(m, n));
                }
                double scaled = (double) sum * (rowScales == null ? 1 : rowScales[m]) * scales[n];
                double added = bias == null ? 0 : bias[n];
                double error = Math.abs(y.get(m, n) - (scaled + added));
                double magnitude = Math.abs(scaled) + Math.abs(added);
                worst =
                        Math.max(
                                worst,
                                error == 0
                                        ? 0
                                        : error / Math.max(magnitude * 0x1p-24, Float.MIN_VALUE));
            }
        }
        return worst;
    }
}
