/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.NormKind;
import java.util.List;
import java.util.Optional;

/** Every operation that Gatun computes. */
public final class Operations {
    private static final List<Operation> ALL =
            List.of(
                    new LayerNormForward(),
                    new RmsNormForward(),
                    new NormBackward(NormKind.LAYER),
                    new NormBackward(NormKind.RMS),
                    new ResidualForward(ResidualForward.Form.ADD_NORM),
                    new ResidualBackward(ResidualForward.Form.ADD_NORM),
                    new ResidualForward(ResidualForward.Form.NORM_ADD),
                    new ResidualBackward(ResidualForward.Form.NORM_ADD),
                    new ResidualForward(ResidualForward.Form.NORM_ADD_NORM),
                    new ResidualBackward(ResidualForward.Form.NORM_ADD_NORM),
                    new HeadNorm.Forward(),
                    new HeadNorm.Backward(),
                    new WeightOperation.ZeroMean(),
                    new WeightOperation.Fold(),
                    new ActivationForward(),
                    new ActivationBackward(),
                    new ActivationOutputBackward(),
                    new GatedForward(),
                    new GatedBackward(),
                    new HeadGate.Forward(),
                    new HeadGate.Backward(),
                    new ActivationMask.Forward(),
                    new ActivationMask.Backward(),
                    new AlphaDropoutOperation.Forward(),
                    new AlphaDropoutOperation.Backward(),
                    new PolynomialForward(true),
                    new PolynomialBackward(true),
                    new PolynomialForward(false),
                    new PolynomialBackward(false),
                    new PolyNormForward(false),
                    new PolyNormBackward(false),
                    new PolyNormForward(true),
                    new PolyNormBackward(true),
                    new RationalForward(),
                    new RationalBackward(),
                    new SparsityMask.ByThreshold(),
                    new SparsityMask.TopK(),
                    new LowBitQuantizeActivations(),
                    new LowBitMultiply(),
                    new Int8Matmul(),
                    new KanBasisForward(),
                    new KanBasisBackward(),
                    new KanLayerForward(),
                    new KanLayerBackward(),
                    new WindowForward(),
                    new WindowBackward());

    private Operations() {}

    /**
     * All operations.
     *
     * @return the operations, in the order of reports
     */
    public static List<Operation> all() {
        return ALL;
    }

    /**
     * The operation of a C function.
     *
     * @param function its name without {@code gatun_}, such as {@code layer_norm}
     * @return the operation, if there is one
     */
    public static Optional<Operation> find(String function) {
        return ALL.stream().filter(o -> o.function().equals(function)).findFirst();
    }
}
