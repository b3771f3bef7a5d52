// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/requests/replycore.h>

#include "loop/blocking_p.h"
#include "scopes/closescope_p.h"
#include "scopes/errors_p.h"

#include <QObject>

#include <stdexcept>
#include <utility>

namespace MicroIO::Detail {

namespace {

[[noreturn]] void refuseSecondWaiter()
{
    throw BusyResourceError(QStringLiteral("somebody else is waiting for this reply already"));
}

} // namespace

ReplyCore::~ReplyCore() = default;

void ReplyCore::failLocked(std::exception_ptr error)
{
    m_error = std::move(error);
    decideLocked(State::Failed);
}

void ReplyCore::decideLocked(State state)
{
    m_state = state;
    if (m_wait)
        m_wait->completeReady();
    if (m_blocked)
        m_blocked->notify_all();
}

void ReplyCore::throwUnlessAnswered() const
{
    if (m_state == State::Answered)
        return;
    if (m_state == State::Failed && m_error)
        std::rethrow_exception(m_error);
    throw BrokenResourceError(QStringLiteral("the request was given up"));
}

RequestTable::RequestTable() = default;

RequestTable::~RequestTable()
{
    for (const auto &unbind : m_unbind)
        unbind();
}

void RequestTable::close(const std::exception_ptr &error)
{
    std::vector<std::shared_ptr<ReplyCore>> pending; // their values are destroyed with the mutex released
    const std::lock_guard lock(mutex);
    if (m_isClosed)
        return;
    m_isClosed = true;
    m_closeError = error;
    const auto cause = error ? error
                             : std::make_exception_ptr(
                                 ClosedResourceError(QStringLiteral("the request registry was closed")));
    pending = takeAllLocked();
    for (const auto &reply : pending)
        reply->failLocked(cause);
}

void RequestTable::throwClosedLocked() const
{
    throwWithCause(
        ClosedResourceError(QStringLiteral("the request registry was closed; it takes no more requests")),
        m_closeError);
}

void RequestTable::throwDuplicate()
{
    throw DuplicateRequestError(QStringLiteral("a request with this key is pending already"));
}

void RequestTable::bindTo(const CloseScope &scope)
{
    const auto state = scope.state();
    const quint64 id = state->addListener([weak = weak_from_this(), weakState = std::weak_ptr(state)] {
        const auto table = weak.lock();
        const auto ended = weakState.lock();
        if (!table || !ended)
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
        table->close(cause);
    });
    const std::lock_guard lock(mutex);
    m_unbind.push_back([weakState = std::weak_ptr(state), id] {
        if (const auto open = weakState.lock())
            open->removeListener(id);
    });
}

void RequestTable::bindTo(QObject *owner)
{
    if (!owner)
        throw std::invalid_argument("RequestRegistry::bindTo(nullptr)");
    const auto connection = QObject::connect(
        owner, &QObject::destroyed, owner,
        [weak = weak_from_this()] {
            if (const auto table = weak.lock())
                table->close(std::make_exception_ptr(
                    ClosedResourceError(QStringLiteral("the owner of the request registry was destroyed"))));
        },
        Qt::DirectConnection);
    const std::lock_guard lock(mutex);
    m_unbind.push_back([connection] { QObject::disconnect(connection); });
}

void RequestTable::wait(ReplyCore &reply, QDeadlineTimer deadline)
{
    std::condition_variable decided;
    {
        const std::lock_guard lock(mutex);
        if (reply.isPending() && (reply.m_wait || reply.m_blocked))
            refuseSecondWaiter();
        reply.m_blocked = &decided;
    }
    const auto isDecided = [&reply] { return !reply.isPending(); };
    const bool isInTime = blockUntil(mutex, decided, isDecided, deadline, QStringLiteral("a reply"));
    const std::lock_guard lock(mutex);
    reply.m_blocked = nullptr;
    if (!isInTime && reply.isPending())
        throw TimeoutError(QStringLiteral("no reply within the time limit"));
    reply.throwUnlessAnswered();
}

ReplyWaitBase::ReplyWaitBase(ScopeRef scope, RequestTable *table, ReplyCore *reply)
    : ScopedWait(std::move(scope))
    , m_table(table)
    , m_reply(reply)
{
}

ReplyWaitBase::~ReplyWaitBase() = default;

bool ReplyWaitBase::enter()
{
    const std::lock_guard lock(m_table->mutex);
    m_isBusy = m_reply->isPending() && (m_reply->m_wait || m_reply->m_blocked);
    if (m_isBusy || !m_reply->isPending())
        return true;
    m_reply->m_wait = this;
    return false;
}

void ReplyWaitBase::leave()
{
    const std::lock_guard lock(m_table->mutex);
    if (m_reply->m_wait == this)
        m_reply->m_wait = nullptr;
}

void ReplyWaitBase::checkReply() const
{
    checkOutcome();
    if (m_isBusy)
        refuseSecondWaiter();
    const std::lock_guard lock(m_table->mutex);
    m_reply->throwUnlessAnswered();
}

} // namespace MicroIO::Detail
