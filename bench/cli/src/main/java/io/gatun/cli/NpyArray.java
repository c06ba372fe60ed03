/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.cli;

import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * The contents of a NumPy {@code .npy} file, in C order.
 *
 * @param type the element type of the file, such as {@code f4}; {@code V2} is how NumPy stores
 *     bfloat16
 * @param shape the sizes of the dimensions; none for a scalar
 * @param values the elements, rounded to float32 where the file holds wider ones
 */
record NpyArray(String type, long[] shape, float[] values) {
    /** The shape as in {@code [32, 4096]}. */
    static String text(long[] shape) {
        return Arrays.stream(shape)
                .mapToObj(Long::toString)
                .collect(Collectors.joining(", ", "[", "]"));
    }
}
