/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * One scalar argument of an operation.
 *
 * @param name the name with hyphens, as on a command line: {@code eps-mode}
 * @param defaultValue the value where none is given: a {@link Float}, a {@link Long}, a {@link
 *     Boolean} or an enum constant
 * @param description one line for {@code --help}
 */
public record Setting(String name, Object defaultValue, String description) {
    /** Checks the type of the default value. */
    public Setting {
        if (!(defaultValue instanceof Float
                || defaultValue instanceof Long
                || defaultValue instanceof Boolean
                || defaultValue instanceof Enum<?>)) {
            throw new IllegalArgumentException(
                    "defaultValue: expected a Float, a Long, a Boolean or an enum constant");
        }
    }

    /**
     * The values that a text may have, for {@code --help}.
     *
     * @return {@code NUMBER}, {@code COUNT}, {@code true|false}, or the constants in lower case
     *     with hyphens, joined by bars
     */
    public String syntax() {
        return switch (defaultValue) {
            case Float f -> "NUMBER";
            case Long l -> "COUNT";
            case Boolean b -> "true|false";
            default -> constants("|");
        };
    }

    /**
     * Reads a value of this setting's type.
     *
     * @param text the text
     * @return a value of the type of the default value
     * @throws IllegalArgumentException if the text is not such a value; the message names the
     *     setting
     */
    public Object parse(String text) {
        try {
            if (defaultValue instanceof Float) {
                return Float.valueOf(text);
            }
            if (defaultValue instanceof Long) {
                return Long.valueOf(text);
            }
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(
                    name
                            + ": expected a "
                            + (defaultValue instanceof Float ? "number" : "whole number")
                            + ", but it is '"
                            + text
                            + "'",
                    e);
        }
        if (defaultValue instanceof Boolean) {
            if (text.equals("true") || text.equals("false")) {
                return Boolean.valueOf(text);
            }
            throw new IllegalArgumentException(
                    name + ": expected true or false, but it is '" + text + "'");
        }
        for (Object constant : ((Enum<?>) defaultValue).getDeclaringClass().getEnumConstants()) {
            if (label(constant).equals(text)) {
                return constant;
            }
        }
        throw new IllegalArgumentException(
                name + ": expected one of " + constants(", ") + ", but it is '" + text + "'");
    }

    /**
     * A value as {@link #parse} reads it.
     *
     * @param value a value
     * @return its text
     */
    public static String label(Object value) {
        return value instanceof Enum<?> e
                ? e.name().toLowerCase(Locale.ROOT).replace('_', '-')
                : String.valueOf(value);
    }

    private String constants(String separator) {
        return Arrays.stream(((Enum<?>) defaultValue).getDeclaringClass().getEnumConstants())
                .map(Setting::label)
                .collect(Collectors.joining(separator));
    }
}
