// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/channels/channelwaits.h>
#include <MicroIO/channels/itemlist.h>
#include <MicroIO/scopes/waitof.h>

#include <exception>
#include <optional>
#include <type_traits>
#include <vector>

namespace MicroIO::Detail {

/// The part of a channel that holds its items.
template<typename T>
class ChannelQueue final : public ChannelCore
{
public:
    using ChannelCore::ChannelCore;

    std::optional<quint64> send(T &&item)
    {
        Send send;
        {
            Wakes wakes;
            const std::lock_guard lock(m_mutex);
            send = mayAppendLocked(wakes);
            if (send == Send::Accepted) {
                m_sentItems.append(std::move(item));
                return appendedLocked(wakes);
            }
        }
        refuse(send);
        return std::nullopt;
    }

    /// In the turn of taking: gives its first item, which leaves the channel and ends the turn with this object, unless
    /// the constructor throws that it was moved with.
    class Taking
    {
    public:
        explicit Taking(ChannelQueue &queue)
            : m_queue(queue)
        {
        }
        ~Taking()
        {
            const bool threw =
                !std::is_nothrow_move_constructible_v<T> && std::uncaught_exceptions() != m_exceptions;
            if (!threw) {
                m_queue.m_collected.removeFirst();
                m_queue.tookSome(1);
            }
            m_queue.endTaking();
        }
        Q_DISABLE_COPY_MOVE(Taking)

        T &&item() const { return std::move(m_queue.m_collected.first()); }

    private:
        ChannelQueue &m_queue;
        const int m_exceptions = std::is_nothrow_move_constructible_v<T> ? 0 : std::uncaught_exceptions();
    };

    /// In the turn, which it ends: everything that can be taken now. Who is not going to wait for more next says so, because
    /// then this is the moment to give memory back.
    std::vector<T> takeAll(bool waitsNext)
    {
        const TurnEnd end(*this);
        collect(Offers::All);
        std::vector<T> items;
        items.reserve(m_collected.size());
        for (size_t left = m_collected.size(); left > 0; --left) {
            try {
                items.push_back(std::move(m_collected.first()));
            } catch (...) {
                if (items.empty())
                    throw;
                break; // what has been moved is given out, the rest stays
            }
            m_collected.removeFirst();
        }
        tookSome(items.size());
        if (!waitsNext)
            becomeIdle();
        return items;
    }

    std::vector<T> drain()
    {
        beginTakingOrThrow();
        return takeAll(false);
    }

    std::optional<T> tryTake()
    {
        requireTaker();
        beginTakingOrThrow();
        collect(Offers::One);
        if (m_collected.isEmpty()) {
            endTaking();
            return std::nullopt;
        }
        const Taking taking(*this);
        return std::optional<T>(std::in_place, taking.item());
    }

    /// The receive end is gone: what is queued is destroyed.
    void dropReceiver()
    {
        ItemList<T> items; // destroyed with no lock held and no turn taken: a destructor may send
        if (!ChannelCore::dropReceiver())
            return;
        items.takeAll(m_collected);
        discarded(qsizetype(items.size()));
    }

private:
    struct TurnEnd
    {
        explicit TurnEnd(ChannelQueue &q)
            : queue(q)
        {
        }
        ~TurnEnd() { queue.endTaking(); }
        Q_DISABLE_COPY_MOVE(TurnEnd)
        ChannelQueue &queue;
    };

    bool hasCollected() const override { return !m_collected.isEmpty(); }
    void collectSentLocked() override { m_collected.takeAll(m_sentItems); }
    void becomeIdle() override { m_collected.becomeIdle(); }
    void appendFromLocked(SendWaitBase &wait) override;

    ItemList<T> m_sentItems; // guarded by m_mutex
    alignas(cacheLine) ItemList<T> m_collected; // guarded by the takers' turn
};

template<typename T>
class SendWait final : public SendWaitBase
{
public:
    SendWait(ScopeRef scope, std::shared_ptr<ChannelQueue<T>> queue, T item)
        : SendWaitBase(std::move(scope), queue.get())
        , m_item(std::move(item))
        , m_queue(std::move(queue))
    {
    }

    std::optional<quint64> await_resume() const { return result(); }

private:
    friend class ChannelQueue<T>;

    T m_item;
    const std::shared_ptr<ChannelQueue<T>> m_queue;
};

template<typename T>
void ChannelQueue<T>::appendFromLocked(SendWaitBase &wait)
{
    m_sentItems.append(std::move(static_cast<SendWait<T> &>(wait).m_item));
}

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
        const typename ChannelQueue<T>::Taking taking(*m_queue);
        return T(taking.item());
    }

protected:
    const std::shared_ptr<ChannelQueue<T>> m_queue;
};

template<typename T>
class NextWait final : public ReceiveWait<T>
{
public:
    using ReceiveWait<T>::ReceiveWait;

    std::optional<T> await_resume()
    {
        if (!this->hasItem())
            return std::nullopt;
        const typename ChannelQueue<T>::Taking taking(*this->m_queue);
        return std::optional<T>(std::in_place, taking.item());
    }
};

template<typename T>
class NextBatchWait final : public ReceiveWait<T>
{
public:
    using ReceiveWait<T>::ReceiveWait;

    std::vector<T> await_resume()
    {
        if (!this->hasItem())
            return {};
        return this->m_queue->takeAll(true);
    }
};

} // namespace MicroIO::Detail
