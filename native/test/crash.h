/* SPDX-License-Identifier: Apache-2.0 */
/* Names the case that ran into a guard page. For programs in which only one thread runs cases. */
#ifndef GATUN_TEST_CRASH_H
#define GATUN_TEST_CRASH_H

/* From here on the signal that a guard page raises prints the latest case, then ends the program. */
void crash_catch(void);

/* The description of the case that is about to run; kept only after crash_catch. */
void crash_name_case(const char *description);

#endif
