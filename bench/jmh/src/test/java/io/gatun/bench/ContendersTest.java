/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.DType;
import io.gatun.Device;
import io.gatun.Normalization;
import io.gatun.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class ContendersTest {
    /** What float32 arithmetic in any order gives on these inputs, in units of 2^-23 (1 + |y|). */
    private static final double BOUND = 16;

    private record Shape(int rows, int columns, int xStride, int yStride, int threads) {}

    private static final List<Shape> SHAPES =
            List.of(
                    new Shape(1, 1, 1, 1, 1),
                    new Shape(3, 5, 5, 5, 2),
                    new Shape(7, 67, 67, 67, 2),
                    new Shape(2, 1000, 1000, 1000, 1),
                    new Shape(5, 130, 146, 131, 2),
                    new Shape(3, 4096, 4096, 4096, 2));

    static Stream<Arguments> everyContenderOnEveryShape() {
        return Contenders.all().stream()
                .flatMap(
                        c ->
                                Stream.of(Workload.LAYER_NORM, Workload.RMS_NORM)
                                        .flatMap(
                                                op ->
                                                        SHAPES.stream()
                                                                .map(
                                                                        s ->
                                                                                Arguments.of(
                                                                                        c.name(),
                                                                                        op, s))));
    }

    @ParameterizedTest
    @MethodSource("everyContenderOnEveryShape")
    void agreesWithTheReferenceDevice(String name, String operation, Shape s) {
        Contender contender = Contenders.named(name);
        try (Workload workload =
                new Workload(
                        operation,
                        DType.F32,
                        s.rows(),
                        s.columns(),
                        s.xStride(),
                        s.yStride(),
                        s.threads(),
                        null)) {
            if (!contender.supports(workload)) {
                assertTrue(!workload.isContiguous(), name + " must run contiguous float32");
                return;
            }
            double[] expected = reference(workload);
            try (Contender.Run run = contender.prepare(workload)) {
                run.call();
                double error = workload.error(run.output(), expected);
                assertTrue(error <= BOUND, name + " is off by " + error);
                run.call();
                assertEquals(
                        error, workload.error(run.output(), expected), "a second call differs");
            }
        }
    }

    private static double[] reference(Workload workload) {
        try (Device device = Device.reference()) {
            float[] result = new float[workload.rows() * workload.columns()];
            Tensor x =
                    device.tensor(workload.xArray(), workload.rows(), workload.xStride())
                            .slice(1, 0, workload.columns());
            Tensor y = device.tensor(result, workload.rows(), workload.columns());
            Tensor gamma = device.tensor(workload.gammaArray(), workload.columns());
            if (workload.isLayerNorm()) {
                Tensor beta = device.tensor(workload.betaArray(), workload.columns());
                Normalization.layerNorm(x, gamma, beta, Workload.EPS, y);
            } else {
                Normalization.rmsNorm(x, gamma, Workload.EPS, y);
            }
            double[] values = new double[result.length];
            for (int i = 0; i < values.length; i++) {
                values[i] = result[i];
            }
            return values;
        }
    }

    @Test
    void theOwnDefinitionIsThatOfTheReferenceDevice() {
        try (Workload workload = Workload.of(Workload.LAYER_NORM, 3, 257)) {
            double[] own = workload.expected();
            double[] reference = reference(workload);
            for (int i = 0; i < own.length; i++) {
                assertEquals(own[i], reference[i], Math.ulp((float) own[i]), "element " + i);
            }
        }
    }

    @Test
    void errorsAreMeasuredInTheUnitsOfTheCaseFiles() {
        try (Workload workload = Workload.of(Workload.RMS_NORM, 1, 2)) {
            double error = workload.error(new float[] {1 + 0x1p-20f, 0}, new double[] {1, 0});
            assertEquals(4, error, 1e-9);
            assertEquals(
                    Double.POSITIVE_INFINITY,
                    workload.error(new float[] {Float.NaN, 0}, new double[] {1, 0}));
        }
    }

    @Test
    void gatunComesFirst() {
        assertEquals(Contenders.GATUN, Contenders.all().getFirst().name());
    }

    @Test
    void anUnknownNameIsRefusedWithTheKnownOnes() {
        IllegalArgumentException e =
                assertThrows(IllegalArgumentException.class, () -> Contenders.named("nobody"));
        assertTrue(
                e.getMessage().contains("Java loops") && e.getMessage().contains("nobody"),
                e.getMessage());
    }

    @Test
    void sixteenBitTypesRunOnGatun() {
        for (DType dtype : List.of(DType.BF16, DType.F16)) {
            try (Workload workload =
                            new Workload(Workload.LAYER_NORM, dtype, 4, 100, 100, 100, 1, null);
                    Contender.Run run = Contenders.named(Contenders.GATUN).prepare(workload)) {
                double[] expected = workload.expected();
                run.call();
                double error = workload.error(run.output(), expected);
                assertTrue(error <= 1, dtype + " is off by " + error);
            }
        }
    }

    @Test
    void theRowPoolCoversEveryRowOnce() {
        for (int threads : new int[] {1, 2, 3}) {
            for (int rows : new int[] {1, 2, 3, 10}) {
                int[] seen = new int[rows];
                try (RowPool pool = new RowPool(threads)) {
                    pool.run(
                            rows,
                            (from, to) -> {
                                for (int row = from; row < to; row++) {
                                    seen[row]++;
                                }
                            });
                }
                int[] once = new int[rows];
                Arrays.fill(once, 1);
                assertArrayEquals(once, seen, threads + " threads, " + rows + " rows");
            }
        }
    }
}
