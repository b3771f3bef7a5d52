// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/Channel>

#include <exception>
#include <optional>
#include <vector>

namespace MicroIO {

/// Where an actor gets its items from: a channel without a bound, both ends in one object, whose late items are dropped
/// and counted.
///
/// submit(), close(), fail(), isClosed() and stats() may be called from any thread, as long as the mailbox lives; what
/// receives belongs to one thread, that of bind() or of the first receive. When that thread's loop has ended, what is
/// submitted is late. Neither copied nor moved. After microio's Mailbox.
template<typename T>
class Mailbox
{
public:
    Mailbox() = default;
    Q_DISABLE_COPY_MOVE(Mailbox)

    /// Queues \a item; never blocks. False if it was dropped, because the mailbox has ended. Any thread.
    bool submit(T item) { return m_channel.send.sendNow(std::move(item)).has_value(); }

    /// Ends it: what is queued is received first. True for the first end only. Any thread.
    bool close() { return m_channel.send.close(); }
    /// The same with \a error, which is thrown after what is queued. Any thread.
    bool fail(std::exception_ptr error) { return m_channel.send.fail(std::move(error)); }

    bool isClosed() const { return m_channel.send.isClosed(); }
    ChannelStats stats() const { return m_channel.send.stats(); }

    /// See ReceiveChannel, for all of these.
    void bind() { m_channel.receive.bind(); }
    auto receive(CancelScope scope) { return m_channel.receive.receive(std::move(scope)); }
    auto next(CancelScope scope) { return m_channel.receive.next(std::move(scope)); }
    auto nextBatch(CancelScope scope) { return m_channel.receive.nextBatch(std::move(scope)); }
    std::optional<T> tryReceive() { return m_channel.receive.tryReceive(); }
    std::vector<T> drainNow() { return m_channel.receive.drainNow(); }
    ChannelNotifier *notifier() const { return m_channel.receive.notifier(); }

private:
    Channel<T> m_channel = createChannel<T>({.lateSend = LateSend::Drop});
};

} // namespace MicroIO
