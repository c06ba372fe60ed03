/* SPDX-License-Identifier: Apache-2.0 */
#include "levels.h"

#include <string.h>

#include "check.h"

int levels_of(const char *operation, int levels[LEVELS_MAX]) {
    const char *name;
    int isa, count = 0;
    for (int index = 0; gatun_kernel_describe(index, &name, &isa) == GATUN_OK; index++) {
        if (strcmp(name, operation) != 0) {
            continue;
        }
        if (isa > gatun_isa_detected()) {
            check_note("%s %s: not executed, this machine has %s", name, gatun_isa_name(isa),
                       gatun_isa_name(gatun_isa_detected()));
        } else if (count < LEVELS_MAX) {
            levels[count++] = isa;
        }
    }
    CHECK(count > 0, "no kernel of %s is listed that this machine can execute", operation);
    return count;
}

gatun_context *level_open(int isa, int threads) {
    gatun_context *context = NULL;
    char message[256] = "";
    int status = gatun_context_create(GATUN_BACKEND_CPU, 0, isa, threads, &context, message, sizeof message);
    if (status != GATUN_OK) {
        check_abandon("no context at level %s: status %d: %s", gatun_isa_name(isa), status, message);
    }
    CHECK(gatun_context_isa(context) == isa, "asked for level %s, got %s", gatun_isa_name(isa),
          gatun_isa_name(gatun_context_isa(context)));
    return context;
}
