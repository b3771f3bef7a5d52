// SPDX-License-Identifier: Apache-2.0
#include "loop/timerheap_p.h"

#include <algorithm>

namespace MicroIO::Detail {

namespace {
constexpr qsizetype arity = 4;
}

void TimerHeap::set(TimerEntry *entry, Deadline due)
{
    if (due == Deadline::max()) {
        remove(entry);
        return;
    }
    const Slot slot{due, entry};
    if (entry->m_index < 0) {
        m_slots.push_back(slot);
        siftUp(size() - 1, slot);
    } else {
        siftUp(entry->m_index, slot);
        siftDown(entry->m_index, slot);
    }
}

void TimerHeap::remove(TimerEntry *entry)
{
    const qsizetype index = entry->m_index;
    if (index < 0)
        return;
    entry->m_index = -1;
    const Slot last = m_slots.back();
    m_slots.pop_back();
    if (index < size()) {
        siftUp(index, last);
        siftDown(last.entry->m_index, last);
    }
}

bool TimerHeap::expireOne(Deadline moment)
{
    if (m_slots.empty() || m_slots.front().due > moment)
        return false;
    TimerEntry *entry = m_slots.front().entry;
    remove(entry);
    entry->expired();
    return true;
}

void TimerHeap::endLoop()
{
    while (!m_slots.empty()) {
        TimerEntry *entry = m_slots.back().entry;
        m_slots.pop_back();
        entry->m_index = -1;
        entry->loopEnded();
    }
}

void TimerHeap::place(qsizetype index, Slot slot)
{
    m_slots[size_t(index)] = slot;
    slot.entry->m_index = index;
}

void TimerHeap::siftUp(qsizetype index, Slot slot)
{
    while (index > 0) {
        const qsizetype parent = (index - 1) / arity;
        if (m_slots[size_t(parent)].due <= slot.due)
            break;
        place(index, m_slots[size_t(parent)]);
        index = parent;
    }
    place(index, slot);
}

void TimerHeap::siftDown(qsizetype index, Slot slot)
{
    for (;;) {
        const qsizetype firstChild = index * arity + 1;
        if (firstChild >= size())
            break;
        const qsizetype end = std::min(firstChild + arity, size());
        qsizetype least = firstChild;
        for (qsizetype child = firstChild + 1; child < end; ++child) {
            if (m_slots[size_t(child)].due < m_slots[size_t(least)].due)
                least = child;
        }
        if (m_slots[size_t(least)].due >= slot.due)
            break;
        place(index, m_slots[size_t(least)]);
        index = least;
    }
    place(index, slot);
}

} // namespace MicroIO::Detail
