// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/loop/readyitem.h>

namespace MicroIO::Detail {

/// An intrusive list of items of one thread: first in, first out, and removal from the middle.
class ReadyQueue
{
public:
    ReadyQueue() { m_head.previous = m_head.next = &m_head; }
    Q_DISABLE_COPY_MOVE(ReadyQueue)

    bool isEmpty() const { return m_head.next == &m_head; }
    bool hasSeveral() const { return m_head.next != m_head.previous; }

    void append(ReadyItem *item)
    {
        Q_ASSERT(!item->isQueued());
        item->previous = m_head.previous;
        item->next = &m_head;
        m_head.previous->next = item;
        m_head.previous = item;
    }

    ReadyItem *takeFirst()
    {
        if (isEmpty())
            return nullptr;
        auto *item = static_cast<ReadyItem *>(m_head.next);
        remove(item);
        return item;
    }

    /// Takes \a item out of whichever queue it stands in, if any.
    static void remove(ReadyItem *item)
    {
        if (!item->next)
            return;
        item->previous->next = item->next;
        item->next->previous = item->previous;
        item->previous = item->next = nullptr;
    }

    template<typename Visit>
    void forEach(Visit &&visit) const
    {
        for (auto *link = m_head.next; link != &m_head; link = link->next)
            visit(static_cast<ReadyItem *>(link));
    }

    /// Puts all of \a other behind what is here.
    void appendAll(ReadyQueue &other)
    {
        if (other.isEmpty())
            return;
        other.m_head.next->previous = m_head.previous;
        other.m_head.previous->next = &m_head;
        m_head.previous->next = other.m_head.next;
        m_head.previous = other.m_head.previous;
        other.m_head.previous = other.m_head.next = &other.m_head;
    }

private:
    ReadyLink m_head;
};

} // namespace MicroIO::Detail
