/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.ActivationSparsity;
import io.gatun.DType;
import io.gatun.PolynomialActivation;
import io.gatun.PolynomialCoefficients;
import io.gatun.RationalActivation;
import io.gatun.RationalCoefficients;
import io.gatun.RationalForm;
import io.gatun.RationalInit;
import io.gatun.Tensor;
import io.gatun.Threshold;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * The polynomial and rational activations with published coefficients, their gradients with those
 * of the coefficients, and sparsity masks that keep half.
 */
final class PolynomialBenches {
    private static final float EPS = 1e-6f;
    private static final int GROUPS = 8;

    private PolynomialBenches() {}

    static List<BenchOperation> all() {
        List<BenchOperation> all = new ArrayList<>();
        all.add(polynomial(true).with(ElementLoops.polyRelu(0, 1 / 3f, 1 / 3f, 1 / 3f)));
        all.add(polynomialBackward(true));
        all.add(polynomial(false).notQuick());
        all.add(polynomialBackward(false).notQuick());
        all.add(polyNorm());
        all.add(polyNormBackward());
        all.add(polyNormMul());
        all.add(polyNormMulBackward());
        for (RationalForm form : RationalForm.values()) {
            ElementBench forward = rational(form);
            ElementBench backward = rationalBackward(form);
            boolean standard = form == RationalForm.TERM_WISE;
            all.add(standard ? forward : forward.notQuick());
            all.add(standard ? backward : backward.notQuick());
        }
        all.add(threshold());
        all.add(topK());
        return all;
    }

    private static PolynomialCoefficients coefficients(Tensor beside) {
        float third = 1 / 3f;
        return new PolynomialCoefficients(
                Constants.tensor(
                        beside.device(), DType.F32, new float[] {0, third, third, third}, 4));
    }

    /** Room for the gradient of coefficients. */
    private static Tensor like(Tensor coefficients) {
        return Constants.tensor(
                coefficients.device(),
                DType.F32,
                new float[(int) coefficients.elementCount()],
                coefficients.shape());
    }

    private static ElementBench polynomial(boolean rectified) {
        return ElementBench.of(
                rectified ? "poly_relu" : "poly_eval",
                List.of("x"),
                List.of("y"),
                7,
                t -> {
                    Tensor x = t.apply("x");
                    Tensor y = t.apply("y");
                    PolynomialCoefficients a = coefficients(x);
                    return rectified
                            ? () -> PolynomialActivation.polyRelu(x, a, y)
                            : () -> PolynomialActivation.polyEval(x, a, y);
                });
    }

    private static ElementBench polynomialBackward(boolean rectified) {
        return ElementBench.of(
                rectified ? "poly_relu_backward" : "poly_eval_backward",
                List.of("dy", "x"),
                List.of("dx"),
                15,
                t -> {
                    Tensor dy = t.apply("dy");
                    Tensor x = t.apply("x");
                    Tensor dx = t.apply("dx");
                    PolynomialCoefficients a = coefficients(x);
                    Tensor da = like(a.values());
                    return rectified
                            ? () -> PolynomialActivation.polyReluBackward(dy, x, a, dx, da, false)
                            : () -> PolynomialActivation.polyEvalBackward(dy, x, a, dx, da, false);
                });
    }

    private static ElementBench polyNorm() {
        return ElementBench.of(
                "poly_norm",
                List.of("x"),
                List.of("y"),
                12,
                t -> {
                    Tensor x = t.apply("x");
                    Tensor y = t.apply("y");
                    PolynomialCoefficients a = coefficients(x);
                    return () -> PolynomialActivation.polyNorm(x, a, EPS, y, null);
                });
    }

    private static ElementBench polyNormBackward() {
        return ElementBench.of(
                "poly_norm_backward",
                List.of("dy", "x"),
                List.of("dx"),
                26,
                t -> {
                    Tensor dy = t.apply("dy");
                    Tensor x = t.apply("x");
                    Tensor dx = t.apply("dx");
                    PolynomialCoefficients a = coefficients(x);
                    Tensor da = like(a.values());
                    return () ->
                            PolynomialActivation.polyNormBackward(
                                    dy, x, a, EPS, null, dx, da, false);
                });
    }

    private static ElementBench polyNormMul() {
        return ElementBench.of(
                        "poly_norm_mul",
                        List.of("gate", "up"),
                        List.of("y"),
                        13,
                        t -> {
                            Tensor gate = t.apply("gate");
                            Tensor up = t.apply("up");
                            Tensor y = t.apply("y");
                            PolynomialCoefficients a = coefficients(gate);
                            return () ->
                                    PolynomialActivation.polyNormMul(gate, up, a, EPS, y, null);
                        })
                .notQuick();
    }

    private static ElementBench polyNormMulBackward() {
        return ElementBench.of(
                        "poly_norm_mul_backward",
                        List.of("dy", "gate", "up"),
                        List.of("dgate", "dup"),
                        34,
                        t -> {
                            Tensor dy = t.apply("dy");
                            Tensor gate = t.apply("gate");
                            Tensor up = t.apply("up");
                            Tensor dgate = t.apply("dgate");
                            Tensor dup = t.apply("dup");
                            PolynomialCoefficients a = coefficients(gate);
                            Tensor da = like(a.values());
                            return () ->
                                    PolynomialActivation.polyNormMulBackward(
                                            dy, gate, up, a, EPS, null, dgate, dup, da, false);
                        })
                .notQuick();
    }

    /** As many groups as KAT has, or the most that divide the columns. */
    private static RationalCoefficients rational(Tensor x, RationalForm form) {
        int groups = GROUPS;
        while (x.size(1) % groups != 0) {
            groups--;
        }
        RationalInit init = form == RationalForm.TERM_WISE ? RationalInit.SWISH : RationalInit.GELU;
        float[] below = init.denominator();
        float[] ofGroups = new float[groups * below.length];
        for (int i = 0; i < ofGroups.length; i++) {
            ofGroups[i] = below[i % below.length];
        }
        float[] above = init.numerator();
        return new RationalCoefficients(
                Constants.tensor(x.device(), DType.F32, above, 1, above.length),
                Constants.tensor(x.device(), DType.F32, ofGroups, groups, below.length),
                form);
    }

    private static String key(String function, RationalForm form) {
        return function + ":" + form.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    private static ElementBench rational(RationalForm form) {
        return ElementBench.of(
                key("rational", form),
                List.of("x"),
                List.of("y"),
                20,
                t -> {
                    Tensor x = t.apply("x");
                    Tensor y = t.apply("y");
                    RationalCoefficients coefficients = rational(x, form);
                    return () -> RationalActivation.apply(x, coefficients, y);
                });
    }

    private static ElementBench rationalBackward(RationalForm form) {
        return ElementBench.of(
                key("rational_backward", form),
                List.of("dy", "x"),
                List.of("dx"),
                60,
                t -> {
                    Tensor dy = t.apply("dy");
                    Tensor x = t.apply("x");
                    Tensor dx = t.apply("dx");
                    RationalCoefficients coefficients = rational(x, form);
                    Tensor above = like(coefficients.numerator());
                    Tensor below = like(coefficients.denominator());
                    return () ->
                            RationalActivation.backward(
                                    dy, x, coefficients, dx, above, below, false);
                });
    }

    private static ElementBench threshold() {
        return ElementBench.of(
                "threshold_mask",
                List.of("x"),
                List.of("y"),
                1,
                t -> {
                    Tensor x = t.apply("x");
                    Tensor y = t.apply("y");
                    Threshold threshold = Threshold.teal(1);
                    return () -> ActivationSparsity.threshold(x, threshold, y);
                });
    }

    private static ElementBench topK() {
        return ElementBench.of(
                "topk_mask_rows",
                List.of("x"),
                List.of("y"),
                1,
                t -> {
                    Tensor x = t.apply("x");
                    Tensor y = t.apply("y");
                    long kept = (x.size(1) + 1) / 2;
                    return () -> ActivationSparsity.topK(x, null, kept, y);
                });
    }
}
