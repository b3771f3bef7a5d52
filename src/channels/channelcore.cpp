// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/channels/channelcore.h>

#include "channels/channelsignals_p.h"
#include "loop/inbox_p.h"
#include "loop/scheduler_p.h"
#include "scopes/errors_p.h"
#include <MicroIO/ChannelNotifier>
#include <MicroIO/channels/channelwaits.h>

#include <limits>
#include <stdexcept>
#include <thread>

namespace MicroIO::Detail {

namespace {

/// Who the calling thread is, among those that take items.
const void *thisTaker()
{
    static thread_local const char place = 0;
    return &place;
}

} // namespace

ChannelCore::ChannelCore(const ChannelOptions &options)
    : m_lateSend(options.lateSend)
    , m_isBounded(options.capacity.has_value())
    , m_capacity(options.capacity.value_or(0))
{
    if (m_capacity < 0)
        throw std::invalid_argument(
            "createChannel(): the capacity is negative; pass 0 for a rendezvous, or none "
            "for a channel without a bound");
}

ChannelCore::~ChannelCore()
{
    if (m_homeListener)
        m_home->removeEndListener(m_homeListener);
}

bool ChannelCore::end(Side side, std::exception_ptr error, bool isFailure)
{
    Wakes wakes;
    const std::lock_guard lock(m_mutex);
    if (m_state != State::Open)
        return false;
    m_state = isFailure ? State::Failed : State::Closed;
    m_endedBy = side;
    m_error = std::move(error);
    if (side == Side::Receiver && !isFailure)
        m_closedByReceiver.store(true, std::memory_order_release);
    wakeReceiverLocked(wakes);
    m_blocked.completeAll(wakes);
    if (m_signals)
        m_signals->tellLocked(ChannelSignals::End, wakes);
    return true;
}

bool ChannelCore::dropReceiver()
{
    end(Side::Receiver, nullptr, false);
    std::shared_ptr<ChannelSignals> signals;
    {
        const std::lock_guard lock(m_mutex);
        m_receiverDropped = true;
        signals.swap(m_signals);
    }
    if (signals)
        ChannelSignals::retire(std::move(signals));
    if (!beginTaking())
        return false; // dropped by an item that is just being taken: what is left goes with the channel
    collect(Offers::All);
    return true;
}

void ChannelCore::discarded(qsizetype count)
{
    {
        const std::lock_guard lock(m_mutex);
        m_discarded += quint64(count);
        m_taken.store(m_taken.load(std::memory_order_relaxed) + quint64(count), std::memory_order_release);
    }
    endTaking();
}

bool ChannelCore::isClosed() const
{
    const std::lock_guard lock(m_mutex);
    return m_state != State::Open;
}

ChannelStats ChannelCore::stats() const
{
    const std::lock_guard lock(m_mutex);
    const quint64 taken = m_taken.load(std::memory_order_acquire);
    return {.sent = m_sent,
            .received = taken - m_discarded,
            .dropped = m_dropped,
            .queued = qsizetype(m_sent - taken),
            .closed = m_state != State::Open,
            .blockedSends = m_blockedCount.load(std::memory_order_relaxed)};
}

// ---- where it is received

bool ChannelCore::isAtHome(const Scheduler *scheduler) const
{
    return scheduler && m_homeAddress.load(std::memory_order_acquire) == scheduler->inbox().get();
}

/// False if it is bound already.
bool ChannelCore::bindLocked(const Scheduler *scheduler)
{
    if (m_home)
        return false;
    m_home = scheduler->inbox();
    m_homeAddress.store(m_home.get(), std::memory_order_release);
    if (m_isBounded) { // else nobody waits for the receiver
        m_homeListener = m_home->addEndListener([weak = weak_from_this()] {
            if (const auto channel = weak.lock())
                channel->homeEnded();
        });
    }
    return true;
}

void ChannelCore::bind()
{
    const auto *scheduler = Scheduler::current();
    if (!scheduler)
        throw WrongThreadError(QStringLiteral("bind() on a thread without an event loop"));
    const std::lock_guard lock(m_mutex);
    if (!bindLocked(scheduler))
        throw WrongThreadError(QStringLiteral("the receive end is bound to a thread already; bind it once"));
}

/// Senders that wait for room would wait for ever.
void ChannelCore::homeEnded()
{
    Wakes wakes;
    const std::lock_guard lock(m_mutex);
    m_blocked.completeAll(wakes);
}

bool ChannelCore::isReceiverGoneLocked() const
{
    return m_receiverDropped || (m_home && m_home->isClosed());
}

ChannelNotifier *ChannelCore::notifier()
{
    const auto *scheduler = Scheduler::current();
    Wakes wakes;
    const std::lock_guard lock(m_mutex);
    if (m_signals)
        return m_signals->notifier();
    if (scheduler && !m_home)
        bindLocked(scheduler);
    if (!isAtHome(scheduler))
        throw WrongThreadError(QStringLiteral(
            "the notifier of a channel is made on the thread that receives: call notifier() there"));
    m_signals = std::make_shared<ChannelSignals>(this, m_home);
    if (m_sent != m_taken.load(std::memory_order_acquire))
        m_signals->tellLocked(ChannelSignals::Items, wakes);
    if (m_state != State::Open)
        m_signals->tellLocked(ChannelSignals::End, wakes);
    return m_signals->notifier();
}

// ---- sending without waiting

bool ChannelCore::acceptsLocked()
{
    if (m_state == State::Open && !isReceiverGoneLocked())
        return true;
    ++m_dropped;
    return false;
}

ChannelCore::Send ChannelCore::mayAppendLocked(Wakes &wakes)
{
    if (!acceptsLocked())
        return Send::Late;
    if (!m_isBounded)
        return Send::Accepted;
    admitLocked(roomLocked(), wakes);
    if (!m_blocked.isEmpty())
        return Send::Full;
    if (roomLocked() > 0)
        return Send::Accepted;
    // at a rendezvous: a receive that waits takes it, whatever becomes of its scope
    return isRendezvous() && wakeReceiverLocked(wakes) ? Send::Accepted : Send::Full;
}

quint64 ChannelCore::appendedLocked(Wakes &wakes)
{
    wakeReceiverLocked(wakes);
    if (m_signals && !isRendezvous()) // at a rendezvous, the offer was told already
        m_signals->tellLocked(ChannelSignals::Items, wakes);
    return ++m_sent;
}

/// True if there was a receive to wake, which had not been cancelled.
bool ChannelCore::wakeReceiverLocked(Wakes &wakes)
{
    if (!m_wakeable)
        return false;
    return std::exchange(m_wakeable, nullptr)->completeReady(&wakes);
}

void ChannelCore::refuse(Send send) const
{
    if (send == Send::Full)
        throw WouldBlock(
            QStringLiteral("the channel is full; await send(), or try again when items have been "
                           "received"));
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

// ---- sending to a channel with a bound

qsizetype ChannelCore::roomLocked() const
{
    return m_capacity - qsizetype(m_sent - m_taken.load(std::memory_order_seq_cst));
}

/// Moves the items of the oldest senders that wait into the channel, as far as there is \a room, and wakes these.
void ChannelCore::admitLocked(qsizetype room, Wakes &wakes)
{
    if (m_blocked.isEmpty() || m_state != State::Open || isReceiverGoneLocked())
        return;
    while (room > 0) {
        auto *wait = static_cast<SendWaitBase *>(m_blocked.first());
        if (!wait)
            break;
        withdrawLocked(wait);
        if (!wait->completeReady(&wakes))
            continue; // it was cancelled: its item stays with it
        try {
            appendFromLocked(*wait);
            wait->m_number = appendedLocked(wakes);
            wait->m_result = SendWaitBase::Result::Accepted;
            --room;
        } catch (...) {
            wait->m_error = std::current_exception();
            wait->m_result = SendWaitBase::Result::Threw;
        }
    }
}

void ChannelCore::admitBlocked()
{
    Wakes wakes;
    const std::lock_guard lock(m_mutex);
    admitLocked(roomLocked(), wakes);
}

/// True if the send is over, one way or the other; else it waits.
bool ChannelCore::offerLocked(SendWaitBase *wait, Wakes &wakes)
{
    if (!acceptsLocked()) {
        wait->m_result = SendWaitBase::Result::Late;
        return true;
    }
    bool mayAppend = !m_isBounded;
    if (m_isBounded) {
        admitLocked(roomLocked(), wakes);
        // Counted before looking for room: who takes an item now sees it waiting, or the room is seen here. See
        // tookSome().
        const bool isFirst = m_blockedCount.fetch_add(1, std::memory_order_seq_cst) == 0;
        mayAppend = isFirst && roomLocked() > 0;
        if (mayAppend)
            m_blockedCount.fetch_sub(1, std::memory_order_relaxed);
    }
    if (mayAppend) {
        appendFromLocked(*wait);
        wait->m_number = appendedLocked(wakes);
        wait->m_result = SendWaitBase::Result::Accepted;
        return true;
    }
    m_blocked.add(wait);
    wait->m_isBlocked = true;
    if (isRendezvous()) {
        wakeReceiverLocked(wakes);
        if (m_signals)
            m_signals->tellLocked(ChannelSignals::Items, wakes);
    }
    return false;
}

void ChannelCore::withdrawLocked(SendWaitBase *wait)
{
    if (!std::exchange(wait->m_isBlocked, false))
        return;
    m_blocked.remove(wait);
    m_blockedCount.fetch_sub(1, std::memory_order_seq_cst);
}

// ---- taking

bool ChannelCore::beginTaking()
{
    const void *me = thisTaker();
    for (;;) {
        const void *taker = nullptr;
        if (m_taker.compare_exchange_strong(taker, me, std::memory_order_acquire, std::memory_order_relaxed))
            return true;
        if (taker == me)
            return false;
        std::this_thread::yield(); // another thread drains: it only moves items, and does not wait
    }
}

void ChannelCore::beginTakingOrThrow()
{
    if (!beginTaking())
        throw BusyResourceError(
            QStringLiteral("an item takes others out of its channel while it is being taken itself"));
}

void ChannelCore::collect(Offers offers)
{
    Wakes wakes;
    const std::lock_guard lock(m_mutex);
    collectLocked(offers, wakes);
}

void ChannelCore::collectLocked(Offers offers, Wakes &wakes)
{
    if (isRendezvous() && (offers == Offers::All || (m_sent == m_taken.load(std::memory_order_relaxed))))
        admitLocked(offers == Offers::All ? std::numeric_limits<qsizetype>::max() : 1, wakes);
    collectSentLocked();
}

void ChannelCore::requireTaker() const
{
    if (!isAtHome(Scheduler::currentOrNull())) {
        const std::lock_guard lock(m_mutex);
        if (m_home && !m_home->isClosed())
            throwFor(Receive::WrongThread);
    }
    if (m_receiving.load(std::memory_order_acquire))
        throwFor(Receive::Busy);
}

ChannelCore::Receive ChannelCore::beginReceive(ReceiveWaitBase *wait)
{
    const auto *scheduler = Scheduler::current();
    if (!isAtHome(scheduler)) {
        const std::lock_guard lock(m_mutex);
        if (!scheduler || !bindLocked(scheduler))
            return Receive::WrongThread;
    }
    if (m_receiving.load(std::memory_order_relaxed))
        return Receive::Busy;
    return look(wait);
}

/// What a receive finds. With an item, it has the turn of taking; with nothing, \a wait is registered if there is one.
ChannelCore::Receive ChannelCore::look(ReceiveWaitBase *wait)
{
    if (!beginTaking())
        return Receive::Busy;
    if (hasCollected() && !m_closedByReceiver.load(std::memory_order_acquire))
        return Receive::Item;
    Wakes wakes;
    std::unique_lock lock(m_mutex);
    if (m_closedByReceiver.load(std::memory_order_relaxed)) {
        endTaking();
        return Receive::Closed;
    }
    collectLocked(Offers::One, wakes);
    if (hasCollected())
        return Receive::Item;
    const State state = m_state;
    if (state == State::Open && wait) {
        m_receiving.store(wait, std::memory_order_release);
        m_wakeable = wait;
    }
    lock.unlock();
    becomeIdle();
    endTaking();
    switch (state) {
    case State::Open:
        return Receive::Wait;
    case State::Closed:
        return Receive::End;
    case State::Failed:
        return Receive::Failed;
    }
    Q_UNREACHABLE();
}

void ChannelCore::throwFor(Receive receive) const
{
    switch (receive) {
    case Receive::Failed: {
        std::unique_lock lock(m_mutex);
        const auto error = m_error;
        lock.unlock();
        if (error)
            std::rethrow_exception(error);
        throw BrokenResourceError(QStringLiteral("the channel has failed"));
    }
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

} // namespace MicroIO::Detail
