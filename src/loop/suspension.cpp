// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/loop/suspension.h>

#include "loop/logging_p.h"
#include "loop/scheduler_p.h"

namespace MicroIO::Detail {

ReadyItem::~ReadyItem()
{
    ReadyQueue::remove(this);
}

const void *ReadyItem::doomedTree() const
{
    return nullptr;
}

Suspension::~Suspension() = default;

bool Suspension::complete(Outcome outcome, Wakes *wakes)
{
    auto expected = Outcome::Pending;
    if (!m_outcome.compare_exchange_strong(expected, outcome, std::memory_order_acq_rel))
        return false;
    m_scheduler->post(this, wakes);
    return true;
}

void Suspension::queue()
{
    ReadyQueue::remove(this);
    m_scheduler->enqueue(this);
}

void Suspension::queueRefused()
{
    ReadyQueue::remove(this);
    m_scheduler->enqueueRefused(this);
}

void Suspension::resume()
{
    ReadyQueue::remove(this);
    // The frame, and this node with it, may be gone when resume() returns.
    const auto coroutine = m_coroutine;
    try {
        coroutine.resume();
    } catch (...) {
        // QCoro's promises store what their coroutine throws; another coroutine type may not.
        qCCritical(logTask, "A coroutine let an exception escape into the event loop; it is lost.");
    }
}

} // namespace MicroIO::Detail
