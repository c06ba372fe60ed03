/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import java.util.Locale;

/** Whether an operation computes a result or its gradients. */
public enum Direction {
    /** Computes the result. */
    FORWARD,
    /** Computes gradients with respect to the inputs. */
    BACKWARD;

    /**
     * The name in reports: {@code forward} or {@code backward}.
     *
     * @return the name in lower case
     */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }
}
