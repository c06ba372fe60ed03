/* SPDX-License-Identifier: Apache-2.0 */
#include "message.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "gatun/core.h"

int gatun_fail(char *message, long long message_bytes, int status, const char *format, ...) {
    if (message && message_bytes > 0) {
        va_list arguments;
        va_start(arguments, format);
        if (vsnprintf(message, (size_t)message_bytes, format, arguments) < 0) {
            message[0] = '\0';
        }
        va_end(arguments);
    }
    return status;
}

int gatun_copy_text(const char *text, char *buffer, long long bytes) {
    if (!buffer || bytes < 1) {
        return GATUN_INVALID_ARGUMENT;
    }
    size_t length = strlen(text);
    if (length >= (size_t)bytes) {
        length = (size_t)bytes - 1;
    }
    memcpy(buffer, text, length);
    buffer[length] = '\0';
    return GATUN_OK;
}
