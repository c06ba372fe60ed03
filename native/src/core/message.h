/* SPDX-License-Identifier: Apache-2.0 */
/* Failure messages, written into the caller's buffer. */
#ifndef GATUN_MESSAGE_H
#define GATUN_MESSAGE_H

/* Writes the formatted sentence, cut to `message_bytes`, and returns `status`. `message` may be NULL. */
__attribute__((format(printf, 4, 5))) int gatun_fail(char *message, long long message_bytes, int status,
                                                     const char *format, ...);

/* Copies `text` to `buffer`, cut to `bytes` and NUL-terminated; GATUN_INVALID_ARGUMENT without room for the NUL. */
int gatun_copy_text(const char *text, char *buffer, long long bytes);

#endif
