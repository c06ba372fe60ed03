/* SPDX-License-Identifier: Apache-2.0 */
/* Angles beyond the reach of vf_sincos, which are rare: one by one, in integers, the same at every level. */
#ifndef GATUN_LARGE_ANGLE_H
#define GATUN_LARGE_ANGLE_H

/*
 * For each of `count` angles x >= `beyond`: turns[i] in 0 .. 4 and rest[i] in [-pi/4, pi/4], with x = turns * pi/2 + rest
 * up to whole turns of 2 pi. NaN in rest for Inf. The entries of other angles stay as they are.
 */
void gatun_reduce_angles(const float *x, float beyond, float *turns, float *rest, int count);

#endif
