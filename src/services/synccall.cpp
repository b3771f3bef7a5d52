// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/services/synccall.h>

#include "loop/blocking_p.h"
#include "scopes/errors_p.h"
#include "services/blockedcalls_p.h"
#include <MicroIO/Errors>
#include <MicroIO/LoopServiceThread>

namespace MicroIO::Detail {

SyncCall::SyncCall() = default;
SyncCall::~SyncCall() = default;

void SyncCall::enter(const QString &service, const QThread *callee)
{
    // Another thread takes no calls, so that nobody can wait for it.
    const auto *caller = qobject_cast<const LoopServiceThread *>(QThread::currentThread());
    if (!caller)
        return;
    if (!BlockedCalls::enter(caller, callee, this)) {
        throw DeadlockError(
            QStringLiteral(
                "callSync() from service %1 to service %2, which is blocked in a call to it, would never "
                "return; use call(), which blocks nobody")
                .arg(caller->name(), service));
    }
    m_blockedCaller = caller;
}

void SyncCall::leave()
{
    if (m_blockedCaller)
        BlockedCalls::leave(m_blockedCaller, this);
}

void SyncCall::wait(const QString &service, const CloseScope &life, QDeadlineTimer deadline)
{
    const auto isDecided = [this] { return m_stage == Done || m_stage == Discarded; };
    const bool isInTime = blockUntil(m_mutex, m_decided, isDecided, deadline,
                                     QStringLiteral("callSync() to service %1"), service);
    std::unique_lock lock(m_mutex);
    if (!isInTime && !isDecided()) {
        if (m_stage == Queued)
            m_stage = Forgotten;
        lock.unlock();
        leave();
        throw TimeoutError(
            QStringLiteral("callSync() to service %1: no answer within the time limit").arg(service));
    }
    if (m_stage == Discarded) {
        throwWithCause(
            ServiceError(
                QStringLiteral("callSync() to service %1: it ended before the call began").arg(service)),
            life.exception());
    }
}

void SyncCall::run()
{
    const auto self = std::move(m_self);
    {
        const std::lock_guard lock(m_mutex);
        if (m_stage == Queued)
            m_stage = Begun;
    }
    std::exception_ptr error;
    if (m_stage == Begun) {
        try {
            call();
        } catch (...) {
            error = std::current_exception();
        }
    }
    drop();
    leave();
    std::unique_lock lock(m_mutex);
    m_error = std::move(error);
    m_stage = Done;
    lock.unlock(); // who is woken needs it
    m_decided.notify_all();
}

void SyncCall::discard()
{
    const auto self = std::move(m_self);
    drop();
    leave();
    std::unique_lock lock(m_mutex);
    m_stage = Discarded;
    lock.unlock();
    m_decided.notify_all();
}

void SyncCall::throwError()
{
    const std::lock_guard lock(m_mutex);
    if (m_error)
        std::rethrow_exception(std::exchange(m_error, nullptr));
}

} // namespace MicroIO::Detail
