/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.Tensor;
import java.util.Map;

/**
 * The arguments of one call of an operation.
 *
 * @param tensors the operands by name; absent ones have no entry
 * @param settings the scalar arguments
 */
public record Arguments(Map<String, Tensor> tensors, Settings settings) {
    /** Copies the map. */
    public Arguments {
        tensors = Map.copyOf(tensors);
    }

    /**
     * An operand.
     *
     * @param name its name
     * @return the tensor, or null if it is absent
     */
    public Tensor tensor(String name) {
        return tensors.get(name);
    }
}
