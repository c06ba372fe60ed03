#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: baseline_instructions.sh OBJDUMP CONTROL... -- OBJECT...
# No OBJECT, compiled for the x86-64 baseline, holds an instruction with a VEX or EVEX prefix: code that runs before the
# CPU's level is known must run everywhere. Each CONTROL, compiled for a higher level, must hold some, or the check is
# blind.
set -eu
objdump=$1
shift

# Prints the instructions with such a prefix: in 64-bit mode the bytes c4, c5 and 62 start nothing else.
vector_prefixed() {
    "$objdump" -d --wide "$1" | awk -F '\t' '
        NF >= 3 {
            count = split($2, bytes, " ")
            first = 1
            while (first <= count && bytes[first] ~ /^(26|2e|36|3e|64|65|67)$/) first++
            if (bytes[first] ~ /^(c4|c5|62)$/) print "    " $0
        }'
}

while [ "$1" != -- ]; do
    if [ -z "$(vector_prefixed "$1")" ]; then
        echo "$1: expected VEX instructions, but none was found: objdump's output was not understood" >&2
        exit 1
    fi
    shift
done
shift
failed=0
for object; do
    found=$(vector_prefixed "$object")
    if [ -n "$found" ]; then
        echo "$object: instructions beyond the x86-64 baseline:" >&2
        printf '%s\n' "$found" | head -n 20 >&2
        failed=1
    fi
done
[ $failed -eq 0 ] && echo "$# objects hold baseline instructions only"
exit $failed
