// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/CancelScope>

#include "scopes/contextcallback_p.h"
#include "scopes/scopetree_p.h"

namespace MicroIO {

using Detail::ScopeRef;
using Detail::ScopeState;

CancelScope::CancelScope()
    : m_state(ScopeRef::adopt(new ScopeState(ScopeState::Kind::Plain)))
{
}

CancelScope::CancelScope(ScopeRef state)
    : m_state(std::move(state))
{
}

CancelScope CancelScope::boundTo(QObject *owner)
{
    if (!owner)
        throw std::invalid_argument(
            "CancelScope::boundTo(nullptr): pass the object that the scope is to end with");
    CancelScope scope;
    scope.m_state->bindTo(owner);
    return scope;
}

CancelScope CancelScope::child(Deadline deadline) const
{
    m_state->isCancelled(); // a deadline above that has passed unnoticed
    return CancelScope(ScopeRef::adopt(new ScopeState(ScopeState::Kind::Plain, m_state.get(), deadline)));
}

CancelScope CancelScope::shielded() const
{
    return CancelScope(ScopeRef::adopt(new ScopeState(ScopeState::Kind::Shield, m_state.get())));
}

bool CancelScope::cancel(const QString &reason) const
{
    return m_state->cancel(reason);
}

bool CancelScope::isCancelled() const
{
    return m_state->isCancelled();
}

QString CancelScope::reason() const
{
    m_state->isCancelled();
    return m_state->reason();
}

bool CancelScope::timedOut() const
{
    m_state->isCancelled();
    return m_state->timedOut();
}

Deadline CancelScope::deadline() const
{
    return m_state->deadline();
}

void CancelScope::setDeadline(Deadline deadline) const
{
    m_state->setDeadline(deadline);
}

void CancelScope::throwIfCancelled() const
{
    if (m_state->isCancelled())
        throw m_state->cancelled();
}

Subscription CancelScope::onCancel(QObject *context, std::function<void()> callback) const
{
    if (!callback)
        throw std::invalid_argument("CancelScope::onCancel(): an empty callback");
    const auto call = Detail::ContextCallback::create(
        context, [callback = std::move(callback)](const std::exception_ptr &) { callback(); });
    const quint64 id = m_state->addListener([call] { call->fire(); }, Detail::Inbox::of(context->thread()));
    return call->subscription([weak = m_state->weak(), id] {
        if (const auto scope = weak->lock())
            scope->removeListener(id);
    });
}

} // namespace MicroIO
