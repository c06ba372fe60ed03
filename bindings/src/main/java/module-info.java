// SPDX-License-Identifier: Apache-2.0

/**
 * The C interface of libgatun in Java: generated bindings, the library loader and the method
 * handles. The only module of Gatun with restricted calls: it needs native access. For the module
 * {@code io.gatun}; not an interface for users.
 */
@SuppressWarnings("module") // io.gatun is built after this module
module io.gatun.bindings {
    exports io.gatun.bindings to
            io.gatun;
    exports io.gatun.bindings.generated to
            io.gatun;
}
