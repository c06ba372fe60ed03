/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.Activation;
import io.gatun.Activations;
import io.gatun.AlphaDropout;
import io.gatun.BitMask;
import io.gatun.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** The element-wise activations, their gradients, gates, masks and alpha dropout. */
final class ActivationBenches {
    private static final int HEADS = 24;
    private static final AlphaDropout DROPOUT = new AlphaDropout(0.1f, 1).withSelu(true);

    private ActivationBenches() {}

    private static String key(String function, Activation activation) {
        return function + ":" + activation.kind().name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    static List<BenchOperation> all() {
        List<BenchOperation> all = new ArrayList<>();
        all.add(forward(Activation.GELU, 30));
        all.add(forward(Activation.GELU_TANH, 25).with(ElementLoops.GELU_TANH).notQuick());
        all.add(forward(Activation.SILU, 20).with(ElementLoops.SILU));
        all.add(forward(Activation.SIGMOID, 20).with(ElementLoops.SIGMOID).notQuick());
        all.add(forward(Activation.TANH, 20).with(ElementLoops.TANH));
        all.add(forward(Activation.SELU, 20).notQuick());
        all.add(forward(Activation.HARD_SWISH, 4).with(ElementLoops.HARD_SWISH).notQuick());
        all.add(backward(Activation.GELU, 35));
        all.add(backward(Activation.SILU, 25));
        all.add(backward(Activation.TANH, 25).notQuick());
        for (Activation activation : List.of(Activation.TANH, Activation.SIGMOID)) {
            all.add(
                    ElementBench.of(
                            key("activation_output_backward", activation),
                            List.of("dy", "y"),
                            List.of("dx"),
                            3,
                            t -> {
                                Tensor dy = t.apply("dy");
                                Tensor y = t.apply("y");
                                Tensor dx = t.apply("dx");
                                return () -> Activations.backwardFromOutput(activation, dy, y, dx);
                            }));
        }
        for (Activation activation : List.of(Activation.SILU, Activation.GELU)) {
            all.add(gated(activation));
            all.add(gatedBackward(activation));
        }
        all.add(headGate());
        all.add(headGateBackward());
        all.add(mask());
        all.add(maskBackward());
        all.add(dropout());
        all.add(dropoutBackward());
        return all;
    }

    private static ElementBench forward(Activation activation, int flops) {
        return ElementBench.of(
                key("activation", activation),
                List.of("x"),
                List.of("y"),
                flops,
                t -> {
                    Tensor x = t.apply("x");
                    Tensor y = t.apply("y");
                    return () -> Activations.apply(activation, x, y);
                });
    }

    private static ElementBench backward(Activation activation, int flops) {
        return ElementBench.of(
                key("activation_backward", activation),
                List.of("dy", "x"),
                List.of("dx"),
                flops,
                t -> {
                    Tensor dy = t.apply("dy");
                    Tensor x = t.apply("x");
                    Tensor dx = t.apply("dx");
                    return () -> Activations.backward(activation, dy, x, dx);
                });
    }

    private static ElementBench gated(Activation activation) {
        return ElementBench.of(
                key("gated_activation", activation),
                List.of("gate", "value"),
                List.of("y"),
                25,
                t -> {
                    Tensor gate = t.apply("gate");
                    Tensor value = t.apply("value");
                    Tensor y = t.apply("y");
                    return () -> Activations.gated(activation, gate, value, y);
                });
    }

    private static ElementBench gatedBackward(Activation activation) {
        return ElementBench.of(
                key("gated_activation_backward", activation),
                List.of("dy", "gate", "value"),
                List.of("dgate", "dvalue"),
                30,
                t -> {
                    Tensor dy = t.apply("dy");
                    Tensor gate = t.apply("gate");
                    Tensor value = t.apply("value");
                    Tensor dgate = t.apply("dgate");
                    Tensor dvalue = t.apply("dvalue");
                    return () ->
                            Activations.gatedBackward(
                                    activation, dy, gate, value, dgate, dvalue, null);
                });
    }

    /** Rows as heads. */
    private static Tensor heads(Tensor rows) {
        long columns = rows.size(1) / HEADS;
        return rows.strided(
                0,
                new long[] {rows.size(0), HEADS, columns},
                new long[] {rows.stride(0), columns, 1});
    }

    /** A gate for each head of each token, the same ones on every device. */
    private static Tensor gates(Tensor rows) {
        float[] values = new float[Math.toIntExact(rows.size(0) * HEADS)];
        for (int i = 0; i < values.length; i++) {
            values[i] = i % 17 * 0.25f - 2;
        }
        return Constants.tensor(rows.device(), rows.dtype(), values, rows.size(0), HEADS);
    }

    private static ElementBench headGate() {
        return ElementBench.of(
                        "head_gate",
                        List.of("value"),
                        List.of("y"),
                        1,
                        t -> {
                            Tensor value = heads(t.apply("value"));
                            Tensor y = heads(t.apply("y"));
                            Tensor gate = gates(t.apply("value"));
                            return () -> Activations.headGate(gate, value, y);
                        })
                .ofHeads(HEADS);
    }

    private static ElementBench headGateBackward() {
        return ElementBench.of(
                        "head_gate_backward",
                        List.of("dy", "value"),
                        List.of("dvalue"),
                        3,
                        t -> {
                            Tensor dy = heads(t.apply("dy"));
                            Tensor value = heads(t.apply("value"));
                            Tensor dvalue = heads(t.apply("dvalue"));
                            Tensor gate = gates(t.apply("value"));
                            Tensor dgate = gates(t.apply("value"));
                            return () ->
                                    Activations.headGateBackward(dy, gate, value, dgate, dvalue);
                        })
                .ofHeads(HEADS);
    }

    private static ElementBench mask() {
        return ElementBench.of(
                "activation_mask:relu6",
                List.of("x"),
                List.of("y"),
                2,
                t -> {
                    Tensor x = t.apply("x");
                    Tensor y = t.apply("y");
                    BitMask mask = Constants.mask(x, (byte) 0);
                    return () -> Activations.applyWithMask(Activation.RELU6, x, 0, 6, y, mask);
                });
    }

    private static ElementBench maskBackward() {
        return ElementBench.of(
                "activation_mask_backward",
                List.of("dy"),
                List.of("dx"),
                1,
                t -> {
                    Tensor dy = t.apply("dy");
                    Tensor dx = t.apply("dx");
                    BitMask mask = Constants.mask(dy, (byte) 0xb5);
                    return () -> Activations.maskBackward(dy, mask, 0, 1, dx);
                });
    }

    private static ElementBench dropout() {
        return ElementBench.of(
                "alpha_dropout:selu",
                List.of("x"),
                List.of("y"),
                40,
                t -> {
                    Tensor x = t.apply("x");
                    Tensor y = t.apply("y");
                    return () -> Activations.alphaDropout(x, DROPOUT, y);
                });
    }

    private static ElementBench dropoutBackward() {
        return ElementBench.of(
                "alpha_dropout_backward:selu",
                List.of("dy", "x"),
                List.of("dx"),
                40,
                t -> {
                    Tensor dy = t.apply("dy");
                    Tensor x = t.apply("x");
                    Tensor dx = t.apply("dx");
                    return () -> Activations.alphaDropoutBackward(dy, x, DROPOUT, dx);
                });
    }
}
