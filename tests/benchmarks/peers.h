// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a user would write with Qt and QCoro alone.

#include <QCoroFuture>
#include <QCoroTask>
#include <QCoroTimer>

#include <QEventLoop>
#include <QMetaObject>
#include <QObject>
#include <QPromise>

#include <chrono>
#include <coroutine>
#include <vector>

namespace Peers {

/// Lets the event loop have a turn, through a queued call.
class Yield
{
public:
    explicit Yield(QObject *context)
        : m_context(context)
    {
    }
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> coroutine)
    {
        QMetaObject::invokeMethod(
            m_context, [coroutine] { coroutine.resume(); }, Qt::QueuedConnection);
    }
    void await_resume() const noexcept {}

private:
    QObject *m_context;
};

/// Ends the loop when all have ended.
struct Countdown
{
    int left = 0;
    QEventLoop loop;

    void oneEnded()
    {
        if (--left == 0)
            loop.quit();
    }
};

inline QCoro::Task<> yieldOnce(QObject *context)
{
    co_await Yield(context);
}

/// Starts \a count tasks and ends when all of them have.
inline QCoro::Task<> spawnAndJoin(QObject *context, int count)
{
    std::vector<QCoro::Task<>> tasks;
    tasks.reserve(size_t(count));
    for (int i = 0; i < count; ++i)
        tasks.push_back(yieldOnce(context));
    for (auto &task : tasks)
        co_await task;
}

inline QCoro::Task<> awaitFuture(QFuture<void> future, Countdown &countdown)
{
    co_await future;
    countdown.oneEnded();
}

inline QCoro::Task<> sleep(std::chrono::milliseconds duration, Countdown &countdown)
{
    co_await QCoro::sleepFor(duration);
    countdown.oneEnded();
}

} // namespace Peers
