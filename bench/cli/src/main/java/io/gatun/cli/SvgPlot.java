/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Curves over one axis as an SVG picture. */
final class SvgPlot {
    private static final int WIDTH = 760;
    private static final int HEIGHT = 480;
    private static final int LEFT = 70;
    private static final int RIGHT = 20;
    private static final int TOP = 44;
    private static final int BOTTOM = 64;
    private static final int TICKS = 8;
    private static final double MARGIN = 0.05;

    /** Between two neighbours, this part of the height is a jump and not a slope. */
    private static final double JUMP = 0.25;

    private static final String[] COLORS = {"#1f5fbf", "#c2410c", "#15803d", "#7e22ce"};

    /**
     * One curve.
     *
     * @param label its name
     * @param y its value at each x of the plot; what is not finite is left out
     */
    record Curve(String label, double[] y) {}

    private final double[] x;
    private final List<Curve> curves;
    private final double lowest;
    private final double highest;
    private final StringBuilder text = new StringBuilder();

    private SvgPlot(double[] x, List<Curve> curves) {
        this.x = x;
        this.curves = curves;
        double least = Double.POSITIVE_INFINITY;
        double greatest = Double.NEGATIVE_INFINITY;
        for (Curve curve : curves) {
            for (double value : curve.y) {
                if (Double.isFinite(value)) {
                    least = Math.min(least, value);
                    greatest = Math.max(greatest, value);
                }
            }
        }
        if (least > greatest) {
            least = -1;
            greatest = 1;
        }
        double margin = greatest > least ? MARGIN * (greatest - least) : 1;
        lowest = least - margin;
        highest = greatest + margin;
    }

    /**
     * Draws curves.
     *
     * @param title above the picture
     * @param x ascending places, at least two
     * @param curves their values at these places
     * @return the document
     */
    static String draw(String title, double[] x, List<Curve> curves) {
        return new SvgPlot(x, curves).document(title);
    }

    private String document(String title) {
        add(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\""
                        + " font-family=\"sans-serif\" font-size=\"12\" role=\"img\">",
                WIDTH, HEIGHT, WIDTH, HEIGHT);
        add("<title>%s</title>", escaped(title));
        add("<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>", WIDTH, HEIGHT);
        add(
                "<text x=\"%d\" y=\"26\" font-size=\"15\" font-weight=\"600\">%s</text>",
                LEFT, escaped(title));
        grid();
        for (int i = 0; i < curves.size(); i++) {
            add(
                    "<path d=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/>",
                    path(curves.get(i).y), color(i));
        }
        legend();
        add("</svg>");
        return text.toString();
    }

    private void grid() {
        int bottom = HEIGHT - BOTTOM;
        int right = WIDTH - RIGHT;
        for (double tick : ticks(x[0], x[x.length - 1])) {
            add(line(across(tick), TOP, across(tick), bottom, tick == 0));
            add(
                    "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>",
                    across(tick), bottom + 18, number(tick));
        }
        for (double tick : ticks(lowest, highest)) {
            add(line(LEFT, down(tick), right, down(tick), tick == 0));
            add(
                    "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>",
                    LEFT - 8, down(tick) + 4, number(tick));
        }
        add(
                "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" stroke=\"#9ca3af\"/>",
                LEFT, TOP, right - LEFT, bottom - TOP);
    }

    private static String line(double x1, double y1, double x2, double y2, boolean zero) {
        return format(
                "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>",
                x1, y1, x2, y2, zero ? "#6b7280" : "#e5e7eb");
    }

    private void legend() {
        int place = LEFT;
        for (int i = 0; i < curves.size(); i++) {
            String label = curves.get(i).label;
            int y = HEIGHT - 18;
            add(
                    "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" stroke=\"%s\" stroke-width=\"2\"/>",
                    place, y - 4, place + 24, y - 4, color(i));
            add("<text x=\"%d\" y=\"%d\">%s</text>", place + 30, y, escaped(label));
            place += 60 + 8 * label.length();
        }
    }

    /** Moves where a value is missing or jumps, lines else. */
    private String path(double[] y) {
        StringBuilder path = new StringBuilder();
        double before = Double.NaN;
        for (int i = 0; i < y.length; i++) {
            if (Double.isFinite(y[i])) {
                boolean joined = Math.abs(y[i] - before) <= JUMP * (highest - lowest);
                path.append(format("%s%.1f %.1f", joined ? "L" : "M", across(x[i]), down(y[i])));
            }
            before = y[i];
        }
        return path.toString();
    }

    private double across(double value) {
        double first = x[0];
        return LEFT + (WIDTH - LEFT - RIGHT) * (value - first) / (x[x.length - 1] - first);
    }

    private double down(double value) {
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - lowest) / (highest - lowest);
    }

    /** Multiples of 1, 2 or 5 times a power of ten. */
    static List<Double> ticks(double from, double to) {
        double rough = (to - from) / TICKS;
        double power = Math.pow(10, Math.floor(Math.log10(rough)));
        double step =
                power * (rough > 5 * power ? 10 : rough > 2 * power ? 5 : rough > power ? 2 : 1);
        List<Double> ticks = new ArrayList<>();
        for (long i = (long) Math.ceil(from / step); i * step <= to; i++) {
            ticks.add(i * step);
        }
        return ticks;
    }

    private static String number(double value) {
        double magnitude = Math.abs(value);
        return value == 0
                ? "0"
                : magnitude < 1e-3 || magnitude >= 1e5
                        ? format("%.1e", value)
                        : format("%.4f", value).replaceFirst("\\.?0+$", "");
    }

    private static String color(int curve) {
        return COLORS[curve % COLORS.length];
    }

    private void add(String format, Object... arguments) {
        text.append(arguments.length == 0 ? format : format(format, arguments)).append('\n');
    }

    private static String format(String format, Object... arguments) {
        return String.format(Locale.ROOT, format, arguments);
    }

    private static String escaped(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
    }
}
