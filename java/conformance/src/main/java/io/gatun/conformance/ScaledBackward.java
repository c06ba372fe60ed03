/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

/** A backward pass whose errors are bounded as those of {@link ScaledForward}. */
abstract class ScaledBackward extends BackwardOperation {
    @Override
    Plan plan() {
        return ScaledForward.PLAN;
    }

    @Override
    double boundOf(Operand output, double bound) {
        return ScaledForward.unitsOf(bound);
    }
}
