// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "loop/clock_p.h"

#include <atomic>
#include <chrono>

namespace Tests {

/// While it lives, the clock of all schedulers stands still where it was, but for advance(), which leaps.
///
/// For what TestClock cannot do, as it turns the loop and stops at each due moment: time that passes while a thread
/// computes, so that several moments are overdue at once when somebody looks; and for tests of the hook itself.
class LeapClock final : public MicroIO::Detail::ClockSource
{
public:
    LeapClock() { install(this); }
    ~LeapClock() override { install(nullptr); }

    MicroIO::Deadline now() const override
    {
        return MicroIO::Deadline(std::chrono::nanoseconds(m_now.load()));
    }

    void advance(std::chrono::nanoseconds duration)
    {
        m_now += duration.count();
        wakeAllLoops();
    }

private:
    std::atomic<std::chrono::nanoseconds::rep> m_now{
        std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count()};
};

} // namespace Tests
