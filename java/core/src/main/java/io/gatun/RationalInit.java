// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * The published coefficients that a rational activation of degrees 5 and 4 begins with, each with
 * the form of the denominator under which it is the function of its name (Yang, Wang:
 * Kolmogorov-Arnold Transformer, arXiv:2409.10594, its {@code init.json}).
 *
 * <p>The released kernels of KAT compute {@link RationalForm#TERM_WISE} whatever the set. Their
 * models that begin with {@code gelu} therefore began with {@link #GELU}'s numbers under the other
 * form, which is off by up to 1.5 from GELU on [-3, 3]; to train as they did use {@code
 * GELU.coefficients(device, groups).withForm(RationalForm.TERM_WISE)}.
 */
public enum RationalInit {
    /** x. All denominator coefficients are 0. */
    IDENTITY(RationalForm.TERM_WISE, "0 1 0 0 0 0", "0 0 0 0"),
    /** SiLU, within 1.2e-6 on [-3, 3]. */
    SWISH(
            RationalForm.TERM_WISE,
            "3.054879741e-7 0.5000007854 0.2499978342 0.05326628273 0.005803034571 2.751961022e-4",
            "-4.111554956e-6 0.1065289934 -1.269000740e-6 5.502331264e-4"),
    /** GELU, within 4.1e-3 on [-3, 3]. */
    GELU_OLD(
            RationalForm.TERM_WISE,
            "-0.001242359450 0.5080497063 0.4158636318 0.1302271869 0.02435590010 0.002902839482",
            "-0.06675015696 0.1792764622 0.03746682605 1.656e-10"),
    /** The hyperbolic tangent, within 4.1e-5 on [-3, 3]. */
    TANH(
            RationalForm.TERM_WISE,
            "-1.0805e-8 1.000300804 -2.588e-8 0.09632129918 3.478e-9 4.255709235e-4",
            "-0.001302718 0.4283490174 1.452e-9 0.01079664811"),
    /** The logistic function, within 1.9e-5 on [-3, 3]. */
    SIGMOID(
            RationalForm.TERM_WISE,
            "0.4999992535 0.2500215756 0.1406192450 0.04942049243 0.008767148519 6.442412789e-4",
            "2.169e-9 0.2812276610 1.012362e-5 0.01753198805"),
    /** ReLU, within 3.0e-2 on [-3, 3]. */
    RELU(
            RationalForm.TERM_WISE,
            "0.02996380161 0.6168978367 2.375347597 3.065990047 1.524683188 0.2528070864",
            "-1.191550122 4.408048770 0.9110357114 0.3488497795"),
    /** GELU, within 3.0e-3 on [-3, 3]. */
    GELU(
            RationalForm.SUM,
            "-0.00153969 0.51692871 0.44075827 0.0972553 -0.00884418 -0.00378675",
            "-0.14171056 -0.06481231 -0.0444695 0.01283776"),
    /** x GELU(x), within 1.3e-3 on [-3, 3]. */
    GEGLU(
            RationalForm.SUM,
            "0.00079642 -0.00602563 0.49750578 0.47691076 0.15421425 0.0168486",
            "-0.12619161 -0.20067464 -0.03005465 0.0027335"),
    /** x SiLU(x), within 1.7e-3 on [-3, 3]. */
    SWISHGLU(
            RationalForm.SUM,
            "-0.00111528 -0.00334562 0.53107663 0.27851476 0.06044361 0.00483468",
            "0.14408492 0.02008671 0.02944107 -0.00329516");

    private final RationalForm form;
    private final float[] numerator;
    private final float[] denominator;

    RationalInit(RationalForm form, String numerator, String denominator) {
        this.form = form;
        this.numerator = numbers(numerator);
        this.denominator = numbers(denominator);
    }

    private static float[] numbers(String text) {
        String[] words = text.split(" ");
        float[] numbers = new float[words.length];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = Float.parseFloat(words[i]);
        }
        return numbers;
    }

    /**
     * The form of the denominator under which the set is the function of its name.
     *
     * @return the form
     */
    public RationalForm form() {
        return form;
    }

    /**
     * The coefficients of the numerator, {@code a0} first.
     *
     * @return 6 numbers in a fresh array
     */
    public float[] numerator() {
        return numerator.clone();
    }

    /**
     * The coefficients of the denominator, {@code b1} first.
     *
     * @return 4 numbers in a fresh array
     */
    public float[] denominator() {
        return denominator.clone();
    }

    /**
     * Coefficients as KAT begins with: a numerator that all groups share, a denominator for each.
     *
     * @param device where their memory is allocated; to be closed by the caller
     * @param groups how many groups of channels there are, at least 1
     * @return the coefficients
     */
    public RationalCoefficients coefficients(Device device, int groups) {
        return RationalCoefficients.initial(device, this, groups);
    }
}
