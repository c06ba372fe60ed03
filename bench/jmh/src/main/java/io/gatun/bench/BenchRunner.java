/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.conformance.ResultLine;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * Times Gatun beside the limit of the machine and every contender, in turn in one process, once for
 * each number of threads. By default each of these gets a JVM of its own, because the thread pools
 * and the allocator of the peers read their settings from the environment when they start.
 */
public final class BenchRunner {
    private BenchRunner() {}

    /**
     * Measures, with progress on the error stream.
     *
     * @param options what to measure
     * @param sink receives each timed case as soon as it is measured
     * @return everything measured
     * @throws io.gatun.DeviceUnavailableException if there is no native library and {@code fork} is
     *     off
     * @throws IllegalStateException if a JVM of its own fails
     */
    public static BenchResults run(BenchOptions options, Consumer<ResultLine> sink) {
        return run(options, sink, System.err::println);
    }

    /**
     * Measures.
     *
     * @param options what to measure
     * @param sink receives each timed case as soon as it is measured
     * @param progress receives a line about each thing that is begun
     * @return everything measured
     * @throws io.gatun.DeviceUnavailableException if there is no native library and {@code fork} is
     *     off
     * @throws IllegalStateException if a JVM of its own fails
     */
    public static BenchResults run(
            BenchOptions options, Consumer<ResultLine> sink, Consumer<String> progress) {
        Collector collector = new Collector(sink, progress);
        boolean once = true;
        for (int threads : threadCounts(options)) {
            if (options.fork()) {
                fork(options, threads, once, collector);
            } else {
                Measurement.run(options, threads, once, collector);
            }
            once = false;
        }
        return collector.results();
    }

    private static List<Integer> threadCounts(BenchOptions options) {
        if (!options.threads().isEmpty()) {
            return options.threads();
        }
        int all = Runtime.getRuntime().availableProcessors();
        return all == 1 || options.quick() ? List.of(1) : List.of(1, all);
    }

    private static void fork(
            BenchOptions options, int threads, boolean once, Measurement.Sink sink) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.add("--add-modules=jdk.incubator.vector");
        command.add("--enable-native-access=ALL-UNNAMED");
        // Compiles in the foreground: what is measured is the same, and warm-up ends sooner where
        // processors are few.
        command.add("-XX:-BackgroundCompilation");
        for (String name : System.getProperties().stringPropertyNames()) {
            if (name.startsWith("gatun.")) {
                command.add("-D" + name + "=" + System.getProperty(name));
            }
        }
        command.add(BenchWorker.class.getName());
        command.addAll(BenchWorker.arguments(options, threads, once));
        ProcessBuilder builder = new ProcessBuilder(command);
        Map<String, String> environment = builder.environment();
        // Not on the command line: ONNX Runtime crashes in a JVM with a very long one.
        environment.put("CLASSPATH", System.getProperty("java.class.path"));
        for (String pool : List.of("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")) {
            environment.put(pool, String.valueOf(threads));
        }
        // libtorch returns new tensors: an allocator that keeps freed blocks saves it the page
        // faults.
        environment.put("MALLOC_MMAP_MAX_", "0");
        environment.put("MALLOC_ARENA_MAX", "1");
        environment.put("MALLOC_TRIM_THRESHOLD_", String.valueOf(1L << 33));
        builder.redirectError(ProcessBuilder.Redirect.INHERIT);
        try {
            Process process = builder.start();
            try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
                for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                    receive(line, sink);
                }
                int status = process.waitFor();
                if (status != 0) {
                    throw new IllegalStateException(
                            "the JVM that measured with "
                                    + threads
                                    + " threads ended with status "
                                    + status);
                }
            } finally {
                process.destroy();
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot start " + command.getFirst(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while a benchmark ran", e);
        }
    }

    private static void receive(String line, Measurement.Sink sink) {
        if (!line.startsWith(BenchWorker.MARK)) {
            // Some native libraries print to the standard output.
            sink.progress(line);
            return;
        }
        byte[] bytes = Base64.getDecoder().decode(line.substring(BenchWorker.MARK.length()));
        try (ObjectInputStream in = new ObjectInputStream(new ByteArrayInputStream(bytes))) {
            BenchWorker.Part part = (BenchWorker.Part) in.readObject();
            part.deliver(sink);
        } catch (IOException | ClassNotFoundException e) {
            throw new IllegalStateException("a result of the measuring JVM cannot be read", e);
        }
    }

    /** Puts the parts together. */
    private static final class Collector implements Measurement.Sink {
        private final Consumer<ResultLine> lines;
        private final Consumer<String> progress;
        private final Map<String, String> machine = new LinkedHashMap<>();
        private final List<BenchResults.Timing> timings = new ArrayList<>();
        private final List<BenchResults.Accuracy> accuracy = new ArrayList<>();
        private final List<BenchResults.Border> border = new ArrayList<>();
        private final List<String> notes = new ArrayList<>();

        Collector(Consumer<ResultLine> lines, Consumer<String> progress) {
            this.lines = lines;
            this.progress = progress;
        }

        @Override
        public void machine(Map<String, String> facts) {
            machine.putAll(facts);
        }

        @Override
        public void timing(BenchResults.Timing timing) {
            timings.add(timing);
            lines.accept(timing.line());
        }

        @Override
        public void accuracy(List<BenchResults.Accuracy> results) {
            accuracy.addAll(results);
        }

        @Override
        public void border(List<BenchResults.Border> results) {
            border.addAll(results);
        }

        @Override
        public void note(String note) {
            if (!notes.contains(note)) {
                notes.add(note);
            }
            progress.accept("note: " + note);
        }

        @Override
        public void progress(String text) {
            progress.accept(text);
        }

        BenchResults results() {
            return new BenchResults(machine, timings, accuracy, border, notes);
        }
    }
}
