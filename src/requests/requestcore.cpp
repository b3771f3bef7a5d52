// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/requests/requestcore.h>

#include "loop/blocking_p.h"
#include "scopes/closescope_p.h"
#include "scopes/errors_p.h"

#include <QObject>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace MicroIO::Detail {

RequestCore::RequestCore() = default;
RequestCore::~RequestCore() = default;

void RequestCore::close(const std::exception_ptr &error)
{
    Replies pending; // their values and errors are destroyed with the mutex released
    Replies futures;
    std::vector<Binding> bindings;
    {
        Wakes wakes;
        const std::lock_guard lock(m_mutex);
        if (m_isClosed)
            return;
        m_isClosed = true;
        m_closeError = error;
        bindings.swap(m_bindings);
        const auto cause = error ? error
                                 : std::make_exception_ptr(
                                     ClosedResourceError(QStringLiteral("the request registry was closed")));
        pending = takeAllLocked();
        failEachLocked(pending, cause, futures, wakes);
    }
    for (const auto &reply : futures)
        reply->finishFuture();
    for (const Binding &binding : bindings)
        binding.undo();
}

void RequestCore::end()
{
    close(nullptr);
    std::exception_ptr error;
    const std::lock_guard lock(m_mutex);
    error.swap(m_closeError);
}

qsizetype RequestCore::failAll(const std::exception_ptr &error)
{
    Replies pending;
    Replies futures;
    qsizetype count = 0;
    {
        Wakes wakes;
        const std::lock_guard lock(m_mutex);
        pending = takeAllLocked();
        count = failEachLocked(pending, error, futures, wakes);
    }
    for (const auto &reply : futures)
        reply->finishFuture();
    return count;
}

qsizetype RequestCore::failEachLocked(const Replies &replies, const std::exception_ptr &error,
                                      Replies &futures, Wakes &wakes)
{
    qsizetype count = 0;
    for (const auto &reply : replies) {
        if (!reply->failLocked(error, wakes))
            continue;
        ++count;
        if (reply->hasFutureLocked())
            futures.push_back(reply);
    }
    return count;
}

bool RequestCore::settle(ReplyCore &reply, ReplyCore::State state)
{
    if (!reply.isPending())
        return false;
    bool hasFuture = false;
    {
        Wakes wakes;
        const std::lock_guard lock(m_mutex);
        if (!reply.isPending())
            return false;
        removeLocked(reply);
        if (!reply.claimLocked(wakes))
            return false;
        reply.decideLocked(state);
        hasFuture = reply.hasFutureLocked();
    }
    if (hasFuture)
        reply.finishFuture();
    return true;
}

void RequestCore::wait(ReplyCore &reply, QDeadlineTimer deadline)
{
    std::condition_variable decided;
    {
        const std::lock_guard lock(m_mutex);
        reply.refuseSecondLocked();
        reply.m_blocked = &decided;
    }
    const auto isDecided = [&reply] { return !reply.isPending(); };
    blockUntil(m_mutex, decided, isDecided, deadline, QStringLiteral("a reply"));
    const std::lock_guard lock(m_mutex);
    reply.m_blocked = nullptr;
    if (!reply.isPending())
        return;
    // With the mutex still held: who answers from now on is told that it was too late.
    removeLocked(reply);
    reply.decideLocked(ReplyCore::State::GivenUp);
    throw TimeoutError(QStringLiteral("no reply within the time limit"));
}

void RequestCore::throwIfClosedLocked() const
{
    if (!m_isClosed)
        return;
    throwWithCause(
        ClosedResourceError(QStringLiteral("the request registry was closed; it takes no more requests")),
        m_closeError);
}

void RequestCore::throwDuplicate()
{
    throw DuplicateRequestError(QStringLiteral("a request with this key is pending already"));
}

bool RequestCore::needsBinding(const void *to)
{
    const std::lock_guard lock(m_mutex);
    return !m_isClosed && std::none_of(m_bindings.cbegin(), m_bindings.cend(), [to](const Binding &binding) {
        return binding.to == to && !binding.isOver();
    });
}

void RequestCore::keepBinding(Binding binding)
{
    {
        const std::lock_guard lock(m_mutex);
        if (!m_isClosed) {
            if (m_bindings.size() >= m_sweepAt) {
                std::erase_if(m_bindings, [](const Binding &old) { return old.isOver(); });
                m_sweepAt = std::max<size_t>(8, 2 * m_bindings.size());
            }
            m_bindings.push_back(std::move(binding));
            return;
        }
    }
    binding.undo();
}

void RequestCore::bindTo(const CloseScope &scope)
{
    const auto state = scope.state();
    if (!needsBinding(state.get()))
        return;
    const std::weak_ptr weakState(state);
    const quint64 id = state->addListener([weak = weak_from_this(), weakState] {
        const auto core = weak.lock();
        const auto ended = weakState.lock();
        if (!core || !ended)
            return;
        std::exception_ptr cause;
        QString reason;
        {
            const std::lock_guard lock(ended->mutex);
            cause = ended->cause;
            reason = ended->reason;
        }
        if (!cause)
            cause = std::make_exception_ptr(ClosedResourceError(
                reason.isEmpty() ? QStringLiteral("closed") : QStringLiteral("closed: %1").arg(reason)));
        core->close(cause);
    });
    keepBinding({state.get(), [weakState] { return weakState.expired(); },
                 [weakState, id] {
                     if (const auto open = weakState.lock())
                         open->removeListener(id);
                 }});
}

void RequestCore::bindTo(QObject *owner)
{
    if (!owner)
        throw std::invalid_argument("RequestRegistry::bindTo(nullptr)");
    if (!needsBinding(owner))
        return;
    const auto connection = QObject::connect(
        owner, &QObject::destroyed, owner,
        [weak = weak_from_this()] {
            if (const auto core = weak.lock())
                core->close(std::make_exception_ptr(
                    ClosedResourceError(QStringLiteral("the owner of the request registry was destroyed"))));
        },
        Qt::DirectConnection);
    keepBinding({owner, [] { return false; }, [connection] { QObject::disconnect(connection); }});
}

} // namespace MicroIO::Detail
