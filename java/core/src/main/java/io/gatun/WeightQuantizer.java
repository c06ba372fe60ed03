// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/** Quantizes rows of floating-point weights by the formulas of {@link WeightQuantization}. */
final class WeightQuantizer implements LowBitRows {
    /* Below these a reciprocal is not finite, or as far off as a subnormal number: all codes stand for 0 then. */
    private static final float LEAST_SCALE = 0x1p-126f;
    private static final float LEAST_MAGNITUDE = 0x1p-118f;

    private final Tensor weight;
    private final WeightQuantization how;
    private final int most;
    private final Grid ofTensor;

    WeightQuantizer(Tensor weight, WeightQuantization how) {
        this.weight = weight;
        this.how = how;
        this.most = (1 << how.bits()) - 1;
        if (how.groupSize() == WeightQuantization.PER_TENSOR) {
            Grid all = new Grid();
            for (long output = 0; output < weight.rows; output++) {
                float[] row = weights(output);
                all.widen(row, 0, row.length);
            }
            all.settle("all weights");
            ofTensor = all;
        } else {
            ofTensor = null;
        }
    }

    @Override
    public LowBitRow row(long output) {
        float[] weights = weights(output);
        int groupSize = how.groupSize() > 0 ? (int) how.groupSize() : Math.max(weights.length, 1);
        LowBitRow row = new LowBitRow(weights.length, groupSize);
        for (int group = 0; group < row.scales.length; group++) {
            int begin = group * groupSize;
            int end = Math.min(begin + groupSize, weights.length);
            Grid grid = ofTensor;
            if (grid == null) {
                grid = new Grid();
                grid.widen(weights, begin, end);
                grid.settle("group %s of output %s".formatted(group, output));
            }
            row.setZeroPoint(group, grid.scale, grid.zeroPoint);
            for (int input = begin; input < end; input++) {
                row.setCode(input, grid.code(weights[input]));
            }
        }
        return row;
    }

    private float[] weights(long output) {
        DType dtype = weight.dtype();
        float[] row = new float[Math.toIntExact(weight.columns)];
        long start = output * weight.rowStride;
        for (int input = 0; input < row.length; input++) {
            row[input] = Elements.load(dtype, weight.segment(), (start + input) * dtype.bytes());
            if (!Float.isFinite(row[input])) {
                throw new IllegalArgumentException(
                        "weight: expected finite weights, but [%s, %s] is %s"
                                .formatted(output, input, row[input]));
            }
        }
        return row;
    }

    /** The numbers that the codes of a group stand for. */
    private final class Grid {
        /* Both hold 0. */
        private float least;
        private float greatest;
        private float magnitude;

        private float scale;
        private int zeroPoint;
        private float inverse;

        void widen(float[] weights, int begin, int end) {
            for (int i = begin; i < end; i++) {
                least = Math.min(least, weights[i]);
                greatest = Math.max(greatest, weights[i]);
                magnitude = Math.max(magnitude, Math.abs(weights[i]));
            }
        }

        void settle(String what) {
            if (how.grid() == WeightGrid.AFFINE) {
                scale = rounded((greatest - least) / most, what);
                zeroPoint = scale > 0 ? Math.min(Math.round(-least / scale), most) : 0;
            } else if (how.bits() == 8) {
                scale = rounded(magnitude / 127, what);
                zeroPoint = 128;
            } else {
                float largest = greatest > -least ? greatest : least;
                zeroPoint = 1 << how.bits() - 1;
                scale = rounded(-largest / zeroPoint, what);
            }
            if (isHalfEven()) {
                inverse = magnitude >= LEAST_MAGNITUDE ? 127 / magnitude : 0;
            } else {
                inverse = Math.abs(scale) >= LEAST_SCALE ? 1 / scale : 0;
            }
        }

        private boolean isHalfEven() {
            return how.grid() == WeightGrid.SYMMETRIC && how.bits() == 8;
        }

        private float rounded(float exact, String what) {
            DType type = how.scaleType();
            float rounded = type == DType.F32 ? exact : type.toFloat(type.fromFloat(exact));
            if (!Float.isFinite(rounded) || rounded == 0 && exact != 0) {
                throw new IllegalArgumentException(
                        "weight: expected scales that %s can hold, but that of %s is %s"
                                .formatted(type, what, exact));
            }
            return rounded;
        }

        int code(float weight) {
            if (isHalfEven()) {
                return 128 + (int) Math.rint(weight * inverse);
            }
            return Math.clamp(Math.round(weight * inverse + zeroPoint), 0, most);
        }
    }
}
