/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;

/** The contenders of this build. */
public final class Contenders {
    /** What the others are compared with: Gatun on off-heap tensors of its device. */
    public static final String GATUN = "Gatun";

    private Contenders() {}

    /**
     * All contenders, Gatun first.
     *
     * @return those of the JDK and, in builds with the profile {@code peers}, the libraries
     */
    public static List<Contender> all() {
        List<Contender> all =
                new ArrayList<>(
                        List.of(
                                new GatunOffHeap(),
                                new GatunHeap(),
                                new GatunSeparately(),
                                LoopContender.offHeap("Vector API", BenchOperation::segmentVectors),
                                LoopContender.onHeap(
                                        "Vector API float[]", BenchOperation::arrayVectors),
                                LoopContender.onHeap("Java loops", BenchOperation::javaLoops)));
        ServiceLoader.load(Contender.class, Contenders.class.getClassLoader()).forEach(all::add);
        return List.copyOf(all);
    }

    /**
     * The contender of a name.
     *
     * @param name its name
     * @return the contender
     * @throws IllegalArgumentException if this build has none of that name
     */
    public static Contender named(String name) {
        return all().stream()
                .filter(c -> c.name().equals(name))
                .findFirst()
                .orElseThrow(
                        () ->
                                new IllegalArgumentException(
                                        "contender: expected one of "
                                                + all().stream().map(Contender::name).toList()
                                                + ", but it is "
                                                + name));
    }
}
