// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/Clock>

#include <QtGlobal>

namespace MicroIO::Detail {

/// What tests put in the place of the steady clock. All functions are called from any thread.
class MICROIO_EXPORT ClockSource
{
public:
    ClockSource() = default;
    virtual ~ClockSource();
    Q_DISABLE_COPY_MOVE(ClockSource)

    virtual Deadline now() const = 0;

    /// Replaces the clock of the whole process; nullptr puts the steady clock back. Every scheduler looks
    /// at its timers again. The source must outlive its use.
    static void install(ClockSource *source);

    /// The replacement, or nullptr. While there is one, schedulers arm no real timer: who moves the time
    /// calls wakeAllLoops().
    static ClockSource *installed();

    /// Makes every scheduler of the process look at its timers.
    static void wakeAllLoops();
};

} // namespace MicroIO::Detail
