// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/services/remotecall.h>

#include <QFuture>
#include <QPromise>
#include <QString>

#include <atomic>
#include <memory>
#include <optional>

namespace MicroIO {

namespace Detail {

/// A coroutine whose outcome a future tells.
class MICROIO_EXPORT Submission : public RemoteCall, public std::enable_shared_from_this<Submission>
{
public:
    using RemoteCall::RemoteCall;
    ~Submission() override;

    virtual void setProgressRange(int minimum, int maximum) = 0;
    virtual void setProgress(int value, const QString &text) = 0;

protected:
    /// Once it is finished the future takes no more.
    bool isFinished() const { return m_isFinished.load(std::memory_order_acquire); }

private:
    QCoro::Task<> begin(CancelScope scope) final;
    void ended(End end, const std::exception_ptr &error) final;

    virtual QCoro::Task<> beginBody(CancelScope scope) = 0;
    virtual QFuture<void> watchedFuture() const = 0;
    virtual void setError(const std::exception_ptr &error) = 0;
    virtual void finishFuture() = 0;

    std::atomic<bool> m_isFinished{false};
};

} // namespace Detail

/// What a coroutine given to LoopServiceThread::submit() tells its progress by: who watches the future with a
/// QFutureWatcher, as a QProgressBar does, hears of it as of any other future's. A copyable, thread-safe value; without
/// effect once the future is finished.
class MICROIO_EXPORT SubmissionProgress
{
public:
    /// See QPromise::setProgressRange().
    void setRange(int minimum, int maximum) const { d->setProgressRange(minimum, maximum); }
    /// See QPromise::setProgressValue(): it only counts up.
    void setValue(int value) const { d->setProgress(value, QString()); }
    void setValueAndText(int value, const QString &text) const { d->setProgress(value, text); }

    /// For the library.
    explicit SubmissionProgress(std::shared_ptr<Detail::Submission> submission)
        : d(std::move(submission))
    {
    }

private:
    std::shared_ptr<Detail::Submission> d;
};

namespace Detail {

template<typename Fn>
class SubmissionOf final : public Submission
{
    static_assert(std::is_nothrow_destructible_v<Fn>, "the destructor of a callable must not throw");

public:
    using Value = RemoteValue<Fn, SubmissionProgress>;

    template<typename F>
    SubmissionOf(const QString &service, const CloseScope &life, F &&fn)
        : Submission(service, life)
        , m_fn(std::forward<F>(fn))
    {
        m_promise.start();
    }

    QFuture<Value> future() const { return m_promise.future(); }

    void setProgressRange(int minimum, int maximum) override
    {
        if (!isFinished())
            m_promise.setProgressRange(minimum, maximum);
    }
    void setProgress(int value, const QString &text) override
    {
        if (!isFinished())
            m_promise.setProgressValueAndText(value, text);
    }

private:
    QCoro::Task<> beginBody(CancelScope scope) override
    {
        auto task = callRemote(*m_fn, scope, SubmissionProgress(shared_from_this()));
        if constexpr (std::is_void_v<Value>)
            co_await task;
        else
            m_promise.addResult(co_await task);
    }

    QFuture<void> watchedFuture() const override { return QFuture<void>(m_promise.future()); }
    void setError(const std::exception_ptr &error) override { m_promise.setException(error); }
    void finishFuture() override { m_promise.finish(); }
    void drop() override { m_fn.reset(); }

    std::optional<Fn> m_fn;
    QPromise<Value> m_promise;
};

} // namespace Detail
} // namespace MicroIO
