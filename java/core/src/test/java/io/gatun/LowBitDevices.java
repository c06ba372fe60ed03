// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.util.List;

/** The devices that the tests of low-bit matrices run on. */
final class LowBitDevices {
    private static final List<Device> ALL = List.of(Device.reference(), Device.cpu());

    private LowBitDevices() {}

    static List<Device> all() {
        return ALL;
    }

    /** All weights of a matrix. */
    static float[] dequantized(LowBitMatrix matrix) {
        float[] out = new float[Math.toIntExact(matrix.outputs() * matrix.inputs())];
        matrix.dequantize(0, matrix.device().tensor(out, matrix.outputs(), matrix.inputs()));
        return out;
    }
}
