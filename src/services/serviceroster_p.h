// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "services/changelisteners_p.h"
#include "services/servicelist_p.h"

#include <mutex>

namespace MicroIO::Detail {

/// The services of a group as others see them: on any thread, and when the group has gone.
class ServiceRoster
{
public:
    void add(const std::shared_ptr<ServicePrivate> &service)
    {
        {
            const std::lock_guard lock(m_mutex);
            m_services.push_back(service);
        }
        changes.notify();
    }

    /// The group has gone.
    void close()
    {
        ServiceList gone; // released with the mutex unlocked
        {
            const std::lock_guard lock(m_mutex);
            gone.swap(m_services);
        }
        changes.notify();
    }

    /// In the order of their start, also those whose objects have gone.
    ServiceList services() const
    {
        const std::lock_guard lock(m_mutex);
        return m_services;
    }

    ChangeListeners changes; // of the list alone

private:
    mutable std::mutex m_mutex;
    ServiceList m_services; // guarded by m_mutex
};

} // namespace MicroIO::Detail
