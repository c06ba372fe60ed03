#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: headers.sh C_COMPILER CXX_COMPILER_OR_EMPTY INCLUDE_FOLDER
# Each public header compiles on its own and twice in one file, as C11 and as C++17, without a warning.
set -eu
cc=$1
cxx=$2
include=$3
count=0

for header in $(cd "$include" && find . -name '*.h' | sort); do
    header=${header#./}
    source="#include \"$header\"
#include \"$header\"
int main(void) { return 0; }"
    printf '%s\n' "$source" | "$cc" -std=c11 -Wall -Wextra -Wpedantic -Wstrict-prototypes -Werror -fsyntax-only \
        -I"$include" -x c -
    if [ -n "$cxx" ]; then
        printf '%s\n' "$source" | "$cxx" -std=c++17 -Wall -Wextra -Wpedantic -Werror -fsyntax-only \
            -I"$include" -x c++ -
    fi
    count=$((count + 1))
done
[ "$count" -gt 0 ] || { echo "no header under $include" >&2; exit 1; }
echo "$count headers compile as C11${cxx:+ and C++17}"
[ -n "$cxx" ] || echo "not compiled as C++17: no C++ compiler was found"
