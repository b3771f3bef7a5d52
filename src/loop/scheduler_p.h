// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "loop/inbox_p.h"
#include "loop/readyqueue_p.h"
#include "loop/timerheap_p.h"

#include <QBasicTimer>
#include <QHash>
#include <QObject>

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

namespace MicroIO::Detail {

class Clearing;
class Suspension;
class Wakes;

/// Resumes the coroutines of one thread from its event loop, and keeps their timers.
///
/// One a thread, made when it is first needed and destroyed inside its thread when that ends. All functions
/// are for its own thread; others go through the inbox.
class MICROIO_EXPORT Scheduler : public QObject
{
public:
    ~Scheduler() override;

    /// The calling thread's scheduler, made if need be; nullptr on a thread without an event dispatcher, and on
    /// one that has ended its loop for good.
    static Scheduler *current();

    /// The calling thread's scheduler, if there is one.
    static Scheduler *currentOrNull();

    /// True if the calling thread had a scheduler whose loop has ended.
    static bool hasEndedHere();

    /// Ends the calling thread's scheduler, if there is one, before the thread itself ends; there is none afterwards.
    static void endHere();

    const std::shared_ptr<Inbox> &inbox() const { return m_inbox; }

    /// Runs \a item in the next turn of the loop.
    void enqueue(ReadyItem *item);

    /// The same from any thread; the caller knows that the loop has not ended. With \a wakes, the loop of another thread
    /// is woken when that goes.
    void post(ReadyItem *item, Wakes *wakes = nullptr);

    /// Runs \a item as soon as the coroutine that is running now has suspended or ended.
    void enqueueAtOnce(ReadyItem *item);

    /// What a wait does when its scope is cancelled, and so when the loop ends.
    enum class Lasting {
        No,
        Outlasting, // goes on, and is broken off after all others
        WaitsForChildren, // the same, and after what waits below its scope
    };
    void addSuspended(Suspension *suspension, Lasting lasting);

    void setTimer(TimerEntry *entry, Deadline due);
    void removeTimer(TimerEntry *entry);
    qsizetype timerCount() const { return m_timers.size(); }

    /// True while the running coroutine may go on without waiting although what it asked for is there;
    /// false when it has used up its slice and has to let the event loop have a turn.
    bool mayContinue();

    enum class Refusal { Throw, Yield, GiveUp };

    /// What \a wait has to do, which begins on a cancelled scope or on a loop that ends.
    Refusal refuse(const Suspension *wait);

    /// Runs a wait that was refused and has to yield in the next turn, or, where there were refusals in every turn of
    /// late, after a pause: who swallows Cancelled for ever is not to cost the thread its time.
    void enqueueRefused(ReadyItem *item);

    bool isEnding() const { return m_ending; }

    /// True if nothing is ready here, so that only another thread or time makes something happen. For tests.
    bool isAtRest() const;
    /// When the first timer is due; Deadline::max() without one.
    Deadline earliestTimer() const { return m_timers.earliest(); }
    /// Calls \a visit for every coroutine that waits here and is not ready.
    void forEachSuspended(const std::function<void(const Suspension &)> &visit) const;

    /// How often a task may swallow Cancelled where there is no later turn.
    static constexpr int maximumRefusals = 1000;

    /// True while something of \a tree is being cleared on this thread.
    bool isClearing(const void *tree) const { return clearingOf(tree); }

protected:
    bool event(QEvent *event) override;
    void timerEvent(QTimerEvent *event) override;

private:
    friend class Clearing;

    /// How often each was refused where there is no later turn.
    using Refusals = QHash<const void *, int>;

    Scheduler();

    void turn();
    void drain();
    bool hasWork() const;
    Clearing *clearingOf(const void *tree) const;
    ReadyQueue &queueOf(const ReadyItem *item);
    ReadyItem *takeDoomed();
    ReadyItem *takeDeepestGroupEnd();
    bool takeInbox();
    void expireTimers();
    void armTimer();
    void endLoop();

    std::shared_ptr<Inbox> m_inbox;
    ReadyQueue m_current; // what this turn runs; a nested event loop goes on with it
    ReadyQueue m_next; // what the next turn runs
    ReadyQueue m_atOnce; // ended tasks, to be settled before the next coroutine runs
    ReadyQueue m_doomed; // of a task group that has been destroyed
    ReadyQueue m_suspended; // every coroutine that waits here and is not ready
    ReadyQueue m_outlasting; // those that outlast a cancellation
    ReadyQueue m_groupEnds; // those that wait for children
    Clearing *m_clearing = nullptr; // the innermost one
    std::vector<ReadyItem *> m_taken; // kept for its capacity
    TimerHeap m_timers;
    ReadyQueue m_refused; // what pauses after too many refusals
    QBasicTimer m_refusedTimer; // real time also under a test's clock: it bounds work
    QBasicTimer m_timer;
    Deadline m_armedFor = Deadline::max();
    std::chrono::steady_clock::time_point m_sliceEnd; // real time also under a test's clock: it bounds work
    unsigned m_continued = 0;
    Refusals m_refusalsAtTheEnd;
    int m_refusingTurns = 0; // in a row
    bool m_threwThisTurn = false;
    bool m_ending = false;
};

/// While it lives, on the stack of a task group's destructor: what of \a tree is ready or becomes so is run by it, and
/// by nothing else but nested event loops.
class MICROIO_EXPORT Clearing
{
public:
    Clearing(Scheduler *scheduler, const void *tree);
    ~Clearing();
    Q_DISABLE_COPY_MOVE(Clearing)

    /// Until nothing is ready any more.
    void run();

private:
    friend class Scheduler;

    void takeInbox();

    Scheduler *const m_scheduler;
    const void *const m_tree;
    Clearing *const m_outer;
    ReadyQueue m_ready;
    Scheduler::Refusals m_refusals;
};

} // namespace MicroIO::Detail
