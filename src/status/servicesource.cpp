// SPDX-License-Identifier: Apache-2.0
#include "status/servicesource_p.h"

#include "status/groupsource_p.h"
#include "status/supervisorsource_p.h"
#include <MicroIO/Errors>
#include <MicroIO/ServiceGroup>
#include <MicroIO/Supervisor>

#include <algorithm>

namespace MicroIO::Detail {

ServiceStatus::State shownState(ServiceThread::State state)
{
    switch (state) {
    case ServiceThread::State::Idle:
        return ServiceStatus::State::Idle;
    case ServiceThread::State::Starting:
        return ServiceStatus::State::Starting;
    case ServiceThread::State::Running:
        return ServiceStatus::State::Running;
    case ServiceThread::State::Stopping:
        return ServiceStatus::State::Stopping;
    case ServiceThread::State::Stopped:
        return ServiceStatus::State::Stopped;
    case ServiceThread::State::Failed:
        return ServiceStatus::State::Failed;
    }
    Q_UNREACHABLE();
}

FigureFacts figuresOf(const ServicePrivate &service)
{
    const auto &figures = service.figures;
    return {service.uptime().count(), figures.loopLag().count(), figures.sum(ServiceFigures::Kind::Queue),
            figures.sum(ServiceFigures::Kind::Requests)};
}

void throwAbsent(const QString &name)
{
    throw ServiceError(QStringLiteral("there is no service \"%1\", or no more").arg(name));
}

ServiceEntry::~ServiceEntry() = default;

ServiceSource::~ServiceSource() = default;

std::shared_ptr<ServiceEntry> ServiceSource::find(const QString &name) const
{
    const auto all = entries();
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&name](const auto &entry) { return entry->name() == name; });
    return found == all.end() ? nullptr : *found;
}

bool ServiceSource::contains(const ServiceEntry *entry) const
{
    const auto all = entries();
    return std::any_of(all.begin(), all.end(), [entry](const auto &one) { return one.get() == entry; });
}

std::shared_ptr<ServiceSource> ServiceSource::of(QObject *object)
{
    if (auto *group = qobject_cast<ServiceGroup *>(object))
        return std::make_shared<GroupSource>(group->roster());
    if (auto *supervisor = qobject_cast<Supervisor *>(object))
        return std::make_shared<SupervisorSource>(*supervisor);
    if (auto *thread = qobject_cast<ServiceThread *>(object)) {
        const auto alone = std::make_shared<ServiceRoster>();
        alone->add(thread->core());
        return std::make_shared<GroupSource>(alone);
    }
    return nullptr;
}

} // namespace MicroIO::Detail
