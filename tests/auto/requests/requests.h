// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "../shared/errorchain.h"
#include "../shared/outcome.h"

#include <MicroIO/CancelScope>
#include <MicroIO/RequestRegistry>

#include <QThread>

#include <memory>
#include <mutex>

// What the tests of the requests share.

namespace Tests {

using Registry = MicroIO::RequestRegistry<int, QString>;
using Pending = MicroIO::PendingReply<int, QString>;
using Handle = MicroIO::ReplyHandle<int, QString>;

inline std::exception_ptr error(const char *text)
{
    return std::make_exception_ptr(failure(text));
}

inline QString text(const char *latin1)
{
    return QString::fromLatin1(latin1);
}

inline QCoro::Task<QString> replyOf(Pending &pending, MicroIO::CancelScope scope)
{
    co_return co_await pending.reply(scope);
}

/// How a wait has ended, in a line; "waits" until then.
class Ending
{
public:
    Ending() = default;
    explicit Ending(QCoro::Task<QString> task) { run(std::move(task), m_state); }

    void set(const QString &outcome)
    {
        const std::lock_guard lock(m_state->mutex);
        m_state->text = outcome;
        m_state->thread = QThread::currentThread();
    }
    QString now() const
    {
        const std::lock_guard lock(m_state->mutex);
        return m_state->text;
    }
    /// After the event loop has had time for it.
    QString settled() const
    {
        turn(3);
        return now();
    }
    QThread *thread() const
    {
        const std::lock_guard lock(m_state->mutex);
        return m_state->thread;
    }

private:
    struct State
    {
        mutable std::mutex mutex;
        QString text = QStringLiteral("waits"); // guarded by mutex
        QThread *thread = nullptr; // guarded by mutex
    };

    static QCoro::Task<> run(QCoro::Task<QString> task, std::shared_ptr<State> state)
    {
        Ending ending(state);
        QString text;
        try {
            text = co_await task;
        } catch (...) {
            text = chainOf(std::current_exception());
        }
        ending.set(text);
    }
    explicit Ending(std::shared_ptr<State> state)
        : m_state(std::move(state))
    {
    }

    std::shared_ptr<State> m_state = std::make_shared<State>();
};

/// How a blocking \a function ends, in a line.
template<typename Function>
QString endingOf(Function &&function)
{
    try {
        return function();
    } catch (...) {
        return chainOf(std::current_exception());
    }
}

} // namespace Tests
