/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.CpuOptions;
import io.gatun.DType;
import io.gatun.Device;
import io.gatun.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * An operation on low-bit weights or integer codes. Its arguments are more than tensors, so its
 * checks are written out instead of planned from recipes; columns of a case are the inputs.
 */
abstract class LowBitOperation implements Operation {
    @Override
    public Direction direction() {
        return Direction.FORWARD;
    }

    @Override
    public boolean runsOnFiles() {
        return false;
    }

    @Override
    public List<Operand> operands() {
        return List.of();
    }

    @Override
    public List<Setting> settings() {
        return List.of();
    }

    @Override
    public void run(Arguments arguments) {
        throw new IllegalArgumentException(
                name() + " takes more than tensors; it runs in its own checks only");
    }

    Check check(DType dtype, CaseFile.Case shape, String name, double bound, NamedCheck.Body body) {
        return new NamedCheck(this, dtype, shape.label(), name, bound, body);
    }

    static NamedCheck.Failure failure(String format, Object... arguments) {
        return new NamedCheck.Failure(format.formatted(arguments));
    }

    /** Random numbers of a normal distribution, rounded to a type. */
    static float[] normal(DType dtype, int count, SplittableRandom random) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            // The sum of twelve uniform numbers is close enough to normal.
            double sum = -6;
            for (int j = 0; j < 12; j++) {
                sum += random.nextDouble();
            }
            values[i] = stored(dtype, (float) sum);
        }
        return values;
    }

    static float stored(DType dtype, float value) {
        return dtype == DType.F32 ? value : dtype.toFloat(dtype.fromFloat(value));
    }

    /** What a result may be off by because it is stored in a type. */
    static double rounding(DType dtype, double value) {
        double magnitude = Math.abs(value);
        return switch (dtype) {
            case F32 -> Math.max(magnitude * 0x1p-24, Float.MIN_VALUE / 2);
            case BF16 -> Math.max(magnitude * 0x1p-8, Float.MIN_VALUE);
            case F16 -> Math.max(magnitude * 0x1p-11, 0x1p-25);
        };
    }

    /** A matrix of values with gaps between its rows, in off-heap memory or in an array. */
    static Tensor rows(
            Device device,
            Arena arena,
            Memory memory,
            DType dtype,
            float[] values,
            int rows,
            int columns,
            int stride) {
        MemorySegment segment =
                memory == Memory.HEAP
                        ? MemorySegment.ofArray(new float[rows * stride])
                        : arena.allocate(Math.max((long) rows * stride * dtype.bytes(), 1), 64);
        Tensor tensor = device.tensor(dtype, segment, rows, stride).slice(1, 0, columns);
        if (values.length > 0) {
            tensor.copyFrom(values);
        }
        return tensor;
    }

    /** Devices like one, but with other numbers of threads; to be closed. */
    static List<Device> withThreads(Device device, int... counts) {
        return Arrays.stream(counts)
                .mapToObj(count -> Device.cpu(new CpuOptions(count, device.isa())))
                .toList();
    }
}
