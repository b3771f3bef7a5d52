// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/channels/channelcore.h>

#include "loop/inbox_p.h"
#include "loop/scheduler_p.h"
#include "scopes/errors_p.h"

#include <QThread>

namespace MicroIO::Detail {

ChannelCore::ChannelCore(LateSend lateSend)
    : m_lateSend(lateSend)
{
}

ChannelCore::~ChannelCore() = default;

bool ChannelCore::end(Side side, std::exception_ptr error, bool isFailure)
{
    const std::lock_guard lock(m_mutex);
    if (m_state != State::Open)
        return false;
    m_state = isFailure ? State::Failed : State::Closed;
    m_endedBy = side;
    m_error = std::move(error);
    if (m_wait)
        m_wait->completeReady();
    return true;
}

void ChannelCore::dropReceiver()
{
    end(Side::Receiver, nullptr, false);
    std::shared_ptr<void> items; // destroyed with the mutex released: a destructor may send
    const std::lock_guard lock(m_mutex);
    m_receiverDropped = true;
    items = takeAllLocked();
}

bool ChannelCore::isClosed() const
{
    const std::lock_guard lock(m_mutex);
    return m_state != State::Open;
}

ChannelStats ChannelCore::stats() const
{
    const std::lock_guard lock(m_mutex);
    ChannelStats stats = m_stats;
    stats.queued = queuedLocked();
    stats.closed = m_state != State::Open;
    return stats;
}

void ChannelCore::bind()
{
    const auto *scheduler = Scheduler::current();
    if (!scheduler)
        throw WrongThreadError(QStringLiteral("bind() on a thread without an event loop"));
    const std::lock_guard lock(m_mutex);
    if (m_home)
        throw WrongThreadError(QStringLiteral("the receive end is bound to a thread already; bind it once"));
    m_home = scheduler->inbox();
}

bool ChannelCore::isReceiverGoneLocked() const
{
    return m_receiverDropped || (m_home && m_home->isClosed());
}

bool ChannelCore::acceptsLocked()
{
    if (m_state == State::Open && !isReceiverGoneLocked())
        return true;
    ++m_stats.dropped;
    return false;
}

void ChannelCore::refuse() const
{
    if (m_lateSend == LateSend::Drop)
        return;
    std::unique_lock lock(m_mutex);
    const auto error = m_error;
    const bool isOurs = m_state != State::Open && m_endedBy == Side::Sender;
    lock.unlock();
    if (isOurs)
        throwWithCause(ClosedResourceError(QStringLiteral("send on a channel that was closed")), error);
    throwWithCause(BrokenResourceError(QStringLiteral("send on a channel whose receive end is gone")), error);
}

quint64 ChannelCore::queuedOneLocked()
{
    if (m_wait)
        m_wait->completeReady();
    return ++m_stats.sent;
}

ChannelCore::Receive ChannelCore::peekLocked() const
{
    if (m_state != State::Open && m_endedBy == Side::Receiver && m_state == State::Closed)
        return Receive::Closed;
    if (queuedLocked() > 0)
        return Receive::Item;
    switch (m_state) {
    case State::Open:
        return Receive::Wait;
    case State::Closed:
        return Receive::End;
    case State::Failed:
        return Receive::Failed;
    }
    Q_UNREACHABLE();
}

ChannelCore::Receive ChannelCore::lookLocked()
{
    const auto *scheduler = Scheduler::current();
    if (!m_home && scheduler)
        m_home = scheduler->inbox();
    if (!scheduler || scheduler->inbox() != m_home)
        return Receive::WrongThread;
    if (m_wait)
        return Receive::Busy;
    return peekLocked();
}

void ChannelCore::throwFor(Receive receive) const
{
    std::unique_lock lock(m_mutex);
    const auto error = m_error;
    lock.unlock();
    switch (receive) {
    case Receive::Failed:
        if (error)
            std::rethrow_exception(error);
        throw BrokenResourceError(QStringLiteral("the channel has failed"));
    case Receive::Closed:
        throw ClosedResourceError(QStringLiteral("receive on a receive end that was closed"));
    case Receive::Busy:
        throw BusyResourceError(
            QStringLiteral("another receive is waiting on this channel; it has one receiver"));
    case Receive::WrongThread:
        throw WrongThreadError(
            QStringLiteral("receive on another thread than the one that the channel is bound to"));
    case Receive::End:
        throw EndOfStream(QStringLiteral("the channel was closed, and all of its items have been received"));
    case Receive::Wait:
    case Receive::Item:
        break;
    }
    Q_UNREACHABLE();
}

ReceiveWaitBase::ReceiveWaitBase(ScopeRef scope, ChannelCore *channel)
    : ScopedWait(std::move(scope))
    , m_channel(channel)
{
}

ReceiveWaitBase::~ReceiveWaitBase() = default;

/// With the mutex held: true if there is something to return or to throw.
bool ReceiveWaitBase::look()
{
    if (m_found == ChannelCore::Receive::Item)
        takeLocked();
    return m_found != ChannelCore::Receive::Wait;
}

bool ReceiveWaitBase::enter()
{
    const std::lock_guard lock(m_channel->m_mutex);
    m_found = m_channel->lookLocked();
    if (look())
        return true;
    m_channel->m_wait = this;
    return false;
}

bool ReceiveWaitBase::finish()
{
    const std::lock_guard lock(m_channel->m_mutex);
    m_found = m_channel->peekLocked();
    return look();
}

void ReceiveWaitBase::leave()
{
    const std::lock_guard lock(m_channel->m_mutex);
    if (m_channel->m_wait == this)
        m_channel->m_wait = nullptr;
}

bool ReceiveWaitBase::hasItem() const
{
    checkOutcome();
    if (m_found == ChannelCore::Receive::Item)
        return true;
    if (m_found == ChannelCore::Receive::End)
        return false;
    m_channel->throwFor(m_found);
}

void ReceiveWaitBase::throwEndOfStream() const
{
    m_channel->throwFor(ChannelCore::Receive::End);
}

} // namespace MicroIO::Detail
