/* SPDX-License-Identifier: Apache-2.0 */

/**
 * The native libraries that a JVM program would take instead of Gatun; built with the Maven profile
 * {@code peers}.
 */
package io.gatun.bench.peers;
