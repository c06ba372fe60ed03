// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/** The argument checks of the joined normalizations and additions, for every device. */
final class ResidualNormChecks {
    private static final SavedStatistics ONLY = SavedStatistics.ONLY;
    private static final SavedStatistics FIRST = SavedStatistics.FIRST;
    private static final SavedStatistics SECOND = SavedStatistics.SECOND;

    private ResidualNormChecks() {}

    private static void requireOptions(ResidualOptions options) {
        RowOperands.requireNonNull(options, "options", "ResidualOptions");
    }

    private static void requireParameters(NormParameters parameters, String name) {
        RowOperands.requireNonNull(
                parameters, name, "NormParameters (NormParameters.NONE for none)");
    }

    static void residualAddNorm(
            Tensor x,
            Tensor bias,
            Tensor residual,
            NormParameters parameters,
            ResidualOptions options,
            Tensor h,
            Tensor y,
            NormStatistics statistics) {
        RowOperands.anchor(x, "x");
        requireParameters(parameters, "parameters");
        requireOptions(options);
        RowOperands.requireStatistics(statistics, "statistics");
        Tensor gamma = parameters.gamma();
        Tensor beta = parameters.beta();
        RowOperands.input(residual, "residual", x, "x");
        RowOperands.parameter(bias, "bias", x, "x");
        RowOperands.parameter(gamma, "gamma", x, "x");
        RowOperands.parameter(beta, "beta", x, "x");
        RowOperands.sameType(gamma, "gamma", bias, "bias");
        RowOperands.sameType(beta, "beta", bias, "bias");
        RowOperands.sameType(beta, "beta", gamma, "gamma");
        RowOperands.optionalOutput(h, "h", x, "x");
        RowOperands.output(y, "y", x, "x");
        RowOperands.sameOrApart(h, "h", residual, "residual");
        RowOperands.sameOrApart(h, "h", x, "x");
        RowOperands.apart(h, "h", bias, "bias", gamma, "gamma", beta, "beta");
        RowOperands.sameOrApart(y, "y", x, "x");
        RowOperands.sameOrApart(y, "y", residual, "residual");
        RowOperands.apart(y, "y", bias, "bias", gamma, "gamma", beta, "beta");
        RowOperands.apart(y, "y", h, "h");
        ONLY.outputs(options.kind(), statistics, x, "x");
        ONLY.apart(statistics, x, "x");
        ONLY.apart(statistics, residual, "residual");
        ONLY.apart(statistics, bias, "bias");
        ONLY.apart(statistics, gamma, "gamma");
        ONLY.apart(statistics, beta, "beta");
        ONLY.apart(statistics, h, "h");
        ONLY.apart(statistics, y, "y");
    }

    static void residualAddNormBackward(
            Tensor dy,
            Tensor dhIn,
            Tensor h,
            Tensor gamma,
            ResidualOptions options,
            NormStatistics statistics,
            Tensor dx,
            Tensor dresidual,
            NormGradients gradients) {
        Operands.require(dy, "dy");
        RowOperands.anchor(h, "h");
        requireOptions(options);
        RowOperands.requireStatistics(statistics, "statistics");
        RowOperands.requireGradients(gradients, "gradients");
        RowOperands.input(dy, "dy", h, "h");
        RowOperands.optionalInput(dhIn, "dhIn", h, "h");
        RowOperands.parameter(gamma, "gamma", h, "h");
        ONLY.inputs(options.kind(), statistics, h, "h");
        output(dx, "dx", dy, "dy", dhIn, h, "h", gamma, "gamma", statistics, ONLY);
        output(dresidual, "dresidual", dy, "dy", dhIn, h, "h", gamma, "gamma", statistics, ONLY);
        RowOperands.apart(dresidual, "dresidual", dx, "dx");
        residualGradient(
                gradients.dgamma(), "dgamma", dy, dhIn, h, gamma, statistics, dx, dresidual);
        residualGradient(gradients.dbeta(), "dbeta", dy, dhIn, h, gamma, statistics, dx, dresidual);
        residualGradient(gradients.dbias(), "dbias", dy, dhIn, h, gamma, statistics, dx, dresidual);
        gradientsApart(gradients);
    }

    /**
     * A gradient of data: it may be the gradient it is made from, or that of the residual stream,
     * and keeps apart from the inputs of the forward pass.
     */
    private static void output(
            Tensor output,
            String name,
            Tensor dy,
            String dyName,
            Tensor dhIn,
            Tensor input,
            String inputName,
            Tensor gamma,
            String gammaName,
            NormStatistics statistics,
            SavedStatistics names) {
        if (output == null) {
            return;
        }
        RowOperands.output(output, name, input, inputName);
        RowOperands.sameOrApart(output, name, dy, dyName);
        RowOperands.sameOrApart(output, name, dhIn, "dhIn");
        RowOperands.apart(output, name, input, inputName, gamma, gammaName);
        names.apartFrom(statistics, output, name);
    }

    private static void residualGradient(
            Tensor gradient,
            String name,
            Tensor dy,
            Tensor dhIn,
            Tensor h,
            Tensor gamma,
            NormStatistics statistics,
            Tensor dx,
            Tensor dresidual) {
        if (gradient == null) {
            return;
        }
        RowOperands.gradient(gradient, name, h, "h");
        RowOperands.apart(gradient, name, dy, "dy", dhIn, "dhIn", h, "h");
        RowOperands.apart(gradient, name, gamma, "gamma", dx, "dx", dresidual, "dresidual");
        ONLY.apartFrom(statistics, gradient, name);
    }

    private static void gradientsApart(NormGradients gradients) {
        RowOperands.apart(gradients.dbeta(), "dbeta", gradients.dgamma(), "dgamma");
        RowOperands.apart(
                gradients.dbias(),
                "dbias",
                gradients.dgamma(),
                "dgamma",
                gradients.dbeta(),
                "dbeta");
    }

    static void normResidualAdd(
            Tensor x,
            Tensor bias,
            NormParameters parameters,
            Tensor residual,
            ResidualOptions options,
            Tensor h,
            NormStatistics statistics) {
        RowOperands.anchor(x, "x");
        requireParameters(parameters, "parameters");
        requireOptions(options);
        RowOperands.requireStatistics(statistics, "statistics");
        Tensor gamma = parameters.gamma();
        Tensor beta = parameters.beta();
        RowOperands.parameter(bias, "bias", x, "x");
        RowOperands.parameter(gamma, "gamma", x, "x");
        RowOperands.parameter(beta, "beta", x, "x");
        RowOperands.sameType(gamma, "gamma", bias, "bias");
        RowOperands.sameType(beta, "beta", bias, "bias");
        RowOperands.sameType(beta, "beta", gamma, "gamma");
        RowOperands.input(residual, "residual", x, "x");
        RowOperands.output(h, "h", x, "x");
        RowOperands.sameOrApart(h, "h", residual, "residual");
        RowOperands.sameOrApart(h, "h", x, "x");
        RowOperands.apart(h, "h", bias, "bias", gamma, "gamma", beta, "beta");
        ONLY.outputs(options.kind(), statistics, x, "x");
        ONLY.apart(statistics, x, "x");
        ONLY.apart(statistics, bias, "bias");
        ONLY.apart(statistics, gamma, "gamma");
        ONLY.apart(statistics, beta, "beta");
        ONLY.apart(statistics, residual, "residual");
        ONLY.apart(statistics, h, "h");
    }

    static void normResidualAddBackward(
            Tensor dh,
            Tensor x,
            Tensor bias,
            Tensor gamma,
            ResidualOptions options,
            NormStatistics statistics,
            Tensor dx,
            Tensor dresidual,
            NormGradients gradients) {
        Operands.require(dh, "dh");
        RowOperands.anchor(x, "x");
        requireOptions(options);
        RowOperands.requireStatistics(statistics, "statistics");
        RowOperands.requireGradients(gradients, "gradients");
        RowOperands.input(dh, "dh", x, "x");
        RowOperands.parameter(bias, "bias", x, "x");
        RowOperands.parameter(gamma, "gamma", x, "x");
        RowOperands.sameType(gamma, "gamma", bias, "bias");
        ONLY.inputs(options.kind(), statistics, x, "x");
        output(dx, "dx", dh, "dh", null, x, "x", gamma, "gamma", statistics, ONLY);
        RowOperands.apart(dx, "dx", bias, "bias");
        output(dresidual, "dresidual", dh, "dh", null, x, "x", gamma, "gamma", statistics, ONLY);
        RowOperands.apart(dresidual, "dresidual", bias, "bias", dx, "dx");
        addGradient(gradients.dgamma(), "dgamma", dh, x, bias, gamma, statistics, dx, dresidual);
        addGradient(gradients.dbeta(), "dbeta", dh, x, bias, gamma, statistics, dx, dresidual);
        addGradient(gradients.dbias(), "dbias", dh, x, bias, gamma, statistics, dx, dresidual);
        gradientsApart(gradients);
    }

    private static void addGradient(
            Tensor gradient,
            String name,
            Tensor dh,
            Tensor x,
            Tensor bias,
            Tensor gamma,
            NormStatistics statistics,
            Tensor dx,
            Tensor dresidual) {
        if (gradient == null) {
            return;
        }
        RowOperands.gradient(gradient, name, x, "x");
        RowOperands.apart(gradient, name, dh, "dh", x, "x", bias, "bias");
        RowOperands.apart(gradient, name, gamma, "gamma", dx, "dx", dresidual, "dresidual");
        ONLY.apartFrom(statistics, gradient, name);
    }

    static void normAddNorm(
            Tensor x,
            NormParameters parameters1,
            Tensor residual,
            NormParameters parameters2,
            ResidualOptions options,
            Tensor h,
            Tensor y,
            NormStatistics statistics1,
            NormStatistics statistics2) {
        RowOperands.anchor(x, "x");
        requireParameters(parameters1, "parameters1");
        requireParameters(parameters2, "parameters2");
        requireOptions(options);
        RowOperands.requireStatistics(statistics1, "statistics1");
        RowOperands.requireStatistics(statistics2, "statistics2");
        Tensor gamma1 = parameters1.gamma();
        Tensor beta1 = parameters1.beta();
        Tensor gamma2 = parameters2.gamma();
        Tensor beta2 = parameters2.beta();
        RowOperands.parameter(gamma1, "gamma1", x, "x");
        RowOperands.parameter(beta1, "beta1", x, "x");
        RowOperands.input(residual, "residual", x, "x");
        RowOperands.parameter(gamma2, "gamma2", x, "x");
        RowOperands.parameter(beta2, "beta2", x, "x");
        RowOperands.sameType(beta1, "beta1", gamma1, "gamma1");
        RowOperands.sameType(gamma2, "gamma2", gamma1, "gamma1");
        RowOperands.sameType(gamma2, "gamma2", beta1, "beta1");
        RowOperands.sameType(beta2, "beta2", gamma1, "gamma1");
        RowOperands.sameType(beta2, "beta2", beta1, "beta1");
        RowOperands.sameType(beta2, "beta2", gamma2, "gamma2");
        RowOperands.optionalOutput(h, "h", x, "x");
        RowOperands.output(y, "y", x, "x");
        RowOperands.sameOrApart(h, "h", residual, "residual");
        RowOperands.sameOrApart(h, "h", x, "x");
        RowOperands.apart(h, "h", gamma1, "gamma1", beta1, "beta1");
        RowOperands.apart(h, "h", gamma2, "gamma2", beta2, "beta2");
        RowOperands.sameOrApart(y, "y", x, "x");
        RowOperands.sameOrApart(y, "y", residual, "residual");
        RowOperands.apart(y, "y", gamma1, "gamma1", beta1, "beta1");
        RowOperands.apart(y, "y", gamma2, "gamma2", beta2, "beta2");
        RowOperands.apart(y, "y", h, "h");
        FIRST.outputs(options.kind(), statistics1, x, "x");
        SECOND.outputs(options.kind(), statistics2, x, "x");
        bothApart(statistics1, statistics2, x, "x");
        bothApart(statistics1, statistics2, gamma1, "gamma1");
        bothApart(statistics1, statistics2, beta1, "beta1");
        bothApart(statistics1, statistics2, residual, "residual");
        bothApart(statistics1, statistics2, gamma2, "gamma2");
        bothApart(statistics1, statistics2, beta2, "beta2");
        bothApart(statistics1, statistics2, h, "h");
        bothApart(statistics1, statistics2, y, "y");
        SECOND.apart(statistics2, statistics1.mean(), "mean1");
        SECOND.apart(statistics2, statistics1.meanLow(), "meanLow1");
        SECOND.apart(statistics2, statistics1.rstd(), "rstd1");
    }

    private static void bothApart(
            NormStatistics statistics1,
            NormStatistics statistics2,
            Tensor other,
            String otherName) {
        FIRST.apart(statistics1, other, otherName);
        SECOND.apart(statistics2, other, otherName);
    }

    static void normAddNormBackward(
            Tensor dy,
            Tensor dhIn,
            Tensor x,
            Tensor h,
            Tensor gamma1,
            Tensor gamma2,
            ResidualOptions options,
            NormStatistics statistics1,
            NormStatistics statistics2,
            Tensor dx,
            Tensor dresidual,
            NormGradients gradients1,
            NormGradients gradients2) {
        Operands.require(dy, "dy");
        RowOperands.anchor(x, "x");
        requireOptions(options);
        RowOperands.requireStatistics(statistics1, "statistics1");
        RowOperands.requireStatistics(statistics2, "statistics2");
        RowOperands.requireGradients(gradients1, "gradients1");
        RowOperands.requireGradients(gradients2, "gradients2");
        RowOperands.input(dy, "dy", x, "x");
        RowOperands.optionalInput(dhIn, "dhIn", x, "x");
        RowOperands.input(h, "h", x, "x");
        RowOperands.parameter(gamma1, "gamma1", x, "x");
        RowOperands.parameter(gamma2, "gamma2", x, "x");
        RowOperands.sameType(gamma2, "gamma2", gamma1, "gamma1");
        FIRST.inputs(options.kind(), statistics1, x, "x");
        SECOND.inputs(options.kind(), statistics2, x, "x");
        RowOperands.noBias(gradients1, "dbias1");
        RowOperands.noBias(gradients2, "dbias2");
        output(dx, "dx", dy, "dy", dhIn, x, "x", gamma1, "gamma1", statistics1, FIRST);
        RowOperands.apart(dx, "dx", h, "h", gamma2, "gamma2");
        SECOND.apartFrom(statistics2, dx, "dx");
        output(
                dresidual,
                "dresidual",
                dy,
                "dy",
                dhIn,
                x,
                "x",
                gamma1,
                "gamma1",
                statistics1,
                FIRST);
        RowOperands.apart(dresidual, "dresidual", h, "h", gamma2, "gamma2", dx, "dx");
        SECOND.apartFrom(statistics2, dresidual, "dresidual");
        Tensor dgamma1 = gradients1.dgamma();
        Tensor dbeta1 = gradients1.dbeta();
        Tensor dgamma2 = gradients2.dgamma();
        Tensor dbeta2 = gradients2.dbeta();
        bothGradient(dgamma1, "dgamma1", dy, dhIn, x, h, gamma1, gamma2, dx, dresidual);
        bothGradient(dbeta1, "dbeta1", dy, dhIn, x, h, gamma1, gamma2, dx, dresidual);
        bothGradient(dgamma2, "dgamma2", dy, dhIn, x, h, gamma1, gamma2, dx, dresidual);
        bothGradient(dbeta2, "dbeta2", dy, dhIn, x, h, gamma1, gamma2, dx, dresidual);
        gradientsApartFrom(FIRST, statistics1, gradients1, gradients2);
        gradientsApartFrom(SECOND, statistics2, gradients1, gradients2);
        RowOperands.apart(dbeta1, "dbeta1", dgamma1, "dgamma1");
        RowOperands.apart(dgamma2, "dgamma2", dgamma1, "dgamma1", dbeta1, "dbeta1");
        RowOperands.apart(
                dbeta2, "dbeta2", dgamma1, "dgamma1", dbeta1, "dbeta1", dgamma2, "dgamma2");
    }

    private static void bothGradient(
            Tensor gradient,
            String name,
            Tensor dy,
            Tensor dhIn,
            Tensor x,
            Tensor h,
            Tensor gamma1,
            Tensor gamma2,
            Tensor dx,
            Tensor dresidual) {
        if (gradient == null) {
            return;
        }
        RowOperands.gradient(gradient, name, x, "x");
        RowOperands.apart(gradient, name, dy, "dy", dhIn, "dhIn");
        RowOperands.apart(gradient, name, x, "x", h, "h");
        RowOperands.apart(gradient, name, gamma1, "gamma1", gamma2, "gamma2");
        RowOperands.apart(gradient, name, dx, "dx", dresidual, "dresidual");
    }

    private static void gradientsApartFrom(
            SavedStatistics names,
            NormStatistics statistics,
            NormGradients gradients1,
            NormGradients gradients2) {
        names.apartFrom(statistics, gradients1.dgamma(), "dgamma1");
        names.apartFrom(statistics, gradients1.dbeta(), "dbeta1");
        names.apartFrom(statistics, gradients2.dgamma(), "dgamma2");
        names.apartFrom(statistics, gradients2.dbeta(), "dbeta2");
    }

    /*
     * What a call finds closed. Native calls ask only when they fail, the kernels in Java before they begin.
     */

    static void requireOpenResidualAddNorm(
            Tensor x,
            Tensor bias,
            Tensor residual,
            NormParameters parameters,
            Tensor h,
            Tensor y,
            NormStatistics statistics) {
        Operands.requireOpen(x, "x");
        Operands.requireOpen(bias, "bias");
        Operands.requireOpen(residual, "residual");
        Operands.requireOpen(parameters.gamma(), "gamma");
        Operands.requireOpen(parameters.beta(), "beta");
        Operands.requireOpen(h, "h");
        Operands.requireOpen(y, "y");
        ONLY.requireOpen(statistics);
    }

    static void requireOpenResidualAddNormBackward(
            Tensor dy,
            Tensor dhIn,
            Tensor h,
            Tensor gamma,
            NormStatistics statistics,
            Tensor dx,
            Tensor dresidual,
            NormGradients gradients) {
        Operands.requireOpen(dy, "dy");
        Operands.requireOpen(dhIn, "dhIn");
        Operands.requireOpen(h, "h");
        Operands.requireOpen(gamma, "gamma");
        ONLY.requireOpen(statistics);
        requireOpen(dx, dresidual, gradients);
    }

    private static void requireOpen(Tensor dx, Tensor dresidual, NormGradients gradients) {
        Operands.requireOpen(dx, "dx");
        Operands.requireOpen(dresidual, "dresidual");
        Operands.requireOpen(gradients.dgamma(), "dgamma");
        Operands.requireOpen(gradients.dbeta(), "dbeta");
        Operands.requireOpen(gradients.dbias(), "dbias");
    }

    static void requireOpenNormResidualAdd(
            Tensor x,
            Tensor bias,
            NormParameters parameters,
            Tensor residual,
            Tensor h,
            NormStatistics statistics) {
        Operands.requireOpen(x, "x");
        Operands.requireOpen(bias, "bias");
        Operands.requireOpen(parameters.gamma(), "gamma");
        Operands.requireOpen(parameters.beta(), "beta");
        Operands.requireOpen(residual, "residual");
        Operands.requireOpen(h, "h");
        ONLY.requireOpen(statistics);
    }

    static void requireOpenNormResidualAddBackward(
            Tensor dh,
            Tensor x,
            Tensor bias,
            Tensor gamma,
            NormStatistics statistics,
            Tensor dx,
            Tensor dresidual,
            NormGradients gradients) {
        Operands.requireOpen(dh, "dh");
        Operands.requireOpen(x, "x");
        Operands.requireOpen(bias, "bias");
        Operands.requireOpen(gamma, "gamma");
        ONLY.requireOpen(statistics);
        requireOpen(dx, dresidual, gradients);
    }

    static void requireOpenNormAddNorm(
            Tensor x,
            NormParameters parameters1,
            Tensor residual,
            NormParameters parameters2,
            Tensor h,
            Tensor y,
            NormStatistics statistics1,
            NormStatistics statistics2) {
        Operands.requireOpen(x, "x");
        Operands.requireOpen(parameters1.gamma(), "gamma1");
        Operands.requireOpen(parameters1.beta(), "beta1");
        Operands.requireOpen(residual, "residual");
        Operands.requireOpen(parameters2.gamma(), "gamma2");
        Operands.requireOpen(parameters2.beta(), "beta2");
        Operands.requireOpen(h, "h");
        Operands.requireOpen(y, "y");
        FIRST.requireOpen(statistics1);
        SECOND.requireOpen(statistics2);
    }

    static void requireOpenNormAddNormBackward(
            Tensor dy,
            Tensor dhIn,
            Tensor x,
            Tensor h,
            Tensor gamma1,
            Tensor gamma2,
            NormStatistics statistics1,
            NormStatistics statistics2,
            Tensor dx,
            Tensor dresidual,
            NormGradients gradients1,
            NormGradients gradients2) {
        Operands.requireOpen(dy, "dy");
        Operands.requireOpen(dhIn, "dhIn");
        Operands.requireOpen(x, "x");
        Operands.requireOpen(h, "h");
        Operands.requireOpen(gamma1, "gamma1");
        Operands.requireOpen(gamma2, "gamma2");
        FIRST.requireOpen(statistics1);
        SECOND.requireOpen(statistics2);
        Operands.requireOpen(dx, "dx");
        Operands.requireOpen(dresidual, "dresidual");
        Operands.requireOpen(gradients1.dgamma(), "dgamma1");
        Operands.requireOpen(gradients1.dbeta(), "dbeta1");
        Operands.requireOpen(gradients2.dgamma(), "dgamma2");
        Operands.requireOpen(gradients2.dbeta(), "dbeta2");
    }
}
