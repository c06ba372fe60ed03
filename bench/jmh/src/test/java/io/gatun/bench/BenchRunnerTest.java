/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.conformance.ResultLine;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class BenchRunnerTest {
    @Test
    void aForkedQuickRunOfOneCaseIsComplete() {
        List<ResultLine> lines = new ArrayList<>();
        List<String> progress = new ArrayList<>();
        BenchOptions options =
                BenchOptions.DEFAULT
                        .withQuick(true)
                        .withThreads(List.of(1))
                        .withOnly("rms_norm/forward/f32/1x4096");
        BenchResults results = BenchRunner.run(options, lines::add, progress::add);

        assertEquals(1, lines.size(), () -> "progress was " + progress);
        ResultLine line = lines.getFirst();
        assertEquals("rms_norm/forward/f32/1x4096", line.path());
        assertEquals(1, line.threads());
        assertEquals(32768, line.bytes());
        assertEquals(4 * 4096, line.flops());
        assertEquals("copy", line.limit());
        assertTrue(line.minNs() <= line.medianNs() && line.medianNs() <= line.maxNs());
        assertTrue(line.fraction() > 0);
        assertTrue(line.passed(), "error " + line.maxError());
        assertTrue(
                line.peers().containsKey("Java loops") && line.peers().containsKey("Vector API"));
        assertEquals(lines, results.lines());
        assertTrue(results.passed());
        assertTrue(results.machine().containsKey("CPU"));
        assertTrue(
                results.accuracy().stream()
                        .filter(a -> a.contender().equals(Contenders.GATUN))
                        .allMatch(a -> a.units() <= 4));
        assertTrue(results.border().stream().anyMatch(b -> b.way().equals(BorderRun.FROM_C)));
        assertTrue(
                results.border().stream().allMatch(b -> b.garbage() < 1),
                "a call from Java must leave no garbage");
        assertTrue(progress.stream().anyMatch(p -> p.contains("1x4096")));
    }

    @Test
    void fusedAndBackwardOperationsHaveLimitsOfTheirOwn() {
        List<ResultLine> lines = new ArrayList<>();
        BenchRunner.run(
                BenchOptions.DEFAULT
                        .withQuick(true)
                        .withThreads(List.of(1))
                        .withFork(false)
                        .withOnly("{residual_add_norm:rms/*/32x4096,qkv_*_backward/*}"),
                lines::add,
                text -> {});
        assertEquals(
                List.of(
                        "residual_add_norm:rms/forward/f32/32x4096",
                        "qkv_head_rms_norm_backward/backward/f32/512x64"),
                lines.stream().map(ResultLine::path).toList());
        ResultLine fused = lines.getFirst();
        assertEquals("2r2w", fused.limit());
        assertEquals(4 * 32 * 4096 * 4, fused.bytes());
        assertEquals(5 * 32 * 4096, fused.flops());
        assertTrue(fused.peers().containsKey("Gatun separately"));
        ResultLine backward = lines.get(1);
        assertEquals("2r1w", backward.limit());
        assertEquals(3 * 512 * 24 * 64 * 4 + 6 * 64 * 4, backward.bytes());
        lines.forEach(line -> assertTrue(line.passed(), line.path() + " " + line.maxError()));
    }

    @Test
    void nothingMatches() {
        BenchResults results =
                BenchRunner.run(
                        BenchOptions.DEFAULT
                                .withQuick(true)
                                .withThreads(List.of(1))
                                .withOnly("none"),
                        line -> {},
                        text -> {});
        assertTrue(
                results.lines().isEmpty()
                        && results.border().isEmpty()
                        && results.accuracy().isEmpty());
    }

    @Test
    void badOptionsAreRefused() {
        IllegalArgumentException e =
                assertThrows(
                        IllegalArgumentException.class,
                        () -> BenchOptions.DEFAULT.withThreads(List.of(1, 0)));
        assertTrue(e.getMessage().startsWith("threads: "), e.getMessage());
        assertThrows(IllegalArgumentException.class, () -> BenchOptions.DEFAULT.withOnly("{a"));
    }
}
