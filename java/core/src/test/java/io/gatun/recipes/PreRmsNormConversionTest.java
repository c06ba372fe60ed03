// SPDX-License-Identifier: Apache-2.0
package io.gatun.recipes;

import static io.gatun.recipes.Formulas.layerNorm;
import static io.gatun.recipes.Formulas.linear;
import static io.gatun.recipes.Formulas.noise;
import static io.gatun.recipes.Formulas.plus;
import static io.gatun.recipes.Formulas.row;
import static io.gatun.recipes.Formulas.tensor;
import static io.gatun.recipes.Formulas.wide;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gatun.Device;
import io.gatun.FeatureAxis;
import io.gatun.NormParameters;
import io.gatun.Normalization;
import io.gatun.Tensor;
import io.gatun.WeightConversion;
import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A Pre-LN Transformer made into a Pre-RMSNorm Transformer when it is loaded (arXiv:2305.14858):
 * the same results from RMSNorm without parameters.
 */
class PreRmsNormConversionTest {
    private static final int ENTRIES = 7;
    private static final int COLUMNS = 12;
    private static final int HIDDEN = 20;
    private static final int LAYERS = 3;

    private final double[] embedding = noise(ENTRIES * COLUMNS, 1);
    private final double[][] up = new double[LAYERS][];
    private final double[][] upBias = new double[LAYERS][];
    private final double[][] down = new double[LAYERS][];
    private final double[][] downBias = new double[LAYERS][];
    private final double[][] gamma = new double[LAYERS][];
    private final double[][] beta = new double[LAYERS][];

    PreRmsNormConversionTest() {
        for (int layer = 0; layer < LAYERS; layer++) {
            up[layer] = noise(HIDDEN * COLUMNS, 10 + layer);
            upBias[layer] = noise(HIDDEN, 20 + layer);
            down[layer] = noise(COLUMNS * HIDDEN, 30 + layer);
            downBias[layer] = noise(COLUMNS, 40 + layer);
            gamma[layer] = noise(COLUMNS, 50 + layer);
            beta[layer] = noise(COLUMNS, 60 + layer);
        }
    }

    private static double[] tanh(double[] values) {
        double[] result = new double[values.length];
        for (int i = 0; i < values.length; i++) {
            result[i] = Math.tanh(values[i]);
        }
        return result;
    }

    private double[] byFormula(int entry) {
        double[] x = row(embedding, entry, COLUMNS);
        for (int layer = 0; layer < LAYERS; layer++) {
            double[] normalized = layerNorm(x, gamma[layer], beta[layer]);
            double[] hidden = tanh(linear(up[layer], upBias[layer], normalized));
            x = plus(x, linear(down[layer], downBias[layer], hidden));
        }
        double[] ones = new double[COLUMNS];
        Arrays.fill(ones, 1);
        return layerNorm(x, ones, null);
    }

    @ParameterizedTest
    @ValueSource(strings = {"cpu", "reference"})
    void theConvertedModelGivesTheSame(String name) {
        try (Device device = name.equals("cpu") ? Device.cpu() : Device.reference()) {
            // What enters the residual stream: the embedding, and the second layer of each block.
            Tensor entries = tensor(device, embedding, ENTRIES, COLUMNS);
            WeightConversion.zeroMeanRows(entries, FeatureAxis.COLUMNS, entries);
            Tensor[] newUp = new Tensor[LAYERS];
            Tensor[] newUpBias = new Tensor[LAYERS];
            Tensor[] newDown = new Tensor[LAYERS];
            Tensor[] newDownBias = new Tensor[LAYERS];
            for (int layer = 0; layer < LAYERS; layer++) {
                newUp[layer] = tensor(device, up[layer], HIDDEN, COLUMNS);
                newUpBias[layer] = tensor(device, upBias[layer], HIDDEN);
                WeightConversion.foldAffine(
                        newUp[layer],
                        newUpBias[layer],
                        new NormParameters(
                                tensor(device, gamma[layer], COLUMNS),
                                tensor(device, beta[layer], COLUMNS)),
                        0,
                        newUp[layer],
                        newUpBias[layer]);
                newDown[layer] = tensor(device, down[layer], COLUMNS, HIDDEN);
                newDownBias[layer] = tensor(device, downBias[layer], 1, COLUMNS);
                WeightConversion.zeroMeanRows(newDown[layer], FeatureAxis.ROWS, newDown[layer]);
                WeightConversion.zeroMeanRows(
                        newDownBias[layer], FeatureAxis.COLUMNS, newDownBias[layer]);
            }

            for (int entry = 0; entry < ENTRIES; entry++) {
                double[] x = row(wide(entries.toFloatArray()), entry, COLUMNS);
                for (int layer = 0; layer < LAYERS; layer++) {
                    double[] normalized = srmsNorm(device, x);
                    double[] hidden =
                            tanh(
                                    linear(
                                            wide(newUp[layer].toFloatArray()),
                                            wide(newUpBias[layer].toFloatArray()),
                                            normalized));
                    x =
                            plus(
                                    x,
                                    linear(
                                            wide(newDown[layer].toFloatArray()),
                                            wide(newDownBias[layer].toFloatArray()),
                                            hidden));
                }
                double[] result = srmsNorm(device, x);
                double[] expected = byFormula(entry);
                for (int i = 0; i < COLUMNS; i++) {
                    assertEquals(expected[i], result[i], 1e-5 * (1 + Math.abs(expected[i])));
                }
            }
        }
    }

    private static double[] srmsNorm(Device device, double[] x) {
        Tensor y = tensor(device, x, 1, COLUMNS);
        Normalization.srmsNorm(y, (float) Formulas.EPS, y);
        return wide(y.toFloatArray());
    }
}
