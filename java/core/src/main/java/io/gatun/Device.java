// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import io.gatun.bindings.NativeLibrary;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Where kernels run. Every tensor belongs to a device, and all tensors of one call to the same one.
 * A device may be used by any number of threads at once.
 *
 * <p>{@link #open()} takes the best device there is; {@link #cpu()}, {@link #cuda(int)} and {@link
 * #reference()} ask for a particular one.
 */
public final class Device implements AutoCloseable {
    private static final String PROPERTY = "gatun.device";
    private static final String VARIABLE = "GATUN_DEVICE";

    private static final AtomicBoolean WARNED = new AtomicBoolean();
    private static final AtomicInteger COUNT = new AtomicInteger();

    private final String name;
    private final Isa isa;
    private final int threads;
    private final Kernels kernels;
    private final int number = COUNT.incrementAndGet();

    private Device(String name, Isa isa, int threads, Kernels kernels) {
        this.name = name;
        this.isa = isa;
        this.threads = threads;
        this.kernels = kernels;
    }

    /**
     * The best device there is: today the CPU, or the reference device where the native library
     * cannot be loaded. In that case one warning of the {@link System.Logger} {@code io.gatun} says
     * what was tried and why it failed.
     *
     * <p>The system property {@code gatun.device} or, without it, the environment variable {@code
     * GATUN_DEVICE} takes another one: {@code cpu}, {@code cuda:0} (any number), {@code reference},
     * or {@code auto} for the best. What is asked for in this way is an error if it cannot be had.
     *
     * @return a new device
     * @throws DeviceUnavailableException if the property or variable names a device that cannot be
     *     had
     * @throws IllegalArgumentException if the property or variable names no device
     */
    public static Device open() {
        String property = System.getProperty(PROPERTY);
        String source = property != null ? PROPERTY : VARIABLE;
        String wanted = property != null ? property : System.getenv(VARIABLE);
        if (wanted != null && !wanted.isBlank()) {
            wanted = wanted.strip().toLowerCase(Locale.ROOT);
            if (wanted.equals("cpu")) {
                return cpu();
            }
            if (wanted.equals("reference")) {
                return reference();
            }
            if (wanted.matches("cuda:[0-9]{1,4}")) {
                return cuda(Integer.parseInt(wanted.substring("cuda:".length())));
            }
            if (!wanted.equals("auto")) {
                throw new IllegalArgumentException(
                        "%s: expected auto, cpu, cuda:0 or reference, but it is %s"
                                .formatted(source, wanted));
            }
        }
        try {
            return cpu();
        } catch (DeviceUnavailableException unavailable) {
            if (!WARNED.getAndSet(true)) {
                Logger logger = System.getLogger("io.gatun");
                logger.log(
                        Level.WARNING,
                        "Kernels run in pure Java on the reference device, which is slow. "
                                + unavailable.getMessage());
            }
            return reference();
        }
    }

    /**
     * The CPU with all threads and the best instruction set level.
     *
     * @return a new device
     * @throws DeviceUnavailableException if the native library cannot be loaded; the message holds
     *     every attempt
     */
    public static Device cpu() {
        return cpu(CpuOptions.DEFAULT);
    }

    /**
     * The CPU.
     *
     * @param options number of threads and instruction set level
     * @return a new device
     * @throws DeviceUnavailableException if the native library cannot be loaded (the message holds
     *     every attempt), or if the level is of another architecture
     */
    public static Device cpu(CpuOptions options) {
        Objects.requireNonNull(options, "options: expected CpuOptions, but it is null");
        requireLibrary("cpu");
        NativeContext context = NativeContext.create(NativeContext.BACKEND_CPU, 0, options);
        return new Device(
                "cpu", context.isa(), context.threads(), new NativeKernels(context, "cpu"));
    }

    /**
     * A GPU. This version has no kernels for GPUs, so there is none to be had.
     *
     * @param index its number, from 0
     * @return never
     * @throws DeviceUnavailableException always; the message holds what the native library says
     *     about GPUs
     * @throws IllegalArgumentException if the number is negative
     */
    public static Device cuda(int index) {
        if (index < 0) {
            throw new IllegalArgumentException("index: expected at least 0, but it is " + index);
        }
        requireLibrary("cuda:" + index);
        String reason = NativeInformation.gpuReason();
        throw new DeviceUnavailableException(
                "Device cuda:%s is not available: %s"
                        .formatted(
                                index,
                                reason.isEmpty()
                                        ? "this version of the Java API has no kernels for GPUs"
                                        : reason));
    }

    /**
     * Pure Java with float64 inside, on the calling thread: slow, exact to the last rounding, and
     * always there. What the other devices are tested against.
     *
     * @return a new device
     */
    public static Device reference() {
        return new Device("reference", null, 1, new ReferenceKernels());
    }

    private static void requireLibrary(String device) {
        NativeLibrary library = NativeLibrary.get();
        if (!library.available()) {
            throw new DeviceUnavailableException(
                    "Device %s is not available: %s".formatted(device, library.failure()));
        }
    }

    /**
     * A contiguous tensor in memory of this device, not initialised. Close it to free the memory.
     *
     * @param dtype the type of its elements
     * @param shape the size of each dimension
     * @return a new tensor
     * @throws IllegalArgumentException if a size is negative or the product too large
     * @throws IllegalStateException if this device was closed
     * @throws OutOfMemoryError if there is not enough memory
     */
    public Tensor allocate(DType dtype, long... shape) {
        Objects.requireNonNull(dtype, "dtype: expected a DType, but it is null");
        Objects.requireNonNull(shape, "shape: expected the size of each dimension, but it is null");
        long[] sizes = shape.clone();
        Shapes.check(sizes);
        return Tensor.of(
                this, dtype, kernels.allocate(Shapes.product(sizes) * dtype.bytes()), sizes);
    }

    /**
     * A tensor over an array, without a copy.
     *
     * @param values its elements in row-major order; may hold more than the tensor needs
     * @param shape the size of each dimension
     * @return a view of the array
     * @throws IllegalArgumentException if a size is negative, or if the array is too short
     */
    public Tensor tensor(float[] values, long... shape) {
        Objects.requireNonNull(values, "values: expected a float[], but it is null");
        return Tensor.of(this, DType.F32, MemorySegment.ofArray(values), "values", shape);
    }

    /**
     * A tensor over an array of 16-bit values, without a copy.
     *
     * @param dtype {@link DType#BF16} or {@link DType#F16}
     * @param bits its elements in row-major order; may hold more than the tensor needs
     * @param shape the size of each dimension
     * @return a view of the array
     * @throws IllegalArgumentException if the type has not 16 bits, a size is negative, or the
     *     array is too short
     */
    public Tensor tensor(DType dtype, short[] bits, long... shape) {
        Objects.requireNonNull(dtype, "dtype: expected a DType, but it is null");
        Objects.requireNonNull(bits, "bits: expected a short[], but it is null");
        if (dtype.bytes() != Short.BYTES) {
            throw new IllegalArgumentException(
                    "dtype: expected BF16 or F16 for a short[], but it is " + dtype);
        }
        return Tensor.of(this, dtype, MemorySegment.ofArray(bits), "bits", shape);
    }

    /**
     * A tensor over a memory segment, without a copy: off-heap of any arena, mapped, or any
     * primitive array. A read-only segment makes a read-only tensor.
     *
     * @param dtype the type of its elements, in native byte order
     * @param memory its elements in row-major order, from the beginning; may hold more than the
     *     tensor needs
     * @param shape the size of each dimension
     * @return a view of the segment
     * @throws IllegalArgumentException if a size is negative, or if the segment is too short or not
     *     aligned to the elements
     */
    public Tensor tensor(DType dtype, MemorySegment memory, long... shape) {
        Objects.requireNonNull(memory, "memory: expected a MemorySegment, but it is null");
        return Tensor.of(this, dtype, memory, "memory", shape);
    }

    /**
     * A tensor over a buffer, direct or not, without a copy. A read-only buffer makes a read-only
     * tensor.
     *
     * @param dtype the type of its elements
     * @param memory its elements in row-major order, from its position on, in native byte order;
     *     may hold more than the tensor needs
     * @param shape the size of each dimension
     * @return a view of the buffer
     * @throws IllegalArgumentException if the byte order is not the native one, a size is negative,
     *     or the buffer is too short or not aligned to the elements
     */
    public Tensor tensor(DType dtype, ByteBuffer memory, long... shape) {
        Objects.requireNonNull(memory, "memory: expected a ByteBuffer, but it is null");
        if (memory.order() != ByteOrder.nativeOrder()) {
            throw new IllegalArgumentException(
                    ("memory: expected a buffer of native byte order (%s), but it is %s; set "
                                    + "order(ByteOrder.nativeOrder())")
                            .formatted(ByteOrder.nativeOrder(), memory.order()));
        }
        return Tensor.of(this, dtype, MemorySegment.ofBuffer(memory), "memory", shape);
    }

    /**
     * The kind of device: {@code cpu}, {@code reference}.
     *
     * @return the name
     */
    public String name() {
        return name;
    }

    /**
     * The instruction set level of its kernels.
     *
     * @return the level, or null where there is none, as on the reference device
     */
    public Isa isa() {
        return isa;
    }

    /**
     * The most threads that one call uses.
     *
     * @return at least 1
     */
    public int threads() {
        return threads;
    }

    /**
     * What this device is, in one line for people.
     *
     * @return the processor and how it is used
     */
    public String description() {
        if (isa == null) {
            return "pure Java, float64 inside, 1 thread";
        }
        return NativeInformation.cpu() + "; " + level();
    }

    /**
     * Waits until all kernels that were started on this device have ended. On the CPU they have
     * when their call returns.
     *
     * @throws IllegalStateException if this device was closed
     */
    public void synchronize() {
        kernels.synchronize();
    }

    /**
     * Ends the device; calling this again does nothing. Tensors that it allocated stay readable
     * until they are closed, but no kernel can use them.
     *
     * @throws IllegalStateException if a kernel is running; the device stays open then
     */
    @Override
    public void close() {
        kernels.close();
    }

    /** As {@code cpu (device 1: AVX2, 2 threads)}; the number tells devices of one kind apart. */
    @Override
    public String toString() {
        return name + " (device " + number + (isa == null ? ")" : ": " + level() + ")");
    }

    private String level() {
        return isa + ", " + threads + (threads == 1 ? " thread" : " threads");
    }

    Kernels kernels() {
        return kernels;
    }
}
