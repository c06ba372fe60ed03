/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench.peers;

import io.gatun.DType;
import io.gatun.bench.Contender;
import io.gatun.bench.Workload;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * torch.layer_norm and torch.rms_norm; with residual additions, one call after the other; backward,
 * what autograd makes of them, from a graph that is kept. They return new tensors: with an
 * allocator that keeps freed blocks (MALLOC_MMAP_MAX_=0), as the runner sets, that costs little.
 */
public final class Libtorch implements Contender {
    /** Loads nothing yet. */
    public Libtorch() {}

    @Override
    public String name() {
        return "libtorch";
    }

    @Override
    public boolean supports(Workload workload) {
        // Parameters of another type than x are refused for float16, and float32 is what the others
        // run.
        return workload.dtype() == DType.F32
                && workload.isContiguous()
                && !workload.isInPlace()
                && switch (workload.operation().function()) {
                    case "layer_norm",
                            "rms_norm",
                            "residual_add_norm",
                            "norm_residual_add",
                            "norm_add_norm",
                            "layer_norm_backward",
                            "rms_norm_backward",
                            "residual_add_norm_backward",
                            "norm_residual_add_backward",
                            "norm_add_norm_backward" ->
                            true;
                    default -> false;
                };
    }

    @Override
    public Run prepare(Workload workload) {
        torch.set_num_threads(workload.threads());
        boolean backward = workload.operation().function().endsWith("_backward");
        return backward ? new BackwardRun(workload) : new ForwardRun(workload);
    }

    /** The arrays of a workload as tensors. */
    private abstract static class TensorRun implements Run {
        final Workload workload;
        final boolean isLayerNorm;
        final Map<String, Tensor> inputs = new HashMap<>();
        private final long[] normalized;
        private final DoubleOptional eps = new DoubleOptional(Workload.EPS);

        TensorRun(Workload workload) {
            this.workload = workload;
            String key = workload.operation().key();
            isLayerNorm = key.startsWith("layer_norm") || key.endsWith(":layer");
            normalized = new long[] {workload.columns()};
        }

        /** Rows of the workload. */
        final Tensor data(String name) {
            return inputs.computeIfAbsent(
                    name, n -> tensor(workload.memory(n), workload.rows(), workload.columns()));
        }

        /** A parameter of the workload. */
        final Tensor parameter(String name) {
            return inputs.computeIfAbsent(
                    name, n -> tensor(workload.memory(n), workload.columns()));
        }

        private static Tensor tensor(MemorySegment segment, long... shape) {
            TensorOptions options =
                    new TensorOptions().dtype(new ScalarTypeOptional(torch.ScalarType.Float));
            return torch.from_blob(
                    new BytePointer(segment.asByteBuffer().order(ByteOrder.nativeOrder())),
                    shape,
                    options);
        }

        final Tensor norm(Tensor x, TensorOptional gamma, TensorOptional beta) {
            return isLayerNorm
                    ? torch.layer_norm(x, normalized, gamma, beta, Workload.EPS, false)
                    : torch.rms_norm(x, normalized, gamma, eps);
        }

        /** What the last call returned. */
        abstract Tensor result(String name);

        @Override
        public float[] output(String name) {
            Tensor result = result(name);
            float[] values = new float[Math.toIntExact(result.numel())];
            new FloatPointer(result.data_ptr()).get(values);
            return values;
        }

        @Override
        public void close() {
            inputs.values().forEach(Tensor::close);
        }
    }

    private static final class ForwardRun extends TensorRun {
        private final Map<String, Tensor> results = new HashMap<>();
        private final AutoGradMode noGradient = new AutoGradMode(false);
        private final List<TensorOptional> gammas = new ArrayList<>();
        private final List<TensorOptional> betas = new ArrayList<>();

        ForwardRun(Workload workload) {
            super(workload);
            List<String> suffixes = workload.has("gamma") ? List.of("") : List.of("1", "2");
            for (String suffix : suffixes) {
                gammas.add(new TensorOptional(parameter("gamma" + suffix)));
                betas.add(
                        isLayerNorm
                                ? new TensorOptional(parameter("beta" + suffix))
                                : new TensorOptional());
            }
        }

        private void give(String name, Tensor result) {
            Tensor last = results.put(name, result);
            if (last != null) {
                last.close();
            }
        }

        @Override
        Tensor result(String name) {
            return results.get(name);
        }

        @Override
        public void call() {
            switch (workload.operation().function()) {
                case "residual_add_norm" -> {
                    Tensor h = data("residual").add(data("x"));
                    give("y", norm(h, gammas.getFirst(), betas.getFirst()));
                    give("h", h);
                }
                case "norm_residual_add" -> {
                    try (Tensor inner = norm(data("x"), gammas.getFirst(), betas.getFirst())) {
                        give("h", data("residual").add(inner));
                    }
                }
                case "norm_add_norm" -> {
                    try (Tensor inner = norm(data("x"), gammas.getFirst(), betas.getFirst())) {
                        Tensor h = data("residual").add(inner);
                        give("y", norm(h, gammas.getLast(), betas.getLast()));
                        give("h", h);
                    }
                }
                default -> give("y", norm(data("x"), gammas.getFirst(), betas.getFirst()));
            }
        }

        @Override
        public void close() {
            super.close();
            results.values().forEach(Tensor::close);
            gammas.forEach(TensorOptional::close);
            betas.forEach(TensorOptional::close);
            noGradient.close();
        }
    }

    /** Gradients of a graph that the constructor makes. */
    private static final class BackwardRun extends TensorRun {
        private final TensorVector outputs = new TensorVector();
        private final TensorVector upstream = new TensorVector();
        private final TensorVector variables = new TensorVector();
        private final List<String> names = new ArrayList<>();
        private final BoolOptional keep = new BoolOptional(true);
        private TensorVector gradients;

        BackwardRun(Workload workload) {
            super(workload);
            try (AutoGradMode gradient = new AutoGradMode(true)) {
                switch (workload.operation().function()) {
                    case "residual_add_norm_backward" -> {
                        // The sum is given: it is the variable, and its gradient that of both
                        // addends.
                        Tensor h = variable("dx", data("h"));
                        connect(norm(h, ""), "dy");
                        connect(h, "dh_in");
                    }
                    case "norm_residual_add_backward" ->
                            connect(norm(variable("dx", data("x")), ""), "dh");
                    case "norm_add_norm_backward" -> {
                        Tensor inner = norm(variable("dx", data("x")), "1");
                        // What the residual was, by which the sum is h again.
                        Tensor residual = variable("dresidual", data("h").sub(inner.detach()));
                        Tensor h = residual.add(inner);
                        connect(norm(h, "2"), "dy");
                        connect(h, "dh_in");
                    }
                    default -> connect(norm(variable("dx", data("x")), ""), "dy");
                }
            }
        }

        private Tensor variable(String gradient, Tensor value) {
            Tensor variable = value.detach().set_requires_grad(true);
            variables.push_back(variable);
            names.add(gradient);
            return variable;
        }

        private Tensor norm(Tensor x, String suffix) {
            TensorOptional gamma =
                    new TensorOptional(variable("dgamma" + suffix, parameter("gamma" + suffix)));
            TensorOptional beta =
                    isLayerNorm
                            ? new TensorOptional(variable("dbeta" + suffix, zeros()))
                            : new TensorOptional();
            return norm(x, gamma, beta);
        }

        private Tensor zeros() {
            return inputs.computeIfAbsent(
                    "zeros", n -> torch.zeros(new long[] {workload.columns()}));
        }

        private void connect(Tensor output, String gradient) {
            outputs.push_back(output);
            upstream.push_back(data(gradient));
        }

        @Override
        public void call() {
            TensorVector last = gradients;
            gradients = torch.grad(outputs, variables, upstream, keep, false, false);
            if (last != null) {
                last.close();
            }
        }

        @Override
        Tensor result(String name) {
            return gradients.get(names.indexOf(name));
        }

        @Override
        public void close() {
            super.close();
            if (gradients != null) {
                gradients.close();
            }
            outputs.close();
            upstream.close();
            variables.close();
            keep.close();
        }
    }
}
