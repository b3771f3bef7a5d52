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

/// Changes a record, if it is there, and tells it.
template<typename Change>
void SupervisorRecords::change(ChildId id, const Change &how)
{
    std::shared_ptr<ChangeListeners> changes;
    {
        const std::lock_guard lock(m_mutex);
        const auto found = m_records.find(id);
        if (found == m_records.end())
            return;
        how(found->second);
        changes = found->second.changes;
    }
    changes->notify();
}

void SupervisorRecords::add(ChildId id, const QString &name, bool isSupervisor)
{
    {
        const std::lock_guard lock(m_mutex);
        Record record;
        record.name = name;
        record.isSupervisor = isSupervisor;
        m_records.emplace(id, std::move(record));
        m_ids.insert(name, id);
    }
    listChanges.notify();
}

void SupervisorRecords::remove(ChildId id)
{
    Record removed; // destroyed with the mutex unlocked
    {
        const std::lock_guard lock(m_mutex);
        const auto found = m_records.find(id);
        if (found == m_records.end())
            return;
        removed = std::move(found->second);
        m_ids.remove(removed.name);
        m_records.erase(found);
    }
    removed.changes->notify();
    listChanges.notify();
}

void SupervisorRecords::setInstance(ChildId id, const std::shared_ptr<ServicePrivate> &service, int restarts)
{
    follow(id, service, nullptr, restarts);
}

void SupervisorRecords::setInstance(ChildId id, const std::shared_ptr<SupervisorRecords> &supervisor,
                                    int restarts)
{
    follow(id, nullptr, supervisor, restarts);
}

void SupervisorRecords::follow(ChildId id, const std::shared_ptr<ServicePrivate> &service,
                               const std::shared_ptr<SupervisorRecords> &supervisor, int restarts)
{
    // What was there before is destroyed with the mutex unlocked.
    auto formerService = service;
    auto formerSupervisor = supervisor;
    ChangeSubscription subscription;
    std::exception_ptr formerRefusal;
    change(id, [&](Record &record) {
        auto changes = service ? std::shared_ptr<ChangeListeners>(service, &service->watchers)
                               : std::shared_ptr<ChangeListeners>(supervisor, &supervisor->stateChanges);
        subscription = ChangeSubscription(std::move(changes),
                                          [passedOn = record.changes] { passedOn->notify(); });
        record.service.swap(formerService);
        record.supervisor.swap(formerSupervisor);
        record.refusal.swap(formerRefusal);
        std::swap(record.instanceChanges, subscription);
        record.restarts = restarts;
        record.hasFailed = false;
        record.isErrorKnown = false;
        record.isWanted = true;
        ++record.starts;
    });
}

void SupervisorRecords::setLastError(ChildId id, const QString &error)
{
    change(id, [&error](Record &record) {
        record.lastError = error;
        record.isErrorKnown = true;
    });
}

void SupervisorRecords::setFailed(ChildId id, const std::exception_ptr &refusal)
{
    auto former = refusal; // destroyed with the mutex unlocked
    change(id, [&former, error = describe(refusal)](Record &record) {
        record.refusal.swap(former);
        record.lastError = error;
        record.isErrorKnown = true;
        record.hasFailed = true;
        record.ends = ++record.starts;
    });
}

void SupervisorRecords::setEnded(ChildId id, bool isWanted)
{
    change(id, [isWanted](Record &record) {
        record.ends = record.starts;
        record.isWanted = isWanted;
    });
}

void SupervisorRecords::setWanted(ChildId id, bool isWanted)
{
    change(id, [isWanted](Record &record) { record.isWanted = isWanted; });
}

void SupervisorRecords::setLate(ChildId id, bool isLate)
{
    const std::lock_guard lock(m_mutex);
    if (const auto found = m_records.find(id); found != m_records.end())
        found->second.isLate = isLate;
}

void SupervisorRecords::setState(State state, const std::exception_ptr &error)
{
    {
        const std::lock_guard lock(m_mutex);
        m_state = state;
        m_error = error;
        if (state == State::Running)
            m_readySince = now();
        else if (state == State::Stopped || state == State::Failed)
            m_endedAt = now();
    }
    stateChanges.notify();
    tellAll();
}

/// What all services have in common has changed.
void SupervisorRecords::tellAll()
{
    std::vector<std::shared_ptr<ChangeListeners>> all;
    {
        const std::lock_guard lock(m_mutex);
        all.reserve(m_records.size());
        for (const auto &[id, record] : m_records)
            all.push_back(record.changes);
    }
    for (const auto &changes : all)
        changes->notify();
}

void SupervisorRecords::close()
{
    {
        const std::lock_guard lock(m_mutex);
        m_isGone = true;
    }
    listChanges.notify();
    incidentChanges.notify();
    tellAll();
}

SupervisorRecords::Incident SupervisorRecords::add(Incident incident)
{
    {
        const std::lock_guard lock(m_mutex);
        incident.number = ++m_incidentCount;
        m_incidents += incident;
        if (m_incidents.size() > keptIncidents)
            m_incidents.removeFirst();
    }
    incidentChanges.notify();
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

bool SupervisorRecords::isGone() const
{
    const std::lock_guard lock(m_mutex);
    return m_isGone;
}

std::chrono::milliseconds SupervisorRecords::uptime() const
{
    const std::lock_guard lock(m_mutex);
    if (!m_readySince)
        return std::chrono::milliseconds::zero();
    return std::chrono::duration_cast<std::chrono::milliseconds>(m_endedAt.value_or(now()) - *m_readySince);
}

std::vector<SupervisorRecords::Listed> SupervisorRecords::list() const
{
    std::vector<Listed> all;
    const std::lock_guard lock(m_mutex);
    if (m_isGone)
        return all;
    all.reserve(m_records.size());
    for (const auto &[id, record] : m_records)
        all.push_back({id, record.name, record.changes});
    return all;
}

std::optional<SupervisorRecords::Listed> SupervisorRecords::find(const QString &name) const
{
    const std::lock_guard lock(m_mutex);
    const auto found = m_records.find(m_ids.value(name));
    if (m_isGone || found == m_records.end())
        return std::nullopt;
    return Listed{found->first, name, found->second.changes};
}

std::optional<SupervisorRecords::Snapshot> SupervisorRecords::snapshot(ChildId id) const
{
    const std::lock_guard lock(m_mutex);
    const auto found = m_records.find(id);
    if (m_isGone || found == m_records.end())
        return std::nullopt;
    const Record &record = found->second;
    Snapshot snapshot;
    snapshot.info = infoOf(record);
    snapshot.supervisorRuns = m_state == State::Starting || m_state == State::Running;
    snapshot.isWanted = record.isWanted;
    snapshot.isErrorKnown = record.isErrorKnown;
    snapshot.starts = record.starts;
    snapshot.ends = record.ends;
    snapshot.refusal = record.refusal;
    snapshot.service = record.service;
    snapshot.supervisor = record.supervisor;
    return snapshot;
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
