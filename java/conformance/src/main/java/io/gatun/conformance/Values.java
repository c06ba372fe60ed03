/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import java.util.Arrays;

/** Makes the values of an input, the same ones for the same seed on every platform. */
@FunctionalInterface
interface Values {
    /** How many elements the table of normal values has; a power of 2. */
    int TABLE_SIZE = 1 << 14;

    /** Fills a dense {@code [rows, columns]} array. */
    void fill(float[] values, int rows, int columns, Source random);

    /**
     * SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014).
     */
    final class Source {
        private static final float[] NORMAL = normalTable();

        private long state;

        Source(long seed) {
            state = seed;
        }

        long nextLong() {
            state += 0x9e3779b97f4a7c15L;
            return mix(state);
        }

        static long mix(long z) {
            z = (z ^ z >>> 30) * 0xbf58476d1ce4e5b9L;
            z = (z ^ z >>> 27) * 0x94d049bb133111ebL;
            return z ^ z >>> 31;
        }

        /** Uniform in [0, 1). */
        double nextDouble() {
            return (nextLong() >>> 11) * 0x1p-53;
        }

        /**
         * Approximately normal with mean 0 and deviation 1. The sum of two table entries is much
         * faster than a logarithm for each value, and gives more than enough different ones.
         */
        double nextNormal() {
            long bits = nextLong();
            int first = (int) bits & TABLE_SIZE - 1;
            int second = (int) (bits >>> 32) & TABLE_SIZE - 1;
            return (NORMAL[first] + NORMAL[second]) * Math.sqrt(0.5);
        }

        /** Box and Muller's method, in StrictMath so that every platform has the same table. */
        private static float[] normalTable() {
            Source source = new Source(1);
            float[] table = new float[TABLE_SIZE];
            for (int i = 0; i < table.length; i++) {
                double radius = StrictMath.sqrt(-2 * StrictMath.log(1 - source.nextDouble()));
                table[i] = (float) (radius * StrictMath.cos(2 * Math.PI * source.nextDouble()));
            }
            return table;
        }
    }

    static Values normal(double base, double scale) {
        return (values, rows, columns, random) -> {
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) (base + scale * random.nextNormal());
            }
        };
    }

    static Values uniform(double from, double to) {
        return (values, rows, columns, random) -> {
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) (from + (to - from) * random.nextDouble());
            }
        };
    }

    /** Uniform magnitudes with random signs. */
    static Values signed(double from, double to) {
        return (values, rows, columns, random) -> {
            for (int i = 0; i < values.length; i++) {
                double magnitude = from + (to - from) * random.nextDouble();
                values[i] = (float) ((random.nextLong() & 1) == 0 ? magnitude : -magnitude);
            }
        };
    }

    /**
     * Whole numbers from -limit to limit, each times a power of 2, so that sums of them are exact.
     */
    static Values integers(int limit, double unit) {
        return (values, rows, columns, random) -> {
            for (int i = 0; i < values.length; i++) {
                values[i] =
                        (float)
                                (unit
                                        * ((int) Math.floorMod(random.nextLong(), 2L * limit + 1)
                                                - limit));
            }
        };
    }

    /** These numbers in turn. */
    static Values cycle(float... numbers) {
        return (values, rows, columns, random) -> {
            for (int i = 0; i < values.length; i++) {
                values[i] = numbers[i % numbers.length];
            }
        };
    }

    static Values constant(double value) {
        return (values, rows, columns, random) -> Arrays.fill(values, (float) value);
    }

    /** Each row has one element that is not 0, at a random place. */
    static Values oneHot(double value) {
        return (values, rows, columns, random) -> {
            Arrays.fill(values, 0);
            for (int row = 0; row < rows; row++) {
                values[row * columns + (int) Math.floorMod(random.nextLong(), (long) columns)] =
                        (float) value;
            }
        };
    }

    static Values alternating(double value) {
        return (values, rows, columns, random) -> {
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) (i % columns % 2 == 0 ? value : -value);
            }
        };
    }

    /** Every row of another kind: normal about 0 and about 100, all zero, constant, one-hot. */
    static Values mixedRows() {
        return (values, rows, columns, random) -> {
            for (int row = 0; row < rows; row++) {
                int start = row * columns;
                for (int i = start; i < start + columns; i++) {
                    values[i] =
                            (float)
                                    switch (row % 5) {
                                        case 0 -> random.nextNormal();
                                        case 1 -> 100 + random.nextNormal();
                                        case 2 -> 0;
                                        case 3 -> 0.3;
                                        default -> i == start ? -3 : 0;
                                    };
                }
            }
        };
    }

    /** These values, but in every second row, the first one included, one element is replaced. */
    default Values with(float special, Position position) {
        return (values, rows, columns, random) -> {
            fill(values, rows, columns, random);
            for (int row = 0; row < rows; row += 2) {
                values[row * columns + position.index(columns)] = special;
            }
        };
    }

    /** Where a special value stands in its row. */
    enum Position {
        FIRST,
        MIDDLE,
        TAIL;

        int index(int columns) {
            return switch (this) {
                case FIRST -> 0;
                case MIDDLE -> columns / 2;
                case TAIL -> columns - 1;
            };
        }
    }
}
