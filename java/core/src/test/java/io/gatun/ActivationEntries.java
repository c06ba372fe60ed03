// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static io.gatun.Entry.input;
import static io.gatun.Entry.optionalOutput;
import static io.gatun.Entry.output;

import io.gatun.Entry.Slot;
import io.gatun.Entry.Use;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/** The entry points of the activations. */
final class ActivationEntries {
    private static final float EPS = 1e-6f;

    private ActivationEntries() {}

    private static Slot coefficients(String name, String shape) {
        return new Slot(name, Use.COEFFICIENTS, shape, false, Set.of());
    }

    private static Slot gradient(String name, String shape) {
        return new Slot(name, Use.GRADIENT, shape, true, Set.of());
    }

    private static Slot vector(String name) {
        return new Slot(name, Use.SAVED, "C", true, Set.of());
    }

    private static Slot heads(String name, Use use, boolean optional, String... mayBe) {
        return new Slot(name, use, "RHC", optional, Set.of(mayBe));
    }

    private static Slot gates(String name, Use use, boolean optional, String... mayBe) {
        return new Slot(name, use, "RH", optional, Set.of(mayBe));
    }

    private static PolynomialCoefficients polynomial(Map<String, Tensor> t) {
        return new PolynomialCoefficients(t.get("coefficients"));
    }

    private static RationalCoefficients rational(Map<String, Tensor> t, RationalForm form) {
        return new RationalCoefficients(t.get("numerator"), t.get("denominator"), form);
    }

    private static BitMask mask(Map<String, Tensor> t, String ofColumns) {
        Tensor halves = t.get("mask");
        Tensor tensor = t.get(ofColumns);
        return halves == null || tensor == null
                ? null
                : BitMask.of(halves, tensor.rank() == 0 ? 1 : tensor.columns);
    }

    static List<Entry> all() {
        return List.of(
                new Entry(
                        "apply",
                        List.of(input("x"), output("y", "x")),
                        t -> Activations.apply(Activation.GELU, t.get("x"), t.get("y"))),
                new Entry(
                        "backward",
                        List.of(input("x"), input("dy"), output("dx", "dy", "x")),
                        t ->
                                Activations.backward(
                                        Activation.GELU, t.get("dy"), t.get("x"), t.get("dx"))),
                new Entry(
                        "backwardFromOutput",
                        List.of(input("y"), input("dy"), output("dx", "dy", "y")),
                        t ->
                                Activations.backwardFromOutput(
                                        Activation.TANH, t.get("dy"), t.get("y"), t.get("dx"))),
                new Entry(
                        "gated",
                        List.of(input("gate"), input("value"), output("y", "gate", "value")),
                        t ->
                                Activations.gated(
                                        Activation.SILU,
                                        t.get("gate"),
                                        t.get("value"),
                                        t.get("y"))),
                new Entry(
                        "gatedBackward",
                        List.of(
                                input("gate"),
                                input("value"),
                                input("dy"),
                                optionalOutput("dgate", "gate", "value", "dy"),
                                optionalOutput("dvalue", "gate", "value", "dy"),
                                optionalOutput("y", "gate", "value", "dy")),
                        t ->
                                Activations.gatedBackward(
                                        Activation.GELU,
                                        t.get("dy"),
                                        t.get("gate"),
                                        t.get("value"),
                                        t.get("dgate"),
                                        t.get("dvalue"),
                                        t.get("y"))),
                packed(GateLayout.GATE_FIRST),
                packed(GateLayout.INTERLEAVED_VALUE_FIRST),
                packedBackward(GateLayout.VALUE_FIRST),
                packedBackward(GateLayout.INTERLEAVED),
                new Entry(
                        "headGate",
                        List.of(
                                heads("value", Use.INPUT, false),
                                gates("gate", Use.INPUT, false),
                                heads("y", Use.OUTPUT, false, "value")),
                        t -> Activations.headGate(t.get("gate"), t.get("value"), t.get("y"))),
                new Entry(
                        "headGateBackward",
                        List.of(
                                heads("value", Use.INPUT, false),
                                heads("dy", Use.INPUT, false),
                                gates("gate", Use.INPUT, false),
                                gates("dgate", Use.OUTPUT, true, "gate"),
                                heads("dvalue", Use.OUTPUT, true, "dy", "value")),
                        t ->
                                Activations.headGateBackward(
                                        t.get("dy"),
                                        t.get("gate"),
                                        t.get("value"),
                                        t.get("dgate"),
                                        t.get("dvalue"))),
                new Entry(
                        "applyWithMask",
                        List.of(
                                input("x"),
                                output("y", "x"),
                                new Slot("mask", Use.STATISTIC, "RM", false, Set.of())),
                        t ->
                                Activations.applyWithMask(
                                        Activation.RELU6,
                                        t.get("x"),
                                        0,
                                        0.5f,
                                        t.get("y"),
                                        mask(t, "x"))),
                new Entry(
                        "maskBackward",
                        List.of(
                                input("dy"),
                                new Slot("mask", Use.SAVED, "RM", false, Set.of()),
                                output("dx", "dy")),
                        t ->
                                Activations.maskBackward(
                                        t.get("dy"), mask(t, "dy"), 0.25f, 1, t.get("dx"))),
                new Entry(
                        "alphaDropout",
                        List.of(input("x"), output("y", "x")),
                        t ->
                                Activations.alphaDropout(
                                        t.get("x"), new AlphaDropout(0.3f, 7), t.get("y"))),
                new Entry(
                        "alphaDropoutBackward",
                        List.of(input("dy"), input("x"), output("dx", "dy", "x")),
                        t ->
                                Activations.alphaDropoutBackward(
                                        t.get("dy"),
                                        t.get("x"),
                                        new AlphaDropout(0.3f, 7).withSelu(true),
                                        t.get("dx"))),
                new Entry(
                        "polyRelu",
                        List.of(input("x"), coefficients("coefficients", "4"), output("y", "x")),
                        t -> PolynomialActivation.polyRelu(t.get("x"), polynomial(t), t.get("y"))),
                new Entry(
                        "polyEvalBackward",
                        polynomialBackward("x", "dx", List.of()),
                        t ->
                                PolynomialActivation.polyEvalBackward(
                                        t.get("dy"),
                                        t.get("x"),
                                        polynomial(t),
                                        t.get("dx"),
                                        t.get("dcoefficients"),
                                        false)),
                new Entry(
                        "polyNorm",
                        List.of(
                                input("x"),
                                coefficients("coefficients", "4"),
                                output("y", "x"),
                                new Slot("rho", Use.STATISTIC, "R3", true, Set.of())),
                        t ->
                                PolynomialActivation.polyNorm(
                                        t.get("x"), polynomial(t), EPS, t.get("y"), t.get("rho"))),
                new Entry(
                        "polyNormBackward",
                        polynomialBackward(
                                "x",
                                "dx",
                                List.of(new Slot("rho", Use.SAVED, "R3", true, Set.of()))),
                        t ->
                                PolynomialActivation.polyNormBackward(
                                        t.get("dy"),
                                        t.get("x"),
                                        polynomial(t),
                                        EPS,
                                        t.get("rho"),
                                        t.get("dx"),
                                        t.get("dcoefficients"),
                                        false)),
                new Entry(
                        "polyNormMul",
                        List.of(
                                input("gate"),
                                input("up"),
                                coefficients("coefficients", "4"),
                                output("y", "gate", "up"),
                                new Slot("rho", Use.STATISTIC, "R3", true, Set.of())),
                        t ->
                                PolynomialActivation.polyNormMul(
                                        t.get("gate"),
                                        t.get("up"),
                                        polynomial(t),
                                        EPS,
                                        t.get("y"),
                                        t.get("rho"))),
                new Entry(
                        "polyNormMulBackward",
                        List.of(
                                input("gate"),
                                input("up"),
                                input("dy"),
                                coefficients("coefficients", "4"),
                                new Slot("rho", Use.SAVED, "R3", true, Set.of()),
                                optionalOutput("dgate", "gate", "up", "dy"),
                                optionalOutput("dup", "gate", "up", "dy"),
                                gradient("dcoefficients", "4")),
                        t ->
                                PolynomialActivation.polyNormMulBackward(
                                        t.get("dy"),
                                        t.get("gate"),
                                        t.get("up"),
                                        polynomial(t),
                                        EPS,
                                        t.get("rho"),
                                        t.get("dgate"),
                                        t.get("dup"),
                                        t.get("dcoefficients"),
                                        false)),
                new Entry(
                        "rational",
                        List.of(
                                input("x"),
                                coefficients("numerator", "16"),
                                coefficients("denominator", "14"),
                                output("y", "x")),
                        t ->
                                RationalActivation.apply(
                                        t.get("x"),
                                        rational(t, RationalForm.TERM_WISE),
                                        t.get("y"))),
                new Entry(
                        "rationalBackward",
                        List.of(
                                input("x"),
                                input("dy"),
                                coefficients("numerator", "16"),
                                coefficients("denominator", "14"),
                                optionalOutput("dx", "dy", "x"),
                                gradient("dnumerator", "16"),
                                gradient("ddenominator", "14")),
                        t ->
                                RationalActivation.backward(
                                        t.get("dy"),
                                        t.get("x"),
                                        rational(t, RationalForm.SUM),
                                        t.get("dx"),
                                        t.get("dnumerator"),
                                        t.get("ddenominator"),
                                        false)),
                new Entry(
                        "threshold",
                        List.of(
                                input("x"),
                                vector("scale"),
                                vector("thresholds"),
                                output("y", "x")),
                        t ->
                                ActivationSparsity.threshold(
                                        t.get("x"),
                                        new Threshold(
                                                t.get("scale"), t.get("thresholds"), 0.5f, true),
                                        t.get("y"))),
                new Entry(
                        "topKBackward",
                        List.of(input("x"), input("dy"), vector("scale"), output("dx", "dy", "x")),
                        t ->
                                ActivationSparsity.topKBackward(
                                        t.get("dy"), t.get("x"), t.get("scale"), 2, t.get("dx"))));
    }

    private static Entry packed(GateLayout layout) {
        return new Entry(
                "gated " + layout,
                List.of(new Slot("packed", Use.INPUT, "RD", false, Set.of()), output("y")),
                t -> Activations.gated(Activation.GELU_TANH, layout, t.get("packed"), t.get("y")));
    }

    private static Entry packedBackward(GateLayout layout) {
        return new Entry(
                "gatedBackward " + layout,
                List.of(
                        new Slot("packed", Use.INPUT, "RD", false, Set.of()),
                        input("dy"),
                        new Slot("dpacked", Use.OUTPUT, "RD", false, Set.of("packed")),
                        optionalOutput("y", "dy")),
                t ->
                        Activations.gatedBackward(
                                Activation.SILU,
                                layout,
                                t.get("dy"),
                                t.get("packed"),
                                t.get("dpacked"),
                                t.get("y")));
    }

    private static List<Slot> polynomialBackward(String x, String dx, List<Slot> more) {
        return Stream.concat(
                        Stream.of(
                                input(x),
                                input("dy"),
                                coefficients("coefficients", "4"),
                                optionalOutput(dx, "dy", x),
                                gradient("dcoefficients", "4")),
                        more.stream())
                .toList();
    }
}
