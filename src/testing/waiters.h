// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/ServiceThread>
#include <MicroIO/microio_test_export.h>

#include <chrono>

namespace MicroIO {

/// How long, in real time, the waits of this library for tests last at most: 30 s, or as many milliseconds as the environment
/// variable MICROIO_TEST_TIMEOUT says.
MICROIO_TEST_EXPORT std::chrono::milliseconds testTimeout();

/// Turns the event loop until \a service has been in \a state (what the signal stateChanged() has told counts, not what is
/// passed unseen): QVERIFY(waitForState(*service, ServiceThread::State::Running)). False, with the reason in the log, when
/// the service has ended and cannot come to that state, when nothing is due and nothing can run (under a TestClock), and
/// after \a limit of real time. On the thread that the service object lives in.
[[nodiscard]] MICROIO_TEST_EXPORT bool waitForState(ServiceThread &service, ServiceThread::State state,
                                                    std::chrono::milliseconds limit = testTimeout());

/// Turns the event loop until every loop that MicroIO knows is idle and nothing is in flight between threads; the time of a
/// TestClock stands still meanwhile. False, with the reason in the log, after \a limit of real time: something runs on and
/// on. After Trio's wait_all_tasks_blocked().
[[nodiscard]] MICROIO_TEST_EXPORT bool waitUntilIdle(std::chrono::milliseconds limit = testTimeout());

} // namespace MicroIO
