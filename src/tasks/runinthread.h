// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/CancelScope>
#include <MicroIO/scopes/temporarycheck.h>
#include <MicroIO/tasks/taskcall.h>
#include <MicroIO/tasks/threadjob.h>

#include <QCoroTask>

class QThreadPool;

namespace MicroIO {

namespace Detail {

template<typename T, typename Job>
QCoro::Task<T> awaitJob(CancelScope scope, std::shared_ptr<Job> job, QThreadPool *pool)
{
    ScopedWait::requireLoop();
    if (scope.isCancelled() || ScopedWait::isLoopEnding())
        co_await scope.checkpoint(); // throws, as every wait does now
    job->startIn(pool, job);
    co_await WaitOf<JobWait, ThreadJob *>(scope.state(), job.get());
    co_return job->take();
}

} // namespace Detail

/// Runs blocking work on a thread of \a pool (the global one by default) and gives its result.
///
/// \a fn is called as fn(CancelScope) or fn() on the pool's thread; it looks at the scope now and then to learn
/// that it is to stop, and its outcome stands also then. \a fn is always waited for; it is destroyed where it
/// ends: on the pool's thread, or, if it never began, on that of who cancelled it. If \a scope is cancelled before it began, Cancelled is thrown and \a fn never called. Throws
/// what \a fn throws. When the task group that the coroutine belongs to is destroyed, or the event loop ends,
/// the thread blocks until \a fn has returned; it is named in the log while that takes long.
template<typename Fn>
auto runInThread(CancelScope scope, Fn &&fn, QThreadPool *pool = nullptr)
{
    MICROIO_CHECK_TEMPORARY(Fn);
    Detail::refuseEmptyCallable<std::decay_t<Fn>>(fn, "runInThread() with an empty callable");
    using Job = Detail::ThreadJobOf<std::decay_t<Fn>>;
    auto job = std::make_shared<Job>(scope.child(), std::forward<Fn>(fn));
    return Detail::awaitJob<typename Job::Value>(std::move(scope), std::move(job), pool);
}

} // namespace MicroIO
