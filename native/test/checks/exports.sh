#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: exports.sh NM LIBRARY HEADER...
# The library exports exactly the functions that the headers declare.
set -eu
nm=$1
library=$2
shift 2

declared=$(awk '/^GATUN_API/ { inside = 1 } inside { printf "%s ", $0 } /;/ { inside = 0; print "" }' "$@" |
    sed -n 's/^GATUN_API [^(]*\(gatun_[a-z0-9_]*\) *(.*/\1/p' | sort -u)
exported=$("$nm" -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort -u)

if [ -z "$declared" ]; then
    echo "no function found in the headers" >&2
    exit 1
fi
if [ "$declared" != "$exported" ]; then
    echo "$library does not export exactly the functions of the headers; declared and exported are:" >&2
    printf '%s\n' "-- declared" "$declared" "-- exported" "$exported" >&2
    exit 1
fi
echo "$(printf '%s\n' "$declared" | wc -l) functions declared and exported"
