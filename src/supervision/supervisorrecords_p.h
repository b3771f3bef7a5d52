// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "services/changelisteners_p.h"
#include "services/servicethread_p.h"
#include "supervision/supervisoraction_p.h"
#include "supervision/supervisororders_p.h"
#include <MicroIO/CloseScope>
#include <MicroIO/Supervisor>

#include <QHash>
#include <QList>
#include <QString>
#include <QStringList>

#include <chrono>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
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
class MICROIO_EXPORT SupervisorRecords
{
public:
    using State = ServiceThread::State;
    using Incident = Supervisor::Incident;

    /// All that is known of a service at one moment.
    struct Snapshot
    {
        Supervisor::ServiceInfo info;
        bool supervisorRuns = false; // and can be asked for something
        bool isWanted = false; // is up, or is to be started without being asked for
        bool isErrorKnown = false; // info has the error of the last instance, if that has one
        quint64 starts = 0; // of instances, and attempts to make one
        quint64 ends = 0; // of those: one that is deaf and set aside has ended
        std::exception_ptr refusal; // of the last attempt: there is no instance
        std::shared_ptr<ServicePrivate> service; // the last instance is one of these two, if there was one
        std::shared_ptr<SupervisorRecords> supervisor;

        bool isUp() const { return starts > ends; }
    };
    struct Listed
    {
        ChildId id;
        QString name;
        std::shared_ptr<ChangeListeners> changes; // of its snapshot
    };

    // On the supervisor's thread:
    void add(ChildId id, const QString &name, bool isSupervisor);
    void remove(ChildId id);
    /// From now on this is the instance whose state is told.
    void setInstance(ChildId id, const std::shared_ptr<ServicePrivate> &service, int restarts);
    void setInstance(ChildId id, const std::shared_ptr<SupervisorRecords> &supervisor, int restarts);
    void setLastError(ChildId id, const QString &error);
    /// It was refused, because of \a refusal, before it had a state of its own.
    void setFailed(ChildId id, const std::exception_ptr &refusal);
    /// The last instance is the service's no more.
    void setEnded(ChildId id, bool isWanted);
    void setWanted(ChildId id, bool isWanted);
    void setLate(ChildId id, bool isLate);
    void setState(State state, const std::exception_ptr &error = {});
    /// Gives it its number.
    Incident add(Incident incident);
    /// What a supervisor below us has left behind.
    void inherit(const SupervisorRecords &below);
    /// The supervisor has gone: nothing is listed any more.
    void close();

    // Any thread:
    State state() const;
    std::exception_ptr exception() const;
    QList<Supervisor::ServiceInfo> services() const;
    std::optional<Supervisor::ServiceInfo> service(const QString &name) const;
    QStringList names() const;
    QList<Incident> incidents() const;
    QStringList unresponsive() const;
    bool hasDeaf() const;
    std::chrono::milliseconds uptime() const;
    bool isGone() const;
    /// In the order of their start; none once the supervisor has gone.
    std::vector<Listed> list() const;
    std::optional<Listed> find(const QString &name) const;
    /// nullopt if it is no service of the supervisor any more, also when that has gone.
    std::optional<Snapshot> snapshot(ChildId id) const;

    const std::shared_ptr<DeafServices> deaf = std::make_shared<DeafServices>(); // of our own services
    const std::shared_ptr<SupervisorOrders> orders = std::make_shared<SupervisorOrders>();
    ChangeListeners listChanges; // of list()
    ChangeListeners stateChanges; // of the supervisor itself
    ChangeListeners incidentChanges; // of incidents(), and when the supervisor goes
    CloseScope started; // closed when all are ready; failed when they never will be
    CloseScope ended; // closed or failed when all have ended

private:
    struct Record
    {
        QString name;
        bool isSupervisor = false;
        bool isLate = false;
        bool hasFailed = false;
        bool isWanted = true;
        bool isErrorKnown = false;
        int restarts = 0;
        quint64 starts = 0;
        quint64 ends = 0;
        QString lastError;
        std::exception_ptr refusal;
        std::shared_ptr<ServicePrivate> service; // one of these two, or none before the first start
        std::shared_ptr<SupervisorRecords> supervisor;
        std::shared_ptr<ChangeListeners> changes = std::make_shared<ChangeListeners>();
        ChangeSubscription instanceChanges; // which are passed on
    };
    static Supervisor::ServiceInfo infoOf(const Record &record);
    template<typename Change>
    void change(ChildId id, const Change &how);
    void follow(ChildId id, const std::shared_ptr<ServicePrivate> &service,
                const std::shared_ptr<SupervisorRecords> &supervisor, int restarts);
    void tellAll();

    mutable std::mutex m_mutex;
    std::map<ChildId, Record> m_records; // guarded by m_mutex, as all that follows
    QHash<QString, ChildId> m_ids;
    bool m_isGone = false;
    State m_state = State::Idle;
    std::optional<Deadline> m_readySince;
    std::optional<Deadline> m_endedAt;
    std::exception_ptr m_error;
    QList<Incident> m_incidents;
    quint64 m_incidentCount = 0;
    std::vector<std::shared_ptr<DeafServices>> m_deafBelow;
};

} // namespace MicroIO::Detail
