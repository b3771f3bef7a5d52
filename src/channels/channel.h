// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/CancelScope>
#include <MicroIO/ChannelNotifier>
#include <MicroIO/channels/channelqueue.h>
#include <MicroIO/channels/channelstats.h>
#include <MicroIO/scopes/temporarycheck.h>

#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <vector>

namespace MicroIO {

namespace Detail {

/// True for a callable that a channel of T converts, such as a lambda for a std::function.
template<typename T, typename F>
concept ConvertedCallable =
    !std::is_same_v<std::remove_cvref_t<F>,
                    T> && std::is_convertible_v<F, T> && !std::is_constructible_v<F, T> && requires
{
    &std::remove_cvref_t<F>::operator();
};

} // namespace Detail

/// The end of a channel that takes items in. A copyable, thread-safe value; the stream ends when the last copy is gone,
/// or when one of them closes it. An empty one (default-constructed or moved from) is closed.
///
/// The constructors that move an item may throw: the item then is where it was, and the channel is as it was. They are
/// called with the channel locked and must not use it; destructors may.
template<typename T>
class SendChannel
{
public:
    SendChannel() = default;

    /// Queues \a item; never blocks. Gives its number, counted from 1; std::nullopt if it was dropped because the
    /// channel has ended (LateSend::Drop). Throws WouldBlock if the channel is full (at a rendezvous: unless a receive
    /// waits), ClosedResourceError if it was closed or failed by a send end, BrokenResourceError if the receive end or
    /// its thread is gone. Any thread; the receiver is resumed from its own event loop.
    std::optional<quint64> sendNow(T item) const { return queue().send(std::move(item)); }

    /// co_await: the same, but waits while the channel is full; at a rendezvous, until the item was taken. Who waits
    /// longest is next. If it throws, the item is not in the channel: Cancelled, what sendNow() throws but for
    /// WouldBlock, WrongThreadError on a thread without an event loop. Any thread.
    ///
    /// With g++ 12, an aggregate as a temporary is destroyed twice: give it a name and move it in, or give its type a
    /// constructor.
    auto send(CancelScope scope, T item) const
    {
        queue();
        return Detail::WaitOf<Detail::SendWait<T>, std::shared_ptr<Detail::ChannelQueue<T>>, T>(
            scope.state(), d->queue, std::move(item));
    }
    template<typename F>
    requires Detail::ConvertedCallable<T, F>
    auto send(CancelScope scope, F &&item) const
    {
        MICROIO_CHECK_TEMPORARY(F);
        return send(std::move(scope), T(std::forward<F>(item)));
    }

    /// Ends the stream: what is queued is received first, then EndOfStream; sends that wait throw. True for the first
    /// end only. Any thread.
    bool close() const { return d && d->queue->end(Detail::ChannelCore::Side::Sender, nullptr, false); }

    /// Ends the stream with \a error: what is queued is received first, then \a error, for ever. Any thread.
    bool fail(std::exception_ptr error) const
    {
        return d && d->queue->end(Detail::ChannelCore::Side::Sender, std::move(error), true);
    }

    /// True once either end has closed or failed it. Any thread.
    bool isClosed() const { return !d || d->queue->isClosed(); }

    ChannelStats stats() const { return d ? d->queue->stats() : ChannelStats{.closed = true}; }

    /// For createChannel().
    explicit SendChannel(std::shared_ptr<Detail::SendEnd<T>> end)
        : d(std::move(end))
    {
    }

private:
    Detail::ChannelQueue<T> &queue() const
    {
        if (!d)
            throw ClosedResourceError(
                QStringLiteral("send on an empty SendChannel: it is default-constructed or moved from"));
        return *d->queue;
    }

    std::shared_ptr<Detail::SendEnd<T>> d;
};

/// The end of a channel that gives items out, on one thread: that of bind() or of the first receive. Move-only;
/// when it is gone, so is what is queued, and senders get BrokenResourceError. An empty one (default-constructed or moved
/// from) is closed.
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
    void bind() { queue()->bind(); }

    /// co_await: the next item. A cancelled receive takes none; one that was woken for an item returns it also if
    /// its scope was cancelled meanwhile. Throws Cancelled, EndOfStream when the channel was closed and is empty,
    /// the failure when it has failed and is empty, ClosedResourceError after close() of this end,
    /// BusyResourceError while another receive waits, WrongThreadError on another thread; what the item's move
    /// constructor throws, the item being the next one still.
    auto receive(CancelScope scope) { return waitFor<Detail::ReceiveWait<T>>(scope); }

    /// co_await: the same, but std::nullopt at the end of the stream: while (auto item = co_await rx.next(scope))
    auto next(CancelScope scope) { return waitFor<Detail::NextWait<T>>(scope); }

    /// co_await: all that is queued, at least one item, as a std::vector; an empty one at the end of the stream. Throws as
    /// receive() does. The cheapest way to receive many small items; the event loop has no turn while the vector is
    /// worked off, unless its items are bounded by a capacity or by checkpoints.
    auto nextBatch(CancelScope scope) { return waitFor<Detail::NextBatchWait<T>>(scope); }

    /// The next item, or std::nullopt if none is queued, also at the end; never waits. Throws BusyResourceError while a
    /// receive waits, WrongThreadError on another thread than the one that it is bound to, while that has a loop.
    std::optional<T> tryReceive() { return queue()->tryTake(); }

    /// All that is queued, oldest first, also after this end was closed; never waits. Senders that wait have room then; at
    /// a rendezvous, their items are what is queued. Any thread, also when the bound loop has ended. (If a move
    /// constructor throws, what was moved before is given out and the rest stays.)
    std::vector<T> drainNow() { return queue()->drain(); }

    /// The object that signals arrivals and the end, for code without coroutines; made by the first call, on the thread that
    /// the channel is bound to (or is bound to by it), else WrongThreadError. It goes with this end.
    ChannelNotifier *notifier() const { return queue()->notifier(); }

    /// Ends the channel from this side: senders get BrokenResourceError, later receives ClosedResourceError; what is
    /// queued can be drained. True for the first end only. Any thread.
    bool close() { return d && d->end(Detail::ChannelCore::Side::Receiver, nullptr, false); }

    /// The same with an error, which is nested in the senders' BrokenResourceError; what is queued can be received
    /// first, then receiving throws \a error.
    bool fail(std::exception_ptr error)
    {
        return d && d->end(Detail::ChannelCore::Side::Receiver, std::move(error), true);
    }

    bool isClosed() const { return !d || d->isClosed(); }
    ChannelStats stats() const { return d ? d->stats() : ChannelStats{.closed = true}; }

    /// For the library's own classes: what knows the figures, as long as it is there.
    std::weak_ptr<const Detail::ChannelCore> core() const { return d; }

    /// For createChannel().
    explicit ReceiveChannel(std::shared_ptr<Detail::ChannelQueue<T>> queue)
        : d(std::move(queue))
    {
    }

private:
    template<typename Wait>
    auto waitFor(const CancelScope &scope)
    {
        return Detail::WaitOf<Wait, std::shared_ptr<Detail::ChannelQueue<T>>>(scope.state(), queue());
    }

    const std::shared_ptr<Detail::ChannelQueue<T>> &queue() const
    {
        if (!d)
            throw ClosedResourceError(
                QStringLiteral("use of an empty ReceiveChannel: it is default-constructed or moved from"));
        return d;
    }

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

/// Makes a channel: many senders on any threads, one receiver on its thread; with a bound if \a options name a capacity.
/// Throws std::invalid_argument for a negative one. After microio's create_channel() and AnyIO's memory object streams.
template<typename T>
Channel<T> createChannel(ChannelOptions options = {})
{
    auto queue = std::make_shared<Detail::ChannelQueue<T>>(options);
    return Channel<T>{SendChannel<T>(std::make_shared<Detail::SendEnd<T>>(queue)), ReceiveChannel<T>(queue)};
}

} // namespace MicroIO
