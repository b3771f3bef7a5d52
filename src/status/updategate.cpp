// SPDX-License-Identifier: Apache-2.0
#include "status/updategate_p.h"

#include "loop/inbox_p.h"
#include "loop/logging_p.h"
#include "loop/scheduler_p.h"
#include <MicroIO/Errors>

#include <QThread>

#include <utility>

namespace MicroIO::Detail {

std::shared_ptr<UpdateGate> UpdateGate::create(std::function<void()> update)
{
    return std::shared_ptr<UpdateGate>(new UpdateGate(std::move(update)));
}

UpdateGate::UpdateGate(std::function<void()> update)
    : m_home(Inbox::of(QThread::currentThread()))
    , m_update(std::make_shared<const std::function<void()>>(std::move(update)))
    , m_timer(*this)
{
}

UpdateGate::~UpdateGate() = default;

void UpdateGate::mark()
{
    // An exchange even if it is marked already: what was written before this call is seen by the update that clears it.
    if (m_isMarked.exchange(true, std::memory_order_acq_rel))
        return;
    std::shared_ptr<UpdateGate> refused; // released with the mutex unlocked
    const std::lock_guard lock(m_mutex);
    m_posted = shared_from_this();
    if (!m_home->post(this))
        refused = std::move(m_posted);
}

void UpdateGate::close()
{
    const auto self = shared_from_this();
    m_update.reset();
    if (m_timer.isArmed())
        Scheduler::currentOrNull()->removeTimer(&m_timer);
    m_waiting.reset();
}

void UpdateGate::run()
{
    std::shared_ptr<UpdateGate> self;
    {
        const std::lock_guard lock(m_mutex);
        self = std::move(m_posted);
    }
    if (!m_update)
        return;
    const Deadline moment = now();
    // A test's clock that has gone leaves a last update in the future.
    if (!m_last || moment < *m_last || moment >= *m_last + interval) {
        update();
        return;
    }
    m_waiting = std::move(self);
    Scheduler::current()->setTimer(&m_timer, *m_last + interval);
}

void UpdateGate::discard()
{
    std::shared_ptr<UpdateGate> self; // released with the mutex unlocked
    const std::lock_guard lock(m_mutex);
    self = std::move(m_posted);
}

void UpdateGate::Timer::expired()
{
    // Not at once: an update runs foreign code, which may open an event loop, and the heap is in use.
    {
        const std::lock_guard lock(m_gate.m_mutex);
        m_gate.m_posted = std::move(m_gate.m_waiting);
    }
    Scheduler::currentOrNull()->enqueue(&m_gate);
}

void UpdateGate::Timer::loopEnded()
{
    m_gate.m_waiting.reset();
}

void UpdateGate::update()
{
    m_last = now();
    m_isMarked.exchange(false, std::memory_order_acq_rel);
    const auto function = m_update; // kept while it runs: it may destroy what it belongs to
    if (!function)
        return;
    try {
        (*function)();
    } catch (...) {
        qCCritical(logService).noquote()
            << "A slot connected to the status of a service threw:" << describe(std::current_exception());
    }
}

} // namespace MicroIO::Detail
