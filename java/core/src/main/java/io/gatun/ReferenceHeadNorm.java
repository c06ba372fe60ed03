// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/** RMSNorm of head vectors by its definition, in float64. */
final class ReferenceHeadNorm implements HeadNormKernels {
    static final ReferenceHeadNorm INSTANCE = new ReferenceHeadNorm();

    private ReferenceHeadNorm() {}

    @Override
    public void forward(Qkv x, Qkv gamma, NormOptions options, Qkv y, Tensor rstd) {
        HeadNormChecks.requireOpen(x, gamma, y, rstd);
        long queries = HeadOperands.heads(x.q());
        long keys = HeadNormChecks.keyValueHeads(x);
        long all = queries + 2 * keys;
        forward(x.q(), gamma.q(), options, y.q(), rstd, 0, all);
        forward(x.k(), gamma.k(), options, y.k(), rstd, queries, all);
        forward(x.v(), gamma.v(), options, y.v(), rstd, queries + keys, all);
    }

    /** One role, whose scales begin at an entry of each token's. */
    private static void forward(
            Tensor x,
            Tensor gamma,
            NormOptions options,
            Tensor y,
            Tensor rstd,
            long first,
            long entries) {
        if (x == null) {
            return;
        }
        double[] factors = ReferenceRows.readVector(gamma);
        for (long token = 0; token < HeadOperands.tokens(x); token++) {
            for (long head = 0; head < HeadOperands.heads(x); head++) {
                double[] values = read(x, token, head);
                RowScale scale = RowScale.of(NormKind.RMS, values, values.length, options);
                write(y, token, head, scale.apply(values, factors, null, options, x.dtype()));
                if (rstd != null) {
                    ReferenceRows.store(rstd, token * entries + first + head, scale.scale());
                }
            }
        }
    }

    @Override
    public void backward(Qkv dy, Qkv x, Qkv gamma, NormOptions options, Qkv dx, Qkv dgamma) {
        HeadNormChecks.requireOpen(dy, x, gamma, dx, dgamma);
        backward(dy.q(), x.q(), gamma.q(), options, dx.q(), dgamma.q());
        backward(dy.k(), x.k(), gamma.k(), options, dx.k(), dgamma.k());
        backward(dy.v(), x.v(), gamma.v(), options, dx.v(), dgamma.v());
    }

    private static void backward(
            Tensor dy, Tensor x, Tensor gamma, NormOptions options, Tensor dx, Tensor dgamma) {
        if (x == null) {
            return;
        }
        double[] factors = ReferenceRows.readVector(gamma);
        double[] sums = new double[Math.toIntExact(x.columns)];
        double[] unused = new double[sums.length];
        for (long token = 0; token < HeadOperands.tokens(x); token++) {
            for (long head = 0; head < HeadOperands.heads(x); head++) {
                double[] values = read(x, token, head);
                double[] upstream = read(dy, token, head);
                double[] gradient =
                        RowScale.of(NormKind.RMS, values, values.length, options)
                                .gradient(
                                        NormKind.RMS,
                                        upstream,
                                        values,
                                        values.length,
                                        factors,
                                        options,
                                        sums,
                                        unused);
                if (dx != null) {
                    write(dx, token, head, gradient);
                }
            }
        }
        ReferenceRows.writeVector(dgamma, sums);
    }

    private static double[] read(Tensor tensor, long token, long head) {
        return ReferenceRows.read(tensor, first(tensor, token, head), tensor.columns);
    }

    private static void write(Tensor tensor, long token, long head, double[] values) {
        ReferenceRows.writeElements(tensor, first(tensor, token, head), values);
    }

    private static long first(Tensor tensor, long token, long head) {
        return token * HeadOperands.tokenStride(tensor) + head * tensor.columns;
    }
}
