// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/tasks/taskstatus.h>

namespace MicroIO::Detail {

StartCore::~StartCore() = default;

bool StartCore::isStarting() const
{
    const std::lock_guard lock(m_mutex);
    return m_state == State::Starting;
}

bool StartCore::childEnded(bool isCancelled, const std::exception_ptr &error)
{
    const std::lock_guard lock(m_mutex);
    if (m_state != State::Starting)
        return false;
    m_error = error;
    decide(isCancelled ? State::Cancelled : error ? State::Failed : State::Returned);
    return true;
}

void StartCore::decide(State state)
{
    m_state = state;
    if (m_wait)
        m_wait->completeReady();
}

bool StartCore::attach(Suspension *wait)
{
    const std::lock_guard lock(m_mutex);
    if (m_state != State::Starting)
        return true;
    m_wait = wait;
    return false;
}

void StartCore::detach()
{
    const std::lock_guard lock(m_mutex);
    m_wait = nullptr;
}

void StartCore::forget()
{
    const std::lock_guard lock(m_mutex);
    if (m_state == State::Starting)
        m_state = State::Forgotten;
}

void StartCore::throwUnlessReady(const QString &name, ScopeState &caller) const
{
    const std::lock_guard lock(m_mutex);
    switch (m_state) {
    case State::Ready:
        return;
    case State::Failed:
        std::rethrow_exception(m_error);
    case State::Returned:
        throw NotReadyError(QStringLiteral("%1 ended without having called started()").arg(name));
    case State::Cancelled:
        if (caller.isCancelled())
            throw caller.cancelled();
        throw TaskCancelledError(QStringLiteral("%1 was cancelled before it was ready").arg(name));
    case State::Starting:
    case State::Forgotten:
        break;
    }
    Q_UNREACHABLE();
}

StartWait::StartWait(ScopeRef scope, StartCore *start)
    : ScopedWait(std::move(scope), Mode::Outlasting)
    , m_start(start)
{
}

StartWait::~StartWait() = default;

bool StartWait::enter()
{
    return m_start->attach(this);
}

void StartWait::leave()
{
    m_start->detach();
}

} // namespace MicroIO::Detail
