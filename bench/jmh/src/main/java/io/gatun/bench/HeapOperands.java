/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import java.util.HashMap;
import java.util.Map;

/** The arrays of a float32 workload on the heap. */
final class HeapOperands {
    private final Workload workload;
    private final Map<String, float[]> arrays = new HashMap<>();

    HeapOperands(Workload workload) {
        this.workload = workload;
        Map<String, String> inPlace = workload.operation().inPlace();
        for (Operand operand : workload.operation().operands()) {
            String name = operand.name();
            String place = inPlace.get(name);
            arrays.put(name, place != null ? arrays.get(place) : workload.array(name));
        }
    }

    /** An array, with the gaps between its rows. */
    float[] array(String name) {
        return arrays.get(name);
    }

    int stride(String name) {
        return workload.stride(name);
    }

    int columns() {
        return workload.columns();
    }

    Workload workload() {
        return workload;
    }
}
