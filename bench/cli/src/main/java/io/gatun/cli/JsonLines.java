/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.cli;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.util.MinimalPrettyPrinter;
import io.gatun.conformance.ResultLine;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Writes results as JSON, one object a line. */
final class JsonLines {
    private JsonLines() {}

    /** Fails now, rather than after the work, if the file cannot be written. Null is no file. */
    static void requireWritable(Path file) throws IOException {
        if (file != null) {
            Files.newBufferedWriter(file).close();
        }
    }

    /**
     * Writes a file, replacing what was there.
     *
     * @param facts further lines {@code name, value} of a report, whose other keys are null
     */
    static void write(Path file, Map<String, String> facts, List<ResultLine> lines)
            throws IOException {
        try (JsonGenerator json =
                new JsonFactory().createGenerator(Files.newBufferedWriter(file))) {
            json.setPrettyPrinter(new MinimalPrettyPrinter("\n"));
            ResultLine empty =
                    new ResultLine(
                            null, null, null, null, null, null, null, null, null, null, null, null,
                            null, null, null, null, null, null);
            for (Map.Entry<String, String> fact : facts.entrySet()) {
                json.writeStartObject();
                keys(json, empty);
                json.writeStringField("name", fact.getKey());
                json.writeStringField("value", fact.getValue());
                json.writeEndObject();
            }
            for (ResultLine line : lines) {
                json.writeStartObject();
                keys(json, line);
                json.writeEndObject();
            }
            json.writeRaw('\n');
        }
    }

    private static void keys(JsonGenerator json, ResultLine line) throws IOException {
        json.writeStringField("op", line.op());
        json.writeStringField("direction", line.direction());
        json.writeStringField("dtype", line.dtype());
        json.writeStringField("shape", line.shape());
        json.writeStringField("device", line.device());
        json.writeStringField("isa", line.isa());
        json.writeFieldName("threads");
        if (line.threads() == null) {
            json.writeNull();
        } else {
            json.writeNumber(line.threads());
        }
        number(json, "median_ns", line.medianNs());
        number(json, "min_ns", line.minNs());
        number(json, "max_ns", line.maxNs());
        whole(json, "bytes", line.bytes());
        whole(json, "flops", line.flops());
        json.writeStringField("limit", line.limit());
        number(json, "fraction", line.fraction());
        json.writeFieldName("peers");
        if (line.peers() == null) {
            json.writeNull();
        } else {
            json.writeStartObject();
            for (Map.Entry<String, Double> peer : new TreeMap<>(line.peers()).entrySet()) {
                number(json, peer.getKey(), peer.getValue());
            }
            json.writeEndObject();
        }
        number(json, "max_error", line.maxError());
        number(json, "error_bound", line.errorBound());
        json.writeFieldName("passed");
        if (line.passed() == null) {
            json.writeNull();
        } else {
            json.writeBoolean(line.passed());
        }
    }

    /**
     * JSON has no infinity and no NaN: an infinite error becomes a number that no bound reaches.
     */
    private static void number(JsonGenerator json, String name, Double value) throws IOException {
        json.writeFieldName(name);
        if (value == null || Double.isNaN(value)) {
            json.writeNull();
        } else {
            json.writeNumber(
                    Double.isInfinite(value) ? Math.copySign(Double.MAX_VALUE, value) : value);
        }
    }

    private static void whole(JsonGenerator json, String name, Long value) throws IOException {
        json.writeFieldName(name);
        if (value == null) {
            json.writeNull();
        } else {
            json.writeNumber(value);
        }
    }
}
