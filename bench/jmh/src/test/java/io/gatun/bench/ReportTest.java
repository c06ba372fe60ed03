/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.conformance.ResultLine;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Document;
import org.xml.sax.InputSource;

class ReportTest {
    private static BenchResults.Timing timing(String limit, double error) {
        return timing("layer_norm", "forward", limit, error);
    }

    private static BenchResults.Timing timing(
            String operation, String direction, String limit, double error) {
        return new BenchResults.Timing(
                operation,
                direction,
                "f32",
                "32x4096",
                "avx2",
                2,
                1 << 20,
                1 << 21,
                limit,
                limit == null ? null : "copy-nt",
                limit == null ? 0 : 30_000,
                List.of(
                        new BenchResults.Contestant("Gatun", 40_000, 39_000, 45_000, error),
                        new BenchResults.Contestant("A <&> \"B\"", 80_000, 79_000, 95_000, 2),
                        new BenchResults.Contestant("Slow", 4_000_000, 3_900_000, 4_500_000, 3)),
                4);
    }

    private static BenchResults results(BenchResults.Timing... timings) {
        return new BenchResults(
                Map.of("CPU", "<a processor> & more"),
                List.of(timings),
                List.of(
                        new BenchResults.Accuracy("layer_norm", "Gatun", 0, 4e-7, 1),
                        new BenchResults.Accuracy("layer_norm", "Gatun", 1e4, 5e-7, 1),
                        new BenchResults.Accuracy("layer_norm", "Slow", 0, 4e-7, 1),
                        new BenchResults.Accuracy(
                                "layer_norm", "Slow", 1e4, Double.POSITIVE_INFINITY, 1e9)),
                List.of(
                        new BenchResults.Border("layer_norm", "1x4096", "C", 1000, 990, 1100, 0, 0),
                        new BenchResults.Border(
                                "layer_norm", "1x4096", "Java, off-heap", 1040, 1000, 1200, 40, 0)),
                List.of("a note with <angles>"));
    }

    private static Document parse(String html) throws Exception {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setFeature("http://apache.org/xml/features/nonvalidating/load-external-dtd", false);
        return factory.newDocumentBuilder().parse(new InputSource(new StringReader(html)));
    }

    @Test
    void thePageIsWellFormedAndNeedsNoNetwork() throws Exception {
        String html = Report.html(results(timing("copy", 1)));
        Document page = parse(html);
        // The limit, the speed-up, the accuracy and the border.
        assertEquals(4, page.getElementsByTagName("svg").getLength());
        assertEquals(2, page.getElementsByTagName("table").getLength());
        String local = html.replace("http://www.w3.org/", "");
        assertFalse(
                local.contains("http:") || local.contains("https:") || local.contains("<script"),
                "no references");
        assertTrue(page.getDocumentElement().getTextContent().contains("A <&> \"B\""));
        assertTrue(
                page.getDocumentElement().getTextContent().contains("75 %"),
                "fraction of the limit");
        assertTrue(
                page.getDocumentElement().getTextContent().contains("2.00 ×"),
                "against the fastest alternative");
    }

    @Test
    void itIsWrittenWithoutLimitsAndWithNothing(@TempDir Path directory) throws Exception {
        Path file = directory.resolve("new/report.html");
        Report.write(results(timing(null, 9)), file);
        Document page = parse(Files.readString(file));
        assertEquals(3, page.getElementsByTagName("svg").getLength());
        BenchResults nothing =
                new BenchResults(Map.of(), List.of(), List.of(), List.of(), List.of());
        assertEquals(0, parse(Report.html(nothing)).getElementsByTagName("svg").getLength());
    }

    @Test
    void variantsAndDirectionsOfAnOperationAreGrouped() throws Exception {
        String html =
                Report.html(
                        results(
                                timing("residual_add_norm:layer", "forward", "2r2w", 1),
                                timing("residual_add_norm:rms", "forward", "2r2w", 1),
                                timing("residual_add_norm_backward:rms", "backward", "3r1w", 1)));
        String text = parse(html).getDocumentElement().getTextContent();
        // One chart of the limit and one of the speed-up each.
        assertEquals(2, text.split("residual_add_norm forward, 2 threads", -1).length - 1);
        assertEquals(2, text.split("residual_add_norm backward, 2 threads", -1).length - 1);
        assertTrue(text.contains("layer  32x4096  f32") && text.contains("rms  32x4096  f32"));
        assertTrue(text.contains("52.4"), "2^21 operations in 40 microseconds");
    }

    @Test
    void linesHoldTheRatios() {
        ResultLine line = timing("copy", 1).line();
        assertEquals(0.75, line.fraction(), 1e-12);
        assertEquals(1 << 21, line.flops());
        assertEquals(Map.of("A <&> \"B\"", 2.0, "Slow", 100.0), line.peers());
        assertEquals("layer_norm/forward/f32/32x4096", line.path());
        assertTrue(line.passed());
        ResultLine without = timing(null, 5).line();
        assertNull(without.limit());
        assertNull(without.fraction());
        assertFalse(without.passed());
    }

    @Test
    void theSummaryNamesEveryContenderAndWay() {
        String text = Report.summary(results(timing("copy", 1)));
        for (String part :
                List.of(
                        "layer_norm",
                        "Gatun",
                        "Slow",
                        "Java, off-heap",
                        "+40 ns",
                        "a note with <angles>")) {
            assertTrue(text.contains(part), part + " is missing in " + text);
        }
    }
}
