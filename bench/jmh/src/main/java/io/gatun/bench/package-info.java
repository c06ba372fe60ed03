/* SPDX-License-Identifier: Apache-2.0 */

/**
 * Gatun timed beside the limit of the machine and the alternatives that a JVM program has, and the
 * report of it.
 */
package io.gatun.bench;
