// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "supervision/backoffpolicy_p.h"
#include "supervision/duequeue_p.h"
#include "supervision/restartlimit_p.h"
#include "supervision/supervisoraction_p.h"

#include <map>
#include <optional>
#include <vector>

namespace MicroIO::Detail {

/// The decisions of a supervisor: events go in, with the time at which they happen, and actions come out. It knows
/// no thread, no timer and no object.
///
/// What is done in order is a *sweep*: from the last child down to the first one concerned, each is stopped when the one
/// after it has ended; then, after a delay, they are started upwards, each when the one before is ready. The first
/// start is the upper half of a sweep over all. Apart from that, a child is started and stopped by itself. Each event
/// costs O(log n), a sweep O(n log n).
class MICROIO_EXPORT SupervisorCore
{
public:
    using Action = SupervisorAction;
    enum class Phase { Idle, Starting, Running, Stopping, Ended };

    struct Rules
    {
        Supervisor::Strategy strategy = Supervisor::Strategy::OneForOne;
        Supervisor::OnLimit onLimit = Supervisor::OnLimit::Escalate;
        Supervisor::AutoShutdown autoShutdown = Supervisor::AutoShutdown::Never;
        RestartLimit limit;
        BackoffPolicy backoff;
    };
    Rules rules; // not to be changed once started

    /// Children are added with rising numbers.
    void add(ChildId id, const ChildRules &childRules, Deadline moment);
    void start(Deadline moment);
    /// Nothing could be started, for the sake of \a child.
    void refuseStart(ChildId child, const ChildEnd &cause);
    /// From the last to the first, until \a limit. Again with a nearer limit.
    void stop(Deadline moment, StopLimit limit = {});
    /// While all are stopped: those that have not been told are told at once.
    void hurry(Deadline moment);

    // What a child's instance does.
    /// False if it was not awaited any more.
    bool ready(ChildId id, Deadline moment);
    void ended(ChildId id, const ChildEnd &end, Deadline moment);
    /// It is to be replaced.
    void unresponsive(ChildId id, const std::exception_ptr &error, Deadline moment);

    // By hand; false if there is no such child, or it is too late.
    bool startChild(ChildId id, Deadline moment);
    bool stopChild(ChildId id, Deadline moment);
    bool restartChild(ChildId id, Deadline moment);
    bool removeChild(ChildId id, Deadline moment);

    /// When timeout() is to be called; Deadline::max() for never.
    Deadline due() const { return m_due.earliest(); }
    void timeout(Deadline moment);

    /// What is to be done, in this order.
    std::vector<Action> takeActions() { return std::exchange(m_actions, {}); }

    Phase phase() const { return m_phase; }
    const SupervisorEnd &end() const { return m_end; }
    int restartCount(ChildId id) const;
    /// It was told to start, and nothing else since.
    bool isStarting(ChildId id) const;
    /// It is up, or will be started without being asked for: until the stop of all.
    bool isWanted(ChildId id) const;
    /// While all are stopped: who is waited for; 0 if there is nobody.
    ChildId awaited() const;

private:
    enum class ChildPhase : quint8 { Down, Starting, Running, Stopping };
    /// What follows when a child that is being stopped has ended.
    enum class Then : quint8 { Undecided, StayDown, StartAgain, BeRemoved, WaitForSweep, HaveFailed };
    enum class Stage : quint8 { None, Stopping, Delayed, Starting };

    struct Child
    {
        ChildId id = 0;
        ChildRules rules;
        ChildPhase phase = ChildPhase::Down;
        Then then = Then::Undecided;
        bool isWanted = false; // is up, or is to come up
        bool isDone = false; // ended by itself, as it should
        bool wasReady = false; // ever
        bool isTrial = false; // started by hand and not ready yet: if that fails, it is left down
        bool isSkipped = false; // the others are stopped without waiting for it
        Action::Because because = Action::Because::First; // of its next start
        int restarts = 0;
        int failures = 0; // in a row, for the back-off
        std::optional<Deadline> readySince; // of its last instance
        ChildEnd failure; // the last one
        bool isLive() const { return phase != ChildPhase::Down; }
    };

    Child *find(ChildId id);
    void want(Child &child, bool isWanted);
    void startNow(Child &child, Deadline moment);
    void stopNow(Child &child, Then then, Action::Reason reason, Deadline moment, StopLimit limit = {});
    void goDown(Child &child);
    void setAside(Child &child);
    void remove(Child &child);
    void leaveDown(Child &child, bool isDone);
    void report(const Child &child, Action::Verdict verdict, const ChildEnd &cause,
                std::chrono::nanoseconds delay = {});

    // How it goes on after an end.
    void settle(Child &child, const ChildEnd &end, Deadline moment);
    void settleSwept(Child &child, const ChildEnd &end);
    void endedByItself(Child &child, const ChildEnd &end, Deadline moment);
    void stayDown(Child &child, const ChildEnd &end);
    void comeBack(Child &child, const ChildEnd &end, Deadline moment);
    void schedule(Child &child, Deadline due, Deadline moment);

    // What is done in order.
    bool isCovered(ChildId id) const;
    void beginSweep(ChildId from, ChildId culprit, Deadline due);
    void shutDown(const SupervisorEnd &end);
    void advance(Deadline moment);
    void advanceStopping(Deadline moment);
    void advanceStarting(Deadline moment);
    void advanceShutDown(Deadline moment);
    bool mayPass(Child &child, Deadline moment);
    void setAllAside(Deadline moment);
    Child *lastUpTo(ChildId id);
    ChildId lastId() const { return m_children.empty() ? 0 : m_children.rbegin()->first; }

    std::map<ChildId, Child> m_children;
    Phase m_phase = Phase::Idle;
    SupervisorEnd m_end;
    std::vector<Action> m_actions;
    DueQueue m_due; // of the children; 0 is the supervisor's own
    qsizetype m_live = 0;
    qsizetype m_significantWanted = 0;
    Deadline m_pausedUntil = Deadline::min();

    Stage m_stage = Stage::None;
    ChildId m_from = 0; // the first child of the sweep
    ChildId m_cursor = 0; // who is stopped or started now; of the stop of all too
    ChildId m_culprit = 0; // whose failure it is for
    Deadline m_delayedUntil = Deadline::min();

    StopLimit m_stopLimit;
    ChildId m_shareOf = 0; // whose share of the limit is counted
    Deadline m_shareEnd = Deadline::max();
    qsizetype m_skipped = 0;
};

} // namespace MicroIO::Detail
