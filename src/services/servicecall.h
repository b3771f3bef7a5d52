// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/scopes/temporarycheck.h>
#include <MicroIO/services/remotecall.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <variant>

namespace MicroIO::Detail {

/// A call whose outcome a coroutine of another thread waits for.
class MICROIO_EXPORT ServiceCall : public RemoteCall
{
public:
    using RemoteCall::RemoteCall;
    ~ServiceCall() override;

    /// True if it has ended already.
    bool attach(Suspension *wait);
    void detach();
    /// Cancels it, and blocks until it has ended.
    void cancelAndBlock(const QString &taskName);

    /// After it has ended: throws unless there is a value. \a caller is the scope of who waits.
    void throwUnlessValue(const CancelScope &caller);

private:
    void ended(End end, const std::exception_ptr &error) override;

    std::mutex m_mutex;
    std::condition_variable m_changed;
    Suspension *m_wait = nullptr; // guarded by m_mutex
    bool m_isOver = false; // guarded by m_mutex
    End m_end = End::Value; // set before m_isOver
    std::exception_ptr m_error; // set before m_isOver
};

template<typename Fn>
class ServiceCallOf final : public ServiceCall
{
    static_assert(std::is_nothrow_destructible_v<Fn>, "the destructor of a callable must not throw");

public:
    using Value = RemoteValue<Fn>;

    template<typename F>
    ServiceCallOf(const QString &service, const CloseScope &life, F &&fn)
        : ServiceCall(service, life)
        , m_fn(std::forward<F>(fn))
    {
    }

    Value take(const CancelScope &caller)
    {
        throwUnlessValue(caller);
        if constexpr (!std::is_void_v<Value>)
            return std::move(*m_value);
    }

private:
    QCoro::Task<> begin(CancelScope scope) override
    {
        auto task = callRemote(*m_fn, scope);
        if constexpr (std::is_void_v<Value>)
            co_await task;
        else
            m_value.emplace(co_await task);
    }

    void drop() override { m_fn.reset(); }

    std::optional<Fn> m_fn;
    std::conditional_t<std::is_void_v<Value>, std::monostate,
                       std::optional<std::conditional_t<std::is_void_v<Value>, int, Value>>>
        m_value;
};

/// While it lives, the caller's cancellation is passed on.
class MICROIO_EXPORT ServiceCallLink
{
public:
    ServiceCallLink(const CancelScope &caller, const std::shared_ptr<ServiceCall> &call);
    ~ServiceCallLink();
    Q_DISABLE_COPY_MOVE(ServiceCallLink)

private:
    const CancelScope m_caller;
    const quint64 m_listener;
};

/// Outlasts a cancellation: the function hears of it and is waited for.
class MICROIO_EXPORT ServiceCallWait final : public ScopedWait
{
public:
    ServiceCallWait(ScopeRef scope, ServiceCall *call);
    ~ServiceCallWait() override;

    void await_resume() const { checkOutcome(); }
    const char *waitsFor() const override { return "a call to a service"; }

private:
    bool enter() override;
    void leave() override;
    bool forsake() override;

    ServiceCall *const m_call;
};

/// \a start begins the call in the service; it is called before the first suspension, or never.
template<typename Call, typename Start>
QCoro::Task<typename Call::Value> awaitServiceCall(CancelScope caller, std::shared_ptr<Call> call,
                                                   Start start)
{
    ScopedWait::requireLoop();
    if (caller.isCancelled() || ScopedWait::isLoopEnding())
        co_await caller.checkpoint(); // throws, as every wait does now
    start(call);
    {
        const ServiceCallLink link(caller, call);
        co_await WaitOf<ServiceCallWait, ServiceCall *>(caller.state(), call.get());
    }
    co_return call->take(caller);
}

} // namespace MicroIO::Detail
