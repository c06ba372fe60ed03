/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Document;
import org.w3c.dom.NodeList;
import picocli.CommandLine;

final class PlotTest {
    @TempDir private Path folder;

    private record Result(int code, String out, String err) {}

    private static Result plot(String... arguments) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        CommandLine commandLine =
                Gatun.commandLine().setOut(new PrintWriter(out)).setErr(new PrintWriter(err));
        String[] all = new String[arguments.length + 1];
        all[0] = "plot";
        System.arraycopy(arguments, 0, all, 1, arguments.length);
        int code = commandLine.execute(all);
        return new Result(code, out.toString(), err.toString());
    }

    private static Document parse(Path file) throws IOException {
        try {
            return DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(file.toFile());
        } catch (javax.xml.parsers.ParserConfigurationException | org.xml.sax.SAXException e) {
            throw new AssertionError(file + " is no XML", e);
        }
    }

    @Test
    void drawsEveryFunctionAndItsDerivative() throws IOException {
        for (PlottedFunction function : PlottedFunction.all()) {
            Path file = folder.resolve(function.name() + ".svg");
            Result result = plot(function.name(), "--out", file.toString());
            assertEquals(new Result(0, file + System.lineSeparator(), ""), result);
            Document svg = parse(file);
            assertEquals("svg", svg.getDocumentElement().getTagName());
            assertEquals(
                    function.name(), svg.getElementsByTagName("title").item(0).getTextContent());
            NodeList curves = svg.getElementsByTagName("path");
            assertEquals(2, curves.getLength());
            for (int i = 0; i < 2; i++) {
                String path = curves.item(i).getAttributes().getNamedItem("d").getNodeValue();
                assertTrue(path.startsWith("M"), function.name());
                assertFalse(path.contains("NaN"), function.name());
            }
            Result help = plot(function.name(), "--help");
            function.options().forEach(o -> assertTrue(help.out().contains("--" + o.name())));
        }
    }

    @Test
    void optionsReachTheFunction() throws IOException {
        Path swish = folder.resolve("swish.svg");
        Path silu = folder.resolve("silu.svg");
        // The published set is SiLU to a millionth on [-3, 3].
        String near = " --from -3 --to 3";
        plot(("rational --init swish" + near + " --out " + swish).split(" "));
        plot(("silu" + near + " --out " + silu).split(" "));
        assertArrayEquals(numbers(curve(silu, 0)), numbers(curve(swish, 0)), 0.11);
        plot(("rational --init swish --form sum" + near + " --out " + swish).split(" "));
        assertEquals(
                "rational, init swish, form sum",
                parse(swish).getElementsByTagName("title").item(0).getTextContent());
        plot(("clip --lower -2 --upper 0.5" + near + " --out " + silu).split(" "));
        // The derivative of a clip is 0, 1, 0: three pieces.
        assertEquals(3, curve(silu, 1).chars().filter(c -> c == 'M').count());
    }

    private static String curve(Path file, int index) throws IOException {
        return parse(file)
                .getElementsByTagName("path")
                .item(index)
                .getAttributes()
                .getNamedItem("d")
                .getNodeValue();
    }

    private static double[] numbers(String path) {
        return Arrays.stream(path.substring(1).split("[ML ]"))
                .mapToDouble(Double::parseDouble)
                .toArray();
    }

    @Test
    void wrongUse() {
        for (List<String> wrong :
                List.of(
                        List.of("rational --init nope", "--init", "swishglu", "'nope'"),
                        List.of("rational --form b", "--form", "term-wise"),
                        List.of("swish --beta x", "--beta", "'x'"),
                        List.of("swish --beta NaN", "beta", "finite"),
                        List.of("clip --lower 3 --upper 1", "lower", "upper"),
                        List.of("gelu --from 1 --to 0", "--to"),
                        List.of("gelu --to Infinity", "--to", "finite"),
                        List.of("poly-eval --wide-deep 0", "dimension"),
                        List.of("poly-relu --coefficients 1,,2", "--coefficients"),
                        List.of("gelu --out " + folder.resolve("no/x.svg"), "no such file"),
                        List.of("no-such", "no-such"),
                        List.of("", "subcommand"))) {
            String line = wrong.getFirst();
            Result result = plot(line.isEmpty() ? new String[0] : line.split(" "));
            assertEquals(Gatun.USAGE, result.code(), () -> line + result.err());
            assertEquals(1, result.err().lines().count(), result.err());
            wrong.subList(1, wrong.size())
                    .forEach(part -> assertTrue(result.err().contains(part), result.err()));
        }
    }

    @Test
    void ticksAreRound() {
        assertEquals(List.of(-4.0, -2.0, 0.0, 2.0, 4.0), SvgPlot.ticks(-5, 5));
        assertEquals(List.of(0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0), SvgPlot.ticks(0, 1));
        assertTrue(SvgPlot.ticks(-1e-30, 1e-30).size() >= 5);
    }
}
