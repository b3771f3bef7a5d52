// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "supervision/supervisoraction_p.h"
#include <MicroIO/loop/readyitem.h>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

namespace MicroIO::Detail {

class Inbox;
class SupervisorCore;

/// What other threads ask of a supervisor: done on its thread, one after another, each when nothing else is left to do.
class SupervisorOrders final : public ReadyItem, public std::enable_shared_from_this<SupervisorOrders>
{
public:
    struct Reply
    {
        bool isAccepted = false;
        quint64 starts = 0; // of the service, before it was asked: see SupervisorRecords::Snapshot
        quint64 ends = 0;
        bool isRunning = false; // it was ready then, or about to be
    };
    struct Order
    {
        ChildId child = 0;
        bool (SupervisorCore::*what)(ChildId, Deadline) = nullptr;
        std::function<void(const Reply &)> answer; // called once, on any thread; it may only wake and post
    };

    /// Any thread. False, and nothing is answered, before open() and when the supervisor or its thread has gone.
    bool post(Order order);

    // On the supervisor's thread:

    /// \a wake is called by the event loop when there are orders to be taken, until close().
    void open(std::function<void()> wake);
    std::optional<Order> take();
    /// Refuses all that there are.
    void close();

private:
    void run() override;
    void discard() override;
    void refuseAll();

    std::function<void()> m_wake; // of the supervisor's thread
    std::mutex m_mutex;
    std::shared_ptr<Inbox> m_home; // guarded by m_mutex, as all that follows; null while it is not open
    std::deque<Order> m_orders;
    std::shared_ptr<SupervisorOrders> m_posted; // this, while it is on its way
};

} // namespace MicroIO::Detail
