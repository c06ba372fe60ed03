/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.GateLayout;

/** Gates and values in one array, as {@link GateLayout} says. */
final class PackedGates {
    private PackedGates() {}

    /** One array of rows of twice the columns. */
    static float[] pack(GateLayout layout, int columns, float[] gate, float[] value) {
        float[] packed = new float[2 * gate.length];
        for (int i = 0; i < gate.length; i++) {
            packed[place(layout, columns, i, true)] = gate[i];
            packed[place(layout, columns, i, false)] = value[i];
        }
        return packed;
    }

    /** The gates, or the values, of such an array. */
    static float[] part(GateLayout layout, int columns, float[] packed, boolean gates) {
        float[] part = new float[packed.length / 2];
        for (int i = 0; i < part.length; i++) {
            part[i] = packed[place(layout, columns, i, gates)];
        }
        return part;
    }

    private static int place(GateLayout layout, int columns, int element, boolean gate) {
        int row = element / columns;
        int column = element % columns;
        int start = row * 2 * columns;
        return switch (layout) {
            case GATE_FIRST -> start + (gate ? column : columns + column);
            case VALUE_FIRST -> start + (gate ? columns + column : column);
            case INTERLEAVED -> start + 2 * column + (gate ? 0 : 1);
            case INTERLEAVED_VALUE_FIRST -> start + 2 * column + (gate ? 1 : 0);
        };
    }
}
