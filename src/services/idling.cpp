// SPDX-License-Identifier: Apache-2.0
#include "services/idling_p.h"

#include "services/loopservicethread_p.h"
#include <MicroIO/ServiceThread>

#include <utility>

namespace MicroIO::Detail {

Idling::Idling(ScopeRef scope, ServiceThread *thread, LoopServicePrivate *service)
    : m_wait(std::move(scope))
    , m_thread(thread)
    , m_service(service)
{
}

bool Idling::await_ready()
{
    const bool isOver = m_wait.await_ready();
    if (isOver)
        m_thread->reportStarted();
    return isOver;
}

void Idling::await_suspend(std::coroutine_handle<QCoro::Task<>::promise_type> coroutine)
{
    m_coroutine = coroutine;
    m_service->idling = this;
    m_wait.await_suspend(coroutine);
    // Only now: who stops the service as soon as it is ready ends this wait, instead of finding that it has yet to begin.
    m_thread->reportStarted();
}

void Idling::await_resume()
{
    if (m_service->idling == this)
        m_service->idling = nullptr;
    if (!m_isQuiet || !m_service->scope.isCancelled())
        m_wait.await_resume();
}

EndOfRun::EndOfRun(const QCoro::Task<> &task, const LoopServicePrivate &service)
    : m_task(task)
    , m_service(service)
{
}

void EndOfRun::await_suspend(std::coroutine_handle<> awaiter) const
{
    Idling *const idling = m_service.idling;
    const bool wasAwaited = !idling || idling->isAwaited();
    m_task.operator co_await().await_suspend(awaiter);
    // Else it is an override that awaits it, or may do so later.
    if (!wasAwaited && idling->isAwaited())
        idling->setQuiet();
}

} // namespace MicroIO::Detail
