// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;

import io.gatun.bindings.generated.gatun_h;
import java.net.URL;
import java.net.URLClassLoader;
import org.junit.jupiter.api.Test;

/** Two copies of the bindings in one process, as two web applications have them. */
class TwoClassLoadersTest {

    @Test
    void bothLoadAndUseTheLibrary() throws Exception {
        URL[] bindings = {NativeLibrary.class.getProtectionDomain().getCodeSource().getLocation()};
        // Any other parent finds the classes of the module path, and so one copy for both.
        ClassLoader parent = null;
        try (URLClassLoader first = new URLClassLoader(bindings, parent);
                URLClassLoader second = new URLClassLoader(bindings, parent)) {
            assertNotSame(coreFunctions(first), coreFunctions(second));
            for (int round = 0; round < 2; round++) {
                assertEquals(gatun_h.GATUN_ABI_VERSION(), abiVersion(first));
                assertEquals(gatun_h.GATUN_ABI_VERSION(), abiVersion(second));
            }
            assertEquals(CoreFunctions.buildHash(), buildHash(first));
            assertEquals(CoreFunctions.buildHash(), buildHash(second));
        }
    }

    private static Class<?> coreFunctions(ClassLoader loader) throws ClassNotFoundException {
        return loader.loadClass(CoreFunctions.class.getName());
    }

    private static int abiVersion(ClassLoader loader) throws ReflectiveOperationException {
        return (int) coreFunctions(loader).getMethod("abiVersion").invoke(null);
    }

    private static Object buildHash(ClassLoader loader) throws ReflectiveOperationException {
        return coreFunctions(loader).getMethod("buildHash").invoke(null);
    }
}
