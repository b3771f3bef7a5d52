// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/CancelScope>
#include <MicroIO/microio_test_export.h>

#include <QCoroTask>

#include <functional>

namespace MicroIO {

/// Searches for broken clean-up: runs \a coroutine again and again, with a scope of its own that is cancelled at its 1st wait,
/// its 2nd, its 3rd, …, until it gets through without having been cancelled; calls \a check after each run, also the last.
///
/// Every wait counts that begins on the scope or below it, in children and in services too. A cancelled run may end with
/// Cancelled or normally, the last one normally; after each, no task may be left that it started. The first fault ends the
/// search and fails the test, with the wait at which it showed: another error of the coroutine, a task left behind, a run that
/// does not end, a failed QVERIFY or an exception of \a check.
///
/// Gives the number of waits of the uncancelled run; -1 after a fault. On the test's thread; sleeps want a TestClock.
MICROIO_TEST_EXPORT int cancelAtEveryWait(const std::function<QCoro::Task<>(CancelScope)> &coroutine,
                                          const std::function<void()> &check = {},
                                          const char *file = __builtin_FILE(), int line = __builtin_LINE());

} // namespace MicroIO
