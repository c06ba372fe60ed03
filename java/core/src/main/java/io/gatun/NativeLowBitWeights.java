// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import io.gatun.bindings.LowBitFunctions;
import io.gatun.bindings.LowBitMatrixFunctions;
import io.gatun.bindings.NativeHandle;
import io.gatun.model.TensorType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;

/** A {@code gatun_lowbit_matrix}. It needs no context, so it may outlive the device. */
final class NativeLowBitWeights implements LowBitWeights {
    private static final int HAS_PERMUTATION = 1;
    private static final int HAS_MINUS_128 = 2;
    private static final int ZERO_POINT_ONES = 4;

    private final NativeContext context;
    private final NativeHandle device;
    private final MemorySegment matrix;
    private final LowBitLayout layout;
    private final boolean hasPermutation;
    private final NativeHandle handle;

    /* How much scratch the last kind of call needs; a race costs no more than asking again. */
    private Scratch scratch = new Scratch(-1, 0, -1, 0);

    private record Scratch(long rows, int dtype, int activation, long bytes) {}

    /** For the scratch of a product of integers. */
    static final int INT8 = -1;

    /**
     * Owns a matrix.
     *
     * @param device counts the calls that use its context
     * @param release called once the matrix has been destroyed
     */
    NativeLowBitWeights(
            NativeContext context, NativeHandle device, MemorySegment matrix, Runnable release) {
        this.context = context;
        this.device = device;
        this.matrix = matrix;
        int flags = LowBitMatrixFunctions.lowbitMatrixFlags(matrix);
        this.hasPermutation = (flags & HAS_PERMUTATION) != 0;
        this.layout =
                new LowBitLayout(
                        LowBitMatrixFunctions.lowbitMatrixOutputs(matrix),
                        LowBitMatrixFunctions.lowbitMatrixInputs(matrix),
                        LowBitMatrixFunctions.lowbitMatrixBits(matrix),
                        LowBitScheme.ofCode(LowBitMatrixFunctions.lowbitMatrixScheme(matrix)),
                        ggufType(LowBitMatrixFunctions.lowbitMatrixGgufType(matrix)),
                        LowBitMatrixFunctions.lowbitMatrixGroupSize(matrix),
                        LowBitMatrixFunctions.lowbitMatrixBytes(matrix),
                        (flags & HAS_MINUS_128) != 0,
                        (flags & ZERO_POINT_ONES) != 0);
        this.handle =
                new NativeHandle(
                        matrix.address(),
                        "low-bit matrix [%s, %s] on device cpu"
                                .formatted(layout.outputs(), layout.inputs()),
                        address -> {
                            LowBitMatrixFunctions.lowbitMatrixDestroy(
                                    MemorySegment.ofAddress(address));
                            release.run();
                        });
    }

    private static TensorType ggufType(int id) {
        return id == 0 ? null : TensorType.ofGgufId(id);
    }

    MemorySegment matrix() {
        return matrix;
    }

    @Override
    public LowBitLayout layout() {
        return layout;
    }

    @Override
    public NativeHandle handle() {
        return handle;
    }

    @Override
    public int[] permutation() {
        if (!hasPermutation) {
            return null;
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment order = arena.allocate(ValueLayout.JAVA_INT, layout.inputs());
            NativeStatus.requireOk(
                    LowBitMatrixFunctions.lowbitMatrixPermutation(matrix, order, layout.inputs()),
                    "no permutation");
            return order.toArray(ValueLayout.JAVA_INT);
        }
    }

    /** The scratch of a product; activation is that of the C interface or {@link #INT8}. */
    long scratchBytes(long rows, int dtype, int activation) {
        Scratch known = scratch;
        if (known.rows != rows || known.dtype != dtype || known.activation != activation) {
            known = new Scratch(rows, dtype, activation, ask(rows, dtype, activation));
            scratch = known;
        }
        return known.bytes;
    }

    private long ask(long rows, int dtype, int activation) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(ValueLayout.JAVA_LONG);
            int status =
                    activation == INT8
                            ? LowBitFunctions.int8MatmulScratch(
                                    context.threaded(), rows, matrix, bytes)
                            : LowBitFunctions.lowbitMultiplyScratch(
                                    context.threaded(), dtype, rows, matrix, activation, bytes);
            // Where the shape is wrong, the product itself says why.
            return status == NativeStatus.OK ? bytes.get(ValueLayout.JAVA_LONG, 0) : 0;
        }
    }

    @Override
    public void dequantize(long firstOutput, Tensor out) {
        device.acquire();
        try (Staging stage = new Staging(context.scratch(), 0, 0)) {
            NativeOperands.enter(out);
            Tensor staged = stage.stage(out, true);
            NativeStatus.require(
                    (message, messageBytes) ->
                            LowBitMatrixFunctions.lowbitMatrixDequantize(
                                    context.threaded(),
                                    matrix,
                                    firstOutput,
                                    firstOutput + out.rows,
                                    out.dtype().code(),
                                    staged.operand,
                                    staged.rowStride,
                                    message,
                                    messageBytes));
            stage.finish();
        } catch (IllegalStateException | WrongThreadException notOpen) {
            Operands.requireOpen(out, "out");
            throw notOpen;
        } finally {
            device.release();
            Reference.reachabilityFence(out);
        }
    }

    @Override
    public void unpack(
            long firstOutput, long count, IntegerMatrix codes, Tensor scales, Tensor offsets) {
        device.acquire();
        try (Staging stage = new Staging(context.scratch(), 0, 0);
                StagedIntegers integers = new StagedIntegers(context.scratch())) {
            NativeOperands.enter(scales);
            NativeOperands.enter(offsets);
            MemorySegment stagedCodes = integers.output(codes);
            Tensor stagedScales = stage.vectorOutput(scales);
            Tensor stagedOffsets = stage.vectorOutput(offsets);
            NativeStatus.require(
                    (message, messageBytes) ->
                            LowBitMatrixFunctions.lowbitMatrixUnpack(
                                    context.threaded(),
                                    matrix,
                                    firstOutput,
                                    firstOutput + count,
                                    stagedCodes,
                                    NativeOperands.operand(stagedScales),
                                    NativeOperands.operand(stagedOffsets),
                                    message,
                                    messageBytes));
            stage.finish();
            integers.finish();
        } catch (IllegalStateException | WrongThreadException notOpen) {
            LowBitChecks.requireOpen(offsets, scales, codes, null);
            throw notOpen;
        } finally {
            device.release();
            Reference.reachabilityFence(scales);
            Reference.reachabilityFence(offsets);
        }
    }
}
