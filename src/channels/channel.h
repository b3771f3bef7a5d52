// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/CancelScope>
#include <MicroIO/channels/channelqueue.h>

#include <exception>
#include <memory>
#include <optional>
#include <vector>

namespace MicroIO {

struct ChannelOptions
{
    LateSend lateSend = LateSend::Throw;
};

/// The end of a channel that takes items in. A copyable, thread-safe value; the stream ends when the last copy is gone,
/// or when one of them closes it. An empty one (default-constructed) may only be assigned to.
template<typename T>
class SendChannel
{
public:
    SendChannel() = default;

    /// Queues \a item; never blocks. Gives its number, counted from 1; std::nullopt if it was dropped because the
    /// channel has ended (LateSend::Drop). Throws ClosedResourceError if the channel was closed or failed by a
    /// send end, BrokenResourceError if the receive end or its thread is gone. Any thread; the receiver is
    /// resumed from its own event loop.
    std::optional<quint64> sendNow(T item) const { return d->queue->send(std::move(item)); }

    /// Ends the stream: what is queued is received first, then EndOfStream. True for the first end only. Any thread.
    bool close() const { return d->queue->end(Detail::ChannelCore::Side::Sender, nullptr, false); }

    /// Ends the stream with \a error: what is queued is received first, then \a error, for ever. Any thread.
    bool fail(std::exception_ptr error) const
    {
        return d->queue->end(Detail::ChannelCore::Side::Sender, std::move(error), true);
    }

    /// True once either end has closed or failed it. Any thread.
    bool isClosed() const { return d->queue->isClosed(); }

    ChannelStats stats() const { return d->queue->stats(); }

    /// For createChannel().
    explicit SendChannel(std::shared_ptr<Detail::SendEnd<T>> end)
        : d(std::move(end))
    {
    }

private:
    std::shared_ptr<Detail::SendEnd<T>> d;
};

/// The end of a channel that gives items out, on one thread: that of bind() or of the first receive. Move-only;
/// when it is gone, so is what is queued, and senders get BrokenResourceError.
template<typename T>
class ReceiveChannel
{
public:
    ReceiveChannel() = default;
    ReceiveChannel(ReceiveChannel &&) noexcept = default;
    ReceiveChannel &operator=(ReceiveChannel &&other) noexcept
    {
        if (this != &other) {
            drop();
            d = std::move(other.d);
        }
        return *this;
    }
    ~ReceiveChannel() { drop(); }

    /// Binds it to the calling thread's event loop. Throws WrongThreadError if it is bound already, or if the thread has
    /// no event loop.
    void bind() { d->bind(); }

    /// co_await: the next item. A cancelled receive takes none; one that was woken for an item returns it also if
    /// its scope was cancelled meanwhile. Throws Cancelled, EndOfStream when the channel was closed and is empty,
    /// the failure when it has failed and is empty, ClosedResourceError after close() of this end,
    /// BusyResourceError while another receive waits, WrongThreadError on another thread.
    auto receive(CancelScope scope)
    {
        return Detail::WaitOf<Detail::ReceiveWait<T>, std::shared_ptr<Detail::ChannelQueue<T>>>(scope.state(),
                                                                                                d);
    }

    /// co_await: the same, but std::nullopt at the end of the stream: while (auto item = co_await rx.next(scope))
    auto next(CancelScope scope)
    {
        return Detail::WaitOf<Detail::NextWait<T>, std::shared_ptr<Detail::ChannelQueue<T>>>(scope.state(),
                                                                                             d);
    }

    /// All that is queued, oldest first; never waits. Any thread.
    std::vector<T> drainNow() { return d->drain(); }

    /// Ends the channel from this side: senders get BrokenResourceError, later receives ClosedResourceError; what is
    /// queued can be drained. True for the first end only. Any thread.
    bool close() { return d->end(Detail::ChannelCore::Side::Receiver, nullptr, false); }

    /// The same with an error, which is nested in the senders' BrokenResourceError; what is queued can be received
    /// first, then receiving throws \a error.
    bool fail(std::exception_ptr error)
    {
        return d->end(Detail::ChannelCore::Side::Receiver, std::move(error), true);
    }

    bool isClosed() const { return d->isClosed(); }
    ChannelStats stats() const { return d->stats(); }

    /// For the library's own classes: what knows the figures, as long as it is there.
    std::weak_ptr<const Detail::ChannelCore> core() const { return d; }

    /// For createChannel().
    explicit ReceiveChannel(std::shared_ptr<Detail::ChannelQueue<T>> queue)
        : d(std::move(queue))
    {
    }

private:
    void drop()
    {
        if (d)
            d->dropReceiver();
    }

    std::shared_ptr<Detail::ChannelQueue<T>> d;
};

/// Both ends of a channel: auto [send, receive] = createChannel<Job>();
template<typename T>
struct Channel
{
    SendChannel<T> send;
    ReceiveChannel<T> receive;
};

/// Makes a channel without a bound: many senders on any threads, one receiver on its thread. After microio's
/// create_channel() and AnyIO's memory object streams.
template<typename T>
Channel<T> createChannel(ChannelOptions options = {})
{
    auto queue = std::make_shared<Detail::ChannelQueue<T>>(options.lateSend);
    return Channel<T>{SendChannel<T>(std::make_shared<Detail::SendEnd<T>>(queue)), ReceiveChannel<T>(queue)};
}

} // namespace MicroIO
