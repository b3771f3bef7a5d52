// SPDX-License-Identifier: Apache-2.0
#include "supervision/supervisorcore_p.h"

// What follows the end of a child.

namespace MicroIO::Detail {

using Restart = Supervisor::Restart;
using Verdict = SupervisorAction::Verdict;
using Way = ChildEnd::Way;

void SupervisorCore::settle(Child &child, const ChildEnd &end, Deadline moment)
{
    if (m_phase == Phase::Stopping) {
        if (end.error)
            report(child, Verdict::GoOnStopping, end);
        if (child.then == Then::BeRemoved)
            remove(child);
        return;
    }
    // Who fails while it is to be stopped for a sibling's sake is restarted with the others, and not counted.
    const bool isSwept = (m_stage == Stage::Stopping || m_stage == Stage::Delayed) && child.id >= m_from
                         && child.isWanted;
    if (end.way == Way::TerminateSupervisor && !child.rules.isContained) {
        endedByItself(child, end, moment);
        return;
    }
    switch (child.then) {
    case Then::BeRemoved:
        if (end.error)
            report(child, Verdict::LeaveDown, end);
        remove(child);
        return;
    case Then::StayDown:
        if (end.error)
            report(child, Verdict::LeaveDown, end);
        leaveDown(child, false);
        return;
    case Then::StartAgain:
        if (end.error)
            report(child, Verdict::RestartByHand, end);
        child.because = Action::Because::ByHand;
        if (!isCovered(child.id))
            startNow(child, moment);
        return;
    case Then::WaitForSweep:
        settleSwept(child, end);
        return;
    case Then::HaveFailed:
        if (isSwept)
            settleSwept(child, child.failure);
        else
            endedByItself(child, end.way == Way::Normal || end.way == Way::Error ? child.failure : end,
                          moment);
        return;
    case Then::Undecided:
        if (isSwept)
            settleSwept(child, end);
        else
            endedByItself(child, end, moment);
        return;
    }
}

void SupervisorCore::settleSwept(Child &child, const ChildEnd &end)
{
    child.then = Then::Undecided;
    if (end.way == Way::DoNotRestart || end.way == Way::TerminateSupervisor) {
        report(child, Verdict::LeaveDown, end);
        leaveDown(child, false);
    } else if (child.rules.restart == Restart::Temporary) {
        remove(child);
    } else {
        child.because = Action::Because::Sibling;
        if (end.error)
            report(child, Verdict::RestartWithSibling, end);
    }
}

void SupervisorCore::endedByItself(Child &child, const ChildEnd &end, Deadline moment)
{
    child.then = Then::Undecided;
    child.failure = end;
    if (end.way == Way::TerminateSupervisor && !child.rules.isContained) {
        report(child, Verdict::Terminate, end);
        shutDown({SupervisorEnd::Way::Terminated, child.id, end});
        return;
    }
    if (end.way == Way::DoNotRestart || end.way == Way::TerminateSupervisor) {
        stayDown(child, end);
        return;
    }
    if (m_phase == Phase::Starting && m_stage == Stage::Starting && child.id == m_cursor && !child.wasReady) {
        report(child, Verdict::GiveUpStart, end);
        shutDown({SupervisorEnd::Way::StartFailed, child.id, end});
        return;
    }
    if (std::exchange(child.isTrial, false) && end.way == Way::Error) {
        stayDown(child, end);
        return;
    }
    const bool comesBack = child.rules.restart == Restart::Permanent
                           || (child.rules.restart == Restart::Transient && end.way == Way::Error);
    if (comesBack)
        comeBack(child, end, moment);
    else
        stayDown(child, end);
}

void SupervisorCore::stayDown(Child &child, const ChildEnd &end)
{
    using AutoShutdown = Supervisor::AutoShutdown;
    const bool isDone = end.way == Way::Normal;
    const bool counts = isDone || child.rules.restart == Restart::Temporary;
    want(child, false);
    const bool endsAll = child.rules.isSignificant && counts
                         && (rules.autoShutdown == AutoShutdown::AnySignificant
                             || (rules.autoShutdown == AutoShutdown::AllSignificant
                                 && m_significantWanted == 0));
    if (endsAll)
        report(child, Verdict::AutoShutdown, end);
    else if (!isDone)
        report(child, Verdict::LeaveDown, end);
    const SupervisorEnd shutdown{SupervisorEnd::Way::Normal, child.id, {}};
    leaveDown(child, isDone);
    if (endsAll)
        shutDown(shutdown);
}

void SupervisorCore::comeBack(Child &child, const ChildEnd &end, Deadline moment)
{
    if (moment < m_pausedUntil) {
        report(child, Verdict::Wait, end, m_pausedUntil - moment);
        schedule(child, m_pausedUntil, moment);
        return;
    }
    if (rules.limit.countFailure(moment)) {
        if (rules.onLimit == Supervisor::OnLimit::Escalate) {
            report(child, Verdict::GiveUp, end);
            shutDown({SupervisorEnd::Way::TooManyRestarts, child.id, end});
            return;
        }
        const auto pause = rules.backoff.pause();
        rules.limit.reset();
        m_pausedUntil = later(moment, pause);
        report(child, Verdict::Pause, end, pause);
        schedule(child, m_pausedUntil, moment);
        return;
    }
    if (child.readySince && moment - *child.readySince >= rules.backoff.quietPeriod())
        child.failures = 0;
    const auto delay = rules.backoff.delay(++child.failures);
    report(child, Verdict::Restart, end, delay);
    schedule(child, later(moment, delay), moment);
}

void SupervisorCore::schedule(Child &child, Deadline due, Deadline moment)
{
    child.because = Action::Because::Failure;
    if (rules.strategy == Supervisor::Strategy::OneForOne) {
        if (due <= moment)
            startNow(child, moment);
        else
            m_due.set(child.id, due);
        return;
    }
    const bool isForAll = rules.strategy == Supervisor::Strategy::OneForAll;
    beginSweep(isForAll ? m_children.begin()->first : child.id, child.id, due);
}

} // namespace MicroIO::Detail
