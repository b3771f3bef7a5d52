// SPDX-License-Identifier: Apache-2.0
#include "supervision/supervisedinstance_p.h"

#include "services/servicekeeper_p.h"
#include "services/servicethread_p.h"
#include "supervision/supervisor_p.h"

#include <QCoreApplication>

#include <stdexcept>

namespace MicroIO::Detail {

namespace {

using Way = ChildEnd::Way;

class ServiceInstance final : public SupervisedInstance
{
public:
    explicit ServiceInstance(std::unique_ptr<ServiceThread> service)
        : m_service(std::move(service))
        , m_core(m_service->core())
    {
    }

    void listen(QObject *context, std::function<void(State)> changed) override
    {
        QObject::connect(m_service.get(), &ServiceThread::stateChanged, context, std::move(changed));
    }
    void letGo(QObject *context) override
    {
        QObject::disconnect(m_service.get(), &ServiceThread::stateChanged, context, nullptr);
    }
    void record(SupervisorRecords &records, ChildId id, int restarts) const override
    {
        records.setInstance(id, m_core, restarts);
    }
    void start() override { m_service->start(); }
    void stop(const QString &reason, StopLimit) override { m_service->stop(reason); }
    bool waitEnded(Deadline until) override
    {
        QDeadlineTimer limit(QDeadlineTimer::Forever);
        if (until != Deadline::max())
            limit = QDeadlineTimer(until - now(), Qt::PreciseTimer);
        const bool hasEnded = m_core->waitEnded(limit);
        deliver();
        return hasEnded;
    }
    void deliver() override
    {
        QCoreApplication::sendPostedEvents(m_service.get(), ServicePrivate::newsEvent());
    }
    bool isIdle() const override { return m_core->isIdle(); }
    ChildEnd end() const override { return childEnd(m_service->exception()); }
    std::chrono::milliseconds uptime() const override { return m_service->uptime(); }
    bool isQuiet() const override { return !m_service->isRunning(); }
    void setAside(const QString &name, SupervisorRecords &records) override
    {
        if (!m_core->runs())
            return; // it has ended just now
        m_core->logThatItRunsOn();
        records.deaf->add(name);
        QObject::connect(m_service.get(), &ServiceThread::stateChanged, m_service.get(),
                         [deaf = records.deaf, name](State state) {
                             if (state == State::Stopped || state == State::Failed)
                                 deaf->remove(name);
                         });
        keepUntilEnded(std::move(m_service));
    }
    ServiceThread *service() const override { return m_service.get(); }

private:
    std::unique_ptr<ServiceThread> m_service;
    const std::shared_ptr<ServicePrivate> m_core;
};

class SupervisorInstance final : public SupervisedInstance
{
public:
    explicit SupervisorInstance(std::unique_ptr<Supervisor> supervisor)
        : m_supervisor(std::move(supervisor))
        , m_records(SupervisorPrivate::of(*m_supervisor).records)
    {
    }

    void listen(QObject *context, std::function<void(State)> changed) override
    {
        QObject::connect(m_supervisor.get(), &Supervisor::stateChanged, context, std::move(changed));
    }
    void letGo(QObject *context) override
    {
        QObject::disconnect(m_supervisor.get(), &Supervisor::stateChanged, context, nullptr);
    }
    void record(SupervisorRecords &records, ChildId id, int restarts) const override
    {
        records.setInstance(id, m_records, restarts);
    }
    void start() override { m_supervisor->start(); }
    void stop(const QString &reason, StopLimit limit) override
    {
        SupervisorPrivate::of(*m_supervisor).stop(reason, limit);
    }
    bool waitEnded(Deadline until) override
    {
        return SupervisorPrivate::of(*m_supervisor).blockUntilEnded(until);
    }
    void deliver() override {}
    bool isIdle() const override { return m_records->state() == State::Idle; }
    ChildEnd end() const override { return childEnd(m_records->exception()); }
    std::chrono::milliseconds uptime() const override { return m_records->uptime(); }
    bool isQuiet() const override { return true; }
    void setAside(const QString &, SupervisorRecords &records) override
    {
        SupervisorPrivate::of(*m_supervisor).stop({}, {now(), now()});
        records.inherit(*m_records);
        m_supervisor.release()->deleteLater(); // nothing is alive in it
    }
    Supervisor *supervisor() const override { return m_supervisor.get(); }

private:
    std::unique_ptr<Supervisor> m_supervisor;
    const std::shared_ptr<SupervisorRecords> m_records;
};

/// The word of a service to its supervisor, which may stand among the errors of a task group.
Way wayOf(const std::exception_ptr &error)
{
    try {
        std::rethrow_exception(error);
    } catch (const TerminateSupervisor &) {
        return Way::TerminateSupervisor;
    } catch (const DoNotRestart &) {
        return Way::DoNotRestart;
    } catch (const TaskGroupError &e) {
        Way way = Way::Error;
        for (const auto &each : e.exceptions())
            way = std::max(way, wayOf(each));
        return way;
    } catch (...) {
        return Way::Error;
    }
}

} // namespace

SupervisedInstance::~SupervisedInstance() = default;

ChildEnd childEnd(const std::exception_ptr &error)
{
    return error ? ChildEnd{wayOf(error), error} : ChildEnd();
}

std::unique_ptr<SupervisedInstance> superviseService(std::unique_ptr<ServiceThread> service)
{
    if (service->thread() != QThread::currentThread())
        throw std::invalid_argument("it gave a service that lives on another thread");
    if (service->state() != ServiceThread::State::Idle) {
        service->stop(QStringLiteral("its supervisor refused it"));
        if (service->core()->runs())
            keepUntilEnded(std::move(service));
        throw std::invalid_argument("it gave a service that was started already");
    }
    service->setParent(nullptr);
    return std::make_unique<ServiceInstance>(std::move(service));
}

std::unique_ptr<SupervisedInstance> superviseSupervisor(std::unique_ptr<Supervisor> supervisor,
                                                        const QString &name)
{
    if (supervisor->thread() != QThread::currentThread())
        throw std::invalid_argument("it gave a supervisor that lives on another thread");
    if (supervisor->state() != Supervisor::State::Idle)
        throw std::invalid_argument("it gave a supervisor that was started already");
    supervisor->setParent(nullptr);
    supervisor->setObjectName(name);
    SupervisorPrivate::of(*supervisor).isBelowAnother = true;
    return std::make_unique<SupervisorInstance>(std::move(supervisor));
}

} // namespace MicroIO::Detail
