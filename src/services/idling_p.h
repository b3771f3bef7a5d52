// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/CancelScope>

#include <QCoroTask>

#include <coroutine>

namespace MicroIO {
class ServiceThread;
}

namespace MicroIO::Detail {

class LoopServicePrivate;

/// What the default runAsync() does on its service's thread: reports that the service is ready, and waits until its scope
/// is cancelled.
///
/// It throws Cancelled as every wait does, except into a coroutine that the service itself awaits, and nobody else, when
/// the service was stopped: that throw would only tell the service what it knows, for a tenth of the time that a start and
/// a stop take.
class Idling
{
public:
    Idling(ScopeRef scope, ServiceThread *thread, LoopServicePrivate *service);

    bool await_ready();
    void await_suspend(std::coroutine_handle<QCoro::Task<>::promise_type> coroutine);
    void await_resume();

    bool isAwaited() const { return m_coroutine.promise().hasAwaitingCoroutine(); }
    void setQuiet() { m_isQuiet = true; }

private:
    CancelledWait m_wait;
    ServiceThread *const m_thread;
    LoopServicePrivate *const m_service;
    std::coroutine_handle<QCoro::Task<>::promise_type> m_coroutine;
    bool m_isQuiet = false;
};

/// Until \a task has ended, which is what runAsync() has given; errorOf() then tells how, without the second throw that to
/// await the task itself would be.
class EndOfRun
{
public:
    EndOfRun(const QCoro::Task<> &task, const LoopServicePrivate &service);

    bool await_ready() const { return m_task.isReady(); }
    void await_suspend(std::coroutine_handle<> awaiter) const;
    void await_resume() const {}

private:
    const QCoro::Task<> &m_task;
    const LoopServicePrivate &m_service;
};

} // namespace MicroIO::Detail
