#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# sh tests/mutations/run.sh [PATCH...]
#
# Breaks a copy of the library on purpose, one patch at a time, and prints the test that notices. A patch that no test
# notices, or that no longer applies, is an error. Each patch says in its first lines what it breaks:
#
#   Invariant: the number in the design
#   Breaks: in a sentence
#   Tests: the ctest programs to build and run (a regular expression)
#   Targets: what to build for them, if it has other names
#
# MICROIO_MUTATIONS_DIR keeps the copy and its build for the next time.
set -u

here=$(CDPATH='' cd "$(dirname "$0")" && pwd)
source=$(CDPATH='' cd "$here/../.." && pwd)
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

work=${MICROIO_MUTATIONS_DIR:-}
if [ -z "$work" ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    trap 'exit 1' HUP INT TERM
fi
copy=$work/source
build=$work/build
log=$work/log

# Nothing but what differs is replaced, and gets the time of now: a build goes by that, and what the last run has put back
# after its last build must be compiled again.
fresh=$work/fresh
rm -rf "$fresh"
mkdir -p "$fresh" "$copy" || exit 1
(cd "$source" && tar -cf - CMakeLists.txt cmake src qml tests examples) | (cd "$fresh" && tar -xf -) || exit 1
(cd "$fresh" && find . -type f) | while IFS= read -r file; do
    cmp -s "$fresh/$file" "$copy/$file" && continue
    mkdir -p "$copy/${file%/*}" && cp "$fresh/$file" "$copy/$file" || exit 1
done || exit 1
(cd "$copy" && find . -type f) | while IFS= read -r file; do
    [ -e "$fresh/$file" ] || rm "$copy/$file"
done

[ $# -gt 0 ] || set -- "$here"/*.patch

field() # NAME FILE
{
    sed -n "s/^$1: //p" "$2" | head -n 1
}

targets_of() # FILE
{
    targets=$(field Targets "$1")
    [ -n "$targets" ] || targets=$(field Tests "$1" | tr '|' ' ')
    printf '%s\n' "$targets"
}

tests=$(for patch in "$@"; do field Tests "$patch"; done | sort -u)
programs=$(for patch in "$@"; do targets_of "$patch"; done | tr ' ' '\n' | sort -u)
qml=OFF
! grep -q '^--- a/qml/' "$@" || qml=ON
cmake -S "$copy" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DBUILD_SHARED_LIBS=ON -DMICROIO_BUILD_TESTS=ON \
    -DMICROIO_BUILD_EXAMPLES=OFF -DMICROIO_BUILD_QML=$qml >"$log" 2>&1 || { cat "$log"; exit 1; }
# shellcheck disable=SC2086 # a word a program
cmake --build "$build" --parallel "$jobs" --target $programs >"$log" 2>&1 || { tail -n 30 "$log"; exit 1; }

ctest_in_build() # REGEX
{
    # a test that hangs is ended, and named, by Qt Test
    QTEST_FUNCTION_TIMEOUT=20000 ctest --test-dir "$build" -R "^($1)\$" --output-on-failure
}

all=$(printf '%s\n' "$tests" | paste -s -d '|' -)
if ! ctest_in_build "$all" >"$log" 2>&1; then
    tail -n 40 "$log"
    echo "the tests fail without any patch"
    exit 1
fi

failed=0
count=0
for patch in "$@"; do
    count=$((count + 1))
    name=$(basename "$patch" .patch)
    tests=$(field Tests "$patch")
    title="$name (invariant $(field Invariant "$patch"))"
    if ! (cd "$copy" && patch -p1 --forward --fuzz=0 --silent --no-backup-if-mismatch <"$patch") >"$log" 2>&1; then
        echo "ERROR    $title: the patch does not apply any more"
        failed=$((failed + 1))
        continue
    fi
    # shellcheck disable=SC2046
    if ! cmake --build "$build" --parallel "$jobs" --target $(targets_of "$patch") >"$log" 2>&1; then
        echo "ERROR    $title: does not build"
        grep -E 'error' "$log" | head -n 5
        failed=$((failed + 1))
    elif ctest_in_build "$tests" >"$log" 2>&1; then
        echo "SURVIVED $title: $(field Breaks "$patch")"
        failed=$((failed + 1))
    else
        # Qt Test's own line, or ctest's if the program hung or crashed
        what=$(grep -m 1 -E '^FAIL!|^QFATAL' "$log" | sed 's/^FAIL! *: //' | cut -c 1-150)
        [ -n "$what" ] || what=$(grep -m 1 -E '\*\*\*(Timeout|Failed|Exception)|Subprocess aborted' "$log" | sed 's/^ *//' | tr -s ' .')
        echo "killed   $title: $what"
    fi
    (cd "$copy" && patch -p1 --reverse --silent --no-backup-if-mismatch <"$patch") || exit 1
done

echo "$count patches, $failed not killed"
[ "$failed" -eq 0 ]
