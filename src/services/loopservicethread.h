// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/ServiceThread>
#include <MicroIO/TaskGroup>
#include <MicroIO/services/servicecall.h>
#include <MicroIO/services/sooncall.h>
#include <MicroIO/services/submission.h>
#include <MicroIO/services/synccall.h>

#include <QCoroTask>
#include <QFuture>

#include <functional>
#include <memory>
#include <type_traits>

namespace MicroIO {

namespace Detail {
class LoopServicePrivate;
}

/// A service thread that owns an event loop, a task group and the coroutine runAsync(). After microio's
/// LoopServiceThread.
///
/// stop() cancels the task group, and the loop ends after its last child has. Work comes in by callSoon(), callSync(),
/// call() and submit(): they throw ServiceError (the future of submit() holds it), with the cause nested, before the
/// service runs and after it has ended.
class MICROIO_EXPORT LoopServiceThread : public ServiceThread
{
    Q_OBJECT

public:
    using Progress = SubmissionProgress;

    explicit LoopServiceThread(const QString &name, QObject *parent = nullptr);
    ~LoopServiceThread() override;

    /// The service's own coroutine, on its thread. When it ends, so does the service: its task group is cancelled,
    /// and the loop ends after the last child. An error of it or of a child is the service's failure. By default:
    /// reportStarted(), then until the service is stopped.
    virtual QCoro::Task<> runAsync(CancelScope scope);

    /// The group of the service's children; stop() cancels it. Throws ServiceError while the service does not run.
    /// Any thread.
    TaskGroupHandle taskGroup() const;

    /// An object that lives in the service's thread while that runs: the parent or the context of what else is to live
    /// and die there, after the last coroutine. Null on every other thread.
    QObject *context() const;

    /// Calls \a fn soon on the service's thread, from its event loop, in the order of the calls of each thread; never
    /// blocks. What it throws is logged and told by callbackFailed(). If the service ends before, \a fn is destroyed
    /// uncalled. Any thread.
    template<typename Fn>
    void callSoon(Fn &&fn)
    {
        Detail::refuseEmptyCallable<std::decay_t<Fn>>(fn, "callSoon() with an empty callable");
        postCall(std::make_unique<Detail::SoonCallOf<std::decay_t<Fn>>>(core(), std::forward<Fn>(fn)));
    }

    /// Calls \a fn on the service's thread, from its event loop, blocks until it has run, and gives its result or its
    /// exception; on the service's own thread it calls it at once. Throws ServiceError also if the service ends before
    /// \a fn began; DeadlockError from the thread of a service that this one, directly or through others, is blocked
    /// in a callSync() to; TimeoutError when \a deadline passes: \a fn then never runs if it had not begun, and else
    /// goes on with what it captured (with a limit, capture by value). The caller sleeps after some 20 us without an
    /// answer; to fall asleep and to be woken takes longer than most calls. Any thread.
    template<typename Fn>
    std::invoke_result_t<std::decay_t<Fn> &> callSync(Fn &&fn,
                                                      QDeadlineTimer deadline = QDeadlineTimer::Forever)
    {
        Detail::refuseEmptyCallable<std::decay_t<Fn>>(fn, "callSync() with an empty callable");
        if (QThread::currentThread() == this)
            return std::invoke(fn);
        auto call = std::make_shared<Detail::SyncCallOf<std::decay_t<Fn>>>(std::forward<Fn>(fn));
        postCall(call);
        call->wait(name(), closeScope(), deadline);
        return call->take();
    }

    /// co_await: runs \a fn, called as fn(CancelScope) or fn(), which returns a QCoro::Task<T>, in the service as one of
    /// its children, and resumes with its value or its exception on the caller's own thread. \a caller's cancellation
    /// is passed on to \a fn's scope, and its end is waited for: what it refers to may live in the caller's frame. Its
    /// outcome stands also then; Cancelled is thrown if it ended by that, TaskCancelledError if nobody cancelled it.
    /// A call that is cut off by the end of the service throws ServiceError. With \a caller cancelled already, \a fn
    /// is never called. When the task group of the caller is destroyed, or its event loop ends, the thread blocks
    /// until \a fn has ended. \a fn is destroyed on the service's thread. Any thread that has an event loop.
    template<typename Fn>
    auto call(CancelScope caller, Fn &&fn)
    {
        MICROIO_CHECK_TEMPORARY(Fn);
        Detail::refuseEmptyCallable<std::decay_t<Fn>>(fn, "call() with an empty callable");
        auto remote = std::make_shared<Detail::ServiceCallOf<std::decay_t<Fn>>>(name(), closeScope(),
                                                                                std::forward<Fn>(fn));
        const auto start = [this](const std::shared_ptr<Detail::RemoteCall> &unbegun) { startCall(unbegun); };
        return Detail::awaitServiceCall(std::move(caller), std::move(remote), start);
    }

    /// The same for callers that are no coroutines: \a fn, called as fn(CancelScope, Progress), fn(CancelScope) or
    /// fn(), gives its outcome through the future. Cancelling the future cancels the scope that \a fn got; a coroutine
    /// that nobody cancelled but that ends by Cancelled cancels its future. The future always finishes: if the
    /// service does not run, or cuts the coroutine off, with ServiceError. Dropping it changes nothing. Continuations
    /// and watchers are Qt's: then() without a context runs on the service's thread. Never throws for the service's
    /// sake. Any thread. (With g++ 12, in a coroutine: give a callable with captures a name first.)
    template<typename Fn>
    auto submit(Fn &&fn)
    {
        Detail::refuseEmptyCallable<std::decay_t<Fn>>(fn, "submit() with an empty callable");
        const auto submission = std::make_shared<Detail::SubmissionOf<std::decay_t<Fn>>>(
            name(), closeScope(), std::forward<Fn>(fn));
        submitCall(submission);
        return submission->future();
    }

protected:
    void runService() final;

private:
    QCoro::Task<> drive();
    [[noreturn]] void throwNotRunning(const char *function) const;
    void postCall(const std::shared_ptr<Detail::SyncCall> &call);
    void postCall(std::unique_ptr<Detail::SoonCall> call);
    void startCall(const std::shared_ptr<Detail::RemoteCall> &call);
    void submitCall(const std::shared_ptr<Detail::RemoteCall> &call);

    const std::unique_ptr<Detail::LoopServicePrivate> d;
};

} // namespace MicroIO
