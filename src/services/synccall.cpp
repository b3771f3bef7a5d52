// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/services/synccall.h>

#include "loop/blocking_p.h"
#include "loop/clock_p.h"
#include "scopes/errors_p.h"
#include "services/blockedcalls_p.h"
#include <MicroIO/Errors>
#include <MicroIO/LoopServiceThread>

#include <chrono>
#include <thread>

namespace MicroIO::Detail {

using namespace std::chrono_literals;

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

bool SyncCall::isDecided() const
{
    const auto stage = m_stage.load(std::memory_order_acquire);
    return stage == Done || stage == Discarded;
}

/// For as long as it takes to fall asleep and to be woken: most calls are shorter than that. False if it is not decided then.
bool SyncCall::waitAwake() const
{
    if (ClockSource::installed())
        return false; // it is to see at once who waits here
    const auto end = std::chrono::steady_clock::now() + 20us;
    while (!isDecided()) {
        if (std::chrono::steady_clock::now() >= end)
            return false;
        std::this_thread::yield(); // the callee may need this very core
    }
    return true;
}

void SyncCall::wait(const QString &service, const CloseScope &life, QDeadlineTimer deadline)
{
    const bool isInTime = (!deadline.hasExpired() && waitAwake())
                          || blockUntil(
                              m_mutex, m_decided, [this] { return isDecided(); }, deadline,
                              QStringLiteral("callSync() to service %1"), service);
    if (!isInTime) {
        auto stage = Queued;
        m_stage.compare_exchange_strong(stage, Forgotten);
        if (stage != Done && stage != Discarded) {
            leave();
            throw TimeoutError(
                QStringLiteral("callSync() to service %1: no answer within the time limit").arg(service));
        }
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
    auto stage = Queued;
    if (m_stage.compare_exchange_strong(stage, Begun)) {
        try {
            call();
        } catch (...) {
            m_error = std::current_exception();
        }
    }
    decide(Done);
}

void SyncCall::discard()
{
    const auto self = std::move(m_self);
    decide(Discarded);
}

void SyncCall::decide(Stage stage)
{
    drop();
    leave();
    {
        const std::lock_guard lock(m_mutex);
        m_stage.store(stage, std::memory_order_release);
    } // who is woken needs it
    m_decided.notify_all();
}

void SyncCall::throwError()
{
    if (m_error)
        std::rethrow_exception(std::exchange(m_error, nullptr));
}

} // namespace MicroIO::Detail
