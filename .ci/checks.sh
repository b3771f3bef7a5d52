#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a script can see. (That each public header compiles alone, and that none is private, is seen by building.)
. "$(dirname "$0")/common.sh"

install_packages git clang-format-14 perl-base

failures=0
# check WHAT COMMAND...: the command prints what is wrong, a line each.
check()
{
    local what=$1 wrong
    shift
    if wrong=$("$@" 2>&1) && [ -z "$wrong" ]; then
        printf 'ok      %s\n' "$what"
    else
        printf 'FAILED  %s\n%s\n' "$what" "$wrong"
        failures=$((failures + 1))
    fi
}

# matches REGEX FILES-PATTERN...: grep over the tree, silent and content if there is nothing.
matches()
{
    local regex=$1
    shift
    tree_files "$@" | xargs -r -d '\n' grep -n -H -E -e "$regex" || true
}

format()
{
    tree_files '*.h' '*.cpp' | xargs -r -d '\n' clang-format-14 --dry-run -Werror 2>&1 | { grep ': error: ' || true; }
}

top_level()
{
    tree_files | cut -d/ -f1 | sort -u |
        grep -v -x -E '(src|tests|examples|cmake|qml|CMakeLists\.txt|README\.md|LICENSE|\..+)' || true
}

licence_lines()
{
    local file
    tree_files '*.h' '*.cpp' '*.h.in' '*.qml' '*.js' '*.cmake' '*.cmake.in' '*CMakeLists.txt' '*.sh' '.ci/*' |
        while IFS= read -r file; do
            head -n 3 "$file" | grep -q 'SPDX-License-Identifier: Apache-2\.0$' || printf '%s\n' "$file"
        done
}

includes()
{
    tree_files 'src/*.h' 'src/*.cpp' | perl "$ci_dir/includes.pl"
}

readme_worker()
{
    # the README shows examples/worker as it is
    sed -n '/^#include/p; /^using/p; /^class/,$p' examples/worker/main.cpp |
        while IFS= read -r line; do
            [ -z "$line" ] || grep -qxF -e "$line" README.md || printf 'not in README.md: %s\n' "$line"
        done
}

readme_panel()
{
    # and tests/consumer's window, shortened
    sed -n '/^## Services in QML/,/^## Cancelling/p' README.md | sed -n '/^```\(cpp\|qml\)$/,/^```$/p' |
        sed 's/^ *//; /^```/d; /^$/d' |
        while IFS= read -r line; do
            grep -q -F -e "$line" tests/consumer/panel.cpp tests/consumer/Panel.qml ||
                printf 'not in tests/consumer: %s\n' "$line"
        done
}

system_headers()
{
    matches '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"](unistd\.h|pthread\.h|sys/|linux/)' 'src/*' 'qml/*'
}

whitespace()
{
    matches '[[:blank:]]+$' '*.h' '*.cpp' '*.qml' '*.cmake' '*.in' '*CMakeLists.txt' '*.sh' '.ci/*'
}

check "README shows examples/worker" readme_worker
check "README shows the window of tests/consumer" readme_panel
check "clang-format 14" format
check "each folder of src/ includes only those above it" includes
check "no header of one system" system_headers
check "nothing else at the top level" top_level
check "SPDX line in each source file" licence_lines
check "no blanks at the end of a line" whitespace
[ "$failures" -eq 0 ] || die "$failures of the checks"
