// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/Clock>

#include <QDeadlineTimer>
#include <QString>

#include <condition_variable>
#include <functional>
#include <mutex>

class QThread;

namespace MicroIO::Detail {

/// What the limit of a blocking wait is counted in.
enum class LimitBy {
    Clock, // the scheduler's clock, also when a test has replaced it
    RealTime, // for messages to people who wait
};

/// Blocks the thread until \a isDecided is true, which is called with \a mutex held and told of by \a changed; false if
/// \a limit passed before. Every blocking wait of the library goes through it, so that a test's clock sees who is blocked
/// in \a what, with \a name in the place of its %1, and gives limits in its own time.
MICROIO_EXPORT bool blockUntil(std::mutex &mutex, std::condition_variable &changed,
                               const std::function<bool()> &isDecided, QDeadlineTimer limit,
                               const QString &what, const QString &name = {}, LimitBy by = LimitBy::Clock);

/// A thread that is blocked in blockUntil(), as a test's clock sees it.
class MICROIO_EXPORT BlockedThread
{
public:
    BlockedThread(std::mutex &mutex, std::condition_variable &changed, const std::function<bool()> &isDecided,
                  QDeadlineTimer limit, const QString &what, const QString &name, LimitBy by);
    ~BlockedThread();
    Q_DISABLE_COPY_MOVE(BlockedThread)

    bool block();

    /// Calls \a visit for each, none of them being able to leave meanwhile. Any thread, with no lock held.
    static void forEach(const std::function<void(BlockedThread &)> &visit);
    /// Makes all look at the clock again.
    static void wakeAll();

    QThread *thread() const { return m_thread; }
    QString what() const { return m_what.contains(QLatin1String("%1")) ? m_what.arg(m_name) : m_what; }
    /// When its limit passes, by the scheduler's clock; Deadline::max() for one without.
    Deadline due() const;
    /// True if nothing but its limit can let the thread go on so far.
    bool isBlocked() const;
    /// For a wait without a limit that nothing will end any more: its limit has passed now.
    void breakOff();

private:
    void look();

    QThread *const m_thread;
    const QString m_what; // not put together before somebody asks: most waits are short
    const QString m_name;
    std::mutex &m_mutex;
    std::condition_variable &m_changed;
    const std::function<bool()> &m_isDecided;
    const QDeadlineTimer m_limit;
    const LimitBy m_by;
    Deadline m_due = Deadline::max(); // guarded by m_mutex; of a replaced clock
    bool m_hasDue = false; // guarded by m_mutex
    bool m_looksAgain = false; // guarded by m_mutex
    bool m_isBrokenOff = false; // guarded by m_mutex
};

} // namespace MicroIO::Detail
