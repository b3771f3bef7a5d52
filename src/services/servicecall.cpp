// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/services/servicecall.h>

#include "loop/blocking_p.h"
#include "loop/logging_p.h"
#include <MicroIO/Errors>
#include <MicroIO/loop/wakes.h>

#include <chrono>

namespace MicroIO::Detail {

using namespace std::chrono_literals;

ServiceCall::~ServiceCall() = default;

bool ServiceCall::attach(Suspension *wait)
{
    const std::lock_guard lock(m_mutex);
    if (!m_isOver)
        m_wait = wait;
    return m_isOver;
}

void ServiceCall::detach()
{
    const std::lock_guard lock(m_mutex);
    m_wait = nullptr;
}

void ServiceCall::ended(End end, const std::exception_ptr &error)
{
    Wakes wakes;
    const std::lock_guard lock(m_mutex);
    m_end = end;
    m_error = error;
    m_isOver = true;
    if (m_wait)
        m_wait->completeReady(&wakes);
    m_changed.notify_all();
}

void ServiceCall::cancelAndBlock(const QString &taskName)
{
    cancel(QStringLiteral("the coroutine that waits for it is being destroyed"));
    const auto isOver = [this] { return m_isOver; };
    while (!blockUntil(m_mutex, m_changed, isOver, QDeadlineTimer(5s),
                       QStringLiteral("the end of a call of %1 to a service"), taskName, LimitBy::RealTime)) {
        qCCritical(logTask).noquote()
            << QStringLiteral(
                   "%1 is being destroyed and waits for its call to a service, which does not look at its scope.")
                   .arg(taskName);
    }
}

void ServiceCall::throwUnlessValue(const CancelScope &caller)
{
    switch (m_end) {
    case End::Value:
        return;
    case End::Failed:
    case End::CutOff:
        std::rethrow_exception(std::exchange(m_error, nullptr));
    case End::Cancelled:
        caller.throwIfCancelled();
        throw TaskCancelledError(
            QStringLiteral("the coroutine that a service ran was cancelled: %1").arg(describe(m_error)));
    }
    Q_UNREACHABLE();
}

ServiceCallLink::ServiceCallLink(const CancelScope &caller, const std::shared_ptr<ServiceCall> &call)
    : m_caller(caller)
    , m_listener(caller.state()->addListener([weak = std::weak_ptr(call), caller] {
        if (const auto alive = weak.lock())
            alive->cancel(caller.reason());
    }))
{
}

ServiceCallLink::~ServiceCallLink()
{
    m_caller.state()->removeListener(m_listener);
}

ServiceCallWait::ServiceCallWait(ScopeRef scope, ServiceCall *call)
    : ScopedWait(std::move(scope), Mode::Outlasting)
    , m_call(call)
{
}

ServiceCallWait::~ServiceCallWait() = default;

bool ServiceCallWait::enter()
{
    return m_call->attach(this);
}

void ServiceCallWait::leave()
{
    m_call->detach();
}

bool ServiceCallWait::forsake()
{
    m_call->cancelAndBlock(scope().taskName());
    return true; // its outcome stands
}

} // namespace MicroIO::Detail
