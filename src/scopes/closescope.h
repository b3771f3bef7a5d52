// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/CancelScope>
#include <MicroIO/Subscription>
#include <MicroIO/scopes/waitlist.h>
#include <MicroIO/scopes/waitof.h>

#include <QDeadlineTimer>
#include <QString>

#include <exception>
#include <functional>
#include <memory>

namespace MicroIO {

class CloseScope;

namespace Detail {

class CloseScopePrivate;

class MICROIO_EXPORT ClosedWait final : public ListedWait
{
public:
    ClosedWait(ScopeRef scope, std::shared_ptr<CloseScopePrivate> state);
    ~ClosedWait() override;

    void await_resume() const { checkOutcome(); }
    const char *waitsFor() const override { return "close scope"; }

private:
    bool enter() override;
    void leave() override;

    const std::shared_ptr<CloseScopePrivate> m_state;
};

} // namespace Detail

/// The lifecycle state of something: open, then closed or failed, once and for good.
///
/// A copyable, thread-safe value; copies are handles to the same state. It wakes those who wait for the end
/// and tells them the cause; it cancels no coroutine. After microio's CloseScope.
class MICROIO_EXPORT CloseScope
{
public:
    CloseScope();

    /// Ends the scope normally. True for the first of close() and fail() only; later ones change nothing. Any
    /// thread; never blocks, and callbacks run later, from the event loops of their contexts.
    bool close(const QString &reason = {});

    /// Ends the scope with a failure; \a cause may be null. Without a \a reason, the cause's text is it.
    bool fail(std::exception_ptr cause, const QString &reason = {});

    /// True once it has ended, closed or failed.
    bool isClosed() const;
    bool isFailed() const;
    QString reason() const;
    /// The cause of the failure; null if there is none.
    std::exception_ptr exception() const;

    /// Blocks the thread until the scope has ended; false if \a deadline passed before.
    [[nodiscard]] bool wait(QDeadlineTimer deadline = QDeadlineTimer::Forever) const;

    /// co_await: until the scope has ended, either way. Throws Cancelled when \a scope is cancelled.
    auto closed(CancelScope scope) const
    {
        return Detail::WaitOf<Detail::ClosedWait, std::shared_ptr<Detail::CloseScopePrivate>>(scope.state(),
                                                                                              d);
    }

    /// Throws ClosedResourceError if the scope was closed, BrokenResourceError with the cause nested if it failed.
    void throwIfClosed() const;

    /// Calls \a callback once on the thread of \a context, from its event loop, when the scope has ended; at the
    /// next turn if it already has. Gone with its context or by disconnect(). Throws std::invalid_argument for a
    /// null context or an empty callback. Any thread.
    Subscription onClosed(QObject *context, std::function<void()> callback) const;

    friend bool operator==(const CloseScope &a, const CloseScope &b) { return a.d == b.d; }

    /// For the library's own classes.
    const std::shared_ptr<Detail::CloseScopePrivate> &state() const { return d; }

private:
    std::shared_ptr<Detail::CloseScopePrivate> d;
};

} // namespace MicroIO
