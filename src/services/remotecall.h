// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/CancelScope>
#include <MicroIO/CloseScope>
#include <MicroIO/TaskGroup>

#include <QCoroTask>
#include <QString>

#include <exception>
#include <memory>
#include <mutex>
#include <type_traits>

namespace MicroIO::Detail {

/// A coroutine that a service runs for somebody outside it: what call() and submit() have in common.
///
/// Shared by the child of the service's task group that runs it and by who wants its outcome. Its error is theirs and
/// not the service's. It always ends, also if it never begins.
class MICROIO_EXPORT RemoteCall
{
public:
    RemoteCall(const QString &service, const CloseScope &life);
    virtual ~RemoteCall();
    Q_DISABLE_COPY_MOVE(RemoteCall)

    /// Begins it as a child of \a group, or ends it. Throws what the group does.
    static void start(const std::shared_ptr<RemoteCall> &call, const TaskGroupHandle &group);

    /// Ends it unbegun, with \a error, if it has not ended.
    void refuse(const std::exception_ptr &error);

    /// Who wants the outcome does not want it any more. Any thread.
    void cancel(const QString &reason);

protected:
    enum class End : quint8 {
        Value,
        Failed, // with the error of the function
        Cancelled, // by cancel(), or by itself
        CutOff, // by the end of the service, which the error tells
    };

private:
    class Child;
    static QCoro::Task<> run(std::shared_ptr<RemoteCall> call, CancelScope scope);

    /// Calls the function; its coroutine stores the value.
    virtual QCoro::Task<> begin(CancelScope scope) = 0;
    /// Destroys the function.
    virtual void drop() = 0;
    /// Called once, when the function is destroyed; nearly always on the service's thread.
    virtual void ended(End end, const std::exception_ptr &error) = 0;

    void abandon();
    void conclude(const std::exception_ptr &error, const CancelScope &scope);
    void finish(End end, const std::exception_ptr &error);
    std::exception_ptr cutOff(const QString &message) const;

    const QString m_service;
    const CloseScope m_life;
    std::mutex m_mutex;
    TaskHandle<void> m_child; // guarded by m_mutex
    bool m_isCancelled = false; // guarded by m_mutex
    bool m_hasEnded = false; // guarded by m_mutex
    QString m_reason; // guarded by m_mutex
};

/// The forms that the function of call() or submit() may have: fn(scope, extra...), fn(scope) or fn().
template<typename Fn, typename... Extra>
auto callRemote(Fn &fn, const CancelScope &scope, Extra &&...extra)
{
    if constexpr (std::is_invocable_v<Fn &, CancelScope, Extra...>)
        return std::invoke(fn, scope, std::forward<Extra>(extra)...);
    else if constexpr (std::is_invocable_v<Fn &, CancelScope>)
        return std::invoke(fn, scope);
    else
        return std::invoke(fn);
}

template<typename Fn, typename... Extra>
using RemoteValue = typename TaskValue<decltype(callRemote(
    std::declval<Fn &>(), std::declval<const CancelScope &>(), std::declval<Extra>()...))>::type;

} // namespace MicroIO::Detail
