// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Makes a test of a program that consists of several known to it, by a name. Always true.
bool addUnityTest(const char *name, int (*main)(int argc, char **argv));
