/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.CpuOptions;
import io.gatun.DType;
import io.gatun.Device;
import io.gatun.DeviceUnavailableException;
import io.gatun.Doctor;
import io.gatun.conformance.CaseFile;
import io.gatun.conformance.Glob;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** All measurements for one number of threads, in this JVM. */
final class Measurement {
    /** Where the results go, as they come. */
    interface Sink {
        void machine(Map<String, String> facts);

        void timing(BenchResults.Timing timing);

        void accuracy(List<BenchResults.Accuracy> accuracy);

        void border(List<BenchResults.Border> border);

        void note(String note);

        void progress(String text);
    }

    private static final int LIMIT_CANDIDATES = 3;
    private static final double MOST_WARM_UP_NANOS = 8e9;
    private static final double WARM_UP_SLICE_NANOS = 20e6;
    private static final int WARM_UP_ROWS = 64;
    private static final int WARM_UP_COLUMNS = 515;
    private static final long LEAST_WARM_UP_CALLS = 400;

    /** Those whose accuracy and border are looked at, too. */
    private static final List<String> PLAIN_NORMS = List.of("layer_norm", "rms_norm");

    private final BenchOptions options;
    private final int threads;
    private final Sampler sampler;
    private final Sink sink;
    private final List<Contender> contenders = new ArrayList<>(Contenders.all());
    private final Map<Streams, NativeLimits.Limit> limits = new HashMap<>();

    private Measurement(BenchOptions options, int threads, Sink sink) {
        this.options = options;
        this.threads = threads;
        this.sink = sink;
        sampler = Sampler.of(options.quick(), threads);
    }

    /**
     * Measures.
     *
     * @param options what to measure; its thread counts are not read
     * @param threads the number of threads
     * @param once whether to measure also what does not depend on the number of threads
     * @param sink receives everything
     * @throws DeviceUnavailableException if there is no native library
     */
    static void run(BenchOptions options, int threads, boolean once, Sink sink) {
        new Measurement(options, threads, sink).run(once);
    }

    private void run(boolean once) {
        NativeLimits library = null;
        try {
            library = NativeLimits.load();
        } catch (IllegalStateException e) {
            sink.note("No limits: " + e.getMessage());
        }
        try {
            if (once) {
                sink.machine(facts());
            }
            List<Planned> plan = plan();
            warmUp(plan);
            timings(plan, library);
            if (once) {
                extras(plan, library);
            }
        } finally {
            limits.values().forEach(NativeLimits.Limit::close);
        }
    }

    private Map<String, String> facts() {
        Map<String, String> facts = new LinkedHashMap<>();
        Doctor.Report report = Doctor.report();
        Doctor.Library library = report.library();
        if (library != null) {
            facts.put("CPU", library.cpu());
            facts.put(
                    "Instruction set", library.isaDetected() + " detected, " + isaName() + " used");
            facts.put("Library", "ABI " + library.abiVersion() + ", build " + library.buildHash());
        }
        facts.put("Processors", String.valueOf(Runtime.getRuntime().availableProcessors()));
        facts.put("System", report.os() + ", " + report.architecture());
        facts.put("Java", report.jdk());
        facts.put(
                "Contenders", String.join(", ", contenders.stream().map(Contender::name).toList()));
        facts.put("Run", options.quick() ? "quick" : "full");
        return facts;
    }

    private String isaName() {
        try (Device device = Device.cpu(new CpuOptions(1, options.isa()))) {
            return device.isa().name().toLowerCase(Locale.ROOT);
        }
    }

    private List<Planned> plan() {
        Glob glob = new Glob(options.only());
        List<Planned> plan = new ArrayList<>();
        for (BenchOperation operation : BenchOperations.all()) {
            if (options.quick() && !operation.isQuick()) {
                continue;
            }
            CaseFile file = CaseFile.load(operation.function());
            for (DType dtype : file.bounds().keySet()) {
                if (options.quick() && dtype != DType.F32) {
                    continue;
                }
                for (CaseFile.Case shape : cases(file)) {
                    Planned planned = new Planned(operation, file, dtype, shape);
                    if (operation.takes(shape) && glob.matches(planned.path())) {
                        plan.add(planned);
                    }
                }
            }
        }
        return plan;
    }

    /** In a quick run one shape of each operation, but some of the plain norms. */
    private List<CaseFile.Case> cases(CaseFile file) {
        if (!options.quick()) {
            return file.casesFor(CaseFile.Use.BENCH);
        }
        List<CaseFile.Case> quick = file.casesFor(CaseFile.Use.QUICK);
        return PLAIN_NORMS.contains(file.operation())
                ? quick
                : quick.subList(0, Math.min(1, quick.size()));
    }

    private void timings(List<Planned> plan, NativeLimits library) {
        String isa = isaName();
        int done = 0;
        for (Planned planned : plan) {
            sink.progress(
                    String.format(
                            Locale.ROOT,
                            "[%d/%d] %s, %d thread%s",
                            ++done,
                            plan.size(),
                            planned.path(),
                            threads,
                            threads == 1 ? "" : "s"));
            sink.timing(measure(planned, library, isa));
        }
    }

    /** Lets the JIT compile every contender before the first case. */
    private void warmUp(List<Planned> plan) {
        sink.progress("warming up");
        Set<BenchOperation> operations = new LinkedHashSet<>();
        plan.forEach(planned -> operations.add(planned.operation()));
        List<Workload> workloads = new ArrayList<>();
        List<Contender.Run> runs = new ArrayList<>();
        try {
            for (BenchOperation operation : operations) {
                Workload workload =
                        new Workload(
                                operation,
                                DType.F32,
                                WARM_UP_ROWS,
                                WARM_UP_COLUMNS,
                                WARM_UP_COLUMNS,
                                WARM_UP_COLUMNS,
                                threads,
                                options.isa());
                workloads.add(workload);
                for (Contender contender : List.copyOf(contenders)) {
                    Contender.Run run =
                            contender.supports(workload) ? prepare(contender, workload) : null;
                    if (run != null) {
                        runs.add(run);
                    }
                }
            }
            runs.forEach(this::warmUp);
        } finally {
            runs.forEach(Contender.Run::close);
            workloads.forEach(Workload::close);
        }
    }

    /**
     * Calls until the JIT has brought nothing for a while; interpreted vector code is a thousand
     * times slower.
     */
    private void warmUp(Contender.Run run) {
        double patience = options.quick() ? 0.1e9 : 1.0e9;
        double best = Double.POSITIVE_INFINITY;
        long start = System.nanoTime();
        long improved = start;
        long total = 0;
        for (long now = start;
                (now - improved < patience || total < LEAST_WARM_UP_CALLS)
                        && now - start < MOST_WARM_UP_NANOS; ) {
            long calls = 0;
            long slice = now;
            do {
                run.call();
                calls++;
                now = System.nanoTime();
            } while (now - slice < WARM_UP_SLICE_NANOS);
            total += calls;
            double each = (double) (now - slice) / calls;
            if (each < best * 0.95) {
                improved = now;
                best = each;
            }
        }
    }

    /** What a limit moves. */
    private record Streams(int reads, int writes, boolean inPlace, long bytes) {
        /** Weights, where there are any, are read once, and are more than all else. */
        static Streams of(Workload workload) {
            long weights = workload.operation().weightBytes(workload.columns());
            return weights == 0 ? new Streams(workload) : new Streams(1, 0, false, weights);
        }

        private Streams(Workload workload) {
            this(
                    workload.operation().reads(),
                    workload.operation().writes(),
                    workload.isInPlace(),
                    workload.streamBytes());
        }
    }

    private record Planned(
            BenchOperation operation, CaseFile file, DType dtype, CaseFile.Case shape) {
        String path() {
            return operation.key() + "/" + direction() + "/" + dtypeName() + "/" + shape.label();
        }

        String direction() {
            return file.direction().name().toLowerCase(Locale.ROOT);
        }

        String dtypeName() {
            return dtype.name().toLowerCase(Locale.ROOT);
        }
    }

    private BenchResults.Timing measure(Planned planned, NativeLimits library, String isa) {
        CaseFile.Case shape = planned.shape();
        List<Contender.Run> runs = new ArrayList<>();
        try (Workload workload =
                new Workload(
                        planned.operation(),
                        planned.dtype(),
                        shape.rows(),
                        shape.columns(),
                        shape.xStride(),
                        shape.yStride(),
                        threads,
                        options.isa())) {
            List<String> names = new ArrayList<>();
            List<Double> errors = new ArrayList<>();
            for (Contender contender : List.copyOf(contenders)) {
                if (contender.supports(workload)) {
                    Contender.Run run = prepare(contender, workload);
                    if (run != null) {
                        runs.add(run);
                        names.add(contender.name());
                        run.call();
                        errors.add(workload.error(run::output));
                        workload.clearOutputs();
                    }
                }
            }
            List<Sampler.Timed> timed = new ArrayList<>(runs.stream().map(Sampler::timed).toList());
            NativeLimits.Limit limit =
                    library == null ? null : limit(library, Streams.of(workload));
            if (limit != null) {
                for (int candidate = 0; candidate < LIMIT_CANDIDATES; candidate++) {
                    int index = candidate;
                    timed.add(calls -> limit.run(index, calls));
                }
            }
            List<Sampler.Samples> samples = sampler.sample(timed);
            List<BenchResults.Contestant> contestants = new ArrayList<>();
            for (int i = 0; i < runs.size(); i++) {
                Sampler.Samples s = samples.get(i);
                contestants.add(
                        new BenchResults.Contestant(
                                names.get(i), s.median(), s.min(), s.max(), errors.get(i)));
            }
            double limitNs = 0;
            String limitLoop = null;
            for (int i = runs.size(); i < samples.size(); i++) {
                // The limit moves whole cache lines; per byte, so that this does not count against
                // it.
                double ns = samples.get(i).median() * workload.bytes() / limit.bytes();
                if (limitLoop == null || ns < limitNs) {
                    limitNs = ns;
                    limitLoop = limit.candidateName(i - runs.size());
                }
            }
            return new BenchResults.Timing(
                    planned.operation().key(),
                    planned.direction(),
                    planned.dtypeName(),
                    shape.label(),
                    isa,
                    threads,
                    workload.bytes(),
                    workload.flops(),
                    limit == null ? null : limit.name(),
                    limitLoop,
                    limitNs,
                    contestants,
                    planned.file().bound(planned.dtype()));
        } finally {
            runs.forEach(Contender.Run::close);
        }
    }

    /** Binds a contender, or drops it for the rest of the run with a note. */
    private Contender.Run prepare(Contender contender, Workload workload) {
        try {
            return contender.prepare(workload);
        } catch (RuntimeException | LinkageError e) {
            if (contender.name().equals(Contenders.GATUN)) {
                throw e;
            }
            contenders.remove(contender);
            Throwable cause = e;
            while (cause.getCause() != null) {
                cause = cause.getCause();
            }
            sink.note(contender.name() + " left out: " + cause);
            return null;
        }
    }

    private NativeLimits.Limit limit(NativeLimits library, Streams streams) {
        return limits.computeIfAbsent(
                streams,
                s ->
                        library.limit(
                                s.reads,
                                s.writes,
                                s.inPlace,
                                s.bytes,
                                threads,
                                options.quick() ? 0.5e6 : 2e6));
    }

    private void extras(List<Planned> plan, NativeLimits library) {
        List<BenchOperation> operations =
                PLAIN_NORMS.stream()
                        .map(BenchOperations::named)
                        .filter(
                                op ->
                                        plan.stream()
                                                .anyMatch(
                                                        planned ->
                                                                planned.operation() == op
                                                                        && planned.dtype()
                                                                                == DType.F32))
                        .toList();
        sink.progress("accuracy on rows with a common offset");
        sink.accuracy(AccuracyRun.run(operations, contenders, options.quick() ? 2 : 10));
        if (library != null) {
            for (BenchOperation operation : operations) {
                sink.progress("price of the border, " + operation);
                sink.border(
                        BorderRun.run(
                                operation,
                                library,
                                Sampler.of(options.quick(), 1).withWarmUp(1e9)));
            }
        }
    }
}
