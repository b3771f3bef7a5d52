// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/scopes/waitlist.h>
#include <MicroIO/sync/asyncguard.h>

#include <memory>
#include <mutex>

namespace MicroIO::Detail {

/// The permits of a mutex or a semaphore and those who wait for one. It outlives its owner with the last guard.
///
/// While somebody waits, no permit is available: one that is given back goes to the wait that has stood in line
/// longest and can still be completed, and belongs to it from that moment on.
class MICROIO_EXPORT PermitCore
{
public:
    /// \a what names the owner in messages.
    PermitCore(qsizetype permits, const char *what);
    ~PermitCore();
    Q_DISABLE_COPY_MOVE(PermitCore)

    bool tryTake();
    void giveBack();
    /// The owner is being destroyed: who waits, and who comes later, gets BrokenResourceError.
    void close();

    qsizetype available() const;

private:
    friend class AcquireWait;

    const char *const m_what;
    mutable std::mutex m_mutex;
    qsizetype m_available; // guarded by m_mutex, as all that follows
    WaitList m_waits;
    bool m_isClosed = false;
};

class MICROIO_EXPORT AcquireWait final : public ListedWait
{
public:
    AcquireWait(ScopeRef scope, std::shared_ptr<PermitCore> core);
    ~AcquireWait() override;

    [[nodiscard]] AsyncGuard await_resume();
    const char *waitsFor() const override { return m_core->m_what; }

private:
    friend class PermitCore;

    bool enter() override;
    void leave() override;
    bool mayBeReadyAtOnce() const override;

    const std::shared_ptr<PermitCore> m_core;
    bool m_hasPermit = false; // set with the core's mutex held, before the wait has left
};

} // namespace MicroIO::Detail
