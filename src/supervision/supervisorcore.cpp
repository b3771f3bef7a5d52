// SPDX-License-Identifier: Apache-2.0
#include "supervision/supervisorcore_p.h"

#include <utility>

namespace MicroIO::Detail {

namespace {

std::exception_ptr tooLate(std::chrono::nanoseconds limit)
{
    return std::make_exception_ptr(
        TimeoutError(QStringLiteral("it was not ready within %1 ms")
                         .arg(std::chrono::duration_cast<std::chrono::milliseconds>(limit).count())));
}

} // namespace

SupervisorCore::Child *SupervisorCore::find(ChildId id)
{
    const auto found = m_children.find(id);
    return found == m_children.end() ? nullptr : &found->second;
}

int SupervisorCore::restartCount(ChildId id) const
{
    const auto found = m_children.find(id);
    return found == m_children.end() ? 0 : found->second.restarts;
}

bool SupervisorCore::isStarting(ChildId id) const
{
    const auto found = m_children.find(id);
    return m_phase < Phase::Stopping && found != m_children.end()
           && found->second.phase == ChildPhase::Starting;
}

bool SupervisorCore::isWanted(ChildId id) const
{
    const auto found = m_children.find(id);
    if (found == m_children.end())
        return false;
    const Child &child = found->second;
    return child.isWanted || (child.isDone && m_stage == Stage::Stopping && isCovered(id));
}

void SupervisorCore::add(ChildId id, const ChildRules &childRules, Deadline moment)
{
    Child &child = m_children[id];
    child.id = id;
    child.rules = childRules;
    want(child, true);
    child.isTrial = m_phase == Phase::Running;
    if (child.isTrial && !isCovered(id))
        startNow(child, moment);
    advance(moment);
}

void SupervisorCore::start(Deadline moment)
{
    if (m_phase != Phase::Idle)
        return;
    m_phase = Phase::Starting;
    m_stage = Stage::Starting;
    advance(moment);
}

void SupervisorCore::refuseStart(ChildId child, const ChildEnd &cause)
{
    if (m_phase != Phase::Idle)
        return;
    m_actions.push_back({.kind = Action::Kind::Report,
                         .child = child,
                         .verdict = Action::Verdict::GiveUpStart,
                         .cause = cause});
    m_end = {SupervisorEnd::Way::StartFailed, child, cause};
    m_phase = Phase::Ended;
    m_actions.push_back({.kind = Action::Kind::End});
}

void SupervisorCore::stop(Deadline moment, StopLimit limit)
{
    if (m_phase == Phase::Ended)
        return;
    shutDown({});
    if (limit.end < m_stopLimit.end) {
        m_stopLimit = limit;
        m_shareOf = 0;
    }
    advance(moment);
}

bool SupervisorCore::ready(ChildId id, Deadline moment)
{
    Child *child = find(id);
    if (!child || child->phase != ChildPhase::Starting)
        return false;
    child->phase = ChildPhase::Running;
    child->wasReady = true;
    child->isTrial = false;
    child->readySince = moment;
    m_due.remove(id);
    advance(moment);
    return true;
}

void SupervisorCore::ended(ChildId id, const ChildEnd &end, Deadline moment)
{
    Child *child = find(id);
    if (!child || !child->isLive())
        return;
    goDown(*child);
    settle(*child, end, moment);
    advance(moment);
}

void SupervisorCore::unresponsive(ChildId id, const std::exception_ptr &error, Deadline moment)
{
    Child *child = find(id);
    if (!child || child->phase != ChildPhase::Running || m_phase == Phase::Stopping)
        return;
    child->failure = {ChildEnd::Way::Error, error};
    stopNow(*child, Then::HaveFailed, Action::Reason::Unresponsive, moment);
}

bool SupervisorCore::startChild(ChildId id, Deadline moment)
{
    Child *child = find(id);
    if (!child || m_phase >= Phase::Stopping || child->then == Then::BeRemoved)
        return false;
    want(*child, true);
    child->isDone = false;
    if (child->then == Then::StayDown)
        child->then = Then::StartAgain;
    if (child->isLive() || m_phase == Phase::Idle)
        return true;
    child->failures = 0;
    child->isTrial = m_phase == Phase::Running;
    if (isCovered(id)) {
        m_delayedUntil = std::min(m_delayedUntil, moment); // the others do not wait longer either
        advance(moment);
    } else {
        child->because = Action::Because::ByHand;
        startNow(*child, moment);
    }
    return true;
}

bool SupervisorCore::stopChild(ChildId id, Deadline moment)
{
    Child *child = find(id);
    if (!child || m_phase >= Phase::Stopping)
        return false;
    want(*child, false);
    child->isDone = false;
    if (child->phase == ChildPhase::Stopping) {
        if (child->then != Then::BeRemoved)
            child->then = Then::StayDown;
    } else if (child->isLive()) {
        stopNow(*child, Then::StayDown, Action::Reason::ByHand, moment);
    } else {
        leaveDown(*child, false);
    }
    advance(moment);
    return true;
}

bool SupervisorCore::restartChild(ChildId id, Deadline moment)
{
    Child *child = find(id);
    if (!child || m_phase >= Phase::Stopping || child->then == Then::BeRemoved)
        return false;
    if (!child->isLive())
        return startChild(id, moment);
    want(*child, true);
    child->failures = 0;
    if (child->phase != ChildPhase::Stopping)
        stopNow(*child, Then::StartAgain, Action::Reason::Restart, moment);
    else if (child->then != Then::WaitForSweep)
        child->then = Then::StartAgain;
    return true;
}

bool SupervisorCore::removeChild(ChildId id, Deadline moment)
{
    Child *child = find(id);
    if (!child || m_phase >= Phase::Stopping)
        return false;
    want(*child, false);
    if (child->phase == ChildPhase::Stopping)
        child->then = Then::BeRemoved;
    else if (child->isLive())
        stopNow(*child, Then::BeRemoved, Action::Reason::Removed, moment);
    else
        remove(*child);
    advance(moment);
    return true;
}

void SupervisorCore::timeout(Deadline moment)
{
    while (const auto id = m_due.take(moment)) {
        Child *child = find(*id);
        if (!child)
            continue; // the supervisor's own
        switch (child->phase) {
        case ChildPhase::Starting:
            child->failure = {ChildEnd::Way::Error, tooLate(child->rules.startLimit)};
            stopNow(*child, Then::HaveFailed, Action::Reason::NotReady, moment);
            break;
        case ChildPhase::Stopping: {
            setAside(*child);
            settle(*child, {}, moment);
            break;
        }
        case ChildPhase::Down:
            if (child->isWanted && moment < m_pausedUntil)
                m_due.set(child->id, m_pausedUntil);
            else if (child->isWanted)
                startNow(*child, moment);
            break;
        case ChildPhase::Running:
            break;
        }
    }
    advance(moment);
}

void SupervisorCore::want(Child &child, bool isWanted)
{
    if (child.isWanted != isWanted && child.rules.isSignificant)
        m_significantWanted += isWanted ? 1 : -1;
    child.isWanted = isWanted;
}

void SupervisorCore::startNow(Child &child, Deadline moment)
{
    const auto because = std::exchange(child.because, Action::Because::First);
    child.phase = ChildPhase::Starting;
    child.then = Then::Undecided;
    child.isDone = false;
    child.readySince.reset();
    ++m_live;
    if (because == Action::Because::Failure || because == Action::Because::Sibling)
        ++child.restarts;
    m_due.set(child.id, later(moment, child.rules.startLimit));
    m_actions.push_back({.kind = Action::Kind::Start,
                         .child = child.id,
                         .because = because,
                         .culprit = m_culprit,
                         .cause = child.failure});
}

void SupervisorCore::stopNow(Child &child, Then then, Action::Reason reason, Deadline moment, StopLimit limit)
{
    child.phase = ChildPhase::Stopping;
    child.then = then;
    m_due.set(child.id, later(moment, child.rules.stopLimit));
    m_actions.push_back({.kind = Action::Kind::Stop, .child = child.id, .reason = reason, .limit = limit});
}

void SupervisorCore::goDown(Child &child)
{
    child.phase = ChildPhase::Down;
    --m_live;
    if (std::exchange(child.isSkipped, false))
        --m_skipped;
    m_due.remove(child.id);
}

void SupervisorCore::setAside(Child &child)
{
    report(child, Action::Verdict::SetAside, child.then == Then::HaveFailed ? child.failure : ChildEnd());
    m_actions.push_back({.kind = Action::Kind::SetAside, .child = child.id});
    goDown(child);
}

/// The child is gone afterwards.
void SupervisorCore::remove(Child &child)
{
    want(child, false);
    m_due.remove(child.id);
    m_actions.push_back({.kind = Action::Kind::Remove, .child = child.id});
    m_children.erase(child.id);
}

/// The same, if it is Temporary.
void SupervisorCore::leaveDown(Child &child, bool isDone)
{
    want(child, false);
    child.isDone = isDone;
    m_due.remove(child.id);
    if (child.rules.restart == Supervisor::Restart::Temporary && m_phase != Phase::Idle)
        remove(child);
}

void SupervisorCore::report(const Child &child, Action::Verdict verdict, const ChildEnd &cause,
                            std::chrono::nanoseconds delay)
{
    m_actions.push_back({.kind = Action::Kind::Report,
                         .child = child.id,
                         .verdict = verdict,
                         .cause = cause,
                         .delay = delay});
}

} // namespace MicroIO::Detail
