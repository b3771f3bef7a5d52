// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "loop/clock_p.h"

#include <atomic>
#include <chrono>

namespace Tests {

/// While it lives, the clock of all schedulers stands still where it was, but for advance().
class FakeClock final : public MicroIO::Detail::ClockSource
{
public:
    FakeClock() { install(this); }
    ~FakeClock() override { install(nullptr); }

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
