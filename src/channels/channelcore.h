// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/scopes/scopedwait.h>

#include <exception>
#include <memory>
#include <mutex>

namespace MicroIO {

/// Figures of a channel, all of one moment.
struct ChannelStats
{
    quint64 sent = 0; ///< items that were accepted
    quint64 received = 0; ///< items that were given out, by receiving or draining
    quint64 dropped = 0; ///< late sends that were refused or dropped
    qsizetype queued = 0;
    bool closed = false; ///< closed or failed, by either end
};

/// What happens to an item that is sent when the channel has ended.
enum class LateSend {
    Throw, ///< the send throws
    Drop, ///< the item is dropped, and counted
};

namespace Detail {

class Inbox;

/// The part of a channel that does not know its items: its state, its numbers, and the receiver's wait.
class MICROIO_EXPORT ChannelCore
{
public:
    explicit ChannelCore(LateSend lateSend);
    virtual ~ChannelCore();
    Q_DISABLE_COPY_MOVE(ChannelCore)

    enum class Side : quint8 { Sender, Receiver };

    /// Ends the channel; with an error, it has failed. True for the first call only.
    bool end(Side side, std::exception_ptr error, bool isFailure);
    /// The receive end is gone: what is queued is destroyed.
    void dropReceiver();

    bool isClosed() const;
    ChannelStats stats() const;

    /// Throws WrongThreadError if it is bound already.
    void bind();

    enum class Receive : quint8 { Wait, Item, End, Failed, Closed, Busy, WrongThread };

protected:
    /// With the mutex held: true if the channel takes an item now. Else the item is counted as dropped.
    bool acceptsLocked();
    /// After acceptsLocked() was false, with the mutex released: throws, unless late items are dropped.
    void refuse() const;
    /// With the mutex held: counts an item that has just been queued and wakes the receiver; gives its number.
    quint64 queuedOneLocked();

    /// With the mutex held: what a receive on this thread finds.
    Receive lookLocked();
    /// The same without regard to the thread.
    Receive peekLocked() const;
    void tookLocked(qsizetype count) { m_stats.received += quint64(count); }

    mutable std::mutex m_mutex;

private:
    friend class ReceiveWaitBase;
    [[noreturn]] void throwFor(Receive receive) const;

    virtual qsizetype queuedLocked() const = 0;
    /// With the mutex held: moves what is queued to a place of its own, to be destroyed later.
    virtual std::shared_ptr<void> takeAllLocked() = 0;

    enum class State : quint8 { Open, Closed, Failed };

    bool isReceiverGoneLocked() const;

    const LateSend m_lateSend;
    State m_state = State::Open; // guarded by m_mutex, as all that follows; leaves Open once
    Side m_endedBy = Side::Sender;
    bool m_receiverDropped = false;
    std::exception_ptr m_error;
    ChannelStats m_stats;
    std::shared_ptr<Inbox> m_home; // of the loop that receives
    Suspension *m_wait = nullptr;
};

/// A receive. An item that wakes it stays in the channel until it resumes.
class MICROIO_EXPORT ReceiveWaitBase : public ScopedWait
{
public:
    const char *waitsFor() const override { return "receive"; }

protected:
    ReceiveWaitBase(ScopeRef scope, ChannelCore *channel);
    ~ReceiveWaitBase() override;

    /// True if there is an item; false at the end of the stream. Throws for everything else.
    bool hasItem() const;
    [[noreturn]] void throwEndOfStream() const;

    /// With the mutex held: takes what the wait gives.
    virtual void takeLocked() = 0;

private:
    bool enter() override;
    bool finish() override;
    void leave() override;
    bool look();

    ChannelCore *const m_channel;
    ChannelCore::Receive m_found = ChannelCore::Receive::Wait;
};

} // namespace Detail
} // namespace MicroIO
