/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * A function of x in Java, as a user would write it: from float to float with {@link Math}, and in
 * vectors; null where the Vector API has nothing for it.
 */
record ElementLoops(Scalar scalar, Vectors vectors) {
    private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
    private static final int LANES = SPECIES.length();
    private static final float TANH_FACTOR = (float) Math.sqrt(2 / Math.PI);
    private static final float TANH_CUBE = 0.044715f;

    /** One number. */
    @FunctionalInterface
    interface Scalar {
        float of(float x);
    }

    /** As many as a vector has. */
    @FunctionalInterface
    interface Vectors {
        FloatVector of(FloatVector x);
    }

    static final ElementLoops SIGMOID =
            new ElementLoops(ElementLoops::sigmoid, ElementLoops::sigmoid);

    static final ElementLoops SILU = new ElementLoops(x -> x * sigmoid(x), x -> x.mul(sigmoid(x)));

    static final ElementLoops TANH =
            new ElementLoops(x -> (float) Math.tanh(x), x -> x.lanewise(VectorOperators.TANH));

    static final ElementLoops GELU_TANH =
            new ElementLoops(
                    x -> x * sigmoid(2 * TANH_FACTOR * (x + TANH_CUBE * x * x * x)),
                    x -> {
                        FloatVector cube = x.mul(x).mul(x).mul(TANH_CUBE);
                        return x.mul(sigmoid(x.add(cube).mul(2 * TANH_FACTOR)));
                    });

    static final ElementLoops HARD_SWISH =
            new ElementLoops(
                    x -> x * (Math.min(Math.max(x + 3, 0), 6) / 6),
                    x -> x.mul(x.add(3).max(0).min(6).div(6)));

    private static float sigmoid(float x) {
        return (float) (1 / (1 + Math.exp(-x)));
    }

    private static FloatVector sigmoid(FloatVector x) {
        return FloatVector.broadcast(SPECIES, 1).div(x.neg().lanewise(VectorOperators.EXP).add(1));
    }

    /** The polynomial of PolyCom of max(x, 0). */
    static ElementLoops polyRelu(float a0, float a1, float a2, float a3) {
        FloatVector third = FloatVector.broadcast(SPECIES, a3);
        return new ElementLoops(
                x -> {
                    float z = Math.max(x, 0);
                    return Math.fma(z, Math.fma(z, Math.fma(z, a3, a2), a1), a0);
                },
                x -> {
                    FloatVector z = x.max(0);
                    FloatVector second = third.fma(z, FloatVector.broadcast(SPECIES, a2));
                    FloatVector first = second.fma(z, FloatVector.broadcast(SPECIES, a1));
                    return first.fma(z, FloatVector.broadcast(SPECIES, a0));
                });
    }

    /** Plain Java on arrays. */
    RowLoops javaLoops(HeapOperands operands) {
        float[] x = operands.array("x");
        float[] y = operands.array("y");
        int xStride = operands.stride("x");
        int yStride = operands.stride("y");
        int columns = operands.columns();
        Scalar function = scalar;
        return (from, to) -> {
            for (int row = from; row < to; row++) {
                int xStart = row * xStride;
                int yStart = row * yStride;
                for (int i = 0; i < columns; i++) {
                    y[yStart + i] = function.of(x[xStart + i]);
                }
            }
        };
    }

    /** The Vector API on arrays. */
    RowLoops arrayVectors(HeapOperands operands) {
        float[] x = operands.array("x");
        float[] y = operands.array("y");
        int xStride = operands.stride("x");
        int yStride = operands.stride("y");
        int columns = operands.columns();
        Vectors function = vectors;
        Scalar rest = scalar;
        return (from, to) -> {
            for (int row = from; row < to; row++) {
                int xStart = row * xStride;
                int yStart = row * yStride;
                int i = 0;
                for (; i <= columns - LANES; i += LANES) {
                    function.of(FloatVector.fromArray(SPECIES, x, xStart + i))
                            .intoArray(y, yStart + i);
                }
                for (; i < columns; i++) {
                    y[yStart + i] = rest.of(x[xStart + i]);
                }
            }
        };
    }

    /** The Vector API off-heap. */
    RowLoops segmentVectors(Workload workload) {
        MemorySegment x = workload.memory("x");
        MemorySegment y = workload.memory("y");
        long xStride = (long) workload.stride("x") * Float.BYTES;
        long yStride = (long) workload.stride("y") * Float.BYTES;
        int columns = workload.columns();
        Vectors function = vectors;
        Scalar rest = scalar;
        ByteOrder order = ByteOrder.nativeOrder();
        return (from, to) -> {
            for (int row = from; row < to; row++) {
                long xStart = row * xStride;
                long yStart = row * yStride;
                int i = 0;
                for (; i <= columns - LANES; i += LANES) {
                    long place = (long) i * Float.BYTES;
                    function.of(FloatVector.fromMemorySegment(SPECIES, x, xStart + place, order))
                            .intoMemorySegment(y, yStart + place, order);
                }
                for (; i < columns; i++) {
                    long place = (long) i * Float.BYTES;
                    float value = rest.of(x.get(ValueLayout.JAVA_FLOAT, xStart + place));
                    y.set(ValueLayout.JAVA_FLOAT, yStart + place, value);
                }
            }
        };
    }
}
