// SPDX-License-Identifier: Apache-2.0
#include "loop/clock_p.h"

#include "loop/inbox_p.h"

#include <atomic>

namespace MicroIO {

namespace {
std::atomic<Detail::ClockSource *> replacement{nullptr};
}

Deadline now()
{
    if (const auto *source = replacement.load(std::memory_order_acquire))
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

ClockSource::~ClockSource() = default;

void ClockSource::install(ClockSource *source)
{
    replacement.store(source, std::memory_order_release);
    wakeAllLoops();
}

ClockSource *ClockSource::installed()
{
    return replacement.load(std::memory_order_acquire);
}

void ClockSource::wakeAllLoops()
{
    Inbox::wakeAll();
}

} // namespace Detail
} // namespace MicroIO
