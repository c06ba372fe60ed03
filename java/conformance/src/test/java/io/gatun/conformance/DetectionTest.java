/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.DType;
import io.gatun.Device;
import io.gatun.NormKind;
import io.gatun.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A suite that passes proves nothing unless it fails on wrong results: here each kind of them must
 * be caught.
 */
final class DetectionTest {
    private static final String PATH = "layer_norm/forward/%s/33x16/%s";

    /** An operation whose result is tampered with, on the device under test only. */
    private static final class Tampered extends PlannedOperation {
        private final PlannedOperation genuine;
        private final BiConsumer<Arguments, Runnable> tampering;
        private boolean reference = true;

        Tampered(PlannedOperation genuine, BiConsumer<Arguments, Runnable> tampering) {
            this.genuine = genuine;
            this.tampering = tampering;
        }

        @Override
        public String name() {
            return genuine.name();
        }

        @Override
        public Direction direction() {
            return genuine.direction();
        }

        @Override
        public String description() {
            return genuine.description();
        }

        @Override
        public List<Operand> operands() {
            return genuine.operands();
        }

        @Override
        public List<Setting> settings() {
            return genuine.settings();
        }

        @Override
        public int functions(Settings settings) {
            return genuine.functions(settings);
        }

        @Override
        public void run(Arguments arguments) {
            if (reference) {
                // The first call of a comparison is the oracle's.
                reference = false;
                genuine.run(arguments);
            } else {
                tampering.accept(arguments, () -> genuine.run(arguments));
            }
        }

        @Override
        Recipe plain() {
            return genuine.plain();
        }

        @Override
        List<Recipe> recipes(DType dtype, int columns) {
            return genuine.recipes(dtype, columns);
        }

        @Override
        List<Check> properties(DType dtype, double bound) {
            return List.of();
        }

        @Override
        Tolerances tolerances(Call call) {
            return genuine.tolerances(call);
        }

        @Override
        Map<String, float[]> expected(
                Call call, Map<String, float[]> expected, Map<String, float[]> actual) {
            return genuine.expected(call, expected, actual);
        }

        @Override
        void derive(Call call, Set<String> names, Map<String, float[]> values) {
            genuine.derive(call, names, values);
        }

        @Override
        int heads(Operand operand) {
            return genuine.heads(operand);
        }

        @Override
        long[] ownShape(Operand input, int rows, int columns, Settings settings) {
            return genuine.ownShape(input, rows, columns, settings);
        }

        @Override
        public long[] shape(Operand output, Map<String, long[]> inputs) {
            return genuine.shape(output, inputs);
        }

        @Override
        Plan plan() {
            return genuine.plan();
        }
    }

    static List<PlannedOperation> operations() {
        return Operations.all().stream()
                .filter(PlannedOperation.class::isInstance)
                .map(PlannedOperation.class::cast)
                .toList();
    }

    /** The plain recipe of an operation on a small shape; with two columns gradients vanish. */
    private static CheckResult run(
            PlannedOperation genuine, DType dtype, BiConsumer<Arguments, Runnable> tampering) {
        Operation operation = new Tampered(genuine, tampering);
        Check check =
                operation.checks(CaseFile.load(operation.function()), dtype).stream()
                        .filter(
                                c ->
                                        c.name().equals("plain")
                                                && c.shape().matches("[2-9]\\d?x([7-9]|\\d{2,3})"))
                        .findFirst()
                        .orElseThrow();
        return Suite.result(check, Suite.prepare(check, 7), Device.reference(), 7);
    }

    private static boolean hasType(PlannedOperation operation, DType dtype) {
        return CaseFile.load(operation.function()).bounds().containsKey(dtype);
    }

    @ParameterizedTest
    @MethodSource("operations")
    void genuineResultsOfEveryOperationPass(PlannedOperation operation) {
        for (DType dtype : DType.values()) {
            if (hasType(operation, dtype)) {
                assertEquals(
                        null,
                        run(operation, dtype, (arguments, genuine) -> genuine.run()).failure());
            }
        }
    }

    @ParameterizedTest
    @MethodSource("operations")
    void oneWrongElementOfAnyOutputIsCaught(PlannedOperation operation) {
        for (Operand output : operation.operands()) {
            if (output.role().isInput()) {
                continue;
            }
            for (DType dtype : DType.values()) {
                if (!hasType(operation, dtype)) {
                    continue;
                }
                boolean wide = dtype == DType.F32 || output.storage() == Operand.Storage.STATISTIC;
                int units = (int) (2 * CaseFile.load(operation.function()).bound(dtype)) + 1;
                // Bounds of these are relative to 1 + |phi| and to sums of magnitudes.
                boolean kan = operation.function().startsWith("kan_");
                float wrong = kan && output.storage() == Operand.Storage.STATISTIC ? 1 : 0.001f;
                String name = output.name();
                CheckResult result =
                        run(
                                operation,
                                dtype,
                                after(
                                        a -> {
                                            Tensor tensor = a.tensor(name);
                                            long[] last = tensor.shape();
                                            for (int i = 0; i < last.length; i++) {
                                                last[i]--;
                                            }
                                            float value = tensor.get(last);
                                            tensor.set(
                                                    wide
                                                            ? value + wrong * (1 + Math.abs(value))
                                                            : next(dtype, value, units, kan),
                                                    last);
                                        }));
                assertCaught(result, name + "[", "expected", "bound");
                assertCaught(
                        run(
                                operation,
                                dtype,
                                after(a -> a.tensor(name).segment().fill((byte) 0xff))),
                        name + "[");
            }
        }
    }

    /**
     * The number some units of a 16-bit type above another. Of a tiny one those are nothing in KAN
     * bases, whose bound is relative to 1 + |value|.
     */
    private static float next(DType dtype, float value, int units, boolean kan) {
        return kan && Math.abs(value) < 0.001f
                ? value + 0.125f
                : dtype.toFloat((short) (dtype.fromFloat(value) + units));
    }

    @ParameterizedTest
    @MethodSource("operations")
    void aWriteIntoAnyInputIsCaught(PlannedOperation operation) {
        Recipe plain = operation.plain();
        for (String name : plain.inputs().keySet()) {
            assertCaught(
                    run(
                            operation,
                            DType.F32,
                            after(
                                    a -> {
                                        Tensor input = a.tensor(name);
                                        input.set(1234, new long[input.rank()]);
                                    })),
                    name + ": the call changed the input");
        }
    }

    @ParameterizedTest
    @MethodSource("operations")
    void missingResultsOfEveryOperationAreCaught(PlannedOperation operation) {
        assertCaught(run(operation, DType.F32, (arguments, genuine) -> {}), "got NaN");
    }

    /** A gradient that is wrong in the same way on every device. */
    @Test
    void finiteDifferencesCatchAWrongFormula() {
        NormBackward wrong =
                new NormBackward(NormKind.LAYER) {
                    @Override
                    public void run(Arguments arguments) {
                        super.run(arguments);
                        Tensor dx = arguments.tensor("dx");
                        float[] values = dx.toFloatArray();
                        for (int i = 0; i < values.length; i++) {
                            values[i] *= 1 + 1e-4f;
                        }
                        dx.copyFrom(values);
                    }
                };
        Check check =
                wrong.properties(DType.F32, 4).stream()
                        .filter(c -> c.name().equals("finite-differences"))
                        .findFirst()
                        .orElseThrow();
        assertCaught(
                Suite.result(check, Suite.prepare(check, 7), Device.reference(), 7),
                "to be the difference");
    }

    private static CheckResult run(
            DType dtype, String name, BiConsumer<Arguments, Runnable> tampering) {
        Operation operation = new Tampered(new LayerNormForward(), tampering);
        String path = String.format(PATH, ErrorMeasure.label(dtype), name);
        Check check =
                operation.checks(CaseFile.load("layer_norm"), dtype).stream()
                        .filter(c -> c.path().equals(path))
                        .findFirst()
                        .orElseThrow();
        return Suite.result(check, Suite.prepare(check, 7), Device.reference(), 7);
    }

    private static BiConsumer<Arguments, Runnable> after(Consumer<Arguments> change) {
        return (arguments, genuine) -> {
            genuine.run();
            change.accept(arguments);
        };
    }

    private static void assertCaught(CheckResult result, String... parts) {
        assertFalse(result.passed());
        for (String part : parts) {
            assertTrue(
                    result.failure().contains(part),
                    () -> "expected '" + part + "' in: " + result.failure());
        }
    }

    @ParameterizedTest
    @EnumSource(DType.class)
    void genuineResultsPass(DType dtype) {
        assertEquals(null, run(dtype, "plain", (arguments, genuine) -> genuine.run()).failure());
    }

    @ParameterizedTest
    @EnumSource(DType.class)
    void oneElementBeyondTheBoundIsCaught(DType dtype) {
        CheckResult result =
                run(
                        dtype,
                        "plain",
                        after(
                                a -> {
                                    Tensor y = a.tensor("y");
                                    float value = y.get(32, 15);
                                    float wrong =
                                            dtype == DType.F32
                                                    ? value + 5 * 0x1p-23f * (1 + Math.abs(value))
                                                    : dtype.toFloat(
                                                            (short) (dtype.fromFloat(value) + 2));
                                    y.set(wrong, 32, 15);
                                }));
        assertCaught(
                result,
                "y[32, 15]",
                "expected",
                "bound",
                "1 of 528 elements",
                "eps=1.0E-5",
                "seed 7",
                "./gatun check --device reference --seed 7 --only 'layer_norm/forward/"
                        + ErrorMeasure.label(dtype)
                        + "/33x16/plain'");
        assertTrue(result.line().maxError() > result.line().errorBound());
    }

    @ParameterizedTest
    @EnumSource(DType.class)
    void nanIsCaught(DType dtype) {
        assertCaught(
                run(dtype, "plain", after(a -> a.tensor("y").set(Float.NaN, 0, 0))),
                "y[0, 0]",
                "got NaN");
    }

    @Test
    void aMissingNanIsCaught() {
        assertCaught(
                run(DType.F32, "nan-tail", after(a -> a.tensor("y").set(0, 2, 3))),
                "y[2, 3]",
                "expected NaN");
    }

    @Test
    void aMissingResultIsCaught() {
        assertCaught(run(DType.BF16, "plain", (arguments, genuine) -> {}), "528 of 528 elements");
    }

    @Test
    void wrongStatisticsAreCaught() {
        for (String name : List.of("mean", "mean_low", "rstd")) {
            CheckResult result =
                    run(
                            DType.F16,
                            "plain",
                            after(
                                    a -> {
                                        Tensor statistic = a.tensor(name);
                                        statistic.set(statistic.get(4) + 1e-5f, 4);
                                    }));
            assertCaught(result, name + "[4]");
        }
    }

    @Test
    void aWriteIntoTheInputIsCaught() {
        assertCaught(
                run(DType.F32, "plain", after(a -> a.tensor("x").set(0, 1, 1))),
                "x: the call changed the input",
                "row 1");
        assertCaught(
                run(DType.F32, "plain", after(a -> a.tensor("gamma").set(0, 3))),
                "gamma: the call changed");
    }

    @Test
    void aWriteIntoThePaddingIsCaught() {
        assertCaught(
                run(
                        DType.F32,
                        "plain",
                        after(
                                a -> {
                                    Tensor y = a.tensor("y");
                                    long end = y.elementCount() * Float.BYTES;
                                    assertTrue(y.segment().byteSize() >= end);
                                    // The element behind the last one of the array that y is a view
                                    // of.
                                    behind(y).set(0, 0);
                                })),
                "y: the call changed the padding 528 elements after the first");
    }

    private static Tensor behind(Tensor y) {
        float[] array = (float[]) y.segment().heapBase().orElseThrow();
        int first = (int) (y.segment().address() / Float.BYTES);
        return y.device().tensor(array, array.length).slice(0, first + y.elementCount(), 1);
    }

    @Test
    void anExceptionIsAFailureOfItsCheck() {
        CheckResult result =
                run(
                        DType.F32,
                        "plain",
                        (arguments, genuine) -> {
                            throw new IllegalStateException("broken");
                        });
        assertCaught(result, "unexpected java.lang.IllegalStateException: broken", "--only");
    }

    @Test
    void aSeedRepeatsExactly() {
        float[][] seen = new float[2][];
        for (int i = 0; i < 2; i++) {
            int index = i;
            run(DType.F32, "plain", after(a -> seen[index] = a.tensor("y").toFloatArray()));
        }
        assertEquals(List.of(box(seen[0])), List.of(box(seen[1])));
    }

    private static List<Float> box(float[] values) {
        List<Float> list = new ArrayList<>();
        for (float value : values) {
            list.add(value);
        }
        return list;
    }
}
