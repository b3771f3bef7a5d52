# SPDX-License-Identifier: Apache-2.0
#
# Sourced by the stages: each is a bash script of its own that stops at the first command that fails.
set -euo pipefail

ci_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source_dir=$(dirname "$ci_dir")
work_dir=${MICROIO_CI_DIR:-$source_dir/build/ci}
jobs=${MICROIO_JOBS:-2}
test_jobs=$((2 * jobs)) # half of the time, a test waits
export LC_ALL=C.UTF-8
cd "$source_dir"

say()
{
    printf '\n== %s\n' "$*"
}

die()
{
    printf 'failed: %s\n' "$*" >&2
    exit 1
}

as_root()
{
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

apt()
{
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
        -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 "$@"
}

# Installs the packages that are not there.
install_packages()
{
    local package missing=()
    for package in "$@"; do
        if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" != installed ]; then
            missing+=("$package")
        fi
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    say "installing ${missing[*]}"
    apt update
    apt install --no-install-recommends "${missing[@]}"
}

# be_nice LEVEL: for all of this stage, as root. Linux may compare the levels within a session only, and a stage is one.
be_nice()
{
    renice -n "$1" -g $$ >/dev/null
    echo "$1" 2>/dev/null >/proc/$$/autogroup || true
}

# The files of the tree that match the patterns, those not yet committed included, those ignored or removed not.
tree_files()
{
    local file
    git -c safe.directory='*' ls-files --cached --others --exclude-standard -- "$@" | sort -u |
        while IFS= read -r file; do
            [ ! -f "$file" ] || printf '%s\n' "$file"
        done
}

# build_all BUILD CMAKE_ARGUMENT...: the whole tree with its tests. (With gold, sanitized programs are linked in half the time.)
build_all()
{
    local build=$1
    shift
    say "configuring: $*"
    cmake -S . -B "$build" -G Ninja -DMICROIO_BUILD_TESTS=ON -DMICROIO_BUILD_EXAMPLES=ON \
        -DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=gold -DCMAKE_SHARED_LINKER_FLAGS=-fuse-ld=gold "$@"
    say "building"
    cmake --build "$build" --parallel "$jobs"
}

# run_tests BUILD [CTEST_ARGUMENT...]
run_tests()
{
    local build=$1
    shift
    say "testing"
    ctest --test-dir "$build" --output-on-failure --no-tests=error -j "$test_jobs" "$@"
}

# run_consumer BUILD: what tests/consumer has built.
run_consumer()
{
    ctest --test-dir "$1" --output-on-failure --no-tests=error
}

# install_and_consume BUILD: installs the build and lets a foreign project find it.
install_and_consume()
{
    local prefix=$1-prefix consumer=$1-consumer
    rm -rf "$prefix" "$consumer"
    say "installing"
    cmake --install "$1" --prefix "$prefix" >"$1-install.log"
    if find "$prefix" -name '*_p.h' | grep .; then
        die "private headers are installed"
    fi
    say "tests/consumer against the install"
    cmake -S tests/consumer -B "$consumer" -G Ninja -DCMAKE_BUILD_TYPE=Release -DMicroIO_ROOT="$prefix"
    cmake --build "$consumer" --parallel "$jobs"
    run_consumer "$consumer"
}
