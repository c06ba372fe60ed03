#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: flags.sh COMPILE_COMMANDS_JSON SOURCE_FOLDER
# Every file of the library is compiled as strict C11 without contraction of a * b + c; nothing is compiled or linked
# for the machine that builds it, with changed floating-point rules, or with link-time optimization, which could move a
# level's instructions into code that runs before the level is known.
set -eu
commands=$1
source=$2
forbidden='-m(arch|cpu|tune)=native|-Ofast|-ffast-math|-funsafe-math|-fassociative-math|-freciprocal-math'
forbidden="$forbidden|-ffinite-math-only|-fno-signed-zeros|-ffp-contract=(on|fast)|-flto|-std=gnu"
failed=0

if grep -nE -e "$forbidden" "$commands" >&2; then
    echo "$commands: the options above are forbidden" >&2
    failed=1
fi
library=$(grep '"command"' "$commands" | grep '/native/src/' || true)
if [ -z "$library" ]; then
    echo "$commands: no command compiles native/src" >&2
    exit 1
fi
for option in -std=c11 -ffp-contract=off -fvisibility=hidden; do
    if printf '%s\n' "$library" | grep -v -e " $option " >&2; then
        echo "the commands above lack $option" >&2
        failed=1
    fi
done
if find "$source" -name CMakeLists.txt -not -path '*/target/*' -exec grep -nE -e "$forbidden" {} + >&2; then
    echo "the options above are forbidden, at link time too" >&2
    failed=1
fi
[ $failed -eq 0 ] && echo "$(printf '%s\n' "$library" | wc -l) commands compile the library, all with the right options"
exit $failed
