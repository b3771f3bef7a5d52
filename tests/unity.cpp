// SPDX-License-Identifier: Apache-2.0
#include "unity.h"

#include <cstdio>
#include <map>
#include <string_view>

namespace {

auto &tests()
{
    static std::map<std::string_view, int (*)(int, char **)> instance;
    return instance;
}

} // namespace

bool addUnityTest(const char *name, int (*main)(int, char **))
{
    tests().emplace(name, main);
    return true;
}

/// The first argument names the test; the others are for Qt Test.
int main(int argc, char **argv)
{
    const auto test = tests().find(argc > 1 ? argv[1] : "");
    if (test != tests().end()) {
        argv[1] = argv[0];
        return test->second(argc - 1, argv + 1);
    }
    std::fprintf(stderr, "usage: %s TEST [ARGUMENT...]\n\nTests:\n", argv[0]);
    for (const auto &[name, main] : tests())
        std::fprintf(stderr, "  %s\n", name.data());
    return 2;
}
