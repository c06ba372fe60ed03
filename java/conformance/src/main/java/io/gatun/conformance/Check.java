/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.DType;
import io.gatun.Device;

/** One reproducible comparison: an operation, a data type, a shape, and what it is computed on. */
public interface Check {
    /**
     * The operation under test.
     *
     * @return the operation
     */
    Operation operation();

    /**
     * The data type.
     *
     * @return the type of x and y
     */
    DType dtype();

    /**
     * The shape, as {@link CaseFile.Case#label()} writes it.
     *
     * @return the label
     */
    String shape();

    /**
     * The name, unique among the checks of the same operation, data type and shape.
     *
     * @return such as {@code base-1e4}
     */
    String name();

    /**
     * The group that this check belongs to.
     *
     * @return {@code op/direction/dtype/shape}
     */
    default String group() {
        return operation().name()
                + "/"
                + operation().direction().label()
                + "/"
                + ErrorMeasure.label(dtype())
                + "/"
                + shape();
    }

    /**
     * The full path, which {@code --only} may name as well.
     *
     * @return {@code op/direction/dtype/shape/name}
     */
    default String path() {
        return group() + "/" + name();
    }

    /**
     * Makes the inputs, and what does not depend on the device under test.
     *
     * @param seed determines every random number
     * @return the prepared comparison, which may be run on many devices one after another
     */
    Trial prepare(long seed);

    /** A prepared comparison. */
    @FunctionalInterface
    interface Trial {
        /**
         * Computes and compares.
         *
         * @param device the device under test
         * @return the outcome
         */
        Outcome run(Device device);
    }

    /**
     * What a comparison found.
     *
     * @param maxError the greatest error of the primary outputs, in the unit of the bound
     * @param bound the greatest error allowed
     * @param failure null if all held, else what did not, with everything needed to understand it
     */
    record Outcome(double maxError, double bound, String failure) {
        /**
         * Whether all held.
         *
         * @return whether there is no failure
         */
        public boolean passed() {
            return failure == null;
        }
    }
}
