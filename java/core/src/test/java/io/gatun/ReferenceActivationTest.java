// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The reference device's activations against published values and values worked out by hand. */
class ReferenceActivationTest {
    private static final float NAN = Float.NaN;
    private static final float INFINITY = Float.POSITIVE_INFINITY;

    private final Device device = Device.reference();

    private Tensor row(float... values) {
        return device.tensor(values, 1, values.length);
    }

    private float[] apply(Activation activation, float... x) {
        float[] y = new float[x.length];
        Activations.apply(activation, row(x), row(y));
        return y;
    }

    private float[] slopes(Activation activation, float... x) {
        float[] ones = new float[x.length];
        Arrays.fill(ones, 1);
        float[] dx = new float[x.length];
        Activations.backward(activation, row(ones), row(x), row(dx));
        return dx;
    }

    @ParameterizedTest
    @CsvSource({
        "GELU, 1, 0.84134474606854293, 1.0833154705876864",
        "GELU, -1, -0.15865525393145707, -0.083315470587686",
        "GELU, -5, -1.4332578593959696e-6, -7.146946e-6",
        "GELU_TANH, 1, 0.84119199060827676, 1.0829640838457826",
        "QUICK_GELU, 1, 0.84579576, 1.0678",
        "SILU, 1, 0.73105857863000488, 0.92767051187",
        "SILU, -2, -0.23840584404423515, -0.0907842487848955",
        "SIGMOID, 2, 0.88079707797788243, 0.10499358540350662",
        "TANH, 0.5, 0.46211715726000976, 0.78644773296592741",
        "SELU, -1, -1.1113307378125628, 0.64676860303481",
        "SELU, 2, 2.1014019747109610, 1.0507009873554805",
        "HARD_SWISH, 1, 0.66666666666666663, 0.83333333333333337",
        "HARD_SIGMOID, 1, 0.66666666666666663, 0.16666666666666666",
        "SQUARED_RELU, 3, 9, 6",
        "RELU6, 7, 6, 0"
    })
    void knownValues(ActivationKind kind, float x, double y, double slope) {
        Activation activation = new Activation(kind, 0, 0, false);
        assertEquals(y, apply(activation, x)[0], 2e-7 * Math.abs(y));
        assertEquals(slope, slopes(activation, x)[0], 2e-5 * Math.abs(slope));
    }

    @Test
    void parameters() {
        assertArrayEquals(
                new float[] {-1, 0.5f, 2}, apply(Activation.clip(-1, 2), -3, 0.5f, INFINITY));
        assertArrayEquals(new float[] {0, 1, 0}, slopes(Activation.clip(-1, 2), -1, 0, 2));
        assertEquals(apply(Activation.SILU, 1.5f)[0], apply(Activation.swish(1), 1.5f)[0]);
        assertEquals((float) Math.sin(15), apply(Activation.sine(30), 0.5f)[0]);
        // Zero from the threshold on.
        assertArrayEquals(
                new float[] {0, 0.5f, 2, 0, 0},
                apply(Activation.ftClipAct(2), -1, 0.5f, 2, 2.5f, INFINITY));
        // Half of x at the threshold; a bit error that makes x infinite gives 0.
        assertArrayEquals(new float[] {1, 0, 0}, apply(Activation.proAct(2), 2, INFINITY, 1e38f));
        float[] bend = apply(Activation.crRelu(0.5f), 1, -1);
        assertEquals(1 + 0.5 * Math.exp(-0.5), bend[0], 1e-7);
        assertEquals(-0.5 * Math.exp(-0.5), bend[1], 1e-7);
    }

    @Test
    void nanAndInfinities() {
        for (ActivationKind kind : ActivationKind.values()) {
            boolean drops = kind.mayDropNan();
            float second = kind == ActivationKind.PRO_ACT ? 20 : kind.parameters() > 1 ? 1 : 0;
            Activation activation =
                    new Activation(kind, kind.parameters() > 0 ? 0.5f : 0, second, false);
            assertTrue(Float.isNaN(apply(activation, NAN)[0]), kind.name());
            if (drops) {
                Activation dropping = activation.withNanToZero(true);
                assertEquals(0, apply(dropping, NAN)[0]);
                assertEquals(0, slopes(dropping, NAN)[0]);
            }
        }
        for (Activation activation :
                List.of(
                        Activation.GELU,
                        Activation.GELU_TANH,
                        Activation.QUICK_GELU,
                        Activation.SILU)) {
            assertArrayEquals(new float[] {INFINITY, -0f}, apply(activation, INFINITY, -INFINITY));
            assertArrayEquals(new float[] {1, 0}, slopes(activation, INFINITY, -INFINITY));
        }
        // No condition holds for NaN, and behind one that does not hold a gradient is 0.
        assertEquals(0, slopes(Activation.RELU, NAN)[0]);
        float[] dx = new float[2];
        Activations.backward(Activation.RELU, row(NAN, NAN), row(-1, 1), row(dx));
        assertEquals(0, dx[0]);
        assertTrue(Float.isNaN(dx[1]));
    }

    @Test
    void gradientsFromResults() {
        float[] x = {-2, -0.5f, 0.25f, 1.5f};
        float[] dy = {1, 2, -3, 0.5f};
        for (Activation activation :
                List.of(
                        Activation.RELU,
                        Activation.RELU6,
                        Activation.clip(-1, 1),
                        Activation.SIGMOID,
                        Activation.TANH,
                        Activation.SELU)) {
            float[] expected = new float[4];
            float[] actual = new float[4];
            Activations.backward(activation, row(dy), row(x), row(expected));
            Activations.backwardFromOutput(
                    activation, row(dy), row(apply(activation, x)), row(actual));
            assertArrayEquals(expected, actual, 1e-6f, activation.toString());
        }
    }

    @Test
    void gates() {
        float[] y = new float[2];
        Activations.gated(Activation.RELU, row(2, -2), row(5, 5), row(y));
        assertArrayEquals(new float[] {10, 0}, y);
        Activations.gated(
                Activation.RELU, GateLayout.INTERLEAVED_VALUE_FIRST, row(5, 2, 7, 3), row(y));
        assertArrayEquals(new float[] {10, 21}, y);
        Activations.gated(Activation.RELU, GateLayout.VALUE_FIRST, row(5, 7, 2, 3), row(y));
        assertArrayEquals(new float[] {10, 21}, y);
        float[] gradients = new float[4];
        Activations.gatedBackward(
                Activation.RELU,
                GateLayout.GATE_FIRST,
                row(1, 10),
                row(2, -3, 5, 7),
                row(gradients),
                row(y));
        assertArrayEquals(new float[] {5, 0, 2, 0}, gradients);
        assertArrayEquals(new float[] {10, 0}, y);
    }

    @Test
    void headGates() {
        // Gates of 0 halve; the gradient of a gate is a quarter of the sum of products.
        Tensor gate = device.tensor(new float[] {0, 0}, 1, 2);
        Tensor value = device.tensor(new float[] {1, 2, 3, 4}, 1, 2, 2);
        float[] y = new float[4];
        Activations.headGate(gate, value, device.tensor(y, 1, 2, 2));
        assertArrayEquals(new float[] {0.5f, 1, 1.5f, 2}, y);
        float[] dgate = new float[2];
        Tensor dy = device.tensor(new float[] {1, 1, 2, 0}, 1, 2, 2);
        Activations.headGateBackward(
                dy, gate, value, device.tensor(dgate, 1, 2), device.tensor(y, 1, 2, 2));
        assertArrayEquals(new float[] {0.75f, 1.5f}, dgate);
        assertArrayEquals(new float[] {0.5f, 0.5f, 1, 0}, y);
    }

    @Test
    void masks() {
        long[] words = {-1, -1};
        BitMask mask = BitMask.of(device, words, 2, 3);
        Tensor x = device.tensor(new float[] {-1, 3, 6, 7, 0.5f, NAN}, 2, 3);
        float[] y = new float[6];
        Activations.applyWithMask(Activation.RELU6, x, 0, 6, device.tensor(y, 2, 3), mask);
        assertArrayEquals(new float[] {0, 3, 6, 6, 0.5f, NAN}, y);
        assertArrayEquals(new long[] {0b010, 0b010}, words);
        assertTrue(mask.get(0, 1));
        assertFalse(mask.get(1, 2));
        float[] dx = new float[6];
        Activations.maskBackward(
                device.tensor(new float[] {1, 2, 3, 4, 5, NAN}, 2, 3),
                mask,
                0,
                2,
                device.tensor(dx, 2, 3));
        assertArrayEquals(new float[] {0, 4, 0, 0, 10, 0}, dx);
        Activations.applyWithMask(Activation.RELU, x, 0, INFINITY, device.tensor(y, 2, 3), mask);
        assertArrayEquals(new long[] {0b110, 0b011}, words);
    }

    @Test
    void alphaDropout() {
        float[] x = {1, -2, 3, 4};
        float[] y = new float[4];
        Activations.alphaDropout(row(x), new AlphaDropout(0, 5), row(y));
        assertArrayEquals(x, y);
        Activations.alphaDropout(row(x), new AlphaDropout(1, 5), row(y));
        assertArrayEquals(new float[4], y);
        // The words of counter 0 under key 0: 6627e8d5 e169c58d bc57ac4c 9b00dbd8; half of the
        // numbers are below 80000000.
        Activations.alphaDropout(row(x), new AlphaDropout(0.5f, 0), row(y));
        double a = -1.7580993408473768;
        double factor = 1 / Math.sqrt(0.5 + a * a * 0.25);
        double offset = -factor * 0.5 * a;
        assertArrayEquals(
                new float[] {
                    (float) (factor + offset),
                    (float) (factor * a + offset),
                    (float) (factor * a + offset),
                    (float) (factor * a + offset)
                },
                y,
                1e-6f);
        float[] dx = new float[4];
        Activations.alphaDropoutBackward(row(1, 1, 1, 1), null, new AlphaDropout(0.5f, 0), row(dx));
        assertArrayEquals(new float[] {(float) factor, 0, 0, 0}, dx, 1e-7f);
    }
}
