// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/scopes/scopedwait.h>

#include "loop/logging_p.h"
#include "loop/readyqueue_p.h"
#include "loop/scheduler_p.h"
#include "scopes/observer_p.h"
#include <MicroIO/Errors>

namespace MicroIO::Detail {

namespace {

Cancelled loopEnded()
{
    return Cancelled(QStringLiteral("the event loop has ended"));
}

WrongThreadError wrongThread()
{
    return WrongThreadError(QStringLiteral("a wait on a thread without an event loop; use a QThread (or a "
                                           "ServiceThread), or create the QCoreApplication first"));
}

} // namespace

ScopedWait::ScopedWait(ScopeRef scope, Mode mode)
    : m_scope(std::move(scope))
    , m_mode(mode)
{
}

ScopedWait::~ScopedWait() = default;

/// True if a wait on the scope throws.
bool ScopedWait::isOver() const
{
    return isCancellable() && m_scope->isCancelled();
}

bool ScopedWait::await_ready()
{
    Scheduler *scheduler = Scheduler::current();
    if (!scheduler) {
        setOutcome(Scheduler::hasEndedHere() ? Outcome::LoopEnded : Outcome::WrongThread);
        return true;
    }
    setScheduler(scheduler);
    if (auto *observer = Observer::installed()) [[unlikely]]
        observer->waitBegins(*this);
    if (isOver() || (isCancellable() && scheduler->isEnding())) {
        setOutcome(scheduler->isEnding() ? Outcome::LoopEnded : Outcome::Cancelled);
        const auto refusal = scheduler->refuse(this);
        m_givenUp = refusal == Scheduler::Refusal::GiveUp;
        return refusal == Scheduler::Refusal::Throw;
    }
    if (mayBeReadyAtOnce() && !scheduler->mayContinue()) {
        setOutcome(Outcome::Yielding);
        return false;
    }
    if (!enter())
        return false;
    setOutcome(Outcome::Ready);
    return true;
}

void ScopedWait::await_suspend(std::coroutine_handle<> coroutine)
{
    if (m_givenUp) {
        qCCritical(logTask).noquote()
            << QStringLiteral(
                   "%1 has swallowed Cancelled more than %2 times while its end was awaited, and is left suspended for ever. "
                   "Rethrow Cancelled after cleaning up.")
                   .arg(m_scope->taskName())
                   .arg(Scheduler::maximumRefusals);
        return;
    }
    setCoroutine(coroutine);
    begin();
}

/// Registers with the scope. The source knows the wait already, or will when it begins anew after a turn.
void ScopedWait::begin()
{
    const auto decided = outcome();
    if (!isQueued()) {
        scheduler()->addSuspended(this, isCancellable()              ? Scheduler::Lasting::No
                                        : m_mode == Mode::Outlasting ? Scheduler::Lasting::Outlasting
                                                                     : Scheduler::Lasting::WaitsForChildren);
    }
    {
        const ScopeState::TreeLock lock(m_scope->m_tree);
        m_scope->addWaitLocked(this, scheduler());
        if (m_scope->hasBeenCancelled())
            cancelWait(nullptr); // it is this thread's
    }
    if (decided == Outcome::Yielding)
        queue();
    else if (decided == Outcome::Cancelled)
        queueRefused();
}

/// With the tree locked, from any thread: true if this decided the wait.
bool ScopedWait::cancelWait(Wakes *wakes)
{
    return isCancellable() && complete(Outcome::Cancelled, wakes);
}

/// On the waiting thread: neither the scope nor the source knows the wait any more.
void ScopedWait::end()
{
    {
        const ScopeState::TreeLock lock(m_scope->m_tree);
        m_scope->removeWaitLocked(this);
    }
    leave();
}

void ScopedWait::breakOff()
{
    if (!isReady() && !isCancellable() && forsake())
        setOutcome(Outcome::Ready);
}

void ScopedWait::run()
{
    end();
    if (outcome() == Outcome::Yielding || (isReady() && !finish())) {
        // It had not begun yet, or what woke it has gone meanwhile.
        setOutcome(Outcome::Pending);
        if (isOver()) {
            setOutcome(Outcome::Cancelled);
        } else if (enter()) {
            setOutcome(Outcome::Ready);
        } else {
            begin();
            return;
        }
    }
    breakOff();
    resume();
}

void ScopedWait::discard()
{
    end();
    if (isPending() || outcome() == Outcome::Yielding || (isReady() && !finish()))
        setOutcome(Outcome::LoopEnded);
    breakOff();
    resume();
}

bool ScopedWait::mayContinue() const
{
    return scheduler()->mayContinue();
}

void ScopedWait::requireLoop()
{
    if (Scheduler::current())
        return;
    if (Scheduler::hasEndedHere())
        throw loopEnded();
    throw wrongThread();
}

bool ScopedWait::isLoopEnding()
{
    const auto *scheduler = Scheduler::currentOrNull();
    return scheduler && scheduler->isEnding();
}

void ScopedWait::refuseWrongThread() const
{
    if (outcome() == Outcome::WrongThread)
        throw wrongThread();
}

Cancelled ScopedWait::cancelled() const
{
    if (outcome() == Outcome::LoopEnded)
        return loopEnded();
    Q_ASSERT(outcome() == Outcome::Cancelled);
    return m_scope->cancelled();
}

} // namespace MicroIO::Detail
