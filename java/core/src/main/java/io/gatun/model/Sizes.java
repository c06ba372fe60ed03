// SPDX-License-Identifier: Apache-2.0
package io.gatun.model;

/** How many bytes a tensor of a file takes, for sizes that may be anything. */
final class Sizes {
    private Sizes() {}

    /**
     * The number of bytes; -1 if a size is negative, if elements or bytes are 2^63 or more (sizes
     * of 0 do not excuse the others), or if the elements are not whole blocks.
     */
    static long bytes(TensorType type, long[] shape) {
        long product = 1;
        boolean empty = false;
        for (long size : shape) {
            if (size < 0 || size != 0 && product > Long.MAX_VALUE / size) {
                return -1;
            }
            empty |= size == 0;
            product *= Math.max(size, 1);
        }
        if (empty) {
            return 0;
        }
        long blocks = product / type.blockElements();
        if (product % type.blockElements() != 0 || blocks > Long.MAX_VALUE / type.blockBytes()) {
            return -1;
        }
        return blocks * type.blockBytes();
    }
}
