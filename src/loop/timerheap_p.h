// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/Clock>
#include <MicroIO/loop/timer.h>

#include <vector>

namespace MicroIO::Detail {

/// The pending timers of one thread, the earliest first. Four children a node: half the depth of a binary
/// heap, and the children of a node share a cache line.
class MICROIO_EXPORT TimerHeap
{
public:
    bool isEmpty() const { return m_slots.empty(); }
    qsizetype size() const { return qsizetype(m_slots.size()); }
    Deadline earliest() const { return m_slots.empty() ? Deadline::max() : m_slots.front().due; }

    /// Adds \a entry, or moves it to another moment. Deadline::max() takes it out.
    void set(TimerEntry *entry, Deadline due);
    void remove(TimerEntry *entry);

    /// Takes the earliest entry out and calls its expired(), if it is due at \a moment.
    bool expireOne(Deadline moment);

    /// Takes all entries out and calls their loopEnded().
    void endLoop();

private:
    struct Slot
    {
        Deadline due;
        TimerEntry *entry;
    };

    void place(qsizetype index, Slot slot);
    void siftUp(qsizetype index, Slot slot);
    void siftDown(qsizetype index, Slot slot);

    std::vector<Slot> m_slots;
};

} // namespace MicroIO::Detail
