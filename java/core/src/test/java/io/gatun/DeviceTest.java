// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** Devices as such, and what the doctor says about them. */
class DeviceTest {
    @Test
    void theCpuSaysWhatItIs() {
        try (Device cpu = Device.cpu();
                Device again = Device.cpu()) {
            assertEquals("cpu", cpu.name());
            assertTrue(cpu.threads() >= 1);
            assertTrue(
                    cpu.description()
                            .endsWith(
                                    "; "
                                            + cpu.isa()
                                            + ", "
                                            + cpu.threads()
                                            + (cpu.threads() == 1 ? " thread" : " threads")));
            assertTrue(
                    cpu.toString().matches("cpu \\(device \\d+: " + cpu.isa() + ", .*"),
                    cpu.toString());
            assertNotEquals(cpu.toString(), again.toString());
            cpu.synchronize();
        }
        try (Device scalar = Device.cpu(CpuOptions.DEFAULT.withThreads(1).withIsa(Isa.SCALAR))) {
            assertEquals(Isa.SCALAR, scalar.isa());
            assertEquals(1, scalar.threads());
        }
    }

    @Test
    void theReferenceDeviceSaysWhatItIs() {
        try (Device reference = Device.reference()) {
            assertEquals("reference", reference.name());
            assertNull(reference.isa());
            assertEquals(1, reference.threads());
            assertEquals("pure Java, float64 inside, 1 thread", reference.description());
            reference.synchronize();
        }
    }

    @Test
    void whatIsNotThereIsUnavailable() {
        String message =
                assertThrows(DeviceUnavailableException.class, () -> Device.cuda(0)).getMessage();
        assertTrue(message.startsWith("Device cuda:0 is not available: "), message);
        assertThrows(IllegalArgumentException.class, () -> Device.cuda(-1));
        Isa foreign = System.getProperty("os.arch").equals("aarch64") ? Isa.AVX2 : Isa.NEON;
        assertThrows(
                DeviceUnavailableException.class,
                () -> Device.cpu(CpuOptions.DEFAULT.withIsa(foreign)));
        assertThrows(NullPointerException.class, () -> Device.cpu(null));
    }

    @Test
    void memoryThatCannotBeHadIsAnOutOfMemoryError() {
        try (Device cpu = Device.cpu()) {
            String message =
                    assertThrows(OutOfMemoryError.class, () -> cpu.allocate(DType.F32, 1L << 58))
                            .getMessage();
            assertTrue(message.contains("1152921504606846976 bytes"), message);
        }
    }

    @Test
    void isaCodesAreThoseOfTheLibrary() {
        for (Isa isa : Isa.values()) {
            assertSame(isa, Isa.ofCode(isa.code()));
            assertEquals(
                    isa.name().toLowerCase(java.util.Locale.ROOT),
                    io.gatun.bindings.CoreFunctions.isaName(isa.code()));
        }
        assertThrows(IllegalArgumentException.class, () -> Isa.ofCode(255));
    }

    @Test
    void theDoctorSeesTheLibrary() {
        Doctor.Report report = Doctor.report();
        assertTrue(report.nativeAccess());
        assertNull(report.failure());
        assertFalse(report.attempts().isEmpty());
        assertEquals("loaded", report.attempts().getLast().outcome());
        Doctor.Library library = report.library();
        assertEquals(1, library.abiVersion());
        assertFalse(library.buildHash().isEmpty());
        assertFalse(library.cpu().isEmpty());
        assertEquals("", library.cpuFailure());
        try (Device cpu = Device.cpu()) {
            assertEquals(cpu.isa(), library.isaChosen());
            assertEquals(cpu.threads(), library.threads());
        }
        assertTrue(library.kernels().contains(new Doctor.Kernel("rms_norm", Isa.SCALAR)));
        assertTrue(
                library.kernels().contains(new Doctor.Kernel("layer_norm", library.isaChosen())));
        assertFalse(library.gpu().isEmpty());
    }
}
