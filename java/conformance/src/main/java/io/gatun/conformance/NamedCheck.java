/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.DType;
import io.gatun.Device;

/** A property that is not a comparison with the reference on one recipe. */
final class NamedCheck implements Check {
    /** Tests the property. */
    @FunctionalInterface
    interface Body {
        /**
         * Returns the greatest error found.
         *
         * @throws Failure if the property does not hold
         */
        double test(Device device, long seed);
    }

    /** The property does not hold. */
    static final class Failure extends RuntimeException {
        private static final long serialVersionUID = 1;

        Failure(String message) {
            super(message);
        }
    }

    private final Operation operation;
    private final DType dtype;
    private final String shape;
    private final String name;
    private final double bound;
    private final Body body;

    NamedCheck(
            Operation operation, DType dtype, String shape, String name, double bound, Body body) {
        this.operation = operation;
        this.dtype = dtype;
        this.shape = shape;
        this.name = name;
        this.bound = bound;
        this.body = body;
    }

    @Override
    public Operation operation() {
        return operation;
    }

    @Override
    public DType dtype() {
        return dtype;
    }

    @Override
    public String shape() {
        return shape;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public Trial prepare(long seed) {
        return device -> {
            try {
                double error = body.test(device, seed);
                return new Outcome(
                        error,
                        bound,
                        error <= bound
                                ? null
                                : "the error is "
                                        + (float) error
                                        + ", but the bound is "
                                        + (float) bound);
            } catch (Failure | Call.MemoryViolation e) {
                return new Outcome(0, bound, e.getMessage());
            }
        };
    }
}
