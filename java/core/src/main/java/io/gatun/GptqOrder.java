// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/** The order of inputs that GPTQ's act-order leaves. */
final class GptqOrder {
    private GptqOrder() {}

    /** The inputs ordered by group, or null where they are already. */
    static int[] permutation(LowBitSource.Gptq gptq) {
        if (gptq.gIdx() == null) {
            return null;
        }
        int inputs = (int) gptq.inputs();
        int groups = (int) SourceChecks.groups(inputs, gptq.groupSize());
        int[] next = firstPositions(gptq, inputs, groups);
        int[] permutation = new int[inputs];
        boolean ordered = true;
        for (int input = 0; input < inputs; input++) {
            int position = next[group(gptq, input, groups)]++;
            permutation[position] = input;
            ordered &= position == input;
        }
        return ordered ? null : permutation;
    }

    /** Where the inputs of each group begin, once they are ordered. */
    private static int[] firstPositions(LowBitSource.Gptq gptq, int inputs, int groups) {
        int[] counts = new int[groups];
        for (int input = 0; input < inputs; input++) {
            counts[group(gptq, input, groups)]++;
        }
        long groupSize =
                gptq.groupSize() == LowBitSource.PER_CHANNEL
                        ? Math.max(inputs, 1)
                        : gptq.groupSize();
        int[] first = new int[groups];
        for (int group = 0; group < groups; group++) {
            long expected = Math.min(groupSize, inputs - group * groupSize);
            if (counts[group] != expected) {
                throw new IllegalArgumentException(
                        "gIdx: expected %s inputs of group %s, but there are %s"
                                .formatted(expected, group, counts[group]));
            }
            first[group] = Math.toIntExact(group * groupSize);
        }
        return first;
    }

    private static int group(LowBitSource.Gptq gptq, int input, int groups) {
        int group = LowBitBytes.i32(gptq.gIdx(), 4L * input);
        if (group < 0 || group >= groups) {
            throw new IllegalArgumentException(
                    "gIdx: expected groups from 0 to %s, but that of input %s is %s"
                            .formatted(groups - 1, input, group));
        }
        return group;
    }
}
