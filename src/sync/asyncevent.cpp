// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/AsyncEvent>

#include <mutex>

namespace MicroIO {

namespace Detail {

/// Outlives the event with the last of those who wait.
class EventCore
{
public:
    /// With the mutex held. It tells them by isBroken whether the event is set or gone.
    void wakeAllLocked(Wakes &wakes)
    {
        while (auto *wait = static_cast<EventWait *>(waits.first())) {
            waits.remove(wait);
            if (wait->completeReady(&wakes))
                wait->m_isBroken = isBroken;
        }
    }

    mutable std::mutex mutex;
    WaitList waits; // guarded by mutex, as all that follows
    bool isSet = false;
    bool isBroken = false; // the event has been destroyed
};

EventWait::EventWait(ScopeRef scope, std::shared_ptr<EventCore> core)
    : ListedWait(std::move(scope))
    , m_core(std::move(core))
{
}

EventWait::~EventWait() = default;

bool EventWait::enter()
{
    const std::lock_guard lock(m_core->mutex);
    m_isBroken = m_core->isBroken;
    if (m_core->isSet || m_isBroken)
        return true;
    m_core->waits.add(this);
    return false;
}

void EventWait::leave()
{
    const std::lock_guard lock(m_core->mutex);
    m_core->waits.remove(this);
}

void EventWait::await_resume() const
{
    checkOutcome();
    if (m_isBroken)
        throw BrokenResourceError(QStringLiteral("the event was destroyed while it was waited for"));
}

} // namespace Detail

AsyncEvent::AsyncEvent()
    : d(std::make_shared<Detail::EventCore>())
{
}

AsyncEvent::~AsyncEvent()
{
    Detail::Wakes wakes;
    const std::lock_guard lock(d->mutex);
    d->isBroken = true;
    d->wakeAllLocked(wakes);
}

void AsyncEvent::set()
{
    Detail::Wakes wakes;
    const std::lock_guard lock(d->mutex);
    d->isSet = true;
    d->wakeAllLocked(wakes);
}

void AsyncEvent::clear()
{
    const std::lock_guard lock(d->mutex);
    d->isSet = false;
}

bool AsyncEvent::isSet() const
{
    const std::lock_guard lock(d->mutex);
    return d->isSet;
}

} // namespace MicroIO
