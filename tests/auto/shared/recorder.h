// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "outcome.h"

#include <QCoroTask>

#include <QList>
#include <QString>
#include <QThread>

#include <memory>
#include <mutex>
#include <utility>

namespace Tests {

/// How a coroutine has ended, where and how often: for looks at it from another thread and without a loop.
class Recorder
{
public:
    void note(const QString &outcome)
    {
        const std::lock_guard lock(m_mutex);
        m_outcomes += outcome;
        m_thread = QThread::currentThread();
    }

    bool isDone() const
    {
        const std::lock_guard lock(m_mutex);
        return !m_outcomes.isEmpty();
    }
    /// Empty until it has ended; several lines are an error.
    QString outcome() const
    {
        const std::lock_guard lock(m_mutex);
        return m_outcomes.join(QLatin1Char('\n'));
    }
    QThread *thread() const
    {
        const std::lock_guard lock(m_mutex);
        return m_thread;
    }

private:
    mutable std::mutex m_mutex;
    QStringList m_outcomes; // guarded by m_mutex
    QThread *m_thread = nullptr; // guarded by m_mutex
};

using RecorderPtr = std::shared_ptr<Recorder>;

inline QCoro::Task<> recordInto(RecorderPtr recorder, QCoro::Task<> task)
{
    QString outcome;
    try {
        co_await task;
        outcome = QStringLiteral("ended");
    } catch (...) {
        outcome = errorText(std::current_exception());
    }
    recorder->note(outcome);
}

/// Notes how \a task ends: "ended", or its error as text.
inline RecorderPtr record(QCoro::Task<> task)
{
    auto recorder = std::make_shared<Recorder>();
    recordInto(recorder, std::move(task));
    return recorder;
}

} // namespace Tests
