// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/**
 * Where eps enters the reciprocal scale {@code r} of a row with mean square {@code ms} (about the
 * mean in LayerNorm) over {@code n} statistics columns.
 */
public enum EpsMode {
    /** {@code r = 1 / sqrt(ms + eps)}: LayerNorm, and the RMSNorm of LLaMA. */
    IN_SQRT(0),
    /** {@code r = 1 / (sqrt(ms) + eps)}: the first RMSNorm code, and TransNormer. */
    ADD(1),
    /** {@code r = sqrt(n) / max(sqrt(n * ms), eps)}: common ports of SRMSNorm. */
    CLAMP(2);

    private final int code;

    EpsMode(int code) {
        this.code = code;
    }

    /** The number of this mode in the C interface. */
    int code() {
        return code;
    }
}
