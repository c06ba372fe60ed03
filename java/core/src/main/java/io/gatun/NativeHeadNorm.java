// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static io.gatun.NativeOperands.at;
import static io.gatun.NativeOperands.enter;
import static io.gatun.NativeOperands.operand;
import static io.gatun.NativeOperands.parameterType;

import io.gatun.bindings.HeadNormFunctions;
import io.gatun.bindings.NativeHandle;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;

/** RMSNorm of head vectors by the native library; the rows of a call are tokens. */
final class NativeHeadNorm implements HeadNormKernels {
    /** How many times as long an element takes as in a plain normalization. */
    private static final long COST_FORWARD = 2;

    private static final long COST_BACKWARD = 4;

    private final NativeContext context;
    private final NativeHandle handle;
    private final RowCalls calls;
    private final ScratchSizes backwardScratch;

    NativeHeadNorm(NativeContext context, NativeHandle handle) {
        this.context = context;
        this.handle = handle;
        this.calls = new RowCalls(context);
        this.backwardScratch =
                new ScratchSizes(
                        HeadNormFunctions::qkvHeadRmsNormBackwardScratch, context.threaded());
    }

    @Override
    public void forward(Qkv x, Qkv gamma, NormOptions options, Qkv y, Tensor rstd) {
        handle.acquire();
        try {
            insideForward(x, gamma, options, y, rstd);
        } catch (IllegalStateException | WrongThreadException notOpen) {
            HeadNormChecks.requireOpen(x, gamma, y, rstd);
            throw notOpen;
        } finally {
            handle.release();
            // Native code has only the addresses: what owns them must not be collected before.
            Reference.reachabilityFence(x);
            Reference.reachabilityFence(gamma);
            Reference.reachabilityFence(y);
            Reference.reachabilityFence(rstd);
        }
    }

    private void insideForward(Qkv x, Qkv gamma, NormOptions options, Qkv y, Tensor rstd) {
        boolean heap = enter(x) | enter(gamma) | enter(y) | enter(rstd);
        long tokens = HeadOperands.tokens(x.q());
        long elements = entries(x) * x.q().columns;
        if (tokens == 0) {
            HeadNormChecks.requireOpen(x, gamma, y, rstd);
        } else if (heap && !calls.fits(elements, COST_FORWARD)) {
            try (Staging stage = calls.stage(0, tokens)) {
                insideForward(
                        input(stage, x),
                        input(stage, gamma),
                        options,
                        output(stage, y),
                        rstd == null ? null : stage.stage(rstd, true));
                stage.finish();
            }
        } else if (heap
                || forward(
                                false,
                                context.threaded(),
                                x,
                                gamma,
                                options,
                                y,
                                rstd,
                                0,
                                tokens,
                                MemorySegment.NULL,
                                0)
                        != NativeStatus.OK) {
            calls.forward(
                    heap,
                    tokens,
                    elements,
                    COST_FORWARD,
                    (critical, on, token, count, text, room) ->
                            forward(
                                    critical, on, x, gamma, options, y, rstd, token, count, text,
                                    room));
        }
    }

    private static int forward(
            boolean critical,
            MemorySegment context,
            Qkv x,
            Qkv gamma,
            NormOptions options,
            Qkv y,
            Tensor rstd,
            long token,
            long tokens,
            MemorySegment message,
            long messageBytes) {
        long entries = entries(x);
        return critical
                ? HeadNormFunctions.qkvHeadRmsNormCritical(
                        context,
                        x.q().dtype().code(),
                        parameterType(gamma.q(), gamma.k(), gamma.v(), null),
                        tokens,
                        HeadOperands.heads(x.q()),
                        HeadNormChecks.keyValueHeads(x),
                        x.q().columns,
                        atToken(x.q(), token),
                        tokenStride(x.q()),
                        atToken(x.k(), token),
                        tokenStride(x.k()),
                        atToken(x.v(), token),
                        tokenStride(x.v()),
                        operand(gamma.q()),
                        operand(gamma.k()),
                        operand(gamma.v()),
                        options.weightOffset(),
                        options.eps(),
                        options.epsMode().code(),
                        options.castMode().code(),
                        atToken(y.q(), token),
                        tokenStride(y.q()),
                        atToken(y.k(), token),
                        tokenStride(y.k()),
                        atToken(y.v(), token),
                        tokenStride(y.v()),
                        at(rstd, token * entries),
                        message,
                        messageBytes)
                : HeadNormFunctions.qkvHeadRmsNorm(
                        context,
                        x.q().dtype().code(),
                        parameterType(gamma.q(), gamma.k(), gamma.v(), null),
                        tokens,
                        HeadOperands.heads(x.q()),
                        HeadNormChecks.keyValueHeads(x),
                        x.q().columns,
                        atToken(x.q(), token),
                        tokenStride(x.q()),
                        atToken(x.k(), token),
                        tokenStride(x.k()),
                        atToken(x.v(), token),
                        tokenStride(x.v()),
                        operand(gamma.q()),
                        operand(gamma.k()),
                        operand(gamma.v()),
                        options.weightOffset(),
                        options.eps(),
                        options.epsMode().code(),
                        options.castMode().code(),
                        atToken(y.q(), token),
                        tokenStride(y.q()),
                        atToken(y.k(), token),
                        tokenStride(y.k()),
                        atToken(y.v(), token),
                        tokenStride(y.v()),
                        at(rstd, token * entries),
                        message,
                        messageBytes);
    }

    @Override
    public void backward(Qkv dy, Qkv x, Qkv gamma, NormOptions options, Qkv dx, Qkv dgamma) {
        handle.acquire();
        try {
            insideBackward(dy, x, gamma, options, dx, dgamma);
        } catch (IllegalStateException | WrongThreadException notOpen) {
            HeadNormChecks.requireOpen(dy, x, gamma, dx, dgamma);
            throw notOpen;
        } finally {
            handle.release();
            Reference.reachabilityFence(dy);
            Reference.reachabilityFence(x);
            Reference.reachabilityFence(gamma);
            Reference.reachabilityFence(dx);
            Reference.reachabilityFence(dgamma);
        }
    }

    private void insideBackward(Qkv dy, Qkv x, Qkv gamma, NormOptions options, Qkv dx, Qkv dgamma) {
        boolean heap = enter(dy) | enter(x) | enter(gamma) | enter(dx) | enter(dgamma);
        long tokens = HeadOperands.tokens(x.q());
        long elements = entries(x) * x.q().columns;
        long scratchBytes = dgamma.isEmpty() ? 0 : backwardScratch.bytes(tokens, x.q().columns);
        if (!heap) {
            ScratchPool.Slab slab = context.scratch().borrowUnlessEmpty(scratchBytes);
            try {
                if (backward(
                                false,
                                context.threaded(),
                                true,
                                dy,
                                x,
                                gamma,
                                options,
                                dx,
                                operand(dgamma.q()),
                                operand(dgamma.k()),
                                operand(dgamma.v()),
                                0,
                                tokens,
                                ScratchPool.memory(slab),
                                scratchBytes,
                                MemorySegment.NULL,
                                0)
                        == NativeStatus.OK) {
                    return;
                }
            } finally {
                context.scratch().giveBackUnlessEmpty(slab);
            }
        } else if (!calls.fitsBackward(tokens, elements, COST_BACKWARD)) {
            try (Staging stage = calls.stage(0, tokens)) {
                insideBackward(
                        input(stage, dy),
                        input(stage, x),
                        input(stage, gamma),
                        options,
                        output(stage, dx),
                        output(stage, dgamma));
                stage.finish();
            }
            return;
        }
        calls.backward(
                heap,
                tokens,
                elements,
                COST_BACKWARD,
                scratchBytes,
                dgamma.q(),
                dgamma.k(),
                dgamma.v(),
                null,
                (critical, on, touched, sum1, sum2, sum3, sum4, from, to, at, size, text, room) ->
                        backward(
                                critical, on, touched, dy, x, gamma, options, dx, sum1, sum2, sum3,
                                from, to, at, size, text, room));
    }

    private static int backward(
            boolean critical,
            MemorySegment context,
            boolean touched,
            Qkv dy,
            Qkv x,
            Qkv gamma,
            NormOptions options,
            Qkv dx,
            MemorySegment dqGamma,
            MemorySegment dkGamma,
            MemorySegment dvGamma,
            long tokenBegin,
            long tokenEnd,
            MemorySegment scratch,
            long scratchBytes,
            MemorySegment message,
            long messageBytes) {
        return critical
                ? HeadNormFunctions.qkvHeadRmsNormBackwardCritical(
                        context,
                        x.q().dtype().code(),
                        parameterType(gamma.q(), gamma.k(), gamma.v(), null),
                        HeadOperands.tokens(x.q()),
                        HeadOperands.heads(x.q()),
                        HeadNormChecks.keyValueHeads(x),
                        x.q().columns,
                        operand(dy.q(), touched),
                        tokenStride(dy.q()),
                        operand(dy.k(), touched),
                        tokenStride(dy.k()),
                        operand(dy.v(), touched),
                        tokenStride(dy.v()),
                        operand(x.q(), touched),
                        tokenStride(x.q()),
                        operand(x.k(), touched),
                        tokenStride(x.k()),
                        operand(x.v(), touched),
                        tokenStride(x.v()),
                        operand(gamma.q(), touched),
                        operand(gamma.k(), touched),
                        operand(gamma.v(), touched),
                        options.weightOffset(),
                        options.eps(),
                        options.epsMode().code(),
                        operand(dx.q(), touched),
                        tokenStride(dx.q()),
                        operand(dx.k(), touched),
                        tokenStride(dx.k()),
                        operand(dx.v(), touched),
                        tokenStride(dx.v()),
                        dqGamma,
                        dkGamma,
                        dvGamma,
                        tokenBegin,
                        tokenEnd,
                        scratch,
                        scratchBytes,
                        message,
                        messageBytes)
                : HeadNormFunctions.qkvHeadRmsNormBackward(
                        context,
                        x.q().dtype().code(),
                        parameterType(gamma.q(), gamma.k(), gamma.v(), null),
                        HeadOperands.tokens(x.q()),
                        HeadOperands.heads(x.q()),
                        HeadNormChecks.keyValueHeads(x),
                        x.q().columns,
                        operand(dy.q(), touched),
                        tokenStride(dy.q()),
                        operand(dy.k(), touched),
                        tokenStride(dy.k()),
                        operand(dy.v(), touched),
                        tokenStride(dy.v()),
                        operand(x.q(), touched),
                        tokenStride(x.q()),
                        operand(x.k(), touched),
                        tokenStride(x.k()),
                        operand(x.v(), touched),
                        tokenStride(x.v()),
                        operand(gamma.q(), touched),
                        operand(gamma.k(), touched),
                        operand(gamma.v(), touched),
                        options.weightOffset(),
                        options.eps(),
                        options.epsMode().code(),
                        operand(dx.q(), touched),
                        tokenStride(dx.q()),
                        operand(dx.k(), touched),
                        tokenStride(dx.k()),
                        operand(dx.v(), touched),
                        tokenStride(dx.v()),
                        dqGamma,
                        dkGamma,
                        dvGamma,
                        tokenBegin,
                        tokenEnd,
                        scratch,
                        scratchBytes,
                        message,
                        messageBytes);
    }

    /** How many head vectors a token has, those of a role that is left out included. */
    private static long entries(Qkv x) {
        return HeadOperands.heads(x.q()) + 2 * HeadNormChecks.keyValueHeads(x);
    }

    private static MemorySegment atToken(Tensor tensor, long token) {
        return tensor == null
                ? MemorySegment.NULL
                : at(tensor, token * HeadOperands.tokenStride(tensor));
    }

    /** The token stride of a tensor; one that is not there needs none. */
    private static long tokenStride(Tensor tensor) {
        return tensor == null ? Long.MAX_VALUE : HeadOperands.tokenStride(tensor);
    }

    private static Qkv input(Staging stage, Qkv of) {
        return stage(stage, of, false);
    }

    private static Qkv output(Staging stage, Qkv of) {
        return stage(stage, of, true);
    }

    private static Qkv stage(Staging stage, Qkv of, boolean written) {
        return new Qkv(
                stage(stage, of.q(), written),
                stage(stage, of.k(), written),
                stage(stage, of.v(), written));
    }

    private static Tensor stage(Staging stage, Tensor tensor, boolean written) {
        return tensor == null ? null : stage.stage(tensor, written);
    }
}
