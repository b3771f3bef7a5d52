// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "../shared/errorchain.h"

#include <MicroIO/CancelScope>
#include <MicroIO/Channel>

#include <QString>
#include <QThread>

#include <algorithm>
#include <mutex>
#include <vector>

namespace Tests {

using MicroIO::CancelScope;
using MicroIO::ReceiveChannel;

/// What a receiving coroutine has got, for looks at it from another thread.
class Collected
{
public:
    void add(int item)
    {
        const std::lock_guard lock(m_mutex);
        m_items.push_back(item);
        m_threads.push_back(QThread::currentThread());
    }
    void end(const QString &how)
    {
        const std::lock_guard lock(m_mutex);
        m_end = how;
        m_threads.push_back(QThread::currentThread());
    }
    std::vector<int> items() const
    {
        const std::lock_guard lock(m_mutex);
        return m_items;
    }
    /// Empty as long as it goes on.
    QString ending() const
    {
        const std::lock_guard lock(m_mutex);
        return m_end;
    }
    bool isAllOn(QThread *thread) const
    {
        const std::lock_guard lock(m_mutex);
        return std::all_of(m_threads.begin(), m_threads.end(), [thread](QThread *t) { return t == thread; });
    }

private:
    mutable std::mutex m_mutex;
    std::vector<int> m_items; // guarded by m_mutex, as all that follows
    std::vector<QThread *> m_threads;
    QString m_end;
};

/// Receives until that throws.
inline QCoro::Task<> collect(ReceiveChannel<int> &receive, CancelScope scope, Collected &into)
{
    QString end;
    try {
        for (;;) {
            const int item = co_await receive.receive(scope);
            into.add(item);
        }
    } catch (...) {
        end = chainOf(std::current_exception());
    }
    into.end(end);
}

} // namespace Tests
