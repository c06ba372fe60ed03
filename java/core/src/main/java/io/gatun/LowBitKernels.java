// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/** Low-bit matrices and their products on a device. Weights are those that it made itself. */
interface LowBitKernels {
    LowBitWeights quantize(Tensor weight, WeightQuantization how);

    LowBitWeights pack(LowBitSource source);

    /**
     * A matrix that uses the blocks where they are.
     *
     * @param release ends the use of their memory, called once when the matrix is freed
     */
    LowBitWeights inPlace(LowBitSource.Gguf source, Runnable release);

    void multiply(LowBitWeights weights, Tensor x, Tensor bias, ActivationMode mode, Tensor y);

    /** Codes of each group; sums may be null. */
    void quantizeActivations(
            Tensor x, ActivationMode mode, IntegerMatrix codes, Tensor scales, IntegerMatrix sums);

    /** Codes with a given scale of each column; centres and sums may be null. */
    void quantizeActivations(
            Tensor x,
            Tensor channelScales,
            Tensor channelCentres,
            int limit,
            IntegerMatrix codes,
            IntegerMatrix sums);

    /** Sums as floats; rowScales, rowZeroPoints and bias may be null. */
    void int8Matmul(
            LowBitWeights weights,
            IntegerMatrix x,
            Tensor rowScales,
            int[] rowZeroPoints,
            Tensor bias,
            Tensor y);

    /** Exact sums. */
    void int8Matmul(LowBitWeights weights, IntegerMatrix x, int[] rowZeroPoints, IntegerMatrix y);
}
