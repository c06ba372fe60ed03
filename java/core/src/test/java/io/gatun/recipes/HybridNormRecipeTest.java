// SPDX-License-Identifier: Apache-2.0
package io.gatun.recipes;

import static io.gatun.recipes.Formulas.assertRow;
import static io.gatun.recipes.Formulas.linear;
import static io.gatun.recipes.Formulas.narrow;
import static io.gatun.recipes.Formulas.noise;
import static io.gatun.recipes.Formulas.plus;
import static io.gatun.recipes.Formulas.rmsNorm;
import static io.gatun.recipes.Formulas.row;
import static io.gatun.recipes.Formulas.tensor;
import static io.gatun.recipes.Formulas.wide;
import static io.gatun.recipes.Formulas.zeros;

import io.gatun.Device;
import io.gatun.HeadNormalization;
import io.gatun.NormParameters;
import io.gatun.Normalization;
import io.gatun.Qkv;
import io.gatun.ResidualNormalization;
import io.gatun.ResidualOptions;
import io.gatun.Tensor;
import io.gatun.recipes.Formulas.Sublayer;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * HybridNorm and HybridNorm* (arXiv:2503.04598): queries, keys and values are normalized per head,
 * and the feed-forward part is Post-Norm, its residual beginning behind the norm. In HybridNorm*
 * the first block has a norm before its attention as well, and a Pre-Norm feed-forward part.
 */
class HybridNormRecipeTest {
    private static final int TOKENS = 5;
    private static final int QUERY_HEADS = 4;
    private static final int KEY_VALUE_HEADS = 2;
    private static final int HEAD_COLUMNS = 4;
    private static final int COLUMNS = QUERY_HEADS * HEAD_COLUMNS;
    private static final int PACKED = (QUERY_HEADS + 2 * KEY_VALUE_HEADS) * HEAD_COLUMNS;
    private static final float EPS = (float) Formulas.EPS;

    private final double[] input = noise(TOKENS * COLUMNS, 1);
    private final double[] weightQkv = noise(PACKED * COLUMNS, 2);
    private final double[] weightOut = noise(COLUMNS * COLUMNS, 3);
    private final double[] gammaQ = noise(HEAD_COLUMNS, 4);
    private final double[] gammaK = noise(HEAD_COLUMNS, 5);
    private final double[] gammaV = noise(HEAD_COLUMNS, 6);
    private final double[] gammaAttention = noise(COLUMNS, 7);
    private final double[] gammaFeedForward = noise(COLUMNS, 8);
    private final Sublayer feedForward = Sublayer.random(COLUMNS, 24, 9);

    /** Attention on packed, normalized queries, keys and values, and the output projection. */
    private double[] attention(double[] packed) {
        double[] result = new double[TOKENS * COLUMNS];
        int keysAt = QUERY_HEADS * HEAD_COLUMNS;
        int valuesAt = keysAt + KEY_VALUE_HEADS * HEAD_COLUMNS;
        for (int token = 0; token < TOKENS; token++) {
            double[] heads = new double[COLUMNS];
            for (int head = 0; head < QUERY_HEADS; head++) {
                int shared = head / (QUERY_HEADS / KEY_VALUE_HEADS) * HEAD_COLUMNS;
                double[] weights = new double[token + 1];
                double sum = 0;
                for (int other = 0; other <= token; other++) {
                    double score = 0;
                    for (int i = 0; i < HEAD_COLUMNS; i++) {
                        score +=
                                packed[token * PACKED + head * HEAD_COLUMNS + i]
                                        * packed[other * PACKED + keysAt + shared + i];
                    }
                    weights[other] = Math.exp(score / Math.sqrt(HEAD_COLUMNS));
                    sum += weights[other];
                }
                for (int other = 0; other <= token; other++) {
                    for (int i = 0; i < HEAD_COLUMNS; i++) {
                        heads[head * HEAD_COLUMNS + i] +=
                                weights[other]
                                        / sum
                                        * packed[other * PACKED + valuesAt + shared + i];
                    }
                }
            }
            System.arraycopy(linear(weightOut, null, heads), 0, result, token * COLUMNS, COLUMNS);
        }
        return result;
    }

    private double[] qkv(double[] x) {
        double[] packed = new double[TOKENS * PACKED];
        for (int token = 0; token < TOKENS; token++) {
            double[] one = linear(weightQkv, null, row(x, token, COLUMNS));
            System.arraycopy(one, 0, packed, token * PACKED, PACKED);
        }
        return packed;
    }

    /** The attention of the paper: each head vector of q, k and v is normalized first. */
    private double[] attentionByFormula(double[] x) {
        double[] packed = qkv(x);
        for (int token = 0; token < TOKENS; token++) {
            for (int head = 0; head < QUERY_HEADS + 2 * KEY_VALUE_HEADS; head++) {
                double[] gamma =
                        head < QUERY_HEADS
                                ? gammaQ
                                : head < QUERY_HEADS + KEY_VALUE_HEADS ? gammaK : gammaV;
                int at = token * PACKED + head * HEAD_COLUMNS;
                double[] vector = new double[HEAD_COLUMNS];
                System.arraycopy(packed, at, vector, 0, HEAD_COLUMNS);
                System.arraycopy(rmsNorm(vector, gamma), 0, packed, at, HEAD_COLUMNS);
            }
        }
        return attention(packed);
    }

    /** The same with the kernel, in place in the packed result of the projection. */
    private Tensor attentionByKernels(Device device, Tensor x) {
        Tensor packed = tensor(device, qkv(wide(x.toFloatArray())), TOKENS, PACKED);
        Qkv parts = Qkv.split(packed, QUERY_HEADS, KEY_VALUE_HEADS, HEAD_COLUMNS);
        Qkv gammas =
                new Qkv(
                        tensor(device, gammaQ, HEAD_COLUMNS),
                        tensor(device, gammaK, HEAD_COLUMNS),
                        tensor(device, gammaV, HEAD_COLUMNS));
        HeadNormalization.qkvHeadRmsNorm(parts, gammas, EPS, parts);
        return tensor(device, attention(wide(packed.toFloatArray())), TOKENS, COLUMNS);
    }

    private static Device open(String name) {
        return name.equals("cpu") ? Device.cpu() : Device.reference();
    }

    @ParameterizedTest
    @ValueSource(strings = {"cpu", "reference"})
    void hybridNorm(String name) {
        try (Device device = open(name)) {
            Tensor x = tensor(device, input, TOKENS, COLUMNS);
            // Z = norm(X + attention(X)), in place of the attention's result.
            Tensor z = attentionByKernels(device, x);
            ResidualNormalization.residualAddNorm(
                    z,
                    x,
                    NormParameters.gamma(tensor(device, gammaFeedForward, COLUMNS)),
                    ResidualOptions.rms(EPS),
                    null,
                    z);
            float[] f = feedForward.apply(z);
            double[] attention = attentionByFormula(input);
            for (int token = 0; token < TOKENS; token++) {
                double[] y = plus(row(input, token, COLUMNS), row(attention, token, COLUMNS));
                double[] expected = rmsNorm(y, gammaFeedForward);
                assertRow(expected, z, token, 1e-5);
                assertRow(
                        plus(expected, feedForward.apply(expected)),
                        device.tensor(
                                narrow(plus(wide(z.toFloatArray()), wide(f))), TOKENS, COLUMNS),
                        token,
                        1e-4);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"cpu", "reference"})
    void firstBlockOfHybridNormStar(String name) {
        try (Device device = open(name)) {
            Tensor x = tensor(device, input, TOKENS, COLUMNS);
            Tensor normalized = zeros(device, TOKENS, COLUMNS);
            Normalization.rmsNorm(x, tensor(device, gammaAttention, COLUMNS), EPS, normalized);
            Tensor attended = attentionByKernels(device, normalized);
            // Y = X + attention goes on as the residual, norm(Y) into the feed-forward part.
            Tensor y = zeros(device, TOKENS, COLUMNS);
            ResidualNormalization.residualAddNorm(
                    attended,
                    x,
                    NormParameters.gamma(tensor(device, gammaFeedForward, COLUMNS)),
                    ResidualOptions.rms(EPS),
                    y,
                    attended);
            float[] f = feedForward.apply(attended);
            double[] before = new double[input.length];
            for (int token = 0; token < TOKENS; token++) {
                System.arraycopy(
                        rmsNorm(row(input, token, COLUMNS), gammaAttention),
                        0,
                        before,
                        token * COLUMNS,
                        COLUMNS);
            }
            double[] attention = attentionByFormula(before);
            for (int token = 0; token < TOKENS; token++) {
                double[] sum = plus(row(input, token, COLUMNS), row(attention, token, COLUMNS));
                assertRow(sum, y, token, 1e-5);
                assertRow(
                        plus(sum, feedForward.apply(rmsNorm(sum, gammaFeedForward))),
                        device.tensor(
                                narrow(plus(wide(y.toFloatArray()), wide(f))), TOKENS, COLUMNS),
                        token,
                        1e-4);
            }
        }
    }
}
