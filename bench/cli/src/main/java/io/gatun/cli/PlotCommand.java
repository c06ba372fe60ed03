/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.cli;

import io.gatun.Device;
import io.gatun.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/** Draws an activation and its derivative, as the reference device computes them. */
final class PlotCommand implements Callable<Integer> {
    private static final int POINTS = 2001;

    private final PlottedFunction function;
    private final CommandSpec spec;

    private PlotCommand(PlottedFunction function) {
        this.function = function;
        spec =
                CommandSpec.wrapWithoutInspection(this)
                        .name(function.name())
                        .mixinStandardHelpOptions(true);
        spec.usageMessage().description(function.description());
        for (PlottedFunction.Option option : function.options()) {
            String standard =
                    option.defaultValue() == null
                            ? "."
                            : ". Default: " + option.defaultValue() + ".";
            add(option.name(), option.syntax(), option.description() + standard);
        }
        add("from", "NUMBER", "the least x. Default: -5.");
        add("to", "NUMBER", "the greatest x. Default: 5.");
        spec.addOption(
                OptionSpec.builder("--out")
                        .paramLabel("FILE")
                        .type(Path.class)
                        .description("The SVG file. Default: " + function.name() + ".svg.")
                        .build());
    }

    private void add(String name, String syntax, String description) {
        spec.addOption(
                OptionSpec.builder("--" + name)
                        .paramLabel(syntax)
                        .type(String.class)
                        .description(
                                Character.toUpperCase(description.charAt(0))
                                        + description.substring(1))
                        .build());
    }

    /** The command {@code plot} with a subcommand for every function. */
    static CommandLine commandLine() {
        CommandSpec plot = CommandSpec.create().name("plot").mixinStandardHelpOptions(true);
        plot.usageMessage()
                .description("Draws an activation and its derivative as an SVG picture.")
                .synopsisSubcommandLabel("FUNCTION")
                .footer(
                        "",
                        "Example: gatun plot rational --init swish --out swish.svg",
                        "gatun plot FUNCTION --help lists the parameters of a function.");
        for (PlottedFunction function : PlottedFunction.all()) {
            plot.addSubcommand(function.name(), new PlotCommand(function).spec);
        }
        return new CommandLine(plot);
    }

    private <T> T value(String option) {
        return spec.findOption(option).getValue();
    }

    private float bound(String name, String standard) {
        String text = value("--" + name);
        float bound = PlottedFunction.number(name, text == null ? standard : text);
        if (!Float.isFinite(bound)) {
            throw new UserException("--" + name + ": expected a finite number, but it is " + text);
        }
        return bound;
    }

    @Override
    public Integer call() throws IOException {
        Map<String, String> given = new LinkedHashMap<>();
        Map<String, String> values = new LinkedHashMap<>();
        for (PlottedFunction.Option option : function.options()) {
            String text = value("--" + option.name());
            if (text != null) {
                given.put(option.name(), text);
            }
            values.put(option.name(), text == null ? option.defaultValue() : text);
        }
        float from = bound("from", "-5");
        float to = bound("to", "5");
        if (!(from < to)) {
            throw new UserException("--to: expected more than --from, but it is " + to);
        }
        Path file = value("--out");
        if (file == null) {
            file = Path.of(function.name() + ".svg");
        }
        Files.writeString(file, draw(title(given), values, from, to));
        spec.commandLine().getOut().println(file);
        return 0;
    }

    private String title(Map<String, String> given) {
        return function.name()
                + given.entrySet().stream()
                        .map(option -> ", " + option.getKey() + " " + option.getValue())
                        .collect(Collectors.joining());
    }

    private String draw(String title, Map<String, String> values, float from, float to) {
        float[] x = new float[POINTS];
        for (int i = 0; i < POINTS; i++) {
            x[i] = (float) (from + ((double) to - from) * i / (POINTS - 1));
        }
        float[] ones = new float[POINTS];
        Arrays.fill(ones, 1);
        float[] y = new float[POINTS];
        float[] slope = new float[POINTS];
        try (Device device = Device.reference()) {
            PlottedFunction.Curve curve = function.bind().apply(values);
            Tensor input = device.tensor(x, POINTS);
            curve.apply(input, device.tensor(y, POINTS));
            curve.backward(device.tensor(ones, POINTS), input, device.tensor(slope, POINTS));
        } catch (IllegalArgumentException e) {
            throw new UserException(function.name() + ": " + e.getMessage(), e);
        }
        return SvgPlot.draw(
                title,
                doubles(x),
                List.of(
                        new SvgPlot.Curve("f(x)", doubles(y)),
                        new SvgPlot.Curve("f'(x)", doubles(slope))));
    }

    private static double[] doubles(float[] values) {
        double[] doubles = new double[values.length];
        for (int i = 0; i < doubles.length; i++) {
            doubles[i] = values[i];
        }
        return doubles;
    }
}
