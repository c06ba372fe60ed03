/* SPDX-License-Identifier: Apache-2.0 */
#include "kan_reference.h"

#include <math.h>

#include "gatun.h"

const char *kan_basis_name(int basis) {
    static const char *const names[] = {"B-spline", "Chebyshev", "Fourier", "Gaussian", "wavelet"};
    return names[basis];
}

static double step_of(const kan_description *b) {
    const int intervals = b->basis == GATUN_KAN_BSPLINE ? b->functions - b->degree : b->functions - 1;
    return ((double)b->high - (double)b->low) / intervals;
}

/* Cox and de Boor: the B-spline of a degree that begins at knot `first`, in steps from the first knot. */
static double spline(int first, int degree, double position) {
    if (degree == 0) {
        return first <= position && position < first + 1;
    }
    return (position - first) / degree * spline(first, degree - 1, position) +
           (first + degree + 1 - position) / degree * spline(first + 1, degree - 1, position);
}

static double spline_position(const kan_description *b, double x) {
    return (x - (double)b->low) / step_of(b) + b->degree;
}

static double bell_place(const kan_description *b, int m, double x) {
    return (x - (double)b->low) / step_of(b) - m;
}

/* 2 / (sqrt(3) pi^(1/4)) */
static const double wavelet_height = 0.86732507058407753;

static double sigma(double x) {
    return 1 / (1 + exp(-x));
}

double kan_function(const kan_description *b, int m, double x) {
    const int harmonics = b->functions / 2;
    if (m == b->functions) {
        return x == (double)-INFINITY ? -0.0 : x * sigma(x);
    }
    switch (b->basis) {
    case GATUN_KAN_BSPLINE:
        return isnan(x) ? x : isinf(x) ? 0 : spline(m, b->degree, spline_position(b, x));
    case GATUN_KAN_CHEBYSHEV:
        return m == 0 ? 1 : cos(m * acos(tanh(x)));
    case GATUN_KAN_FOURIER:
        return m < harmonics ? cos((m + 1) * x) : sin((m - harmonics + 1) * x);
    default: {
        const double t = bell_place(b, m, x);
        if (isinf(t)) {
            return 0;
        }
        return b->basis == GATUN_KAN_GAUSSIAN ? exp(-t * t) : wavelet_height * (1 - t * t) * exp(-t * t / 2);
    }
    }
}

double kan_slope(const kan_description *b, int m, double x) {
    const int harmonics = b->functions / 2;
    if (m == b->functions) {
        return isinf(x) ? x > 0 : sigma(x) * (1 + x * (1 - sigma(x)));
    }
    switch (b->basis) {
    case GATUN_KAN_BSPLINE: {
        const double position = spline_position(b, x);
        if (isinf(x)) {
            return 0;
        }
        return (spline(m, b->degree - 1, position) - spline(m + 1, b->degree - 1, position)) / step_of(b) + 0 * x;
    }
    case GATUN_KAN_CHEBYSHEV: {
        const double cosh_x = cosh(x), angle = acos(tanh(x));
        if (m == 0 || isinf(cosh_x)) {
            return 0;
        }
        return m * (sin(angle) == 0 ? (x > 0 || m % 2 != 0 ? m : -m) : sin(m * angle) / sin(angle)) / (cosh_x * cosh_x);
    }
    case GATUN_KAN_FOURIER:
        return m < harmonics ? -(m + 1) * sin((m + 1) * x) : (m - harmonics + 1) * cos((m - harmonics + 1) * x);
    default: {
        const double t = bell_place(b, m, x);
        if (isinf(t)) {
            return 0;
        }
        return (b->basis == GATUN_KAN_GAUSSIAN ? -2 * t * exp(-t * t)
                                               : wavelet_height * t * (t * t - 3) * exp(-t * t / 2)) /
               step_of(b);
    }
    }
}

double kan_slope_scale(const kan_description *b, int m, double x) {
    if (m == b->functions) {
        return 1;
    }
    switch (b->basis) {
    case GATUN_KAN_CHEBYSHEV:
        return m * m / (cosh(x) * cosh(x));
    case GATUN_KAN_FOURIER:
        return m % (b->functions / 2) + 1;
    default:
        return 1 / step_of(b);
    }
}

int kan_is_jump(const kan_description *b, double x) {
    const double position = spline_position(b, x);
    return b->basis == GATUN_KAN_BSPLINE && b->degree == 1 && fabs(position - nearbyint(position)) < 1e-5;
}
