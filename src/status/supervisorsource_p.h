// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "status/entrycache_p.h"
#include "status/incidentsource_p.h"
#include "status/servicesource_p.h"
#include "supervision/supervisorrecords_p.h"

#include <memory>

namespace MicroIO::Detail {

/// The services of a supervisor, also those that are supervisors.
class SupervisorSource final : public ServiceSource
{
public:
    explicit SupervisorSource(Supervisor &supervisor);

    ServiceEntries entries() const override;
    std::shared_ptr<ChangeListeners> changes() const override;
    std::shared_ptr<ServiceEntry> find(const QString &name) const override;
    bool contains(const ServiceEntry *entry) const override;

private:
    std::shared_ptr<ServiceEntry> make(const SupervisorRecords::Listed &listed) const;

    const QString m_name; // the supervisor's
    const std::shared_ptr<SupervisorRecords> m_records;
    mutable EntryCache<ChildId> m_known;
};

class SupervisorIncidents final : public IncidentSource
{
public:
    explicit SupervisorIncidents(Supervisor &supervisor);

    std::vector<IncidentFacts> incidents() const override;
    std::shared_ptr<ChangeListeners> changes() const override;

private:
    const std::shared_ptr<SupervisorRecords> m_records;
};

} // namespace MicroIO::Detail
