// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "loop/inbox_p.h"
#include "scopes/scopetree_p.h"
#include <MicroIO/loop/timer.h>

namespace MicroIO::Detail {

class DeadlineTimer;

/// The deadline of one scope. Scopes without one point to the nearest above them. All functions are called
/// with the tree locked.
class ScopeLimit
{
public:
    ScopeLimit(ScopeState *scope, ScopeLimit *above, Deadline deadline);
    ~ScopeLimit();
    Q_DISABLE_COPY_MOVE(ScopeLimit)

    ScopeState *scope() const { return m_scope; }
    ScopeLimit *above() const { return m_above; }
    void setAbove(ScopeLimit *above) { m_above = above; }

    Deadline deadline() const { return m_deadline; }
    void setDeadline(Deadline deadline);

    /// The earliest deadline here and above. Remembered until some deadline of the tree is moved.
    Deadline effective();

    /// Of the limits here and above that are due at \a moment, the one that was due first.
    ScopeLimit *dueAt(Deadline moment);

    /// True if it is due at \a moment, and was due before all limits above.
    bool wasDueFirst(Deadline moment);

    /// Sees to it that the thread of \a inbox has a timer for this limit and for those above.
    void armIn(const std::shared_ptr<Inbox> &inbox);

    /// Sees to it that \a upper, a new limit above this one, has a timer wherever this one has.
    void shareThreads(ScopeLimit *upper) const;

private:
    friend class DeadlineTimer;

    ScopeState *const m_scope;
    ScopeLimit *m_above;
    Deadline m_deadline;
    Deadline m_effective = Deadline::max();
    quint64 m_epoch;
    std::vector<DeadlineTimer *> m_timers; // one a thread with a waiter
};

/// The timer of one limit in one thread. It belongs to the limit; gone with it, it deletes itself on its own
/// thread.
class DeadlineTimer final : public TimerEntry, public ReadyItem
{
public:
    DeadlineTimer(ScopeLimit *limit, const std::shared_ptr<Inbox> &inbox);

    const std::shared_ptr<Inbox> &inbox() const { return m_inbox; }

    /// With the tree locked: the limit's deadline has moved.
    void follow();
    /// With the tree locked: the limit is going.
    void abandon();

    void run() override;
    void discard() override;

private:
    ~DeadlineTimer() override;

    void expired() override;
    void loopEnded() override;
    void arm();
    void post();

    ScopeTree *const m_tree; // a reference
    ScopeLimit *m_limit; // guarded by the tree's mutex; null once the limit is gone
    const std::shared_ptr<Inbox> m_inbox;
    bool m_loopEnded = false; // guarded by the tree's mutex
    Deadline m_armedFor = Deadline::max(); // guarded by the tree's mutex
    bool m_posted = false; // guarded by the tree's mutex
};

} // namespace MicroIO::Detail
