/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.cli;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.util.MinimalPrettyPrinter;
import io.gatun.model.ModelFile;
import io.gatun.model.ModelTensor;
import io.gatun.model.TensorType;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** What is in a GGUF or safetensors file. */
@Command(
        name = "inspect",
        mixinStandardHelpOptions = true,
        description = "Lists the metadata and tensors of a GGUF or safetensors file.",
        footer = {
            "",
            "Shapes are outermost first: weights of a linear layer are [outputs, inputs]. A damaged file is refused with"
                    + " the tensor and the offset in question.",
            "Exit code: 0, or 2 if the file cannot be read."
        })
final class InspectCommand implements Callable<Integer> {
    private static final int SHOWN_CHARACTERS = 96;

    @Parameters(paramLabel = "FILE", description = "The file.")
    private Path file;

    @Option(
            names = "--json",
            paramLabel = "FILE",
            description = "Writes the tensors to FILE, one JSON object a line.")
    private Path json;

    @Spec private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        if (Files.isDirectory(file)) {
            throw new UserException(file + ": expected a file, but it is a directory");
        }
        try (ModelFile model = ModelFile.open(file)) {
            print(model, spec.commandLine().getOut());
            if (json != null) {
                write(model);
            }
        }
        return 0;
    }

    private static void print(ModelFile model, PrintWriter out) {
        List<ModelTensor> tensors = model.tensors();
        out.printf(
                Locale.ROOT,
                "%s: %s%s, %s, %d tensors%n",
                model.name(),
                model.format() == ModelFile.Format.GGUF ? "GGUF version " : "safetensors",
                model.format() == ModelFile.Format.GGUF ? model.version() : "",
                bytes(model.size()),
                tensors.size());
        if (!model.metadata().isEmpty()) {
            out.println();
            model.metadata()
                    .forEach((key, value) -> out.println("  " + shown(key) + " = " + shown(value)));
        }
        if (!tensors.isEmpty()) {
            out.println();
            printTensors(tensors, out);
            out.println();
            printTypes(tensors, out);
        }
        out.flush();
    }

    private static void printTensors(List<ModelTensor> tensors, PrintWriter out) {
        int width = 4;
        int shapeWidth = 5;
        for (ModelTensor tensor : tensors) {
            width = Math.max(width, shown(tensor.name()).length());
            shapeWidth = Math.max(shapeWidth, NpyArray.text(tensor.shape()).length());
        }
        String row = "  %-" + width + "s  %-8s  %-" + shapeWidth + "s  %12s%n";
        out.printf(Locale.ROOT, row, "name", "type", "shape", "bytes");
        for (ModelTensor tensor : tensors) {
            out.printf(
                    Locale.ROOT,
                    row,
                    shown(tensor.name()),
                    tensor.type(),
                    NpyArray.text(tensor.shape()),
                    tensor.bytes());
        }
    }

    private static void printTypes(List<ModelTensor> tensors, PrintWriter out) {
        Map<TensorType, long[]> types = new EnumMap<>(TensorType.class);
        for (ModelTensor tensor : tensors) {
            long[] sums = types.computeIfAbsent(tensor.type(), type -> new long[3]);
            sums[0]++;
            sums[1] += tensor.elementCount();
            sums[2] += tensor.bytes();
        }
        types.forEach(
                (type, sums) ->
                        out.printf(
                                Locale.ROOT,
                                "  %-8s  %6d tensors, %15d elements, %10s, %.4g bits each%n",
                                type,
                                sums[0],
                                sums[1],
                                bytes(sums[2]),
                                8.0 * type.blockBytes() / type.blockElements()));
    }

    private static String bytes(long count) {
        if (count < 10_000) {
            return count + " bytes";
        }
        double scaled = count;
        int prefix = 0;
        for (; scaled >= 999.5; prefix++) {
            scaled /= 1000;
        }
        return String.format(Locale.ROOT, "%.3g %cB", scaled, " kMGTPE".charAt(prefix));
    }

    /** Text of a file on one line of a terminal: without control characters, and not too long. */
    private static String shown(Object value) {
        String text = value.toString();
        boolean cut = text.length() > SHOWN_CHARACTERS;
        StringBuilder shown = new StringBuilder();
        text.codePoints()
                .limit(SHOWN_CHARACTERS)
                .map(
                        c ->
                                Character.isISOControl(c)
                                                || Character.getType(c) == Character.FORMAT
                                        ? ' '
                                        : c)
                .forEach(shown::appendCodePoint);
        return cut ? shown + "..." : shown.toString();
    }

    private void write(ModelFile model) throws IOException {
        try (JsonGenerator generator =
                new JsonFactory().createGenerator(Files.newBufferedWriter(json))) {
            generator.setPrettyPrinter(new MinimalPrettyPrinter("\n"));
            for (ModelTensor tensor : model.tensors()) {
                generator.writeStartObject();
                generator.writeStringField("name", tensor.name());
                generator.writeStringField("type", tensor.type().name());
                generator.writeFieldName("shape");
                generator.writeArray(tensor.shape(), 0, tensor.shape().length);
                generator.writeNumberField("offset", tensor.offset());
                generator.writeNumberField("bytes", tensor.bytes());
                generator.writeEndObject();
            }
            generator.writeRaw('\n');
        }
    }
}
