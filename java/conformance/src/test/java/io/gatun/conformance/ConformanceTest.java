/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.DynamicContainer.dynamicContainer;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import io.gatun.Device;
import io.gatun.Doctor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicNode;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * The whole suite on the reference device and on the CPU at every instruction set level of this
 * machine.
 */
final class ConformanceTest {
    private static final List<Device> DEVICES = new ArrayList<>();

    @BeforeAll
    static void openDevices() {
        DEVICES.add(Device.reference());
        DEVICES.addAll(Suite.cpuDevices(2));
    }

    @AfterAll
    static void closeDevices() {
        DEVICES.stream().skip(1).forEach(Device::close);
    }

    @Test
    void theNativeLibraryIsTested() {
        // Without this a build whose library does not load would pass on the reference device
        // alone.
        assertTrue(DEVICES.size() > 1, () -> "no CPU device: " + Doctor.report().failure());
    }

    @TestFactory
    Stream<DynamicNode> conformance() {
        Map<String, List<Check>> groups =
                Suite.checks(Glob.ALL).stream()
                        .collect(
                                Collectors.groupingBy(
                                        Check::group, LinkedHashMap::new, Collectors.toList()));
        return groups.entrySet().stream()
                .map(group -> dynamicContainer(group.getKey(), tests(group.getValue())));
    }

    /**
     * One test for each device; inputs and expected results are made once for all of them, when the
     * first one runs.
     */
    private static Stream<DynamicNode> tests(List<Check> checks) {
        Map<Device, List<CheckResult>> results = new LinkedHashMap<>();
        return DEVICES.stream()
                .map(
                        device ->
                                dynamicTest(
                                        device.name()
                                                + (device.isa() == null ? "" : " " + device.isa()),
                                        () -> {
                                            if (results.isEmpty()) {
                                                run(checks, results);
                                            }
                                            List<CheckResult> own = results.remove(device);
                                            assertEquals(checks.size(), own.size());
                                            List<String> failures =
                                                    own.stream()
                                                            .filter(r -> !r.passed())
                                                            .map(CheckResult::failure)
                                                            .toList();
                                            assertTrue(
                                                    failures.isEmpty(),
                                                    () -> String.join("\n\n", failures));
                                        }));
    }

    private static void run(List<Check> checks, Map<Device, List<CheckResult>> results) {
        DEVICES.forEach(device -> results.put(device, new ArrayList<>()));
        for (Check check : checks) {
            Check.Trial trial = Suite.prepare(check, 0);
            DEVICES.forEach(
                    device -> results.get(device).add(Suite.result(check, trial, device, 0)));
        }
    }

    @Test
    void namesAreUnique() {
        List<String> paths = Suite.checks(Glob.ALL).stream().map(Check::path).toList();
        Map<String, Long> counts =
                paths.stream().collect(Collectors.groupingBy(p -> p, Collectors.counting()));
        List<String> repeated = counts.keySet().stream().filter(p -> counts.get(p) > 1).toList();
        assertEquals(List.of(), repeated);
    }

    @Test
    void everyRecipeRunsOnALargeShape() {
        // Larger shapes share the recipes among them; none may be left out.
        List<Check> checks = Suite.checks(new Glob("layer_norm/forward/f32/*"));
        List<String> small = names(checks, "33x64");
        assertFalse(small.isEmpty());
        List<String> large =
                checks.stream()
                        .filter(
                                c -> {
                                    String[] size = c.shape().split("[x@,]");
                                    return Long.parseLong(size[0]) * Long.parseLong(size[1]) > 2200;
                                })
                        .map(Check::name)
                        .distinct()
                        .toList();
        List<String> missing =
                names(checks, "2x768@768,784").isEmpty()
                        ? List.of()
                        : small.stream().filter(n -> !large.contains(n)).toList();
        assertEquals(List.of(), missing);
    }

    private static List<String> names(List<Check> checks, String shape) {
        return checks.stream().filter(c -> c.shape().equals(shape)).map(Check::name).toList();
    }
}
