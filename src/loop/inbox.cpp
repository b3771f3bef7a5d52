// SPDX-License-Identifier: Apache-2.0
#include "loop/inbox_p.h"

#include "loop/clock_p.h"
#include "loop/loopprobe_p.h"
#include "loop/scheduler_p.h"
#include <MicroIO/loop/wakes.h>

#include <QCoreApplication>
#include <QEvent>
#include <QHash>
#include <QThread>

#include <algorithm>
#include <chrono>
#include <thread>

namespace MicroIO::Detail {

namespace {

struct Inboxes
{
    std::mutex mutex;
    QHash<QThread *, std::shared_ptr<Inbox>> inboxes; // of threads whose loop has a scheduler or will get one
};

Inboxes &inboxes()
{
    // Never destroyed: the schedulers of threads that outlive main() still sign off here.
    static auto *instance = new Inboxes;
    return *instance;
}

/// Travels to a thread to make the scheduler there that nobody needed so far.
class SchedulerStarter : public QObject
{
public:
    bool event(QEvent *event) override
    {
        if (event->type() != QEvent::User)
            return QObject::event(event);
        Scheduler::current();
        delete this;
        return true;
    }
};

} // namespace

Inbox::Inbox(QThread *thread)
    : m_thread(thread)
{
}

Inbox::~Inbox()
{
    for (ReadyItem *item : m_items)
        item->discard();
}

std::shared_ptr<Inbox> Inbox::of(QThread *thread)
{
    if (!thread)
        return {};
    if (thread == QThread::currentThread()) {
        if (auto *scheduler = Scheduler::current())
            return scheduler->inbox();
    }
    auto &r = inboxes();
    const std::lock_guard lock(r.mutex);
    if (const auto found = r.inboxes.constFind(thread); found != r.inboxes.cend())
        return *found;
    auto inbox = std::make_shared<Inbox>(thread);
    if (thread->isFinished()) {
        inbox->m_closed = true;
        return inbox;
    }
    r.inboxes.insert(thread, inbox);
    auto *starter = new SchedulerStarter; // deletes itself there
    starter->moveToThread(thread);
    // The thread may never turn a loop, or never run.
    const auto abandon = [starter, weak = std::weak_ptr(inbox)] {
        delete starter;
        if (const auto pending = weak.lock())
            pending->abandon();
    };
    QObject::connect(thread, &QThread::finished, starter, abandon, Qt::DirectConnection);
    QObject::connect(thread, &QObject::destroyed, starter, abandon, Qt::DirectConnection);
    if (thread->isFinished()) {
        // It may have told so before the connections were there.
        r.inboxes.remove(thread);
        const std::lock_guard inboxLock(inbox->m_mutex);
        inbox->m_closed = true;
        return inbox;
    }
    QCoreApplication::postEvent(starter, new QEvent(QEvent::User));
    return inbox;
}

std::shared_ptr<Inbox> Inbox::adopt(Scheduler *scheduler, QThread *thread)
{
    auto &r = inboxes();
    const std::lock_guard lock(r.mutex);
    auto &inbox = r.inboxes[thread];
    if (!inbox)
        inbox = std::make_shared<Inbox>(thread);
    const std::lock_guard inboxLock(inbox->m_mutex);
    inbox->m_scheduler = scheduler;
    if (!inbox->m_items.empty())
        inbox->wake();
    return inbox;
}

void Inbox::wakeAll()
{
    auto &r = inboxes();
    const std::lock_guard lock(r.mutex);
    for (const auto &inbox : std::as_const(r.inboxes))
        inbox->nudge();
}

void Inbox::nudge()
{
    wakeFromAnywhere(std::unique_lock(m_mutex));
}

bool Inbox::isAnyBeginning()
{
    auto &r = inboxes();
    const std::lock_guard lock(r.mutex);
    return std::any_of(r.inboxes.cbegin(), r.inboxes.cend(), [](const auto &inbox) {
        const std::lock_guard inboxLock(inbox->m_mutex);
        // A thread that is being destroyed waits for the registry in abandon().
        return !inbox->m_scheduler && !inbox->m_items.empty() && inbox->m_thread->isRunning();
    });
}

std::vector<std::shared_ptr<Inbox>> Inbox::all()
{
    auto &r = inboxes();
    const std::lock_guard lock(r.mutex);
    return {r.inboxes.cbegin(), r.inboxes.cend()};
}

bool Inbox::ask(std::unique_ptr<LoopProbe> probe)
{
    const std::lock_guard lock(m_mutex);
    if (!m_scheduler)
        return false;
    // Behind all that was posted to the thread before.
    QCoreApplication::postEvent(m_scheduler, probe.release(), Qt::LowEventPriority);
    return true;
}

bool Inbox::isEmpty() const
{
    const std::lock_guard lock(m_mutex);
    return m_items.empty() && !isWakePosted();
}

bool Inbox::post(ReadyItem *item, Wakes *wakes)
{
    std::unique_lock lock(m_mutex);
    if (m_closed)
        return false;
    m_items.push_back(item);
    if (!wakes || isHere()) {
        wakeFromAnywhere(std::move(lock));
        return true;
    }
    ClockSource::tellActivity();
    if (m_scheduler && !isWakePosted())
        wakes->add(shared_from_this());
    return true;
}

quint64 Inbox::addEndListener(std::function<void()> listener)
{
    const std::lock_guard lock(m_mutex);
    if (!m_closed)
        m_endListeners.emplace(++m_lastEndListener, std::move(listener));
    return m_lastEndListener;
}

void Inbox::removeEndListener(quint64 id)
{
    std::function<void()> listener; // destroyed with the mutex released
    const std::lock_guard lock(m_mutex);
    if (const auto found = m_endListeners.find(id); found != m_endListeners.end()) {
        listener = std::move(found->second);
        m_endListeners.erase(found);
    }
}

/// The thread has ended without a scheduler.
void Inbox::abandon()
{
    {
        const std::lock_guard lock(m_mutex);
        if (m_scheduler)
            return;
    }
    std::vector<ReadyItem *> items;
    close(items);
    for (ReadyItem *item : items)
        item->discard();
}

bool Inbox::isHere() const
{
    const auto *scheduler = Scheduler::currentOrNull();
    return scheduler && scheduler->inbox().get() == this;
}

// Called on the scheduler's own thread.
void Inbox::wake()
{
    ClockSource::tellActivity();
    if (!m_scheduler || m_ownWakePosted.load(std::memory_order_relaxed))
        return;
    // Who has claimed it in another thread may take its time to post, and this one's own work does not wait for that.
    if (m_wakePosted.load(std::memory_order_acquire) && m_wakers.load(std::memory_order_acquire) == 0)
        return;
    m_ownWakePosted.store(true, std::memory_order_relaxed);
    QCoreApplication::postEvent(m_scheduler, new QEvent(ownWakeType));
}

/// An event has arrived. Each kind clears what it stands for, so that there are never more than one of each.
void Inbox::woken(QEvent::Type type)
{
    // With a barrier behind it: what the turn reads after it without the mutex, it would not be woken for.
    (type == ownWakeType ? m_ownWakePosted : m_wakePosted).exchange(false, std::memory_order_seq_cst);
}

/// Releases \a lock, which is that of m_mutex.
void Inbox::wakeFromAnywhere(std::unique_lock<std::mutex> lock)
{
    if (isHere()) {
        lock.unlock();
        wake();
        return;
    }
    auto *scheduler = claimWakeLocked();
    lock.unlock();
    if (!scheduler)
        return;
    QCoreApplication::postEvent(scheduler, new QEvent(wakeType));
    m_wakers.fetch_sub(1, std::memory_order_release); // close() waits for it: the scheduler was there
}

/// For those that were posted and left to Wakes: the loop may have come to them meanwhile.
void Inbox::wakeForItems()
{
    std::unique_lock lock(m_mutex);
    if (!m_items.empty())
        wakeFromAnywhere(std::move(lock));
}

/// True if an event is on its way, or somebody is about to post one. Nothing is missed: the scheduler clears it before it
/// takes the items, which are put in with the mutex held.
bool Inbox::isWakePosted() const
{
    return m_wakePosted.load(std::memory_order_relaxed) || m_ownWakePosted.load(std::memory_order_relaxed);
}

/// The scheduler if the caller, in another thread, is to post the event that wakes it.
Scheduler *Inbox::claimWakeLocked()
{
    ClockSource::tellActivity();
    if (!m_scheduler || isWakePosted())
        return nullptr;
    // Before the claim: wake() looks at the two in the other order.
    m_wakers.fetch_add(1, std::memory_order_relaxed);
    m_wakePosted.store(true, std::memory_order_release);
    return m_scheduler;
}

void Inbox::take(std::vector<ReadyItem *> &items)
{
    const std::lock_guard lock(m_mutex);
    items.swap(m_items);
}

void Inbox::close(std::vector<ReadyItem *> &items)
{
    {
        auto &r = inboxes();
        const std::lock_guard lock(r.mutex);
        if (r.inboxes.value(m_thread).get() == this)
            r.inboxes.remove(m_thread);
    }
    std::map<quint64, std::function<void()>> listeners;
    {
        const std::lock_guard lock(m_mutex);
        m_closed = true;
        m_scheduler = nullptr;
        items.swap(m_items);
        listeners.swap(m_endListeners);
    }
    // They are in the middle of posting an event, which waits for nobody; a thread of a higher priority has to sleep to let
    // them go on.
    for (int looks = 0; m_wakers.load(std::memory_order_acquire) > 0; ++looks) {
        if (looks < 100)
            std::this_thread::yield();
        else
            std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
    for (const auto &listener : listeners)
        listener.second();
    ClockSource::tellActivity();
}

} // namespace MicroIO::Detail
