/* SPDX-License-Identifier: Apache-2.0 */
/* The whole C interface of Gatun. */
#ifndef GATUN_H
#define GATUN_H

#include "gatun/activation.h"
#include "gatun/core.h"
#include "gatun/kan.h"
#include "gatun/lowbit.h"
#include "gatun/norm.h"
#include "gatun/polynomial.h"

#endif
