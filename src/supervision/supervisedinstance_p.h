// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "supervision/supervisoraction_p.h"
#include "supervision/supervisorrecords_p.h"
#include <MicroIO/ServiceThread>
#include <MicroIO/Supervisor>

#include <chrono>
#include <functional>
#include <memory>

namespace MicroIO::Detail {

/// One instance of a child of a supervisor, from its factory to its end. On the supervisor's thread.
class SupervisedInstance
{
public:
    using State = ServiceThread::State;

    SupervisedInstance() = default;
    virtual ~SupervisedInstance();
    Q_DISABLE_COPY_MOVE(SupervisedInstance)

    /// \a changed is called on the supervisor's thread for each state, until letGo().
    virtual void listen(QObject *context, std::function<void(State)> changed) = 0;
    /// Nothing is told any more.
    virtual void letGo(QObject *context) = 0;
    virtual void record(SupervisorRecords &records, ChildId id, int restarts) const = 0;
    virtual void start() = 0;
    virtual void stop(const QString &reason, StopLimit limit) = 0;
    /// Blocks until it has ended, and tells that; false if \a until has passed before.
    virtual bool waitEnded(Deadline until) = 0;
    /// What it has to tell is told now.
    virtual void deliver() = 0;
    virtual bool isIdle() const = 0; // not started yet
    /// Once it has ended.
    virtual ChildEnd end() const = 0;
    virtual std::chrono::milliseconds uptime() const = 0;
    /// True if its destructor does not block.
    virtual bool isQuiet() const = 0;
    /// It is deaf: keeps it aside until it ends, and names it among \a records until then. There is nothing left here.
    virtual void setAside(const QString &name, SupervisorRecords &records) = 0;

    virtual ServiceThread *service() const { return nullptr; }
    virtual Supervisor *supervisor() const { return nullptr; }
};

/// A service as its factory gave it. Throws std::invalid_argument if it cannot be one of a supervisor on this thread.
std::unique_ptr<SupervisedInstance> superviseService(std::unique_ptr<ServiceThread> service);
std::unique_ptr<SupervisedInstance> superviseSupervisor(std::unique_ptr<Supervisor> supervisor,
                                                        const QString &name);

/// How something that failed with \a error has ended, for its supervisor.
MICROIO_EXPORT ChildEnd childEnd(const std::exception_ptr &error);

} // namespace MicroIO::Detail
