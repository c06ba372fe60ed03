// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.bindings.generated.gatun_h;
import java.io.IOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Parameter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The C headers, the generated bindings and the function classes say the same. */
class HeaderDriftTest {

    private static final String REMEDY =
            ": native/include and the generated bindings differ; run bindings/regenerate";
    private static final String DESCRIPTOR = "$descriptor";
    private static final String CRITICAL = "Critical";

    /** Classes without kernels, or with such that never take heap memory. */
    private static final Set<Class<?>> PLAIN =
            Set.of(CoreFunctions.class, LowBitFunctions.class, LowBitMatrixFunctions.class);

    private final CHeader header = CHeader.read();

    @Test
    void theUmbrellaHeaderIncludesEveryHeader() throws IOException {
        try (Stream<Path> files = Files.list(CHeader.directory().resolve("gatun"))) {
            assertEquals(
                    files.collect(Collectors.toSet()),
                    new HashSet<>(CHeader.files()),
                    "the headers in native/include/gatun and those that gatun.h includes");
        }
        assertFalse(header.functions().isEmpty(), "no function was found in " + CHeader.files());
    }

    @Test
    void everyConstantHasItsValue() throws ReflectiveOperationException {
        TreeMap<String, Integer> generated = new TreeMap<>();
        for (Method method : gatun_h.class.getMethods()) {
            if (method.getName().startsWith("GATUN_")) {
                generated.put(method.getName(), (Integer) method.invoke(null));
            }
        }
        assertEquals(new TreeMap<>(header.constants()), generated, "constants" + REMEDY);
    }

    @Test
    void everyFunctionIsBoundAndNoOther() {
        Set<String> generated =
                Arrays.stream(gatun_h.class.getMethods())
                        .map(Method::getName)
                        .filter(name -> name.endsWith(DESCRIPTOR))
                        .map(name -> name.substring(0, name.length() - DESCRIPTOR.length()))
                        .collect(Collectors.toCollection(TreeSet::new));
        assertEquals(new TreeSet<>(header.functions().keySet()), generated, "functions" + REMEDY);
    }

    @Test
    void everyFunctionHasItsDescriptor() throws ReflectiveOperationException {
        for (CHeader.Function function : header.functions().values()) {
            Method method = gatun_h.class.getMethod(function.name() + DESCRIPTOR);
            FunctionDescriptor descriptor = (FunctionDescriptor) method.invoke(null);
            FunctionDescriptor expected =
                    FunctionDescriptor.of(
                            layout(function.result()),
                            function.arguments().stream()
                                    .map(argument -> layout(argument.type()))
                                    .toArray(MemoryLayout[]::new));
            assertEquals(expected, descriptor, function.name() + REMEDY);
        }
    }

    @Test
    void everyFunctionHasItsArgumentsInOrder() {
        for (CHeader.Function function : header.functions().values()) {
            Method method = methodNamed(gatun_h.class, function.name(), REMEDY);
            assertEquals(
                    function.arguments().stream().map(HeaderDriftTest::describe).toList(),
                    describeParameters(method),
                    function.name() + REMEDY);
        }
    }

    @Test
    void everyFunctionHasAMethodWithItsArgumentsInOrder() throws IOException {
        List<Class<?>> classes = functionClasses();
        for (CHeader.Function function : header.functions().values()) {
            String name = camelCase(function.name().substring("gatun_".length()));
            List<Class<?>> owners =
                    classes.stream()
                            .filter(
                                    type ->
                                            publicStatic(type)
                                                    .anyMatch(m -> m.getName().equals(name)))
                            .toList();
            assertEquals(1, owners.size(), "the classes that have " + name + ": " + owners);
            List<String> expected =
                    function.arguments().stream()
                            .map(HeaderDriftTest::describe)
                            .map(HeaderDriftTest::camelCase)
                            .toList();
            String hint = ": " + owners.getFirst().getSimpleName() + " must follow the header";
            assertEquals(
                    expected,
                    describeParameters(methodNamed(owners.getFirst(), name, hint)),
                    name + hint);
        }
    }

    @Test
    void everyKernelHasACriticalMethodWithTheSameArguments() throws IOException {
        for (Class<?> type : functionClasses()) {
            if (PLAIN.contains(type)) {
                continue;
            }
            List<Method> critical =
                    publicStatic(type)
                            .filter(method -> method.getName().endsWith(CRITICAL))
                            .toList();
            Set<String> kernels =
                    publicStatic(type)
                            .map(Method::getName)
                            .filter(name -> !name.endsWith(CRITICAL) && !name.endsWith("Scratch"))
                            .map(name -> name + CRITICAL)
                            .collect(Collectors.toSet());
            assertEquals(
                    kernels, critical.stream().map(Method::getName).collect(Collectors.toSet()));
            for (Method method : critical) {
                String name = method.getName();
                String plain = name.substring(0, name.length() - CRITICAL.length());
                assertEquals(
                        describeParameters(methodNamed(type, plain, "")),
                        describeParameters(method),
                        name);
            }
        }
    }

    @Test
    void plainClassesHaveNoCriticalMethod() {
        for (Class<?> type : PLAIN) {
            assertTrue(
                    publicStatic(type).noneMatch(m -> m.getName().endsWith(CRITICAL)),
                    type.getName());
        }
    }

    /** CoreFunctions for gatun/core.h, and several classes for the subjects of a family. */
    private static List<Class<?>> functionClasses() throws IOException {
        Path sources =
                Path.of(System.getProperty("basedir", "."))
                        .resolve("src/main/java/io/gatun/bindings");
        List<Class<?>> classes = new ArrayList<>();
        try (Stream<Path> files = Files.list(sources)) {
            for (Path file : files.sorted().toList()) {
                String name = file.getFileName().toString();
                if (name.endsWith("Functions.java")) {
                    classes.add(classNamed(name.replace(".java", "")));
                }
            }
        }
        assertFalse(classes.isEmpty(), "no class of functions in " + sources);
        return classes;
    }

    private static Class<?> classNamed(String simpleName) {
        try {
            return Class.forName(HeaderDriftTest.class.getPackageName() + "." + simpleName);
        } catch (ClassNotFoundException e) {
            throw new AssertionError(e);
        }
    }

    private static Stream<Method> publicStatic(Class<?> type) {
        return Arrays.stream(type.getDeclaredMethods())
                .filter(method -> Modifier.isPublic(method.getModifiers()));
    }

    private static Method methodNamed(Class<?> type, String name, String hint) {
        return publicStatic(type)
                .filter(method -> method.getName().equals(name))
                .findFirst()
                .orElseThrow(() -> new AssertionError(type.getName() + " has no " + name + hint));
    }

    private static List<String> describeParameters(Method method) {
        return Arrays.stream(method.getParameters()).map(HeaderDriftTest::describe).toList();
    }

    private static String describe(Parameter parameter) {
        return parameter.getType().getSimpleName() + " " + parameter.getName();
    }

    private static String describe(CHeader.Argument argument) {
        return carrier(argument.type()).getSimpleName() + " " + argument.name();
    }

    private static String camelCase(String snakeCase) {
        return Pattern.compile("_([a-z])")
                .matcher(snakeCase)
                .replaceAll(match -> match.group(1).toUpperCase());
    }

    private static Class<?> carrier(CHeader.Type type) {
        return switch (type) {
            case INT -> int.class;
            case LONG_LONG -> long.class;
            case FLOAT -> float.class;
            case DOUBLE -> double.class;
            case POINTER -> MemorySegment.class;
        };
    }

    private static MemoryLayout layout(CHeader.Type type) {
        return switch (type) {
            case INT -> gatun_h.C_INT;
            case LONG_LONG -> gatun_h.C_LONG_LONG;
            case FLOAT -> gatun_h.C_FLOAT;
            case DOUBLE -> gatun_h.C_DOUBLE;
            case POINTER -> gatun_h.C_POINTER;
        };
    }
}
