// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/loop/readyitem.h>

#include <QEvent>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

class QThread;

namespace MicroIO::Detail {

class Clearing;
class LoopProbe;
class Scheduler;
class Wakes;

/// The door of a scheduler that other threads use. It outlives the scheduler and refuses what comes then.
class MICROIO_EXPORT Inbox : public std::enable_shared_from_this<Inbox>
{
public:
    explicit Inbox(QThread *thread);
    ~Inbox();
    Q_DISABLE_COPY_MOVE(Inbox)

    /// The inbox of \a thread's loop. If the thread has no scheduler yet, its event loop is asked to make
    /// one, which then works off what has gathered here. Any thread.
    static std::shared_ptr<Inbox> of(QThread *thread);

    /// Makes every scheduler look at its timers. Any thread.
    static void wakeAll();

    /// Makes the loop's scheduler look at its timers. Any thread.
    void nudge();

    /// True if work is queued for a thread that runs and has not got to its loop yet. Any thread.
    static bool isAnyBeginning();

    /// Those of all loops that have not ended, also of ones that have not begun. Any thread.
    static std::vector<std::shared_ptr<Inbox>> all();

    /// Posts \a probe to the loop; false if there is none (any more, or yet). Any thread.
    bool ask(std::unique_ptr<LoopProbe> probe);

    /// The loop has something to do that it does not know of yet. Own thread.
    bool isEmpty() const;

    /// Hands \a item over to be run on the loop's thread; false if that loop has ended. Any thread; called
    /// with the lock of the item's source held, so it must not call back. With \a wakes, the loop is woken when that goes.
    bool post(ReadyItem *item, Wakes *wakes = nullptr);

    /// Calls \a listener once when the loop has ended, on its thread and with no lock held. It may only wake and
    /// post. Gives a number for removeEndListener(). Any thread; a loop that has ended calls nobody any more.
    quint64 addEndListener(std::function<void()> listener);
    /// A call that has begun may still be running when this returns. Any thread.
    void removeEndListener(quint64 id);

    /// True if this is the loop of the calling thread.
    bool isHere() const;

    bool isClosed() const { return m_closed.load(std::memory_order_acquire); }

    /// For messages; dangling once the thread object is gone.
    QThread *thread() const { return m_thread; }

private:
    friend class Clearing;
    friend class Scheduler;
    friend class Wakes;

    static constexpr auto wakeType = QEvent::User; // from another thread
    static constexpr auto ownWakeType = QEvent::Type(QEvent::User + 1);

    static std::shared_ptr<Inbox> adopt(Scheduler *scheduler, QThread *thread);

    void abandon();
    void wake();
    static bool isWake(QEvent::Type type) { return type == wakeType || type == ownWakeType; }
    void woken(QEvent::Type type);
    void wakeFromAnywhere(std::unique_lock<std::mutex> lock);
    void wakeForItems();
    bool isWakePosted() const;
    Scheduler *claimWakeLocked();
    void take(std::vector<ReadyItem *> &items);
    void close(std::vector<ReadyItem *> &items);

    QThread *const m_thread;
    mutable std::mutex m_mutex;
    std::vector<ReadyItem *> m_items; // guarded by m_mutex
    std::map<quint64, std::function<void()>> m_endListeners; // by number; guarded by m_mutex
    quint64 m_lastEndListener = 0; // guarded by m_mutex
    Scheduler *m_scheduler = nullptr; // guarded by m_mutex; null before the loop began and after it ended
    std::atomic<bool> m_closed{false}; // set with m_mutex held
    std::atomic<bool> m_wakePosted{false}; // an event is on its way, or m_wakers are at it; set with m_mutex
    std::atomic<bool> m_ownWakePosted{false}; // one of its own is on its way; written on the own thread
    std::atomic<int> m_wakers{0}; // threads that post it just now; raised with m_mutex held
};

} // namespace MicroIO::Detail
