// SPDX-License-Identifier: Apache-2.0
#include "loop/blocking_p.h"

#include "loop/clock_p.h"

#include <QThread>

#include <algorithm>
#include <vector>

namespace MicroIO::Detail {

namespace {

using namespace std::chrono_literals;

struct BlockedThreads
{
    std::mutex mutex; // never taken with the mutex of a blocking wait held
    std::vector<BlockedThread *> blocked; // guarded by mutex
};

BlockedThreads &blockedThreads()
{
    static auto *instance = new BlockedThreads; // never destroyed: threads may outlive main()
    return *instance;
}

} // namespace

bool blockUntil(std::mutex &mutex, std::condition_variable &changed, const std::function<bool()> &isDecided,
                QDeadlineTimer limit, const QString &what, const QString &name, LimitBy by)
{
    {
        const std::lock_guard lock(mutex);
        if (isDecided())
            return true;
    }
    return BlockedThread(mutex, changed, isDecided, limit, what, name, by).block();
}

BlockedThread::BlockedThread(std::mutex &mutex, std::condition_variable &changed,
                             const std::function<bool()> &isDecided, QDeadlineTimer limit,
                             const QString &what, const QString &name, LimitBy by)
    : m_thread(QThread::currentThread())
    , m_what(what)
    , m_name(name)
    , m_mutex(mutex)
    , m_changed(changed)
    , m_isDecided(isDecided)
    , m_limit(limit)
    , m_by(by)
{
    {
        auto &r = blockedThreads();
        const std::lock_guard lock(r.mutex);
        r.blocked.push_back(this);
    }
    ClockSource::tellActivity();
}

BlockedThread::~BlockedThread()
{
    {
        auto &r = blockedThreads();
        const std::lock_guard lock(r.mutex);
        r.blocked.erase(std::find(r.blocked.begin(), r.blocked.end(), this));
    }
    ClockSource::tellActivity();
}

bool BlockedThread::block()
{
    std::unique_lock lock(m_mutex);
    const auto goesOn = [this] { return m_isDecided() || m_looksAgain; };
    while (!m_isDecided()) {
        m_looksAgain = false;
        if (m_isBrokenOff)
            return false;
        auto *source = ClockSource::installed();
        const bool isReal = !source || source->isReal() || m_by == LimitBy::RealTime;
        if (!isReal && !m_hasDue && !m_limit.isForever()) {
            m_due = deadlineAfter(m_limit.remainingTimeAsDuration());
            m_hasDue = true;
        }
        if (isReal ? m_limit.hasExpired() : source->now() >= m_due)
            return false;
        if (source && source->isDrivenHere()) {
            lock.unlock();
            const bool hasMoved = source->drive();
            lock.lock();
            if (!hasMoved)
                m_changed.wait_for(lock, 1ms, goesOn);
        } else if (!isReal || m_limit.isForever()) {
            m_changed.wait(lock, goesOn);
        } else {
            m_changed.wait_until(lock, m_limit.deadline<std::chrono::steady_clock>(), goesOn);
        }
    }
    return true;
}

void BlockedThread::forEach(const std::function<void(BlockedThread &)> &visit)
{
    auto &r = blockedThreads();
    const std::lock_guard lock(r.mutex);
    for (auto *blocked : r.blocked)
        visit(*blocked);
}

void BlockedThread::wakeAll()
{
    forEach([](BlockedThread &blocked) { blocked.look(); });
}

Deadline BlockedThread::due() const
{
    const std::lock_guard lock(m_mutex);
    return m_due;
}

bool BlockedThread::isBlocked() const
{
    const std::lock_guard lock(m_mutex);
    // One that has yet to see the clock tells its limit only then.
    return !m_isDecided() && !m_looksAgain && !m_isBrokenOff;
}

void BlockedThread::look()
{
    const std::lock_guard lock(m_mutex);
    m_looksAgain = true;
    m_changed.notify_all();
}

void BlockedThread::breakOff()
{
    const std::lock_guard lock(m_mutex);
    if (!m_limit.isForever())
        return;
    m_isBrokenOff = true;
    m_looksAgain = true;
    m_changed.notify_all();
}

} // namespace MicroIO::Detail
