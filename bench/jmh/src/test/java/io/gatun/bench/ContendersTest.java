/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.DType;
import io.gatun.Device;
import io.gatun.Tensor;
import io.gatun.conformance.CaseFile;
import io.gatun.conformance.Operations;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class ContendersTest {
    /** What float32 arithmetic in any order gives on these inputs, in units of 2^-23 (1 + |y|). */
    private static final double BOUND = 16;

    /** The same for peers: libtorch's gradients of LayerNorm lose digits on a single column. */
    private static final double BOUND_OF_PEERS = 128;

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
                                BenchOperations.all().stream()
                                        .flatMap(
                                                op ->
                                                        SHAPES.stream()
                                                                .map(
                                                                        s ->
                                                                                Arguments.of(
                                                                                        c.name(),
                                                                                        op, s))));
    }

    private static Workload workload(BenchOperation operation, DType dtype, Shape s) {
        return new Workload(
                operation,
                dtype,
                s.rows(),
                s.columns(),
                s.xStride(),
                s.yStride(),
                s.threads(),
                null);
    }

    @ParameterizedTest
    @MethodSource("everyContenderOnEveryShape")
    void agreesWithTheDefinition(String name, BenchOperation operation, Shape s) {
        Contender contender = Contenders.named(name);
        try (Workload workload = workload(operation, DType.F32, s)) {
            if (!contender.supports(workload)) {
                assertTrue(!name.equals(Contenders.GATUN), "Gatun must run everything");
                return;
            }
            try (Contender.Run run = contender.prepare(workload)) {
                run.call();
                double error = workload.error(run::output);
                String owner = contender.getClass().getPackageName();
                double bound = owner.endsWith("peers") ? BOUND_OF_PEERS : BOUND;
                assertTrue(error <= bound, name + " is off by " + error);
                if (!workload.isInPlace()) {
                    run.call();
                    double again = workload.error(run::output);
                    assertTrue(again <= bound, name + " is off by " + again + " when called again");
                }
            }
        }
    }

    @Test
    void normalizationsHaveAlternativesInJava() {
        for (String key :
                List.of("layer_norm", "rms_norm", "layer_norm_backward", "rms_norm_backward")) {
            try (Workload workload = Workload.of(BenchOperations.named(key), 2, 16)) {
                for (String name : List.of("Vector API", "Vector API float[]", "Java loops")) {
                    assertTrue(Contenders.named(name).supports(workload), key + ", " + name);
                }
            }
        }
        BenchOperation fused = BenchOperations.named("residual_add_norm:layer-in-place");
        try (Workload workload = Workload.of(fused, 2, 16)) {
            for (String name : List.of("Gatun separately", "Vector API", "Java loops")) {
                assertTrue(Contenders.named(name).supports(workload), fused + ", " + name);
            }
        }
    }

    /** The reference device, called as Gatun is. */
    private static Map<String, float[]> reference(Workload workload) {
        Device device = Device.reference();
        Map<String, float[]> arrays = new HashMap<>();
        Map<String, Tensor> tensors = new HashMap<>();
        for (Operand operand : workload.operation().operands()) {
            String name = operand.name();
            String place = workload.operation().inPlace().get(name);
            if (place != null) {
                arrays.put(name, arrays.get(place));
                tensors.put(name, tensors.get(place));
                continue;
            }
            float[] values = workload.array(name);
            arrays.put(name, values);
            tensors.put(name, workload.tensor(name, values).on(device));
        }
        workload.operation().gatun(tensors::get).run();
        return arrays;
    }

    @Test
    void theOwnDefinitionIsThatOfTheReferenceDevice() {
        for (BenchOperation operation : BenchOperations.all()) {
            for (Shape s : SHAPES) {
                try (Workload workload = workload(operation, DType.F32, s)) {
                    double error = workload.error(reference(workload)::get);
                    assertTrue(error <= 1, operation + " " + s + ": " + error);
                }
            }
        }
    }

    @Test
    void everyOperationIsMeasured() {
        Set<String> measured = new TreeSet<>();
        BenchOperations.all().forEach(o -> measured.add(o.function()));
        Set<String> known = new TreeSet<>();
        Operations.all().forEach(o -> known.add(o.function()));
        assertEquals(known, measured);
    }

    @Test
    void bytesAndOperationsOfTheFormula() {
        Map<String, Long> bytes =
                Map.of(
                        "layer_norm",
                        2L * 30 * 4,
                        "rms_norm_backward",
                        3L * 30 * 4 + (2 * 10 + 3) * 4,
                        "layer_norm_backward",
                        3L * 30 * 4 + (3 * 10 + 3 * 3) * 4,
                        "residual_add_norm:rms-in-place",
                        4L * 30 * 4,
                        "norm_residual_add:rms",
                        3L * 30 * 4,
                        "norm_add_norm_backward:rms",
                        6L * 30 * 4 + 2 * (2 * 10 + 3) * 4);
        bytes.forEach(
                (key, expected) -> {
                    try (Workload workload = Workload.of(BenchOperations.named(key), 3, 10)) {
                        assertEquals(expected, workload.bytes(), key);
                    }
                });
        try (Workload workload = Workload.of(BenchOperations.named("layer_norm"), 3, 10)) {
            assertEquals(8 * 30, workload.flops());
        }
        try (Workload workload = Workload.of(BenchOperations.named("qkv_head_rms_norm"), 3, 10)) {
            assertEquals(4 * 24 * 30, workload.flops());
        }
    }

    @Test
    void errorsAreMeasuredInTheUnitsOfTheCaseFiles() {
        try (Workload workload = Workload.of(BenchOperations.named("rms_norm"), 1, 1)) {
            workload.set("x", 0, 1e6f);
            workload.fill("gamma", 1);
            assertEquals(4, workload.error(name -> new float[] {1 + 0x1p-20f}), 1e-4);
            assertEquals(Double.POSITIVE_INFINITY, workload.error(name -> new float[] {Float.NaN}));
        }
    }

    @Test
    void gatunComesFirst() {
        assertEquals(Contenders.GATUN, Contenders.all().getFirst().name());
    }

    @Test
    void anUnknownOperationIsRefusedWithTheKnownOnes() {
        IllegalArgumentException e =
                assertThrows(IllegalArgumentException.class, () -> BenchOperations.named("none"));
        assertTrue(e.getMessage().contains("residual_add_norm:rms"), e.getMessage());
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
        for (BenchOperation operation : BenchOperations.all()) {
            CaseFile file = CaseFile.load(operation.function());
            for (DType dtype : file.bounds().keySet()) {
                try (Workload workload =
                                workload(operation, dtype, new Shape(9, 100, 100, 100, 1));
                        Contender.Run run = Contenders.named(Contenders.GATUN).prepare(workload)) {
                    run.call();
                    double error = workload.error(run::output);
                    assertTrue(
                            error <= file.bound(dtype),
                            operation + " in " + dtype + " is off by " + error);
                }
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
