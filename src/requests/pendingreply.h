// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/CancelScope>
#include <MicroIO/Errors>
#include <MicroIO/requests/replyhandle.h>
#include <MicroIO/requests/replywait.h>
#include <MicroIO/scopes/waitof.h>

#include <QDeadlineTimer>
#include <QFuture>

#include <memory>
#include <stdexcept>
#include <utility>

namespace MicroIO {

/// For who asks: the reply to come. Move-only; dropping it frees the key, and a late answer is refused.
///
/// The reply is waited for in one of three ways: wait() blocks, reply() is co_awaited, future() hands it to a QFuture.
/// It is given once; asking for it again throws std::logic_error. One that was moved from may only be assigned to
/// and destroyed: everything else throws std::logic_error.
template<typename Key, typename Value>
class PendingReply
{
    using Table = Detail::RequestTable<Key, Value>;

public:
    PendingReply(PendingReply &&) noexcept = default;
    PendingReply &operator=(PendingReply &&other) noexcept
    {
        if (this != &other) {
            drop();
            m_table = std::move(other.m_table);
            m_reply = std::move(other.m_reply);
            m_isFutures = other.m_isFutures;
        }
        return *this;
    }
    ~PendingReply() { drop(); }

    /// Blocks the thread until the reply is there and gives it. Throws what the answerer failed with,
    /// TimeoutError (the key is free again then), BrokenResourceError if nobody can answer any more. A wait for a
    /// reply that this very thread is to give never ends: pass a limit. BusyResourceError while another wait is on.
    Value wait(QDeadlineTimer deadline = QDeadlineTimer::Forever)
    {
        table().wait(*m_reply, deadline);
        m_reply->takeAnswer();
        return m_reply->takeValue();
    }

    /// co_await: the same, or Cancelled; the request stays pending then, until this object is dropped.
    auto reply(CancelScope scope)
    {
        table();
        return Detail::WaitOf<Detail::ReplyWait<Key, Value>, std::shared_ptr<Table>,
                              typename Table::ReplyPtr>(scope.state(), m_table, m_reply);
    }

    /// The reply as a future, for code without coroutines. It always finishes, with the value or with the error that
    /// wait() would throw. Call it once; from then on the request belongs to the future: this object may be dropped,
    /// and wait() and reply() throw BusyResourceError.
    ///
    /// Cancelling the future gives the request up. Qt tells of that through an event loop: that of the thread that has
    /// called future(), or else the application's. It turns once before the key is free and the future is finished,
    /// so do not block on a future that you have cancelled. Who answers is told at once that it was too late.
    ///
    /// A continuation without a context runs on the thread that answers, inside resolve(); then(this, …) does
    /// not. A Value that cannot be copied is fetched by takeResult(). A coroutine uses reply() instead, or
    /// CancelScope::cancellable(future): QCoro's own wait crashes on a cancelled future.
    QFuture<Value> future()
    {
        auto future = table().futureOf(m_reply);
        m_isFutures = true;
        return future;
    }

    /// Frees the key; a late answer is refused, and a wait that is under way gets BrokenResourceError. True if the
    /// request was pending. Any thread.
    bool cancel() { return table().settle(*m_reply, Detail::ReplyCore::State::GivenUp); }

    Key key() const
    {
        table();
        return m_reply->key;
    }

    /// For who answers. All handles of a request, also RequestRegistry::handle()'s, count together.
    ReplyHandle<Key, Value> handle() const { return ReplyHandle<Key, Value>(table().ticketFor(m_reply)); }

    /// For the library.
    PendingReply(std::shared_ptr<Table> table, typename Table::ReplyPtr reply)
        : m_table(std::move(table))
        , m_reply(std::move(reply))
    {
    }

private:
    Table &table() const
    {
        if (!m_reply)
            throw std::logic_error("this PendingReply was moved from: use the one that it was moved to");
        return *m_table;
    }

    void drop()
    {
        if (m_reply && !m_isFutures)
            m_table->settle(*m_reply, Detail::ReplyCore::State::GivenUp);
    }

    std::shared_ptr<Table> m_table;
    typename Table::ReplyPtr m_reply;
    bool m_isFutures = false;
};

} // namespace MicroIO
