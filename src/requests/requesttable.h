// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/requests/replycore.h>

#include <QHash>
#include <QList>

#include <memory>
#include <optional>

namespace MicroIO::Detail {

template<typename Value>
struct ReplyOf final : ReplyCore
{
    std::optional<Value> value; // set before it is answered
    std::weak_ptr<void> ticket; // what the handles of those who answer share; guarded by the table's mutex
};

/// The part of a registry that knows its keys and values. Each request is one object: a key that is asked again later
/// is another request.
template<typename Key, typename Value>
class RequestTableOf final : public RequestTable
{
public:
    using Reply = ReplyOf<Value>;
    using ReplyPtr = std::shared_ptr<Reply>;

    ReplyPtr expect(const Key &key)
    {
        auto reply = std::make_shared<Reply>();
        const std::lock_guard lock(mutex);
        if (isClosedLocked())
            throwClosedLocked();
        if (m_pending.contains(key))
            throwDuplicate();
        m_pending.insert(key, reply);
        return reply;
    }

    ReplyPtr find(const Key &key) const
    {
        const std::lock_guard lock(mutex);
        return m_pending.value(key);
    }

    /// \a which may be null: whatever is pending under \a key.
    bool resolve(const Key &key, const Reply *which, Value value)
    {
        ReplyPtr reply;
        const std::lock_guard lock(mutex);
        reply = takeLocked(key, which);
        if (!reply)
            return false;
        reply->value.emplace(std::move(value));
        reply->answerLocked();
        return true;
    }

    bool fail(const Key &key, const Reply *which, std::exception_ptr error)
    {
        ReplyPtr reply;
        const std::lock_guard lock(mutex);
        reply = takeLocked(key, which);
        if (!reply)
            return false;
        reply->failLocked(std::move(error));
        return true;
    }

    bool giveUp(const Key &key, const Reply *which)
    {
        ReplyPtr reply;
        const std::lock_guard lock(mutex);
        reply = takeLocked(key, which);
        if (!reply)
            return false;
        reply->giveUpLocked();
        return true;
    }

    qsizetype failAll(const std::exception_ptr &error)
    {
        std::vector<std::shared_ptr<ReplyCore>> replies;
        const std::lock_guard lock(mutex);
        replies = takeAllLocked();
        for (const auto &reply : replies)
            reply->failLocked(error);
        return qsizetype(replies.size());
    }

    qsizetype size() const
    {
        const std::lock_guard lock(mutex);
        return m_pending.size();
    }

    QList<Key> keys() const
    {
        const std::lock_guard lock(mutex);
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

    std::vector<std::shared_ptr<ReplyCore>> takeAllLocked() override
    {
        std::vector<std::shared_ptr<ReplyCore>> replies(m_pending.cbegin(), m_pending.cend());
        m_pending.clear();
        return replies;
    }

    QHash<Key, ReplyPtr> m_pending; // guarded by mutex
};

} // namespace MicroIO::Detail
