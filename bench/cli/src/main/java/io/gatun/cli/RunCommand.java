/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.cli;

import io.gatun.DType;
import io.gatun.Device;
import io.gatun.Tensor;
import io.gatun.conformance.Arguments;
import io.gatun.conformance.Operand;
import io.gatun.conformance.Operation;
import io.gatun.conformance.Operations;
import io.gatun.conformance.Setting;
import io.gatun.conformance.Settings;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/**
 * One operation on {@code .npy} files. Its command is made from its description in the conformance
 * suite: an option for every further tensor and every setting. So a new operation needs nothing
 * here.
 */
final class RunCommand implements Callable<Integer> {
    private static final String OUT = "--out";
    private static final Map<String, String> OUT_TYPES =
            Map.of("f16", "f2", "f32", "f4", "f64", "f8", "bf16", "V2");

    private final Operation operation;
    private final CommandSpec spec;

    private RunCommand(Operation operation) {
        this.operation = operation;
        spec =
                CommandSpec.wrapWithoutInspection(this)
                        .name(operation.function())
                        .mixinStandardHelpOptions(true);
        spec.usageMessage()
                .description(operation.description())
                .footer(
                        "",
                        "Files are NumPy .npy: f2 f4 f8, integers, or V2 (bfloat16 as NumPy stores it), computed in the"
                                + " data type of --dtype. The last dimension holds the columns, all others together the"
                                + " rows. A bfloat16 result is stored as f4, which holds it exactly, unless --out-dtype"
                                + " is bf16.");
        Operand first = operation.operands().getFirst();
        spec.addPositional(
                PositionalParamSpec.builder()
                        .paramLabel(first.name() + ".npy")
                        .index("0")
                        .arity("1")
                        .required(true)
                        .type(Path.class)
                        .description(first.description() + " " + shape(first))
                        .build());
        for (Operand operand : operation.operands().subList(1, operation.operands().size())) {
            Operand.Role role = operand.role();
            spec.addOption(
                    OptionSpec.builder(options(operand))
                            .paramLabel("FILE")
                            .required(role == Operand.Role.INPUT || role == Operand.Role.OUTPUT)
                            .type(Path.class)
                            .description(
                                    (role.isInput() ? "Reads " : "Writes ")
                                            + operand.name()
                                            + ": "
                                            + (operand.description() + " " + shape(operand))
                                                    .strip())
                            .build());
        }
        for (Setting setting : operation.settings()) {
            spec.addOption(
                    OptionSpec.builder("--" + setting.name())
                            .paramLabel(setting.syntax())
                            .type(String.class)
                            .description(
                                    capitalized(setting.description())
                                            + ". Default: "
                                            + Setting.label(setting.defaultValue())
                                            + ".")
                            .build());
        }
        spec.addOption(
                text(
                        "--dtype",
                        "f32|bf16|f16",
                        "Data type of the computation. Default: that of the file."));
        spec.addOption(
                text("--out-dtype", "f16|f32|f64|bf16", "Element type of the result's file."));
        spec.addOption(text("--device", "DEVICE", Devices.DEVICE_HELP + " Default: cpu."));
        spec.addOption(
                text(
                        "--isa",
                        "LEVEL",
                        "Instruction set level of the CPU device. Default: the best."));
        spec.addOption(
                OptionSpec.builder("--threads")
                        .paramLabel("COUNT")
                        .type(int.class)
                        .defaultValue("0")
                        .description("Threads of the CPU device; 0 (the default) for all.")
                        .build());
    }

    /** The command {@code run} with a subcommand for every operation. */
    static CommandLine commandLine() {
        CommandSpec run = CommandSpec.create().name("run").mixinStandardHelpOptions(true);
        run.usageMessage()
                .description("Applies an operation to NumPy .npy files.")
                .synopsisSubcommandLabel("OPERATION")
                .footer(
                        "",
                        "Example: gatun run layer_norm x.npy --gamma g.npy --beta b.npy --eps 1e-5 --out y.npy",
                        "gatun run OPERATION --help lists what an operation takes.");
        for (Operation operation : Operations.all()) {
            if (operation.runsOnFiles()) {
                run.addSubcommand(operation.function(), new RunCommand(operation).spec);
            }
        }
        return new CommandLine(run).addSubcommand(new LowBitMatmulCommand());
    }

    private static OptionSpec text(String name, String label, String description) {
        return OptionSpec.builder(name)
                .paramLabel(label)
                .type(String.class)
                .description(description)
                .build();
    }

    private static String capitalized(String text) {
        return Character.toUpperCase(text.charAt(0)) + text.substring(1);
    }

    private static String shape(Operand operand) {
        return switch (operand.extent()) {
            case FULL -> "[..., columns].";
            case COLUMNS -> "[columns].";
            case ROWS -> "[rows].";
            case HEADS -> "[tokens, heads, columns].";
            case TOKENS_AND_HEADS -> "[tokens, heads of all].";
            case FUNCTIONS -> "[..., functions, columns].";
            case OWN -> "";
        };
    }

    /**
     * {@code --gamma} of an input ({@code --dk-in} of dk_out, the gradient of a result), {@code
     * --rstd-out} or {@code --rstd} of an output, and {@code --out} of the first.
     */
    private String[] options(Operand operand) {
        String name = "--" + operand.name().replace('_', '-');
        if (operand.role().isInput()) {
            return new String[] {name.replaceFirst("-out$", "-in")};
        }
        if (operand.equals(firstOutput())) {
            return new String[] {OUT};
        }
        return name.endsWith("-out") ? new String[] {name} : new String[] {name + "-out", name};
    }

    private String option(Operand operand) {
        return options(operand)[0];
    }

    private Operand firstOutput() {
        return operation.operands().stream()
                .filter(o -> o.role() == Operand.Role.OUTPUT)
                .findFirst()
                .orElseThrow();
    }

    /** An output of a role that is left out has no shape. */
    private void requireOutputs() {
        for (Operand operand : operation.operands()) {
            if (operand.like() != null && value(option(operand)) != null) {
                Operand like = operation.operand(operand.like()).orElseThrow();
                if (like.role() == Operand.Role.OPTIONAL_INPUT && value(option(like)) == null) {
                    throw new UserException(
                            option(operand) + ": expected " + option(like) + " with it");
                }
            }
        }
    }

    private <T> T value(String option) {
        return spec.findOption(option).getValue();
    }

    @Override
    public Integer call() throws IOException {
        Operand first = operation.operands().getFirst();
        requireOutputs();
        Path inputFile = spec.positionalParameters().getFirst().getValue();
        Settings settings = settings();
        String outType = outType();
        NpyArray input = Npy.read(inputFile);
        if (input.shape().length == 0) {
            throw new UserException(
                    inputFile + ": expected at least one dimension, but it is a scalar");
        }
        if (first.extent() == Operand.Extent.HEADS && input.shape().length < 3) {
            throw new UserException(
                    inputFile
                            + ": expected the shape [tokens, heads, columns], but it is "
                            + NpyArray.text(input.shape()));
        }
        DType dtype = dtype(input.type());
        Map<Operand, NpyArray> inputs = new LinkedHashMap<>();
        inputs.put(first, input);
        for (Operand operand : operation.operands()) {
            Path file =
                    operand.equals(first) || !operand.role().isInput()
                            ? null
                            : value(option(operand));
            if (file != null) {
                NpyArray array = Npy.read(file);
                requireShape(operand, file, array.shape(), input.shape(), settings);
                inputs.put(operand, array);
            }
        }
        String deviceName = value("--device");
        Device device =
                Devices.open(
                                deviceName == null ? "cpu" : deviceName,
                                value("--isa"),
                                this.<Integer>value("--threads"))
                        .getFirst();
        try {
            run(device, dtype, inputs, settings, outType);
        } catch (IllegalArgumentException e) {
            throw new UserException(operation.function() + ": " + e.getMessage(), e);
        } finally {
            Devices.close(List.of(device));
        }
        return 0;
    }

    private void run(
            Device device,
            DType dtype,
            Map<Operand, NpyArray> inputs,
            Settings settings,
            String outType)
            throws IOException {
        Map<String, long[]> shapes = new HashMap<>();
        inputs.forEach((operand, array) -> shapes.put(operand.name(), array.shape()));
        Operand first = operation.operands().getFirst();
        Map<String, Tensor> tensors = new HashMap<>();
        try {
            for (Operand operand : operation.operands()) {
                boolean input = operand.role().isInput();
                if (input ? !inputs.containsKey(operand) : value(option(operand)) == null) {
                    continue;
                }
                // Parameters are widened to float32, which holds every value of the 16-bit types.
                DType type = operand.storage() == Operand.Storage.DATA ? dtype : DType.F32;
                long[] shape = shape(operand, shapes.get(first.name()), shapes, settings);
                Tensor tensor = allocate(device, type, shape);
                tensors.put(operand.name(), tensor);
                if (input && tensor.elementCount() > 0) {
                    tensor.copyFrom(inputs.get(operand).values());
                }
            }
            operation.run(new Arguments(tensors, settings));
            device.synchronize();
            for (Operand operand : operation.operands()) {
                Tensor tensor = tensors.get(operand.name());
                if (tensor != null && !operand.role().isInput()) {
                    Path file = value(option(operand));
                    String type =
                            operand.storage() != Operand.Storage.DATA
                                    ? "f4"
                                    : outType != null ? outType : dtype == DType.F16 ? "f2" : "f4";
                    Npy.write(
                            file, new NpyArray(type, tensor.shape(), tensor.toFloatArray()), type);
                }
            }
        } finally {
            tensors.values().forEach(Tensor::close);
        }
    }

    /** Memory of the device, but for tensors without elements, which need none. */
    static Tensor allocate(Device device, DType type, long[] shape) {
        if (Arrays.stream(shape).anyMatch(size -> size == 0)) {
            return type == DType.F32
                    ? device.tensor(new float[0], shape)
                    : device.tensor(type, new short[0], shape);
        }
        return device.allocate(type, shape);
    }

    /** The shape of an operand, given those of the inputs. */
    private long[] shape(
            Operand operand, long[] full, Map<String, long[]> inputs, Settings settings) {
        return switch (operand.extent()) {
            case FULL -> full;
            case COLUMNS -> new long[] {full[full.length - 1]};
            case ROWS -> new long[] {product(full, full.length - 1)};
            case HEADS -> inputs.get(operand.like() == null ? operand.name() : operand.like());
            case TOKENS_AND_HEADS -> {
                // Keys and values count alike, even where one of them is left out.
                long[] keys = inputs.getOrDefault("k", inputs.get("v"));
                long heads = full[full.length - 2];
                long all = heads + (keys == null ? 0 : 2 * keys[keys.length - 2]);
                yield new long[] {product(full, full.length - 2), all};
            }
            case FUNCTIONS -> {
                long[] shape = Arrays.copyOf(full, full.length + 1);
                shape[full.length] = full[full.length - 1];
                shape[full.length - 1] = operation.functions(settings);
                yield shape;
            }
            case OWN ->
                    operand.role().isInput()
                            ? inputs.get(operand.name())
                            : operation.shape(operand, inputs);
        };
    }

    private static long product(long[] shape, int dimensions) {
        return Arrays.stream(shape, 0, dimensions).reduce(1, (a, b) -> a * b);
    }

    private void requireShape(
            Operand operand, Path file, long[] shape, long[] full, Settings settings) {
        if (operand.extent() == Operand.Extent.HEADS || operand.extent() == Operand.Extent.OWN) {
            // The operation itself says what it expects of heads, and of shapes of its own.
            return;
        }
        long[] expected = shape(operand, full, Map.of(), settings);
        if (!Arrays.equals(shape, expected)) {
            throw new UserException(
                    operand.name()
                            + ": expected the shape "
                            + NpyArray.text(expected)
                            + ", but "
                            + file
                            + " has "
                            + NpyArray.text(shape));
        }
    }

    private Settings settings() {
        Settings settings = Settings.defaults(operation.settings());
        for (Setting setting : operation.settings()) {
            String text = value("--" + setting.name());
            if (text != null) {
                try {
                    settings = settings.with(setting.name(), setting.parse(text));
                } catch (IllegalArgumentException e) {
                    throw new UserException("--" + e.getMessage(), e);
                }
            }
        }
        return settings;
    }

    /** The data type to compute in for an element type of a file. */
    static DType dtypeOf(String fileType) {
        return switch (fileType) {
            case "f2" -> DType.F16;
            case "V2" -> DType.BF16;
            default -> DType.F32;
        };
    }

    private DType dtype(String fileType) {
        String name = value("--dtype");
        if (name == null) {
            return dtypeOf(fileType);
        }
        return Arrays.stream(DType.values())
                .filter(d -> d.name().toLowerCase(Locale.ROOT).equals(name))
                .findFirst()
                .orElseThrow(
                        () ->
                                new UserException(
                                        "--dtype: expected f32, bf16 or f16, but it is '"
                                                + name
                                                + "'"));
    }

    private String outType() {
        String name = value("--out-dtype");
        if (name != null && !OUT_TYPES.containsKey(name)) {
            throw new UserException(
                    "--out-dtype: expected f16, f32, f64 or bf16, but it is '" + name + "'");
        }
        return name == null ? null : OUT_TYPES.get(name);
    }
}
