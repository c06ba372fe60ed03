/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.DType;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * An operation in one direction, described so that the conformance suite and {@code gatun run} need
 * to know nothing else about it. A new operation is one class of this kind and one line of {@link
 * Operations}. Immutable.
 */
public interface Operation {
    /**
     * The stem of the operation in every layer.
     *
     * @return such as {@code layer_norm}
     */
    String name();

    /**
     * Its direction.
     *
     * @return forward or backward
     */
    Direction direction();

    /**
     * The C function without {@code gatun_}, which is also the name of the case file and of the
     * command.
     *
     * @return {@code layer_norm} forward, {@code layer_norm_backward} backward
     */
    default String function() {
        return direction() == Direction.FORWARD ? name() : name() + "_" + direction().label();
    }

    /**
     * One line for {@code --help}.
     *
     * @return the description
     */
    String description();

    /**
     * Whether {@code gatun run} can be made from {@link #operands()} and {@link #settings()}. An
     * operation that takes more than tensors has a command of its own, and none of both.
     *
     * @return true unless the operation says otherwise
     */
    default boolean runsOnFiles() {
        return true;
    }

    /**
     * The tensors, inputs before outputs. The first one has extent {@link Operand.Extent#FULL} or
     * {@link Operand.Extent#HEADS} and storage {@link Operand.Storage#DATA}, and so has the first
     * output that is needed, which may be computed in place of it.
     *
     * @return the operands
     */
    List<Operand> operands();

    /**
     * The scalar arguments.
     *
     * @return the settings
     */
    List<Setting> settings();

    /**
     * The shape of an output of extent {@link Operand.Extent#OWN}.
     *
     * @param output the operand
     * @param inputs the shapes of the inputs that are there, by name
     * @return its shape
     */
    default long[] shape(Operand output, Map<String, long[]> inputs) {
        throw new IllegalArgumentException(name() + " has no outputs of a shape of their own");
    }

    /**
     * How many functions operands of extent {@link Operand.Extent#FUNCTIONS} have.
     *
     * @param settings the scalar arguments
     * @return at least 1
     * @throws IllegalArgumentException if the settings do not go together
     */
    default int functions(Settings settings) {
        return 1;
    }

    /**
     * Computes, on the device of the tensors.
     *
     * @param arguments every needed operand, and those of the others that are wanted
     * @throws IllegalArgumentException if the public API rejects the arguments
     */
    void run(Arguments arguments);

    /**
     * The planned checks on one data type.
     *
     * @param cases the case file of this operation
     * @param dtype the data type
     * @return the checks, grouped by shape
     */
    List<Check> checks(CaseFile cases, DType dtype);

    /**
     * The operand of a name.
     *
     * @param name the name
     * @return the operand, if there is one
     */
    default Optional<Operand> operand(String name) {
        return operands().stream().filter(o -> o.name().equals(name)).findFirst();
    }
}
