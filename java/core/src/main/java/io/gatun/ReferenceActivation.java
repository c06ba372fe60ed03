// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/** Element-wise activations by their definitions, in float64. */
final class ReferenceActivation implements ActivationKernels {
    static final ReferenceActivation INSTANCE = new ReferenceActivation();

    /** What alpha dropout sets an element to: the limit of SELU. */
    private static final double DROPPED =
            -ActivationFormulas.SELU_LAMBDA * ActivationFormulas.SELU_ALPHA;

    private ReferenceActivation() {}

    @FunctionalInterface
    private interface Element {
        double of(long row, long column);
    }

    /** Every element of an output; null for one that is not wanted. */
    private static void each(Tensor output, Element element) {
        for (long row = 0; output != null && row < output.rows; row++) {
            for (long column = 0; column < output.columns; column++) {
                set(output, row, column, element.of(row, column));
            }
        }
    }

    private static double get(Tensor tensor, long row, long column) {
        return ReferenceRows.load(tensor, row * tensor.rowStride + column);
    }

    private static void set(Tensor tensor, long row, long column, double value) {
        ReferenceRows.store(tensor, row * tensor.rowStride + column, value);
    }

    @Override
    public void apply(Activation f, Tensor x, Tensor y) {
        ActivationChecks.requireOpen(x, "x", y, "y");
        each(y, (row, column) -> ActivationFormulas.value(f, get(x, row, column)));
    }

    @Override
    public void backward(Activation f, Tensor dy, Tensor x, Tensor dx) {
        ActivationChecks.requireOpen(dy, "dy", x, "x", dx, "dx");
        each(
                dx,
                (row, column) ->
                        ActivationFormulas.gradient(f, get(dy, row, column), get(x, row, column)));
    }

    @Override
    public void backwardFromOutput(Activation f, Tensor dy, Tensor y, Tensor dx) {
        ActivationChecks.requireOpen(dy, "dy", y, "y", dx, "dx");
        each(
                dx,
                (row, column) ->
                        ActivationFormulas.gradientFromOutput(
                                f, get(dy, row, column), get(y, row, column)));
    }

    @Override
    public void gated(Activation f, GatePlaces places, Tensor gate, Tensor value, Tensor y) {
        ActivationChecks.requireOpenGated(places, null, gate, value, null, null, y);
        each(
                y,
                (row, column) ->
                        ActivationFormulas.value(f, gateOf(gate, places, row, column))
                                * valueOf(value, places, row, column));
    }

    private static double gateOf(Tensor gate, GatePlaces places, long row, long column) {
        return get(gate, row, places.gate() + places.step() * column);
    }

    private static double valueOf(Tensor value, GatePlaces places, long row, long column) {
        return get(value, row, places.value() + places.step() * column);
    }

    @Override
    public void gatedBackward(
            Activation f,
            GatePlaces places,
            Tensor dy,
            Tensor gate,
            Tensor value,
            Tensor dgate,
            Tensor dvalue,
            Tensor y) {
        ActivationChecks.requireOpenGated(places, dy, gate, value, dgate, dvalue, y);
        for (long row = 0; row < dy.rows; row++) {
            for (long column = 0; column < dy.columns; column++) {
                // Outputs may be inputs: all is read before anything is written.
                double upstream = get(dy, row, column);
                double g = gateOf(gate, places, row, column);
                double v = valueOf(value, places, row, column);
                if (dgate != null) {
                    double gradient = ActivationFormulas.gradient(f, upstream * v, g);
                    set(dgate, row, places.gate() + places.step() * column, gradient);
                }
                if (dvalue != null) {
                    double gradient = upstream * ActivationFormulas.value(f, g);
                    set(dvalue, row, places.value() + places.step() * column, gradient);
                }
                if (y != null) {
                    set(y, row, column, ActivationFormulas.value(f, g) * v);
                }
            }
        }
    }

    @Override
    public void headGate(Tensor gate, Tensor value, Tensor y) {
        ActivationChecks.requireOpen(gate, "gate", value, "value", y, "y");
        eachHead(
                value,
                (token, head) -> {
                    double factor = ScalarFunctions.sigmoid(get(gate, token, head));
                    double[] of = head(value, token, head);
                    setHead(y, token, head, ReferenceRows.times(factor, of));
                });
    }

    @Override
    public void headGateBackward(
            Tensor dy, Tensor gate, Tensor value, Tensor dgate, Tensor dvalue) {
        ActivationChecks.requireOpenHeadGate(dy, gate, value, dgate, dvalue);
        eachHead(
                value,
                (token, head) -> {
                    double g = get(gate, token, head);
                    double[] upstream = head(dy, token, head);
                    double[] of = head(value, token, head);
                    double sum = 0;
                    for (int i = 0; i < of.length; i++) {
                        sum += upstream[i] * of[i];
                    }
                    double factor = ScalarFunctions.sigmoid(g);
                    if (dgate != null) {
                        set(dgate, token, head, factor * ScalarFunctions.sigmoid(-g) * sum);
                    }
                    if (dvalue != null) {
                        setHead(dvalue, token, head, ReferenceRows.times(factor, upstream));
                    }
                });
    }

    @FunctionalInterface
    private interface Head {
        void accept(long token, long head);
    }

    private static void eachHead(Tensor value, Head body) {
        for (long token = 0; token < HeadOperands.tokens(value); token++) {
            for (long head = 0; head < HeadOperands.heads(value); head++) {
                body.accept(token, head);
            }
        }
    }

    private static long place(Tensor tensor, long token, long head) {
        return token * HeadOperands.tokenStride(tensor) + head * tensor.columns;
    }

    private static double[] head(Tensor tensor, long token, long head) {
        return ReferenceRows.read(tensor, place(tensor, token, head), tensor.columns);
    }

    private static void setHead(Tensor tensor, long token, long head, double[] values) {
        ReferenceRows.writeElements(tensor, place(tensor, token, head), values);
    }

    @Override
    public void applyWithMask(
            Activation f, Tensor x, float lower, float upper, Tensor y, BitMask mask) {
        Tensor words = mask.halves();
        ActivationChecks.requireOpen(x, "x", y, "y", words, "mask");
        words.segment().fill((byte) 0);
        for (long row = 0; row < x.rows; row++) {
            for (long column = 0; column < x.columns; column++) {
                double value = get(x, row, column);
                boolean below = upper == Float.POSITIVE_INFINITY || value < upper;
                mask.set(value > lower && below, row, column);
                set(y, row, column, ActivationFormulas.value(f, value));
            }
        }
    }

    @Override
    public void maskBackward(Tensor dy, BitMask mask, float scale0, float scale1, Tensor dx) {
        ActivationChecks.requireOpen(dy, "dy", mask.halves(), "mask", dx, "dx");
        each(
                dx,
                (row, column) -> {
                    float scale = mask.get(row, column) ? scale1 : scale0;
                    return scale == 0 ? 0 : scale * get(dy, row, column);
                });
    }

    @Override
    public void alphaDropout(Tensor x, AlphaDropout options, Tensor y) {
        ActivationChecks.requireOpen(x, "x", y, "y");
        double factor = factor(options);
        double offset = -factor * options.probability() * DROPPED;
        each(
                y,
                (row, column) -> {
                    if (options.probability() == 1) {
                        return 0;
                    }
                    double value = get(x, row, column);
                    if (!keeps(options, x.columns, row, column)) {
                        value = DROPPED;
                    } else if (options.selu()) {
                        value = ActivationFormulas.value(Activation.SELU, value);
                    }
                    return factor * value + offset;
                });
    }

    @Override
    public void alphaDropoutBackward(Tensor dy, Tensor x, AlphaDropout options, Tensor dx) {
        ActivationChecks.requireOpen(dy, "dy", x, "x", dx, "dx");
        double factor = factor(options);
        each(
                dx,
                (row, column) -> {
                    if (options.probability() == 1 || !keeps(options, dy.columns, row, column)) {
                        return 0;
                    }
                    double scaled = factor * get(dy, row, column);
                    return options.selu()
                            ? ActivationFormulas.gradient(
                                    Activation.SELU, scaled, get(x, row, column))
                            : scaled;
                });
    }

    private static double factor(AlphaDropout options) {
        double kept = 1 - (double) options.probability();
        return 1 / Math.sqrt(kept + DROPPED * DROPPED * kept * (1 - kept));
    }

    private static boolean keeps(AlphaDropout options, long columns, long row, long column) {
        long element = options.perRow() ? row : row * columns + column;
        int[] words = Philox.block(options.seed(), element >>> 2, options.offset());
        long word = words[(int) (element & 3)] & 0xffffffffL;
        return word < (long) Math.floor((1 - (double) options.probability()) * 0x1p32);
    }
}
