/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bodies of the fused residual normalizations, in the vector vocabulary. The sum h is never read back: each pass
 * makes it anew from x and the residual, which are in the caches by then. So h can bypass the caches on its way to
 * memory, and h and y may lie over x and the residual.
 */
#ifndef GATUN_RESIDUAL_NORM_H
#define GATUN_RESIDUAL_NORM_H

#include "row_norm.h"

/* Which results a loop stores. Streams of stores past the caches are slow side by side: each gets a loop of its own. */
typedef enum { BOTH, ONLY_H, ONLY_Y } stored_results;

/* What an output loop is specialized for. */
typedef struct {
    residual_norm_operation operation;
    source_form source;
    output_form output;
    stored_results stored;
} residual_form;

/* The operands of an output pass. */
typedef struct {
    row_source source;
    output_operands norm;
    void *h;
} residual_operands;

/*
 * Two forms of each operation and dtype. The common one, of float32 only, has all the operands that models use: gamma,
 * beta with a mean, a residual, no bias and no offset. The other looks what there is. Rows of 16-bit types are bound by
 * their conversions: there looking costs nothing that shows.
 */
GATUN_INLINE bool has_common_affine(const row_norm_arguments *norm, const bool centered) {
    return norm->gamma && norm->weight_offset == 0 && (norm->beta != 0) == centered;
}
GATUN_INLINE bool is_common(const residual_norm_arguments *a, const int dtype, const residual_norm_operation operation,
                            const bool centered) {
    return dtype == GATUN_F32 && a->residual && !a->bias && has_common_affine(&a->norm, centered) &&
           (operation != NORM_ADD_NORM || has_common_affine(&a->inner, centered));
}
GATUN_INLINE residual_form form_of(const residual_norm_operation operation, const int dtype, const bool common,
                                   const bool centered, const bool stream, const stored_results stored) {
    const affine_form affine = !common ? GENERAL : centered ? GAMMA_AND_BETA : GAMMA;
    const source_kind kind = operation == NORM_ADD_NORM       ? NORM_AND_RESIDUAL
                             : !common                        ? GENERAL_SUM
                             : operation == RESIDUAL_ADD_NORM ? SUM_OF_TWO
                                                              : X;
    const output_form output = {dtype, dtype, affine, centered, false, stream};
    return (residual_form){operation, {kind, dtype, output}, output, stored};
}

/* The source of the statistics and of the output pass; `inner` only in NORM_ADD_NORM. */
GATUN_INLINE row_source source_of_row(const residual_norm_arguments *a, long long row, const row_scale *inner,
                                      const int dtype, const bool centered, const residual_norm_operation operation) {
    const row_norm_arguments *norm = &a->norm;
    row_source s = {.x = row_of_x(norm, row, dtype),
                    .bias = a->bias,
                    .alpha = vf_set(a->alpha),
                    .rounded = dtype != GATUN_F32 && a->sum_mode == GATUN_SUM_ROUNDED && operation != NORM_RESIDUAL_ADD,
                    .inner = {.widened = norm->parameter_dtype == GATUN_F32}};
    if (operation != NORM_RESIDUAL_ADD && a->residual) {
        s.residual = element(a->residual, row * a->residual_stride, dtype);
    }
    if (operation == NORM_ADD_NORM) {
        s.inner = output_operands_of(&a->inner, s.x, 0, inner, centered);
    }
    return s;
}

/* The `n` lanes from column j on of the results. */
GATUN_INLINE void output_sum(const residual_operands *o, const void *residual, long long j, const int n, const bool all,
                             const residual_form form) {
    const int dtype = form.output.dtype;
    const bool stream = form.output.stream;
    vf sum = source_lanes(&o->source, j, n, all, form.source);
    if (form.stored == ONLY_H && form.operation != NORM_RESIDUAL_ADD) {
        store_lanes(o->h, j, sum, n, all, dtype, stream);
        return;
    }
    vf result = normalized(&o->norm, sum, j, n, all, form.output);
    if (form.operation == NORM_RESIDUAL_ADD) {
        if (residual) {
            result = vf_fma(o->source.alpha, load_lanes(residual, j, n, all, dtype), result);
        }
        store_lanes(o->h, j, result, n, all, dtype, stream);
    } else {
        if (form.stored == BOTH && o->h) {
            store_lanes(o->h, j, sum, n, all, dtype, stream);
        }
        store_lanes(o->norm.y, j, result, n, all, dtype, stream);
    }
}

/* Columns [begin, end) of a row. A streaming form is called with whole lines only. */
GATUN_INLINE void output_sums(const residual_operands *operands, const void *residual, long long begin, long long end,
                              fetcher *fetched, const residual_form form) {
    const residual_operands o = *operands;
    fetcher ahead = *fetched;
    const int unroll = form.output.affine == GENERAL ? 1 : 4; /* of long bodies there is nothing to gain */
    const long long turn = unroll * VF_LANES;
    const long long step = FETCH_STEP / element_bytes(form.output.dtype) / turn * turn;
    long long j = begin;
    while (j + turn <= end) {
        fetch(&ahead);
        const long long stop = j + step < end ? j + step : end;
        for (; j + turn <= stop; j += turn) {
#pragma GCC unroll 4
            for (int k = 0; k < unroll; k++) {
                output_sum(&o, residual, j + k * VF_LANES, VF_LANES, true, form);
            }
        }
    }
    for (; unroll > 1 && j + VF_LANES <= end; j += VF_LANES) {
        output_sum(&o, residual, j, VF_LANES, true, form);
    }
    if (!form.output.stream && j < end) {
        output_sum(&o, residual, j, (int)(end - j), false, form);
    }
    *fetched = ahead;
}

/* The output pass of one row over columns [begin, end); instantiated with plain and with streaming stores. */
typedef void residual_output_function(const residual_norm_arguments *a, const residual_operands *o,
                                      const void *residual, long long begin, long long end, fetcher *ahead);

GATUN_INLINE void output_sums_of_form(const residual_operands *o, const void *residual, long long begin, long long end,
                                      fetcher *ahead, const int dtype, const residual_norm_operation operation,
                                      const bool common, const bool centered, const bool stream) {
    if (!stream || operation == NORM_RESIDUAL_ADD) {
        output_sums(o, residual, begin, end, ahead, form_of(operation, dtype, common, centered, stream, BOTH));
        return;
    }
    if (o->h) {
        fetcher nothing = {0};
        output_sums(o, residual, begin, end, &nothing, form_of(operation, dtype, common, centered, stream, ONLY_H));
    }
    output_sums(o, residual, begin, end, ahead, form_of(operation, dtype, common, centered, stream, ONLY_Y));
}
GATUN_INLINE void output_sums_dtype(const residual_norm_arguments *a, const residual_operands *o, const void *residual,
                                    long long begin, long long end, fetcher *ahead, const int dtype,
                                    const residual_norm_operation operation, const bool centered, const bool stream) {
    if (is_common(a, dtype, operation, centered)) {
        output_sums_of_form(o, residual, begin, end, ahead, dtype, operation, true, centered, stream);
    } else {
        output_sums_of_form(o, residual, begin, end, ahead, dtype, operation, false, centered, stream);
    }
}

GATUN_INLINE row_scale scale_of_source(const row_norm_arguments *norm, long long row, const row_source *s,
                                       const source_form form, const bool centered, fetcher *ahead) {
    const float center = centered ? sample_mean(s, 0, norm->columns, form) : 0;
    return scale_of_row(norm, row, moments_of(s, 0, norm->columns, center, form, centered, ahead));
}

/* The scale of a row; in NORM_ADD_NORM that of the inner normalization first. */
GATUN_INLINE row_scale scale_of_sum(const residual_norm_arguments *a, long long row, row_scale *inner, fetcher *ahead,
                                    const int dtype, const residual_norm_operation operation, const bool centered) {
    if (operation == NORM_ADD_NORM) {
        const row_source x = {.x = row_of_x(&a->norm, row, dtype)};
        *inner = scale_of_source(&a->inner, row, &x, source_x(dtype), centered, ahead);
        if (inner->exact) {
            return *inner;
        }
    }
    const row_source s = source_of_row(a, row, inner, dtype, centered, operation);
    if (is_common(a, dtype, operation, centered)) {
        return scale_of_source(&a->norm, row, &s, form_of(operation, dtype, true, centered, false, BOTH).source,
                               centered, ahead);
    }
    return scale_of_source(&a->norm, row, &s, form_of(operation, dtype, false, centered, false, BOTH).source, centered,
                           ahead);
}

/* The output pass over [begin, end) of one row: where it streams, whole lines bypass the caches. */
GATUN_INLINE void output_sum_columns(const residual_norm_arguments *a, const residual_operands *o, const void *residual,
                                     long long begin, long long end, fetcher *ahead, const int dtype,
                                     residual_output_function *plain, residual_output_function *streaming) {
    const void *first_output = o->h ? o->h : o->norm.y, *other = o->norm.y ? o->norm.y : o->h;
    const long long line = LINE_BYTES / element_bytes(dtype);
    const bool together = (((uintptr_t)first_output ^ (uintptr_t)other) & (LINE_BYTES - 1)) == 0;
    if (a->norm.stream && together) {
        long long first = begin + lead_of(element(other, begin, dtype), dtype);
        if (first + line <= end) {
            long long last = end - (end - first) % line;
            if (begin < first) {
                plain(a, o, residual, begin, first, ahead);
            }
            streaming(a, o, residual, first, last, ahead);
            begin = last;
        }
    }
    if (begin < end) {
        plain(a, o, residual, begin, end, ahead);
    }
}

GATUN_INLINE void normalize_sums_of_group(const residual_norm_arguments *a, long long begin, long long end,
                                          fetcher *ahead, const int dtype, const residual_norm_operation operation,
                                          const bool centered, residual_output_function *plain,
                                          residual_output_function *streaming) {
    const row_norm_arguments *norm = &a->norm;
    const long long rows = end - begin, columns = norm->columns;
    row_scale inner[GROUP_ROWS], scales[GROUP_ROWS];
    residual_operands operands[GROUP_ROWS];
    const void *residuals[GROUP_ROWS];
    for (long long k = 0; k < rows; k++) {
        const long long row = begin + k;
        scales[k] = scale_of_sum(a, row, &inner[k], ahead, dtype, operation, centered);
        void *y = norm->y ? row_of_y(norm, row, dtype) : 0;
        operands[k] = (residual_operands){source_of_row(a, row, &inner[k], dtype, centered, operation),
                                          output_operands_of(norm, 0, y, &scales[k], centered),
                                          a->h ? (char *)a->h + row * a->h_stride * element_bytes(dtype) : 0};
        residuals[k] = a->residual ? element(a->residual, row * a->residual_stride, dtype) : 0;
    }
    const long long width = (norm->stream ? STREAMED_TILE_BYTES : TILE_BYTES) / element_bytes(dtype);
    for (long long tile = (columns - 1) / width * width; tile >= 0; tile -= width) {
        for (long long k = 0; k < rows; k++) {
            if (!scales[k].exact) {
                const void *output = operands[k].norm.y ? operands[k].norm.y : operands[k].h;
                const long long lead = norm->stream ? lead_of(output, dtype) : 0;
                const long long first = tile == 0 ? 0 : tile + lead;
                const long long last = tile + width + lead < columns ? tile + width + lead : columns;
                if (first < last) {
                    output_sum_columns(a, &operands[k], residuals[k], first, last, ahead, dtype, plain, streaming);
                }
            }
        }
    }
    for (long long k = 0; k < rows; k++) {
        if (scales[k].exact) {
            residual_norm_exact(a, begin + k, centered, operation);
        }
    }
}

/* Half as many rows as where x alone is to stay in the caches between the passes. */
GATUN_INLINE void normalize_sums(const residual_norm_arguments *a, long long begin, long long end, const int dtype,
                                 const residual_norm_operation operation, const bool centered,
                                 residual_output_function *plain, residual_output_function *streaming) {
    const row_norm_arguments *norm = &a->norm;
    const long long bytes = norm->columns * element_bytes(dtype);
    const long long fitting = GROUP_BYTES / 2 / bytes;
    const long long group = fitting < 1 ? 1 : fitting < GROUP_ROWS ? fitting : GROUP_ROWS;
    const long long stream_rows = rows_of_stream(norm, dtype);
    fetcher ahead = {0};
    for (long long row = begin, fetched = begin; row < end; row += group) {
        if (stream_rows > 0 && row >= fetched) {
            fetched += FETCH_STREAMS * stream_rows;
            ahead = fetch_rows(norm, fetched, stream_rows, end, dtype);
            if (a->residual && a->residual_stride == norm->x_stride) {
                ahead.companion = (long long)((uintptr_t)a->residual - (uintptr_t)norm->x);
            }
        }
        normalize_sums_of_group(a, row, row + group < end ? row + group : end, &ahead, dtype, operation, centered,
                                plain, streaming);
    }
    if (norm->stream) {
        vf_stream_fence();
    }
}

GATUN_INLINE void normalize_sums_any(const residual_norm_arguments *a, long long begin, long long end,
                                     const residual_norm_operation operation, const bool centered,
                                     residual_output_function *plain, residual_output_function *streaming) {
    switch (a->norm.dtype) {
    case GATUN_BF16:
        normalize_sums(a, begin, end, GATUN_BF16, operation, centered, plain, streaming);
        break;
    case GATUN_F16:
        normalize_sums(a, begin, end, GATUN_F16, operation, centered, plain, streaming);
        break;
    default:
        normalize_sums(a, begin, end, GATUN_F32, operation, centered, plain, streaming);
    }
}
GATUN_INLINE void output_sums_any(const residual_norm_arguments *a, const residual_operands *o, const void *residual,
                                  long long begin, long long end, fetcher *ahead,
                                  const residual_norm_operation operation, const bool centered, const bool stream) {
    switch (a->norm.dtype) {
    case GATUN_BF16:
        output_sums_dtype(a, o, residual, begin, end, ahead, GATUN_BF16, operation, centered, stream);
        break;
    case GATUN_F16:
        output_sums_dtype(a, o, residual, begin, end, ahead, GATUN_F16, operation, centered, stream);
        break;
    default:
        output_sums_dtype(a, o, residual, begin, end, ahead, GATUN_F32, operation, centered, stream);
    }
}

/* Defines the functions of one norm kind of a kernel, with names that end in `kind`. */
#define GATUN_RESIDUAL_NORM_ROWS(kind, which, is_centered)                                                           \
    static void plain_##kind(const residual_norm_arguments *a, const residual_operands *o, const void *residual,     \
                             long long begin, long long end, fetcher *ahead) {                                       \
        output_sums_any(a, o, residual, begin, end, ahead, which, is_centered, false);                               \
    }                                                                                                                \
    static void streaming_##kind(const residual_norm_arguments *a, const residual_operands *o, const void *residual, \
                                 long long begin, long long end, fetcher *ahead) {                                   \
        output_sums_any(a, o, residual, begin, end, ahead, which, is_centered, true);                                \
    }                                                                                                                \
    static void rows_##kind(const residual_norm_arguments *a, long long begin, long long end) {                      \
        normalize_sums_any(a, begin, end, which, is_centered, plain_##kind, streaming_##kind);                       \
    }

/* Defines the kernel `operation` of this level, for which the bodies are called with `which`. */
#define GATUN_RESIDUAL_NORM_KERNEL(operation, which) \
    GATUN_RESIDUAL_NORM_ROWS(layer, which, true)     \
    GATUN_RESIDUAL_NORM_ROWS(rms, which, false)      \
    const residual_norm_kernel GATUN_AT_LEVEL(operation) = {{rows_layer, rows_rms}};

#endif
