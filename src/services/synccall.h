// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/CloseScope>
#include <MicroIO/loop/readyitem.h>

#include <QDeadlineTimer>
#include <QString>

#include <atomic>
#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <variant>

class QThread;

namespace MicroIO::Detail {

/// A function on its way to a service's thread, and the thread that blocks until it has run.
class MICROIO_EXPORT SyncCall : public ReadyItem
{
public:
    SyncCall();
    ~SyncCall() override;

    /// The queue that the call stands in keeps it alive.
    void setSelf(std::shared_ptr<SyncCall> self) { m_self = std::move(self); }

    /// The calling thread, if it belongs to a service, is about to block until \a service's thread has run this. Throws
    /// DeadlockError if that one would wait for the caller.
    void enter(const QString &service, const QThread *callee);
    /// What enter() noted is over.
    void leave();

    /// Blocks until it has run. Throws ServiceError if the service ended before, with the cause of \a life nested,
    /// TimeoutError.
    void wait(const QString &service, const CloseScope &life, QDeadlineTimer deadline);

    void run() final;
    void discard() final;

protected:
    void throwError();

private:
    virtual void call() = 0;
    virtual void drop() = 0;

    enum Stage { Queued, Begun, Done, Discarded, Forgotten };

    bool isDecided() const;
    bool waitAwake() const;
    void decide(Stage stage);

    std::mutex m_mutex;
    std::condition_variable m_decided;
    std::atomic<Stage> m_stage{Queued}; // decided with m_mutex held
    std::exception_ptr m_error; // of the callee until m_stage is Done, then of a caller that still waits
    std::shared_ptr<SyncCall> m_self; // the queue's
    const QThread *m_blockedCaller = nullptr; // only if it is a service's
};

template<typename Fn>
class SyncCallOf final : public SyncCall
{
    static_assert(std::is_nothrow_destructible_v<Fn>, "the destructor of a callable must not throw");

public:
    using Result = std::invoke_result_t<Fn &>;

    template<typename F>
    explicit SyncCallOf(F &&fn)
        : m_fn(std::forward<F>(fn))
    {
    }

    Result take()
    {
        throwError();
        if constexpr (std::is_reference_v<Result>)
            return static_cast<Result>(**m_result);
        else if constexpr (!std::is_void_v<Result>)
            return std::move(*m_result);
    }

private:
    void call() override
    {
        if constexpr (std::is_void_v<Result>)
            std::invoke(*m_fn);
        else if constexpr (std::is_reference_v<Result>)
            m_result = std::addressof(std::invoke(*m_fn));
        else
            m_result.emplace(std::invoke(*m_fn));
    }

    void drop() override { m_fn.reset(); }

    using Stored = std::conditional_t<
        std::is_void_v<Result>, std::monostate,
        std::conditional_t<std::is_reference_v<Result>, std::remove_reference_t<Result> *, Result>>;

    std::optional<Fn> m_fn;
    std::optional<Stored> m_result;
};

} // namespace MicroIO::Detail
