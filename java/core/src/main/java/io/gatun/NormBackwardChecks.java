// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/** The argument checks of the gradients of row normalization, for every device. */
final class NormBackwardChecks {
    private NormBackwardChecks() {}

    static void layerNorm(
            Tensor dy,
            Tensor x,
            Tensor gamma,
            NormOptions options,
            NormStatistics statistics,
            Tensor dx,
            NormGradients gradients) {
        backward(NormKind.LAYER, dy, x, gamma, options, statistics, dx, gradients);
        NormChecks.requireAllColumns(options, x);
    }

    static void rmsNorm(
            Tensor dy,
            Tensor x,
            Tensor gamma,
            NormOptions options,
            NormStatistics statistics,
            Tensor dx,
            NormGradients gradients) {
        backward(NormKind.RMS, dy, x, gamma, options, statistics, dx, gradients);
        NormChecks.requireAtMostColumns(options, x);
    }

    private static void backward(
            NormKind kind,
            Tensor dy,
            Tensor x,
            Tensor gamma,
            NormOptions options,
            NormStatistics statistics,
            Tensor dx,
            NormGradients gradients) {
        Operands.require(dy, "dy");
        RowOperands.anchor(x, "x");
        RowOperands.requireNonNull(options, "options", "NormOptions");
        RowOperands.requireStatistics(statistics, "statistics");
        RowOperands.requireGradients(gradients, "gradients");
        RowOperands.input(dy, "dy", x, "x");
        RowOperands.parameter(gamma, "gamma", x, "x");
        SavedStatistics.ONLY.inputs(kind, statistics, x, "x");
        RowOperands.noBias(gradients, "dbias");
        RowOperands.optionalOutput(dx, "dx", x, "x");
        RowOperands.sameOrApart(dx, "dx", dy, "dy");
        RowOperands.apart(dx, "dx", x, "x", gamma, "gamma");
        SavedStatistics.ONLY.apartFrom(statistics, dx, "dx");
        Tensor dgamma = gradients.dgamma();
        Tensor dbeta = gradients.dbeta();
        if (dgamma != null) {
            gradient(dgamma, "dgamma", dy, x, gamma, statistics, dx);
        }
        if (dbeta != null) {
            gradient(dbeta, "dbeta", dy, x, gamma, statistics, dx);
            RowOperands.apart(dbeta, "dbeta", dgamma, "dgamma");
        }
    }

    private static void gradient(
            Tensor gradient,
            String name,
            Tensor dy,
            Tensor x,
            Tensor gamma,
            NormStatistics statistics,
            Tensor dx) {
        RowOperands.gradient(gradient, name, x, "x");
        RowOperands.apart(gradient, name, dy, "dy", x, "x", gamma, "gamma");
        SavedStatistics.ONLY.apartFrom(statistics, gradient, name);
        RowOperands.apart(gradient, name, dx, "dx");
    }

    static void requireOpen(
            Tensor dy,
            Tensor x,
            Tensor gamma,
            NormStatistics statistics,
            Tensor dx,
            NormGradients gradients) {
        Operands.requireOpen(dy, "dy");
        Operands.requireOpen(x, "x");
        Operands.requireOpen(gamma, "gamma");
        SavedStatistics.ONLY.requireOpen(statistics);
        Operands.requireOpen(dx, "dx");
        Operands.requireOpen(gradients.dgamma(), "dgamma");
        Operands.requireOpen(gradients.dbeta(), "dbeta");
    }
}
