/* SPDX-License-Identifier: Apache-2.0 */
/* The way of element-wise operations through memory: tiles, storage types, what is fetched ahead and what bypasses the
 * caches. */
#include "element_tiles.h"

/* ---- storage types ---- */

GATUN_INLINE void widen(const void *elements, float *buffer, long long n, const int dtype) {
    long long j = 0;
    for (; j + 2 * VF_LANES <= n; j += 2 * VF_LANES) {
        vf_store(buffer + j, load(elements, j, dtype));
        vf_store(buffer + j + VF_LANES, load(elements, j + VF_LANES, dtype));
    }
    for (; j < n; j += VF_LANES) {
        const int lanes = lanes_left(n - j, 0);
        vf_store_first(buffer + j, load_first(elements, j, lanes, dtype), lanes);
    }
}

GATUN_INLINE void narrow(const float *buffer, void *elements, long long n, const int dtype, const bool stream) {
    long long j = 0;
    for (; j + 2 * VF_LANES <= n; j += 2 * VF_LANES) {
        store_two(elements, j, vf_load(buffer + j), vf_load(buffer + j + VF_LANES), dtype, stream);
    }
    for (; j < n; j += VF_LANES) {
        const int lanes = lanes_left(n - j, 0);
        store_first(elements, j, vf_load_first(buffer + j, lanes), lanes, dtype);
    }
}

void widen_elements(int dtype, const void *elements, float *buffer, long long n) {
    switch (dtype) {
    case GATUN_BF16:
        widen(elements, buffer, n, GATUN_BF16);
        break;
    case GATUN_F16:
        widen(elements, buffer, n, GATUN_F16);
        break;
    default:
        widen(elements, buffer, n, GATUN_F32);
    }
}

GATUN_INLINE void narrow_dtype(int dtype, const float *buffer, void *elements, long long n, const bool stream) {
    switch (dtype) {
    case GATUN_BF16:
        narrow(buffer, elements, n, GATUN_BF16, stream);
        break;
    case GATUN_F16:
        narrow(buffer, elements, n, GATUN_F16, stream);
        break;
    default:
        narrow(buffer, elements, n, GATUN_F32, stream);
    }
}

/* Where it streams, whole lines bypass the caches, and the ends are plain. */
void narrow_elements(int dtype, const float *buffer, void *elements, long long n, bool stream) {
    const long long lead = lead_of(elements, dtype), line = LINE_BYTES / element_bytes(dtype);
    if (!stream || n < lead + line) {
        narrow_dtype(dtype, buffer, elements, n, false);
        return;
    }
    const long long whole = (n - lead) / line * line, bytes = element_bytes(dtype);
    char *p = elements;
    narrow_dtype(dtype, buffer, p, lead, false);
    narrow_dtype(dtype, buffer + lead, p + lead * bytes, whole, true);
    narrow_dtype(dtype, buffer + lead + whole, p + (lead + whole) * bytes, n - lead - whole, false);
}

/* Pairs of neighbours: those at even places, and those at odd places. `two` has room for 2 * n floats. */
static void split_pairs(int dtype, const void *pairs, float *two, float *even, float *odd, long long n) {
    widen_elements(dtype, pairs, two, 2 * n);
    for (long long j = 0; j < n; j += VF_LANES) {
        vf first = vf_load(two + 2 * j), second = vf_load(two + 2 * j + VF_LANES);
        vf_split(&first, &second);
        vf_store(even + j, first);
        vf_store(odd + j, second);
    }
}
static void merge_pairs(int dtype, const float *even, const float *odd, float *two, void *pairs, long long n,
                        bool stream) {
    for (long long j = 0; j < n; j += VF_LANES) {
        vf first = vf_load(even + j), second = vf_load(odd + j);
        vf_merge(&first, &second);
        vf_store(two + 2 * j, first);
        vf_store(two + 2 * j + VF_LANES, second);
    }
    narrow_elements(dtype, two, pairs, 2 * n, stream);
}

/* ---- tiles ---- */

/* Rounded up to whole vectors of every level, for split_pairs and merge_pairs. */
typedef struct {
    _Alignas(64) float in[ELEMENT_OPERANDS][TILE], out[ELEMENT_OPERANDS][TILE], two[2 * TILE];
} tile_buffers;

GATUN_INLINE const char *input_at(const element_arguments *a, int k, long long row, long long column) {
    const long long width = a->interleaved && k >= a->inputs - 2 ? 2 : 1;
    return (const char *)a->in[k] + (row * a->in_stride[k] + column * width) * element_bytes(a->dtype);
}
GATUN_INLINE char *output_at(const element_arguments *a, int k, long long row, long long column) {
    const long long width = a->interleaved && a->outputs > 1 && k < 2 ? 2 : 1;
    return (char *)a->out[k] + (row * a->out_stride[k] + column * width) * element_bytes(a->dtype);
}

static void load_pairs(const element_arguments *a, long long row, long long column, long long n, tile_buffers *buffers,
                       element_tile *tile) {
    const int gate = a->inputs - 2, value = a->inputs - 1;
    const int first = a->in[gate] < a->in[value] ? gate : value, second = gate + value - first;
    split_pairs(a->dtype, input_at(a, first, row, column), buffers->two, buffers->in[first], buffers->in[second], n);
    tile->in[first] = buffers->in[first];
    tile->in[second] = buffers->in[second];
}

static void store_pairs(const element_arguments *a, long long row, long long column, long long n,
                        tile_buffers *buffers) {
    const int first = a->out[0] < a->out[1] ? 0 : 1;
    merge_pairs(a->dtype, buffers->out[first], buffers->out[1 - first], buffers->two, output_at(a, first, row, column),
                n, a->stream);
}

/* Lines of the next tile of each input, while this one is worked on. */
static void fetch_next(const element_arguments *a, long long row, long long column, long long n) {
    for (int k = 0; k < a->inputs; k++) {
        const char *p = input_at(a, k, row, column + n);
        for (long long at = 0; at < TILE * element_bytes(a->dtype); at += LINE_BYTES) {
            __builtin_prefetch(p + at, 0, 3);
        }
    }
}

static void run_tile(const element_arguments *a, long long row, long long column, long long n, bool stream,
                     tile_function *function, tile_buffers *buffers) {
    const int dtype = a->dtype;
    const bool direct = dtype == GATUN_F32;
    const int single_inputs = a->interleaved ? a->inputs - 2 : a->inputs;
    const int first_single_output = a->interleaved && a->outputs > 1 ? 2 : 0;
    element_tile tile;
    tile.stream = stream && direct && first_single_output == 0;
    for (int k = 0; k < single_inputs; k++) {
        const char *p = input_at(a, k, row, column);
        if (!direct) {
            widen_elements(dtype, p, buffers->in[k], n);
        }
        tile.in[k] = direct ? (const float *)(const void *)p : buffers->in[k];
    }
    if (a->interleaved) {
        load_pairs(a, row, column, n, buffers, &tile);
    }
    for (int k = 0; k < a->outputs; k++) {
        const bool in_place = direct && k >= first_single_output && a->out[k];
        tile.out[k] = in_place ? (float *)(void *)output_at(a, k, row, column) : buffers->out[k];
    }
    function(&tile, n, &a->parameters);
    if (first_single_output > 0) {
        store_pairs(a, row, column, n, buffers);
    }
    for (int k = first_single_output; k < a->outputs; k++) {
        if (a->out[k] && tile.out[k] == buffers->out[k]) {
            narrow_elements(dtype, buffers->out[k], output_at(a, k, row, column), n, stream);
        }
    }
}

/* The first tile of a row that streams ends where a line of the result begins; the others begin there. */
void run_tiles(const element_arguments *a, const element_block *block, tile_function *function) {
    tile_buffers buffers;
    for (long long row = block->row_begin; row < block->row_end; row++) {
        long long column = block->column_begin;
        const long long lead = a->stream ? lead_of(output_at(a, 0, row, column), a->dtype) : 0;
        if (lead > 0) {
            const long long n = least_of(lead, block->column_end - column);
            run_tile(a, row, column, n, false, function, &buffers);
            column += n;
        }
        while (column < block->column_end) {
            const long long n = least_of(TILE, block->column_end - column);
            if (a->prefetch && n == TILE) {
                fetch_next(a, row, column, n);
            }
            run_tile(a, row, column, n, a->stream, function, &buffers);
            column += n;
        }
    }
}
