// SPDX-License-Identifier: Apache-2.0
#include "supervision/supervisorrecords_p.h"

#include <algorithm>
#include <utility>

namespace MicroIO::Detail {

namespace {

constexpr qsizetype keptIncidents = 100;

} // namespace

void DeafServices::add(const QString &name)
{
    const std::lock_guard lock(m_mutex);
    m_names += name;
}

void DeafServices::remove(const QString &name)
{
    const std::lock_guard lock(m_mutex);
    m_names.removeOne(name);
}

QStringList DeafServices::names() const
{
    const std::lock_guard lock(m_mutex);
    return m_names;
}

bool DeafServices::isEmpty() const
{
    const std::lock_guard lock(m_mutex);
    return m_names.isEmpty();
}

void SupervisorRecords::add(ChildId id, const QString &name, bool isSupervisor)
{
    const std::lock_guard lock(m_mutex);
    Record record;
    record.name = name;
    record.isSupervisor = isSupervisor;
    m_records.emplace(id, std::move(record));
    m_ids.insert(name, id);
}

void SupervisorRecords::remove(ChildId id)
{
    Record removed; // destroyed with the mutex unlocked
    const std::lock_guard lock(m_mutex);
    const auto found = m_records.find(id);
    if (found == m_records.end())
        return;
    removed = std::move(found->second);
    m_ids.remove(removed.name);
    m_records.erase(found);
}

void SupervisorRecords::setInstance(ChildId id, const std::shared_ptr<ServicePrivate> &service, int restarts)
{
    auto former = service; // destroyed with the mutex unlocked
    const std::lock_guard lock(m_mutex);
    Record &record = m_records[id];
    record.service.swap(former);
    record.restarts = restarts;
    record.hasFailed = false;
}

void SupervisorRecords::setInstance(ChildId id, const std::shared_ptr<SupervisorRecords> &supervisor,
                                    int restarts)
{
    auto former = supervisor; // destroyed with the mutex unlocked
    const std::lock_guard lock(m_mutex);
    Record &record = m_records[id];
    record.supervisor.swap(former);
    record.restarts = restarts;
    record.hasFailed = false;
}

void SupervisorRecords::setLastError(ChildId id, const QString &error)
{
    const std::lock_guard lock(m_mutex);
    if (const auto found = m_records.find(id); found != m_records.end())
        found->second.lastError = error;
}

void SupervisorRecords::setFailed(ChildId id, const QString &error)
{
    const std::lock_guard lock(m_mutex);
    m_records[id].hasFailed = true;
    m_records[id].lastError = error;
}

void SupervisorRecords::setLate(ChildId id, bool isLate)
{
    const std::lock_guard lock(m_mutex);
    m_records[id].isLate = isLate;
}

void SupervisorRecords::setState(State state, const std::exception_ptr &error)
{
    const std::lock_guard lock(m_mutex);
    m_state = state;
    m_error = error;
}

SupervisorRecords::Incident SupervisorRecords::add(Incident incident)
{
    const std::lock_guard lock(m_mutex);
    incident.number = ++m_incidentCount;
    m_incidents += incident;
    if (m_incidents.size() > keptIncidents)
        m_incidents.removeFirst();
    return incident;
}

void SupervisorRecords::inherit(const SupervisorRecords &below)
{
    auto inherited = below.m_deafBelow; // it lives on our thread, and has ended
    inherited.push_back(below.deaf);
    const std::lock_guard lock(m_mutex);
    m_deafBelow.insert(m_deafBelow.end(), inherited.cbegin(), inherited.cend());
    std::erase_if(m_deafBelow, [](const auto &each) { return each->isEmpty(); });
}

SupervisorRecords::State SupervisorRecords::state() const
{
    const std::lock_guard lock(m_mutex);
    return m_state;
}

std::exception_ptr SupervisorRecords::exception() const
{
    const std::lock_guard lock(m_mutex);
    return m_error;
}

Supervisor::ServiceInfo SupervisorRecords::infoOf(const Record &record)
{
    Supervisor::ServiceInfo info;
    info.name = record.name;
    info.restartCount = record.restarts;
    info.lastError = record.lastError;
    info.isSupervisor = record.isSupervisor;
    if (record.hasFailed) {
        info.state = State::Failed;
    } else if (record.service) {
        std::exception_ptr error;
        {
            const std::lock_guard lock(record.service->mutex);
            info.state = record.service->state;
            if (info.state == State::Failed)
                error = record.service->cause;
        }
        if (error)
            info.lastError = describe(error); // which the supervisor learns later
    } else if (record.supervisor) {
        info.state = record.supervisor->state();
    }
    return info;
}

QList<Supervisor::ServiceInfo> SupervisorRecords::services() const
{
    const std::lock_guard lock(m_mutex);
    QList<Supervisor::ServiceInfo> infos;
    infos.reserve(qsizetype(m_records.size()));
    for (const auto &[id, record] : m_records)
        infos += infoOf(record);
    return infos;
}

std::optional<Supervisor::ServiceInfo> SupervisorRecords::service(const QString &name) const
{
    const std::lock_guard lock(m_mutex);
    const auto found = m_records.find(m_ids.value(name));
    if (found == m_records.end())
        return std::nullopt;
    return infoOf(found->second);
}

QStringList SupervisorRecords::names() const
{
    const std::lock_guard lock(m_mutex);
    QStringList names;
    for (const auto &[id, record] : m_records)
        names += record.name;
    return names;
}

QList<SupervisorRecords::Incident> SupervisorRecords::incidents() const
{
    const std::lock_guard lock(m_mutex);
    return m_incidents;
}

QStringList SupervisorRecords::unresponsive() const
{
    const std::lock_guard lock(m_mutex);
    QStringList names = deaf->names();
    for (const auto &below : m_deafBelow)
        names += below->names();
    for (const auto &[id, record] : m_records) {
        if (record.isLate)
            names += record.name;
        if (record.supervisor)
            names += record.supervisor->unresponsive();
    }
    names.removeDuplicates();
    names.sort();
    return names;
}

bool SupervisorRecords::hasDeaf() const
{
    const std::lock_guard lock(m_mutex);
    return !deaf->isEmpty() || std::any_of(m_deafBelow.cbegin(), m_deafBelow.cend(), [](const auto &below) {
        return !below->isEmpty();
    }) || std::any_of(m_records.cbegin(), m_records.cend(), [](const auto &each) {
        return each.second.supervisor && each.second.supervisor->hasDeaf();
    });
}

} // namespace MicroIO::Detail
