// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a .moc file includes: there, a test is in a namespace.
#include <QtCore/qmetatype.h>
#if __has_include(<QtCore/qtmochelpers.h>)
#include <QtCore/qtmochelpers.h>
#endif
#if __has_include(<QtCore/qxptype_traits.h>)
#include <QtCore/qxptype_traits.h>
#endif
#include <memory>

/// Makes a test of a program that consists of several known to it, by a name. Always true.
bool addUnityTest(const char *name, int (*main)(int argc, char **argv));
