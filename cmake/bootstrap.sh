#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# From a fresh checkout to a running program: see usage() below. Works on Debian 12 and Ubuntu 24.04 or newer as root
# or with sudo; on other systems it names what is missing and stops. Needs no terminal and reads nothing.
set -eu
set -f # the variables that hold several words are split at blanks, and nothing else

usage()
{
    cat <<TEXT
usage: sh cmake/bootstrap.sh COMMAND

  run [ARGUMENT...]   install what is missing, build, and run "counterservice demo"; arguments replace "demo"
  dashboard [ARGUMENT...]
                      the same with "servicedashboard", which is a window of Qt Quick
  test                install what is missing, build everything with warnings as errors, and run every test
  packages [qml]      only install what is missing; with "qml", for the QML module, too

environment:
  MICROIO_BUILD_DIR    where to build (build/ of the checkout)
  MICROIO_CMAKE_ARGS   further arguments for cmake, separated by blanks
  MICROIO_CTEST_ARGS   further arguments for ctest, separated by blanks
  MICROIO_JOBS         how many compilers and tests run at a time (as many as there are processors)
TEXT
}

say()
{
    printf '%s\n' "-- bootstrap: $*"
}

die()
{
    printf '%s\n' "bootstrap: $*" >&2
    exit 1
}

name_what_is_needed()
{
    cat >&2 <<TEXT
bootstrap: MicroIO needs
  - CMake 3.22 or newer, and Ninja or Make
  - a C++20 compiler: g++ 12 or clang 14, or newer
  - Qt 6.4 or newer (Qt Core and Qt Test, with their development files)
  - QCoro 0.8 or newer for Qt 6 (QCoro Core, with its development files)
and for "dashboard" and "test" also
  - Qt Qml, Quick, Quick Controls and Quick Test, and QCoro Qml
If they are installed where CMake does not look, say so with MICROIO_CMAKE_ARGS=-DCMAKE_PREFIX_PATH=DIRECTORY.
TEXT
}

is_installed()
{
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing_packages()
{
    command -v c++ >/dev/null || echo g++
    command -v cmake >/dev/null || echo cmake
    command -v ninja >/dev/null || echo ninja-build
    packages="qt6-base-dev qcoro-qt6-dev"
    if [ "$with_qml" = yes ]; then
        packages="$packages qt6-declarative-dev qml6-module-qtqml qml6-module-qtqml-workerscript qml6-module-qtquick
            qml6-module-qtquick-controls qml6-module-qtquick-layouts qml6-module-qtquick-templates
            qml6-module-qtquick-window qml6-module-qttest fonts-dejavu-core"
    fi
    for package in $packages; do
        is_installed $package || echo $package
    done
    case $command in
    run | dashboard) return 0 ;;
    esac
    for package in xvfb xauth libxcb-cursor0; do # the tests of windows
        is_installed $package || echo $package
    done
}

apt()
{
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 "$@"
}

install_packages()
{
    if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
        for tool in cmake c++; do
            command -v $tool >/dev/null || { name_what_is_needed; die "there is no $tool, and no apt-get to install it"; }
        done
        return
    fi

    missing=$(missing_packages)
    [ -n "$missing" ] || return 0
    missing=$(echo $missing) # on one line
    say "installing $missing"

    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
            as_root="sudo -n"
        elif command -v sudo >/dev/null && [ "$has_terminal" = yes ]; then
            as_root=sudo
        else
            die "missing: $missing. As root, run: apt-get update && apt-get install $missing"
        fi
    fi
    apt update || say "apt-get update failed; trying with the package lists that are here"
    for package in $missing; do
        apt-cache show "$package" >/dev/null 2>&1 || die "this system has no package $package. Debian 12 or newer and" \
            "Ubuntu 24.04 or newer have it (Ubuntu in its component \"universe\")."
    done
    apt install --no-install-recommends $missing || die "apt-get could not install $missing"
}

configure()
{
    set -- "$@" ${MICROIO_CMAKE_ARGS:-}
    if [ ! -e "$build/CMakeCache.txt" ] && command -v ninja >/dev/null; then
        set -- -G Ninja "$@"
    fi
    say "configuring $build"
    cmake -S "$source" -B "$build" "$@" || { name_what_is_needed; die "CMake could not configure the build in $build"; }
}

build()
{
    say "building"
    cmake --build "$build" --parallel "$jobs" "$@" || die "the build failed"
}

if [ -t 0 ]; then
    has_terminal=yes
else
    has_terminal=no
fi
exec </dev/null

source=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
build=${MICROIO_BUILD_DIR:-$source/build}
jobs=${MICROIO_JOBS:-$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)}
if [ -z "${LC_ALL:-}${LC_CTYPE:-}${LANG:-}" ]; then
    LC_ALL=C.UTF-8 # Qt complains about any other "C"
    export LC_ALL
fi

command=${1:-}
[ $# -eq 0 ] || shift
with_qml=no
case $command in
run)
    install_packages
    configure -DMICROIO_BUILD_EXAMPLES=ON
    build --target counterservice
    [ $# -gt 0 ] || set -- demo
    say "running counterservice $*"
    exec "$build/examples/counterservice/counterservice" "$@"
    ;;
dashboard)
    with_qml=yes
    install_packages
    configure -DMICROIO_BUILD_EXAMPLES=ON -DMICROIO_BUILD_QML=ON
    build --target servicedashboard
    say "running servicedashboard $*"
    exec "$build/examples/servicedashboard/servicedashboard" "$@"
    ;;
test)
    [ $# -eq 0 ] || die "test takes no arguments (see MICROIO_CTEST_ARGS)"
    with_qml=yes
    install_packages
    configure -DMICROIO_BUILD_TESTS=ON -DMICROIO_TEST_UNITY_BUILD=ON -DMICROIO_BUILD_EXAMPLES=ON -DMICROIO_BUILD_QML=ON \
        -DMICROIO_WERROR=ON
    build
    say "testing"
    ctest --test-dir "$build" --output-on-failure --no-tests=error -j "$jobs" ${MICROIO_CTEST_ARGS:-} ||
        die "not all tests passed"
    ;;
packages)
    case $* in
    '') ;;
    qml) with_qml=yes ;;
    *) die "packages takes no argument but \"qml\"" ;;
    esac
    install_packages
    ;;
-h | --help | help)
    usage
    ;;
*)
    usage >&2
    exit 2
    ;;
esac
