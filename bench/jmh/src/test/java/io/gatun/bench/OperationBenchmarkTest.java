// SPDX-License-Identifier: Apache-2.0
package io.gatun.bench;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.DType;
import io.gatun.bench.jmh.OperationBenchmark;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.openjdk.jmh.annotations.Param;

class OperationBenchmarkTest {
    static Stream<String> functions() throws NoSuchFieldException {
        String[] names =
                OperationBenchmark.class.getField("function").getAnnotation(Param.class).value();
        assertTrue(names.length > 0);
        return Arrays.stream(names);
    }

    @ParameterizedTest
    @MethodSource("functions")
    void everyFunctionRuns(String function) {
        OperationBenchmark benchmark = new OperationBenchmark();
        benchmark.function = function;
        benchmark.shape = "5x19";
        benchmark.dtype = DType.F32;
        benchmark.callThreads = 1;
        benchmark.setUp();
        benchmark.call();
        benchmark.tearDown();
    }
}
