// SPDX-License-Identifier: Apache-2.0
#include "status/supervisorsource_p.h"

#include "status/supervisedentry_p.h"
#include "supervision/supervisor_p.h"

namespace MicroIO::Detail {

SupervisorSource::SupervisorSource(Supervisor &supervisor)
    : m_name(supervisor.name())
    , m_records(SupervisorPrivate::of(supervisor).records)
{
}

std::shared_ptr<ServiceEntry> SupervisorSource::make(const SupervisorRecords::Listed &listed) const
{
    return std::make_shared<SupervisedEntry>(SupervisedName{m_records, listed, m_name});
}

ServiceEntries SupervisorSource::entries() const
{
    return m_known.entries(
        m_records->list(), [](const auto &listed) { return listed.id; },
        [this](const auto &listed) { return make(listed); });
}

std::shared_ptr<ChangeListeners> SupervisorSource::changes() const
{
    return {m_records, &m_records->listChanges};
}

std::shared_ptr<ServiceEntry> SupervisorSource::find(const QString &name) const
{
    const auto listed = m_records->find(name);
    return listed ? m_known.entry(listed->id, [&] { return make(*listed); }) : nullptr;
}

bool SupervisorSource::contains(const ServiceEntry *entry) const
{
    const auto listed = m_records->find(entry->name());
    return listed && m_known.entry(listed->id, [&] { return make(*listed); }).get() == entry;
}

SupervisorIncidents::SupervisorIncidents(Supervisor &supervisor)
    : m_records(SupervisorPrivate::of(supervisor).records)
{
}

std::vector<IncidentFacts> SupervisorIncidents::incidents() const
{
    std::vector<IncidentFacts> all;
    if (m_records->isGone())
        return all;
    for (const auto &each : m_records->incidents())
        all.push_back({each.number, each.time, each.service, each.cause, each.action, each.uptime.count()});
    return all;
}

std::shared_ptr<ChangeListeners> SupervisorIncidents::changes() const
{
    return {m_records, &m_records->incidentChanges};
}

} // namespace MicroIO::Detail
