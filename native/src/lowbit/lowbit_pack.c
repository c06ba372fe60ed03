/* SPDX-License-Identifier: Apache-2.0 */
#include "lowbit_pack.h"

#include <limits.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "../simd/half.h"

/* Tiles of one task share cache lines of their source; no source has more together. */
enum { MOST_TILES_TOGETHER = 8 };

typedef struct {
    const lowbit_source *source;
    unsigned char *data;
    atomic_llong bad; /* least output * groups + group with a bad scale */
    atomic_bool minus_128;
} pack_job;

/* The low four bits of 32 codes, 16 apart in one byte. */
static inline void pair_nibbles(const uint8_t *restrict codes, uint8_t *restrict pairs) {
    for (int i = 0; i < 16; i++) {
        pairs[i] = (uint8_t)((codes[i] & 15) | codes[16 + i] << 4);
    }
}

/* Four lines of 16 outputs from 16 bytes of each. */
static inline void write_four_lines(uint8_t rows[LOWBIT_TILE][LOWBIT_SLICE], int from, unsigned char *out) {
#if defined(__SSE2__)
    for (int n = 0; n < LOWBIT_TILE; n += 4) {
        const __m128i a = _mm_load_si128((const __m128i *)(const void *)(rows[n] + from));
        const __m128i b = _mm_load_si128((const __m128i *)(const void *)(rows[n + 1] + from));
        const __m128i c = _mm_load_si128((const __m128i *)(const void *)(rows[n + 2] + from));
        const __m128i d = _mm_load_si128((const __m128i *)(const void *)(rows[n + 3] + from));
        const __m128i ab_low = _mm_unpacklo_epi32(a, b), ab_high = _mm_unpackhi_epi32(a, b);
        const __m128i cd_low = _mm_unpacklo_epi32(c, d), cd_high = _mm_unpackhi_epi32(c, d);
        const __m128i lines[4] = {_mm_unpacklo_epi64(ab_low, cd_low), _mm_unpackhi_epi64(ab_low, cd_low),
                                  _mm_unpacklo_epi64(ab_high, cd_high), _mm_unpackhi_epi64(ab_high, cd_high)};
        for (int t = 0; t < 4; t++) {
            _mm_store_si128((__m128i *)(void *)(out + t * LOWBIT_LINE + 4 * n), lines[t]);
        }
    }
#else
    for (int n = 0; n < LOWBIT_TILE; n++) {
        for (int t = 0; t < 4; t++) {
            memcpy(out + t * LOWBIT_LINE + 4 * n, rows[n] + from + 4 * t, 4);
        }
    }
#endif
}

static inline uint64_t load_eight(const uint8_t *p) {
    uint64_t eight;
    memcpy(&eight, p, sizeof eight);
    return eight;
}

/* Bit 4 of the codes of lines 0 to 3 in four bytes of one line: bit t of byte b from code 4 * t + b, t = 0 .. 7. */
static inline void fifth_bits(const uint8_t *codes, unsigned char *line) {
    uint64_t bits = 0;
    for (int i = 0; i < 4; i++) {
        bits |= (load_eight(codes + 8 * i) >> 4 & UINT64_C(0x0101010101010101)) << 2 * i;
    }
    const uint32_t four = (uint32_t)bits | (uint32_t)(bits >> 32) << 1;
    memcpy(line, &four, sizeof four);
}

/* Bits 4 and 5 of the codes of two lines, from `codes` and 16 further on, in four bytes of one line. */
static inline void upper_pairs(const uint8_t *codes, unsigned char *line) {
    const uint64_t mask = UINT64_C(0x0303030303030303);
    const uint64_t pairs = (load_eight(codes) >> 4 & mask) | (load_eight(codes + 16) >> 4 & mask) << 2;
    const uint32_t four = (uint32_t)pairs | (uint32_t)(pairs >> 32) << 4;
    memcpy(line, &four, sizeof four);
}

/* `out` is at a multiple of LOWBIT_LINE. */
static void write_slice(int bits, const lowbit_values *values, int k, unsigned char *out) {
    _Alignas(16) uint8_t rows[LOWBIT_TILE][LOWBIT_SLICE];
    for (int n = 0; n < LOWBIT_TILE; n++) {
        const uint8_t *codes = values->codes[n] + k;
        if (bits == 8) {
            memcpy(rows[n], codes, LOWBIT_SLICE);
        } else {
            pair_nibbles(codes, rows[n]);
        }
        if (bits == 5) {
            fifth_bits(codes, out + 4 * LOWBIT_LINE + 4 * n);
        } else if (bits == 6) {
            upper_pairs(codes, out + 4 * LOWBIT_LINE + 4 * n);
            upper_pairs(codes + 8, out + 5 * LOWBIT_LINE + 4 * n);
        }
    }
    write_four_lines(rows, 0, out);
    if (bits == 8) {
        write_four_lines(rows, 16, out + 4 * LOWBIT_LINE);
    }
}

static unsigned char *append(unsigned char *out, const void *part, size_t bytes) {
    memcpy(out, part, bytes);
    return out + bytes;
}

static void write_header(const lowbit_matrix *m, const lowbit_values *v, unsigned char *out) {
    const size_t values = (size_t)(LOWBIT_CHUNK / m->group) * LOWBIT_TILE;
    const bool offsets = m->offsets == LOWBIT_OFFSETS_VALUES;
    unsigned char *at = out;
    if (m->scales == LOWBIT_SCALES_F32) {
        at = append(at, v->scales, 4 * values);
        at = offsets ? append(at, v->offsets, 4 * values) : at;
    } else if (m->scales == LOWBIT_SCALES_F16) {
        at = append(at, v->half_scales, 2 * values);
        at = offsets ? append(at, v->half_offsets, 2 * values) : at;
    } else {
        at = append(at, v->super_scales, 2 * LOWBIT_TILE);
        at = offsets ? append(at, v->super_offsets, 2 * LOWBIT_TILE) : at;
        at = append(at, v->sub_scales, values);
        at = offsets ? append(at, v->sub_offsets, values) : at;
    }
    if (m->offsets == LOWBIT_OFFSETS_ZERO_POINTS) {
        at = append(at, v->zeros, values);
    }
    memset(at, 0, (size_t)(out + m->header_bytes - at));
}

static void note_bad(pack_job *job, long long output, long long group) {
    const long long groups = lowbit_groups(job->source->shape.inputs, job->source->shape.group);
    const long long position = output * groups + group;
    long long least = atomic_load(&job->bad);
    while (position < least && !atomic_compare_exchange_weak(&job->bad, &least, position)) {
    }
}

static inline bool is_finite_half(uint16_t bits) {
    return (bits & 0x7c00u) != 0x7c00u;
}

/* Whether no weight of such a group overflows on the way: s * u and c are finite. */
static inline bool is_usable(float scale, float offset, int bits) {
    return isfinite(scale * (float)(1 << bits)) && isfinite(offset);
}

static void check_scales(pack_job *job, long long output, int count, long long chunk, const lowbit_values *v) {
    const lowbit_matrix *m = &job->source->shape;
    const bool offsets = m->offsets == LOWBIT_OFFSETS_VALUES;
    const int groups = lowbit_chunk_groups(m, chunk);
    const long long first = lowbit_chunk_begin(chunk) / m->group;
    for (int row = 0; row < count; row++) {
        for (int g = 0; g < groups; g++) {
            bool good;
            if (m->scales == LOWBIT_SCALES_F32) {
                good = is_usable(v->scales[g][row], offsets ? v->offsets[g][row] : 0, m->bits);
            } else if (m->scales == LOWBIT_SCALES_F16) {
                good = is_finite_half(v->half_scales[g][row]) && (!offsets || is_finite_half(v->half_offsets[g][row]));
            } else {
                good = is_finite_half(v->super_scales[row]) && (!offsets || is_finite_half(v->super_offsets[row]));
            }
            if (!good) {
                note_bad(job, output + row, first + g);
                break;
            }
        }
    }
}

/* Whether a code among `count` rows of `inputs` is 0. */
static bool has_zero_code(const lowbit_values *values, int count, int inputs) {
    for (int row = 0; row < count; row++) {
        if (memchr(values->codes[row], 0, (size_t)inputs)) {
            return true;
        }
    }
    return false;
}

static void add_code_sums(const lowbit_values *values, int count, int inputs, int32_t *sums) {
    for (int row = 0; row < count; row++) {
        int32_t sum = 0;
        for (int k = 0; k < inputs; k++) {
            sum += values->codes[row][k];
        }
        sums[row] = (int32_t)((uint32_t)sums[row] + (uint32_t)sum);
    }
}

static void write_tile_header(pack_job *job, long long output, int count, const int32_t *sums, unsigned char *out) {
    const lowbit_source *source = job->source;
    lowbit_tile_header header = {{0}, {0}, {0}, {0}};
    for (int row = 0; row < count && source->shape.inputs > 0; row++) {
        const lowbit_row whole = source->row(source, output + row);
        if (!is_usable(whole.scale, whole.offset, source->shape.bits)) {
            note_bad(job, output + row, 0);
        }
        header.scale[row] = whole.scale;
        header.offset[row] = source->shape.offsets == LOWBIT_OFFSETS_VALUES ? whole.offset : 0;
        header.zero[row] = source->shape.offsets == LOWBIT_OFFSETS_ZERO_POINTS ? whole.zero : 0;
        header.code_sum[row] = sums[row];
    }
    memcpy(out, &header, sizeof header);
}

static void pack_task(void *argument, long long index) {
    pack_job *job = argument;
    const lowbit_source *source = job->source;
    const lowbit_matrix *m = &source->shape;
    const long long first = index * source->tiles_together;
    const long long last = first + source->tiles_together < m->tiles ? first + source->tiles_together : m->tiles;
    int32_t sums[MOST_TILES_TOGETHER][LOWBIT_TILE] = {{0}};
    lowbit_values values;
    bool minus_128 = false;
    for (long long chunk = 0; chunk < m->chunks; chunk++) {
        const int inputs = lowbit_chunk_inputs(m, chunk);
        for (long long tile = first; tile < last; tile++) {
            const long long output = tile * LOWBIT_TILE;
            const int count = m->outputs - output < LOWBIT_TILE ? (int)(m->outputs - output) : LOWBIT_TILE;
            if (count < LOWBIT_TILE || inputs < LOWBIT_CHUNK) {
                memset(&values, 0, sizeof values);
            }
            source->read(source, output, count, chunk, &values);
            for (int row = 0; row < count; row++) { /* a quantizer writes whole slices */
                for (int k = inputs; k < LOWBIT_CHUNK; k++) {
                    values.codes[row][k] = 0;
                }
            }
            unsigned char *out = job->data + (lowbit_chunk(m, tile, chunk) - m->data);
            if (m->group == 0) {
                add_code_sums(&values, count, inputs, sums[tile - first]);
            } else {
                check_scales(job, output, count, chunk, &values);
                write_header(m, &values, out);
            }
            minus_128 = minus_128 || (m->bits == 8 && has_zero_code(&values, count, inputs));
            out += m->header_bytes;
            for (int k = 0; k < inputs; k += LOWBIT_SLICE, out += m->slice_bytes) {
                write_slice(m->bits, &values, k, out);
            }
        }
    }
    for (long long tile = first; tile < last && m->group == 0; tile++) {
        const long long output = tile * LOWBIT_TILE;
        const int count = m->outputs - output < LOWBIT_TILE ? (int)(m->outputs - output) : LOWBIT_TILE;
        write_tile_header(job, output, count, sums[tile - first], job->data + tile * m->tile_bytes);
    }
    if (minus_128) {
        atomic_store(&job->minus_128, true);
    }
}

lowbit_findings lowbit_pack(gatun_pool *pool, const lowbit_source *source, unsigned char *data) {
    const lowbit_matrix *m = &source->shape;
    pack_job job = {.source = source, .data = data};
    atomic_init(&job.bad, LLONG_MAX);
    atomic_init(&job.minus_128, false);
    gatun_pool_run(pool, (m->tiles + source->tiles_together - 1) / source->tiles_together, pack_task, &job);
    lowbit_findings findings = {-1, 0, atomic_load(&job.minus_128)};
    const long long bad = atomic_load(&job.bad);
    if (bad != LLONG_MAX) {
        const long long groups = lowbit_groups(m->inputs, m->group);
        findings.bad_output = bad / groups;
        findings.bad_input = bad % groups * m->group;
    }
    return findings;
}

static void read_slice(int bits, const unsigned char *slice, int place, uint8_t *codes) {
    for (int t = 0; t < (bits == 8 ? 8 : 4); t++) {
        for (int b = 0; b < 4; b++) {
            const int byte = slice[t * LOWBIT_LINE + 4 * place + b];
            if (bits == 8) {
                codes[4 * t + b] = (uint8_t)byte;
                continue;
            }
            int low = byte & 15, high = byte >> 4;
            if (bits == 5) {
                const int more = slice[4 * LOWBIT_LINE + 4 * place + b];
                low |= (more >> t & 1) << 4;
                high |= (more >> (4 + t) & 1) << 4;
            } else if (bits == 6) {
                const int more = slice[(4 + t / 2) * LOWBIT_LINE + 4 * place + b] >> t % 2 * 4;
                low |= (more & 3) << 4;
                high |= (more >> 2 & 3) << 4;
            }
            codes[4 * t + b] = (uint8_t)low;
            codes[16 + 4 * t + b] = (uint8_t)high;
        }
    }
}

/* Takes the part [P][16] of a header, `bytes` per value, for the outputs of a tile from `place` on. */
static const unsigned char *take(const unsigned char *at, int groups, int bytes, int place, int count, void *part) {
    for (int g = 0; g < groups; g++) {
        memcpy((unsigned char *)part + (size_t)(g * LOWBIT_TILE * bytes),
               at + (size_t)((g * LOWBIT_TILE + place) * bytes), (size_t)(count * bytes));
    }
    return at + (size_t)(groups * LOWBIT_TILE * bytes);
}

static void read_header(const lowbit_matrix *m, const unsigned char *at, int place, int count, lowbit_values *v) {
    const int groups = LOWBIT_CHUNK / m->group;
    const bool offsets = m->offsets == LOWBIT_OFFSETS_VALUES;
    if (m->scales == LOWBIT_SCALES_F32) {
        at = take(at, groups, 4, place, count, v->scales);
        at = offsets ? take(at, groups, 4, place, count, v->offsets) : at;
    } else if (m->scales == LOWBIT_SCALES_F16) {
        at = take(at, groups, 2, place, count, v->half_scales);
        at = offsets ? take(at, groups, 2, place, count, v->half_offsets) : at;
    } else {
        at = take(at, 1, 2, place, count, v->super_scales);
        at = offsets ? take(at, 1, 2, place, count, v->super_offsets) : at;
        at = take(at, groups, 1, place, count, v->sub_scales);
        at = offsets ? take(at, groups, 1, place, count, v->sub_offsets) : at;
    }
    if (m->offsets == LOWBIT_OFFSETS_ZERO_POINTS) {
        take(at, groups, 1, place, count, v->zeros);
    }
}

void lowbit_complete(const lowbit_matrix *shape, int count, long long chunk, lowbit_values *v) {
    const bool offsets = shape->offsets == LOWBIT_OFFSETS_VALUES;
    for (int g = 0; g < lowbit_chunk_groups(shape, chunk); g++) {
        for (int row = 0; row < count; row++) {
            if (shape->scales == LOWBIT_SCALES_F16) {
                v->scales[g][row] = f16_to_float(v->half_scales[g][row]);
                v->offsets[g][row] = offsets ? f16_to_float(v->half_offsets[g][row]) : 0;
            } else if (shape->scales == LOWBIT_SCALES_TWO_LEVEL) {
                v->scales[g][row] = f16_to_float(v->super_scales[row]) * (float)v->sub_scales[g][row];
                v->offsets[g][row] =
                    offsets ? -(f16_to_float(v->super_offsets[row]) * (float)v->sub_offsets[g][row]) : 0;
            }
            if (shape->offsets == LOWBIT_OFFSETS_CONSTANT) {
                v->zeros[g][row] = (uint8_t)shape->zero;
            }
            if (!offsets) {
                v->offsets[g][row] = -(float)v->zeros[g][row] * v->scales[g][row];
            }
        }
    }
}

/* A whole row as the one group of its chunk. */
static void read_tile_header(const lowbit_matrix *m, long long tile, int place, int count, lowbit_values *v) {
    lowbit_tile_header header;
    memcpy(&header, m->data + tile * m->tile_bytes, sizeof header);
    for (int row = 0; row < count && place + row < LOWBIT_TILE; row++) {
        v->scales[0][row] = header.scale[place + row];
        v->zeros[0][row] = (uint8_t)(m->offsets == LOWBIT_OFFSETS_CONSTANT ? m->zero : header.zero[place + row]);
        v->offsets[0][row] = m->offsets == LOWBIT_OFFSETS_VALUES ? header.offset[place + row]
                                                                 : -(float)v->zeros[0][row] * v->scales[0][row];
    }
}

void lowbit_unpack(const lowbit_matrix *m, long long output, int count, long long chunk, lowbit_values *values) {
    const long long tile = output / LOWBIT_TILE;
    const int place = (int)(output % LOWBIT_TILE), inputs = lowbit_chunk_inputs(m, chunk);
    const unsigned char *at = lowbit_chunk(m, tile, chunk);
    if (m->group == 0) {
        read_tile_header(m, tile, place, count, values);
    } else {
        read_header(m, at, place, count, values);
        lowbit_complete(m, count, chunk, values);
    }
    at += m->header_bytes;
    for (int k = 0; k < inputs; k += LOWBIT_SLICE, at += m->slice_bytes) {
        for (int row = 0; row < count; row++) {
            read_slice(m->bits, at, place + row, values->codes[row] + k);
        }
    }
}
