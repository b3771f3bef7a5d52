// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/microio_export.h>

#include <QtGlobal>

#include <memory>
#include <vector>

namespace MicroIO::Detail {

class Inbox;

/// The event loops that have been handed something and have yet to be woken, which is done when this goes.
///
/// A source makes it before it locks its mutex, so that it goes after that is unlocked: a thread that is woken earlier
/// runs into the mutex, at two changes of thread more for each item.
class MICROIO_EXPORT Wakes
{
public:
    Wakes() = default;
    ~Wakes()
    {
        if (m_first)
            wakeAll();
    }
    Q_DISABLE_COPY_MOVE(Wakes)

    void add(std::shared_ptr<Inbox> inbox);
    /// Wakes them now.
    void wakeAll();

private:
    std::shared_ptr<Inbox> m_first; // mostly the only one
    std::vector<std::shared_ptr<Inbox>> m_others;
};

} // namespace MicroIO::Detail
