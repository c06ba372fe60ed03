// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * The checks of the statistics of one normalization in a call, which are outputs of a forward pass
 * and inputs of a backward pass.
 *
 * @param mean the name of the mean in messages
 * @param meanLow the name of what float32 loses of it
 * @param rstd the name of the scale
 */
record SavedStatistics(String mean, String meanLow, String rstd) {
    static final SavedStatistics ONLY = new SavedStatistics("mean", "meanLow", "rstd");
    static final SavedStatistics FIRST = new SavedStatistics("mean1", "meanLow1", "rstd1");
    static final SavedStatistics SECOND = new SavedStatistics("mean2", "meanLow2", "rstd2");

    /** Types, shapes and devices. */
    private void check(NormKind kind, NormStatistics of, Tensor anchor, String anchorName) {
        RowOperands.ofKind(kind, of.mean(), mean, of.meanLow(), meanLow);
        RowOperands.statistic(of.mean(), mean, anchor, anchorName);
        RowOperands.statistic(of.meanLow(), meanLow, anchor, anchorName);
        RowOperands.statistic(of.rstd(), rstd, anchor, anchorName);
    }

    /** Statistics that a forward pass writes. */
    void outputs(NormKind kind, NormStatistics of, Tensor anchor, String anchorName) {
        check(kind, of, anchor, anchorName);
        writable(of.mean(), mean);
        writable(of.meanLow(), meanLow);
        writable(of.rstd(), rstd);
        RowOperands.apart(of.meanLow(), meanLow, of.mean(), mean);
        RowOperands.apart(of.rstd(), rstd, of.mean(), mean, of.meanLow(), meanLow);
    }

    /** Statistics that a backward pass reads: none, or all that it needs. */
    void inputs(NormKind kind, NormStatistics of, Tensor anchor, String anchorName) {
        check(kind, of, anchor, anchorName);
        if (kind == NormKind.LAYER) {
            if (of.mean() == null && (of.meanLow() != null || of.rstd() != null)) {
                throw missing(mean, of.rstd() != null ? rstd : meanLow);
            }
            if (of.mean() != null && of.rstd() == null) {
                throw missing(rstd, mean);
            }
        }
    }

    /** These, as outputs, share no byte with another tensor. */
    void apart(NormStatistics of, Tensor other, String otherName) {
        RowOperands.apart(of.mean(), mean, other, otherName);
        RowOperands.apart(of.meanLow(), meanLow, other, otherName);
        RowOperands.apart(of.rstd(), rstd, other, otherName);
    }

    /** An output shares no byte with these. */
    void apartFrom(NormStatistics of, Tensor output, String name) {
        RowOperands.apart(output, name, of.mean(), mean, of.meanLow(), meanLow, of.rstd(), rstd);
    }

    void requireOpen(NormStatistics of) {
        Operands.requireOpen(of.mean(), mean);
        Operands.requireOpen(of.meanLow(), meanLow);
        Operands.requireOpen(of.rstd(), rstd);
    }

    private static void writable(Tensor statistic, String name) {
        if (statistic != null) {
            Operands.requireWritable(statistic, name);
        }
    }

    private static IllegalArgumentException missing(String name, String given) {
        return new IllegalArgumentException(
                "%s: expected a tensor, since %s is one, but it is null".formatted(name, given));
    }
}
