/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import java.util.Map;

/**
 * One result of {@code doctor}, {@code check} or {@code bench}, as one line of {@code --json}. A
 * component that does not apply is null.
 *
 * @param op the operation, such as {@code layer_norm}
 * @param direction {@code forward} or {@code backward}
 * @param dtype {@code f32}, {@code bf16} or {@code f16}
 * @param shape the shape as {@link CaseFile.Case#label()} writes it
 * @param device the name of the device, such as {@code cpu}
 * @param isa the instruction set level, such as {@code avx2}
 * @param threads how many threads a call may use
 * @param medianNs median time of one call, in nanoseconds
 * @param minNs least time of one call, in nanoseconds
 * @param maxNs greatest time of one call, in nanoseconds
 * @param bytes the least number of bytes that the call has to move
 * @param flops floating-point operations of the call
 * @param limit the name of the limit that {@code fraction} refers to, such as {@code copy}
 * @param fraction the achieved part of that limit, 1 being all of it
 * @param peers for each alternative, how many times faster Gatun is
 * @param maxError the greatest error, in units of the bound
 * @param errorBound the bound of the case file
 * @param passed whether every comparison held
 */
public record ResultLine(
        String op,
        String direction,
        String dtype,
        String shape,
        String device,
        String isa,
        Integer threads,
        Double medianNs,
        Double minNs,
        Double maxNs,
        Long bytes,
        Long flops,
        String limit,
        Double fraction,
        Map<String, Double> peers,
        Double maxError,
        Double errorBound,
        Boolean passed) {

    /** Copies the map. */
    public ResultLine {
        peers = peers == null ? null : Map.copyOf(peers);
    }

    /**
     * A line of a correctness check, without any timing.
     *
     * @param op the operation
     * @param direction its direction
     * @param dtype the data type
     * @param shape the shape
     * @param device the device
     * @param isa the instruction set level, or null
     * @param threads the number of threads, or null
     * @param maxError the greatest error
     * @param errorBound its bound
     * @param passed whether every comparison held
     * @return the line
     */
    public static ResultLine check(
            String op,
            String direction,
            String dtype,
            String shape,
            String device,
            String isa,
            Integer threads,
            double maxError,
            double errorBound,
            boolean passed) {
        return new ResultLine(
                op,
                direction,
                dtype,
                shape,
                device,
                isa,
                threads,
                null,
                null,
                null,
                null,
                null,
                null,
                null,
                null,
                maxError,
                errorBound,
                passed);
    }

    /**
     * What {@code --only} is matched against: {@code op/direction/dtype/shape}.
     *
     * @return the four parts joined by slashes
     */
    public String path() {
        return op + "/" + direction + "/" + dtype + "/" + shape;
    }
}
