// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/Errors>
#include <MicroIO/loop/suspension.h>
#include <MicroIO/scopes/scopestate.h>

namespace MicroIO::Detail {

/// The base of every awaiter of this library: joins a source of events with a scope.
///
/// The wait ends when the source is ready or when the scope is cancelled, whichever comes first. An heir
/// says how to register with its source; its await_resume() calls checkOutcome() first.
class MICROIO_EXPORT ScopedWait : public Suspension
{
public:
    bool await_ready();
    void await_suspend(std::coroutine_handle<> coroutine);

    void run() final;
    void discard() final;
    const void *doomedTree() const final { return m_scope->doomedTree(); }
    const void *culprit() const final { return m_scope->nearestTask(); }
    int depth() const final { return m_scope->depth(); }

    /// Throws what every wait on this thread would throw because there is no event loop.
    static void requireLoop();
    /// True while the loop of this thread breaks off what still waits.
    static bool isLoopEnding();

    const ScopeState &scope() const { return *m_scope; }

    /// Registered waits by the name of what they wait for, for messages and tests.
    virtual const char *waitsFor() const = 0;
    /// True if something may end it that the library does not know.
    virtual bool isForeign() const { return false; }

protected:
    enum class Mode : quint8 {
        Cancellable, // ends when the scope is cancelled
        Outlasting, // goes on; only the end of the loop, and of a task group's owner, break it off
        WaitsForChildren, // the same, and what waits below its scope is broken off before it
    };

    explicit ScopedWait(ScopeRef scope, Mode mode = Mode::Cancellable);
    ~ScopedWait() override;

    /// Throws if the wait was not completed by its source. Inline, because unwinding costs by the frame.
    void checkOutcome() const
    {
        if (isReady()) [[likely]]
            return;
        refuseWrongThread();
        throw cancelled();
    }

    /// True if the wait was completed by its source.
    bool isReady() const { return outcome() == Outcome::Ready; }

    const ScopeRef &scopeRef() const { return m_scope; }

    /// False if the coroutine has used up its slice: what is ready has to wait for a turn of the event loop.
    bool mayContinue() const;

private:
    friend class ScopeState;

    /// On the waiting thread: true if there is nothing to wait for. Else the wait is registered with the
    /// source, which calls completeReady() under the lock that leave() takes.
    virtual bool enter() = 0;

    /// False if enter() always registers, and if what happens before it would be missed. Else the event loop may have
    /// a turn before the wait begins, so that who finds everything ready cannot starve it.
    virtual bool mayBeReadyAtOnce() const { return true; }

    /// On the waiting thread, each time the wait ends, however it does: after it the source does not know the
    /// wait any more. Called again, or without enter(), it does nothing.
    virtual void leave() = 0;

    /// On the waiting thread, when the source has completed the wait: takes what it has. False if it has
    /// gone meanwhile; the wait then begins anew.
    virtual bool finish() { return true; }

    /// The wait is being broken off although it outlasts cancellation. True if it has made
    /// its source end instead.
    virtual bool forsake() { return false; }

    void refuseWrongThread() const;
    Cancelled cancelled() const;
    bool isCancellable() const { return m_mode == Mode::Cancellable; }
    bool isOver() const;
    bool cancelWait(Wakes *wakes);
    void begin();
    void end();
    void breakOff();

    ScopeRef m_scope;
    ScopedWait *m_previousWait = nullptr; // guarded by the tree's mutex; circular as the children's list
    ScopedWait *m_nextWait = nullptr;
    const Mode m_mode;
    bool m_givenUp = false; // never to be resumed
};

} // namespace MicroIO::Detail
