// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/supervision/serviceslot.h>

#include "scopes/errors_p.h"

#include <utility>

namespace MicroIO::Detail {

ServiceSlot::ServiceSlot(const QString &name)
    : m_name(name)
{
}

void ServiceSlot::fill(ServiceThread *instance)
{
    std::exception_ptr formerCause; // destroyed with the mutex unlocked
    const std::lock_guard lock(m_mutex);
    m_instance = instance;
    formerCause.swap(m_cause);
}

void ServiceSlot::empty(const std::exception_ptr &cause)
{
    auto formerCause = cause; // destroyed with the mutex unlocked
    std::unique_lock lock(m_mutex);
    m_instance = nullptr;
    formerCause.swap(m_cause);
    m_unused.wait(lock, [this] { return m_users == 0; });
}

bool ServiceSlot::isUp() const
{
    const std::lock_guard lock(m_mutex);
    return m_instance != nullptr;
}

ServiceSlot::Pin::Pin(ServiceSlot &slot)
    : m_slot(slot)
{
    std::exception_ptr cause;
    {
        const std::lock_guard lock(slot.m_mutex);
        m_instance = slot.m_instance;
        if (m_instance) {
            ++slot.m_users;
            return;
        }
        cause = slot.m_cause;
    }
    throwWithCause(
        ServiceError(QStringLiteral("service %1 is down; try again when it runs").arg(slot.m_name)), cause);
}

ServiceSlot::Pin::~Pin()
{
    const std::lock_guard lock(m_slot.m_mutex);
    if (--m_slot.m_users == 0)
        m_slot.m_unused.notify_all();
}

void ServiceSlot::throwOtherClass() const
{
    throw ServiceError(QStringLiteral("service %1 is of another class than the reference to it").arg(m_name));
}

} // namespace MicroIO::Detail
