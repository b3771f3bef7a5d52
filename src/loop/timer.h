// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/microio_export.h>

#include <QtGlobal>

namespace MicroIO::Detail {

/// Something that falls due at a moment of the scheduler's clock. Lives in the timer heap of one thread
/// and is touched by that thread alone.
class MICROIO_EXPORT TimerEntry
{
public:
    Q_DISABLE_COPY_MOVE(TimerEntry)

    bool isArmed() const { return m_index >= 0; }

protected:
    TimerEntry() = default;
    ~TimerEntry() = default;

private:
    friend class TimerHeap;

    virtual void expired() = 0; // the entry is in the heap no more
    virtual void loopEnded() {} // the same, and the heap takes no entries any more

    qsizetype m_index = -1;
};

} // namespace MicroIO::Detail
