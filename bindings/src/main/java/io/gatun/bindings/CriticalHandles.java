// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** Links functions for calls that take heap segments without a copy. */
final class CriticalHandles {

    private CriticalHandles() {}

    @SuppressWarnings("restricted")
    static MethodHandle link(MemorySegment address, FunctionDescriptor descriptor) {
        return Linker.nativeLinker()
                .downcallHandle(address, descriptor, Linker.Option.critical(true));
    }

    /** A downcall itself throws no checked exception; what it throws passes through. */
    static RuntimeException rethrow(Throwable thrown) {
        if (thrown instanceof Error error) {
            throw error;
        }
        if (thrown instanceof RuntimeException exception) {
            throw exception;
        }
        throw new AssertionError("a downcall threw a checked exception", thrown);
    }
}
