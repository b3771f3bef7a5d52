// SPDX-License-Identifier: Apache-2.0
#include "loop/clock_p.h"

#include "loop/blocking_p.h"
#include "loop/inbox_p.h"

namespace MicroIO {

Deadline now()
{
    if (const auto *source = Detail::ClockSource::installed())
        return source->now();
    return std::chrono::steady_clock::now();
}

Deadline deadlineAfter(std::chrono::nanoseconds duration)
{
    const Deadline start = now();
    if (duration > Deadline::max() - start)
        return Deadline::max();
    // start is positive in practice, so only the far past could overflow
    if (duration < Deadline::duration::zero()
        && start.time_since_epoch() < Deadline::min().time_since_epoch() - duration)
        return Deadline::min();
    return start + duration;
}

namespace Detail {

std::atomic<ClockSource *> ClockSource::s_installed{nullptr};

ClockSource::~ClockSource() = default;

void ClockSource::install(ClockSource *source)
{
    s_installed.store(source, std::memory_order_release);
    wakeAllLoops();
}

void ClockSource::wakeAllLoops()
{
    Inbox::wakeAll();
    BlockedThread::wakeAll();
}

} // namespace Detail
} // namespace MicroIO
