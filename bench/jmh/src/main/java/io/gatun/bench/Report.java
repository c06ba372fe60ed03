/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.bench.BenchResults.Accuracy;
import io.gatun.bench.BenchResults.Border;
import io.gatun.bench.BenchResults.Contestant;
import io.gatun.bench.BenchResults.Timing;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The results as one HTML page with plots, which needs no network and follows the reader's light or
 * dark theme.
 */
public final class Report {
    private static final String STYLE =
            """
            :root { color-scheme: light dark; --back: #f6f7f9; --card: #ffffff; --text: #1c2330; --soft: #5b6677;
              --line: #dde2ea; --track: #eceff4; --gatun: #2563eb; --good: #15803d; --bad: #c2410c;
              --c0: #d9730d; --c1: #0f9d76; --c2: #b5489b; --c3: #7c6f00; --c4: #c8322b; --c5: #3a8fb7; --c6: #6b7280; }
            @media (prefers-color-scheme: dark) { :root { --back: #10141b; --card: #181e28; --text: #e6eaf1; --soft: #9aa6b8;
              --line: #2c3543; --track: #232b38; --gatun: #6ea0ff; --good: #4ade80; --bad: #fb923c;
              --c0: #f5a04c; --c1: #3fd0a6; --c2: #e48bcd; --c3: #d6c650; --c4: #f47a72; --c5: #74c3e6; --c6: #a3acba; } }
            * { box-sizing: border-box; }
            body { margin: 0; background: var(--back); color: var(--text);
              font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
            main { max-width: 1080px; margin: 0 auto; padding: 32px 20px 64px; }
            h1 { font-size: 28px; margin: 0 0 4px; letter-spacing: -0.01em; }
            h2 { font-size: 20px; margin: 40px 0 6px; }
            h3 { font-size: 15px; margin: 0 0 10px; font-weight: 600; }
            p { margin: 4px 0 14px; color: var(--soft); max-width: 78ch; }
            .card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 16px 18px;
              margin: 14px 0; overflow-x: auto; }
            .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); gap: 12px; margin: 18px 0; }
            .tile { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 16px; }
            .tile b { display: block; font-size: 24px; font-weight: 650; font-variant-numeric: tabular-nums; }
            .tile span { color: var(--soft); font-size: 13px; }
            dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 18px; margin: 0; }
            dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
            table { border-collapse: collapse; width: 100%; font-size: 13px; font-variant-numeric: tabular-nums; }
            th, td { padding: 5px 10px; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
            th { color: var(--soft); font-weight: 600; } th:first-child, td:first-child { text-align: left; }
            tr:last-child td { border-bottom: 0; }
            .good { color: var(--good); } .bad { color: var(--bad); font-weight: 600; }
            .legend { display: flex; flex-wrap: wrap; gap: 4px 18px; font-size: 13px; color: var(--soft); margin: 0 0 8px; }
            .legend i { display: inline-block; width: 11px; height: 11px; border-radius: 50%; margin-right: 6px; }
            .legend i.bar { border-radius: 3px; }
            svg { display: block; width: 100%; height: auto; min-width: 640px; }
            svg text { fill: var(--text); font: 12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
            svg text.soft { fill: var(--soft); } svg text.strong { font-weight: 650; }
            svg .grid { stroke: var(--line); stroke-width: 1; } svg .one { stroke: var(--soft); stroke-width: 1.5; }
            """;

    private static final int COLORS = 7;
    private static final int WIDTH = 1000;
    private static final int LABEL_WIDTH = 250;
    private static final int RIGHT = 70;
    private static final int ROW = 24;
    private static final int TOP = 8;
    private static final int AXIS = 26;
    private static final double ONE_THIRD_OFF = 1.33;

    private final BenchResults results;
    private final StringBuilder out = new StringBuilder();
    private final Map<String, String> colors = new LinkedHashMap<>();

    private Report(BenchResults results) {
        this.results = results;
        Set<String> names = new LinkedHashSet<>();
        results.timings().forEach(t -> t.contestants().forEach(c -> names.add(c.name())));
        results.accuracy().forEach(a -> names.add(a.contender()));
        names.remove(Contenders.GATUN);
        colors.put(Contenders.GATUN, "var(--gatun)");
        int next = 0;
        for (String name : names) {
            colors.put(name, "var(--c" + next++ % COLORS + ")");
        }
    }

    /**
     * Writes the page.
     *
     * @param results what was measured
     * @param file where to; directories are created
     * @throws UncheckedIOException if the file cannot be written
     */
    public static void write(BenchResults results, Path file) {
        try {
            Path directory = file.toAbsolutePath().getParent();
            Files.createDirectories(directory);
            Files.writeString(file, html(results));
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write the report to " + file, e);
        }
    }

    /**
     * The page.
     *
     * @param results what was measured
     * @return well-formed HTML, in its XML syntax
     */
    public static String html(BenchResults results) {
        return new Report(results).page();
    }

    /**
     * What the lines of the timed cases do not hold, as text for a terminal: accuracy and the price
     * of the border.
     *
     * @param results what was measured
     * @return some lines, or none
     */
    public static String summary(BenchResults results) {
        StringBuilder text = new StringBuilder();
        for (String operation : operationsOf(results.accuracy())) {
            text.append(format("%nGreatest error on rows about a base, %s:%n", operation));
            Map<String, Map<Double, Accuracy>> rows = byContender(results.accuracy(), operation);
            text.append(format("%-22s", ""));
            basesOf(results.accuracy()).forEach(base -> text.append(format("%11.0e", base)));
            text.append(format("%n"));
            rows.forEach(
                    (name, cells) -> {
                        text.append(format("%-22s", name));
                        basesOf(results.accuracy())
                                .forEach(
                                        base ->
                                                text.append(
                                                        cells.containsKey(base)
                                                                ? format(
                                                                        "%11.1e",
                                                                        cells.get(base).error())
                                                                : format("%11s", "-")));
                        text.append(format("%n"));
                    });
        }
        if (!results.border().isEmpty()) {
            text.append(format("%nPrice of the border (least times):%n"));
            for (Border b : results.border()) {
                text.append(
                        format(
                                "%-12s %-8s %-44s %9.0f ns %+8.0f ns %6.1f B%n",
                                b.operation(),
                                b.shape(),
                                b.way(),
                                b.minNs(),
                                b.overhead(),
                                b.garbage()));
            }
        }
        results.notes().forEach(note -> text.append(format("%nNote: %s%n", note)));
        return text.toString();
    }

    private static String format(String pattern, Object... arguments) {
        return String.format(Locale.ROOT, pattern, arguments);
    }

    private static String escape(String text) {
        return text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&quot;");
    }

    private void add(String pattern, Object... arguments) {
        out.append(arguments.length == 0 ? pattern : format(pattern, arguments)).append('\n');
    }

    private String page() {
        add("<!DOCTYPE html>");
        add(
                "<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\"><head><meta charset=\"utf-8\"/>");
        add("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>");
        add("<title>Gatun benchmarks</title>");
        add(
                "<style>"
                        + STYLE.replace("&", "&amp;").replace("<", "&lt;")
                        + "</style></head><body><main>");
        add("<h1>Gatun benchmarks</h1>");
        add(
                "<p>%s. Every figure is a ratio within one run: the limit, Gatun and the alternatives were sampled in turn.</p>",
                LocalDate.now());
        tiles();
        machine();
        limitCharts();
        speedCharts();
        accuracyCharts();
        borderCharts();
        table();
        add("</main></body></html>");
        return out.toString();
    }

    private void tiles() {
        add("<div class=\"tiles\">");
        long passed = results.timings().stream().filter(Timing::passed).count();
        tile(passed + " of " + results.timings().size(), "timed cases within their error bound");
        results.timings().stream()
                .filter(t -> t.limit() != null)
                .mapToDouble(t -> t.fraction(t.gatun()))
                .max()
                .ifPresent(
                        best ->
                                tile(
                                        format("%.0f %%", 100 * best),
                                        "of the memory limit in the best case"));
        double logarithms = 0;
        int count = 0;
        for (Timing t : results.timings()) {
            if (t.contestants().size() > 1) {
                logarithms += Math.log(bestOther(t).medianNs() / t.gatun().medianNs());
                count++;
            }
        }
        if (count > 0) {
            tile(
                    format("%.2f ×", Math.exp(logarithms / count)),
                    "as fast as the best alternative, geometric mean");
        }
        results.border().stream()
                .filter(b -> b.way().equals(BorderRun.OFF_HEAP))
                .mapToDouble(Border::overhead)
                .max()
                .ifPresent(
                        price -> tile(format("%.0f ns", price), "for a call from Java, off-heap"));
        add("</div>");
    }

    private void tile(String value, String label) {
        add("<div class=\"tile\"><b>%s</b><span>%s</span></div>", escape(value), escape(label));
    }

    /** The fastest of the other ways; Gatun on arrays is not one. */
    private static Contestant bestOther(Timing timing) {
        Contestant best = null;
        for (Contestant c : timing.contestants().subList(1, timing.contestants().size())) {
            if (!c.name().startsWith(Contenders.GATUN)
                    && (best == null || c.medianNs() < best.medianNs())) {
                best = c;
            }
        }
        return best == null ? timing.contestants().getLast() : best;
    }

    private void machine() {
        add("<div class=\"card\"><dl>");
        results.machine()
                .forEach((key, value) -> add("<dt>%s</dt><dd>%s</dd>", escape(key), escape(value)));
        for (String note : results.notes()) {
            add("<dt>Note</dt><dd>%s</dd>", escape(note));
        }
        add("</dl></div>");
    }

    /** Cases of one function, with all its variants, on one number of threads. */
    private Map<String, List<Timing>> groups() {
        Map<String, List<Timing>> groups = new LinkedHashMap<>();
        for (Timing t : results.timings()) {
            String title =
                    format(
                            "%s, %d thread%s",
                            functionTitle(t), t.threads(), t.threads() == 1 ? "" : "s");
            groups.computeIfAbsent(title, k -> new ArrayList<>()).add(t);
        }
        return groups;
    }

    /** The operation without variant and direction, and its direction. */
    private static String functionTitle(Timing t) {
        String function = t.operation().replaceFirst(":.*", "");
        String suffix = "_" + t.direction();
        String stem =
                function.endsWith(suffix)
                        ? function.substring(0, function.length() - suffix.length())
                        : function;
        return stem + " " + t.direction();
    }

    /** What distinguishes the operation from others of the function; empty where nothing does. */
    private static String variant(Timing t) {
        int mark = t.operation().indexOf(':');
        return mark < 0 ? "" : t.operation().substring(mark + 1);
    }

    private void legend(Iterable<String> names, boolean gatunIsBar) {
        add("<div class=\"legend\">");
        for (String name : names) {
            boolean bar = gatunIsBar && name.equals(Contenders.GATUN);
            add(
                    "<span><i%s style=\"background: %s\"></i>%s</span>",
                    bar ? " class=\"bar\"" : "", colors.get(name), escape(name));
        }
        add("</div>");
    }

    private void limitCharts() {
        if (results.timings().stream().noneMatch(t -> t.limit() != null)) {
            return;
        }
        add("<h2>How near the limit</h2>");
        add(
                "<p>Bytes that must move, per second, as a part of what the fastest bare loop moves that reads and writes as "
                        + "many streams of the same size on as many threads: a copy where there are one and one. The loops are "
                        + "plain and non-temporal, each also with software prefetch in four places at once, or with streams in "
                        + "turn.</p>");
        groups().forEach(
                        (title, timings) -> {
                            add("<div class=\"card\"><h3>%s</h3>", escape(title));
                            legend(namesOf(timings), true);
                            limitChart(timings.stream().filter(t -> t.limit() != null).toList());
                            add("</div>");
                        });
    }

    private static Set<String> namesOf(List<Timing> timings) {
        Set<String> names = new LinkedHashSet<>();
        timings.forEach(t -> t.contestants().forEach(c -> names.add(c.name())));
        return names;
    }

    private void limitChart(List<Timing> timings) {
        double greatest = 1;
        for (Timing t : timings) {
            for (Contestant c : t.contestants()) {
                greatest = Math.max(greatest, t.fraction(c));
            }
        }
        double scale = (WIDTH - LABEL_WIDTH - RIGHT) / (Math.ceil(greatest * 10) / 10);
        int height = TOP + ROW * timings.size() + AXIS;
        open(height);
        for (int percent = 0; percent <= Math.ceil(greatest * 10) * 10; percent += 20) {
            double x = LABEL_WIDTH + percent / 100.0 * scale;
            vertical(percent == 100 ? "one" : "grid", x, height);
            text("soft", x, height - 8, "middle", percent + " %");
        }
        for (int i = 0; i < timings.size(); i++) {
            Timing t = timings.get(i);
            double middle = TOP + ROW * (i + 0.5);
            double fraction = t.fraction(t.gatun());
            rowLabel(t, middle);
            add(
                    "<rect x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"14\" rx=\"3\" fill=\"var(--gatun)\" opacity=\"0.88\">"
                            + "<title>%s</title></rect>",
                    LABEL_WIDTH,
                    middle - 7,
                    Math.max(1, fraction * scale),
                    escape(
                            format(
                                    "Gatun: %.1f %% of %s (%s)",
                                    100 * fraction, t.limit(), t.limitLoop())));
            for (Contestant c : t.contestants().subList(1, t.contestants().size())) {
                dot(
                        LABEL_WIDTH + t.fraction(c) * scale,
                        middle,
                        c.name(),
                        format("%.1f %%", 100 * t.fraction(c)));
            }
            text("strong", WIDTH - 4, middle + 4, "end", format("%.0f %%", 100 * fraction));
        }
        close();
    }

    private void speedCharts() {
        List<Timing> compared =
                results.timings().stream().filter(t -> t.contestants().size() > 1).toList();
        if (compared.isEmpty()) {
            return;
        }
        add("<h2>How many times faster than the alternatives</h2>");
        add(
                "<p>Time of each alternative over that of Gatun on off-heap tensors. Right of the line, Gatun is faster; the "
                        + "figure at the end is against the fastest of them.</p>");
        groups().forEach(
                        (title, timings) -> {
                            List<Timing> shown =
                                    timings.stream()
                                            .filter(t -> t.contestants().size() > 1)
                                            .toList();
                            if (!shown.isEmpty()) {
                                add("<div class=\"card\"><h3>%s</h3>", escape(title));
                                Set<String> names = namesOf(shown);
                                names.remove(Contenders.GATUN);
                                legend(names, false);
                                speedChart(shown);
                                add("</div>");
                            }
                        });
    }

    private void speedChart(List<Timing> timings) {
        double least = 0.8;
        double greatest = 2;
        for (Timing t : timings) {
            for (double ratio : t.peers().values()) {
                least = Math.min(least, ratio);
                greatest = Math.max(greatest, ratio);
            }
        }
        double low = Math.log(least / 1.05);
        double scale = (WIDTH - LABEL_WIDTH - RIGHT) / (Math.log(greatest * 1.05) - low);
        int height = TOP + ROW * timings.size() + AXIS;
        open(height);
        for (double tick : new double[] {0.1, 0.2, 0.5, 1, 1.5, 2, 3, 5, 10, 20, 50, 100}) {
            double x = LABEL_WIDTH + (Math.log(tick) - low) * scale;
            if (x >= LABEL_WIDTH && x <= WIDTH - RIGHT) {
                vertical(tick == 1 ? "one" : "grid", x, height);
                text(
                        "soft",
                        x,
                        height - 8,
                        "middle",
                        format(tick < 1 || tick == 1.5 ? "%.1f ×" : "%.0f ×", tick));
            }
        }
        for (int i = 0; i < timings.size(); i++) {
            Timing t = timings.get(i);
            double middle = TOP + ROW * (i + 0.5);
            rowLabel(t, middle);
            add(
                    "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>",
                    LABEL_WIDTH, WIDTH - RIGHT, middle, middle);
            t.peers()
                    .forEach(
                            (name, ratio) ->
                                    dot(
                                            LABEL_WIDTH + (Math.log(ratio) - low) * scale,
                                            middle,
                                            name,
                                            format("%.2f ×", ratio)));
            double ratio = bestOther(t).medianNs() / t.gatun().medianNs();
            text("strong", WIDTH - 4, middle + 4, "end", format("%.2f ×", ratio));
        }
        close();
    }

    private static Set<Double> basesOf(List<Accuracy> accuracy) {
        Set<Double> bases = new TreeSet<>();
        accuracy.forEach(a -> bases.add(a.base()));
        return bases;
    }

    private static Set<String> operationsOf(List<Accuracy> accuracy) {
        Set<String> operations = new LinkedHashSet<>();
        accuracy.forEach(a -> operations.add(a.operation()));
        return operations;
    }

    private static Map<String, Map<Double, Accuracy>> byContender(
            List<Accuracy> accuracy, String operation) {
        Map<String, Map<Double, Accuracy>> rows = new LinkedHashMap<>();
        accuracy.stream()
                .filter(a -> a.operation().equals(operation))
                .forEach(
                        a ->
                                rows.computeIfAbsent(a.contender(), k -> new TreeMap<>())
                                        .put(a.base(), a));
        return rows;
    }

    private void accuracyCharts() {
        if (results.accuracy().isEmpty()) {
            return;
        }
        add("<h2>Accuracy on rows with a common offset</h2>");
        add(
                "<p>Greatest error against float64 of float32 rows of 4096 numbers: unit-variance noise (standard deviation 4 at "
                        + "1e7) about a base. Lower is better; the scale is logarithmic.</p>");
        for (String operation : operationsOf(results.accuracy())) {
            Map<String, Map<Double, Accuracy>> rows = byContender(results.accuracy(), operation);
            add("<div class=\"card\"><h3>%s</h3>", escape(operation));
            legend(rows.keySet(), false);
            accuracyChart(rows);
            accuracyTable(rows);
            add("</div>");
        }
    }

    private void accuracyChart(Map<String, Map<Double, Accuracy>> rows) {
        List<Double> bases = List.copyOf(basesOf(results.accuracy()));
        int lowest = 0;
        int highest = -6;
        for (Map<Double, Accuracy> cells : rows.values()) {
            for (Accuracy a : cells.values()) {
                lowest = Math.min(lowest, (int) Math.floor(exponent(a.error())));
                highest = Math.max(highest, (int) Math.ceil(exponent(a.error())));
            }
        }
        int left = 70;
        int height = 300;
        int bottom = height - AXIS - 4;
        double perDecade = (double) (bottom - TOP - 6) / (highest - lowest);
        double step = (WIDTH - left - RIGHT) / (double) Math.max(1, bases.size() - 1);
        open(height);
        for (int decade = lowest; decade <= highest; decade++) {
            double y = bottom - (decade - lowest) * perDecade;
            add(
                    "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>",
                    left, WIDTH - RIGHT, y, y);
            text("soft", left - 8, y + 4, "end", "1e" + decade);
        }
        for (int i = 0; i < bases.size(); i++) {
            text("soft", left + i * step, height - 8, "middle", baseName(bases.get(i)));
        }
        List<String> order = new ArrayList<>(rows.keySet());
        // Gatun last, so that nothing covers it.
        order.sort(
                (a, b) -> Boolean.compare(a.equals(Contenders.GATUN), b.equals(Contenders.GATUN)));
        for (String name : order) {
            StringBuilder points = new StringBuilder();
            StringBuilder line = new StringBuilder();
            for (Accuracy a : rows.get(name).values()) {
                double x = left + bases.indexOf(a.base()) * step;
                double y = bottom - (exponent(a.error()) - lowest) * perDecade;
                line.append(format("%.1f,%.1f ", x, y));
                points.append(
                                circle(
                                        x,
                                        y,
                                        name,
                                        format("%.2e about %s", a.error(), baseName(a.base()))))
                        .append('\n');
            }
            add(
                    "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"%s\" stroke-linejoin=\"round\"/>",
                    line.toString().strip(),
                    colors.get(name),
                    name.equals(Contenders.GATUN) ? "3.5" : "1.8");
            out.append(points);
        }
        close();
    }

    private static String baseName(double base) {
        return base == 0 ? "0" : "1e" + Math.round(Math.log10(base));
    }

    private static double exponent(double error) {
        return Math.log10(Math.clamp(error, 1e-9, 1e9));
    }

    private void accuracyTable(Map<String, Map<Double, Accuracy>> rows) {
        Set<Double> bases = basesOf(results.accuracy());
        Map<Double, Accuracy> gatun = rows.getOrDefault(Contenders.GATUN, Map.of());
        add("<table><thead><tr><th>base</th>");
        bases.forEach(base -> add("<th>%s</th>", baseName(base)));
        add("</tr></thead><tbody>");
        rows.forEach(
                (name, cells) -> {
                    add("<tr><td>%s</td>", escape(name));
                    for (double base : bases) {
                        Accuracy a = cells.get(base);
                        boolean beatsGatun =
                                a != null
                                        && gatun.containsKey(base)
                                        && a.error() * ONE_THIRD_OFF < gatun.get(base).error();
                        add(
                                "<td%s>%s</td>",
                                beatsGatun ? " class=\"bad\"" : "",
                                a == null ? "" : format("%.1e", a.error()));
                    }
                    add("</tr>");
                });
        add("</tbody></table>");
    }

    private void borderCharts() {
        if (results.border().isEmpty()) {
            return;
        }
        add("<h2>The price of the border</h2>");
        add(
                "<p>One call on a row of 4096 float32: the same kernel called from C, from Java on off-heap tensors, from Java on "
                        + "float arrays, and from two Java threads at once. Least times.</p>");
        Map<String, List<Border>> groups = new LinkedHashMap<>();
        results.border()
                .forEach(
                        b ->
                                groups.computeIfAbsent(
                                                b.operation() + " " + b.shape(),
                                                k -> new ArrayList<>())
                                        .add(b));
        groups.forEach(
                (title, rows) -> {
                    add("<div class=\"card\"><h3>%s</h3>", escape(title));
                    double greatest = rows.stream().mapToDouble(Border::minNs).max().orElse(1);
                    int left = LABEL_WIDTH + 80;
                    double scale = (WIDTH - left - 200) / greatest;
                    open(TOP * 2 + ROW * rows.size());
                    for (int i = 0; i < rows.size(); i++) {
                        Border b = rows.get(i);
                        double middle = TOP + ROW * (i + 0.5);
                        double base = Math.min(b.minNs(), b.minNs() - b.overhead()) * scale;
                        text("", left - 10, middle + 4, "end", b.way());
                        add(
                                "<rect x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"14\" rx=\"3\" fill=\"var(--gatun)\" opacity=\"0.88\"/>",
                                left, middle - 7, base);
                        add(
                                "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"14\" rx=\"3\" fill=\"var(--c0)\"/>",
                                left + base, middle - 7, Math.max(0, b.overhead() * scale));
                        text("strong", WIDTH - 4, middle + 4, "end", borderLabel(b));
                    }
                    close();
                    add("</div>");
                });
    }

    private static String borderLabel(Border b) {
        if (b.way().equals(BorderRun.FROM_C)) {
            return format("%.0f ns", b.minNs());
        }
        return format("%.0f ns (%+.0f), %.0f B", b.minNs(), b.overhead(), b.garbage());
    }

    private void table() {
        add("<h2>All figures</h2>");
        add(
                "<p>GB/s counts the bytes that must move, GFLOP/s the additions, subtractions, multiplications and divisions of "
                        + "the formula. Errors are in units of the case files: 2^-23 (1 + |y|) for f32, or, for gradients, 2^-23 "
                        + "of the magnitudes of their terms; units in the last place for 16-bit results.</p>");
        List<String> others = new ArrayList<>(colors.keySet());
        others.remove(Contenders.GATUN);
        add(
                "<div class=\"card\"><table><thead><tr><th>case</th><th>threads</th><th>isa</th><th>median</th>"
                        + "<th>min – max</th><th>GFLOP/s</th><th>GB/s</th><th>limit GB/s</th><th>of limit</th><th>error</th>");
        others.forEach(name -> add("<th>× %s</th>", escape(name)));
        add("</tr></thead><tbody>");
        for (Timing t : results.timings()) {
            Contestant g = t.gatun();
            add(
                    "<tr><td>%s %s %s</td><td>%d</td><td>%s</td><td>%s</td><td>%s – %s</td><td>%.1f</td><td>%.1f</td>",
                    escape(t.operation()),
                    escape(t.dtype()),
                    escape(t.shape()),
                    t.threads(),
                    escape(t.isa()),
                    time(g.medianNs()),
                    time(g.minNs()),
                    time(g.maxNs()),
                    t.flops() / g.medianNs(),
                    t.bytes() / g.medianNs());
            add(
                    t.limit() == null
                            ? "<td></td><td></td>"
                            : format(
                                    "<td title=\"%s\">%.1f</td><td>%.0f %%</td>",
                                    escape(t.limitLoop()),
                                    t.bytes() / t.limitNs(),
                                    100 * t.fraction(g)));
            add(
                    "<td class=\"%s\">%.2f of %s</td>",
                    t.passed() ? "good" : "bad", g.error(), bound(t.errorBound()));
            Map<String, Double> peers = t.peers();
            for (String name : others) {
                Double ratio = peers.get(name);
                add(
                        ratio == null
                                ? "<td></td>"
                                : format(
                                        "<td%s>%.2f</td>",
                                        ratio < 1 ? " class=\"bad\"" : "", ratio));
            }
            add("</tr>");
        }
        add("</tbody></table></div>");
    }

    private static String bound(double value) {
        return value == Math.rint(value) ? format("%.0f", value) : format("%.2f", value);
    }

    private static String time(double ns) {
        if (ns < 1e3) {
            return format("%.0f ns", ns);
        }
        return ns < 1e6 ? format("%.2f µs", ns / 1e3) : format("%.2f ms", ns / 1e6);
    }

    private void open(int height) {
        add(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\">",
                WIDTH, height);
    }

    private void close() {
        add("</svg>");
    }

    private void vertical(String style, double x, int height) {
        add(
                "<line class=\"%s\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>",
                style, x, x, TOP, height - AXIS);
    }

    private void text(String style, double x, double y, String anchor, String value) {
        add(
                "<text%s x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>",
                style.isEmpty() ? "" : " class=\"" + style + "\"", x, y, anchor, escape(value));
    }

    private void rowLabel(Timing t, double middle) {
        text(
                "",
                LABEL_WIDTH - 10,
                middle + 4,
                "end",
                (variant(t) + "  " + t.shape() + "  " + t.dtype()).strip());
    }

    private void dot(double x, double y, String name, String value) {
        add(circle(x, y, name, value));
    }

    private String circle(double x, double y, String name, String value) {
        return format(
                "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"5\" fill=\"%s\" stroke=\"var(--card)\" stroke-width=\"1.5\">"
                        + "<title>%s</title></circle>",
                x, y, colors.get(name), escape(name + ": " + value));
    }
}
