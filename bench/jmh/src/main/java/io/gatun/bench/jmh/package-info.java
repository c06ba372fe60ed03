/* SPDX-License-Identifier: Apache-2.0 */

/**
 * JMH benchmarks: {@code java -jar gatun-bench.jar}, with {@code -Dgatun.library.path} where
 * libgatun is not packaged.
 */
package io.gatun.bench.jmh;
