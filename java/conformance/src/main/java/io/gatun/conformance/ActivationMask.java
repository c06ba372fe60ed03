/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.Activation;
import io.gatun.ActivationKind;
import io.gatun.Activations;
import io.gatun.BitMask;
import io.gatun.DType;
import io.gatun.Device;
import io.gatun.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Activations that keep one bit of each element for the backward pass. As operands masks are
 * tensors of 0 and 1, so that people can read them.
 */
final class ActivationMask {
    private static final String LOWER = "lower";
    private static final String UPPER = "upper";
    private static final String SCALE0 = "scale0";
    private static final String SCALE1 = "scale1";

    private ActivationMask() {}

    /** Bits beside a tensor, on the heap where it is there; its own rows and columns. */
    private static BitMask beside(Tensor tensor, Arena arena) {
        Device device = tensor.device();
        long columns = tensor.size(tensor.rank() - 1);
        long rows = tensor.elementCount() / columns;
        int words = Math.toIntExact(rows * ((columns + Long.SIZE - 1) / Long.SIZE));
        MemorySegment memory =
                tensor.segment().isNative()
                        ? arena.allocate((long) Math.max(words, 1) * Long.BYTES, Long.BYTES)
                        : MemorySegment.ofArray(new long[words]);
        // Bits that are not set would not go unnoticed.
        memory.fill((byte) 0xa5);
        return BitMask.of(device, memory, rows, columns);
    }

    private static Operand mask(Operand.Role role) {
        return new Operand(
                "mask",
                role,
                Operand.Extent.FULL,
                Operand.Storage.STATISTIC,
                "0 or 1 for each element",
                null);
    }

    private static List<Check> properties(PlannedOperation operation, DType dtype, double bound) {
        return ScaledForward.elementProperties(operation, dtype, bound);
    }

    /** Result and mask. */
    static final class Forward extends ScaledForward {
        @Override
        public String name() {
            return "activation_mask";
        }

        @Override
        public String description() {
            return "A function of each element, and which of them pass a gradient.";
        }

        @Override
        public List<Operand> operands() {
            return List.of(
                    Operand.input("x", "input"),
                    Operand.output("y", "result"),
                    mask(Operand.Role.OPTIONAL_OUTPUT));
        }

        @Override
        public List<Setting> settings() {
            List<Setting> settings =
                    new ArrayList<>(ActivationSettings.settings(ActivationKind.RELU6));
            settings.add(new Setting(LOWER, 0f, "elements above it have a 1"));
            settings.add(new Setting(UPPER, 6f, "unless they reach this"));
            return settings;
        }

        @Override
        public void run(Arguments arguments) {
            Tensor x = arguments.tensor("x");
            Tensor asNumbers = arguments.tensor("mask");
            Settings settings = arguments.settings();
            try (Arena arena = Arena.ofConfined()) {
                BitMask bits =
                        x.size(x.rank() - 1) == 0
                                ? BitMask.of(x.device(), new long[0], 0, 1)
                                : beside(x, arena);
                Activations.applyWithMask(
                        ActivationSettings.activation(settings),
                        x,
                        settings.number(LOWER),
                        settings.number(UPPER),
                        arguments.tensor("y"),
                        bits);
                if (asNumbers != null) {
                    unpack(bits, asNumbers);
                }
            }
        }

        private static void unpack(BitMask bits, Tensor asNumbers) {
            float[] numbers = new float[(int) asNumbers.elementCount()];
            for (int i = 0; i < numbers.length; i++) {
                long row = i / bits.columns();
                numbers[i] = bits.get(row, i % bits.columns()) ? 1 : 0;
            }
            requireZeroTails(bits);
            asNumbers.copyFrom(numbers);
        }

        /** Bits behind the last column are 0. */
        private static void requireZeroTails(BitMask bits) {
            long words = (bits.columns() + Long.SIZE - 1) / Long.SIZE;
            int tail = (int) (words * Long.SIZE - bits.columns());
            for (long row = 0; tail > 0 && row < bits.rows(); row++) {
                long last =
                        bits.segment()
                                .get(
                                        ValueLayout.JAVA_LONG_UNALIGNED,
                                        ((row + 1) * words - 1) * Long.BYTES);
                if (last >>> (Long.SIZE - tail) != 0) {
                    throw new NamedCheck.Failure("mask: bits behind the last column are not 0");
                }
            }
        }

        @Override
        Map<String, double[]> scales(Call call) {
            ActivationFormula formula = ActivationSettings.formula(call);
            return Map.of("y", each(call.stored("x"), formula::scale));
        }

        @Override
        Recipe plain() {
            return Recipe.plain(this, Map.of("x", Values.normal(2, 4)), Set.of("y", "mask"));
        }

        @Override
        List<Recipe> recipes(DType dtype, int columns) {
            Recipe plain = plain();
            Recipe open = plain.with(UPPER, Float.POSITIVE_INFINITY);
            List<Recipe> list = new ArrayList<>();
            list.add(plain);
            list.addAll(memories(this, plain));
            list.add(plain.withInput("x", specials(dtype)).named("special"));
            list.add(
                    ActivationSettings.with(open, Activation.HARD_SWISH)
                            .with(LOWER, -1.5f)
                            .on(Memory.NATIVE)
                            .named("hard-swish"));
            list.add(
                    ActivationSettings.with(open, Activation.HARD_SWISH)
                            .with(LOWER, -1.5f)
                            .withInput("x", specials(dtype))
                            .named("hard-swish-special"));
            list.add(
                    ActivationSettings.with(open, Activation.GELU)
                            .withInput("x", specials(dtype))
                            .on(Memory.NATIVE)
                            .named("gelu-special"));
            list.add(
                    ActivationSettings.with(plain, Activation.RELU)
                            .with(UPPER, -1f)
                            .named("none-pass"));
            return list;
        }

        @Override
        List<Check> properties(DType dtype, double bound) {
            return ActivationMask.properties(this, dtype, bound);
        }
    }

    /** The gradient by the mask. */
    static final class Backward extends ScaledBackward {
        @Override
        public String name() {
            return "activation_mask";
        }

        @Override
        public String description() {
            return "The gradient of an activation from one bit for each element.";
        }

        @Override
        public List<Operand> operands() {
            return List.of(
                    Operand.input("dy", "gradient of the result"),
                    mask(Operand.Role.INPUT),
                    Operand.output("dx", "gradient of the input"));
        }

        @Override
        public List<Setting> settings() {
            return List.of(
                    new Setting(SCALE0, 0f, "factor where the mask is 0"),
                    new Setting(SCALE1, 1f, "factor where the mask is 1"));
        }

        @Override
        public void run(Arguments arguments) {
            Tensor dy = arguments.tensor("dy");
            Settings settings = arguments.settings();
            try (Arena arena = Arena.ofConfined()) {
                BitMask bits =
                        dy.size(dy.rank() - 1) == 0
                                ? BitMask.of(dy.device(), new long[0], 0, 1)
                                : beside(dy, arena);
                float[] numbers = arguments.tensor("mask").toFloatArray();
                for (int i = 0; i < numbers.length; i++) {
                    bits.set(numbers[i] != 0, i / bits.columns(), i % bits.columns());
                }
                Activations.maskBackward(
                        dy,
                        bits.asReadOnly(),
                        settings.number(SCALE0),
                        settings.number(SCALE1),
                        arguments.tensor("dx"));
            }
        }

        private static double factor(Call call, double bit) {
            return call.settings().number(bit != 0 ? SCALE1 : SCALE0);
        }

        @Override
        Map<String, double[]> scales(Call call) {
            double[] factors = ScaledForward.each(call.stored("mask"), bit -> factor(call, bit));
            return Map.of("dx", ScaledForward.product(call.stored("dy"), factors));
        }

        /** Of a function that has the two factors as slopes. */
        @Override
        Map<String, double[]> variables(Call call) {
            Map<String, double[]> variables = new HashMap<>();
            variables.put("dx", new double[call.rows() * call.columns()]);
            return variables;
        }

        @Override
        double loss(Call call, Map<String, double[]> variables) {
            double[] dy = call.stored("dy");
            double[] mask = call.stored("mask");
            double[] x = variables.get("dx");
            double loss = 0;
            for (int i = 0; i < x.length; i++) {
                loss += dy[i] * x[i] * factor(call, mask[i]);
            }
            return loss;
        }

        @Override
        List<Recipe> differentiable() {
            return List.of(plain(), plain().with(SCALE0, 0.25f).with(SCALE1, -2f).named("scales"));
        }

        @Override
        Recipe plain() {
            return Recipe.plain(
                    this,
                    Map.of("dy", Values.normal(0, 1), "mask", Values.cycle(1, 0, 0, 1, 1, 1, 0)),
                    Set.of("dx"));
        }

        @Override
        List<Recipe> recipes(DType dtype, int columns) {
            Recipe plain = plain();
            List<Recipe> list = new ArrayList<>();
            list.add(plain);
            list.addAll(ScaledForward.memories(this, plain));
            Recipe special = plain.withInput("dy", ScaledForward.specials(dtype));
            list.add(special.on(Memory.NATIVE).named("special"));
            list.add(special.with(SCALE0, -1f).with(SCALE1, 0f).named("signed-special"));
            list.add(
                    plain.with(SCALE0, 0.25f)
                            .with(SCALE1, -2f)
                            .on(Memory.UNALIGNED)
                            .named("scales"));
            return list;
        }

        @Override
        List<Check> properties(DType dtype, double bound) {
            List<Check> checks = super.properties(dtype, bound);
            OperationProperties common = new OperationProperties(this, dtype, bound);
            checks.add(common.longCalls(37, 1031));
            checks.add(common.longCalls(2, 70_001));
            return checks;
        }
    }
}
