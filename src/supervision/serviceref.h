// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/CancelScope>
#include <MicroIO/LoopServiceThread>
#include <MicroIO/supervision/serviceslot.h>

#include <QString>

#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

namespace MicroIO {

namespace Detail {

/// A callable that wants the service, and gets it when it is called, on the service's own thread.
template<typename T, typename Fn>
class BoundToService
{
public:
    template<typename F>
    BoundToService(T &service, F &&fn)
        : m_service(&service)
        , m_fn(std::forward<F>(fn))
    {
    }

    template<typename... Args>
    requires std::is_invocable_v<Fn &, T &, Args...>
    auto operator()(Args &&...args) { return std::invoke(m_fn, *m_service, std::forward<Args>(args)...); }

private:
    T *m_service;
    Fn m_fn;
};

template<typename T, typename Fn>
concept TakesService = std::is_invocable_v<Fn &, T &> || std::is_invocable_v<
    Fn &, T &, CancelScope> || std::is_invocable_v<Fn &, T &, CancelScope, SubmissionProgress>;

/// \a fn as the service itself takes it.
template<typename T, typename Fn>
decltype(auto) boundTo(T &service, Fn &&fn)
{
    if constexpr (TakesService<T, std::decay_t<Fn>>)
        return BoundToService<T, std::decay_t<Fn>>(service, std::forward<Fn>(fn));
    else
        return std::forward<Fn>(fn);
}

} // namespace Detail

/// A service of a supervisor by its name: it reaches the current instance, whichever that is, and throws ServiceError while
/// there is none. A copyable, thread-safe value that may outlive the supervisor.
///
/// The functions are those of LoopServiceThread; \a fn may take the service as its first argument, of class \a T.
template<typename T>
class ServiceRef
{
public:
    /// Does not reach anything; for the library.
    explicit ServiceRef(std::shared_ptr<Detail::ServiceSlot> slot)
        : d(std::move(slot))
    {
    }

    // Copied also where it could be moved: there is no empty one.
    ServiceRef(const ServiceRef &other) = default;
    ServiceRef &operator=(const ServiceRef &other) = default;
    ~ServiceRef() = default;

    QString name() const { return d->name(); }
    /// True while there is an instance, which may not be ready yet, or end at any moment.
    bool isUp() const { return d->isUp(); }

    /// co_await: see LoopServiceThread::call(). \a fn is called as fn(T &, CancelScope), fn(T &), fn(CancelScope) or fn(), and copied.
    template<typename Fn>
    auto call(CancelScope caller, Fn &&fn) const
    {
        MICROIO_CHECK_TEMPORARY(Fn);
        return d->template with<T>([&](T &service) {
            auto &&bound = Detail::boundTo(service, std::forward<Fn>(fn));
            return service.call(std::move(caller), bound);
        });
    }

    /// See LoopServiceThread::submit(). Throws ServiceError while the service is down.
    template<typename Fn>
    auto submit(Fn &&fn) const
    {
        return d->template with<T>(
            [&](T &service) { return service.submit(Detail::boundTo(service, std::forward<Fn>(fn))); });
    }

    /// See LoopServiceThread::callSoon(). \a fn is called as fn(T &) or fn().
    template<typename Fn>
    void callSoon(Fn &&fn) const
    {
        d->template with<T>(
            [&](T &service) { service.callSoon(Detail::boundTo(service, std::forward<Fn>(fn))); });
    }

private:
    std::shared_ptr<Detail::ServiceSlot> d;
};

} // namespace MicroIO
