// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/CancelScope>
#include <MicroIO/Errors>
#include <MicroIO/requests/requesttable.h>
#include <MicroIO/scopes/temporarycheck.h>
#include <MicroIO/scopes/waitof.h>

#include <QCoroTask>
#include <QDeadlineTimer>

#include <functional>
#include <utility>

namespace MicroIO {

template<typename Key, typename Value>
class PendingReply;

namespace Detail {

template<typename Key, typename Value>
struct ReplyTicket
{
    using Table = RequestTableOf<Key, Value>;

    ReplyTicket(std::shared_ptr<Table> t, typename Table::ReplyPtr r, Key k)
        : table(std::move(t))
        , reply(std::move(r))
        , key(std::move(k))
    {
    }
    /// The last handle is gone: nobody can answer any more.
    ~ReplyTicket()
    {
        table->fail(key, reply.get(),
                    std::make_exception_ptr(BrokenResourceError(
                        QStringLiteral("the last reply handle was dropped without an answer"))));
    }
    Q_DISABLE_COPY_MOVE(ReplyTicket)

    const std::shared_ptr<Table> table;
    const typename Table::ReplyPtr reply;
    const Key key;
};

/// The ticket that all handles of one request share.
template<typename Key, typename Value>
std::shared_ptr<ReplyTicket<Key, Value>> ticketFor(const std::shared_ptr<RequestTableOf<Key, Value>> &table,
                                                   const std::shared_ptr<ReplyOf<Value>> &reply,
                                                   const Key &key)
{
    const std::lock_guard lock(table->mutex);
    auto ticket = std::static_pointer_cast<ReplyTicket<Key, Value>>(reply->ticket.lock());
    if (!ticket) {
        ticket = std::make_shared<ReplyTicket<Key, Value>>(table, reply, key);
        reply->ticket = ticket;
    }
    return ticket;
}

template<typename Key, typename Value>
class ReplyWait final : public ReplyWaitBase
{
public:
    using Table = RequestTableOf<Key, Value>;

    ReplyWait(ScopeRef scope, std::shared_ptr<Table> table, typename Table::ReplyPtr reply)
        : ReplyWaitBase(std::move(scope), table.get(), reply.get())
        , m_table(std::move(table))
        , m_reply(std::move(reply))
    {
    }

    Value await_resume()
    {
        checkReply();
        return std::move(*m_reply->value);
    }

private:
    const std::shared_ptr<Table> m_table;
    const typename Table::ReplyPtr m_reply;
};

} // namespace Detail

/// For who answers a request: a copyable, thread-safe value. It answers this request only, never a later one
/// with the same key. When the last copy is dropped without an answer, who asked gets BrokenResourceError.
template<typename Key, typename Value>
class ReplyHandle
{
public:
    ReplyHandle() = default;

    /// False, and \a value is destroyed, if this request is not pending any more. Any thread.
    bool resolve(Value value) const
    {
        return d && d->table->resolve(d->key, d->reply.get(), std::move(value));
    }
    bool fail(std::exception_ptr error) const
    {
        return d && d->table->fail(d->key, d->reply.get(), std::move(error));
    }
    Key key() const { return d ? d->key : Key(); }

    /// For the library.
    explicit ReplyHandle(std::shared_ptr<Detail::ReplyTicket<Key, Value>> ticket)
        : d(std::move(ticket))
    {
    }

private:
    std::shared_ptr<Detail::ReplyTicket<Key, Value>> d;
};

/// For who asks: the reply to come. Move-only; dropping it frees the key, and a late answer is refused.
template<typename Key, typename Value>
class PendingReply
{
    using Table = Detail::RequestTableOf<Key, Value>;

public:
    PendingReply(PendingReply &&) noexcept = default;
    PendingReply &operator=(PendingReply &&other) noexcept
    {
        if (this != &other) {
            cancel();
            m_table = std::move(other.m_table);
            m_reply = std::move(other.m_reply);
            m_key = std::move(other.m_key);
        }
        return *this;
    }
    ~PendingReply() { cancel(); }

    /// Blocks the thread until the reply is there and gives it. Throws what the answerer failed with,
    /// TimeoutError (the key is free again then), BrokenResourceError if nobody can answer any more. A wait for a
    /// reply that this very thread is to give never ends: pass a limit. BusyResourceError while another wait is on.
    Value wait(QDeadlineTimer deadline = QDeadlineTimer::Forever)
    {
        try {
            m_table->wait(*m_reply, deadline);
        } catch (const TimeoutError &) {
            cancel();
            throw;
        }
        return std::move(*m_reply->value);
    }

    /// co_await: the same, or Cancelled; the request stays pending then, until this object is dropped.
    auto reply(CancelScope scope)
    {
        return Detail::WaitOf<Detail::ReplyWait<Key, Value>, std::shared_ptr<Table>,
                              typename Table::ReplyPtr>(scope.state(), m_table, m_reply);
    }

    /// Frees the key; a late answer is refused. True if the request was pending. Any thread.
    bool cancel() { return m_reply && m_table->giveUp(m_key, m_reply.get()); }

    Key key() const { return m_key; }

    /// For who answers.
    ReplyHandle<Key, Value> handle() const
    {
        return ReplyHandle<Key, Value>(Detail::ticketFor(m_table, m_reply, m_key));
    }

    /// For the library.
    PendingReply(std::shared_ptr<Table> table, typename Table::ReplyPtr reply, Key key)
        : m_table(std::move(table))
        , m_reply(std::move(reply))
        , m_key(std::move(key))
    {
    }

private:
    std::shared_ptr<Table> m_table;
    typename Table::ReplyPtr m_reply;
    Key m_key;
};

/// The requests that are waiting for their replies, by key. Thread-safe; after microio's RequestRegistry.
///
/// When the registry is destroyed or closed, all who wait get an error.
template<typename Key, typename Value>
class RequestRegistry
{
public:
    RequestRegistry() = default;
    ~RequestRegistry() { close(); }
    Q_DISABLE_COPY_MOVE(RequestRegistry)

    /// Registers a request. Throws DuplicateRequestError while the key is pending, ClosedResourceError with the
    /// cause nested after close(). Any thread.
    [[nodiscard]] PendingReply<Key, Value> expect(Key key)
    {
        auto reply = d->expect(key);
        return PendingReply<Key, Value>(d, std::move(reply), std::move(key));
    }

    /// Registers, calls \a send as send(), send(key) or send(ReplyHandle), and blocks until the reply is there.
    /// What \a send throws passes through, and the key is free again. See PendingReply::wait().
    template<typename Send>
    Value request(Key key, Send &&send, QDeadlineTimer deadline = QDeadlineTimer::Forever)
    {
        auto pending = expect(std::move(key));
        callSend(send, pending);
        return pending.wait(deadline);
    }

    /// The same, co_awaited; for a limit, use failAfter(). Throws Cancelled, and the key is free again.
    template<typename Send>
    QCoro::Task<Value> request(CancelScope scope, Key key, Send &&send)
    {
        MICROIO_CHECK_TEMPORARY(Send);
        return awaitReply(std::move(scope), d, std::move(key), std::decay_t<Send>(std::forward<Send>(send)));
    }

    /// For who answers the request that is pending under \a key; one that answers nothing if there is none.
    ReplyHandle<Key, Value> handle(Key key)
    {
        auto reply = d->find(key);
        if (!reply)
            return ReplyHandle<Key, Value>();
        return ReplyHandle<Key, Value>(Detail::ticketFor(d, reply, key));
    }

    /// False, and \a value is destroyed, if nothing is pending under \a key. Any thread.
    bool resolve(const Key &key, Value value) { return d->resolve(key, nullptr, std::move(value)); }
    bool fail(const Key &key, std::exception_ptr error) { return d->fail(key, nullptr, std::move(error)); }
    /// Fails all that are pending now; gives their number. Any thread.
    qsizetype failAll(std::exception_ptr error) { return d->failAll(error); }

    /// Fails all with \a error (ClosedResourceError without one) and refuses new requests. Any thread.
    void close(std::exception_ptr error = {}) { d->close(error); }

    qsizetype size() const { return d->size(); }
    bool contains(const Key &key) const { return bool(d->find(key)); }
    QList<Key> pending() const { return d->keys(); }

    /// Closes the registry when \a scope ends, with its cause.
    void bindTo(const CloseScope &scope) { d->bindTo(scope); }
    /// Closes the registry when \a owner is destroyed.
    void bindTo(QObject *owner) { d->bindTo(owner); }

    /// For the library's own classes: what knows the figures, as long as it is there.
    auto table() const { return std::weak_ptr<const Table>(d); }

private:
    using Table = Detail::RequestTableOf<Key, Value>;

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
        Detail::ScopedWait::requireLoop();
        if (scope.isCancelled())
            co_await scope.checkpoint(); // throws, as every wait on it does
        auto registered = table->expect(key);
        PendingReply<Key, Value> pending(std::move(table), std::move(registered), std::move(key));
        callSend(send, pending);
        co_return co_await pending.reply(scope);
    }

    const std::shared_ptr<Table> d = std::make_shared<Table>();
};

} // namespace MicroIO
