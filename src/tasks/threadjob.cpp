// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/tasks/threadjob.h>

#include "loop/blocking_p.h"
#include "loop/logging_p.h"
#include "loop/presence_p.h"
#include <MicroIO/Errors>
#include <MicroIO/loop/wakes.h>

#include <QRunnable>
#include <QThreadPool>

#include <atomic>
#include <chrono>
#include <utility>

namespace MicroIO::Detail {

using namespace std::chrono_literals;

/// What the pool owns. If the pool drops it without having run it, nobody is left waiting.
class ThreadJob::Runner final : public QRunnable
{
public:
    explicit Runner(std::shared_ptr<ThreadJob> job)
        : m_job(std::move(job))
    {
        m_isHandedOver.store(true, std::memory_order_release);
    }
    ~Runner() override
    {
        if (const auto job = take()) {
            job->finish(std::make_exception_ptr(
                BrokenResourceError(QStringLiteral("the thread pool dropped the work before it began"))));
        }
    }
    Q_DISABLE_COPY_MOVE(Runner)

    void run() override { take()->perform(); }

    std::shared_ptr<ThreadJob> take()
    {
        static_cast<void>(m_isHandedOver.load(std::memory_order_acquire));
        return std::exchange(m_job, nullptr);
    }

private:
    std::shared_ptr<ThreadJob> m_job;
    std::atomic<bool> m_isHandedOver{false}; // orders what ThreadSanitizer cannot see ordered inside the pool
};

ThreadJob::ThreadJob(CancelScope scope)
    : m_scope(std::move(scope))
{
}

ThreadJob::~ThreadJob() = default;

void ThreadJob::startIn(QThreadPool *pool, std::shared_ptr<ThreadJob> self)
{
    const std::weak_ptr weak(self);
    auto runner = std::make_unique<Runner>(std::move(self));
    {
        const std::lock_guard lock(m_mutex); // what perform() sees
        m_pool = pool ? pool : QThreadPool::globalInstance();
        m_runner = runner.get();
        m_presence = std::make_unique<Presence>(
            QStringLiteral("runInThread() of %1").arg(m_scope.state()->taskName()));
    }
    m_pool->start(runner.release());
    m_scope.state()->addListener([weak] {
        if (const auto job = weak.lock())
            job->cancelInQueue();
    });
}

/// Still waiting for a thread of the pool: it need not wait to do nothing.
void ThreadJob::cancelInQueue()
{
    {
        // Held meanwhile, so that it does not begin: then the pool may be gone, and another's runner have its address.
        const std::lock_guard lock(m_mutex);
        if (m_hasBegun || !m_pool->tryTake(m_runner))
            return;
        m_hasBegun = true;
    }
    m_runner->take();
    delete m_runner;
    finish(std::make_exception_ptr(Cancelled(m_scope.reason())));
}

void ThreadJob::perform()
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
    Wakes wakes;
    const std::lock_guard lock(m_mutex);
    m_hasBegun = true;
    m_error = std::move(error);
    m_hasEnded = true;
    if (m_wait)
        m_wait->completeReady(&wakes);
    m_presence.reset(); // after what waits for it has been told
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
    const auto hasEnded = [this] { return m_hasEnded; };
    while (!blockUntil(m_mutex, m_ended, hasEnded, QDeadlineTimer(5s),
                       QStringLiteral("the end of runInThread() of %1"), taskName, LimitBy::RealTime)) {
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

bool JobWait::forsake()
{
    m_job->stopAndWait(scope().taskName());
    return true; // its outcome stands
}

} // namespace MicroIO::Detail
