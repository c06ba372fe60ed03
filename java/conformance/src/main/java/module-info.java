/* SPDX-License-Identifier: Apache-2.0 */

/**
 * The conformance suite: every operation on every device against the reference device, as a
 * library, so that the same checks run in the build and on a user's machine.
 */
module io.gatun.conformance {
    requires transitive io.gatun;

    exports io.gatun.conformance;
}
