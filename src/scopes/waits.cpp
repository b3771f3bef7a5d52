// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/scopes/waits.h>

#include "loop/scheduler_p.h"

#include <utility>

namespace MicroIO::Detail {

namespace {
// A sleep that is over before it begins is a checkpoint: it needs no timer, but one turn of the loop.
constexpr Deadline checkpointFirst = Deadline::min();
constexpr Deadline checkpointDone = Deadline::min() + Deadline::duration(1);
} // namespace

CheckpointWait::CheckpointWait(ScopeRef scope)
    : ScopedWait(std::move(scope))
{
}

CheckpointWait::~CheckpointWait() = default;

bool CheckpointWait::enter()
{
    if (std::exchange(m_hasYielded, true))
        return true;
    setOutcome(Outcome::Yielding);
    return false;
}

void CheckpointWait::leave() {}

SleepWait::SleepWait(ScopeRef scope, std::chrono::nanoseconds duration)
    : ScopedWait(std::move(scope))
    , m_due(duration > duration.zero() ? deadlineAfter(duration) : checkpointFirst)
{
}

SleepWait::~SleepWait() = default;

bool SleepWait::enter()
{
    if (m_due == checkpointDone)
        return true;
    if (m_due == checkpointFirst) {
        m_due = checkpointDone;
        setOutcome(Outcome::Yielding);
    } else {
        scheduler()->setTimer(this, m_due);
    }
    return false;
}

void SleepWait::leave()
{
    if (isArmed())
        scheduler()->removeTimer(this);
}

void SleepWait::expired()
{
    completeReady();
}

CancelledWait::CancelledWait(ScopeRef scope)
    : ScopedWait(std::move(scope))
{
}

CancelledWait::~CancelledWait() = default;

bool CancelledWait::enter()
{
    return false;
}

void CancelledWait::leave() {}

} // namespace MicroIO::Detail
