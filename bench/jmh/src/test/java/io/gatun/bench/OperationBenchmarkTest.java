/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import static org.junit.jupiter.api.Assertions.assertFalse;

import io.gatun.DType;
import io.gatun.bench.jmh.ActivationBackwardBenchmark;
import io.gatun.bench.jmh.ActivationBenchmark;
import io.gatun.bench.jmh.HeadGateBenchmark;
import io.gatun.bench.jmh.HeadNormalizationBenchmark;
import io.gatun.bench.jmh.NormalizationBackwardBenchmark;
import io.gatun.bench.jmh.NormalizationBenchmark;
import io.gatun.bench.jmh.OperationBenchmark;
import io.gatun.bench.jmh.PolynomialActivationBenchmark;
import io.gatun.bench.jmh.ResidualNormalizationBackwardBenchmark;
import io.gatun.bench.jmh.ResidualNormalizationBenchmark;
import io.gatun.bench.jmh.WeightConversionBenchmark;
import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.openjdk.jmh.annotations.Param;

class OperationBenchmarkTest {
    @ParameterizedTest
    @ValueSource(
            classes = {
                NormalizationBenchmark.class,
                NormalizationBackwardBenchmark.class,
                ResidualNormalizationBenchmark.class,
                ResidualNormalizationBackwardBenchmark.class,
                HeadNormalizationBenchmark.class,
                WeightConversionBenchmark.class,
                ActivationBenchmark.class,
                ActivationBackwardBenchmark.class,
                HeadGateBenchmark.class,
                PolynomialActivationBenchmark.class
            })
    void everyCombinationOfTheDefaultParametersRuns(Class<? extends OperationBenchmark> type)
            throws ReflectiveOperationException {
        List<Map<Field, String>> combinations = List.of(Map.of());
        for (Field field : type.getFields()) {
            boolean chosen = field.getType() == String.class && !field.getName().equals("shape");
            if (chosen && field.isAnnotationPresent(Param.class)) {
                combinations = extended(combinations, field);
            }
        }
        assertFalse(combinations.isEmpty());
        for (Map<Field, String> combination : combinations) {
            OperationBenchmark benchmark = type.getConstructor().newInstance();
            for (Map.Entry<Field, String> choice : combination.entrySet()) {
                choice.getKey().set(benchmark, choice.getValue());
            }
            type.getField("shape").set(benchmark, "5x19");
            benchmark.dtype = DType.F32;
            benchmark.callThreads = 1;
            benchmark.setUp();
            benchmark.call();
            benchmark.tearDown();
        }
    }

    private static List<Map<Field, String>> extended(
            List<Map<Field, String>> combinations, Field field) {
        List<Map<Field, String>> extended = new ArrayList<>();
        for (Map<Field, String> combination : combinations) {
            for (String value : field.getAnnotation(Param.class).value()) {
                Map<Field, String> longer = new HashMap<>(combination);
                longer.put(field, value);
                extended.add(longer);
            }
        }
        return extended;
    }
}
