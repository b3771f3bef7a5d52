// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/Clock>
#include <MicroIO/loop/timer.h>
#include <MicroIO/scopes/scopedwait.h>

namespace MicroIO::Detail {

class MICROIO_EXPORT CheckpointWait final : public ScopedWait
{
public:
    explicit CheckpointWait(ScopeRef scope);
    ~CheckpointWait() override;

    void await_resume() const { checkOutcome(); }
    const char *waitsFor() const override { return "checkpoint"; }

private:
    bool mayBeReadyAtOnce() const override { return false; }
    bool enter() override;
    void leave() override;

    bool m_hasYielded = false;
};

class MICROIO_EXPORT SleepWait final : public ScopedWait, private TimerEntry
{
public:
    SleepWait(ScopeRef scope, std::chrono::nanoseconds duration);
    ~SleepWait() override;

    void await_resume() const { checkOutcome(); }
    const char *waitsFor() const override { return "sleep"; }

private:
    bool mayBeReadyAtOnce() const override { return false; }
    bool enter() override;
    void leave() override;
    void expired() override;

    Deadline m_due;
};

/// Until the scope is cancelled: a wait without a source, which nothing but Cancelled ends.
class MICROIO_EXPORT CancelledWait final : public ScopedWait
{
public:
    explicit CancelledWait(ScopeRef scope);
    ~CancelledWait() override;

    void await_resume() const { checkOutcome(); }
    const char *waitsFor() const override { return "cancellation"; }

private:
    bool mayBeReadyAtOnce() const override { return false; }
    bool enter() override;
    void leave() override;
};

} // namespace MicroIO::Detail
