// SPDX-License-Identifier: Apache-2.0
#include "scopes/scopelimit_p.h"

#include "loop/scheduler_p.h"

#include <algorithm>

namespace MicroIO::Detail {

ScopeLimit::ScopeLimit(ScopeState *scope, ScopeLimit *above, Deadline deadline)
    : m_scope(scope)
    , m_above(above)
    , m_deadline(deadline)
    , m_epoch(scope->m_tree->deadlineEpoch - 1)
{
}

ScopeLimit::~ScopeLimit()
{
    for (DeadlineTimer *timer : m_timers)
        timer->abandon();
}

void ScopeLimit::setDeadline(Deadline deadline)
{
    m_deadline = deadline;
    ++m_scope->m_tree->deadlineEpoch;
    for (DeadlineTimer *timer : m_timers)
        timer->follow();
}

Deadline ScopeLimit::effective()
{
    const quint64 epoch = m_scope->m_tree->deadlineEpoch;
    if (m_epoch == epoch)
        return m_effective;
    m_effective = m_deadline;
    for (ScopeLimit *limit = m_above; limit; limit = limit->m_above) {
        if (limit->m_epoch == epoch) {
            m_effective = std::min(m_effective, limit->m_effective);
            break;
        }
        m_effective = std::min(m_effective, limit->m_deadline);
    }
    m_epoch = epoch;
    return m_effective;
}

ScopeLimit *ScopeLimit::dueAt(Deadline moment)
{
    if (effective() > moment)
        return nullptr;
    ScopeLimit *first = this;
    for (ScopeLimit *limit = m_above; limit; limit = limit->m_above) {
        if (limit->m_deadline <= first->m_deadline)
            first = limit;
    }
    return first;
}

bool ScopeLimit::wasDueFirst(Deadline moment)
{
    return m_deadline <= moment && (!m_above || m_deadline < m_above->effective());
}

void ScopeLimit::armIn(const std::shared_ptr<Inbox> &inbox)
{
    for (ScopeLimit *limit = this; limit; limit = limit->m_above) {
        const auto isThere = [&inbox](const DeadlineTimer *timer) { return timer->inbox() == inbox; };
        // What is armed here is armed above.
        if (std::any_of(limit->m_timers.cbegin(), limit->m_timers.cend(), isThere))
            break;
        limit->m_timers.push_back(new DeadlineTimer(limit, inbox));
        limit->m_timers.back()->follow();
    }
}

void ScopeLimit::shareThreads(ScopeLimit *upper) const
{
    for (const DeadlineTimer *timer : m_timers)
        upper->armIn(timer->inbox());
}

DeadlineTimer::DeadlineTimer(ScopeLimit *limit, const std::shared_ptr<Inbox> &inbox)
    : m_tree(limit->scope()->m_tree)
    , m_limit(limit)
    , m_inbox(inbox)
{
    m_tree->refs.fetch_add(1, std::memory_order_relaxed);
}

DeadlineTimer::~DeadlineTimer()
{
    ScopeTree::deref(m_tree);
}

void DeadlineTimer::follow()
{
    if (m_loopEnded)
        return;
    if (m_inbox->isHere())
        arm();
    else if (m_limit->deadline() < m_armedFor)
        post(); // a later moment needs no hurry: the timer rings, sees that it is early, and is set again
}

void DeadlineTimer::abandon()
{
    m_limit = nullptr;
    if (m_posted)
        return; // deleted when that arrives
    if (m_loopEnded) {
        delete this;
    } else if (m_inbox->isHere()) {
        Scheduler::currentOrNull()->removeTimer(this);
        delete this;
    } else {
        post();
    }
}

void DeadlineTimer::post()
{
    if (m_posted)
        return;
    m_posted = m_inbox->post(this);
    if (m_posted)
        return;
    // The loop has ended, and its heap has forgotten the timer.
    m_loopEnded = true;
    if (!m_limit)
        delete this;
}

void DeadlineTimer::arm()
{
    const Deadline deadline = m_limit->scope()->hasBeenCancelled() ? Deadline::max() : m_limit->deadline();
    if (deadline == m_armedFor)
        return;
    m_armedFor = deadline;
    Scheduler::currentOrNull()->setTimer(this, deadline);
}

void DeadlineTimer::run()
{
    std::unique_lock lock(m_tree->mutex);
    m_posted = false;
    if (m_limit) {
        arm();
        return;
    }
    Scheduler::currentOrNull()->removeTimer(this);
    lock.unlock();
    delete this;
}

void DeadlineTimer::discard()
{
    std::unique_lock lock(m_tree->mutex);
    m_posted = false;
    m_loopEnded = true;
    if (m_limit)
        return;
    lock.unlock();
    delete this;
}

void DeadlineTimer::loopEnded()
{
    std::unique_lock lock(m_tree->mutex);
    if (m_posted)
        return; // discard() follows
    m_loopEnded = true;
    if (m_limit)
        return;
    lock.unlock();
    delete this;
}

void DeadlineTimer::expired()
{
    CancelEffects effects;
    {
        const std::lock_guard lock(m_tree->mutex);
        m_armedFor = Deadline::max();
        // Without a limit it has been posted, and is deleted when that arrives.
        if (!m_limit)
            return;
        if (m_limit->deadline() > now())
            arm();
        else
            m_limit->scope()->expireLocked(effects);
    }
    ScopeState::tell(effects);
}

} // namespace MicroIO::Detail
