// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/CancelScope>
#include <MicroIO/Errors>
#include <MicroIO/scopes/waitof.h>
#include <MicroIO/sync/asyncguard.h>
#include <MicroIO/sync/permitcore.h>

#include <memory>

namespace MicroIO {

/// Lets a number of coroutines at a time through: each holds a permit. For coroutines of any threads. After AnyIO's and
/// Trio's Semaphore.
///
/// It is fair: a permit that is released goes to who has waited longest, in that moment, and nobody who comes in between
/// overtakes: neither another acquire() nor tryAcquire(). A permit is never lost: one that comes to a wait which has been
/// cancelled goes to the next. All functions but the destructor: any thread.
class MICROIO_EXPORT AsyncSemaphore
{
public:
    using Guard = AsyncGuard;

    /// Throws std::invalid_argument for a negative number of \a permits.
    explicit AsyncSemaphore(qsizetype permits);
    /// Who waits gets BrokenResourceError; guards stay valid.
    ~AsyncSemaphore();
    Q_DISABLE_COPY_MOVE(AsyncSemaphore)

    /// co_await: a guard that holds a permit. Throws Cancelled, and the place in the line is free, or
    /// BrokenResourceError when the semaphore is destroyed. A wait that was given its permit returns it also if its
    /// scope was cancelled meanwhile.
    auto acquire(CancelScope scope)
    {
        return Detail::WaitOf<Detail::AcquireWait, std::shared_ptr<Detail::PermitCore>>(scope.state(), d);
    }

    /// A permit, if one is available; else an empty guard. Never waits.
    [[nodiscard]] AsyncGuard tryAcquire();

    /// Permits that nobody holds. For messages and tests: it may be over when it returns.
    qsizetype available() const { return d->available(); }

private:
    const std::shared_ptr<Detail::PermitCore> d;
};

} // namespace MicroIO
