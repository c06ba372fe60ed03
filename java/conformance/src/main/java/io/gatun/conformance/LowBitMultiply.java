/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.ActivationMode;
import io.gatun.DType;
import io.gatun.Device;
import io.gatun.IntegerMatrix;
import io.gatun.LowBitMatrix;
import io.gatun.Quantization;
import io.gatun.Tensor;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * Products with low-bit weights. Codes, scales, offsets and weights must be those of the reference
 * device bit for bit; results must be within the bound that {@link LowBitMatrix#multiply} states
 * for sums of the same integers.
 */
final class LowBitMultiply extends LowBitOperation {
    /* Above so many products a shape takes only some formats, the next ones of the list. */
    private static final long MOST_PRODUCTS_FOR_ALL = 200_000;
    private static final int FORMATS_OF_LARGE = 3;

    /** Inputs that are no multiple of a block, beside the shapes of the case file. */
    private static final List<CaseFile.Case> ODD_SHAPES =
            List.of(
                    shape(1, 1, 1, 1),
                    shape(2, 31, 33, 40),
                    shape(33, 3, 3, 16),
                    shape(2, 129, 129, 129),
                    shape(4, 1000, 1001, 1003));

    private static CaseFile.Case shape(int rows, int inputs, int xStride, int outputs) {
        return new CaseFile.Case(rows, inputs, xStride, outputs, Set.of(CaseFile.Use.CHECK));
    }

    private static final List<LowBitFormat> FORMATS = LowBitFormat.all();

    @Override
    public String name() {
        return "lowbit_multiply";
    }

    @Override
    public String description() {
        return "Multiplies activations with weights of 4 to 8 bits: Y = X W^T + bias.";
    }

    @Override
    public List<Check> checks(CaseFile cases, DType dtype) {
        double bound = cases.bound(dtype);
        List<CaseFile.Case> shapes = new ArrayList<>(ODD_SHAPES);
        shapes.addAll(cases.casesFor(CaseFile.Use.CHECK));
        List<Check> checks = new ArrayList<>();
        int turn = 0;
        for (CaseFile.Case shape : shapes) {
            List<LowBitFormat> formats = FORMATS.stream().filter(f -> f.fits(shape)).toList();
            if (shape.rows() * shape.columns() * shape.yStride() > MOST_PRODUCTS_FOR_ALL) {
                List<LowBitFormat> some = new ArrayList<>(List.of(FORMATS.getFirst()));
                for (int i = 0; i < FORMATS_OF_LARGE; i++) {
                    some.add(formats.get(1 + turn++ % (formats.size() - 1)));
                }
                formats = some;
            }
            for (LowBitFormat format : formats) {
                // The first format runs under the name that all operations have.
                String name = format == FORMATS.getFirst() ? "plain" : format.name();
                Sample sample = new Sample(format, shape, dtype);
                checks.add(
                        check(
                                dtype,
                                shape,
                                name,
                                bound,
                                (device, seed) -> agrees(sample, device, seed)));
            }
            Sample grouped = new Sample(FORMATS.get(1), shape, dtype);
            checks.add(
                    check(
                            dtype,
                            shape,
                            "bits-threads-and-memory",
                            bound,
                            (device, seed) -> sameBits(grouped, device, seed)));
            Sample eightBits = new Sample(FORMATS.get(4), shape, dtype);
            checks.add(
                    check(
                            dtype,
                            shape,
                            "edge-not-finite",
                            bound,
                            (device, seed) -> rowsThatAreNotFinite(eightBits, device, seed)));
        }
        return checks;
    }

    /** What is computed. */
    private record Sample(LowBitFormat format, int outputs, CaseFile.Case shape, DType dtype) {
        Sample(LowBitFormat format, CaseFile.Case shape, DType dtype) {
            this(format, format.outputs(shape), shape, dtype);
        }

        int rows() {
            return Math.toIntExact(shape.rows());
        }

        int inputs() {
            return Math.toIntExact(shape.columns());
        }

        int xStride() {
            return Math.toIntExact(shape.xStride());
        }

        int yStride() {
            return outputs + rows() % 3;
        }
    }

    /** Codes, scales and offsets of a matrix, and its weights. */
    private record Unpacked(
            byte[] codes, float[] scales, float[] offsets, float[] weights, int group) {
        static Unpacked of(LowBitMatrix matrix) {
            int outputs = (int) matrix.outputs();
            int inputs = (int) matrix.inputs();
            int groups = (int) ((inputs + matrix.groupSize() - 1) / matrix.groupSize());
            Unpacked unpacked =
                    new Unpacked(
                            new byte[outputs * inputs],
                            new float[outputs * groups],
                            new float[outputs * groups],
                            new float[outputs * inputs],
                            (int) Math.min(matrix.groupSize(), Integer.MAX_VALUE));
            Device device = matrix.device();
            matrix.unpack(
                    0,
                    outputs,
                    IntegerMatrix.of(unpacked.codes, outputs, inputs),
                    device.tensor(unpacked.scales, outputs, groups),
                    device.tensor(unpacked.offsets, outputs, groups));
            matrix.dequantize(0, device.tensor(unpacked.weights, outputs, inputs));
            return unpacked;
        }

        void requireSame(Unpacked other) {
            if (!Arrays.equals(codes, other.codes)) {
                throw failure(
                        "codes: expected those of the reference, but the first other one is number %s",
                        Arrays.mismatch(codes, other.codes));
            }
            requireSame("scales", scales, other.scales);
            requireSame("offsets", offsets, other.offsets);
            requireSame("weights", weights, other.weights);
        }

        private static void requireSame(String what, float[] expected, float[] actual) {
            for (int i = 0; i < expected.length; i++) {
                if (Float.floatToIntBits(expected[i]) != Float.floatToIntBits(actual[i])) {
                    throw failure(
                            "%s: expected the bits of the reference, but number %s is %s, not %s",
                            what, i, actual[i], expected[i]);
                }
            }
        }
    }

    private static double agrees(Sample sample, Device device, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        var weights = sample.format.weights().of(sample.outputs, sample.inputs(), random);
        float[] x = normal(sample.dtype, sample.rows() * sample.inputs(), random);
        float[] bias = normal(DType.F32, sample.outputs, random);
        try (LowBitMatrix matrix = weights.apply(device);
                LowBitMatrix reference = weights.apply(Device.reference())) {
            Unpacked unpacked = Unpacked.of(reference);
            unpacked.requireSame(Unpacked.of(matrix));
            int[] order = reference.permutation();
            if (!Arrays.equals(order, matrix.permutation())) {
                throw failure("permutation: expected that of the reference");
            }
            double worst = 0;
            int turn = sample.rows() + sample.inputs();
            for (ActivationMode mode : ActivationMode.values()) {
                boolean withBias = turn++ % 2 == 0;
                Memory memory = turn % 3 == 0 ? Memory.HEAP : Memory.NATIVE;
                float[] added = withBias ? bias : null;
                float[] y = multiply(matrix, sample, x, added, mode, memory);
                worst = Math.max(worst, compare(sample, unpacked, order, x, added, mode, y));
            }
            return worst;
        }
    }

    /** One product, with memory around it that must stay as it was. */
    private static float[] multiply(
            LowBitMatrix matrix,
            Sample sample,
            float[] x,
            float[] bias,
            ActivationMode mode,
            Memory memory) {
        Device device = matrix.device();
        int rows = sample.rows();
        try (Arena arena = Arena.ofConfined()) {
            Tensor input =
                    rows(
                            device,
                            arena,
                            memory,
                            sample.dtype,
                            x,
                            rows,
                            sample.inputs(),
                            sample.xStride());
            float[] canaries = new float[rows * sample.yStride()];
            Arrays.fill(canaries, -7);
            Tensor whole =
                    rows(
                            device,
                            arena,
                            memory,
                            sample.dtype,
                            canaries,
                            rows,
                            sample.yStride(),
                            sample.yStride());
            Tensor y = whole.slice(1, 0, sample.outputs);
            matrix.multiply(input, bias == null ? null : device.tensor(bias, bias.length), mode, y);
            if (!Arrays.equals(x, input.toFloatArray())) {
                throw failure("x: the call changed the input");
            }
            for (int row = 0; row < rows; row++) {
                for (int gap = sample.outputs; gap < sample.yStride(); gap++) {
                    if (whole.get(row, gap) != -7) {
                        throw failure("y: the call wrote behind row %s", row);
                    }
                }
            }
            return y.toFloatArray();
        }
    }

    /** The greatest error, as a part of the bound. */
    private static double compare(
            Sample sample,
            Unpacked w,
            int[] order,
            float[] x,
            float[] bias,
            ActivationMode mode,
            float[] y) {
        int inputs = sample.inputs();
        double worst = 0;
        for (int m = 0; m < sample.rows(); m++) {
            float[] row = Arrays.copyOfRange(x, m * inputs, (m + 1) * inputs);
            Codes codes = mode == ActivationMode.FLOAT ? null : Codes.of(row, order, mode);
            for (int n = 0; n < sample.outputs; n++) {
                double added = bias == null ? 0 : bias[n];
                Expected expected =
                        codes == null
                                ? Expected.ofFloats(row, w, n, added)
                                : Expected.ofCodes(codes, w, n, added);
                float got = y[m * sample.outputs + n];
                double error =
                        Math.abs(got - expected.value) - rounding(sample.dtype, expected.value);
                double part = error <= 0 ? 0 : error / expected.bound;
                if (!(part <= worst)) {
                    worst = part;
                }
                if (!(part <= 1)) {
                    throw failure(
                            "y[%s, %s] with %s, %s outputs: expected %s, got %s, error %s, bound %s",
                            m,
                            n,
                            Setting.label(mode),
                            sample.outputs,
                            expected.value,
                            got,
                            error,
                            expected.bound);
                }
            }
        }
        return worst;
    }

    /** A row of activations as codes, in the order of a matrix. */
    private record Codes(byte[] codes, float[] scales, int group) {
        static Codes of(float[] row, int[] order, ActivationMode mode) {
            float[] ordered = row.clone();
            for (int i = 0; order != null && i < row.length; i++) {
                ordered[i] = row[order[i]];
            }
            int group =
                    switch (mode) {
                        case INT8_GROUP_32 -> 32;
                        case INT8_GROUP_64 -> 64;
                        case INT8_GROUP_128 -> 128;
                        case INT8_GROUP_256 -> 256;
                        default -> row.length;
                    };
            int groups = (row.length + group - 1) / group;
            Codes codes = new Codes(new byte[row.length], new float[groups], group);
            Device device = Device.reference();
            Quantization.quantizeActivations(
                    device.tensor(ordered, 1, row.length),
                    mode,
                    IntegerMatrix.of(codes.codes, 1, row.length),
                    device.tensor(codes.scales, 1, groups),
                    null);
            return codes;
        }
    }

    private record Expected(double value, double bound) {
        static Expected ofFloats(float[] x, Unpacked w, int n, double bias) {
            double sum = bias;
            double magnitude = Math.abs(bias);
            for (int k = 0; k < x.length; k++) {
                double product = (double) x[k] * w.weights[n * x.length + k];
                sum += product;
                magnitude += Math.abs(product);
            }
            return new Expected(sum, 4.0 * (x.length + 1) * 0x1p-24 * magnitude);
        }

        static Expected ofCodes(Codes x, Unpacked w, int n, double bias) {
            int inputs = x.codes.length;
            int groups = w.scales.length / (w.codes.length / inputs);
            double sum = bias;
            double magnitude = Math.abs(bias);
            int parts = 0;
            for (int begin = 0, end; begin < inputs; begin = end, parts++) {
                int group = begin / w.group;
                end =
                        (int)
                                Math.min(
                                        Math.min(
                                                (group + 1L) * w.group,
                                                (begin / x.group + 1L) * x.group),
                                        inputs);
                long products = 0;
                long codes = 0;
                for (int k = begin; k < end; k++) {
                    products += (long) (w.codes[n * inputs + k] & 0xff) * x.codes[k];
                    codes += x.codes[k];
                }
                double scale = x.scales[begin / x.group];
                double first = scale * w.scales[n * groups + group] * products;
                double second = scale * w.offsets[n * groups + group] * codes;
                sum += first + second;
                magnitude += Math.abs(first) + Math.abs(second);
            }
            return new Expected(sum, 4.0 * (parts + 1) * 0x1p-24 * magnitude);
        }
    }

    /** For any number of threads, on the heap and off it, for all rows at once and one by one. */
    private static double sameBits(Sample sample, Device device, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        var weights = sample.format.weights().of(sample.outputs, sample.inputs(), random);
        float[] x = normal(sample.dtype, sample.rows() * sample.inputs(), random);
        float[][] expected = new float[ActivationMode.values().length][];
        List<Device> devices = device.isa() == null ? List.of() : withThreads(device, 1, 3);
        try (LowBitMatrix own = weights.apply(device)) {
            for (ActivationMode mode : ActivationMode.values()) {
                expected[mode.ordinal()] = multiply(own, sample, x, null, mode, Memory.NATIVE);
                requireSame(
                        "on the heap",
                        expected[mode.ordinal()],
                        multiply(own, sample, x, null, mode, Memory.HEAP));
            }
            for (Device other : devices) {
                try (LowBitMatrix matrix = weights.apply(other)) {
                    for (ActivationMode mode : ActivationMode.values()) {
                        requireSame(
                                "with " + other.threads() + " threads",
                                expected[mode.ordinal()],
                                multiply(matrix, sample, x, null, mode, Memory.NATIVE));
                    }
                }
            }
        } finally {
            devices.forEach(Device::close);
        }
        return 0;
    }

    private static void requireSame(String where, float[] expected, float[] actual) {
        int mismatch = Arrays.mismatch(expected, actual);
        if (mismatch >= 0) {
            throw failure(
                    "y %s: expected the same bits, but number %s is %s, not %s",
                    where, mismatch, actual[mismatch], expected[mismatch]);
        }
    }

    /** A row with NaN or an infinity gives NaN or infinities; the others stay what they were. */
    private static double rowsThatAreNotFinite(Sample sample, Device device, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        var weights = sample.format.weights().of(sample.outputs, sample.inputs(), random);
        float[] x = normal(sample.dtype, sample.rows() * sample.inputs(), random);
        float[] wrong = x.clone();
        float[] specials = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY};
        for (int row = 0; row < sample.rows(); row += 2) {
            wrong[row * sample.inputs() + random.nextInt(sample.inputs())] =
                    specials[row / 2 % specials.length];
        }
        try (LowBitMatrix matrix = weights.apply(device)) {
            for (ActivationMode mode : ActivationMode.values()) {
                float[] good = multiply(matrix, sample, x, null, mode, Memory.NATIVE);
                float[] bad = multiply(matrix, sample, wrong, null, mode, Memory.NATIVE);
                for (int i = 0; i < good.length; i++) {
                    boolean special = i / sample.outputs % 2 == 0;
                    boolean holds =
                            !special
                                    ? good[i] == bad[i]
                                    : mode == ActivationMode.FLOAT
                                            ? !Float.isFinite(bad[i])
                                            : Float.isNaN(bad[i]);
                    if (!holds) {
                        throw failure(
                                "y[%s] with %s: expected %s, got %s",
                                i, Setting.label(mode), special ? "NaN" : good[i], bad[i]);
                    }
                }
            }
        }
        return 0;
    }
}
