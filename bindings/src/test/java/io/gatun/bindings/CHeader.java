// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What the C headers declare, as far as the bindings see it. Understands the C of these headers
 * only, and fails on what it does not know.
 *
 * @param functions by name
 * @param constants of enums and {@code #define}s, by name
 */
record CHeader(Map<String, Function> functions, Map<String, Integer> constants) {

    /** The types that cross the border; a pointer is a pointer, whatever it points to. */
    enum Type {
        INT,
        LONG_LONG,
        FLOAT,
        DOUBLE,
        POINTER
    }

    record Argument(Type type, String name) {}

    record Function(String name, Type result, List<Argument> arguments) {}

    private static final Pattern COMMENT = Pattern.compile("/\\*.*?\\*/", Pattern.DOTALL);
    private static final Pattern INCLUDE = Pattern.compile("#include \"(.*)\"");
    private static final Pattern DEFINE =
            Pattern.compile("^#define (GATUN_\\w+) (-?\\d+)$", Pattern.MULTILINE);
    private static final Pattern ENUM =
            Pattern.compile("enum gatun_\\w+ \\{(.*?)\\}", Pattern.DOTALL);
    private static final Pattern ENUM_CONSTANT = Pattern.compile("(GATUN_\\w+) = (-?\\d+)");
    private static final Pattern FUNCTION =
            Pattern.compile("GATUN_API ([\\w ]+?[ *]+)(gatun_\\w+)\\(([^)]*)\\);");
    private static final Pattern ARGUMENT = Pattern.compile("(.*[ *])(\\w+)");

    /** The folder of gatun.h. */
    static Path directory() {
        return Path.of(System.getProperty("basedir", ".")).resolve("../native/include").normalize();
    }

    /** The headers that gatun.h includes. */
    static List<Path> files() {
        return matches(INCLUDE, read(directory().resolve("gatun.h")))
                .map(include -> directory().resolve(include.group(1)))
                .toList();
    }

    static CHeader read() {
        String text = files().stream().map(CHeader::read).collect(Collectors.joining("\n"));
        String code = COMMENT.matcher(text).replaceAll(" ");
        Map<String, Integer> constants = new LinkedHashMap<>();
        matches(DEFINE, code).forEach(m -> constants.put(m.group(1), Integer.valueOf(m.group(2))));
        matches(ENUM, code)
                .flatMap(body -> matches(ENUM_CONSTANT, body.group(1)))
                .forEach(m -> constants.put(m.group(1), Integer.valueOf(m.group(2))));
        Map<String, Function> functions = new LinkedHashMap<>();
        matches(FUNCTION, code)
                .map(m -> new Function(m.group(2), type(m.group(1)), arguments(m.group(3))))
                .forEach(function -> functions.put(function.name(), function));
        return new CHeader(functions, constants);
    }

    private static List<Argument> arguments(String text) {
        List<Argument> arguments = new ArrayList<>();
        if (!text.strip().equals("void")) {
            for (String part : text.split(",")) {
                var matcher = ARGUMENT.matcher(part.strip());
                if (!matcher.matches()) {
                    throw new IllegalArgumentException("not an argument: " + part);
                }
                arguments.add(new Argument(type(matcher.group(1)), matcher.group(2)));
            }
        }
        return arguments;
    }

    private static Type type(String text) {
        if (text.contains("*")) {
            return Type.POINTER;
        }
        return switch (text.strip()) {
            case "int" -> Type.INT;
            case "long long" -> Type.LONG_LONG;
            case "float" -> Type.FLOAT;
            case "double" -> Type.DOUBLE;
            default -> throw new IllegalArgumentException("not a type of the ABI: " + text);
        };
    }

    private static Stream<MatchResult> matches(Pattern pattern, String text) {
        return pattern.matcher(text).results();
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
