// SPDX-License-Identifier: Apache-2.0
#include "status/groupsource_p.h"

#include "scopes/errors_p.h"
#include "services/servicethread_p.h"
#include <MicroIO/Errors>
#include <MicroIO/services/servicewait.h>

#include <utility>

namespace MicroIO::Detail {

namespace {

using State = ServiceThread::State;

void refuseSecondStart(const ServicePrivate &service)
{
    std::unique_lock lock(service.mutex);
    if (service.state != State::Stopping && !service.isOverLocked())
        return;
    const auto cause = service.cause;
    lock.unlock();
    throwWithCause(
        ServiceError(
            QStringLiteral("service %1 cannot be started again: it runs once; a Supervisor could restart it")
                .arg(service.name)),
        cause);
}

QCoro::Task<> startOnce(CancelScope scope, std::shared_ptr<ServicePrivate> service)
{
    scope.throwIfCancelled();
    refuseSecondStart(*service);
    service->startUnlessStopped();
    co_await WaitOf<ServiceStartWait, std::shared_ptr<ServicePrivate>>(scope.state(), service);
}

QCoro::Task<> stopByHand(CancelScope scope, std::shared_ptr<ServicePrivate> service)
{
    if (service->isIdle())
        co_return; // it would be stopped for good
    service->closeScope.close(QStringLiteral("it was stopped by hand"));
    co_await WaitOf<ServiceEndWait, std::shared_ptr<ServicePrivate>>(scope.state(), service);
}

QCoro::Task<> refuseRestart(std::shared_ptr<ServicePrivate> service)
{
    throw ServiceError(
        QStringLiteral("service %1 cannot be restarted: it runs once, and no Supervisor makes it anew")
            .arg(service->name));
    co_return;
}

} // namespace

ThreadEntry::ThreadEntry(std::shared_ptr<ServicePrivate> service)
    : m_service(std::move(service))
{
}

std::shared_ptr<ChangeListeners> ThreadEntry::changes() const
{
    return {m_service, &m_service->watchers};
}

ServiceFacts ThreadEntry::facts() const
{
    ServiceFacts facts;
    std::exception_ptr cause;
    {
        const std::lock_guard lock(m_service->mutex);
        facts.state = shownState(m_service->state);
        cause = m_service->cause;
    }
    if (cause)
        facts.errorString = describe(cause);
    return facts;
}

FigureFacts ThreadEntry::figures() const
{
    return figuresOf(*m_service);
}

QCoro::Task<> ThreadEntry::start(CancelScope scope)
{
    return startOnce(std::move(scope), m_service);
}

QCoro::Task<> ThreadEntry::stop(CancelScope scope)
{
    return stopByHand(std::move(scope), m_service);
}

QCoro::Task<> ThreadEntry::restart(CancelScope)
{
    return refuseRestart(m_service);
}

GroupSource::GroupSource(std::shared_ptr<ServiceRoster> roster)
    : m_roster(std::move(roster))
{
}

ServiceEntries GroupSource::entries() const
{
    auto services = m_roster->services();
    std::erase_if(services, [](const auto &service) { return !service->hasObject(); });
    return m_known.entries(
        services, [](const auto &service) { return service.get(); },
        [](const auto &service) { return std::make_shared<ThreadEntry>(service); });
}

std::shared_ptr<ChangeListeners> GroupSource::changes() const
{
    return {m_roster, &m_roster->changes};
}

} // namespace MicroIO::Detail
