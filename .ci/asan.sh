#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The compiler of Debian 12 with AddressSanitizer and UndefinedBehaviorSanitizer, and our own assertions.
. "$(dirname "$0")/common.sh"

sh cmake/bootstrap.sh packages qml
build_all "$work_dir/asan" -DCMAKE_BUILD_TYPE=Debug -DMICROIO_SANITIZE=address,undefined -DCMAKE_UNITY_BUILD=ON \
    -DMICROIO_TEST_UNITY_BUILD=ON -DMICROIO_BUILD_QML=ON
run_tests "$work_dir/asan"
