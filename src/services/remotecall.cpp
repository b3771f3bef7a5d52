// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/services/remotecall.h>

#include "scopes/errors_p.h"
#include "tasks/taskerror_p.h"

#include <utility>

namespace MicroIO::Detail {

/// What the service's task group starts; if it is dropped unbegun, the call has ended.
class RemoteCall::Child
{
public:
    explicit Child(std::shared_ptr<RemoteCall> call)
        : m_call(std::move(call))
    {
    }
    Child(Child &&) noexcept = default;
    Child &operator=(Child &&) = delete;
    ~Child()
    {
        if (m_call)
            m_call->abandon();
    }

    QCoro::Task<> operator()(CancelScope scope)
    {
        return run(std::exchange(m_call, nullptr), std::move(scope));
    }

private:
    std::shared_ptr<RemoteCall> m_call;
};

RemoteCall::RemoteCall(const QString &service, const CloseScope &life)
    : m_service(service)
    , m_life(life)
{
}

RemoteCall::~RemoteCall() = default;

void RemoteCall::start(const std::shared_ptr<RemoteCall> &call, const TaskGroupHandle &group)
{
    const TaskHandle<void> child = group.startSoon(Child(call));
    QString reason;
    {
        const std::lock_guard lock(call->m_mutex);
        if (!call->m_hasEnded)
            call->m_child = child;
        if (!call->m_isCancelled)
            return;
        reason = call->m_reason;
    }
    child.cancel(reason);
}

void RemoteCall::cancel(const QString &reason)
{
    TaskHandle<void> child;
    {
        const std::lock_guard lock(m_mutex);
        if (std::exchange(m_isCancelled, true))
            return;
        m_reason = reason;
        child = m_child;
    }
    if (child.isValid())
        child.cancel(reason);
}

QCoro::Task<> RemoteCall::run(std::shared_ptr<RemoteCall> call, CancelScope scope)
{
    std::exception_ptr error;
    try {
        scope.throwIfCancelled(); // in the same breath: it need not begin
        auto body = call->begin(scope.child()); // which the function may cancel itself
        co_await body;
    } catch (...) {
        error = std::current_exception();
    }
    call->conclude(error, scope);
}

void RemoteCall::conclude(const std::exception_ptr &error, const CancelScope &scope)
{
    if (!isCancelledError(error)) {
        finish(error ? End::Failed : End::Value, error);
        return;
    }
    bool isWanted = false;
    {
        const std::lock_guard lock(m_mutex);
        isWanted = m_isCancelled;
    }
    if (isWanted || !scope.isCancelled()) {
        finish(End::Cancelled, error);
    } else {
        finish(
            End::CutOff,
            cutOff(QStringLiteral("the call to service %1 was cut off: %2").arg(m_service, scope.reason())));
    }
}

void RemoteCall::abandon()
{
    finish(End::CutOff, cutOff(QStringLiteral("service %1 ended before the call began").arg(m_service)));
}

void RemoteCall::refuse(const std::exception_ptr &error)
{
    finish(End::CutOff, error);
}

std::exception_ptr RemoteCall::cutOff(const QString &message) const
{
    return nest(ServiceError(message), m_life.exception());
}

void RemoteCall::finish(End end, const std::exception_ptr &error)
{
    TaskHandle<void> child; // destroyed with the mutex unlocked
    {
        const std::lock_guard lock(m_mutex);
        if (std::exchange(m_hasEnded, true))
            return;
        child = std::exchange(m_child, {});
        if (end == End::CutOff && m_isCancelled)
            end = End::Cancelled;
    }
    drop();
    ended(end, error);
}

} // namespace MicroIO::Detail
