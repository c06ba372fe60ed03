/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.DType;
import io.gatun.Device;
import io.gatun.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A suite that passes proves nothing unless it fails on wrong results: here each kind of them must
 * be caught.
 */
final class DetectionTest {
    private static final String PATH = "layer_norm/forward/%s/33x16/%s";

    /** LayerNorm whose result is tampered with, on the device under test only. */
    private static final class Tampered extends NormOperation {
        private final LayerNormForward genuine = new LayerNormForward();
        private final BiConsumer<Arguments, Runnable> tampering;
        private boolean reference = true;

        Tampered(BiConsumer<Arguments, Runnable> tampering) {
            this.tampering = tampering;
        }

        @Override
        public String name() {
            return genuine.name();
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
        String[] statisticsNames() {
            return genuine.statisticsNames();
        }

        @Override
        List<Recipe> ownRecipes(Recipe plain, DType dtype, int columns) {
            return genuine.ownRecipes(plain, dtype, columns);
        }

        @Override
        List<Check> ownProperties(DType dtype, double bound) {
            return List.of();
        }
    }

    private static CheckResult run(
            DType dtype, String name, BiConsumer<Arguments, Runnable> tampering) {
        Operation operation = new Tampered(tampering);
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
