// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "loop/inbox_p.h"
#include <MicroIO/CancelScope>
#include <MicroIO/TaskGroup>

#include <QObject>

#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>

namespace MicroIO::Detail {

class LoopServicePrivate
{
public:
    /// The door to the service's loop; null before that runs. It stays when the loop has gone, and refuses.
    Inbox *inbox() const { return m_inbox.load(std::memory_order_acquire); }
    void open(std::shared_ptr<Inbox> door)
    {
        m_door = std::move(door);
        m_inbox.store(m_door.get(), std::memory_order_release);
    }

    CancelScope scope; // above all coroutines of the service
    mutable std::mutex mutex;
    std::optional<TaskGroupHandle> group; // guarded by mutex; set while the service's coroutine runs

    // of the service's thread
    bool hasLoop = false;
    bool isDone = false; // its coroutines have ended
    std::exception_ptr error; // by this, if it was no success
    std::unique_ptr<QObject> context; // made when somebody asks for it

private:
    std::shared_ptr<Inbox> m_door; // set once, before m_inbox
    std::atomic<Inbox *> m_inbox{nullptr};
};

} // namespace MicroIO::Detail
