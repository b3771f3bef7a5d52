// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/requests/requesttable.h>
#include <MicroIO/scopes/scopedwait.h>

#include <memory>
#include <utility>

namespace MicroIO::Detail {

/// A coroutine's wait for a reply.
class MICROIO_EXPORT ReplyWaitBase : public ScopedWait
{
public:
    const char *waitsFor() const override { return "reply"; }

    /// Throws WrongThreadError, as a wait would, where there is no event loop. True if a coroutine that asks now has to
    /// yield first, because \a scope is cancelled or because it has used up its slice.
    static bool mustYieldBefore(ScopeState &scope);

protected:
    enum class Bond : quint8 {
        Loose, // a wait that is cancelled leaves the request pending
        Owning, // the request ends with the wait
    };

    ReplyWaitBase(ScopeRef scope, RequestCore *table, ReplyCore *reply, Bond bond);
    ~ReplyWaitBase() override;

    /// The answer is the caller's. Throws if there is none.
    void takeAnswer();

private:
    bool enter() override;
    void leave() override;
    /// One that owns its request has been checked before it was sent: from then on, only the answer counts.
    bool mayBeReadyAtOnce() const override { return m_bond == Bond::Loose; }

    RequestCore *const m_table;
    ReplyCore *const m_reply;
    const Bond m_bond;
    bool m_isBusy = false; // somebody else waits for it already
};

/// Of PendingReply::reply().
template<typename Key, typename Value>
class ReplyWait final : public ReplyWaitBase
{
public:
    using Table = RequestTable<Key, Value>;

    ReplyWait(ScopeRef scope, std::shared_ptr<Table> table, typename Table::ReplyPtr reply)
        : ReplyWaitBase(std::move(scope), table.get(), reply.get(), Bond::Loose)
        , m_table(std::move(table))
        , m_reply(std::move(reply))
    {
    }

    Value await_resume()
    {
        takeAnswer();
        return m_reply->takeValue();
    }

private:
    const std::shared_ptr<Table> m_table;
    const typename Table::ReplyPtr m_reply;
};

/// Of RequestRegistry::request(), whose frame keeps the reply.
template<typename Key, typename Value>
class RequestWait final : public ReplyWaitBase
{
public:
    using Table = RequestTable<Key, Value>;

    RequestWait(ScopeRef scope, Table *table, typename Table::Reply *reply)
        : ReplyWaitBase(std::move(scope), table, reply, Bond::Owning)
        , m_reply(reply)
    {
    }

    Value await_resume()
    {
        takeAnswer();
        return m_reply->takeValue();
    }

private:
    typename Table::Reply *const m_reply;
};

} // namespace MicroIO::Detail
