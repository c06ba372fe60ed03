/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.DType;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class CaseFileTest {
    private static final String HEAD = "operation f\ndirection backward\n";

    @Test
    void parsesEveryKindOfLine() {
        CaseFile file =
                CaseFile.parse(
                        "f.cases",
                        "# a comment\n\n"
                                + HEAD
                                + "bound bf16 1.5  # why\r\ncase 2 31 33 47 check bench quick\n");
        assertEquals("f", file.operation());
        assertEquals(Direction.BACKWARD, file.direction());
        assertEquals(Map.of(DType.BF16, 1.5), file.bounds());
        CaseFile.Case shape = file.cases().getFirst();
        assertEquals(
                new CaseFile.Case(
                        2,
                        31,
                        33,
                        47,
                        Set.of(CaseFile.Use.CHECK, CaseFile.Use.BENCH, CaseFile.Use.QUICK)),
                shape);
        assertEquals("2x31@33,47", shape.label());
        assertEquals(1, file.casesFor(CaseFile.Use.QUICK).size());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "case 1 2 2|expected ROWS COLUMNS X_STRIDE Y_STRIDE",
                "case -1 2 2 2|rows: expected at least 0",
                "case 1 0 2 2|columns: expected at least 1",
                "case 1 4 3 4|xStride: expected at least 4",
                "case 1 4 4 3|yStride: expected at least 4",
                "case 1 2 2 2 often|expected one of check, bench, quick",
                "case 1 x 2 2|x",
                "bound f64 1|expected one of f32, bf16, f16",
                "bound f32 NaN|bound: expected a finite number",
                "shape 1|expected operation, direction, bound or case"
            })
    void namesTheMalformedLine(String line, String message) {
        IllegalArgumentException e =
                assertThrows(
                        IllegalArgumentException.class,
                        () -> CaseFile.parse("f.cases", HEAD + line));
        assertTrue(e.getMessage().startsWith("f.cases:3: "), e.getMessage());
        assertTrue(e.getMessage().contains(message), e.getMessage());
    }

    @Test
    void requiresOperationAndDirection() {
        assertThrows(
                IllegalArgumentException.class, () -> CaseFile.parse("f.cases", "operation f"));
        assertThrows(
                IllegalArgumentException.class,
                () -> CaseFile.parse("f.cases", "direction forward"));
    }

    @Test
    void labelsOfStrides() {
        assertEquals("3x4", new CaseFile.Case(3, 4, 4, 4, Set.of()).label());
        assertEquals("3x4@5", new CaseFile.Case(3, 4, 5, 5, Set.of()).label());
        assertEquals("3x4@4,5", new CaseFile.Case(3, 4, 4, 5, Set.of()).label());
    }

    @Test
    void everyOperationHasItsFile() {
        for (Operation operation : Operations.all()) {
            CaseFile file = CaseFile.load(operation.function());
            assertEquals(operation.function(), file.operation());
            assertEquals(operation.direction(), file.direction());
            assertTrue(file.bounds().containsKey(DType.F32), operation.function());
            file.bounds().values().forEach(bound -> assertTrue(bound >= 0));
            assertFalse(file.casesFor(CaseFile.Use.QUICK).isEmpty());
        }
        assertThrows(IllegalArgumentException.class, () -> CaseFile.load("no_such_operation"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "*;a/b/c;true",
                "a/*/c;a/b/c;true",
                "a/?/c;a/bb/c;false",
                "{a,b}/*;b/c;true",
                "{a,b}/*;c/c;false",
                "2x7@9,8;2x7@9,8;true",
                "a.c;abc;false",
                "a;ab;false"
            })
    void globs(String glob, String path, boolean matches) {
        assertEquals(matches, new Glob(glob).matches(path));
    }

    @Test
    void globsWithOpenBracesAreRejected() {
        assertThrows(IllegalArgumentException.class, () -> new Glob("{a"));
        assertThrows(IllegalArgumentException.class, () -> new Glob("a}"));
    }
}
