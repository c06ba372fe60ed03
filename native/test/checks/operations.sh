#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: operations.sh SOURCE_FOLDER
# Each operation of the .inc lists has a kernel at the scalar level, listed first; an entry point in the headers; a
# file of cases; and a native test that names it. So has each function that an operation takes as a constant.
set -eu
source=$1
failed=0
count=0

complain() {
    echo "$1" >&2
    failed=1
}

for list in "$source"/native/src/*/*.inc; do
    for operation in $(sed -n 's/^GATUN_OPERATION(\([a-z0-9_]*\),.*/\1/p' "$list"); do
        count=$((count + 1))
        first=$(sed -n "s/^GATUN_KERNEL($operation, \([A-Z0-9]*\), .*/\1/p" "$list" | head -n 1)
        [ "$first" = SCALAR ] || complain "$list: the first kernel of $operation is '$first', expected SCALAR"
        grep -qE "GATUN_API int gatun_$operation\(" "$source"/native/include/gatun/*.h ||
            complain "gatun_$operation is not declared in native/include/gatun"
        grep -qF "\"$operation\"" "$source"/native/test/*.c || complain "$operation is in no native test"
        [ -f "$source/bench/cases/$operation.cases" ] || complain "bench/cases/$operation.cases does not exist"
    done
done
# Operations that are many, by a constant: each of them, too, is in a native test.
header=$source/native/include/gatun/activation.h
for kind in $(sed -n '/^enum gatun_activation_kind/,/^};/s/^    \(GATUN_[A-Z0-9_]*\) = .*/\1/p' "$header"); do
    grep -qE "\b$kind\b" "$source"/native/test/activation_reference.c ||
        complain "$kind is not in native/test/activation_reference.c"
done
[ $count -gt 0 ] || complain "no operation in native/src/*/*.inc"
[ $failed -eq 0 ] && echo "$count operations are complete"
exit $failed
