// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import java.lang.foreign.SymbolLookup;

/**
 * A library that was opened and found to be of this ABI.
 *
 * @param path its file, or its name if the system found it
 * @param symbols its functions
 * @param buildHash what {@code gatun_build_hash} returned
 */
record OpenedLibrary(String path, SymbolLookup symbols, String buildHash) {}
