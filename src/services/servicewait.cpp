// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/services/servicewait.h>

#include "services/servicethread_p.h"

namespace MicroIO::Detail {

ServiceStartWait::ServiceStartWait(ScopeRef scope, std::shared_ptr<ServicePrivate> service)
    : ListedWait(std::move(scope))
    , m_service(std::move(service))
{
}

ServiceStartWait::~ServiceStartWait() = default;

bool ServiceStartWait::enter()
{
    const std::lock_guard lock(m_service->mutex);
    // Refused where there is nothing to wait for: see await_resume().
    if (QThread::currentThread() == m_service->ownThread || m_service->state == ServiceThread::State::Idle
        || m_service->isStartDecidedLocked())
        return true;
    m_service->startWaits.add(this);
    return false;
}

void ServiceStartWait::leave()
{
    const std::lock_guard lock(m_service->mutex);
    m_service->startWaits.remove(this);
}

void ServiceStartWait::await_resume() const
{
    checkOutcome();
    m_service->refuseOwnThread("waitStarted()");
    m_service->throwUnlessStarted();
}

ServiceEndWait::ServiceEndWait(ScopeRef scope, std::shared_ptr<ServicePrivate> service)
    : ListedWait(std::move(scope))
    , m_service(std::move(service))
{
}

ServiceEndWait::~ServiceEndWait() = default;

bool ServiceEndWait::enter()
{
    const std::lock_guard lock(m_service->mutex);
    if (QThread::currentThread() == m_service->ownThread || m_service->state == ServiceThread::State::Idle
        || m_service->isOverLocked())
        return true;
    m_service->endWaits.add(this);
    return false;
}

void ServiceEndWait::leave()
{
    const std::lock_guard lock(m_service->mutex);
    m_service->endWaits.remove(this);
}

void ServiceEndWait::await_resume() const
{
    checkOutcome();
    m_service->refuseOwnThread("join()");
}

} // namespace MicroIO::Detail
