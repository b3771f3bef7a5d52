// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/channels/channelwaits.h>

namespace MicroIO::Detail {

ReceiveWaitBase::ReceiveWaitBase(ScopeRef scope, ChannelCore *channel)
    : ScopedWait(std::move(scope))
    , m_channel(channel)
{
}

ReceiveWaitBase::~ReceiveWaitBase() = default;

bool ReceiveWaitBase::enter()
{
    m_found = m_channel->beginReceive(this);
    return m_found != ChannelCore::Receive::Wait;
}

bool ReceiveWaitBase::finish()
{
    m_found = m_channel->look(nullptr);
    return m_found != ChannelCore::Receive::Wait;
}

void ReceiveWaitBase::leave()
{
    const std::lock_guard lock(m_channel->m_mutex);
    if (m_channel->m_receiving.load(std::memory_order_relaxed) != this)
        return;
    m_channel->m_receiving.store(nullptr, std::memory_order_release);
    m_channel->m_wakeable = nullptr;
}

bool ReceiveWaitBase::hasItem() const
{
    checkOutcome();
    if (m_found == ChannelCore::Receive::Item) [[likely]]
        return true;
    if (m_found == ChannelCore::Receive::End)
        return false;
    m_channel->throwFor(m_found);
}

void ReceiveWaitBase::throwEndOfStream() const
{
    m_channel->throwFor(ChannelCore::Receive::End);
}

SendWaitBase::SendWaitBase(ScopeRef scope, ChannelCore *channel)
    : ListedWait(std::move(scope))
    , m_channel(channel)
{
}

SendWaitBase::~SendWaitBase() = default;

bool SendWaitBase::enter()
{
    Wakes wakes;
    const std::lock_guard lock(m_channel->m_mutex);
    try {
        return m_channel->offerLocked(this, wakes);
    } catch (...) {
        m_error = std::current_exception();
        m_result = Result::Threw;
        return true;
    }
}

/// Woken without having been admitted: the channel has ended, or its receiver is gone.
bool SendWaitBase::finish()
{
    if (m_result != Result::Waiting)
        return true;
    const std::lock_guard lock(m_channel->m_mutex);
    if (m_channel->acceptsLocked())
        return false;
    m_result = Result::Late;
    return true;
}

void SendWaitBase::leave()
{
    const std::lock_guard lock(m_channel->m_mutex);
    m_channel->withdrawLocked(this);
}

std::optional<quint64> SendWaitBase::result() const
{
    checkOutcome();
    if (m_result == Result::Accepted)
        return m_number;
    if (m_result == Result::Threw)
        std::rethrow_exception(m_error);
    m_channel->refuse(ChannelCore::Send::Late);
    return std::nullopt;
}

} // namespace MicroIO::Detail
