// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/Clock>
#include <MicroIO/Errors>
#include <MicroIO/Subscription>
#include <MicroIO/scopes/foreignwait.h>
#include <MicroIO/scopes/futurewait.h>
#include <MicroIO/scopes/signalwait.h>
#include <MicroIO/scopes/waitof.h>
#include <MicroIO/scopes/waits.h>

#include <QFuture>
#include <QString>

#include <chrono>
#include <functional>

class QObject;

namespace MicroIO {

/// A handle to a durable request to stop: to a node in a tree of scopes that coroutines wait in.
///
/// Once a scope is cancelled, every wait on it and on its children throws Cancelled, again and again, also
/// when an earlier one was swallowed. The first such wait in a turn of the event loop throws at once,
/// further ones of the same thread let the event loop have a turn first.
///
/// A copyable, thread-safe value; copies are handles to the same scope, which lives as long as any of them
/// or of its children. Cancelling never runs a coroutine: who waits is resumed from the event loop of its own
/// thread. After AnyIO's and Trio's cancel scopes; explicit, because a C++ coroutine has no context variables.
class MICROIO_EXPORT CancelScope
{
public:
    /// A new root: nothing but its own cancel() and deadline ends it.
    CancelScope();

    /// A root that is cancelled when \a owner is destroyed. The owner's derived part is gone by then: who
    /// unwinds must not touch it (a TaskGroup member is stronger). Throws std::invalid_argument for null.
    static CancelScope boundTo(QObject *owner);

    /// A scope that is cancelled with this one, and by its own deadline. Born cancelled if this one is.
    CancelScope child(Deadline deadline = Deadline::max()) const;

    /// A child that this scope's cancellation does not reach, nor its deadline: for cleaning up.
    CancelScope shielded() const;

    /// Cancels the scope and all below it, but for shields. True for the first cause only: an earlier cancel(), a
    /// deadline that has passed, or the parent's; that one's reason stands. (That the
    /// body of a task group has failed is no such cause, but tells the reason.) Any thread, also while people wait.
    bool cancel(const QString &reason = {}) const;

    /// Reads the clock: true from the moment of the deadline on.
    bool isCancelled() const;

    /// Why it was cancelled: what was told to cancel(), also to a parent's; empty while it is not cancelled.
    QString reason() const;

    /// True if its own deadline cancelled it; false if that was somebody's cancel(), or the parent.
    bool timedOut() const;

    /// Its own deadline; Deadline::max() if it has none.
    Deadline deadline() const;

    /// Moves its deadline, or removes it (Deadline::max()); one in the past cancels at once. Without effect on
    /// a scope that is cancelled already. Any thread, also while people wait.
    void setDeadline(Deadline deadline) const;

    /// Throws Cancelled if the scope is cancelled.
    void throwIfCancelled() const;

    /// co_await: lets the event loop have one turn. Throws Cancelled if the scope was cancelled before or during it.
    auto checkpoint() const { return Detail::WaitOf<Detail::CheckpointWait>(m_state); }

    /// co_await: sleeps for \a duration, counted from the co_await on; a zero or negative one is a checkpoint.
    /// Never ends early. Throws Cancelled.
    template<typename Rep, typename Period>
    auto sleep(std::chrono::duration<Rep, Period> duration) const
    {
        return Detail::WaitOf<Detail::SleepWait, std::chrono::nanoseconds>(m_state, saturated(duration));
    }

    /// co_await: throws Cancelled when the scope is cancelled, and never returns.
    auto cancelled() const { return Detail::WaitOf<Detail::CancelledWait>(m_state); }

    /// co_await: one emission of \a signal by \a sender, from the co_await on; gives its argument, a std::tuple of
    /// several, or nothing. Throws Cancelled; BrokenResourceError if the sender is destroyed;
    /// std::invalid_argument for a null sender. The sender may live in another thread.
    template<typename Sender, typename Signal>
    auto cancellable(Sender *sender, Signal signal) const
    {
        Detail::refuseNullSender(sender);
        return Detail::WaitOf<Detail::SignalWait<Sender, Signal>, Sender *, Signal>(m_state, sender, signal);
    }

    /// co_await: the result of \a future, or its exception. When the scope is cancelled, the future is too,
    /// and Cancelled is thrown without waiting for it; a future that others cancelled: BrokenResourceError.
    /// A result that cannot be copied is taken out of the future.
    template<typename T>
    auto cancellable(QFuture<T> future) const
    {
        return Detail::WaitOf<Detail::FutureWait<T>, QFuture<T>>(m_state, std::move(future));
    }

    /// co_await: anything else that QCoro can await. When the scope is cancelled, Cancelled is thrown and
    /// what was awaited runs on by itself: it must own all that it touches. Takes over \a awaitable: move
    /// tasks in. If the scope is cancelled before, it is dropped without having been awaited.
    template<typename Awaitable>
    auto abandonOnCancel(Awaitable &&awaitable) const
    {
        return Detail::ForeignAwaitable<std::decay_t<Awaitable>>(m_state, std::forward<Awaitable>(awaitable));
    }

    /// Calls \a callback once on the thread of \a context, from its event loop, when the scope is cancelled; at
    /// the next turn if it is already. Gone with its context, with the scope, or by disconnect(). Throws
    /// std::invalid_argument for a null context or an empty callback. Any thread.
    Subscription onCancel(QObject *context, std::function<void()> callback) const;

    friend bool operator==(const CancelScope &a, const CancelScope &b)
    {
        return a.m_state.get() == b.m_state.get();
    }

    /// For the library's own awaitables.
    const Detail::ScopeRef &state() const { return m_state; }
    explicit CancelScope(Detail::ScopeRef state);

private:
    Detail::ScopeRef m_state;
};

} // namespace MicroIO
