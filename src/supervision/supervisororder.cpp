// SPDX-License-Identifier: Apache-2.0
#include "supervision/supervisorcore_p.h"

#include <algorithm>

// What is done in order: sweeps, and the stop of all.

namespace MicroIO::Detail {

/// True if a sweep will start the child.
bool SupervisorCore::isCovered(ChildId id) const
{
    switch (m_stage) {
    case Stage::None:
        return false;
    case Stage::Stopping:
    case Stage::Delayed:
        return id >= m_from;
    case Stage::Starting:
        return id >= m_cursor;
    }
    return false;
}

SupervisorCore::Child *SupervisorCore::lastUpTo(ChildId id)
{
    const auto after = m_children.upper_bound(id);
    return after == m_children.begin() ? nullptr : &std::prev(after)->second;
}

void SupervisorCore::beginSweep(ChildId from, ChildId culprit, Deadline due)
{
    const bool isOnTheWayDown = m_stage == Stage::Stopping || m_stage == Stage::Delayed;
    m_from = isOnTheWayDown ? std::min(m_from, from) : from;
    m_delayedUntil = isOnTheWayDown ? std::max(m_delayedUntil, due) : due;
    m_culprit = culprit;
    m_stage = Stage::Stopping;
    m_cursor = lastId();
}

void SupervisorCore::shutDown(const SupervisorEnd &end)
{
    if (m_phase >= Phase::Stopping)
        return;
    m_phase = Phase::Stopping;
    m_stage = Stage::None;
    m_end = end;
    m_cursor = lastId();
    for (auto &[id, child] : m_children) {
        if (child.phase != ChildPhase::Stopping)
            m_due.remove(id); // who is starting still is stopped in its turn
    }
    m_due.remove(0);
    m_actions.push_back({.kind = Action::Kind::ShutDown, .child = end.child, .cause = end.cause});
}

void SupervisorCore::advance(Deadline moment)
{
    if (m_phase == Phase::Stopping) {
        advanceShutDown(moment);
        return;
    }
    if (m_stage == Stage::Stopping)
        advanceStopping(moment);
    if (m_stage == Stage::Delayed && moment >= m_delayedUntil) {
        m_due.remove(0);
        m_stage = Stage::Starting;
        m_cursor = m_from;
    }
    if (m_stage == Stage::Starting)
        advanceStarting(moment);
}

void SupervisorCore::advanceStopping(Deadline moment)
{
    for (;;) {
        Child *child = lastUpTo(m_cursor);
        if (!child || child->id < m_from)
            break;
        if (child->phase == ChildPhase::Stopping)
            return;
        if (child->isLive()) {
            stopNow(*child, Then::WaitForSweep, Action::Reason::Sibling, moment);
            return;
        }
        if (child->isDone) {
            want(*child, true);
            child->because = Action::Because::Sibling;
        }
        m_due.remove(child->id); // who has waited alone waits with the others
        m_cursor = child->id - 1;
    }
    m_stage = Stage::Delayed;
    m_due.set(0, m_delayedUntil);
}

void SupervisorCore::advanceStarting(Deadline moment)
{
    for (;;) {
        const auto next = m_children.lower_bound(m_cursor);
        if (next == m_children.end())
            break;
        Child &child = next->second;
        m_cursor = child.id;
        if (child.phase == ChildPhase::Starting || child.phase == ChildPhase::Stopping)
            return;
        if (!child.isLive() && child.isWanted && !m_due.contains(child.id)) {
            startNow(child, moment);
            return;
        }
        m_cursor = child.id + 1;
    }
    m_stage = Stage::None;
    if (m_phase == Phase::Starting) {
        m_phase = Phase::Running;
        m_actions.push_back({.kind = Action::Kind::Ready});
    }
}

void SupervisorCore::advanceShutDown(Deadline moment)
{
    if (moment >= m_stopLimit.end)
        setAllAside(moment);
    while (Child *child = lastUpTo(m_cursor)) {
        if (child->isLive() && !mayPass(*child, moment))
            break;
        m_cursor = child->id - 1;
    }
    if (m_live > 0) {
        m_due.set(0, std::min(m_stopLimit.end, lastUpTo(m_cursor) ? m_shareEnd : Deadline::max()));
        return;
    }
    m_due.remove(0);
    m_phase = Phase::Ended;
    m_actions.push_back({.kind = Action::Kind::End});
}

/// Whether a live child has had its share of the limit, so that the stop goes on with the one before it.
bool SupervisorCore::mayPass(Child &child, Deadline moment)
{
    const bool hasLimit = m_stopLimit.share != Deadline::max();
    if (hasLimit && m_shareOf != child.id) {
        m_shareOf = child.id;
        m_shareEnd = moment
                     + std::max(m_stopLimit.share - moment, Deadline::duration::zero())
                           / (m_live - m_skipped);
    }
    if (child.phase != ChildPhase::Stopping) {
        stopNow(child, Then::StayDown, Action::Reason::ShutDown, moment,
                {m_stopLimit.end, hasLimit ? m_shareEnd : Deadline::max()});
    }
    if (!hasLimit || moment < m_shareEnd)
        return false;
    child.isSkipped = true;
    ++m_skipped;
    return true;
}

ChildId SupervisorCore::awaited() const
{
    for (const ChildId upTo : {m_cursor, lastId()}) {
        for (auto child = m_children.upper_bound(upTo); child != m_children.begin();) {
            if ((--child)->second.isLive())
                return child->first;
        }
    }
    return 0;
}

void SupervisorCore::hurry(Deadline moment)
{
    if (m_phase != Phase::Stopping)
        return;
    for (auto child = m_children.rbegin(); child != m_children.rend(); ++child) {
        if (child->second.isLive() && child->second.phase != ChildPhase::Stopping)
            stopNow(child->second, Then::StayDown, Action::Reason::ShutDown, moment);
    }
}

void SupervisorCore::setAllAside(Deadline moment)
{
    hurry(moment);
    for (auto child = m_children.rbegin(); child != m_children.rend(); ++child) {
        if (child->second.isLive())
            setAside(child->second);
    }
}

} // namespace MicroIO::Detail
