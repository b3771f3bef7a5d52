// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/requests/replycore.h>

#include <MicroIO/Errors>

#include <stdexcept>

namespace MicroIO::Detail {

ReplyCore::~ReplyCore() = default;

bool ReplyCore::claimLocked(Wakes &wakes)
{
    // A wait that has been completed looks for the answer only after it has had the mutex.
    if (!m_wait || m_wait->completeReady(&wakes) || !m_belongsToWait)
        return true;
    decideLocked(State::GivenUp);
    return false;
}

void ReplyCore::decideLocked(State state)
{
    m_state.store(state, std::memory_order_release);
    if (m_blocked)
        m_blocked->notify_all();
}

bool ReplyCore::failLocked(const std::exception_ptr &error, Wakes &wakes)
{
    if (!claimLocked(wakes))
        return false;
    m_error = error;
    decideLocked(State::Failed);
    return true;
}

void ReplyCore::refuseSecondLocked() const
{
    if (m_hasFuture)
        throw BusyResourceError(QStringLiteral("this reply goes to a future, since future() was called"));
    if (isPending() && (m_wait || m_blocked))
        throw BusyResourceError(QStringLiteral("somebody else is waiting for this reply already"));
}

void ReplyCore::takeAnswer()
{
    auto found = State::Answered;
    if (m_state.compare_exchange_strong(found, State::Taken, std::memory_order_acq_rel))
        return;
    switch (found) {
    case State::Taken:
        throw std::logic_error("the reply was taken already: wait for it once, and keep it");
    case State::Abandoned:
        throw BrokenResourceError(QStringLiteral("the last reply handle was dropped without an answer"));
    case State::Failed:
        if (m_error)
            std::rethrow_exception(m_error);
        throw BrokenResourceError(QStringLiteral("the request failed"));
    case State::GivenUp:
        throw BrokenResourceError(QStringLiteral("the request was given up"));
    case State::Pending:
    case State::Answered:
        break;
    }
    Q_UNREACHABLE();
}

} // namespace MicroIO::Detail
