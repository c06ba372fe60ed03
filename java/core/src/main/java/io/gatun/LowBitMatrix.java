// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import io.gatun.model.ModelFile;
import io.gatun.model.ModelTensor;
import java.util.Objects;

/**
 * Weights of 4, 5, 6 or 8 bits, ready to be multiplied: {@code Y = X W^T + bias}. W is {@code
 * [outputs, inputs]}, as linear layers hold it, and affine in its codes: {@code w = s * u + c}, u
 * an unsigned code, s and c of each output and group of inputs.
 *
 * <p>A matrix is immutable, belongs to a device, and may be used by any number of threads. {@link
 * #close()} frees it; a matrix that is dropped without is freed by a Cleaner, with a warning.
 *
 * <p>All tensors of a call are on the device of the matrix. Their last dimension is their columns,
 * all dimensions before it are their rows; columns must be neighbours in memory and one stride must
 * lead from row to row. Results do not depend on the number of threads, or on heap or off-heap
 * memory. No rows, no outputs and no inputs are allowed.
 *
 * <p>Every method checks its arguments before anything is written and throws
 *
 * <ul>
 *   <li>{@link NullPointerException} if an argument that must be there is null;
 *   <li>{@link IllegalArgumentException} for tensors on different devices, wrong types or shapes,
 *       strides that cannot be used, a read-only output, overlapping outputs, and numbers out of
 *       range; the message names the argument, what it was and what was expected;
 *   <li>{@link IllegalStateException} if the matrix, the device, a tensor or an arena was closed;
 *   <li>{@link WrongThreadException} if memory belongs to the confined arena of another thread;
 *   <li>{@link GatunException} if the device fails, and {@link OutOfMemoryError} if there is not
 *       enough memory.
 * </ul>
 */
public final class LowBitMatrix implements AutoCloseable {
    private final Device device;
    private final LowBitWeights weights;
    private final LowBitLayout layout;

    private LowBitMatrix(Device device, LowBitWeights weights) {
        this.device = device;
        this.weights = weights;
        this.layout = weights.layout();
    }

    /**
     * Quantizes floating-point weights.
     *
     * @param weight {@code [outputs, inputs]}, finite; its device is that of the matrix
     * @param how bits, grid, groups
     * @return a new matrix
     */
    public static LowBitMatrix quantize(Tensor weight, WeightQuantization how) {
        LowBitChecks.quantize(weight, how);
        Device device = weight.device();
        return new LowBitMatrix(device, device.kernels().lowBit().quantize(weight, how));
    }

    /**
     * Packs weights that somebody else has quantized.
     *
     * @param device where the matrix is used
     * @param source the weights; not needed any more afterwards
     * @return a new matrix
     * @throws IllegalArgumentException if the weights hold what no matrix can: scales or offsets
     *     that are not finite, an index out of its range; the message says where
     */
    public static LowBitMatrix of(Device device, LowBitSource source) {
        requireDevice(device);
        Objects.requireNonNull(source, "source: expected a LowBitSource, but it is null");
        return new LowBitMatrix(device, device.kernels().lowBit().pack(source));
    }

    /**
     * Packs weights of a file: a tensor of a GGUF file; the tensors of AWQ, GPTQ (version 1 of its
     * zero points) or Jlama in a safetensors file, found by the rules of {@link
     * LowBitSources#find}.
     *
     * @param device where the matrix is used
     * @param file the file
     * @param name of the tensor, or of the layer whose tensors they are
     * @return a new matrix; it does not need the file
     * @throws IllegalArgumentException if the file has no such weights, or ones that no matrix can
     *     hold
     */
    public static LowBitMatrix load(Device device, ModelFile file, String name) {
        requireDevice(device);
        return of(device, LowBitSources.find(file, name));
    }

    /**
     * Uses blocks of a GGUF file where they are: Q4_0, Q8_0, Q4_K or Q6_K. Nothing is copied, so
     * this takes no time and no memory; a packed matrix is faster. Until the matrix is closed, the
     * file cannot be. Scales that are not finite propagate as they do in ggml.
     *
     * @param device where the matrix is used
     * @param tensor {@code [outputs, inputs]}
     * @return a new matrix
     */
    public static LowBitMatrix inPlace(Device device, ModelTensor tensor) {
        requireDevice(device);
        LowBitSource.Gguf source = LowBitSources.gguf(tensor);
        switch (source.type()) {
            case Q4_0, Q8_0, Q4_K, Q6_K -> {}
            default ->
                    throw new IllegalArgumentException(
                            "tensor: expected Q4_0, Q8_0, Q4_K or Q6_K to be used in place, but "
                                    + tensor
                                    + " is "
                                    + source.type());
        }
        ModelFile.Hold hold = tensor.file().hold();
        try {
            return new LowBitMatrix(device, device.kernels().lowBit().inPlace(source, hold::close));
        } catch (Throwable failure) {
            hold.close();
            throw failure;
        }
    }

    private static void requireDevice(Device device) {
        Objects.requireNonNull(device, "device: expected a Device, but it is null");
    }

    /**
     * The device that products run on.
     *
     * @return the device
     */
    public Device device() {
        return device;
    }

    /**
     * The rows of W: how many numbers a product gives for each row of X.
     *
     * @return at least 0
     */
    public long outputs() {
        return layout.outputs();
    }

    /**
     * The columns of W.
     *
     * @return at least 0
     */
    public long inputs() {
        return layout.inputs();
    }

    /**
     * The bits of a code.
     *
     * @return 4, 5, 6 or 8
     */
    public int bits() {
        return layout.bits();
    }

    /**
     * Where the weights come from.
     *
     * @return the scheme
     */
    public LowBitScheme scheme() {
        return layout.scheme();
    }

    /**
     * How many inputs of an output share scale and offset; all, where there is one scale for each
     * output or for all weights.
     *
     * @return at least 1
     */
    public long groupSize() {
        return layout.groupSize();
    }

    /**
     * How many bytes a product reads of the matrix.
     *
     * @return codes, scales and offsets
     */
    public long bytes() {
        return layout.bytes();
    }

    /**
     * Whether a signed 8-bit code is -128, which only foreign Q8_0, Jlama and int8 weights can
     * have. Not looked for in a matrix in place.
     *
     * @return whether one is known
     */
    public boolean hasMinus128() {
        return layout.minus128();
    }

    /**
     * Whether GPTQ weights of version 1 have a zero point field of all ones. It is read as 0, the
     * only value it can come from; other readers take it for 2^bits, and the checkpoint can have
     * lost its neighbours.
     *
     * @return whether there is one
     */
    public boolean hasAmbiguousZeroPoints() {
        return layout.zeroPointOnes();
    }

    /**
     * The order in which the matrix holds its inputs, which is another one for GPTQ with act-order.
     * Products take care of it.
     *
     * @return the input at each position, or null for their own order
     */
    public int[] permutation() {
        weights.handle().acquire();
        try {
            return weights.permutation();
        } finally {
            weights.handle().release();
        }
    }

    /**
     * {@code Y = X W^T + bias}.
     *
     * <p>With int8 activations each row or group of x becomes codes q with a scale a, as {@link
     * Quantization#quantizeActivations(Tensor, ActivationMode, IntegerMatrix, Tensor,
     * IntegerMatrix)} does it, in the order of the matrix. With j over the groups of the finer of
     * the two groupings,
     *
     * <pre>
     * y = sum over j of a[j] * (s[j] * sum of (u * q) + c[j] * sum of q) + bias
     * </pre>
     *
     * <p>Sums over codes are exact; the others are float32, within {@code 4 (groups + 1) 2^-24
     * (|bias| + sum over j of |a[j]| (|s[j] sum of (u q)| + |c[j] sum of q|))}. With {@link
     * ActivationMode#FLOAT}, {@code y = sum over k of x * w + bias} in float32, within {@code 4
     * inputs 2^-24 sum over k of |x w|}. A row of x that is not finite makes its y NaN or infinite;
     * with int8 activations NaN.
     *
     * @param x {@code [..., inputs]}
     * @param bias {@code [outputs]}, {@link DType#F32}, or null for 0
     * @param mode in what form activations enter
     * @param y {@code [..., outputs]}, of the type of x, receives the result
     */
    public void multiply(Tensor x, Tensor bias, ActivationMode mode, Tensor y) {
        LowBitChecks.multiply(this, x, bias, mode, y);
        weights.handle().acquire();
        try {
            device.kernels().lowBit().multiply(weights, x, bias, mode, y);
        } finally {
            weights.handle().release();
        }
    }

    /**
     * Signed 8-bit codes times signed 8-bit codes (W8A8; with smaller codes W6A6), scaled. The
     * weights must have 8 bits, one scale for each output, and zero points zw that are integers:
     * those of {@link LowBitSource.Int8}, or quantized per channel or tensor. With zx the zero
     * points of the rows of x and q the codes of the weights,
     *
     * <pre>
     * y[m, n] = sum over k of ((x[m, k] - zx[m]) (q[n, k] - zw[n])) * (rowScales[m] * s[n]) + bias[n]
     * </pre>
     *
     * <p>The sum is exact, the rest float32. At most 131071 inputs; 65793 where one side has zero
     * points, 33025 where both have.
     *
     * @param x {@code [rows, inputs]}, {@link IntegerMatrix.Type#I8}; -128 is allowed
     * @param rowScales {@code [rows]}, {@link DType#F32}, or null for 1
     * @param rowZeroPoints one for each row, from -128 to 127, or null for 0
     * @param bias {@code [outputs]}, {@link DType#F32}, or null for 0
     * @param y {@code [rows, outputs]}, {@link DType#F32}, receives the result
     */
    public void int8Matmul(
            IntegerMatrix x, Tensor rowScales, int[] rowZeroPoints, Tensor bias, Tensor y) {
        LowBitChecks.int8Matmul(this, x, rowScales, rowZeroPoints, bias, y);
        weights.handle().acquire();
        try {
            device.kernels().lowBit().int8Matmul(weights, x, rowScales, rowZeroPoints, bias, y);
        } finally {
            weights.handle().release();
        }
    }

    /**
     * The exact sums of {@link #int8Matmul(IntegerMatrix, Tensor, int[], Tensor, Tensor)}.
     *
     * @param x {@code [rows, inputs]}, {@link IntegerMatrix.Type#I8}; -128 is allowed
     * @param rowZeroPoints one for each row, from -128 to 127, or null for 0
     * @param y {@code [rows, outputs]}, {@link IntegerMatrix.Type#I32}, receives the result
     */
    public void int8Matmul(IntegerMatrix x, int[] rowZeroPoints, IntegerMatrix y) {
        LowBitChecks.int8Matmul(this, x, rowZeroPoints, y);
        weights.handle().acquire();
        try {
            device.kernels().lowBit().int8Matmul(weights, x, rowZeroPoints, y);
        } finally {
            weights.handle().release();
        }
    }

    /**
     * Weights as numbers: bit for bit what the format's own decoder gives in float32, and for other
     * types that rounded once. Where there is an integer zero point z that is {@code (u - z) * s},
     * else {@code s * u + c}, for zero points of MatMulNBits that are no integers in float64.
     *
     * @param firstOutput the output of the first row
     * @param out {@code [..., inputs]}, receives as many outputs as it has rows, their inputs in
     *     their own order
     */
    public void dequantize(long firstOutput, Tensor out) {
        LowBitChecks.dequantize(this, firstOutput, out);
        weights.handle().acquire();
        try {
            weights.dequantize(firstOutput, out);
        } finally {
            weights.handle().release();
        }
    }

    /**
     * Codes, scales and offsets, in the order in which the matrix holds its inputs.
     *
     * @param firstOutput the first output
     * @param count how many outputs
     * @param codes {@code [count, inputs]}, {@link IntegerMatrix.Type#I8} without gaps, receives u
     *     as unsigned bytes, also where a format has signed codes (then {@code u - 2^(bits - 1)});
     *     or null
     * @param scales {@code [count, groups]}, {@link DType#F32}, receives s; or null
     * @param offsets {@code [count, groups]}, {@link DType#F32}, receives c; or null
     */
    public void unpack(
            long firstOutput, long count, IntegerMatrix codes, Tensor scales, Tensor offsets) {
        LowBitChecks.unpack(this, firstOutput, count, codes, scales, offsets);
        weights.handle().acquire();
        try {
            weights.unpack(firstOutput, count, codes, scales, offsets);
        } finally {
            weights.handle().release();
        }
    }

    /**
     * Frees the matrix; again is a no-op.
     *
     * @throws IllegalStateException if a product is using it; it stays usable then
     */
    @Override
    public void close() {
        weights.handle().close();
    }

    /** As {@code GGUF Q4_K[4096, 4096] on cpu}. */
    @Override
    public String toString() {
        String what =
                layout.ggufType() == null
                        ? layout.bits() + " bits, groups of " + layout.groupSize() + " "
                        : layout.ggufType().toString();
        return "%s %s[%s, %s] on %s"
                .formatted(layout.scheme(), what, layout.outputs(), layout.inputs(), device.name());
    }
}
