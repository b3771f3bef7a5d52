// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/CancelScope>

#include <QtGlobal>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>

class QThreadPool;

namespace MicroIO::Detail {

class Presence;

/// Work for a pool thread, and the coroutine that waits for it.
class MICROIO_EXPORT ThreadJob
{
public:
    explicit ThreadJob(CancelScope scope);
    virtual ~ThreadJob();
    Q_DISABLE_COPY_MOVE(ThreadJob)

    /// \a self keeps the job alive until it has run.
    void startIn(QThreadPool *pool, std::shared_ptr<ThreadJob> self);

    /// True if it has ended already.
    bool attach(Suspension *wait);
    void detach();
    /// Tells the work to stop, and blocks until it has.
    void stopAndWait(const QString &taskName);

protected:
    void throwError();
    const CancelScope &scope() const { return m_scope; }

private:
    class Runner;

    void perform();
    /// Calls the function, stores its result and destroys it.
    virtual void work() = 0;
    virtual void drop() = 0;

    void cancelInQueue();
    void finish(std::exception_ptr error);

    const CancelScope m_scope;
    QThreadPool *m_pool = nullptr;
    std::mutex m_mutex;
    std::condition_variable m_ended;
    std::unique_ptr<Presence> m_presence; // guarded by m_mutex; from the start to the end
    Runner *m_runner = nullptr; // guarded by m_mutex; the pool's, and gone once m_hasBegun
    Suspension *m_wait = nullptr; // guarded by m_mutex
    bool m_hasBegun = false; // guarded by m_mutex
    bool m_hasEnded = false; // guarded by m_mutex
    std::exception_ptr m_error; // set before m_hasEnded
};

template<typename Fn>
class ThreadJobOf final : public ThreadJob
{
    static constexpr bool takesScope = std::is_invocable_v<Fn &, CancelScope>;
    static_assert(takesScope || std::is_invocable_v<Fn &>,
                  "runInThread() calls fn(CancelScope) or fn(); it takes neither");

    static auto call(Fn &fn, const CancelScope &scope)
    {
        if constexpr (takesScope)
            return std::invoke(fn, scope);
        else
            return std::invoke(fn);
    }

public:
    using Value = decltype(call(std::declval<Fn &>(), std::declval<const CancelScope &>()));

    template<typename F>
    ThreadJobOf(CancelScope scope, F &&fn)
        : ThreadJob(std::move(scope))
        , m_fn(std::forward<F>(fn))
    {
    }

    Value take()
    {
        throwError();
        if constexpr (!std::is_void_v<Value>)
            return std::move(*m_value);
    }

private:
    void work() override
    {
        if constexpr (std::is_void_v<Value>)
            call(*m_fn, scope());
        else
            m_value.emplace(call(*m_fn, scope()));
    }

    void drop() override { m_fn.reset(); }

    std::optional<Fn> m_fn;
    std::conditional_t<std::is_void_v<Value>, std::monostate,
                       std::optional<std::conditional_t<std::is_void_v<Value>, int, Value>>>
        m_value;
};

/// Outlasts a cancellation: the work hears of it and is waited for.
class MICROIO_EXPORT JobWait final : public ScopedWait
{
public:
    JobWait(ScopeRef scope, ThreadJob *job);
    ~JobWait() override;

    void await_resume() const { checkOutcome(); }
    const char *waitsFor() const override { return "work on a pool thread"; }

private:
    bool enter() override;
    void leave() override;
    bool forsake() override;

    ThreadJob *const m_job;
};

} // namespace MicroIO::Detail
