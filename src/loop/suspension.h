// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/loop/readyitem.h>

#include <atomic>
#include <coroutine>

namespace MicroIO::Detail {

class Scheduler;
class Wakes;

/// A suspended coroutine: the node that lives in the coroutine's frame while it waits.
///
/// It is completed exactly once, from any thread, by whoever wins the compare-and-swap on its outcome. The
/// winner hands it to the scheduler of the thread on which the wait began, which resumes it from the event
/// loop. A source completes it only while it holds the lock under which the node is registered with it:
/// once the node's thread has taken it out of there (detach()), nobody else knows the node any more.
class MICROIO_EXPORT Suspension : public ReadyItem
{
public:
    enum class Outcome : quint8 {
        Pending,
        Ready, // the source has something, or what was waited for has happened
        Cancelled, // the scope was cancelled
        LoopEnded, // the event loop of the thread has ended
        WrongThread, // the thread has no event loop
        Yielding, // nothing is decided, but the event loop has a turn before the wait begins
    };

    /// For sources: what was waited for is there. True if this call decided the wait. Any thread. The thread that waits
    /// is woken when \a wakes goes; without, at once.
    bool completeReady(Wakes *wakes = nullptr) { return complete(Outcome::Ready, wakes); }

    /// Who is to blame if the wait is begun again and again where it can only be refused; compared, not used.
    virtual const void *culprit() const = 0;
    /// How far below the root of its tree of scopes it waits.
    virtual int depth() const = 0;

    bool isPending() const { return m_outcome.load(std::memory_order_acquire) == Outcome::Pending; }

protected:
    Suspension() = default;
    ~Suspension() override;

    bool complete(Outcome outcome, Wakes *wakes = nullptr);

    Outcome outcome() const { return m_outcome.load(std::memory_order_acquire); }
    void setOutcome(Outcome outcome) { m_outcome.store(outcome, std::memory_order_release); }

    /// On the waiting thread, with the outcome decided: queues it for the next turn of the loop.
    void queue();
    /// The same for a wait that was refused and has to yield.
    void queueRefused();

    void resume();

    void setCoroutine(std::coroutine_handle<> coroutine) { m_coroutine = coroutine; }

    Scheduler *scheduler() const { return m_scheduler; }
    void setScheduler(Scheduler *scheduler) { m_scheduler = scheduler; }

private:
    friend class Scheduler;

    std::coroutine_handle<> m_coroutine;
    Scheduler *m_scheduler = nullptr;
    std::atomic<Outcome> m_outcome{Outcome::Pending};
};

} // namespace MicroIO::Detail
