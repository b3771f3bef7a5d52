#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# clazy.sh BUILD FOLDERS: clazy level1 over our own sources in the compile database of a clang build, its warnings as errors;
# also over what a unity build has put together of them.
. "$(dirname "$0")/common.sh"

build=$1
folders=$2
log=$work_dir/clazy.log
say "clazy level1"
sed -n 's/^ *"file": "\(.*\)",\{0,1\}$/\1/p' "$build/compile_commands.json" |
    { grep -E "^($source_dir/$folders/|$build/$folders/.*(/Unity/|\.unity\.cpp$))" || true; } | sort -u >"$work_dir/clazy.files"
[ -s "$work_dir/clazy.files" ] || die "no sources of ours in $build/compile_commands.json"
status=0
xargs -d '\n' -n 1 -P "$jobs" clazy-standalone -p "$build" --checks=level1 <"$work_dir/clazy.files" >"$log" 2>&1 ||
    status=$?
if grep -q -E ': (warning|(fatal )?error): ' "$log" || [ $status -ne 0 ]; then
    cat "$log"
    die "clazy"
fi
printf 'clazy: %s files, no warnings\n' "$(wc -l <"$work_dir/clazy.files")"
