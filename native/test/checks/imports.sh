#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: imports.sh NM LIBRARY GLIBC_FLOOR
# What the library takes from the system is on the list below: nothing that aborts, exits or prints, no OpenMP or C++
# runtime; and nothing that is newer than version GLIBC_FLOOR of the GNU C library.
set -eu
nm=$1
library=$2
floor=$3

allowed='
aligned_alloc calloc free malloc
memchr memcmp memcpy memmove memset
strchr strcmp strcspn strlen strncmp strrchr strspn strstr strtol
snprintf vsnprintf __snprintf_chk __vsnprintf_chk __memcpy_chk __read_chk
getenv __errno_location
open open64 close read sysconf madvise mmap munmap sched_getaffinity __sched_cpucount sched_yield
pthread_create pthread_join pthread_sigmask sigfillset
pthread_mutex_init pthread_mutex_destroy pthread_mutex_lock pthread_mutex_unlock
pthread_cond_init pthread_cond_destroy pthread_cond_wait pthread_cond_broadcast
sqrt
'
# Put there by the compiler and the start-up files: stack protection ends the process when memory is corrupt already.
# On aarch64, __getauxval: atomic operations look once for the instructions of ARMv8.1.
start_up='__cxa_finalize __gmon_start__ _ITM_deregisterTMCloneTable _ITM_registerTMCloneTable
__stack_chk_fail __getauxval'

failed=0
for symbol in $("$nm" -D --undefined-only "$library" | awk '{ print $NF }'); do
    name=${symbol%%@*}
    case " $(echo $allowed $start_up) " in
    *" $name "*) ;;
    *)
        echo "$library imports $name, which is not on the list of $0" >&2
        failed=1
        ;;
    esac
done

newest=$("$nm" -D --undefined-only "$library" |
    sed -n 's/.*@GLIBC_\([0-9.]*\)$/\1/p' | sort -t . -k 1,1n -k 2,2n | tail -n 1)
if [ -z "$newest" ]; then
    echo "no symbol with a GLIBC version: another C library, no floor to check"
elif [ "$(printf '%s\n%s\n' "$newest" "$floor" | sort -t . -k 1,1n -k 2,2n | tail -n 1)" != "$floor" ]; then
    echo "$library needs glibc $newest, above the floor $floor:" >&2
    "$nm" -D --undefined-only "$library" | grep "GLIBC_$newest\$" >&2
    failed=1
else
    echo "needs glibc $newest; the floor is $floor"
fi
exit $failed
