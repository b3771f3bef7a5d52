// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/microio_export.h>

#include <chrono>

namespace MicroIO {

/// A moment of the scheduler's clock. Deadline::max() means "never".
using Deadline = std::chrono::steady_clock::time_point;

/// The scheduler's present moment: std::chrono::steady_clock, unless a test has replaced the clock.
/// Thread-safe.
MICROIO_EXPORT Deadline now();

/// \a duration in nanoseconds, clamped to their range instead of overflowing: hours::max() means "for ever".
template<typename Rep, typename Period>
constexpr std::chrono::nanoseconds saturated(std::chrono::duration<Rep, Period> duration)
{
    using std::chrono::nanoseconds;
    using Wide = std::chrono::duration<long double, std::nano>;
    if (Wide(duration) >= Wide(nanoseconds::max()))
        return nanoseconds::max();
    if (Wide(duration) <= Wide(nanoseconds::min()))
        return nanoseconds::min();
    return std::chrono::duration_cast<nanoseconds>(duration);
}

/// now() + \a duration, clamped to the range of Deadline instead of overflowing. Thread-safe.
MICROIO_EXPORT Deadline deadlineAfter(std::chrono::nanoseconds duration);

} // namespace MicroIO
