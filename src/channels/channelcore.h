// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/channels/channelstats.h>
#include <MicroIO/loop/wakes.h>
#include <MicroIO/scopes/waitlist.h>

#include <atomic>
#include <exception>
#include <memory>
#include <mutex>

namespace MicroIO {

class ChannelNotifier;

namespace Detail {

class ChannelSignals;
class Inbox;
class ReceiveWaitBase;
class Scheduler;
class SendWaitBase;

/// The part of a channel that does not know its items: its state, its numbers, and who waits.
///
/// Items stand in two lists: what was sent, guarded by the mutex, and what the receiver has taken over from there in
/// one go, guarded by the takers' turn. Whoever takes items has the turn first and locks the mutex in it if need be;
/// senders lock the mutex alone.
class MICROIO_EXPORT ChannelCore : public std::enable_shared_from_this<ChannelCore>
{
public:
    /// Throws std::invalid_argument for a negative capacity.
    explicit ChannelCore(const ChannelOptions &options);
    virtual ~ChannelCore();
    Q_DISABLE_COPY_MOVE(ChannelCore)

    enum class Side : quint8 { Sender, Receiver };

    /// Ends the channel; with an error, it has failed. True for the first call only.
    bool end(Side side, std::exception_ptr error, bool isFailure);

    bool isClosed() const;
    ChannelStats stats() const;

    /// Throws WrongThreadError if it is bound already.
    void bind();

    /// The object that tells the receiver's thread; made, and the channel bound, by the first call.
    ChannelNotifier *notifier();

    enum class Receive : quint8 { Wait, Item, End, Failed, Closed, Busy, WrongThread };

    /// Throws what a receive throws that found no item.
    [[noreturn]] void throwFor(Receive receive) const;

protected:
    // Senders and the receiver work in parallel: what either writes for each item stands on cache lines of its own.
    static constexpr size_t cacheLine = 64;

    enum class Send : quint8 { Accepted, Late, Full };

    /// With the mutex held: whether an item may be appended now, by sendNow(). A late one is counted as dropped.
    Send mayAppendLocked(Wakes &wakes);
    /// With the mutex held: counts an item that has just been appended and wakes the receiver; gives its number.
    quint64 appendedLocked(Wakes &wakes);
    /// With the mutex released, when an item was not accepted: throws, unless late items are dropped.
    void refuse(Send send) const;

    /// Waits for the turn of taking; false if the caller has it already, in the constructor or destructor of an item.
    bool beginTaking();
    void endTaking() { m_taker.store(nullptr, std::memory_order_release); }
    /// The same, or throws BusyResourceError.
    void beginTakingOrThrow();
    /// In the turn: collects all that is queued. At a rendezvous, that is what one sender offers, or all of them.
    enum class Offers : quint8 { One, All };
    void collect(Offers offers);
    /// In the turn: \a count items have been taken; makes room for others.
    void tookSome(quint64 count)
    {
        const quint64 taken = m_taken.load(std::memory_order_relaxed) + count;
        if (!m_isBounded) {
            m_taken.store(taken, std::memory_order_release);
            return;
        }
        // In one order with what offerLocked() does: it sees the room, or this sees the sender.
        m_taken.store(taken, std::memory_order_seq_cst);
        if (m_blockedCount.load(std::memory_order_seq_cst) > 0)
            admitBlocked();
    }
    /// Throws unless tryReceive() may be called here and now.
    void requireTaker() const;

    /// The receive end is gone. True if the caller has the turn, and everything collected to be destroyed.
    bool dropReceiver();
    /// After dropReceiver() was true: \a count items were taken out to be destroyed.
    void discarded(qsizetype count);

private:
    friend class ChannelSignals;
    friend class ReceiveWaitBase;
    friend class SendWaitBase;

    enum class State : quint8 { Open, Closed, Failed };

    /// In the turn.
    virtual bool hasCollected() const = 0;
    /// In the turn, with the mutex held: what was sent is collected, behind what already is.
    virtual void collectSentLocked() = 0;
    /// In the turn, with nothing collected: there will be none for a while.
    virtual void becomeIdle() = 0;
    /// With the mutex held: appends the item of \a wait.
    virtual void appendFromLocked(SendWaitBase &wait) = 0;

    bool acceptsLocked();
    bool isReceiverGoneLocked() const;
    bool isAtHome(const Scheduler *scheduler) const;
    bool bindLocked(const Scheduler *scheduler);
    void homeEnded();
    bool wakeReceiverLocked(Wakes &wakes);

    Receive beginReceive(ReceiveWaitBase *wait);
    Receive look(ReceiveWaitBase *wait);

    void collectLocked(Offers offers, Wakes &wakes);
    bool isRendezvous() const { return m_isBounded && m_capacity == 0; }
    qsizetype roomLocked() const;
    void admitLocked(qsizetype room, Wakes &wakes);
    void admitBlocked();
    bool offerLocked(SendWaitBase *wait, Wakes &wakes);
    void withdrawLocked(SendWaitBase *wait);

    const LateSend m_lateSend;
    const bool m_isBounded;
    std::atomic<const Inbox *> m_homeAddress{nullptr}; // of m_home
    std::atomic<bool> m_closedByReceiver{false}; // nothing is received any more, whatever is queued
    std::atomic<const ReceiveWaitBase *> m_receiving{
        nullptr}; // set on the receiver's thread, with m_mutex held
    std::atomic<qsizetype> m_blockedCount{0}; // changed with m_mutex held

    alignas(cacheLine) std::atomic<const void *> m_taker{nullptr}; // whose turn of taking it is
    std::atomic<quint64> m_taken{0}; // changed in the turn

protected:
    alignas(cacheLine) mutable std::mutex m_mutex;

private:
    const qsizetype m_capacity; // if it is bounded
    State m_state = State::Open; // guarded by m_mutex, as all that follows; leaves Open once
    Side m_endedBy = Side::Sender;
    bool m_receiverDropped = false;
    std::exception_ptr m_error;
    quint64 m_sent = 0;
    quint64 m_dropped = 0;
    quint64 m_discarded = 0;
    ReceiveWaitBase *m_wakeable = nullptr; // the receive that the next item is to wake
    WaitList m_blocked; // oldest first
    std::shared_ptr<Inbox> m_home; // of the loop that receives; set once
    quint64 m_homeListener = 0;
    std::shared_ptr<ChannelSignals> m_signals; // set once
};

} // namespace Detail
} // namespace MicroIO
