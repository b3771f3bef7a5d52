// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "services/servicethread_p.h"
#include "supervision/supervisoraction_p.h"
#include <MicroIO/CloseScope>
#include <MicroIO/Supervisor>

#include <QHash>
#include <QList>
#include <QString>
#include <QStringList>

#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace MicroIO::Detail {

/// The services that are deaf and run on, kept aside. Any thread.
class DeafServices
{
public:
    void add(const QString &name);
    void remove(const QString &name);
    QStringList names() const;
    bool isEmpty() const;

private:
    mutable std::mutex m_mutex;
    QStringList m_names; // guarded by m_mutex
};

/// What can be known of a supervisor and its services by any thread, and after it has gone.
class SupervisorRecords
{
public:
    using State = ServiceThread::State;
    using Incident = Supervisor::Incident;

    // On the supervisor's thread:
    void add(ChildId id, const QString &name, bool isSupervisor);
    void remove(ChildId id);
    /// From now on this is the instance whose state is told.
    void setInstance(ChildId id, const std::shared_ptr<ServicePrivate> &service, int restarts);
    void setInstance(ChildId id, const std::shared_ptr<SupervisorRecords> &supervisor, int restarts);
    void setLastError(ChildId id, const QString &error);
    /// It was refused before it had a state of its own.
    void setFailed(ChildId id, const QString &error);
    void setLate(ChildId id, bool isLate);
    void setState(State state, const std::exception_ptr &error = {});
    /// Gives it its number.
    Incident add(Incident incident);
    /// What a supervisor below us has left behind.
    void inherit(const SupervisorRecords &below);

    // Any thread:
    State state() const;
    std::exception_ptr exception() const;
    QList<Supervisor::ServiceInfo> services() const;
    std::optional<Supervisor::ServiceInfo> service(const QString &name) const;
    QStringList names() const;
    QList<Incident> incidents() const;
    QStringList unresponsive() const;
    bool hasDeaf() const;

    const std::shared_ptr<DeafServices> deaf = std::make_shared<DeafServices>(); // of our own services
    CloseScope started; // closed when all are ready; failed when they never will be
    CloseScope ended; // closed or failed when all have ended

private:
    struct Record
    {
        QString name;
        bool isSupervisor = false;
        bool isLate = false;
        bool hasFailed = false;
        int restarts = 0;
        QString lastError;
        std::shared_ptr<ServicePrivate> service; // one of these two, or none before the first start
        std::shared_ptr<SupervisorRecords> supervisor;
    };
    static Supervisor::ServiceInfo infoOf(const Record &record);

    mutable std::mutex m_mutex;
    std::map<ChildId, Record> m_records; // guarded by m_mutex, as all that follows
    QHash<QString, ChildId> m_ids;
    State m_state = State::Idle;
    std::exception_ptr m_error;
    QList<Incident> m_incidents;
    quint64 m_incidentCount = 0;
    std::vector<std::shared_ptr<DeafServices>> m_deafBelow;
};

} // namespace MicroIO::Detail
