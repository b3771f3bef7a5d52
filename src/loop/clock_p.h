// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/Clock>

#include <QtGlobal>

#include <atomic>

namespace MicroIO::Detail {

/// What tests put in the place of the steady clock. All functions are called from any thread.
class MICROIO_EXPORT ClockSource
{
public:
    ClockSource() = default;
    virtual ~ClockSource();
    Q_DISABLE_COPY_MOVE(ClockSource)

    virtual Deadline now() const = 0;

    /// True if this is the steady clock after all, and only somebody watches.
    virtual bool isReal() const { return false; }

    /// Something has begun to move, or has come to rest: an item was queued, a timer set, a thread is blocked or goes on,
    /// work has ended. May be called with any lock of the library held: it only counts and posts.
    virtual void activity() {}

    /// True if the calling thread is the one that moves the time. Blocked, it calls drive() again and again.
    virtual bool isDrivenHere() const { return false; }
    /// Moves the time if nothing else moves; false if the thread may as well wait a moment.
    virtual bool drive() { return false; }

    /// Replaces the clock of the whole process; nullptr puts the steady clock back. Every scheduler looks
    /// at its timers again, every blocked thread at its limit. The source must outlive its use.
    static void install(ClockSource *source);

    /// The replacement, or nullptr. While there is one, schedulers arm no real timer: who moves the time
    /// calls wakeAllLoops().
    static ClockSource *installed() { return s_installed.load(std::memory_order_acquire); }

    /// Tells the replacement of activity(), if there is one.
    static void tellActivity()
    {
        if (auto *source = installed())
            source->activity();
    }

    /// Makes every scheduler of the process look at its timers, and every blocked thread at its limit.
    static void wakeAllLoops();

private:
    static std::atomic<ClockSource *> s_installed;
};

} // namespace MicroIO::Detail
