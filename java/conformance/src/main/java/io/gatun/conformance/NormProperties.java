/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.DType;
import io.gatun.Device;
import io.gatun.EpsMode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * What the definition of normalization says about particular rows, tested without the reference
 * device.
 */
final class NormProperties {
    /** How much a constant row may differ from beta, relative to gamma. */
    private static final double CONSTANT_ROW = 0x1p-20;

    private final NormOperation operation;
    private final DType dtype;
    private final double bound;
    private final ErrorMeasure measure;
    private final OperationProperties common;

    NormProperties(NormOperation operation, DType dtype, double bound) {
        this.operation = operation;
        this.dtype = dtype;
        this.bound = bound;
        measure = ErrorMeasure.of(dtype);
        common = new OperationProperties(operation, dtype, bound);
    }

    Check property(String name, int rows, int columns, OperationProperties.Property property) {
        return common.property(name, rows, columns, property);
    }

    /** The properties that LayerNorm and RMSNorm share. */
    List<Check> checks() {
        List<Check> checks =
                new ArrayList<>(
                        List.of(
                                property("edge-zero-row", 3, 67, this::zeroRowIsBeta),
                                property(
                                        "edge-nan-row", 5, 67, this::nanRowIsNanOthersAreUntouched),
                                property("edge-large-row", 3, 771, this::largeRowIsLikeSmallRow),
                                property("edge-large-eps", 3, 771, this::largeEpsScalesDown)));
        checks.addAll(common.checks(771));
        checks.add(common.threads(1, 40_000));
        return checks;
    }

    private double zeroRowIsBeta(Device device, int rows, int columns, long seed) {
        float eps = 1e-5f;
        for (EpsMode mode : EpsMode.values()) {
            Call call =
                    operation
                            .plain()
                            .withInput("x", Values.constant(0))
                            .with(NormOperation.EPS, eps)
                            .with(NormOperation.EPS_MODE, mode)
                            .call(operation, dtype, rows, columns, seed);
            Map<String, float[]> outputs = call.on(device, dense(columns));
            requireRowsEqual(
                    outputs.get("y"), rounded(call.inputs().get("beta")), "beta, eps mode " + mode);
            float rstd =
                    (float)
                            switch (mode) {
                                case IN_SQRT -> 1 / Math.sqrt(eps);
                                case ADD -> 1 / (double) eps;
                                case CLAMP -> Math.sqrt(columns) / eps;
                            };
            for (float got : outputs.get("rstd")) {
                double error = ErrorMeasure.relative().compare(0, got, rstd);
                if (error > ErrorMeasure.INTERMEDIATE_UNITS) {
                    throw new NamedCheck.Failure(
                            "rstd of a zero row in eps mode "
                                    + mode
                                    + ": expected "
                                    + rstd
                                    + ", got "
                                    + got);
                }
            }
        }
        return 0;
    }

    double oneColumnIsBeta(Device device, int rows, int columns, long seed) {
        Call call = operation.plain().call(operation, dtype, rows, columns, seed);
        requireRowsEqual(
                call.on(device, dense(columns)).get("y"),
                rounded(call.inputs().get("beta")),
                "beta");
        return 0;
    }

    double oneColumnIsScaledByItself(Device device, int rows, int columns, long seed) {
        float eps = 0.5f;
        Call call =
                operation
                        .plain()
                        .without("gamma", "beta")
                        .with(NormOperation.EPS, eps)
                        .call(operation, dtype, rows, columns, seed);
        float[] y = call.on(device, dense(columns)).get("y");
        float[] x = rounded(call.inputs().get("x"));
        double worst = 0;
        for (int i = 0; i < x.length; i++) {
            float expected = round((float) (x[i] / Math.sqrt((double) x[i] * x[i] + eps)));
            worst = Math.max(worst, measure.compare(i, y[i], expected));
        }
        return worst;
    }

    double constantRowIsBeta(Device device, int rows, int columns, long seed) {
        double[] constants =
                dtype == DType.F16
                        ? new double[] {0.1, -3, 100.3, 6e4}
                        : new double[] {0.1, -3, 40_001, 1e7, 1e30};
        for (double constant : constants) {
            for (float eps : new float[] {1e-5f, 1e-12f}) {
                Call call =
                        operation
                                .plain()
                                .withInput("x", Values.constant(constant))
                                .with(NormOperation.EPS, eps)
                                .call(operation, dtype, rows, columns, seed);
                float[] y = call.on(device, dense(columns)).get("y");
                float[] gamma = call.inputs().get("gamma");
                float[] beta = rounded(call.inputs().get("beta"));
                for (int i = 0; i < y.length; i++) {
                    int column = i % columns;
                    boolean close =
                            Math.abs((double) y[i] - beta[column])
                                            <= CONSTANT_ROW * Math.abs(gamma[column])
                                    || dtype != DType.F32
                                            && ErrorMeasure.ulps(dtype, y[i], beta[column])
                                                    <= bound;
                    if (!close) {
                        throw new NamedCheck.Failure(
                                "a row of "
                                        + constant
                                        + " with eps "
                                        + eps
                                        + ": y["
                                        + i / columns
                                        + ", "
                                        + column
                                        + "] is "
                                        + y[i]
                                        + ", beta is "
                                        + beta[column]
                                        + "; expected a difference of at most 2^-20 * |gamma|, gamma being "
                                        + gamma[column]);
                    }
                }
            }
        }
        return 0;
    }

    private double nanRowIsNanOthersAreUntouched(Device device, int rows, int columns, long seed) {
        for (Values.Position position : Values.Position.values()) {
            Recipe clean = operation.plain();
            Values x = clean.inputs().get("x");
            float[] expected = call(clean, rows, columns, seed).on(device, dense(columns)).get("y");
            float[] y =
                    call(clean.withInput("x", x.with(Float.NaN, position)), rows, columns, seed)
                            .on(device, dense(columns))
                            .get("y");
            for (int i = 0; i < y.length; i++) {
                boolean right = i / columns % 2 == 0 ? Float.isNaN(y[i]) : same(y[i], expected[i]);
                if (!right) {
                    throw new NamedCheck.Failure(
                            "NaN at "
                                    + Setting.label(position)
                                    + " of every second row: y["
                                    + i / columns
                                    + ", "
                                    + i % columns
                                    + "] is "
                                    + y[i]
                                    + (i / columns % 2 == 0
                                            ? ", expected NaN"
                                            : ", without the NaN it is " + expected[i]));
                }
            }
        }
        return 0;
    }

    double infiniteRowIsNan(Device device, int rows, int columns, long seed) {
        return infiniteRow(device, rows, columns, seed, true);
    }

    double infiniteElementIsNanOthersAreZero(Device device, int rows, int columns, long seed) {
        return infiniteRow(device, rows, columns, seed, false);
    }

    private double infiniteRow(Device device, int rows, int columns, long seed, boolean wholeRow) {
        for (float special : new float[] {Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
            for (Values.Position position : Values.Position.values()) {
                Recipe clean = operation.plain().without("gamma", "beta");
                Values x = clean.inputs().get("x");
                float[] expected =
                        call(clean, rows, columns, seed).on(device, dense(columns)).get("y");
                float[] y =
                        call(clean.withInput("x", x.with(special, position)), rows, columns, seed)
                                .on(device, dense(columns))
                                .get("y");
                for (int i = 0; i < y.length; i++) {
                    boolean nan = wholeRow || i % columns == position.index(columns);
                    boolean right =
                            i / columns % 2 == 0
                                    ? (nan ? Float.isNaN(y[i]) : y[i] == 0)
                                    : same(y[i], expected[i]);
                    if (!right) {
                        throw new NamedCheck.Failure(
                                special
                                        + " at "
                                        + Setting.label(position)
                                        + " of every second row: y["
                                        + i / columns
                                        + ", "
                                        + i % columns
                                        + "] is "
                                        + y[i]
                                        + ", expected "
                                        + (i / columns % 2 != 0
                                                ? expected[i] + " as without it"
                                                : nan ? "NaN" : "0"));
                    }
                }
            }
        }
        return 0;
    }

    /**
     * A row of about 1e30, whose squares overflow, is the same row as one of about 1, when eps is
     * nothing beside it.
     */
    private double largeRowIsLikeSmallRow(Device device, int rows, int columns, long seed) {
        // A power of 2, so that both rows are exactly proportional; in F16 nothing overflows
        // float32.
        double factor = dtype == DType.F16 ? 0x1p8 : 0x1p100;
        Values x = Values.integers(100, 1);
        Values larger = Values.integers(100, factor);
        Recipe recipe = operation.plain().with(NormOperation.EPS, 0f);
        return distance(
                call(recipe.withInput("x", x), rows, columns, seed),
                call(recipe.withInput("x", larger), rows, columns, seed),
                device);
    }

    private double largeEpsScalesDown(Device device, int rows, int columns, long seed) {
        Call call =
                call(
                        operation.plain().without("gamma", "beta").with(NormOperation.EPS, 1e12f),
                        rows,
                        columns,
                        seed);
        Map<String, float[]> outputs = call.on(device, dense(columns));
        for (int i = 0; i < outputs.get("y").length; i++) {
            // The mean square is about 1, so that the scale is 1e-6 to within float32.
            float y = outputs.get("y")[i];
            if (!(Math.abs(y) < 1e-5)) {
                throw new NamedCheck.Failure(
                        "eps 1e12: y[" + i + "] is " + y + ", expected about 1e-6 * x");
            }
        }
        double worst = 0;
        for (float rstd : outputs.get("rstd")) {
            worst = Math.max(worst, ErrorMeasure.relative().compare(0, rstd, 1e-6f));
        }
        if (worst > ErrorMeasure.INTERMEDIATE_UNITS) {
            throw new NamedCheck.Failure("eps 1e12: rstd is off by " + worst + " units from 1e-6");
        }
        return 0;
    }

    double shiftChangesNothing(Device device, int rows, int columns, long seed) {
        // Both rows are exact in every type: whole numbers of at most 7 bits after the shift.
        Values x = Values.integers(31, 1);
        Values shifted =
                (values, r, c, random) -> {
                    x.fill(values, r, c, random);
                    for (int i = 0; i < values.length; i++) {
                        values[i] += 96;
                    }
                };
        Recipe recipe = operation.plain();
        return distance(
                call(recipe.withInput("x", x), rows, columns, seed),
                call(recipe.withInput("x", shifted), rows, columns, seed),
                device);
    }

    double scaleChangesNothing(Device device, int rows, int columns, long seed) {
        double worst = 0;
        for (double factor : new double[] {3, -5, 0x1p-6}) {
            Recipe recipe = operation.plain().without("beta").with(NormOperation.EPS, 0f);
            Values scaled = Values.integers(31, factor);
            Call plain =
                    call(
                            recipe.withInput("x", Values.integers(31, Math.signum(factor))),
                            rows,
                            columns,
                            seed);
            worst =
                    Math.max(
                            worst,
                            distance(
                                    plain,
                                    call(recipe.withInput("x", scaled), rows, columns, seed),
                                    device));
        }
        return worst;
    }

    /**
     * Two calls whose exact results are the same differ by at most twice the bound: half of that is
     * reported.
     */
    private double distance(Call a, Call b, Device device) {
        float[] first = a.on(device, dense(a.columns())).get("y");
        float[] second = b.on(device, dense(b.columns())).get("y");
        double worst = 0;
        for (int i = 0; i < first.length; i++) {
            worst = Math.max(worst, measure.compare(i, second[i], first[i]));
        }
        return worst / 2;
    }

    private Call call(Recipe recipe, int rows, int columns, long seed) {
        return recipe.call(operation, dtype, rows, columns, seed);
    }

    private static Call.Layout dense(int columns) {
        return Call.Layout.dense(Memory.HEAP, columns);
    }

    private float[] rounded(float[] values) {
        float[] result = values.clone();
        for (int i = 0; i < result.length; i++) {
            result[i] = round(result[i]);
        }
        return result;
    }

    private float round(float value) {
        return dtype == DType.F32 ? value : dtype.toFloat(dtype.fromFloat(value));
    }

    private static void requireRowsEqual(float[] y, float[] row, String what) {
        for (int i = 0; i < y.length; i++) {
            if (y[i] != row[i % row.length]) {
                throw new NamedCheck.Failure(
                        "expected "
                                + what
                                + " in every row, but y["
                                + i / row.length
                                + ", "
                                + i % row.length
                                + "] is "
                                + y[i]
                                + " instead of "
                                + row[i % row.length]);
            }
        }
    }

    private static boolean same(float a, float b) {
        return Float.floatToIntBits(a) == Float.floatToIntBits(b);
    }
}
