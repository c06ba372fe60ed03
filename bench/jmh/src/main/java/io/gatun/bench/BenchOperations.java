/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import io.gatun.FeatureAxis;
import io.gatun.NormKind;
import io.gatun.bench.ResidualBench.Form;
import java.util.ArrayList;
import java.util.List;

/** The operations that are measured. */
public final class BenchOperations {
    private static final List<BenchOperation> ALL = list();

    private BenchOperations() {}

    private static List<BenchOperation> list() {
        List<BenchOperation> all = new ArrayList<>();
        for (NormKind kind : NormKind.values()) {
            all.add(new NormBench(kind));
        }
        for (NormKind kind : NormKind.values()) {
            all.add(new NormBackwardBench(kind));
        }
        for (Form form : Form.values()) {
            for (NormKind kind : NormKind.values()) {
                all.add(new ResidualBench(form, kind, false));
                if (form == Form.ADD_NORM) {
                    all.add(new ResidualBench(form, kind, true));
                }
            }
            for (NormKind kind : NormKind.values()) {
                all.add(new ResidualBackwardBench(form, kind));
            }
        }
        all.add(new HeadNormBench());
        all.add(new HeadNormBackwardBench());
        for (FeatureAxis axis : FeatureAxis.values()) {
            all.add(new ZeroMeanBench(axis));
        }
        all.add(new FoldAffineBench());
        all.addAll(ActivationBenches.all());
        all.addAll(PolynomialBenches.all());
        all.add(new LowBitBench.Quantize());
        all.addAll(LowBitBench.Multiply.all());
        all.add(new LowBitBench.Int8());
        for (KanBasisBench.Variant variant : KanBasisBench.Variant.values()) {
            all.add(new KanBasisBench(variant, false));
        }
        for (KanBasisBench.Variant variant : KanBasisBench.Variant.values()) {
            all.add(new KanBasisBench(variant, true));
        }
        for (KanBasisBench.Variant variant : KanBasisBench.Variant.values()) {
            all.add(new KanLayerBench(variant, false));
        }
        for (KanBasisBench.Variant variant : KanBasisBench.Variant.values()) {
            all.add(new KanLayerBench(variant, true));
        }
        for (WindowBench.Variant variant : WindowBench.Variant.values()) {
            all.add(new WindowBench(variant, false));
        }
        for (WindowBench.Variant variant : WindowBench.Variant.values()) {
            all.add(new WindowBench(variant, true));
        }
        return List.copyOf(all);
    }

    /**
     * All operations, those of one function next to each other.
     *
     * @return the operations
     */
    public static List<BenchOperation> all() {
        return ALL;
    }

    /**
     * The operation of a name.
     *
     * @param key as {@link BenchOperation#key()} gives it
     * @return the operation
     * @throws IllegalArgumentException if there is none
     */
    public static BenchOperation named(String key) {
        return ALL.stream()
                .filter(o -> o.key().equals(key))
                .findFirst()
                .orElseThrow(
                        () ->
                                new IllegalArgumentException(
                                        "operation: expected one of "
                                                + ALL
                                                + ", but it is "
                                                + key));
    }
}
