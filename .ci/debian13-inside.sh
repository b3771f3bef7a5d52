#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What debian13.sh runs in its root, where the tree is copied to. "build": nothing but to build what is tested.
. "$(dirname "$0")/common.sh"

build=$work_dir/debian13
run_bootstrap() # CTEST_ARGUMENT...
{
    MICROIO_BUILD_DIR=$build MICROIO_JOBS=$jobs MICROIO_CTEST_ARGS="$*" \
        MICROIO_CMAKE_ARGS="-DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG=-O0 -DBUILD_SHARED_LIBS=OFF \
-DCMAKE_UNITY_BUILD=ON" sh cmake/bootstrap.sh test
}
if [ "$*" = build ]; then
    run_bootstrap -N # a list of the tests for all that running them would say
    exit 0
fi
run_bootstrap -j "$test_jobs" -LE scale # left out: sizes and costs, of a program that is not optimized
install_and_consume "$build"
