// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/requests/replyfuture.h>
#include <MicroIO/requests/requestcore.h>

#include <QHash>
#include <QList>
#include <QPromise>

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace MicroIO::Detail {

template<typename Key, typename Value>
struct ReplyTicket;

/// One request. A key that is asked again later is another request.
template<typename Key, typename Value>
class ReplyOf final : public ReplyCore
{
    // A value whose move constructor may throw is moved before anything else happens.
    static constexpr bool isBoxed = !std::is_nothrow_move_constructible_v<Value>;

public:
    using Slot = std::conditional_t<isBoxed, std::unique_ptr<Value>, std::optional<Value>>;

    explicit ReplyOf(Key k)
        : key(std::move(k))
    {
    }

    static Slot slotFor(Value &&value)
    {
        if constexpr (isBoxed)
            return std::make_unique<Value>(std::move(value));
        else
            return Slot(std::move(value));
    }

    void answerLocked(Slot &&value)
    {
        if constexpr (isBoxed)
            m_value = std::move(value);
        else
            m_value.emplace(*std::move(value)); // not every value can be assigned
        decideLocked(State::Answered);
    }

    /// After takeAnswer(). If the value's move constructor throws, the answer stays.
    Value takeValue()
    {
        if constexpr (isBoxed) {
            try {
                Value value(std::move(*m_value));
                m_value.reset();
                return value;
            } catch (...) {
                putBack();
                throw;
            }
        } else {
            Value value(std::move(*m_value));
            m_value.reset();
            return value;
        }
    }

    QFuture<Value> promiseLocked()
    {
        m_promise = std::make_unique<QPromise<Value>>();
        m_promise->start();
        setHasFutureLocked();
        return m_promise->future();
    }

    bool finishFuture() override
    {
        const auto promise = std::move(m_promise);
        bool isTold = false;
        try {
            takeAnswer();
            isTold = promise->addResult(std::move(*m_value));
            m_value.reset();
        } catch (...) {
            isTold = !promise->isCanceled();
            promise->setException(std::current_exception());
        }
        promise->finish();
        return isTold;
    }

    const Key key;
    std::weak_ptr<ReplyTicket<Key, Value>> ticket; // of those who answer; guarded by the table's mutex

private:
    Slot m_value; // set before it is answered
    std::unique_ptr<QPromise<Value>> m_promise; // guarded by the table's mutex until it is decided
};

/// The part of a registry that knows its keys and values.
template<typename Key, typename Value>
class RequestTable final : public RequestCore
{
public:
    using Reply = ReplyOf<Key, Value>;
    using ReplyPtr = std::shared_ptr<Reply>;
    using Ticket = ReplyTicket<Key, Value>;

    ReplyPtr expect(Key key)
    {
        auto reply = std::make_shared<Reply>(std::move(key));
        const std::lock_guard lock(m_mutex);
        throwIfClosedLocked();
        ReplyPtr &pending = m_pending[reply->key];
        if (pending)
            throwDuplicate();
        pending = reply;
        return reply;
    }

    ReplyPtr find(const Key &key) const
    {
        const std::lock_guard lock(m_mutex);
        return m_pending.value(key);
    }

    bool contains(const Key &key) const
    {
        const std::lock_guard lock(m_mutex);
        return m_pending.contains(key);
    }

    /// \a which may be null: whatever is pending under \a key.
    bool resolve(const Key &key, const Reply *which, Value &&value)
    {
        if (which && !which->isPending())
            return false;
        auto slot = Reply::slotFor(std::move(value));
        ReplyPtr reply; // destroyed with the mutex released, as all values and errors
        bool hasFuture = false;
        {
            Wakes wakes;
            const std::lock_guard lock(m_mutex);
            reply = takeLocked(key, which);
            if (!reply || !reply->claimLocked(wakes))
                return false;
            reply->answerLocked(std::move(slot));
            hasFuture = reply->hasFutureLocked();
        }
        return !hasFuture || reply->finishFuture();
    }

    bool fail(const Key &key, const Reply *which, const std::exception_ptr &error)
    {
        ReplyPtr reply;
        bool hasFuture = false;
        {
            Wakes wakes;
            const std::lock_guard lock(m_mutex);
            reply = takeLocked(key, which);
            if (!reply || !reply->failLocked(error, wakes))
                return false;
            hasFuture = reply->hasFutureLocked();
        }
        return !hasFuture || reply->finishFuture();
    }

    /// The ticket that all handles of \a reply share.
    std::shared_ptr<Ticket> ticketFor(const ReplyPtr &reply)
    {
        const std::lock_guard lock(m_mutex);
        auto ticket = reply->ticket.lock();
        if (!ticket) {
            ticket = std::make_shared<Ticket>(std::static_pointer_cast<RequestTable>(shared_from_this()),
                                              reply);
            reply->ticket = ticket;
        }
        return ticket;
    }

    QFuture<Value> futureOf(const ReplyPtr &reply)
    {
        bool isDecided = false;
        QFuture<Value> future;
        {
            const std::lock_guard lock(m_mutex);
            reply->refuseSecondLocked();
            isDecided = !reply->isPending();
            future = reply->promiseLocked();
        }
        if (isDecided) {
            reply->finishFuture();
        } else {
            FutureWatch::start(std::make_unique<FutureWatchOf<Value>>(
                future, [weakTable = weak_from_this(), weakReply = std::weak_ptr(reply)] {
                    const auto table = weakTable.lock();
                    const auto pending = weakReply.lock();
                    if (table && pending)
                        table->settle(*pending, ReplyCore::State::GivenUp);
                }));
        }
        return future;
    }

    qsizetype size() const
    {
        const std::lock_guard lock(m_mutex);
        return m_pending.size();
    }

    QList<Key> keys() const
    {
        const std::lock_guard lock(m_mutex);
        return m_pending.keys();
    }

private:
    ReplyPtr takeLocked(const Key &key, const Reply *which)
    {
        const auto found = m_pending.find(key);
        if (found == m_pending.end() || (which && found->get() != which))
            return {};
        ReplyPtr reply = std::move(*found);
        m_pending.erase(found);
        return reply;
    }

    void removeLocked(ReplyCore &reply) override { m_pending.remove(static_cast<Reply &>(reply).key); }

    std::vector<std::shared_ptr<ReplyCore>> takeAllLocked() override
    {
        std::vector<std::shared_ptr<ReplyCore>> replies(m_pending.cbegin(), m_pending.cend());
        m_pending.clear();
        return replies;
    }

    QHash<Key, ReplyPtr> m_pending; // guarded by m_mutex
};

/// What the handles of one request share: without it, nobody can answer any more.
template<typename Key, typename Value>
struct ReplyTicket
{
    using Table = RequestTable<Key, Value>;

    ReplyTicket(std::shared_ptr<Table> t, typename Table::ReplyPtr r)
        : table(std::move(t))
        , reply(std::move(r))
    {
    }
    ~ReplyTicket() { table->settle(*reply, ReplyCore::State::Abandoned); }
    Q_DISABLE_COPY_MOVE(ReplyTicket)

    const std::shared_ptr<Table> table;
    const typename Table::ReplyPtr reply;
};

} // namespace MicroIO::Detail
