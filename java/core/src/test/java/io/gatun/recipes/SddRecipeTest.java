// SPDX-License-Identifier: Apache-2.0
package io.gatun.recipes;

import static io.gatun.recipes.Formulas.assertRow;
import static io.gatun.recipes.Formulas.linear;
import static io.gatun.recipes.Formulas.noise;
import static io.gatun.recipes.Formulas.rmsNorm;
import static io.gatun.recipes.Formulas.row;
import static io.gatun.recipes.Formulas.tensor;
import static io.gatun.recipes.Formulas.zeros;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.Device;
import io.gatun.Normalization;
import io.gatun.Tensor;
import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Scale-distribution decoupling: every fully connected layer is {@code y = alpha * rmsNorm(W x)},
 * with an alpha for each output feature. The scale of W does not matter, so the gradient of W has
 * no component along W.
 */
class SddRecipeTest {
    private static final int ROWS = 6;
    private static final int IN = 10;
    private static final int OUT = 12;

    private final double[] x = noise(ROWS * IN, 1);
    private final double[] weight = noise(OUT * IN, 2);
    private final double[] alpha = noise(OUT, 3);
    private final double[] dy = noise(ROWS * OUT, 4);

    private Tensor product(Device device, double factor) {
        double[] z = new double[ROWS * OUT];
        for (int r = 0; r < ROWS; r++) {
            double[] one = linear(weight, null, row(x, r, IN));
            for (int i = 0; i < OUT; i++) {
                z[r * OUT + i] = factor * one[i];
            }
        }
        return tensor(device, z, ROWS, OUT);
    }

    @ParameterizedTest
    @ValueSource(strings = {"cpu", "reference"})
    void forwardAndBackward(String name) {
        try (Device device = name.equals("cpu") ? Device.cpu() : Device.reference()) {
            Tensor gamma = tensor(device, alpha, OUT);
            for (double factor : new double[] {1, 100}) {
                Tensor y = product(device, factor);
                // In place: z = W x is needed again only for the gradients.
                Normalization.rmsNorm(y, gamma, 0, y);
                for (int r = 0; r < ROWS; r++) {
                    double[] z = linear(weight, null, row(x, r, IN));
                    assertRow(rmsNorm(z, alpha, 0), y, r, 1e-5);
                }
            }

            Tensor dz = zeros(device, ROWS, OUT);
            Tensor dalpha = device.tensor(new float[OUT], OUT);
            Normalization.rmsNormBackward(
                    tensor(device, dy, ROWS, OUT), product(device, 1), gamma, 0, dz, dalpha);
            // dW = dz^T x, and its product with W is 0.
            double along = 0;
            double magnitude = 0;
            for (int i = 0; i < OUT; i++) {
                double expected = 0;
                for (int r = 0; r < ROWS; r++) {
                    double[] z = linear(weight, null, row(x, r, IN));
                    double[] ones = new double[OUT];
                    Arrays.fill(ones, 1);
                    expected += dy[r * OUT + i] * rmsNorm(z, ones, 0)[i];
                }
                assertEquals(expected, dalpha.get(i), 1e-5);
                for (int j = 0; j < IN; j++) {
                    double dw = 0;
                    for (int r = 0; r < ROWS; r++) {
                        dw += dz.get(r, i) * x[r * IN + j];
                    }
                    along += weight[i * IN + j] * dw;
                    magnitude += Math.abs(weight[i * IN + j] * dw);
                }
            }
            assertTrue(Math.abs(along) < 1e-6 * magnitude, along + " of " + magnitude);
        }
    }
}
