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
    auto formerCause = cause;
    const std::lock_guard lock(m_mutex);
    m_instance = nullptr;
    formerCause.swap(m_cause);
}

bool ServiceSlot::isUp() const
{
    const std::lock_guard lock(m_mutex);
    return m_instance != nullptr;
}

void ServiceSlot::throwDown() const
{
    throwWithCause(ServiceError(QStringLiteral("service %1 is down; try again when it runs").arg(m_name)),
                   m_cause);
}

void ServiceSlot::throwOtherClass() const
{
    throw ServiceError(QStringLiteral("service %1 is of another class than the reference to it").arg(m_name));
}

} // namespace MicroIO::Detail
