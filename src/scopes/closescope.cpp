// SPDX-License-Identifier: Apache-2.0
#include "scopes/closescope_p.h"

#include "loop/blocking_p.h"
#include "scopes/contextcallback_p.h"
#include "scopes/errors_p.h"

namespace MicroIO {

namespace Detail {

bool CloseScopePrivate::end(State end, std::exception_ptr endCause, const QString &endReason)
{
    std::map<quint64, std::function<void()>> told;
    {
        Wakes wakes;
        const std::lock_guard lock(mutex);
        if (state != State::Open)
            return false;
        state = end;
        reason = endReason.isEmpty() && endCause ? describe(endCause) : endReason;
        cause = std::move(endCause);
        waits.completeAll(wakes);
        told.swap(listeners);
        ended.notify_all();
    }
    for (const auto &listener : told)
        listener.second();
    return true;
}

quint64 CloseScopePrivate::addListener(std::function<void()> listener)
{
    {
        const std::lock_guard lock(mutex);
        if (state == State::Open) {
            listeners.emplace(++lastListener, std::move(listener));
            return lastListener;
        }
    }
    listener();
    return 0;
}

void CloseScopePrivate::removeListener(quint64 id)
{
    std::function<void()> removed; // destroyed with the mutex unlocked
    const std::lock_guard lock(mutex);
    const auto found = listeners.find(id);
    if (found == listeners.end())
        return;
    removed = std::move(found->second);
    listeners.erase(found);
}

ClosedWait::ClosedWait(ScopeRef scope, std::shared_ptr<CloseScopePrivate> state)
    : ListedWait(std::move(scope))
    , m_state(std::move(state))
{
}

ClosedWait::~ClosedWait() = default;

bool ClosedWait::enter()
{
    const std::lock_guard lock(m_state->mutex);
    if (m_state->state != CloseScopePrivate::State::Open)
        return true;
    m_state->waits.add(this);
    return false;
}

void ClosedWait::leave()
{
    const std::lock_guard lock(m_state->mutex);
    m_state->waits.remove(this);
}

} // namespace Detail

using Detail::CloseScopePrivate;

CloseScope::CloseScope()
    : d(std::make_shared<CloseScopePrivate>())
{
}

bool CloseScope::close(const QString &reason)
{
    return d->end(CloseScopePrivate::State::Closed, nullptr, reason);
}

bool CloseScope::fail(std::exception_ptr cause, const QString &reason)
{
    return d->end(CloseScopePrivate::State::Failed, std::move(cause), reason);
}

bool CloseScope::isClosed() const
{
    const std::lock_guard lock(d->mutex);
    return d->state != CloseScopePrivate::State::Open;
}

bool CloseScope::isFailed() const
{
    const std::lock_guard lock(d->mutex);
    return d->state == CloseScopePrivate::State::Failed;
}

QString CloseScope::reason() const
{
    const std::lock_guard lock(d->mutex);
    return d->reason;
}

std::exception_ptr CloseScope::exception() const
{
    const std::lock_guard lock(d->mutex);
    return d->cause;
}

bool CloseScope::wait(QDeadlineTimer deadline) const
{
    return Detail::blockUntil(
        d->mutex, d->ended, [this] { return d->state != CloseScopePrivate::State::Open; }, deadline,
        QStringLiteral("CloseScope::wait()"));
}

void CloseScope::throwIfClosed() const
{
    std::unique_lock lock(d->mutex);
    const auto [state, cause, reason] = std::tuple(d->state, d->cause, d->reason);
    lock.unlock();
    if (state == CloseScopePrivate::State::Closed)
        throw ClosedResourceError(reason.isEmpty() ? QStringLiteral("closed")
                                                   : QStringLiteral("closed: %1").arg(reason));
    if (state == CloseScopePrivate::State::Failed) {
        // Without a reason of its own, the cause's text is the reason; it need not be told twice.
        const bool hasReason = !reason.isEmpty() && !(cause && reason == describe(cause));
        Detail::throwWithCause(BrokenResourceError(hasReason ? reason : QStringLiteral("failed")), cause);
    }
}

Subscription CloseScope::onClosed(QObject *context, std::function<void()> callback) const
{
    if (!callback)
        throw std::invalid_argument("CloseScope::onClosed(): an empty callback");
    const auto call = Detail::ContextCallback::create(
        context, [callback = std::move(callback)](const std::exception_ptr &) { callback(); });
    const quint64 id = d->addListener([call] { call->fire(); });
    return call->subscription([weak = std::weak_ptr(d), id] {
        if (const auto state = weak.lock())
            state->removeListener(id);
    });
}

} // namespace MicroIO
