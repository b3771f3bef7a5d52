#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What debian13.sh runs in its root, where the tree is copied to.
. "$(dirname "$0")/common.sh"

build=$work_dir/debian13
# Left out: sizes and costs, of a program that is not optimized.
MICROIO_BUILD_DIR=$build MICROIO_JOBS=$jobs MICROIO_CTEST_ARGS="-j $test_jobs -LE scale" \
    MICROIO_CMAKE_ARGS="-DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG=-O0 -DBUILD_SHARED_LIBS=OFF -DCMAKE_UNITY_BUILD=ON" \
    sh cmake/bootstrap.sh test
install_and_consume "$build"
