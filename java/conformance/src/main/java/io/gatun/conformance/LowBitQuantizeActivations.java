/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.ActivationMode;
import io.gatun.DType;
import io.gatun.Device;
import io.gatun.IntegerMatrix;
import io.gatun.Quantization;
import io.gatun.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/** Activations as int8 codes: codes, scales and sums must be those of the reference device. */
final class LowBitQuantizeActivations extends LowBitOperation {
    /** Between rows of codes. */
    private static final int GAP = 3;

    private static final byte CANARY = 99;

    @Override
    public String name() {
        return "lowbit_quantize_activations";
    }

    @Override
    public String description() {
        return "Turns activations into signed 8-bit codes.";
    }

    /** Fills activations. */
    @FunctionalInterface
    private interface Fill {
        void fill(float[] x, int columns, SplittableRandom random);
    }

    @Override
    public List<Check> checks(CaseFile cases, DType dtype) {
        List<Check> checks = new ArrayList<>();
        for (CaseFile.Case shape : cases.casesFor(CaseFile.Use.CHECK)) {
            add(checks, cases, dtype, shape, "plain", (x, columns, random) -> {});
            add(
                    checks,
                    cases,
                    dtype,
                    shape,
                    "not-finite",
                    (x, columns, random) -> {
                        float[] specials = {
                            Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY
                        };
                        for (int i = random.nextInt(40);
                                i < x.length;
                                i += 1 + random.nextInt(200)) {
                            x[i] = specials[random.nextInt(3)];
                        }
                    });
            add(
                    checks,
                    cases,
                    dtype,
                    shape,
                    "magnitudes",
                    (x, columns, random) -> {
                        // Rows from nothing to the greatest numbers, those around 2^-118 included.
                        for (int i = 0; i < x.length; i++) {
                            int row = i / columns;
                            int exponent =
                                    row % 5 == 0 ? -119 + row % 3 : random.nextInt(-149, 120);
                            x[i] = row % 7 == 6 ? 0 : Math.scalb(x[i], exponent);
                        }
                    });
            add(
                    checks,
                    cases,
                    dtype,
                    shape,
                    "ties",
                    (x, columns, random) -> {
                        // Halves of a scale of 1: rint decides.
                        for (int i = 0; i < x.length; i++) {
                            x[i] = i % 32 == 0 ? 127 : random.nextInt(-254, 255) / 2f;
                        }
                    });
        }
        return checks;
    }

    private void add(
            List<Check> checks,
            CaseFile cases,
            DType dtype,
            CaseFile.Case shape,
            String name,
            Fill fill) {
        checks.add(
                check(
                        dtype,
                        shape,
                        name,
                        cases.bound(dtype),
                        (device, seed) -> agrees(dtype, shape, fill, device, seed)));
    }

    private record Result(byte[] codes, float[] scales, int[] sums) {}

    private static double agrees(
            DType dtype, CaseFile.Case shape, Fill fill, Device device, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        int rows = Math.toIntExact(shape.rows());
        int columns = Math.toIntExact(shape.columns());
        int stride = Math.toIntExact(shape.xStride());
        float[] x = normal(dtype, rows * columns, random);
        fill.fill(x, columns, random);
        for (int i = 0; i < x.length; i++) {
            x[i] = stored(dtype, x[i]);
        }
        for (ActivationMode mode : ActivationMode.values()) {
            if (mode != ActivationMode.FLOAT) {
                Result expected =
                        dynamic(
                                Device.reference(),
                                Memory.HEAP,
                                dtype,
                                x,
                                rows,
                                columns,
                                stride,
                                mode);
                for (Memory memory : Memory.values()) {
                    requireSame(
                            Setting.label(mode),
                            expected,
                            dynamic(device, memory, dtype, x, rows, columns, stride, mode));
                }
            }
        }
        float[] scales = new float[columns];
        float[] centres = new float[columns];
        for (int i = 0; i < columns; i++) {
            scales[i] = 0.01f + (float) random.nextDouble() / 20;
            centres[i] = (float) random.nextDouble() - 0.5f;
        }
        for (int limit : new int[] {31, 127}) {
            float[] centre = limit == 31 ? centres : null;
            Result expected =
                    channels(
                            Device.reference(),
                            Memory.HEAP,
                            dtype,
                            x,
                            rows,
                            stride,
                            scales,
                            centre,
                            limit);
            for (Memory memory : Memory.values()) {
                requireSame(
                        "scales of channels",
                        expected,
                        channels(device, memory, dtype, x, rows, stride, scales, centre, limit));
            }
        }
        return 0;
    }

    private static Result dynamic(
            Device device,
            Memory memory,
            DType dtype,
            float[] x,
            int rows,
            int columns,
            int stride,
            ActivationMode mode) {
        int group =
                switch (mode) {
                    case INT8_GROUP_32 -> 32;
                    case INT8_GROUP_64 -> 64;
                    case INT8_GROUP_128 -> 128;
                    case INT8_GROUP_256 -> 256;
                    default -> columns;
                };
        int groups = (columns + group - 1) / group;
        try (Arena arena = Arena.ofConfined()) {
            Result result =
                    new Result(
                            new byte[rows * (columns + GAP)],
                            new float[rows * groups],
                            new int[rows * groups]);
            MemorySegment codes = codes(arena, memory, result);
            Quantization.quantizeActivations(
                    rows(device, arena, memory, dtype, x, rows, columns, stride),
                    mode,
                    IntegerMatrix.of(IntegerMatrix.Type.I8, codes, rows, columns, columns + GAP),
                    device.tensor(result.scales, rows, groups),
                    IntegerMatrix.of(result.sums, rows, groups));
            return finished(result, codes, rows, columns);
        }
    }

    private static Result channels(
            Device device,
            Memory memory,
            DType dtype,
            float[] x,
            int rows,
            int stride,
            float[] scales,
            float[] centres,
            int limit) {
        int columns = scales.length;
        try (Arena arena = Arena.ofConfined()) {
            Result result =
                    new Result(new byte[rows * (columns + GAP)], new float[0], new int[rows]);
            MemorySegment codes = codes(arena, memory, result);
            Tensor centre = centres == null ? null : device.tensor(centres, columns);
            Quantization.quantizeActivations(
                    rows(device, arena, memory, dtype, x, rows, columns, stride),
                    device.tensor(scales, columns),
                    centre,
                    limit,
                    IntegerMatrix.of(IntegerMatrix.Type.I8, codes, rows, columns, columns + GAP),
                    IntegerMatrix.of(result.sums, rows, 1));
            return finished(result, codes, rows, columns);
        }
    }

    private static MemorySegment codes(Arena arena, Memory memory, Result result) {
        MemorySegment codes =
                memory == Memory.HEAP
                        ? MemorySegment.ofArray(new byte[result.codes.length])
                        : arena.allocate(Math.max(result.codes.length, 1));
        return codes.fill(CANARY);
    }

    /** What was written, after a look at the gaps. */
    private static Result finished(Result result, MemorySegment codes, int rows, int columns) {
        MemorySegment.ofArray(result.codes).copyFrom(codes.asSlice(0, result.codes.length));
        for (int row = 0; row < rows; row++) {
            for (int gap = 0; gap < GAP; gap++) {
                if (result.codes[row * (columns + GAP) + columns + gap] != CANARY) {
                    throw failure("codes: the call wrote behind row %s", row);
                }
            }
        }
        return result;
    }

    private static void requireSame(String what, Result expected, Result actual) {
        int code = Arrays.mismatch(expected.codes, actual.codes);
        if (code >= 0) {
            throw failure(
                    "%s: expected code %s at %s, got %s",
                    what, expected.codes[code], code, actual.codes[code]);
        }
        int scale = Arrays.mismatch(expected.scales, actual.scales);
        if (scale >= 0) {
            throw failure(
                    "%s: expected scale %s at %s, got %s",
                    what, expected.scales[scale], scale, actual.scales[scale]);
        }
        int sum = Arrays.mismatch(expected.sums, actual.sums);
        if (sum >= 0) {
            throw failure(
                    "%s: expected sum %s at %s, got %s",
                    what, expected.sums[sum], sum, actual.sums[sum]);
        }
    }
}
