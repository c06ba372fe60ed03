/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import io.gatun.KanBasis;
import io.gatun.KanBasisKind;
import java.util.List;
import java.util.Locale;

/** The settings that stand for a {@link KanBasis}, and those that the suite tests. */
final class KanSettings {
    /** What follows the functions of a basis. */
    enum Base {
        NONE,
        SILU
    }

    private static final String BASIS = "basis";
    private static final String FUNCTIONS = "functions";
    private static final String DEGREE = "degree";
    private static final String LOW = "low";
    private static final String HIGH = "high";
    private static final String BASE = "base";

    /** The usual one of each kind, other degrees and grids, the least ones, and many functions. */
    static final List<KanBasis> ALL =
            List.of(
                    KanBasis.bSpline(5, 3, -1, 1).withBase(true),
                    KanBasis.chebyshev(3),
                    KanBasis.fourier(8),
                    KanBasis.gaussian(8, -2, 2),
                    KanBasis.wavelet(6, -2, 2),
                    KanBasis.bSpline(5, 2, -1.5f, 1.5f),
                    KanBasis.bSpline(3, 4, -2, 1),
                    KanBasis.bSpline(2, 5, 0, 1).withBase(true),
                    KanBasis.bSpline(1, 3, -1, 1),
                    KanBasis.bSpline(61, 3, -4, 4),
                    KanBasis.chebyshev(0).withBase(true),
                    KanBasis.chebyshev(12),
                    KanBasis.fourier(1).withBase(true),
                    KanBasis.gaussian(2, -0.3f, 0.4f),
                    KanBasis.wavelet(17, -3, 3).withBase(true));

    private KanSettings() {}

    static List<Setting> settings() {
        return List.of(
                new Setting(BASIS, KanBasisKind.B_SPLINE, "which functions"),
                new Setting(FUNCTIONS, 8L, "how many functions, without the base"),
                new Setting(DEGREE, 3L, "degree of B-splines"),
                new Setting(LOW, -1f, "where the grid begins, if there is one"),
                new Setting(HIGH, 1f, "where the grid ends, if there is one"),
                new Setting(BASE, Base.NONE, "what follows the functions"));
    }

    static KanBasis basis(Settings settings) {
        KanBasisKind kind = settings.choice(BASIS, KanBasisKind.class);
        return new KanBasis(
                kind,
                (int) Math.min(settings.count(FUNCTIONS), Integer.MAX_VALUE),
                kind == KanBasisKind.B_SPLINE
                        ? (int) Math.min(settings.count(DEGREE), Integer.MAX_VALUE)
                        : 0,
                kind.onGrid() ? settings.number(LOW) : 0,
                kind.onGrid() ? settings.number(HIGH) : 0,
                settings.choice(BASE, Base.class) == Base.SILU);
    }

    static Recipe with(Recipe recipe, KanBasis basis) {
        return recipe.with(BASIS, basis.kind())
                .with(FUNCTIONS, (long) basis.functions())
                .with(DEGREE, (long) basis.degree())
                .with(LOW, basis.low())
                .with(HIGH, basis.high())
                .with(BASE, basis.base() ? Base.SILU : Base.NONE);
    }

    /** As {@code b-spline-3-8-silu}. */
    static String label(KanBasis basis) {
        String kind = basis.kind().name().toLowerCase(Locale.ROOT).replace('_', '-');
        String degree = basis.kind() == KanBasisKind.B_SPLINE ? "-" + basis.degree() : "";
        return kind + degree + "-" + basis.functions() + (basis.base() ? "-silu" : "");
    }

    /** x about the grid, or about 0 where there is none. */
    static Values around(KanBasis basis) {
        return basis.kind().onGrid()
                ? Values.normal((basis.low() + basis.high()) / 2, basis.high() - basis.low())
                : Values.normal(0, 2);
    }

    /** Values that are special to some function. */
    static Values specials(KanBasis basis) {
        float end = basis.kind() == KanBasisKind.FOURIER ? 1e6f : Float.POSITIVE_INFINITY;
        float[] values = {
            0,
            -0f,
            basis.low(),
            basis.high(),
            Float.NaN,
            1e-42f,
            9.5f,
            -20,
            60,
            -104,
            end,
            -end,
            -1e30f
        };
        return (array, rows, columns, random) -> {
            for (int i = 0; i < array.length; i++) {
                array[i] = values[i % values.length];
            }
        };
    }
}
