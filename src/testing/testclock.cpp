// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/TestClock>

#include "loop/scheduler_p.h"
#include "testing/clockcore_p.h"
#include <MicroIO/Errors>

#include <QTest>

#include <stdexcept>

namespace MicroIO {

using Detail::ClockCore;

namespace {

Deadline beginClock(TestClock::Mode mode)
{
    if (!Detail::Scheduler::current())
        throw WrongThreadError(
            QStringLiteral("a TestClock on a thread without an event loop; make it in a test, after "
                           "the QCoreApplication"));
    auto &core = ClockCore::instance();
    if (!core.begin(mode == TestClock::Mode::Manual ? ClockCore::Mode::Manual : ClockCore::Mode::Automatic))
        throw std::logic_error("a second TestClock: the process has one clock; let the first one end before");
    return core.now();
}

} // namespace

TestClock::TestClock(Mode mode)
    : m_begin(beginClock(mode))
{
}

TestClock::~TestClock()
{
    ClockCore::instance().end();
}

void TestClock::advance(std::chrono::nanoseconds duration)
{
    auto &core = ClockCore::instance();
    if (!core.isDrivenHere())
        throw WrongThreadError(
            QStringLiteral("TestClock::advance() on another thread than the one that made the clock"));
    if (duration < duration.zero())
        throw std::invalid_argument("TestClock::advance() by a negative duration: time moves on only");
    if (!core.driver().advanceTo(deadlineAfter(duration)))
        QTest::qFail(qPrintable(core.driver().problem()), nullptr, 0);
}

std::chrono::nanoseconds TestClock::elapsed() const
{
    return ClockCore::instance().now() - m_begin;
}

qint64 TestClock::jumps() const
{
    return ClockCore::instance().driver().jumps();
}

} // namespace MicroIO
