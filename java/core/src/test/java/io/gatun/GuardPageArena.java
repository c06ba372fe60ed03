// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * Memory between pages that cannot be touched: a kernel that reads or writes one byte too many ends
 * the JVM. Linux and macOS.
 */
@SuppressWarnings("restricted")
final class GuardPageArena implements AutoCloseable {
    private static final int PROT_NONE = 0;
    private static final int PROT_READ_WRITE = 3;
    private static final int MAP_PRIVATE_ANONYMOUS =
            System.getProperty("os.name").startsWith("Mac") ? 0x1002 : 0x22;

    /** At least the page size of every supported system. */
    private static final long PAGE = 65536;

    private static final Linker LINKER = Linker.nativeLinker();
    private static final SymbolLookup LIBRARY = LINKER.defaultLookup();
    private static final MethodHandle MMAP =
            LINKER.downcallHandle(
                    LIBRARY.find("mmap").orElseThrow(),
                    FunctionDescriptor.of(
                            ValueLayout.ADDRESS,
                            ValueLayout.ADDRESS,
                            ValueLayout.JAVA_LONG,
                            ValueLayout.JAVA_INT,
                            ValueLayout.JAVA_INT,
                            ValueLayout.JAVA_INT,
                            ValueLayout.JAVA_LONG));
    private static final MethodHandle MPROTECT =
            LINKER.downcallHandle(
                    LIBRARY.find("mprotect").orElseThrow(),
                    FunctionDescriptor.of(
                            ValueLayout.JAVA_INT,
                            ValueLayout.ADDRESS,
                            ValueLayout.JAVA_LONG,
                            ValueLayout.JAVA_INT));
    private static final MethodHandle MUNMAP =
            LINKER.downcallHandle(
                    LIBRARY.find("munmap").orElseThrow(),
                    FunctionDescriptor.of(
                            ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG));

    private final Arena arena = Arena.ofShared();

    /** Memory whose last byte stands before a guard page. */
    MemorySegment endingAtGuard(long bytes) {
        MemorySegment pages = map(bytes);
        return pages.asSlice(pages.byteSize() - bytes);
    }

    /** Memory whose first byte stands behind a guard page. */
    MemorySegment beginningAtGuard(long bytes) {
        return map(bytes).asSlice(0, bytes);
    }

    private MemorySegment map(long bytes) {
        long inside = (bytes + PAGE - 1) / PAGE * PAGE;
        long whole = inside + 2 * PAGE;
        try {
            MemorySegment base =
                    (MemorySegment)
                            MMAP.invokeExact(
                                    MemorySegment.NULL,
                                    whole,
                                    PROT_NONE,
                                    MAP_PRIVATE_ANONYMOUS,
                                    -1,
                                    0L);
            if (base.address() == -1) {
                throw new OutOfMemoryError("mmap of " + whole + " bytes failed");
            }
            MemorySegment open = MemorySegment.ofAddress(base.address() + PAGE);
            int status = (int) MPROTECT.invokeExact(open, inside, PROT_READ_WRITE);
            if (status != 0) {
                throw new IllegalStateException("mprotect failed");
            }
            return open.reinterpret(inside, arena, ignored -> unmap(base, whole));
        } catch (RuntimeException | Error thrown) {
            throw thrown;
        } catch (Throwable impossible) {
            throw new AssertionError(impossible);
        }
    }

    private static void unmap(MemorySegment base, long bytes) {
        try {
            int status = (int) MUNMAP.invokeExact(base, bytes);
            if (status != 0) {
                throw new IllegalStateException("munmap failed");
            }
        } catch (RuntimeException | Error thrown) {
            throw thrown;
        } catch (Throwable impossible) {
            throw new AssertionError(impossible);
        }
    }

    @Override
    public void close() {
        arena.close();
    }
}
