/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.cli;

import io.gatun.CpuOptions;
import io.gatun.Device;
import io.gatun.DeviceUnavailableException;
import io.gatun.Isa;
import io.gatun.conformance.Suite;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** Devices by the names that the command line uses. */
final class Devices {
    /** For the help of the options. */
    static final String DEVICE_HELP = "cpu, reference, or cuda:INDEX.";

    private Devices() {}

    /**
     * Opens devices, to be closed with {@link #close}.
     *
     * @param name cpu, reference, or cuda:INDEX
     * @param isa the name of a level of the CPU device, {@code all} for each of this machine, or
     *     null for the best
     * @param threads for the CPU device; 0 for the default
     */
    static List<Device> open(String name, String isa, int threads) {
        if (threads < 0) {
            throw new UserException("--threads: expected at least 0, but it is " + threads);
        }
        if (!name.equals("cpu") && isa != null && !isa.equals("all")) {
            throw new UserException(
                    "--isa: only the device cpu has levels, but --device is " + name);
        }
        try {
            if (name.equals("reference")) {
                return List.of(Device.reference());
            }
            if (name.equals("cpu")) {
                return openCpu(isa, threads);
            }
            if (name.matches("cuda(:\\d{1,3})?")) {
                int index =
                        name.equals("cuda")
                                ? 0
                                : Integer.parseInt(name.substring("cuda:".length()));
                return List.of(Device.cuda(index));
            }
        } catch (DeviceUnavailableException e) {
            throw new UserException("--device " + name + ": " + e.getMessage(), e);
        }
        throw new UserException(
                "--device: expected cpu, reference, or cuda:INDEX, but it is '" + name + "'");
    }

    private static List<Device> openCpu(String isa, int threads) {
        if (isa == null) {
            return List.of(Device.cpu(new CpuOptions(threads, null)));
        }
        if (isa.equals("all")) {
            List<Device> devices = Suite.cpuDevices(threads);
            // Where there is none, this says why.
            return devices.isEmpty() ? List.of(Device.cpu(new CpuOptions(threads, null))) : devices;
        }
        Isa level = level(isa);
        Device device = Device.cpu(new CpuOptions(threads, level));
        if (device.isa() != level) {
            String got = label(device.isa());
            device.close();
            throw new UserException(
                    "--isa "
                            + isa
                            + ": this machine has no such level (it would take "
                            + got
                            + ")");
        }
        return List.of(device);
    }

    /** The level of a name. */
    static Isa level(String name) {
        return Arrays.stream(Isa.values())
                .filter(i -> label(i).equals(name))
                .findFirst()
                .orElseThrow(
                        () ->
                                new UserException(
                                        "--isa: expected one of "
                                                + Arrays.stream(Isa.values())
                                                        .map(Devices::label)
                                                        .collect(Collectors.joining(", "))
                                                + ", but it is '"
                                                + name
                                                + "'"));
    }

    static String label(Isa isa) {
        return isa == null ? "" : isa.name().toLowerCase(Locale.ROOT);
    }

    /** Device and level: {@code cpu avx2}. */
    static String label(Device device) {
        return device.isa() == null ? device.name() : device.name() + " " + label(device.isa());
    }

    static void close(List<Device> devices) {
        for (Device device : devices) {
            // The reference device holds nothing and is shared.
            if (!device.name().equals("reference")) {
                device.close();
            }
        }
    }
}
