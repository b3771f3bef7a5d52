// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/channels/channelcore.h>
#include <MicroIO/scopes/waitof.h>

#include <deque>
#include <iterator>
#include <optional>
#include <vector>

namespace MicroIO::Detail {

/// The part of a channel that holds its items.
template<typename T>
class ChannelQueue final : public ChannelCore
{
public:
    using ChannelCore::ChannelCore;

    std::optional<quint64> send(T item)
    {
        {
            const std::lock_guard lock(m_mutex);
            if (acceptsLocked()) {
                m_items.push_back(std::move(item));
                return queuedOneLocked();
            }
        }
        refuse();
        return std::nullopt;
    }

    std::vector<T> drain()
    {
        std::deque<T> items;
        {
            const std::lock_guard lock(m_mutex);
            items.swap(m_items);
            tookLocked(qsizetype(items.size()));
        }
        return std::vector<T>(std::move_iterator(items.begin()), std::move_iterator(items.end()));
    }

    void takeLocked(std::optional<T> &item)
    {
        item.emplace(std::move(m_items.front()));
        m_items.pop_front();
        tookLocked(1);
    }

private:
    qsizetype queuedLocked() const override { return qsizetype(m_items.size()); }

    std::shared_ptr<void> takeAllLocked() override
    {
        auto items = std::make_shared<std::deque<T>>();
        items->swap(m_items);
        return items;
    }

    std::deque<T> m_items; // guarded by m_mutex
};

/// Closes the channel with the last copy of its send end.
template<typename T>
struct SendEnd
{
    explicit SendEnd(std::shared_ptr<ChannelQueue<T>> q)
        : queue(std::move(q))
    {
    }
    ~SendEnd() { queue->end(ChannelCore::Side::Sender, nullptr, false); }
    Q_DISABLE_COPY_MOVE(SendEnd)

    const std::shared_ptr<ChannelQueue<T>> queue;
};

template<typename T>
class ReceiveWait : public ReceiveWaitBase
{
public:
    ReceiveWait(ScopeRef scope, std::shared_ptr<ChannelQueue<T>> queue)
        : ReceiveWaitBase(std::move(scope), queue.get())
        , m_queue(std::move(queue))
    {
    }

    T await_resume()
    {
        if (!hasItem())
            throwEndOfStream();
        return std::move(*m_item);
    }

protected:
    std::optional<T> m_item;

private:
    void takeLocked() override { m_queue->takeLocked(m_item); }

    const std::shared_ptr<ChannelQueue<T>> m_queue;
};

template<typename T>
class NextWait final : public ReceiveWait<T>
{
public:
    using ReceiveWait<T>::ReceiveWait;

    std::optional<T> await_resume() { return this->hasItem() ? std::move(this->m_item) : std::nullopt; }
};

} // namespace MicroIO::Detail
