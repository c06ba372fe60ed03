/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.Isa;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectOutputStream;
import java.io.PrintStream;
import java.io.Serial;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The JVM that measures one number of threads and sends each result as a line on its standard
 * output.
 */
final class BenchWorker {
    /** Begins a line that holds a {@link Part}; any other line is somebody's message. */
    static final String MARK = "GATUN-RESULT ";

    private static final String NONE = "-";

    /** A piece of the results; what it does not hold is null. */
    record Part(
            LinkedHashMap<String, String> machine,
            BenchResults.Timing timing,
            ArrayList<BenchResults.Accuracy> accuracy,
            ArrayList<BenchResults.Border> border,
            String note)
            implements Serializable {
        @Serial private static final long serialVersionUID = 1;

        void deliver(Measurement.Sink sink) {
            if (machine != null) {
                sink.machine(machine);
            }
            if (timing != null) {
                sink.timing(timing);
            }
            if (accuracy != null) {
                sink.accuracy(accuracy);
            }
            if (border != null) {
                sink.border(border);
            }
            if (note != null) {
                sink.note(note);
            }
        }
    }

    private BenchWorker() {}

    static List<String> arguments(BenchOptions options, int threads, boolean once) {
        return List.of(
                String.valueOf(options.quick()),
                options.isa() == null ? NONE : options.isa().name(),
                options.only(),
                String.valueOf(threads),
                String.valueOf(once));
    }

    public static void main(String[] arguments) {
        Isa isa = arguments[1].equals(NONE) ? null : Isa.valueOf(arguments[1]);
        BenchOptions options =
                BenchOptions.DEFAULT
                        .withQuick(Boolean.parseBoolean(arguments[0]))
                        .withIsa(isa)
                        .withOnly(arguments[2])
                        .withFork(false);
        PrintStream out = System.out;
        System.setOut(System.err);
        Measurement.run(
                options,
                Integer.parseInt(arguments[3]),
                Boolean.parseBoolean(arguments[4]),
                new LineSink(out));
        out.flush();
    }

    private record LineSink(PrintStream out) implements Measurement.Sink {
        private void send(Part part) {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            try (ObjectOutputStream objects = new ObjectOutputStream(bytes)) {
                objects.writeObject(part);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            out.println(MARK + Base64.getEncoder().encodeToString(bytes.toByteArray()));
            out.flush();
        }

        @Override
        public void machine(Map<String, String> facts) {
            send(new Part(new LinkedHashMap<>(facts), null, null, null, null));
        }

        @Override
        public void timing(BenchResults.Timing timing) {
            send(new Part(null, timing, null, null, null));
        }

        @Override
        public void accuracy(List<BenchResults.Accuracy> accuracy) {
            send(new Part(null, null, new ArrayList<>(accuracy), null, null));
        }

        @Override
        public void border(List<BenchResults.Border> border) {
            send(new Part(null, null, null, new ArrayList<>(border), null));
        }

        @Override
        public void note(String note) {
            send(new Part(null, null, null, null, note));
        }

        @Override
        public void progress(String text) {
            out.println(text);
            out.flush();
        }
    }
}
