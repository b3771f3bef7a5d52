// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/tasks/threadjob.h>

#include "loop/logging_p.h"

#include <QThreadPool>

#include <chrono>

namespace MicroIO::Detail {

using namespace std::chrono_literals;

ThreadJob::ThreadJob(CancelScope scope)
    : m_scope(std::move(scope))
{
    setAutoDelete(false);
}

ThreadJob::~ThreadJob() = default;

void ThreadJob::startIn(QThreadPool *pool, std::shared_ptr<ThreadJob> self)
{
    const std::weak_ptr weak(self);
    {
        const std::lock_guard lock(m_mutex); // what run() sees
        m_pool = pool ? pool : QThreadPool::globalInstance();
        m_self = std::move(self);
    }
    m_pool->start(this);
    m_scope.state()->addListener([weak] {
        if (const auto job = weak.lock())
            job->cancelInQueue();
    });
}

/// Still waiting for a thread of the pool: it need not wait to do nothing.
void ThreadJob::cancelInQueue()
{
    {
        const std::lock_guard lock(m_mutex);
        // Once it has begun, the pool may be gone.
        if (m_hasBegun)
            return;
    }
    if (m_pool->tryTake(this))
        finish(std::make_exception_ptr(Cancelled(m_scope.reason())));
}

void ThreadJob::run()
{
    {
        const std::lock_guard lock(m_mutex);
        m_hasBegun = true;
    }
    std::exception_ptr error;
    try {
        m_scope.throwIfCancelled();
        work();
    } catch (...) {
        error = std::current_exception();
    }
    finish(std::move(error));
}

void ThreadJob::finish(std::exception_ptr error)
{
    drop();
    std::shared_ptr<ThreadJob> self; // outlives the lock
    const std::lock_guard lock(m_mutex);
    self = std::move(m_self);
    m_hasBegun = true;
    m_error = std::move(error);
    m_hasEnded = true;
    if (m_wait)
        m_wait->completeReady();
    m_ended.notify_all();
}

bool ThreadJob::attach(Suspension *wait)
{
    const std::lock_guard lock(m_mutex);
    if (m_hasEnded)
        return true;
    m_wait = wait;
    return false;
}

void ThreadJob::detach()
{
    const std::lock_guard lock(m_mutex);
    m_wait = nullptr;
}

void ThreadJob::stopAndWait(const QString &taskName)
{
    m_scope.cancel(QStringLiteral("the coroutine that waits for it is being destroyed"));
    std::unique_lock lock(m_mutex);
    while (!m_ended.wait_for(lock, 5s, [this] { return m_hasEnded; })) {
        qCCritical(logTask).noquote()
            << QStringLiteral(
                   "%1 is being destroyed and waits for its work in runInThread(), which does not look at its scope.")
                   .arg(taskName);
    }
}

void ThreadJob::throwError()
{
    if (m_error)
        std::rethrow_exception(std::exchange(m_error, nullptr));
}

JobWait::JobWait(ScopeRef scope, ThreadJob *job)
    : ScopedWait(std::move(scope), Mode::Outlasting)
    , m_job(job)
{
}

JobWait::~JobWait() = default;

bool JobWait::enter()
{
    return m_job->attach(this);
}

void JobWait::leave()
{
    m_job->detach();
}

void JobWait::forsake()
{
    m_job->stopAndWait(scope().taskName());
}

} // namespace MicroIO::Detail
