// SPDX-License-Identifier: Apache-2.0
#include "loop/scheduler_p.h"

#include "loop/clock_p.h"
#include "loop/logging_p.h"
#include "loop/loopprobe_p.h"
#include <MicroIO/loop/suspension.h>

#include <QAbstractEventDispatcher>
#include <QCoreApplication>
#include <QEvent>
#include <QScopeGuard>
#include <QThread>
#include <QThreadStorage>
#include <QTimerEvent>

#include <algorithm>
#include <limits>

namespace MicroIO::Detail {

namespace {

using namespace std::chrono_literals;

// Long enough to make the turn of the event loop around it cheap, short enough for a 60 Hz window.
constexpr auto sliceLength = 2ms;
// Between two looks at the clock.
constexpr unsigned itemsPerLook = 16;
// Turns in a row with refused waits before these have to pause.
constexpr int patience = 16;

thread_local Scheduler *here = nullptr;
thread_local bool endedHere = false;
thread_local bool closedHere = false; // for good

QThreadStorage<Scheduler *> &storage()
{
    static QThreadStorage<Scheduler *> instance;
    return instance;
}

} // namespace

Scheduler::Scheduler()
    : m_inbox(Inbox::adopt(this, QThread::currentThread()))
{
}

Scheduler::~Scheduler()
{
    endLoop();
    here = nullptr;
    endedHere = true;
}

Scheduler *Scheduler::current()
{
    if (here)
        return here;
    // A finished QThread still has its dispatcher while its thread storage goes away.
    if (closedHere || !QAbstractEventDispatcher::instance() || QThread::currentThread()->isFinished())
        return nullptr;
    here = new Scheduler;
    endedHere = false;
    storage().setLocalData(here);
    return here;
}

Scheduler *Scheduler::currentOrNull()
{
    return here;
}

bool Scheduler::hasEndedHere()
{
    return endedHere;
}

void Scheduler::endHere()
{
    closedHere = endedHere = true;
    if (here)
        storage().setLocalData(nullptr);
}

void Scheduler::enqueue(ReadyItem *item)
{
    queueOf(item).append(item);
    if (!m_ending)
        m_inbox->wake();
}

Clearing *Scheduler::clearingOf(const void *tree) const
{
    Clearing *clearing = m_clearing;
    while (clearing && clearing->m_tree != tree)
        clearing = clearing->m_outer;
    return clearing;
}

ReadyQueue &Scheduler::queueOf(const ReadyItem *item)
{
    const void *tree = item->doomedTree();
    if (!tree)
        return m_next;
    Clearing *clearing = clearingOf(tree);
    return clearing ? clearing->m_ready : m_doomed;
}

void Scheduler::post(ReadyItem *item, Wakes *wakes)
{
    if (here == this) {
        ReadyQueue::remove(item); // from the suspended ones
        enqueue(item);
    } else {
        m_inbox->post(item, wakes);
    }
}

void Scheduler::enqueueAtOnce(ReadyItem *item)
{
    m_atOnce.append(item);
    if (!m_ending)
        m_inbox->wake();
}

void Scheduler::addSuspended(Suspension *suspension, Lasting lasting)
{
    auto &queue = lasting == Lasting::No           ? m_suspended
                  : lasting == Lasting::Outlasting ? m_outlasting
                                                   : m_groupEnds;
    queue.append(suspension);
}

void Scheduler::setTimer(TimerEntry *entry, Deadline due)
{
    if (m_ending)
        return;
    m_timers.set(entry, due);
    armTimer();
}

void Scheduler::removeTimer(TimerEntry *entry)
{
    // The real timer may now ring too early, which costs less than moving it each time.
    m_timers.remove(entry);
}

bool Scheduler::mayContinue()
{
    return ++m_continued % itemsPerLook != 0 || std::chrono::steady_clock::now() < m_sliceEnd;
}

Scheduler::Refusal Scheduler::refuse(const Suspension *wait)
{
    const void *tree = wait->doomedTree();
    Clearing *clearing = tree ? clearingOf(tree) : nullptr;
    if (clearing || m_ending) {
        auto &refusals = clearing ? clearing->m_refusals : m_refusalsAtTheEnd;
        return ++refusals[wait->culprit()] > maximumRefusals ? Refusal::GiveUp : Refusal::Throw;
    }
    if (m_threwThisTurn)
        return Refusal::Yield;
    m_threwThisTurn = true;
    m_inbox->wake(); // there has to be a turn that resets it
    return Refusal::Throw;
}

void Scheduler::enqueueRefused(ReadyItem *item)
{
    if (m_refusingTurns < patience) {
        enqueue(item);
        return;
    }
    m_refused.append(item);
    if (!m_refusedTimer.isActive())
        m_refusedTimer.start(1, Qt::PreciseTimer, this);
}

Clearing::Clearing(Scheduler *scheduler, const void *tree)
    : m_scheduler(scheduler)
    , m_tree(tree)
    , m_outer(scheduler->m_clearing)
{
    scheduler->m_clearing = this;
}

Clearing::~Clearing()
{
    m_scheduler->m_clearing = m_outer;
    m_scheduler->m_doomed.appendAll(m_ready);
}

void Clearing::run()
{
    // First, because of what another thread has decided and ScopeState::doom() has queued: it stands in both.
    takeInbox();
    for (;;) {
        ReadyItem *item = m_scheduler->m_atOnce.takeFirst();
        if (!item)
            item = m_ready.takeFirst();
        if (!item)
            break;
        item->run();
        takeInbox();
    }
}

void Clearing::takeInbox()
{
    // Not all of it is run here, and who has posted the rest may leave it at that when the inbox is found empty.
    if (m_scheduler->takeInbox())
        m_scheduler->m_inbox->wake();
}

bool Scheduler::event(QEvent *event)
{
    if (event->type() == LoopProbe::eventType()) {
        {
            // It was held when the probe was posted. Qt has an order of its own, which ThreadSanitizer does not see.
            const std::lock_guard lock(m_inbox->m_mutex);
        }
        static_cast<LoopProbe *>(event)->arrived(*this);
        return true;
    }
    if (!Inbox::isWake(event->type()))
        return QObject::event(event);
    m_inbox->woken(event->type());
    turn();
    return true;
}

void Scheduler::timerEvent(QTimerEvent *event)
{
    if (event->timerId() == m_refusedTimer.timerId()) {
        m_refusedTimer.stop();
        m_next.appendAll(m_refused);
        turn();
        return;
    }
    if (event->timerId() != m_timer.timerId())
        return;
    m_timer.stop();
    m_armedFor = Deadline::max();
    turn();
}

void Scheduler::turn()
{
    m_refusingTurns = m_threwThisTurn ? m_refusingTurns + 1 : 0;
    m_threwThisTurn = false;
    m_sliceEnd = std::chrono::steady_clock::now() + sliceLength;
    expireTimers();
    drain();
}

void Scheduler::drain()
{
    takeInbox();
    if (m_current.isEmpty())
        m_current.appendAll(m_next);
    // If one of these opens an event loop of its own, that loop needs an event to go on with the others.
    if (m_current.hasSeveral() || !m_next.isEmpty() || !m_atOnce.isEmpty() || !m_doomed.isEmpty()
        || m_clearing)
        m_inbox->wake();

    for (unsigned count = 1;; ++count) {
        ReadyItem *item = m_atOnce.takeFirst();
        if (!item)
            item = takeDoomed();
        if (!item)
            item = m_current.takeFirst();
        if (!item)
            break;
        item->run();
        if (count % itemsPerLook == 0 && std::chrono::steady_clock::now() >= m_sliceEnd)
            break;
    }
    if (hasWork())
        m_inbox->wake();
}

bool Scheduler::isAtRest() const
{
    return !hasWork() && m_refused.isEmpty() && m_inbox->isEmpty();
}

void Scheduler::forEachSuspended(const std::function<void(const Suspension &)> &visit) const
{
    for (const auto *queue : {&m_suspended, &m_outlasting, &m_groupEnds})
        queue->forEach([&visit](ReadyItem *item) { visit(*static_cast<const Suspension *>(item)); });
}

bool Scheduler::hasWork() const
{
    return !m_atOnce.isEmpty() || !m_doomed.isEmpty() || !m_current.isEmpty() || !m_next.isEmpty();
}

/// Also of what is being cleared, for an event loop nested in it.
ReadyItem *Scheduler::takeDoomed()
{
    ReadyItem *item = m_doomed.takeFirst();
    for (auto *clearing = m_clearing; clearing && !item; clearing = clearing->m_outer)
        item = clearing->m_ready.takeFirst();
    return item;
}

/// True if there was something.
bool Scheduler::takeInbox()
{
    // Local while in use: an item's doomedTree() calls nothing, but a nested drain swaps the member.
    std::vector<ReadyItem *> items = std::move(m_taken);
    m_inbox->take(items);
    for (ReadyItem *item : items) {
        ReadyQueue::remove(item); // from the suspended ones
        queueOf(item).append(item);
    }
    const bool hasTaken = !items.empty();
    items.clear();
    m_taken = std::move(items);
    return hasTaken;
}

void Scheduler::expireTimers()
{
    if (m_timers.isEmpty())
        return;
    const Deadline moment = now();
    for (unsigned count = 1; m_timers.expireOne(moment); ++count) {
        if (count % itemsPerLook == 0 && std::chrono::steady_clock::now() >= m_sliceEnd) {
            m_inbox->wake();
            break;
        }
    }
    armTimer();
}

void Scheduler::armTimer()
{
    const Deadline due = m_timers.earliest();
    if (due >= m_armedFor)
        return;
    if (auto *source = ClockSource::installed()) {
        source->activity();
        if (!source->isReal()) {
            // Who moves the time calls wakeAllLoops(), but for what is due already.
            if (due <= source->now())
                m_inbox->wake();
            return;
        }
    }
    // Nothing but 0 for what is due: the farthest past is further away than a duration is long.
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(due - std::min(due, now()));
    // A timer far away rings early, finds nothing due and is set again.
    const auto delay = std::clamp<qint64>(wait.count(), 0, std::numeric_limits<int>::max());
    m_timer.start(int(delay), Qt::PreciseTimer, this);
    m_armedFor = due;
}

void Scheduler::endLoop()
{
    m_ending = true;
    m_timer.stop();
    m_refusedTimer.stop();
    m_timers.endLoop(); // before the inbox closes: see DeadlineTimer::post()
    std::vector<ReadyItem *> items;
    m_inbox->close(items);
    for (ReadyItem *item : items) {
        ReadyQueue::remove(item);
        m_next.append(item);
    }
    // Everything that is resumed here may end tasks, which wakes others: until nothing moves any more.
    for (;;) {
        ReadyItem *item = m_atOnce.takeFirst();
        for (auto *queue : {&m_doomed, &m_current, &m_next, &m_refused, &m_suspended, &m_outlasting}) {
            if (!item)
                item = queue->takeFirst();
        }
        if (!item)
            item = takeDeepestGroupEnd();
        if (!item)
            break;
        item->discard();
    }
}

/// Whoever waits for its children is broken off before who waits for it.
ReadyItem *Scheduler::takeDeepestGroupEnd()
{
    Suspension *deepest = nullptr;
    int depth = -1;
    m_groupEnds.forEach([&](ReadyItem *item) {
        auto *wait = static_cast<Suspension *>(item);
        if (const int its = wait->depth(); its > depth) {
            deepest = wait;
            depth = its;
        }
    });
    if (deepest)
        ReadyQueue::remove(deepest);
    return deepest;
}

} // namespace MicroIO::Detail
