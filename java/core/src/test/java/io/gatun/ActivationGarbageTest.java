// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Calls of the activations make no garbage off-heap, and add to gradients wherever those lie. */
class ActivationGarbageTest {
    private static final int CALLS = 2000;

    @Test
    void callsOffHeapMakeNoGarbage() {
        try (Device device = Device.cpu();
                Tensor x = device.allocate(DType.F32, 4, 64);
                Tensor y = device.allocate(DType.F32, 4, 64);
                Tensor dy = device.allocate(DType.F32, 4, 64);
                Tensor sums = device.allocate(DType.F32, 4);
                PolynomialCoefficients a = PolynomialCoefficients.polyCom(device);
                RationalCoefficients rational = RationalInit.SWISH.coefficients(device, 8);
                BitMask mask = BitMask.allocate(device, 4, 64)) {
            x.copyFrom(new float[256]);
            dy.copyFrom(new float[256]);
            AlphaDropout dropout = new AlphaDropout(0.5f, 1);
            Threshold threshold = Threshold.teal(1);
            Map<String, Runnable> calls = new LinkedHashMap<>();
            calls.put("apply", () -> Activations.apply(Activation.GELU, x, y));
            calls.put("backward", () -> Activations.backward(Activation.GELU, dy, x, y));
            calls.put("gated", () -> Activations.gated(Activation.SILU, x, dy, y));
            calls.put("mask", () -> Activations.applyWithMask(Activation.RELU6, x, 0, 6, y, mask));
            calls.put("dropout", () -> Activations.alphaDropout(x, dropout, y));
            calls.put("polyRelu", () -> PolynomialActivation.polyRelu(x, a, y));
            calls.put(
                    "polyReluBackward",
                    () -> PolynomialActivation.polyReluBackward(dy, x, a, y, sums, false));
            calls.put("polyNorm", () -> PolynomialActivation.polyNorm(x, a, 1e-6f, y, null));
            calls.put("rational", () -> RationalActivation.apply(x, rational, y));
            calls.put("threshold", () -> ActivationSparsity.threshold(x, threshold, y));
            calls.forEach(
                    (name, call) -> assertEquals(0, GarbageTest.bytesPerCall(CALLS, call), name));
        }
    }

    /** On the heap and off it, in one piece, in several, and where rows are copied. */
    @Test
    void gradientsAreAddedToWhatIsThere() {
        try (Device device = Device.cpu()) {
            for (int[] size : new int[][] {{3, 8}, {9, 4000}, {5, 70_000}}) {
                float[] values = new float[size[0] * size[1]];
                for (int i = 0; i < values.length; i++) {
                    values[i] = (i % 13 - 6) * 0.25f;
                }
                float[] heap = {1, 2, 3, 4};
                Tensor x = device.tensor(values, size[0], size[1]);
                Tensor a = device.tensor(new float[] {1, 2, 3, 4}, 4);
                PolynomialCoefficients onHeap = new PolynomialCoefficients(a);
                try (Tensor offHeap = device.allocate(DType.F32, 4);
                        Tensor copy = device.allocate(DType.F32, size[0], size[1]);
                        PolynomialCoefficients b = PolynomialCoefficients.of(device, 1, 2, 3, 4)) {
                    copy.copyFrom(values);
                    offHeap.copyFrom(heap);
                    Tensor sums = device.tensor(heap, 4);
                    PolynomialActivation.polyNormBackward(
                            x, x, onHeap, 0.5f, null, null, sums, true);
                    PolynomialActivation.polyNormBackward(
                            copy, copy, b, 0.5f, null, null, offHeap, true);
                    assertArrayEquals(offHeap.toFloatArray(), heap);
                    PolynomialActivation.polyReluBackward(x, x, onHeap, null, sums, true);
                    PolynomialActivation.polyReluBackward(copy, copy, b, null, offHeap, true);
                    assertArrayEquals(offHeap.toFloatArray(), heap);
                }
            }
        }
    }
}
