// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** Numbers, choices and coefficients that are out of range, and the records that hold them. */
class ActivationOptionsTest {
    private static final float NAN = Float.NaN;
    private static final float INFINITY = Float.POSITIVE_INFINITY;

    private final Device device = Device.reference();
    private final Tensor x = device.tensor(new float[6], 2, 3);
    private final Tensor y = device.tensor(new float[6], 2, 3);

    private static void assertRejected(String message, Executable call) {
        String actual = assertThrows(IllegalArgumentException.class, call).getMessage();
        assertTrue(actual.startsWith(message), () -> message + ", but it is " + actual);
    }

    private static void assertNull(String message, Executable call) {
        String actual = assertThrows(NullPointerException.class, call).getMessage();
        assertTrue(actual.startsWith(message), () -> message + ", but it is " + actual);
    }

    @Test
    void parametersOfActivations() {
        assertRejected("lower: expected a number", () -> Activation.clip(NAN, 1));
        assertRejected("upper: expected a number", () -> Activation.clip(1, NAN));
        assertRejected("lower: expected at most upper (1.0)", () -> Activation.clip(2, 1));
        assertRejected("beta: expected a finite number", () -> Activation.swish(INFINITY));
        assertRejected("epsilon: expected a finite number", () -> Activation.crRelu(NAN));
        assertRejected("omega: expected a finite number", () -> Activation.sine(-INFINITY));
        assertRejected("threshold: expected at least 0", () -> Activation.ftClipAct(-1));
        assertRejected("threshold: expected at least 0", () -> Activation.ftClipAct(NAN));
        assertRejected("threshold: expected a finite", () -> Activation.proAct(INFINITY));
        assertRejected(
                "steepness: expected a finite number greater than 0",
                () -> new Activation(ActivationKind.PRO_ACT, 1, 0, true));
        assertRejected(
                "first: expected 0, since GELU has no such parameter",
                () -> new Activation(ActivationKind.GELU, 1, 0, false));
        assertRejected(
                "second: expected 0", () -> new Activation(ActivationKind.SWISH, 1, 2, false));
        assertRejected("nanToZero: expected false", () -> Activation.GELU.withNanToZero(true));
        assertNull("kind: expected", () -> new Activation(null, 0, 0, false));
        assertEquals(INFINITY, Activation.ftClipAct(INFINITY).first());
    }

    @Test
    void activationsThatAnOperationDoesNotTake() {
        assertNull("activation: expected", () -> Activations.apply(null, x, y));
        assertNull("activation: expected", () -> Activations.gated(null, x, x, y));
        assertRejected(
                "activation: expected RELU, GELU,",
                () -> Activations.gated(Activation.TANH, x, x, y));
        assertRejected(
                "activation: expected RELU, RELU6,",
                () -> Activations.backwardFromOutput(Activation.GELU, x, x, y));
        BitMask mask = BitMask.of(device, new long[2], 2, 3);
        assertRejected(
                "activation: expected one without nanToZero",
                () -> Activations.applyWithMask(Activation.ftClipAct(1), x, 0, 1, y, mask));
    }

    @Test
    void masks() {
        BitMask mask = BitMask.of(device, new long[2], 2, 3);
        assertRejected(
                "lower: expected a number",
                () -> Activations.applyWithMask(Activation.RELU, x, NAN, 1, y, mask));
        assertRejected(
                "upper: expected a number",
                () -> Activations.applyWithMask(Activation.RELU, x, 0, NAN, y, mask));
        assertRejected(
                "scale0: expected a finite number",
                () -> Activations.maskBackward(x, mask, INFINITY, 1, y));
        assertRejected(
                "scale1: expected a finite number",
                () -> Activations.maskBackward(x, mask, 0, NAN, y));
        BitMask other = BitMask.of(device, new long[2], 2, 2);
        assertRejected(
                "mask: expected 2 rows and 3 columns, those of x, but it has 2 and 2",
                () -> Activations.applyWithMask(Activation.RELU, x, 0, 1, y, other));
        assertRejected("rows: expected at least 0", () -> BitMask.allocate(device, -1, 3));
        assertRejected("columns: expected at least 1", () -> BitMask.allocate(device, 1, 0));
        assertRejected("words: expected at least", () -> BitMask.of(device, new long[1], 2, 3));
        assertRejected("row, column: expected a bit of [2, 3]", () -> mask.get(0, 3));
        assertRejected("mask: expected memory", () -> mask.asReadOnly().set(true, 0, 0));
        try (BitMask own = BitMask.allocate(device, 2, 65)) {
            own.segment().fill((byte) 0);
            own.set(true, 1, 64);
            assertTrue(own.get(1, 64));
            assertEquals(4 * Long.BYTES, own.segment().byteSize());
            assertEquals(1, own.segment().toArray(ValueLayout.JAVA_LONG)[3]);
            own.set(false, 1, 64);
            assertEquals(
                    -1, own.segment().mismatch(BitMask.of(device, new long[4], 2, 65).segment()));
            assertEquals("BitMask[2, 65] on reference", own.toString());
        }
    }

    @Test
    void dropout() {
        assertRejected("probability: expected a number from 0 to 1", () -> new AlphaDropout(2, 0));
        assertRejected("probability: expected", () -> new AlphaDropout(NAN, 0));
        assertNull("options: expected AlphaDropout", () -> Activations.alphaDropout(x, null, y));
        assertEquals(
                new AlphaDropout(0.5f, 1, 2, true, true),
                new AlphaDropout(0.5f, 1).withOffset(2).withPerRow(true).withSelu(true));
    }

    @Test
    void gates() {
        assertNull(
                "layout: expected a GateLayout",
                () -> Activations.gated(Activation.SILU, (GateLayout) null, x, y));
        assertRejected(
                "packed: expected an even number of columns",
                () -> Activations.gated(Activation.SILU, GateLayout.GATE_FIRST, x, y));
    }

    private PolynomialCoefficients polynomial(int count) {
        return new PolynomialCoefficients(device.tensor(new float[count], count));
    }

    @Test
    void coefficients() {
        assertNull(
                "coefficients: expected PolynomialCoefficients",
                () -> PolynomialActivation.polyRelu(x, null, y));
        for (int count : new int[] {1, 10}) {
            assertRejected(
                    "coefficients: expected 2 to 9 contiguous elements",
                    () -> PolynomialActivation.polyEval(x, polynomial(count), y));
        }
        assertRejected(
                "coefficients: expected 2 to 5 contiguous elements",
                () -> PolynomialActivation.polyNorm(x, polynomial(6), 0, y, null));
        for (float eps : new float[] {-1, NAN, INFINITY}) {
            assertRejected(
                    "eps: expected a finite number",
                    () -> PolynomialActivation.polyNorm(x, polynomial(4), eps, y, null));
        }
        assertRejected(
                "ascending: expected 2 to 9 numbers", () -> PolynomialCoefficients.of(device, 1));
        assertRejected(
                "ascending: expected numbers", () -> PolynomialCoefficients.of(device, 1, NAN));
        assertRejected(
                "weight: expected 1 to 8 numbers",
                () -> PolynomialCoefficients.fromPolyCom(device, new float[9], 0));
        assertRejected(
                "dimension: expected at least 1", () -> PolynomialCoefficients.wideDeep(device, 0));
        assertRejected("order: expected 1 to 8", () -> PolynomialCoefficients.hermite(device, 9));
    }

    private RationalCoefficients rational(int aGroups, int a, int bGroups, int b) {
        return new RationalCoefficients(
                device.tensor(new float[aGroups * a], aGroups, a),
                device.tensor(new float[bGroups * b], bGroups, b),
                RationalForm.TERM_WISE);
    }

    @Test
    void rationalCoefficients() {
        assertNull("coefficients: expected", () -> RationalActivation.apply(x, null, y));
        assertRejected(
                "numerator: expected contiguous shape [groups, 2 to 9]",
                () -> RationalActivation.apply(x, rational(1, 1, 1, 4), y));
        assertRejected(
                "numerator: expected contiguous shape [groups, 2 to 9]",
                () -> RationalActivation.apply(x, rational(1, 10, 1, 4), y));
        assertRejected(
                "denominator: expected contiguous shape [groups, 1 to 8]",
                () -> RationalActivation.apply(x, rational(1, 6, 1, 9), y));
        assertRejected(
                "x: expected columns that are a multiple of the 2 groups",
                () -> RationalActivation.apply(x, rational(1, 6, 2, 4), y));
        assertRejected(
                "denominator: expected 1 group or 3",
                () -> RationalActivation.apply(x, rational(3, 6, 2, 4), y));
        assertRejected(
                "groups: expected at least 1", () -> RationalInit.SWISH.coefficients(device, 0));
        assertRejected(
                "denominatorGroups: expected 1 or the 2",
                () -> RationalCoefficients.fromKat(device, new float[12], 2, new float[12], 3));
        assertRejected(
                "weightNumerator: expected 2 to 9 numbers",
                () -> RationalCoefficients.fromKat(device, new float[5], 2, new float[4], 1));
    }

    @Test
    void sparsity() {
        assertRejected("threshold: expected a number", () -> Threshold.teal(NAN));
        assertNull(
                "threshold: expected a Threshold", () -> ActivationSparsity.threshold(x, null, y));
        assertRejected("kept: expected at least 0", () -> ActivationSparsity.topK(x, null, -1, y));
    }
}
