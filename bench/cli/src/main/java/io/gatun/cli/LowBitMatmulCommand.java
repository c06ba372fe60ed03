/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.cli;

import io.gatun.ActivationMode;
import io.gatun.DType;
import io.gatun.Device;
import io.gatun.LowBitMatrix;
import io.gatun.LowBitSources;
import io.gatun.Tensor;
import io.gatun.conformance.Setting;
import io.gatun.model.ModelFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** A product of activations in a {@code .npy} file with low-bit weights of a model file. */
@Command(
        name = "lowbit-matmul",
        aliases = "lowbit_multiply",
        mixinStandardHelpOptions = true,
        description = "Multiplies activations with low-bit weights of a model: Y = X W^T + bias.",
        footer = {
            "",
            "Weights are Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K or Q6_K tensors of GGUF, or AWQ, GPTQ and Jlama layers of"
                    + " safetensors; gatun inspect lists them.",
            "Example: gatun run lowbit-matmul x.npy --weights model.gguf --tensor blk.0.attn_q.weight --out y.npy"
        })
final class LowBitMatmulCommand implements Callable<Integer> {
    /** What {@code --activations} may be: the modes of the library as labels. */
    private static final String MODES =
            Arrays.stream(ActivationMode.values())
                    .map(Setting::label)
                    .collect(Collectors.joining(", "));

    @Parameters(paramLabel = "x.npy", description = "Activations [..., inputs].")
    private Path input;

    @Option(
            names = "--weights",
            paramLabel = "FILE",
            required = true,
            description = "The .gguf or .safetensors file with the weights.")
    private Path weights;

    @Option(
            names = "--tensor",
            paramLabel = "NAME",
            required = true,
            description = "The tensor, or the layer whose tensors are AWQ, GPTQ or Jlama weights.")
    private String tensor;

    @Option(names = "--bias", paramLabel = "FILE", description = "Reads the bias [outputs].")
    private Path bias;

    @Option(
            names = "--out",
            paramLabel = "FILE",
            required = true,
            description = "Writes the result [..., outputs].")
    private Path out;

    @Option(
            names = "--activations",
            paramLabel = "MODE",
            defaultValue = "int8-group-32",
            description =
                    "float, or signed 8-bit codes with one scale for each row or group of inputs:"
                            + " int8-row, int8-group-32, int8-group-64, int8-group-128, int8-group-256."
                            + " Default: ${DEFAULT-VALUE}.")
    private String activations;

    @Option(
            names = "--in-place",
            description = "Multiplies from the mapped file instead of packing the weights first.")
    private boolean inPlace;

    @Option(
            names = "--gptq-version",
            paramLabel = "1|2",
            description =
                    "Version of the zero points of GPTQ weights, which the file does not say. Default: 1.")
    private Integer gptqVersion;

    @Option(
            names = "--device",
            paramLabel = "DEVICE",
            defaultValue = "cpu",
            description = Devices.DEVICE_HELP + " Default: ${DEFAULT-VALUE}.")
    private String device;

    @Option(
            names = "--isa",
            paramLabel = "LEVEL",
            description = "Instruction set level of the CPU device. Default: the best.")
    private String isa;

    @Option(
            names = "--threads",
            paramLabel = "COUNT",
            defaultValue = "0",
            description = "Threads of the CPU device; 0 (the default) for all.")
    private int threads;

    @Spec private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        ActivationMode mode = mode();
        NpyArray x = Npy.read(input);
        NpyArray biases = bias == null ? null : Npy.read(bias);
        Device opened = Devices.open(device, isa, threads).getFirst();
        try (ModelFile model = ModelFile.open(weights)) {
            run(opened, model, mode, x, biases);
        } catch (IllegalArgumentException e) {
            throw new UserException("lowbit-matmul: " + e.getMessage(), e);
        } finally {
            Devices.close(List.of(opened));
        }
        return 0;
    }

    private ActivationMode mode() {
        return Arrays.stream(ActivationMode.values())
                .filter(mode -> Setting.label(mode).equals(activations))
                .findFirst()
                .orElseThrow(
                        () ->
                                new UserException(
                                        "--activations: expected one of "
                                                + MODES
                                                + ", but it is '"
                                                + activations
                                                + "'"));
    }

    private LowBitMatrix matrix(Device opened, ModelFile model) {
        if (inPlace) {
            return LowBitMatrix.inPlace(opened, model.tensor(tensor));
        }
        return gptqVersion == null
                ? LowBitMatrix.load(opened, model, tensor)
                : LowBitMatrix.of(opened, LowBitSources.gptq(model, tensor, gptqVersion));
    }

    private void run(
            Device opened, ModelFile model, ActivationMode mode, NpyArray x, NpyArray biases)
            throws IOException {
        try (LowBitMatrix matrix = matrix(opened, model)) {
            if (matrix.hasAmbiguousZeroPoints()) {
                spec.commandLine()
                        .getErr()
                        .println(
                                "gatun: "
                                        + tensor
                                        + ": some zero points are all ones, which readers of GPTQ"
                                        + " understand in different ways; they are taken for 0");
            }
            long[] shape = x.shape().clone();
            if (shape.length == 0) {
                throw new UserException(
                        input + ": expected at least one dimension, but it is a scalar");
            }
            shape[shape.length - 1] = matrix.outputs();
            DType dtype = RunCommand.dtypeOf(x.type());
            try (Tensor activation = RunCommand.allocate(opened, dtype, x.shape());
                    Tensor result = RunCommand.allocate(opened, dtype, shape)) {
                if (activation.elementCount() > 0) {
                    activation.copyFrom(x.values());
                }
                Tensor added =
                        biases == null ? null : opened.tensor(biases.values(), biases.shape());
                matrix.multiply(activation, added, mode, result);
                String type = dtype == DType.F16 ? "f2" : "f4";
                Npy.write(out, new NpyArray(type, shape, result.toFloatArray()), type);
            }
        }
    }
}
