// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/Mailbox>
#include <MicroIO/tasks/taskcall.h>

#include <QCoroTask>

#include <atomic>
#include <concepts>
#include <functional>
#include <memory>
#include <utility>

namespace MicroIO {

namespace Detail {

class MICROIO_EXPORT ActorRun
{
public:
    /// Throws BusyResourceError if \a isRunning already.
    explicit ActorRun(std::atomic<bool> &isRunning);
    ~ActorRun();
    Q_DISABLE_COPY_MOVE(ActorRun)

private:
    std::atomic<bool> &m_isRunning;
};

} // namespace Detail

/// A mailbox and a handler that works its items off, one at a time: the next begins when the handler's coroutine for the one
/// before has ended. Tied to no thread: a service's runAsync(), the main coroutine or a test awaits run().
///
/// Destroying it closes it; a run() that is under way works off what is queued and keeps what it needs alive, the handler
/// included. Neither copied nor moved. After microio's ActorCore.
template<typename T>
class ActorCore
{
public:
    /// \a handler is called as (T) or (CancelScope, T) and returns a QCoro::Task<>; the scope is that of run(). Throws
    /// std::invalid_argument for an empty one.
    template<typename Handler>
    requires std::invocable<Handler &, T> || std::invocable<Handler &, CancelScope, T>
    explicit ActorCore(Handler handler)
    {
        Detail::refuseEmptyCallable<Handler>(handler, "ActorCore with an empty handler");
        d->handler = [own = std::make_shared<Handler>(std::move(handler))](CancelScope scope, T item) {
            if constexpr (std::invocable<Handler &, CancelScope, T>)
                return std::invoke(*own, std::move(scope), std::move(item));
            else
                return std::invoke(*own, std::move(item));
        };
    }
    ~ActorCore() { close(); }
    Q_DISABLE_COPY_MOVE(ActorCore)

    /// Queues \a item for the handler. False if it was dropped, because the actor has ended; stats() counts it. Any thread.
    bool submit(T item) { return d->mailbox.submit(std::move(item)); }

    /// co_await: handles items until close() or fail(), and all that were queued by then; after fail(), throws its error. What
    /// the handler throws ends it, and so does Cancelled: the item that was being handled is gone, those behind it stay queued, for
    /// another run() on this thread, or for drainNow(). Throws BusyResourceError while another run() is under way, and what
    /// ReceiveChannel::next() throws.
    QCoro::Task<> run(CancelScope scope) { return runOf(d, std::move(scope)); }

    /// Ends the actor: what is queued is handled first. True for the first end only. Any thread, also from the handler.
    bool close() { return d->mailbox.close(); }
    /// The same with \a error, which run() throws in the end. Any thread.
    bool fail(std::exception_ptr error) { return d->mailbox.fail(std::move(error)); }

    /// What is queued and will not be handled any more. Any thread.
    std::vector<T> drainNow() { return d->mailbox.drainNow(); }

    bool isClosed() const { return d->mailbox.isClosed(); }
    ChannelStats stats() const { return d->mailbox.stats(); }

private:
    struct Data
    {
        Mailbox<T> mailbox;
        std::function<QCoro::Task<>(CancelScope, T)> handler;
        std::atomic<bool> isRunning{false};
    };

    static QCoro::Task<> runOf(std::shared_ptr<Data> data, CancelScope scope)
    {
        const Detail::ActorRun running(data->isRunning);
        while (auto item = co_await data->mailbox.next(scope)) {
            auto handling = data->handler(scope, std::move(*item));
            item.reset(); // a moved-from item is not kept while its successor is awaited
            co_await handling;
        }
    }

    const std::shared_ptr<Data> d = std::make_shared<Data>();
};

} // namespace MicroIO
