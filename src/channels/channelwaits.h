// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/channels/channelcore.h>

namespace MicroIO::Detail {

/// A receive. An item that wakes it stays in the channel until it resumes; it then has the takers' turn until
/// await_resume() has taken what it gives.
class MICROIO_EXPORT ReceiveWaitBase : public ScopedWait
{
public:
    const char *waitsFor() const override { return "receive"; }

protected:
    ReceiveWaitBase(ScopeRef scope, ChannelCore *channel);
    ~ReceiveWaitBase() override;

    /// True if there is an item, to be taken in the turn; false at the end of the stream. Throws for all else.
    bool hasItem() const;
    [[noreturn]] void throwEndOfStream() const;

private:
    friend class ChannelCore;

    bool enter() override;
    bool finish() override;
    void leave() override;

    ChannelCore *const m_channel;
    ChannelCore::Receive m_found = ChannelCore::Receive::Wait;
};

/// A send, which holds its item until there is room. Whoever makes room moves the item into the channel and wakes it.
class MICROIO_EXPORT SendWaitBase : public ListedWait
{
public:
    const char *waitsFor() const override { return "send"; }

protected:
    SendWaitBase(ScopeRef scope, ChannelCore *channel);
    ~SendWaitBase() override;

    /// The number of the item; nullopt if it was dropped.
    std::optional<quint64> result() const;

private:
    friend class ChannelCore;

    enum class Result : quint8 { Waiting, Accepted, Late, Threw };

    bool enter() override;
    bool finish() override;
    void leave() override;

    ChannelCore *const m_channel;
    Result m_result =
        Result::Waiting; // guarded by the channel's mutex until the wait has ended, as all that follows
    bool m_isBlocked = false;
    quint64 m_number = 0;
    std::exception_ptr m_error; // of the item's move constructor
};

} // namespace MicroIO::Detail
