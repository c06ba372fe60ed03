// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * The counter-based generator Philox-4x32 with 10 rounds (Salmon, Moraes, Dror, Shaw: Parallel
 * random numbers: as easy as 1, 2, 3, SC 2011). Each number is a function of seed and place, so
 * that a backward pass makes the numbers of the forward pass again, on any device.
 */
final class Philox {
    private static final long MULTIPLIER_0 = 0xd2511f53L;
    private static final long MULTIPLIER_1 = 0xcd9e8d57L;
    private static final int WEYL_0 = 0x9e3779b9;
    private static final int WEYL_1 = 0xbb67ae85;
    private static final int ROUNDS = 10;

    private Philox() {}

    /** The four words of a counter of two times 64 bits under a key, lesser halves first. */
    static int[] block(long key, long counterLow, long counterHigh) {
        int key0 = (int) key;
        int key1 = (int) (key >>> 32);
        int[] c = {
            (int) counterLow,
            (int) (counterLow >>> 32),
            (int) counterHigh,
            (int) (counterHigh >>> 32)
        };
        for (int round = 0; round < ROUNDS; round++) {
            long product0 = MULTIPLIER_0 * (c[0] & 0xffffffffL);
            long product1 = MULTIPLIER_1 * (c[2] & 0xffffffffL);
            c =
                    new int[] {
                        (int) (product1 >>> 32) ^ c[1] ^ key0,
                        (int) product1,
                        (int) (product0 >>> 32) ^ c[3] ^ key1,
                        (int) product0
                    };
            key0 += WEYL_0;
            key1 += WEYL_1;
        }
        return c;
    }
}
