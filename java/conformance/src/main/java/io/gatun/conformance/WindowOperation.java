/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.KanCombination;
import io.gatun.KanInner;
import io.gatun.KanWindows;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** What both directions of windows share: settings, shapes, recipes. */
final class WindowOperation {
    /** Whose the ends of the windows are. */
    enum Ends {
        SHARED,
        PER_COLUMN
    }

    private static final String INNER = "inner";
    private static final String COMBINATION = "combination";
    private static final String FUNCTIONS = "functions";
    private static final String SCALE = "scale";

    /** Of the suite alone: elsewhere the shape of the ends says it. */
    private static final String ENDS = "ends-of";

    /** All functions with all combinations are many: the least shapes take them, others in turn. */
    static final PlannedOperation.Plan PLAN = new PlannedOperation.Plan(30, 40_000, 10, 3);

    private WindowOperation() {}

    static List<Setting> settings() {
        return List.of(
                new Setting(INNER, KanInner.SILU, "the function of the distances to the ends"),
                new Setting(COMBINATION, KanCombination.QUAD1, "how both distances are combined"),
                new Setting(FUNCTIONS, 8L, "how many windows"),
                new Setting(SCALE, 1f, "factor of all windows"),
                new Setting(
                        ENDS,
                        Ends.SHARED,
                        "whose ends the checks have; files say it by their shape"));
    }

    static KanWindows windows(Settings settings) {
        return new KanWindows(
                settings.choice(INNER, KanInner.class),
                settings.choice(COMBINATION, KanCombination.class),
                (int) Math.min(settings.count(FUNCTIONS), Integer.MAX_VALUE),
                settings.number(SCALE));
    }

    static Operand ends(String name, String description) {
        return Operand.own(name, Operand.Role.INPUT, Operand.Storage.STATISTIC, description);
    }

    static long[] ownShape(int columns, Settings settings) {
        long functions = settings.count(FUNCTIONS);
        return settings.choice(ENDS, Ends.class) == Ends.SHARED
                ? new long[] {functions}
                : new long[] {functions, columns};
    }

    /** Where the end of a window of a column stands among all. */
    static int end(Call call, int m, int column) {
        return call.settings().choice(ENDS, Ends.class) == Ends.SHARED
                ? m
                : m * call.columns() + column;
    }

    /** Windows about 0 that overlap. */
    static void putEnds(Map<String, Values> inputs) {
        inputs.put("starts", Values.normal(-1, 0.7));
        inputs.put("ends", Values.normal(1, 0.7));
    }

    /** Every inner function with every combination, in turn with other settings. */
    static List<Recipe> recipes(Recipe plain) {
        List<Recipe> list = new ArrayList<>();
        list.add(plain);
        for (Memory memory : Memory.values()) {
            list.add(plain.on(memory).named("memory-" + Setting.label(memory)));
        }
        int turn = 0;
        for (KanInner inner : WindowFormula.INNERS) {
            for (KanCombination combination : WindowFormula.COMBINATIONS) {
                turn++;
                list.add(
                        plain.with(INNER, inner)
                                .with(COMBINATION, combination)
                                .with(FUNCTIONS, 1L + turn % 5)
                                .with(SCALE, turn % 2 == 0 ? 1f : -2.5f)
                                .with(ENDS, turn % 3 == 0 ? Ends.PER_COLUMN : Ends.SHARED)
                                .on(turn % 4 == 0 ? Memory.UNALIGNED : Memory.NATIVE)
                                .named(Setting.label(inner) + "-" + Setting.label(combination)));
            }
        }
        return list;
    }

    /** Both kinds of ends, and each combination, for finite differences. */
    static List<Recipe> differentiable(Recipe plain) {
        List<Recipe> list = new ArrayList<>();
        int turn = 0;
        for (KanCombination combination : WindowFormula.COMBINATIONS) {
            KanInner inner = WindowFormula.INNERS[turn % WindowFormula.INNERS.length];
            turn++;
            if (inner != KanInner.RELU) {
                list.add(
                        plain.with(INNER, inner)
                                .with(COMBINATION, combination)
                                .with(FUNCTIONS, 3L)
                                .with(ENDS, turn % 2 == 0 ? Ends.PER_COLUMN : Ends.SHARED)
                                .named(Setting.label(inner) + "-" + Setting.label(combination)));
            }
        }
        return list;
    }
}
