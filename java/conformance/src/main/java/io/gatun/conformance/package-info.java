/* SPDX-License-Identifier: Apache-2.0 */

/**
 * The conformance suite. {@link io.gatun.conformance.Operations} lists what Gatun computes, {@link
 * io.gatun.conformance.CaseFile} reads the shapes and error bounds of an operation, and {@link
 * io.gatun.conformance.Suite} compares a device with the reference device on all of them.
 */
package io.gatun.conformance;
