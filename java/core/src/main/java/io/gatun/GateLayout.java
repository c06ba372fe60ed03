// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * How gate and value of a gated activation lie in one packed tensor {@code [..., 2 * columns]}, as
 * one matrix product makes them.
 */
public enum GateLayout {
    /** The first half of each row is the gate, the second the value (Megatron, LLaMA). */
    GATE_FIRST(false, true),
    /** The first half of each row is the value, the second the gate. */
    VALUE_FIRST(false, false),
    /** A gate, its value, the next gate, its value, and so on. */
    INTERLEAVED(true, true),
    /** A value, its gate, the next value, its gate, and so on. */
    INTERLEAVED_VALUE_FIRST(true, false);

    private final boolean interleaved;
    private final boolean gateFirst;

    GateLayout(boolean interleaved, boolean gateFirst) {
        this.interleaved = interleaved;
        this.gateFirst = gateFirst;
    }

    /** Where the parts of a packed row lie, each of so many columns. */
    GatePlaces places(long columns) {
        long other = interleaved ? 1 : columns;
        return new GatePlaces(gateFirst ? 0 : other, gateFirst ? other : 0, interleaved ? 2 : 1);
    }
}
