// SPDX-License-Identifier: Apache-2.0
#include "services/changelisteners_p.h"

#include <utility>

namespace MicroIO::Detail {

quint64 ChangeListeners::add(std::function<void()> listener)
{
    const std::lock_guard lock(m_mutex);
    m_listeners.emplace(++m_last, std::move(listener));
    return m_last;
}

void ChangeListeners::remove(quint64 id)
{
    std::function<void()> removed; // destroyed with the mutex unlocked
    const std::lock_guard lock(m_mutex);
    const auto found = m_listeners.find(id);
    if (found == m_listeners.end())
        return;
    removed = std::move(found->second);
    m_listeners.erase(found);
}

void ChangeListeners::notify()
{
    m_count.fetch_add(1, std::memory_order_acq_rel);
    const std::lock_guard lock(m_mutex);
    for (const auto &[id, listener] : m_listeners)
        listener();
}

ChangeSubscription::ChangeSubscription(std::shared_ptr<ChangeListeners> listeners,
                                       std::function<void()> listener)
    : m_listeners(std::move(listeners))
    , m_id(m_listeners->add(std::move(listener)))
{
}

ChangeSubscription::~ChangeSubscription()
{
    if (m_listeners)
        m_listeners->remove(m_id);
}

ChangeSubscription::ChangeSubscription(ChangeSubscription &&other) noexcept
    : m_listeners(std::move(other.m_listeners))
    , m_id(other.m_id)
{
}

ChangeSubscription &ChangeSubscription::operator=(ChangeSubscription &&other) noexcept
{
    std::swap(m_listeners, other.m_listeners);
    std::swap(m_id, other.m_id);
    return *this;
}

} // namespace MicroIO::Detail
