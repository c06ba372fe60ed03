// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import io.gatun.model.TensorType;

/**
 * What a matrix of low-bit weights is.
 *
 * @param outputs its rows
 * @param inputs its columns
 * @param bits of a code
 * @param scheme where it comes from
 * @param ggufType the type of its blocks, or null for other schemes
 * @param groupSize how many inputs share scale and offset
 * @param bytes how many bytes a product reads of it
 * @param minus128 whether a signed 8-bit code is -128
 * @param zeroPointOnes whether a zero point of GPTQ version 1 is all ones
 */
record LowBitLayout(
        long outputs,
        long inputs,
        int bits,
        LowBitScheme scheme,
        TensorType ggufType,
        long groupSize,
        long bytes,
        boolean minus128,
        boolean zeroPointOnes) {}
