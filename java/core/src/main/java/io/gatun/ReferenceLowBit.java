// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import io.gatun.model.TensorType;

/** Low-bit products by their definition: exact integers, float64 sums. */
final class ReferenceLowBit implements LowBitKernels {
    static final ReferenceLowBit INSTANCE = new ReferenceLowBit();

    private ReferenceLowBit() {}

    @Override
    public LowBitWeights quantize(Tensor weight, WeightQuantization how) {
        Operands.requireOpen(weight, "weight");
        long groupSize = how.groupSize() > 0 ? how.groupSize() : Math.max(weight.columns, 1);
        return ReferenceLowBitWeights.packed(
                shape(
                        weight.rows,
                        weight.columns,
                        how.bits(),
                        LowBitScheme.QUANTIZED,
                        groupSize,
                        false),
                new WeightQuantizer(weight, how),
                null);
    }

    private static ReferenceLowBitWeights.Shape shape(
            long outputs,
            long inputs,
            int bits,
            LowBitScheme scheme,
            long groupSize,
            boolean isSigned) {
        return new ReferenceLowBitWeights.Shape(
                outputs, inputs, bits, scheme, null, groupSize, isSigned, false);
    }

    @Override
    public LowBitWeights pack(LowBitSource source) {
        return switch (source) {
            case LowBitSource.Gguf gguf ->
                    ReferenceLowBitWeights.packed(
                            shape(gguf, LowBitScheme.GGUF), LowBitRows.of(gguf), null);
            case LowBitSource.Awq awq ->
                    ReferenceLowBitWeights.packed(
                            shape(
                                    awq.outputs(),
                                    awq.inputs(),
                                    4,
                                    LowBitScheme.AWQ,
                                    groupSize(awq.groupSize(), awq.inputs()),
                                    false),
                            LowBitRows.of(awq),
                            null);
            case LowBitSource.Gptq gptq -> pack(gptq);
            case LowBitSource.NBits nbits ->
                    ReferenceLowBitWeights.packed(
                            shape(
                                    nbits.outputs(),
                                    nbits.inputs(),
                                    nbits.bits(),
                                    LowBitScheme.NBITS,
                                    nbits.blockSize(),
                                    false),
                            LowBitRows.of(nbits, hasWholeZeroPoints(nbits)),
                            null);
            case LowBitSource.Jlama jlama ->
                    ReferenceLowBitWeights.packed(
                            shape(
                                    jlama.outputs(),
                                    jlama.inputs(),
                                    jlama.bits(),
                                    LowBitScheme.JLAMA,
                                    32,
                                    jlama.bits() == 8),
                            LowBitRows.of(jlama),
                            null);
            case LowBitSource.Int8 int8 ->
                    ReferenceLowBitWeights.packed(
                            shape(
                                    int8.outputs(),
                                    int8.inputs(),
                                    8,
                                    LowBitScheme.INT8,
                                    Math.max(int8.inputs(), 1),
                                    true),
                            LowBitRows.of(int8),
                            null);
        };
    }

    private static long groupSize(long groupSize, long inputs) {
        return groupSize == LowBitSource.PER_CHANNEL ? Math.max(inputs, 1) : groupSize;
    }

    private static ReferenceLowBitWeights.Shape shape(LowBitSource.Gguf gguf, LowBitScheme scheme) {
        return new ReferenceLowBitWeights.Shape(
                gguf.outputs(),
                gguf.inputs(),
                GgufBlocks.bits(gguf.type()),
                scheme,
                gguf.type(),
                GgufBlocks.groupSize(gguf.type()),
                gguf.type() == TensorType.Q8_0,
                false);
    }

    @Override
    public LowBitWeights inPlace(LowBitSource.Gguf source, Runnable release) {
        return ReferenceLowBitWeights.inPlace(
                shape(source, LowBitScheme.GGUF_IN_PLACE), LowBitRows.of(source), release);
    }

    private static LowBitWeights pack(LowBitSource.Gptq gptq) {
        int[] permutation = GptqOrder.permutation(gptq);
        return ReferenceLowBitWeights.packed(
                new ReferenceLowBitWeights.Shape(
                        gptq.outputs(),
                        gptq.inputs(),
                        gptq.bits(),
                        LowBitScheme.GPTQ,
                        null,
                        groupSize(gptq.groupSize(), gptq.inputs()),
                        false,
                        hasZeroPointOnes(gptq)),
                LowBitRows.of(gptq, permutation),
                permutation);
    }

    private static boolean hasZeroPointOnes(LowBitSource.Gptq gptq) {
        long groups = SourceChecks.groups(gptq.inputs(), gptq.groupSize());
        int ones = (1 << gptq.bits()) - 1;
        for (long group = 0; gptq.version() == 1 && group < groups; group++) {
            for (long output = 0; output < gptq.outputs(); output++) {
                if (LowBitRows.gptqZeroPoint(gptq, group, output) == ones) {
                    return true;
                }
            }
        }
        return false;
    }

    private static boolean hasWholeZeroPoints(LowBitSource.NBits nbits) {
        long groups = (nbits.inputs() + nbits.blockSize() - 1) / nbits.blockSize();
        int most = (1 << nbits.bits()) - 1;
        for (long output = 0; nbits.zeroPointType() != null && output < nbits.outputs(); output++) {
            for (long group = 0; group < groups; group++) {
                float zeroPoint = LowBitRows.nbitsZeroPoint(nbits, output, group, groups);
                if (!(zeroPoint >= 0 && zeroPoint <= most && zeroPoint == Math.rint(zeroPoint))) {
                    return false;
                }
            }
        }
        return true;
    }

    @Override
    public void multiply(
            LowBitWeights weights, Tensor x, Tensor bias, ActivationMode mode, Tensor y) {
        LowBitChecks.requireOpen(x, bias, y);
        ReferenceLowBitWeights matrix = (ReferenceLowBitWeights) weights;
        LowBitLayout layout = matrix.layout();
        int groupSize = (int) mode.groupSize(layout.inputs());
        float[][] rows = new float[Math.toIntExact(x.rows)][];
        ActivationCodes[] codes = new ActivationCodes[rows.length];
        for (int m = 0; m < rows.length; m++) {
            rows[m] = matrix.ordered(floats(x, m));
            if (mode != ActivationMode.FLOAT) {
                codes[m] = ActivationCodes.of(rows[m], groupSize);
            }
        }
        for (int n = 0; n < layout.outputs(); n++) {
            LowBitRow row = matrix.row(n);
            for (int m = 0; m < rows.length; m++) {
                double sum =
                        mode == ActivationMode.FLOAT
                                ? floatProduct(row, rows[m])
                                : codeProduct(row, codes[m]);
                ReferenceRows.store(
                        y, m * y.rowStride + n, sum + (bias == null ? 0 : load(bias, n)));
            }
        }
    }

    private static double load(Tensor vector, long element) {
        return ReferenceRows.load(vector, element);
    }

    private static double floatProduct(LowBitRow row, float[] x) {
        double sum = 0;
        for (int k = 0; k < x.length; k++) {
            sum += (double) row.weight(k) * x[k];
        }
        return sum;
    }

    /** Sums of codes between all places where a group of weights or of activations begins. */
    private static double codeProduct(LowBitRow row, ActivationCodes x) {
        double sum = 0;
        int begin = 0;
        while (begin < x.codes.length) {
            int group = begin / row.groupSize;
            int activationGroup = begin / x.groupSize;
            long end =
                    Math.min(
                            Math.min(
                                    (group + 1L) * row.groupSize,
                                    (activationGroup + 1L) * x.groupSize),
                            x.codes.length);
            long products = 0;
            for (int k = begin; k < end; k++) {
                products += row.code(k) * x.codes[k];
            }
            sum +=
                    x.scales[activationGroup]
                            * ((double) row.scales[group] * products
                                    + (double) row.offsets[group] * x.sum(begin, (int) end));
            begin = (int) end;
        }
        return sum;
    }

    private static float[] floats(Tensor tensor, long row) {
        return floats(tensor, row * tensor.rowStride, tensor.columns);
    }

    private static float[] floats(Tensor tensor, long element, long count) {
        float[] values = new float[Math.toIntExact(count)];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) load(tensor, element + i);
        }
        return values;
    }

    @Override
    public void quantizeActivations(
            Tensor x, ActivationMode mode, IntegerMatrix codes, Tensor scales, IntegerMatrix sums) {
        LowBitChecks.requireOpen(x, scales, codes, sums);
        int groupSize = (int) mode.groupSize(x.columns);
        for (long m = 0; m < x.rows; m++) {
            ActivationCodes row = ActivationCodes.of(floats(x, m), groupSize);
            for (int group = 0; group < row.scales.length; group++) {
                ReferenceRows.store(scales, m * scales.rowStride + group, row.scales[group]);
            }
            store(row, m, codes, sums);
        }
    }

    @Override
    public void quantizeActivations(
            Tensor x,
            Tensor channelScales,
            Tensor channelCentres,
            int limit,
            IntegerMatrix codes,
            IntegerMatrix sums) {
        LowBitChecks.requireOpen(x, channelScales, codes, sums);
        Operands.requireOpen(channelCentres, "channelCentres");
        float[] scales = floats(channelScales, 0, x.columns);
        float[] centres = channelCentres == null ? null : floats(channelCentres, 0, x.columns);
        LowBitChecks.requireChannels(scales, centres);
        for (long m = 0; m < x.rows; m++) {
            store(ActivationCodes.of(floats(x, m), scales, centres, limit), m, codes, sums);
        }
    }

    private static void store(
            ActivationCodes row, long m, IntegerMatrix codes, IntegerMatrix sums) {
        for (int k = 0; k < row.codes.length; k++) {
            codes.set(m, k, row.codes[k]);
        }
        for (int group = 0; sums != null && group < sums.columns(); group++) {
            int begin = group * row.groupSize;
            sums.set(m, group, row.sum(begin, Math.min(begin + row.groupSize, row.codes.length)));
        }
    }

    @Override
    public void int8Matmul(
            LowBitWeights weights,
            IntegerMatrix x,
            Tensor rowScales,
            int[] rowZeroPoints,
            Tensor bias,
            Tensor y) {
        LowBitChecks.requireOpen(rowScales, bias, y);
        LowBitChecks.requireOpen(x, "x");
        ReferenceLowBitWeights matrix = (ReferenceLowBitWeights) weights;
        requireFits(matrix, x, rowZeroPoints);
        for (int n = 0; n < matrix.layout().outputs(); n++) {
            LowBitRow row = matrix.row(n);
            double scale = row.scales.length == 0 ? 0 : row.scales[0];
            for (long m = 0; m < x.rows(); m++) {
                double scaled =
                        int8Product(row, x, m, rowZeroPoints)
                                * ((rowScales == null ? 1 : load(rowScales, m)) * scale);
                ReferenceRows.store(
                        y, m * y.rowStride + n, scaled + (bias == null ? 0 : load(bias, n)));
            }
        }
    }

    @Override
    public void int8Matmul(
            LowBitWeights weights, IntegerMatrix x, int[] rowZeroPoints, IntegerMatrix y) {
        LowBitChecks.requireOpen(x, "x");
        LowBitChecks.requireOpen(y, "y");
        ReferenceLowBitWeights matrix = (ReferenceLowBitWeights) weights;
        requireFits(matrix, x, rowZeroPoints);
        for (int n = 0; n < matrix.layout().outputs(); n++) {
            LowBitRow row = matrix.row(n);
            for (long m = 0; m < x.rows(); m++) {
                y.set(m, n, int8Product(row, x, m, rowZeroPoints));
            }
        }
    }

    private static int int8Product(LowBitRow row, IntegerMatrix x, long m, int[] zeroPoints) {
        int zeroPoint = zeroPoints == null ? 0 : zeroPoints[(int) m];
        int weightZeroPoint = row.zeroPoints.length == 0 ? 0 : (int) row.zeroPoints[0];
        int sum = 0;
        for (int k = 0; k < row.codes.length; k++) {
            sum += (x.get(m, k) - zeroPoint) * (row.code(k) - weightZeroPoint);
        }
        return sum;
    }

    private static void requireFits(
            ReferenceLowBitWeights matrix, IntegerMatrix x, int[] rowZeroPoints) {
        boolean weightsHaveZeroPoints = false;
        for (long n = 0; n < matrix.layout().outputs(); n++) {
            float[] zeroPoints = matrix.row(n).zeroPoints;
            if (zeroPoints.length > 0 && zeroPoints[0] != zeroPoints[0]) {
                throw new IllegalArgumentException(
                        "weights: expected zero points that are integers, but that of output %s is not"
                                .formatted(n));
            }
            weightsHaveZeroPoints |= zeroPoints.length > 0 && zeroPoints[0] != 128;
        }
        LowBitChecks.requireInt8Inputs(x.columns(), rowZeroPoints != null, weightsHaveZeroPoints);
    }
}
