/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.DType;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The shapes and error bounds of one operation, as written in {@code bench/cases/NAME.cases}. The
 * native tests, the benchmarks and the conformance suite read the same file; this jar carries a
 * copy as a resource.
 *
 * @param operation the C function without {@code gatun_}, such as {@code layer_norm_backward}
 * @param direction forward or backward
 * @param bounds the greatest error against the float64 reference for each data type: for float32 in
 *     units of 2<sup>-23</sup>&nbsp;(1&nbsp;+&nbsp;|y|), for 16-bit types in units in the last
 *     place
 * @param cases the shapes, in the order of the file
 */
public record CaseFile(
        String operation, Direction direction, Map<DType, Double> bounds, List<Case> cases) {
    /** What a shape is used for. */
    public enum Use {
        /** Compared with the reference. */
        CHECK,
        /** Timed. */
        BENCH,
        /** Timed in a quick run too. */
        QUICK
    }

    /**
     * One shape. Strides are in elements.
     *
     * @param rows number of rows, 0 or more
     * @param columns number of columns, 1 or more
     * @param xStride distance between the rows of the input, at least {@code columns}
     * @param yStride distance between the rows of the output, at least {@code columns}
     * @param uses what the shape is used for
     */
    public record Case(long rows, long columns, long xStride, long yStride, Set<Use> uses) {
        /** Checks the sizes. */
        public Case {
            if (rows < 0) {
                throw new IllegalArgumentException("rows: expected at least 0, but it is " + rows);
            }
            if (columns < 1) {
                throw new IllegalArgumentException(
                        "columns: expected at least 1, but it is " + columns);
            }
            checkStride("xStride", xStride, columns);
            checkStride("yStride", yStride, columns);
            uses =
                    Collections.unmodifiableSet(
                            uses.isEmpty() ? EnumSet.noneOf(Use.class) : EnumSet.copyOf(uses));
        }

        private static void checkStride(String name, long stride, long columns) {
            if (stride < columns) {
                throw new IllegalArgumentException(
                        name
                                + ": expected at least "
                                + columns
                                + " (the columns), but it is "
                                + stride);
            }
        }

        /**
         * Whether the shape has this use.
         *
         * @param use the use
         * @return whether it is listed
         */
        public boolean isFor(Use use) {
            return uses.contains(use);
        }

        /**
         * The shape as reports and {@code --only} write it: {@code 32x4096}, or {@code 2x31@33,47}
         * where the rows of input and output lie 33 and 47 elements apart.
         *
         * @return the label
         */
        public String label() {
            String size = rows + "x" + columns;
            if (xStride == columns && yStride == columns) {
                return size;
            }
            return size + "@" + (xStride == yStride ? xStride : xStride + "," + yStride);
        }
    }

    /** Copies the collections. */
    public CaseFile {
        bounds =
                Collections.unmodifiableMap(
                        bounds.isEmpty() ? new EnumMap<>(DType.class) : new EnumMap<>(bounds));
        cases = List.copyOf(cases);
    }

    /**
     * The error bound of a data type.
     *
     * @param dtype the data type
     * @return the bound
     * @throws IllegalArgumentException if the file states none
     */
    public double bound(DType dtype) {
        Double bound = bounds.get(dtype);
        if (bound == null) {
            throw new IllegalArgumentException(
                    "dtype: the cases of " + operation + " state no bound for " + dtype);
        }
        return bound;
    }

    /**
     * The shapes with a use.
     *
     * @param use the use
     * @return the shapes, in the order of the file
     */
    public List<Case> casesFor(Use use) {
        return cases.stream().filter(c -> c.isFor(use)).toList();
    }

    /**
     * Reads the case file of an operation from this jar.
     *
     * @param function the name of the file without extension: {@code layer_norm}, {@code
     *     layer_norm_backward}
     * @return the file
     * @throws IllegalArgumentException if there is no such file, or it is malformed
     */
    public static CaseFile load(String function) {
        String name = function + ".cases";
        try (InputStream in = CaseFile.class.getResourceAsStream("cases/" + name)) {
            if (in == null) {
                throw new IllegalArgumentException(
                        "function: expected the name of a case file, but there is no bench/cases/"
                                + name);
            }
            return parse(name, new String(in.readAllBytes(), StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + name, e);
        }
    }

    /**
     * Parses a case file.
     *
     * @param name the name of the file, for error messages
     * @param text its contents
     * @return the file
     * @throws IllegalArgumentException if it is malformed; the message holds the name and the line
     *     number
     */
    public static CaseFile parse(String name, String text) {
        String operation = null;
        Direction direction = null;
        Map<DType, Double> bounds = new EnumMap<>(DType.class);
        List<Case> cases = new ArrayList<>();
        int number = 0;
        for (String line : text.split("\r?\n", -1)) {
            number++;
            String[] words = line.replaceFirst("#.*", "").strip().split("\\s+");
            if (words[0].isEmpty()) {
                continue;
            }
            try {
                switch (words[0]) {
                    case "operation" -> operation = word(words, 1, "NAME");
                    case "direction" ->
                            direction = value(Direction.class, word(words, 1, "DIRECTION"));
                    case "bound" -> {
                        double bound = Double.parseDouble(word(words, 2, "VALUE"));
                        if (!(bound >= 0) || Double.isInfinite(bound)) {
                            throw new IllegalArgumentException(
                                    "bound: expected a finite number of at least 0, but it is "
                                            + words[2]);
                        }
                        bounds.put(value(DType.class, words[1]), bound);
                    }
                    case "case" -> cases.add(parseCase(words));
                    default ->
                            throw new IllegalArgumentException(
                                    "expected operation, direction, bound or case, but found "
                                            + words[0]);
                }
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException(name + ":" + number + ": " + e.getMessage(), e);
            }
        }
        if (operation == null || direction == null) {
            throw new IllegalArgumentException(
                    name
                            + ": expected a line '"
                            + (operation == null ? "operation NAME" : "direction DIRECTION")
                            + "'");
        }
        return new CaseFile(operation, direction, bounds, cases);
    }

    private static Case parseCase(String[] words) {
        word(words, 4, "ROWS COLUMNS X_STRIDE Y_STRIDE");
        Set<Use> uses = EnumSet.noneOf(Use.class);
        for (int i = 5; i < words.length; i++) {
            uses.add(value(Use.class, words[i]));
        }
        return new Case(
                Long.parseLong(words[1]),
                Long.parseLong(words[2]),
                Long.parseLong(words[3]),
                Long.parseLong(words[4]),
                uses);
    }

    private static String word(String[] words, int index, String expected) {
        if (index >= words.length) {
            throw new IllegalArgumentException(words[0] + ": expected " + expected + " after it");
        }
        return words[index];
    }

    private static <E extends Enum<E>> E value(Class<E> type, String word) {
        for (E constant : type.getEnumConstants()) {
            if (constant.name().toLowerCase(Locale.ROOT).equals(word)) {
                return constant;
            }
        }
        throw new IllegalArgumentException(
                "expected one of "
                        + Arrays.stream(type.getEnumConstants())
                                .map(e -> e.name().toLowerCase(Locale.ROOT))
                                .collect(Collectors.joining(", "))
                        + ", but found "
                        + word);
    }
}
