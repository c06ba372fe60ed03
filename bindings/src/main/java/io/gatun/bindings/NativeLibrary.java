// SPDX-License-Identifier: Apache-2.0
package io.gatun.bindings;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/** The native library of this process, or the reasons why there is none. */
public final class NativeLibrary {

    private static final class Holder {
        static final NativeLibrary INSTANCE = new LibraryLoader(LoaderSettings.system()).load();
    }

    private final List<LoadAttempt> attempts;
    private final OpenedLibrary opened;

    /**
     * @param attempts everything that was tried, in order
     * @param opened the library that the last attempt opened, or null if none worked
     */
    NativeLibrary(List<LoadAttempt> attempts, OpenedLibrary opened) {
        this.attempts = List.copyOf(attempts);
        this.opened = opened;
    }

    /**
     * The library of this process. It is looked for once, on the first call; what goes wrong is
     * kept in {@link #attempts()} and never thrown.
     */
    public static NativeLibrary get() {
        return Holder.INSTANCE;
    }

    /**
     * The address of a function of {@link #get()}, for the generated bindings.
     *
     * @throws UnsatisfiedLinkError if there is no library, or it lacks the function
     */
    public static Optional<MemorySegment> symbol(String name) {
        NativeLibrary library = get();
        return Optional.of(library.lookup().find(name).orElseThrow(() -> library.lacks(name)));
    }

    /** Whether the functions of the library can be called. */
    public boolean available() {
        return opened != null;
    }

    /** Everything that was tried, in order; the last one worked if the library is available. */
    public List<LoadAttempt> attempts() {
        return attempts;
    }

    /** The file or library name that was loaded, or null if none was. */
    public String path() {
        return available() ? opened.path() : null;
    }

    /** Hash of the sources and options the library was built from, or null if none was loaded. */
    public String buildHash() {
        return available() ? opened.buildHash() : null;
    }

    /** Every attempt and why it failed, as one paragraph; empty if the library is available. */
    public String failure() {
        if (available()) {
            return "";
        }
        return attempts.stream()
                .map(LoadAttempt::toString)
                .collect(
                        Collectors.joining(
                                "; ", "No native library of Gatun could be loaded: ", "."));
    }

    /**
     * The functions of the library.
     *
     * @throws UnsatisfiedLinkError if it is not available
     */
    SymbolLookup lookup() {
        if (!available()) {
            throw new UnsatisfiedLinkError(failure());
        }
        return opened.symbols();
    }

    private UnsatisfiedLinkError lacks(String function) {
        return new UnsatisfiedLinkError(path() + " has no function " + function);
    }
}
