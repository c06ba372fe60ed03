/* SPDX-License-Identifier: Apache-2.0 */
/* Element types as the tests see them: exact conversions from and to double, written independently of the library. */
#ifndef GATUN_TEST_VALUES_H
#define GATUN_TEST_VALUES_H

#include <stddef.h>
#include <stdint.h>

size_t dtype_bytes(int dtype);
const char *dtype_name(int dtype);

/* gatun_dtype of "f32", "bf16" or "f16", or -1. */
int dtype_of_name(const char *name);

/* `value` rounded to nearest even to the type; overflow gives an infinity, a NaN stays one. */
double dtype_round(int dtype, double value);

double dtype_load(int dtype, const void *array, long long index);
void dtype_store(int dtype, void *array, long long index, double value);

/* SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
uint64_t random_bits(uint64_t *state);

/* Uniform in [low, high). */
double random_uniform(uint64_t *state, double low, double high);

/* Mean 0, variance 1, within +-3.47: the sum of four uniform numbers. */
double random_bell(uint64_t *state);

#endif
