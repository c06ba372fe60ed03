#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: native/test/aarch64.sh [BUILD_FOLDER]
# Compiles the library and its native tests for aarch64 and runs them on an emulator of its user mode, on a smaller grid:
# once as the most capable processor that the emulator knows (-cpu max), once as one without any extension of the
# ARMv8.0 baseline (-cpu cortex-a53). The folder, native/target/aarch64 by default, is kept for the next run.
# The speed of an emulator says nothing about that of a processor.
set -eu
source=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:-$source/native/target/aarch64}

missing=
need() {
    command -v "$1" > /dev/null 2>&1 || missing="$missing $2"
}
need cmake cmake
need aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
need qemu-aarch64 qemu-user
[ -e /usr/aarch64-linux-gnu/lib/ld-linux-aarch64.so.1 ] || missing="$missing libc6-dev-arm64-cross"
if [ -n "$missing" ]; then
    echo "not here:$missing. On Debian and Ubuntu: apt install$missing" >&2
    exit 1
fi

jobs=$(getconf _NPROCESSORS_ONLN)
export QEMU_LD_PREFIX=/usr/aarch64-linux-gnu

cmake -S "$source" -B "$build" -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
    -DCMAKE_C_COMPILER=aarch64-linux-gnu-gcc -DCMAKE_CROSSCOMPILING_EMULATOR="$(command -v qemu-aarch64)" \
    -DCMAKE_BUILD_TYPE=Release -DGATUN_BUILD_BENCH=OFF -DGATUN_TEST_REDUCED=ON
cmake --build "$build" --parallel "$jobs"
for cpu in max cortex-a53; do
    echo "== qemu-aarch64 -cpu $cpu"
    (cd "$build" && QEMU_CPU=$cpu ctest --parallel "$jobs" --output-on-failure --no-tests=error)
done
