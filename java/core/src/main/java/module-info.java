// SPDX-License-Identifier: Apache-2.0
/** Gatun for Java: native kernels on arrays and off-heap memory. */
module io.gatun {
    requires io.gatun.bindings;

    exports io.gatun;
    exports io.gatun.model;
}
