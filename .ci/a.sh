#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The compiler of Debian 12, Release, shared, warnings as errors: by the README's own command. Unity builds save time here, in
# asan and in debian13; tsan compiles each file of the library alone. Tests are compiled in half the time with -Og; those of
# stress and scale, the benchmarks and the examples are optimized. The headers by themselves are left to debian13, where those
# of Qt and of the standard library include less of each other.
. "$(dirname "$0")/common.sh"

build=$work_dir/a
MICROIO_BUILD_DIR=$build MICROIO_JOBS=$jobs MICROIO_CTEST_ARGS="-j $test_jobs" \
    MICROIO_CMAKE_ARGS="-DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=ON -DMICROIO_BUILD_BENCHMARKS=ON -DCMAKE_UNITY_BUILD=ON \
-DMICROIO_TEST_COMPILE_OPTIONS=-Og -DMICROIO_TEST_HEADERS=OFF" \
    sh cmake/bootstrap.sh test
install_and_consume "$build"

say "tests/consumer with MicroIO as a part of its own build"
rm -rf "$build-fetch"
cmake -S tests/consumer -B "$build-fetch" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG=-O0 \
    -DCMAKE_UNITY_BUILD=ON -DMICROIO_SOURCE_DIR="$source_dir"
cmake --build "$build-fetch" --parallel "$jobs" --target consumer panel
"$build-fetch/consumer"
ctest --test-dir "$build-fetch" --output-on-failure --no-tests=error -R '^panel'
