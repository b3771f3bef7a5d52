// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/CancelScope>
#include <MicroIO/Errors>
#include <MicroIO/scopes/waitof.h>
#include <MicroIO/sync/asyncguard.h>
#include <MicroIO/sync/permitcore.h>

#include <memory>

namespace MicroIO {

/// Lets one coroutine at a time through, also over a co_await: unlike a lock of a QMutex, which belongs to a thread, its
/// guard may be kept while the coroutine is suspended. For coroutines of any threads. After AnyIO's and Trio's Lock.
///
/// It is fair: the mutex goes to who has waited longest, in the moment in which it is released, and nobody who comes
/// in between overtakes: neither another lock() nor tryLock(). It is not recursive: a coroutine that locks it twice
/// waits for itself until it is cancelled. All functions but the destructor: any thread.
class MICROIO_EXPORT AsyncMutex
{
public:
    using Guard = AsyncGuard;

    AsyncMutex();
    /// Who waits gets BrokenResourceError; guards stay valid.
    ~AsyncMutex();
    Q_DISABLE_COPY_MOVE(AsyncMutex)

    /// co_await: the guard, once nobody else holds the mutex. Throws Cancelled, and the place in the line is free, or
    /// BrokenResourceError when the mutex is destroyed. A wait that was given the mutex returns the guard also if its
    /// scope was cancelled meanwhile.
    auto lock(CancelScope scope)
    {
        return Detail::WaitOf<Detail::AcquireWait, std::shared_ptr<Detail::PermitCore>>(scope.state(), d);
    }

    /// The guard, if the mutex is free; else an empty one. Never waits.
    [[nodiscard]] AsyncGuard tryLock();

    /// For messages and tests: what it tells may be over when it returns.
    bool isLocked() const { return d->available() == 0; }

private:
    const std::shared_ptr<Detail::PermitCore> d;
};

} // namespace MicroIO
