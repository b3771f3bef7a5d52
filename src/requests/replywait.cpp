// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/requests/replywait.h>

#include "loop/scheduler_p.h"

namespace MicroIO::Detail {

bool ReplyWaitBase::mustYieldBefore(ScopeState &scope)
{
    requireLoop();
    return scope.isCancelled() || !Scheduler::current()->mayContinue();
}

ReplyWaitBase::ReplyWaitBase(ScopeRef scope, RequestCore *table, ReplyCore *reply, Bond bond)
    : ScopedWait(std::move(scope))
    , m_table(table)
    , m_reply(reply)
    , m_bond(bond)
{
}

ReplyWaitBase::~ReplyWaitBase() = default;

bool ReplyWaitBase::enter()
{
    const std::lock_guard lock(m_table->m_mutex);
    m_isBusy = m_reply->m_hasFuture || (m_reply->isPending() && (m_reply->m_wait || m_reply->m_blocked));
    if (m_isBusy || !m_reply->isPending())
        return true;
    m_reply->m_wait = this;
    m_reply->m_belongsToWait = m_bond == Bond::Owning;
    return false;
}

void ReplyWaitBase::leave()
{
    const std::lock_guard lock(m_table->m_mutex);
    if (m_reply->m_wait != this)
        return;
    m_reply->m_wait = nullptr;
    if (m_bond == Bond::Owning && m_reply->isPending()) {
        m_table->removeLocked(*m_reply);
        m_reply->decideLocked(ReplyCore::State::GivenUp);
    }
}

void ReplyWaitBase::takeAnswer()
{
    // Cancelled before it could register, one that owns its request still has to see whether the request was decided.
    if (m_bond == Bond::Loose || isReady() || m_table->settle(*m_reply, ReplyCore::State::GivenUp)
        || m_reply->isGivenUp())
        checkOutcome();
    if (m_isBusy) {
        const std::lock_guard lock(m_table->m_mutex);
        m_reply->refuseSecondLocked();
    }
    m_reply->takeAnswer();
}

} // namespace MicroIO::Detail
