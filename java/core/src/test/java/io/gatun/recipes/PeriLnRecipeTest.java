// SPDX-License-Identifier: Apache-2.0
package io.gatun.recipes;

import static io.gatun.recipes.Formulas.assertRow;
import static io.gatun.recipes.Formulas.layerNorm;
import static io.gatun.recipes.Formulas.noise;
import static io.gatun.recipes.Formulas.plus;
import static io.gatun.recipes.Formulas.rmsNorm;
import static io.gatun.recipes.Formulas.row;
import static io.gatun.recipes.Formulas.tensor;
import static io.gatun.recipes.Formulas.times;
import static io.gatun.recipes.Formulas.zeros;

import io.gatun.Device;
import io.gatun.NormParameters;
import io.gatun.Normalization;
import io.gatun.ResidualNormalization;
import io.gatun.ResidualOptions;
import io.gatun.Tensor;
import io.gatun.recipes.Formulas.Sublayer;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Where the normalizations of a Transformer block stand: Peri-LN (arXiv:2502.02732), Pre-LN,
 * Post-LN and DeepNorm, and Mix-LN (arXiv:2412.13795), in as few passes over memory as they need.
 */
class PeriLnRecipeTest {
    private static final int ROWS = 3;
    private static final int COLUMNS = 8;
    private static final int LAYERS = 4;
    private static final float EPS = (float) Formulas.EPS;
    private static final double TOLERANCE = 1e-5;

    private final double[] input = noise(ROWS * COLUMNS, 1);
    private final Sublayer[] sublayers = new Sublayer[LAYERS];
    private final double[][] gammaIn = new double[LAYERS + 1][];
    private final double[][] gammaOut = new double[LAYERS][];
    private final double[] beta = noise(COLUMNS, 2);

    PeriLnRecipeTest() {
        for (int layer = 0; layer <= LAYERS; layer++) {
            gammaIn[layer] = noise(COLUMNS, 100 + layer);
            if (layer < LAYERS) {
                gammaOut[layer] = noise(COLUMNS, 200 + layer);
                sublayers[layer] = Sublayer.random(COLUMNS, 16, 300 + 10 * layer);
            }
        }
    }

    private static Device open(String name) {
        return name.equals("cpu") ? Device.cpu() : Device.reference();
    }

    private Tensor gamma(Device device, double[] values) {
        return tensor(device, values, COLUMNS);
    }

    /** {@code x' = x + norm_out(F(norm_in(x)))} in every layer, and a final norm. */
    @ParameterizedTest
    @ValueSource(strings = {"cpu", "reference"})
    void periLn(String name) {
        try (Device device = open(name)) {
            ResidualOptions options = ResidualOptions.rms(EPS);
            Tensor stream = tensor(device, input, ROWS, COLUMNS);
            Tensor normalized = zeros(device, ROWS, COLUMNS);
            Normalization.rmsNorm(stream, gamma(device, gammaIn[0]), EPS, normalized);
            for (int layer = 0; layer < LAYERS; layer++) {
                Tensor result = device.tensor(sublayers[layer].apply(normalized), ROWS, COLUMNS);
                // The output norm of this sublayer, the addition and the input norm of the next in
                // one pass; after the last sublayer it is the final norm of the model.
                ResidualNormalization.normAddNorm(
                        result,
                        NormParameters.gamma(gamma(device, gammaOut[layer])),
                        stream,
                        NormParameters.gamma(gamma(device, gammaIn[layer + 1])),
                        options,
                        stream,
                        normalized);
            }
            for (int r = 0; r < ROWS; r++) {
                double[] x = row(input, r, COLUMNS);
                for (int layer = 0; layer < LAYERS; layer++) {
                    double[] f = sublayers[layer].apply(rmsNorm(x, gammaIn[layer]));
                    x = plus(x, rmsNorm(f, gammaOut[layer]));
                }
                assertRow(x, stream, r, TOLERANCE);
                assertRow(rmsNorm(x, gammaIn[LAYERS]), normalized, r, TOLERANCE);
            }
        }
    }

    /** The output norm alone, as in OLMo-2: {@code x' = x + norm_out(F(x))}. */
    @ParameterizedTest
    @ValueSource(strings = {"cpu", "reference"})
    void outputNorm(String name) {
        try (Device device = open(name)) {
            Tensor stream = tensor(device, input, ROWS, COLUMNS);
            for (int layer = 0; layer < LAYERS; layer++) {
                ResidualNormalization.normResidualAdd(
                        device.tensor(sublayers[layer].apply(stream), ROWS, COLUMNS),
                        NormParameters.gamma(gamma(device, gammaOut[layer])),
                        stream,
                        ResidualOptions.rms(EPS),
                        stream);
            }
            for (int r = 0; r < ROWS; r++) {
                double[] x = row(input, r, COLUMNS);
                for (int layer = 0; layer < LAYERS; layer++) {
                    x = plus(x, rmsNorm(sublayers[layer].apply(x), gammaOut[layer]));
                }
                assertRow(x, stream, r, TOLERANCE);
            }
        }
    }

    /** {@code x' = x + F(norm(x))}; the norm of the next layer joins the addition of this one. */
    @ParameterizedTest
    @ValueSource(strings = {"cpu", "reference"})
    void preLn(String name) {
        try (Device device = open(name)) {
            Tensor stream = tensor(device, input, ROWS, COLUMNS);
            Tensor normalized = zeros(device, ROWS, COLUMNS);
            Tensor offset = tensor(device, beta, COLUMNS);
            Normalization.layerNorm(stream, gamma(device, gammaIn[0]), offset, EPS, normalized);
            for (int layer = 0; layer < LAYERS; layer++) {
                ResidualNormalization.residualAddNorm(
                        device.tensor(sublayers[layer].apply(normalized), ROWS, COLUMNS),
                        stream,
                        new NormParameters(gamma(device, gammaIn[layer + 1]), offset),
                        ResidualOptions.layer(EPS),
                        stream,
                        normalized);
            }
            for (int r = 0; r < ROWS; r++) {
                double[] x = row(input, r, COLUMNS);
                for (int layer = 0; layer < LAYERS; layer++) {
                    x = plus(x, sublayers[layer].apply(layerNorm(x, gammaIn[layer], beta)));
                }
                assertRow(x, stream, r, TOLERANCE);
                assertRow(layerNorm(x, gammaIn[LAYERS], beta), normalized, r, TOLERANCE);
            }
        }
    }

    /** {@code x' = norm(alpha * x + F(x))}: Post-LN with alpha 1, DeepNorm with another. */
    @ParameterizedTest
    @ValueSource(strings = {"cpu", "reference"})
    void postLnAndDeepNorm(String name) {
        try (Device device = open(name)) {
            for (float alpha : new float[] {1, 2.828427f}) {
                Tensor stream = tensor(device, input, ROWS, COLUMNS);
                for (int layer = 0; layer < LAYERS; layer++) {
                    // The sum itself is not needed, and not stored.
                    ResidualNormalization.residualAddNorm(
                            device.tensor(sublayers[layer].apply(stream), ROWS, COLUMNS),
                            stream,
                            new NormParameters(
                                    gamma(device, gammaOut[layer]), tensor(device, beta, COLUMNS)),
                            ResidualOptions.layer(EPS).withAlpha(alpha),
                            null,
                            stream);
                }
                for (int r = 0; r < ROWS; r++) {
                    double[] x = row(input, r, COLUMNS);
                    for (int layer = 0; layer < LAYERS; layer++) {
                        double[] sum = plus(times(alpha, x), sublayers[layer].apply(x));
                        x = layerNorm(sum, gammaOut[layer], beta);
                    }
                    assertRow(x, stream, r, 1e-4);
                }
            }
        }
    }

    /** Post-LN in the first layers, Pre-LN in the others. */
    @ParameterizedTest
    @ValueSource(strings = {"cpu", "reference"})
    void mixLn(String name) {
        int postLayers = 2;
        try (Device device = open(name)) {
            ResidualOptions options = ResidualOptions.rms(EPS);
            Tensor stream = tensor(device, input, ROWS, COLUMNS);
            Tensor normalized = zeros(device, ROWS, COLUMNS);
            for (int layer = 0; layer < LAYERS; layer++) {
                boolean post = layer < postLayers;
                if (!post) {
                    Normalization.rmsNorm(stream, gamma(device, gammaIn[layer]), EPS, normalized);
                }
                Tensor result =
                        device.tensor(
                                sublayers[layer].apply(post ? stream : normalized), ROWS, COLUMNS);
                if (post) {
                    ResidualNormalization.residualAddNorm(
                            result,
                            stream,
                            NormParameters.gamma(gamma(device, gammaIn[layer])),
                            options,
                            null,
                            stream);
                } else {
                    // With the norm of the next layer, as in preLn above, this is one pass less.
                    ResidualNormalization.residualAddNorm(
                            result,
                            stream,
                            NormParameters.gamma(gamma(device, gammaIn[layer + 1])),
                            options,
                            stream,
                            normalized);
                }
            }
            for (int r = 0; r < ROWS; r++) {
                double[] x = row(input, r, COLUMNS);
                for (int layer = 0; layer < LAYERS; layer++) {
                    x =
                            layer < postLayers
                                    ? rmsNorm(plus(x, sublayers[layer].apply(x)), gammaIn[layer])
                                    : plus(x, sublayers[layer].apply(rmsNorm(x, gammaIn[layer])));
                }
                assertRow(x, stream, r, TOLERANCE);
            }
        }
    }
}
