// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * One entry point of the gradients, residual, head or weight operations, or of the activations,
 * with its tensors by name, for tests that do the same with all of them.
 *
 * @param name of the method
 * @param slots the tensors in the order of the checks
 * @param run calls it with those that are there
 */
record Entry(String name, List<Slot> slots, Consumer<Map<String, Tensor>> run) {
    /** What a tensor is for. */
    enum Use {
        INPUT,
        OUTPUT,
        PARAMETER,
        SAVED,
        STATISTIC,
        GRADIENT,
        COEFFICIENTS
    }

    /**
     * One tensor.
     *
     * @param name as messages call it
     * @param shape of columns (C), twice the columns (D), 32-bit halves of a mask of the columns
     *     (M), rows (R), heads (H: 3 query heads, K: 2 of keys or values, A: all 7), and digits
     * @param mayBe the tensors that it may be as an output
     */
    record Slot(String name, Use use, String shape, boolean optional, Set<String> mayBe) {
        long[] shape(long rows, long columns) {
            return shape.chars()
                    .mapToLong(
                            c ->
                                    switch (c) {
                                        case 'R' -> rows;
                                        case 'C' -> columns;
                                        case 'H' -> 3;
                                        case 'K' -> 2;
                                        case 'A' -> 7;
                                        case 'D' -> 2 * columns;
                                        case 'M' -> 2 * BitMask.words(columns);
                                        default -> c - '0';
                                    })
                    .toArray();
        }

        boolean isOutput() {
            return use == Use.OUTPUT || use == Use.STATISTIC || use == Use.GRADIENT;
        }

        boolean isData() {
            return use == Use.INPUT || use == Use.OUTPUT;
        }

        DType type(DType data, DType parameters) {
            return isData() ? data : use == Use.PARAMETER ? parameters : DType.F32;
        }

        /** Whether it is bits, which have no type. */
        boolean isMask() {
            return name.equals("mask");
        }

        @Override
        public String toString() {
            return name;
        }
    }

    @Override
    public String toString() {
        return name;
    }

    static Slot input(String name) {
        return new Slot(name, Use.INPUT, "RC", false, Set.of());
    }

    static Slot optional(String name) {
        return new Slot(name, Use.INPUT, "RC", true, Set.of());
    }

    static Slot output(String name, String... mayBe) {
        return new Slot(name, Use.OUTPUT, "RC", false, Set.of(mayBe));
    }

    static Slot optionalOutput(String name, String... mayBe) {
        return new Slot(name, Use.OUTPUT, "RC", true, Set.of(mayBe));
    }

    private static Slot parameter(String name) {
        return new Slot(name, Use.PARAMETER, "C", true, Set.of());
    }

    private static Slot saved(String name) {
        return new Slot(name, Use.SAVED, "R", true, Set.of());
    }

    private static Slot statistic(String name) {
        return new Slot(name, Use.STATISTIC, "R", true, Set.of());
    }

    private static Slot gradient(String name) {
        return new Slot(name, Use.GRADIENT, "C", true, Set.of());
    }

    private static Slot heads(String name, Use use, boolean optional, String... mayBe) {
        String shape = name.endsWith("q") ? "RHC" : "RKC";
        return new Slot(name, use, shape, optional, Set.of(mayBe));
    }

    private static NormStatistics statistics(Map<String, Tensor> t, String suffix) {
        return new NormStatistics(
                t.get("mean" + suffix), t.get("meanLow" + suffix), t.get("rstd" + suffix));
    }

    private static NormParameters parameters(Map<String, Tensor> t, String suffix) {
        return new NormParameters(t.get("gamma" + suffix), t.get("beta" + suffix));
    }

    private static NormGradients gradients(Map<String, Tensor> t, String suffix) {
        return new NormGradients(t.get("dgamma" + suffix), t.get("dbeta" + suffix), t.get("dbias"));
    }

    private static Qkv qkv(Map<String, Tensor> t, String name) {
        return new Qkv(t.get(name + ".q"), t.get(name + ".k"), t.get(name + ".v"));
    }

    static final NormOptions OPTIONS = NormOptions.eps(1e-5f);

    static final KanWindows WINDOWS = new KanWindows(KanInner.SILU, KanCombination.QUAD2, 3, 0.5f);

    /** As many functions as there are query heads. */
    static final KanBasis BASIS = KanBasis.bSpline(1, 2, -1, 1);

    static final ResidualOptions LAYER = ResidualOptions.layer(1e-5f).withAlpha(0.5f);

    /** Those of all families. */
    static List<Entry> ofAllFamilies() {
        return Stream.concat(all().stream(), ActivationEntries.all().stream()).toList();
    }

    static List<Entry> all() {
        return List.of(
                new Entry(
                        "layerNormBackward",
                        List.of(
                                input("x"),
                                input("dy"),
                                parameter("gamma"),
                                saved("mean"),
                                saved("meanLow"),
                                saved("rstd"),
                                optionalOutput("dx", "dy"),
                                gradient("dgamma"),
                                gradient("dbeta")),
                        t ->
                                Normalization.layerNormBackward(
                                        t.get("dy"),
                                        t.get("x"),
                                        t.get("gamma"),
                                        OPTIONS,
                                        statistics(t, ""),
                                        t.get("dx"),
                                        gradients(t, ""))),
                new Entry(
                        "rmsNormBackward",
                        List.of(
                                input("x"),
                                input("dy"),
                                parameter("gamma"),
                                saved("rstd"),
                                optionalOutput("dx", "dy"),
                                gradient("dgamma"),
                                gradient("dbeta")),
                        t ->
                                Normalization.rmsNormBackward(
                                        t.get("dy"),
                                        t.get("x"),
                                        t.get("gamma"),
                                        OPTIONS,
                                        statistics(t, ""),
                                        t.get("dx"),
                                        gradients(t, ""))),
                new Entry(
                        "residualAddNorm",
                        List.of(
                                input("x"),
                                input("residual"),
                                parameter("bias"),
                                parameter("gamma"),
                                parameter("beta"),
                                optionalOutput("h", "residual", "x"),
                                output("y", "x", "residual"),
                                statistic("mean"),
                                statistic("meanLow"),
                                statistic("rstd")),
                        t ->
                                ResidualNormalization.residualAddNorm(
                                        t.get("x"),
                                        t.get("bias"),
                                        t.get("residual"),
                                        parameters(t, ""),
                                        LAYER,
                                        t.get("h"),
                                        t.get("y"),
                                        statistics(t, ""))),
                new Entry(
                        "residualAddNormBackward",
                        List.of(
                                input("h"),
                                input("dy"),
                                optional("dhIn"),
                                parameter("gamma"),
                                saved("mean"),
                                saved("meanLow"),
                                saved("rstd"),
                                optionalOutput("dx", "dy", "dhIn"),
                                optionalOutput("dresidual", "dy", "dhIn"),
                                gradient("dgamma"),
                                gradient("dbeta"),
                                gradient("dbias")),
                        t ->
                                ResidualNormalization.residualAddNormBackward(
                                        t.get("dy"),
                                        t.get("dhIn"),
                                        t.get("h"),
                                        t.get("gamma"),
                                        LAYER,
                                        statistics(t, ""),
                                        t.get("dx"),
                                        t.get("dresidual"),
                                        gradients(t, ""))),
                new Entry(
                        "normResidualAdd",
                        List.of(
                                input("x"),
                                parameter("bias"),
                                parameter("gamma"),
                                parameter("beta"),
                                input("residual"),
                                output("h", "residual", "x"),
                                statistic("mean"),
                                statistic("meanLow"),
                                statistic("rstd")),
                        t ->
                                ResidualNormalization.normResidualAdd(
                                        t.get("x"),
                                        t.get("bias"),
                                        parameters(t, ""),
                                        t.get("residual"),
                                        LAYER,
                                        t.get("h"),
                                        statistics(t, ""))),
                new Entry(
                        "normResidualAddBackward",
                        List.of(
                                input("x"),
                                input("dh"),
                                parameter("bias"),
                                parameter("gamma"),
                                saved("mean"),
                                saved("meanLow"),
                                saved("rstd"),
                                optionalOutput("dx", "dh"),
                                optionalOutput("dresidual", "dh"),
                                gradient("dgamma"),
                                gradient("dbeta"),
                                gradient("dbias")),
                        t ->
                                ResidualNormalization.normResidualAddBackward(
                                        t.get("dh"),
                                        t.get("x"),
                                        t.get("bias"),
                                        t.get("gamma"),
                                        LAYER,
                                        statistics(t, ""),
                                        t.get("dx"),
                                        t.get("dresidual"),
                                        gradients(t, ""))),
                new Entry(
                        "normAddNorm",
                        List.of(
                                input("x"),
                                parameter("gamma1"),
                                parameter("beta1"),
                                input("residual"),
                                parameter("gamma2"),
                                parameter("beta2"),
                                optionalOutput("h", "residual", "x"),
                                output("y", "x", "residual"),
                                statistic("mean1"),
                                statistic("meanLow1"),
                                statistic("rstd1"),
                                statistic("mean2"),
                                statistic("meanLow2"),
                                statistic("rstd2")),
                        t ->
                                ResidualNormalization.normAddNorm(
                                        t.get("x"),
                                        parameters(t, "1"),
                                        t.get("residual"),
                                        parameters(t, "2"),
                                        LAYER,
                                        t.get("h"),
                                        t.get("y"),
                                        statistics(t, "1"),
                                        statistics(t, "2"))),
                new Entry(
                        "normAddNormBackward",
                        List.of(
                                input("x"),
                                input("dy"),
                                optional("dhIn"),
                                input("h"),
                                parameter("gamma1"),
                                parameter("gamma2"),
                                saved("mean1"),
                                saved("meanLow1"),
                                saved("rstd1"),
                                saved("mean2"),
                                saved("meanLow2"),
                                saved("rstd2"),
                                optionalOutput("dx", "dy", "dhIn"),
                                optionalOutput("dresidual", "dy", "dhIn"),
                                gradient("dgamma1"),
                                gradient("dbeta1"),
                                gradient("dgamma2"),
                                gradient("dbeta2")),
                        t ->
                                ResidualNormalization.normAddNormBackward(
                                        t.get("dy"),
                                        t.get("dhIn"),
                                        t.get("x"),
                                        t.get("h"),
                                        t.get("gamma1"),
                                        t.get("gamma2"),
                                        LAYER,
                                        statistics(t, "1"),
                                        statistics(t, "2"),
                                        t.get("dx"),
                                        t.get("dresidual"),
                                        gradients(t, "1"),
                                        gradients(t, "2"))),
                new Entry(
                        "qkvHeadRmsNorm",
                        List.of(
                                heads("x.q", Use.INPUT, false),
                                heads("x.k", Use.INPUT, true),
                                heads("x.v", Use.INPUT, true),
                                parameter("gamma.q"),
                                parameter("gamma.k"),
                                parameter("gamma.v"),
                                heads("y.q", Use.OUTPUT, false, "x.q"),
                                heads("y.k", Use.OUTPUT, false, "x.k"),
                                heads("y.v", Use.OUTPUT, false, "x.v"),
                                new Slot("rstd", Use.STATISTIC, "RA", true, Set.of())),
                        t ->
                                HeadNormalization.qkvHeadRmsNorm(
                                        qkv(t, "x"),
                                        qkv(t, "gamma"),
                                        OPTIONS,
                                        qkv(t, "y"),
                                        t.get("rstd"))),
                new Entry(
                        "qkvHeadRmsNormBackward",
                        List.of(
                                heads("x.q", Use.INPUT, false),
                                heads("x.k", Use.INPUT, false),
                                heads("x.v", Use.INPUT, false),
                                heads("dy.q", Use.INPUT, false),
                                heads("dy.k", Use.INPUT, false),
                                heads("dy.v", Use.INPUT, false),
                                parameter("gamma.q"),
                                parameter("gamma.k"),
                                parameter("gamma.v"),
                                heads("dx.q", Use.OUTPUT, true, "dy.q"),
                                heads("dx.k", Use.OUTPUT, true, "dy.k"),
                                heads("dx.v", Use.OUTPUT, true, "dy.v"),
                                gradient("dgamma.q"),
                                gradient("dgamma.k"),
                                gradient("dgamma.v")),
                        t ->
                                HeadNormalization.qkvHeadRmsNormBackward(
                                        qkv(t, "dy"),
                                        qkv(t, "x"),
                                        qkv(t, "gamma"),
                                        OPTIONS,
                                        qkv(t, "dx"),
                                        qkv(t, "dgamma"))),
                new Entry(
                        "zeroMeanRows",
                        List.of(input("weight"), output("out", "weight")),
                        t ->
                                WeightConversion.zeroMeanRows(
                                        t.get("weight"), FeatureAxis.ROWS, t.get("out"))),
                new Entry(
                        "zeroMeanRows along columns",
                        List.of(input("weight"), output("out", "weight")),
                        t ->
                                WeightConversion.zeroMeanRows(
                                        t.get("weight"), FeatureAxis.COLUMNS, t.get("out"))),
                new Entry(
                        "foldAffine",
                        List.of(
                                input("weight"),
                                new Slot("bias", Use.SAVED, "R", true, Set.of()),
                                parameter("gamma"),
                                parameter("beta"),
                                output("weightOut", "weight"),
                                new Slot("biasOut", Use.STATISTIC, "R", true, Set.of("bias"))),
                        t ->
                                WeightConversion.foldAffine(
                                        t.get("weight"),
                                        t.get("bias"),
                                        parameters(t, ""),
                                        0,
                                        t.get("weightOut"),
                                        t.get("biasOut"))),
                new Entry(
                        "kanBasis",
                        List.of(input("x"), new Slot("phi", Use.OUTPUT, "RHC", false, Set.of())),
                        t -> KanLayer.basis(BASIS, t.get("x"), t.get("phi"))),
                new Entry(
                        "kanBasisBackward",
                        List.of(
                                input("x"),
                                new Slot("dphi", Use.INPUT, "RHC", false, Set.of()),
                                output("dx", "x")),
                        t -> KanLayer.basisBackward(BASIS, t.get("dphi"), t.get("x"), t.get("dx"))),
                new Entry(
                        "kanWindows",
                        List.of(
                                input("x"),
                                new Slot("starts", Use.SAVED, "HC", false, Set.of()),
                                new Slot("ends", Use.SAVED, "HC", false, Set.of()),
                                new Slot("phi", Use.OUTPUT, "RHC", false, Set.of())),
                        t ->
                                KanLayer.windows(
                                        WINDOWS,
                                        t.get("x"),
                                        t.get("starts"),
                                        t.get("ends"),
                                        t.get("phi"))),
                new Entry(
                        "kanWindowsBackward",
                        List.of(
                                input("x"),
                                new Slot("starts", Use.SAVED, "HC", false, Set.of()),
                                new Slot("ends", Use.SAVED, "HC", false, Set.of()),
                                new Slot("dphi", Use.INPUT, "RHC", false, Set.of()),
                                optionalOutput("dx"),
                                new Slot("dstarts", Use.GRADIENT, "HC", true, Set.of()),
                                new Slot("dends", Use.GRADIENT, "HC", true, Set.of())),
                        t ->
                                KanLayer.windowsBackward(
                                        WINDOWS,
                                        t.get("dphi"),
                                        t.get("x"),
                                        t.get("starts"),
                                        t.get("ends"),
                                        t.get("dx"),
                                        t.get("dstarts"),
                                        t.get("dends"),
                                        false)));
    }

    /** Whether it takes float32 alone. */
    boolean isOfWeights() {
        return slots.getFirst().name().equals("weight");
    }

    /** Makes every tensor. */
    Map<String, Tensor> tensors(Function<Slot, Tensor> make) {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        slots.forEach(slot -> tensors.put(slot.name(), make.apply(slot)));
        return tensors;
    }
}
