// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/scopes/scopedwait.h>

#include <QCoroFuture>
#include <QCoroTask>

#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>

namespace MicroIO::Detail {

/// What co_await gives for something that QCoro can await.
template<typename T>
struct AwaiterOf
{
    using type = T;
};
template<typename T>
requires requires(T &&t)
{
    std::forward<T>(t).operator co_await();
}
struct AwaiterOf<T>
{
    using type = decltype(std::declval<T>().operator co_await());
};
template<typename T>
requires requires(T &&t)
{
    operator co_await(std::forward<T>(t));
}
struct AwaiterOf<T>
{
    using type = decltype(operator co_await(std::declval<T>()));
};
template<typename T>
using TransformedBy = decltype(std::declval<QCoro::detail::TaskPromiseBase &>().await_transform(
    std::declval<T>()));
template<typename T>
using AwaitResult =
    std::decay_t<decltype(std::declval<typename AwaiterOf<TransformedBy<T>>::type &>().await_resume())>;

/// Where a foreign event (a signal, a future, a coroutine of its own) and a wait meet. It lives as long as
/// either: the wait may be gone when the event comes.
class MICROIO_EXPORT ForeignEvent
{
public:
    ForeignEvent() = default;
    Q_DISABLE_COPY_MOVE(ForeignEvent)

    /// With \a store called under the lock, once: what it stores is there when the wait is resumed. False if it
    /// came too late. Any thread.
    template<typename Store>
    bool happen(Store &&store)
    {
        const std::lock_guard lock(m_mutex);
        if (m_happened || m_forgotten)
            return false;
        store();
        m_happened = true;
        if (m_wait)
            m_wait->completeReady();
        return true;
    }

    /// True if it has happened already.
    bool attach(Suspension *wait);
    void detach();
    /// Nobody is interested any more. False if it has happened already.
    bool forget();
    bool hasHappened() const;

private:
    mutable std::mutex m_mutex;
    Suspension *m_wait = nullptr; // guarded by m_mutex
    bool m_happened = false; // guarded by m_mutex
    bool m_forgotten = false; // guarded by m_mutex
};

/// The last to hear of an error of something that runs on by itself.
MICROIO_EXPORT void reportAbandoned(const std::exception_ptr &error);

template<typename T>
struct ForeignResult : ForeignEvent
{
    // void is kept as nothing
    std::conditional_t<std::is_void_v<T>, std::monostate,
                       std::optional<std::conditional_t<std::is_void_v<T>, int, T>>>
        value;
    std::exception_ptr error;

    T take()
    {
        if (error)
            std::rethrow_exception(std::exchange(error, nullptr));
        if constexpr (!std::is_void_v<T>)
            return std::move(*value);
    }
};

template<typename Awaitable>
class ForeignWait final : public ScopedWait
{
public:
    using Result = AwaitResult<Awaitable>;

    ForeignWait(ScopeRef scope, Awaitable &&awaitable)
        : ScopedWait(std::move(scope))
        , m_awaitable(std::move(awaitable))
    {
    }

    Result await_resume()
    {
        if (!isReady() && m_result && !m_result->forget() && m_result->error)
            reportAbandoned(m_result->error);
        checkOutcome();
        return m_result->take();
    }

    const char *waitsFor() const override { return "something foreign"; }
    bool isForeign() const final { return true; }

private:
    bool enter() override
    {
        if (!m_result) {
            m_result = std::make_shared<ForeignResult<Result>>();
            runForeign(m_result, std::move(m_awaitable));
        }
        if (!m_result->attach(this))
            return false;
        if (m_hasYielded || mayContinue())
            return true;
        m_hasYielded = true;
        setOutcome(Outcome::Yielding);
        return false;
    }

    bool mayBeReadyAtOnce() const override { return false; } // it begins at once, and yields when it is ready

    void leave() override
    {
        if (m_result)
            m_result->detach();
    }

    // A coroutine of its own, because a foreign awaiter must not be destroyed while its source may still fire.
    static QCoro::Task<> runForeign(std::shared_ptr<ForeignResult<Result>> result, Awaitable awaitable)
    {
        try {
            if constexpr (std::is_void_v<Result>) {
                co_await std::move(awaitable);
                result->happen([] {});
            } else {
                std::optional<Result> value(co_await std::move(awaitable));
                result->happen([&] { result->value = std::move(value); });
            }
        } catch (...) {
            const auto error = std::current_exception();
            if (!result->happen([&] { result->error = error; }))
                reportAbandoned(error);
        }
    }

    Awaitable m_awaitable;
    std::shared_ptr<ForeignResult<Result>> m_result;
    bool m_hasYielded = false;
};

template<typename Awaitable>
class ForeignAwaitable
{
public:
    template<typename A>
    ForeignAwaitable(ScopeRef scope, A &&awaitable)
        : m_scope(std::move(scope))
        , m_awaitable(std::forward<A>(awaitable))
    {
        static_assert(std::is_constructible_v<Awaitable, A>,
                      "abandonOnCancel() takes over what it awaits: pass it with std::move()");
    }

    /// To be awaited once.
    ForeignWait<Awaitable> operator co_await()
    {
        return ForeignWait<Awaitable>(m_scope, std::move(m_awaitable));
    }

private:
    ScopeRef m_scope;
    Awaitable m_awaitable;
};

} // namespace MicroIO::Detail
