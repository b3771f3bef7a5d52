// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/CancelScope>
#include <MicroIO/requests/pendingreply.h>
#include <MicroIO/scopes/temporarycheck.h>
#include <MicroIO/tasks/taskcall.h>

#include <QCoroTask>
#include <QDeadlineTimer>

#include <atomic>
#include <concepts>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

namespace MicroIO {

class CloseScope;

/// The requests that are waiting for their replies, by key. Thread-safe; after microio's RequestRegistry.
///
/// When the registry is destroyed or closed, all who wait get an error. A Key needs qHash() and ==; a Value needs to be
/// movable only.
template<typename Key, typename Value>
class RequestRegistry
{
public:
    RequestRegistry() = default;
    ~RequestRegistry() { d->end(); }
    Q_DISABLE_COPY_MOVE(RequestRegistry)

    /// Registers a request. Throws DuplicateRequestError while the key is pending, ClosedResourceError with the
    /// cause nested after close(). Any thread.
    [[nodiscard]] PendingReply<Key, Value> expect(Key key)
    {
        return PendingReply<Key, Value>(d, d->expect(std::move(key)));
    }

    /// The same under a number that this registry has not used yet, for who needs no key but a new one.
    [[nodiscard]] PendingReply<Key, Value> expect() requires(std::integral<Key> && !std::same_as<Key, bool>)
    {
        Key key{};
        do {
            key = static_cast<Key>(m_lastKey.fetch_add(1, std::memory_order_relaxed) + 1);
        } while (contains(key)); // somebody's own key, or a small number that has come round
        return expect(key);
    }

    /// Registers, calls \a send as send(), send(key) or send(ReplyHandle), and blocks until the reply is there.
    /// What \a send throws passes through, and the key is free again. Throws as PendingReply::wait() and expect() do,
    /// std::invalid_argument for an empty \a send.
    template<typename Send>
    Value request(Key key, Send &&send, QDeadlineTimer deadline = QDeadlineTimer::Forever)
    {
        refuseEmpty<Send>(send);
        auto pending = expect(std::move(key));
        callSend(send, pending);
        return pending.wait(deadline);
    }

    /// The same, co_awaited; for a limit, use failAfter(). It begins where it is called, not where it is awaited. Throws
    /// Cancelled: before anything is sent, or while it waits, and the key is free again at once. An answer that was
    /// accepted is given, whatever happens to \a scope meanwhile.
    template<typename Send>
    QCoro::Task<Value> request(CancelScope scope, Key key, Send &&send)
    {
        MICROIO_CHECK_TEMPORARY(Send);
        refuseEmpty<Send>(send);
        return awaitReply(std::move(scope), d, std::move(key), std::decay_t<Send>(std::forward<Send>(send)));
    }

    /// For who answers the request that is pending under \a key; one that answers nothing if there is none.
    ReplyHandle<Key, Value> handle(const Key &key)
    {
        const auto reply = d->find(key);
        return reply ? ReplyHandle<Key, Value>(d->ticketFor(reply)) : ReplyHandle<Key, Value>();
    }

    /// Answers whatever is pending under \a key. See ReplyHandle::resolve(), which never answers a later request. Any
    /// thread.
    bool resolve(const Key &key, Value value) { return d->resolve(key, nullptr, std::move(value)); }
    bool fail(const Key &key, std::exception_ptr error) { return d->fail(key, nullptr, error); }
    /// Fails all that are pending now; gives their number. Any thread.
    qsizetype failAll(std::exception_ptr error) { return d->failAll(error); }

    /// Fails all with \a error (ClosedResourceError without one) and refuses new requests. The first close counts. Any
    /// thread.
    void close(std::exception_ptr error = {}) { d->close(error); }

    qsizetype size() const { return d->size(); }
    bool contains(const Key &key) const { return d->contains(key); }
    QList<Key> pending() const { return d->keys(); }

    /// Closes the registry when \a scope ends, with its cause; at once if it has. Any thread. A registry may be bound to
    /// several; binding to the same one again changes nothing.
    void bindTo(const CloseScope &scope) { d->bindTo(scope); }
    /// Closes the registry when \a owner is destroyed. Throws std::invalid_argument for a null one. To be called where
    /// \a owner cannot be destroyed meanwhile.
    void bindTo(QObject *owner) { d->bindTo(owner); }

    /// For the library's own classes: what knows the figures, as long as it is there.
    auto table() const { return std::weak_ptr<const Table>(d); }

private:
    using Table = Detail::RequestTable<Key, Value>;

    template<typename Send>
    static void refuseEmpty(const std::remove_reference_t<Send> &send)
    {
        Detail::refuseEmptyCallable<std::decay_t<Send>>(send,
                                                        "RequestRegistry::request() with an empty send");
    }

    template<typename Send>
    static void callSend(Send &send, const PendingReply<Key, Value> &pending)
    {
        if constexpr (std::is_invocable_v<Send &, ReplyHandle<Key, Value>>)
            send(pending.handle());
        else if constexpr (std::is_invocable_v<Send &, Key>)
            send(pending.key());
        else
            send();
    }

    template<typename Send>
    static QCoro::Task<Value> awaitReply(CancelScope scope, std::shared_ptr<Table> table, Key key, Send send)
    {
        if (Detail::ReplyWaitBase::mustYieldBefore(*scope.state()))
            co_await scope.checkpoint();
        const auto reply = table->expect(std::move(key));
        const PendingReply<Key, Value> pending(table, reply);
        callSend(send, pending);
        using Wait = Detail::RequestWait<Key, Value>;
        co_return co_await Detail::WaitOf<Wait, Table *, typename Table::Reply *>(scope.state(), table.get(),
                                                                                  reply.get());
    }

    const std::shared_ptr<Table> d = std::make_shared<Table>();
    std::atomic<quint64> m_lastKey{0};
};

} // namespace MicroIO
