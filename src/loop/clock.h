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

/// now() + \a duration, clamped to the range of Deadline instead of overflowing. Thread-safe.
MICROIO_EXPORT Deadline deadlineAfter(std::chrono::nanoseconds duration);

} // namespace MicroIO
