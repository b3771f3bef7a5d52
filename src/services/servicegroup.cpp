// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/ServiceGroup>

#include "loop/logging_p.h"
#include "services/quit_p.h"
#include "services/servicekeeper_p.h"
#include "services/servicelist_p.h"
#include "services/serviceroster_p.h"

#include <QCoreApplication>
#include <QPointer>

#include <algorithm>
#include <stdexcept>

namespace MicroIO {

using namespace std::chrono_literals;

namespace Detail {

namespace {

// How long a group that goes waits for what it owns.
constexpr auto patience = 5s;

} // namespace

class ServiceGroupPrivate final : public StoppedOnQuit
{
public:
    explicit ServiceGroupPrivate(ServiceGroup *group)
        : m_group(group)
    {
        enlist();
    }
    ~ServiceGroupPrivate() override { delist(); }
    Q_DISABLE_COPY_MOVE(ServiceGroupPrivate)

    QCoro::Task<> stopForQuit(CancelScope limited) override
    {
        const QPointer<ServiceGroup> group(m_group);
        auto stopping = stopInOrder(limited, list());
        co_await stopping;
        if (group)
            keepDeafOnes();
    }

    bool livesInApplicationThread() const override
    {
        const auto *app = QCoreApplication::instance();
        return app && m_group->thread() == app->thread();
    }

    void add(ServiceThread *service)
    {
        if (hasStarted)
            throw std::logic_error("ServiceGroup::add() after start(); add all services before");
        if (!service)
            throw std::invalid_argument("ServiceGroup::add() of no service");
        if (std::find(cores.begin(), cores.end(), service->core()) != cores.end())
            throw std::invalid_argument("ServiceGroup::add() of a service that is in the group already");
        services.push_back(service);
        cores.push_back(service->core());
        roster->add(service->core());
    }

    const ServiceList &list() const { return cores; }

    /// Their threads are about to end; who is told that they have may destroy what these use.
    void joinThreads()
    {
        for (const auto &service : services) {
            if (service)
                service->wait();
        }
    }

    /// Whose thread still runs is not to be waited for any more.
    void keepDeafOnes()
    {
        for (auto &service : owned) {
            if (service && service->core()->runs())
                keepUntilEnded(std::move(service));
        }
    }

    void destroyOwned()
    {
        keepDeafOnes();
        while (!owned.empty())
            owned.pop_back();
    }

    std::vector<QPointer<ServiceThread>> services;
    ServiceList cores; // of services, one to one
    std::vector<std::unique_ptr<ServiceThread>> owned;
    const std::shared_ptr<ServiceRoster> roster = std::make_shared<ServiceRoster>();
    bool hasStarted = false;

private:
    ServiceGroup *const m_group;
};

} // namespace Detail

using Detail::ServiceGroupPrivate;

ServiceGroup::ServiceGroup(QObject *parent)
    : QObject(parent)
    , d(std::make_unique<ServiceGroupPrivate>(this))
{
}

ServiceGroup::ServiceGroup(std::initializer_list<ServiceThread *> services, QObject *parent)
    : ServiceGroup(parent)
{
    for (auto *service : services)
        d->add(service);
}

ServiceGroup::~ServiceGroup()
{
    Detail::ServiceList owned;
    for (const auto &service : d->owned) {
        if (service)
            owned.push_back(service->core());
    }
    // What is borrowed is left as it is, but nothing is started any more.
    for (const auto &core : d->cores) {
        if (d->hasStarted && core->isIdle())
            core->closeScope.close(QStringLiteral("its service group was destroyed"));
    }
    Detail::stopInOrder(owned, QDeadlineTimer(Detail::patience));
    d->destroyOwned();
    d->roster->close();
}

void ServiceGroup::own(std::unique_ptr<ServiceThread> service)
{
    d->add(service.get());
    service->setParent(nullptr);
    d->owned.push_back(std::move(service));
}

ServiceGroup &ServiceGroup::add(ServiceThread &service)
{
    d->add(&service);
    return *this;
}

QList<ServiceThread *> ServiceGroup::services() const
{
    QList<ServiceThread *> all;
    for (const auto &service : d->services) {
        if (service)
            all += service;
    }
    return all;
}

ServiceGroup &ServiceGroup::start()
{
    if (std::exchange(d->hasStarted, true)) {
        qCCritical(Detail::logService, "A service group was started a second time; its services run once.");
        return *this;
    }
    Detail::startInOrder(std::make_shared<const Detail::ServiceList>(d->list()));
    return *this;
}

QCoro::Task<> ServiceGroup::start(CancelScope scope)
{
    if (std::exchange(d->hasStarted, true))
        qCCritical(Detail::logService, "A service group was started a second time; its services run once.");
    return Detail::startInOrder(std::move(scope), d->list());
}

ServiceGroup &ServiceGroup::waitStarted(QDeadlineTimer deadline)
{
    Detail::refuseOwnThreads(d->list(), "waitStarted() of the group");
    if (!d->hasStarted)
        throw ServiceError(QStringLiteral("the service group was not started; call start() first"));
    Detail::waitUntilStarted(d->list(), deadline);
    return *this;
}

bool ServiceGroup::stop(const QString &reason)
{
    return Detail::stopAll(d->list(),
                           reason.isEmpty() ? QStringLiteral("its service group was stopped") : reason);
}

bool ServiceGroup::joinOrLog(QDeadlineTimer deadline)
{
    Detail::refuseOwnThreads(d->list(), "joinOrLog() of the group");
    const bool haveEnded = Detail::joinAll(d->list(), deadline);
    if (haveEnded)
        d->joinThreads();
    return haveEnded;
}

bool ServiceGroup::stopJoin(QDeadlineTimer deadline)
{
    Detail::refuseOwnThreads(d->list(), "stopJoin() of the group");
    const bool haveEnded = Detail::stopInOrder(d->list(), deadline);
    if (haveEnded)
        d->joinThreads();
    return haveEnded;
}

QCoro::Task<bool> ServiceGroup::stopJoin(CancelScope scope)
{
    return Detail::stopInOrder(std::move(scope), d->list());
}

const std::shared_ptr<Detail::ServiceRoster> &ServiceGroup::roster() const
{
    return d->roster;
}

void ServiceGroup::stopOnQuit(std::chrono::milliseconds limit)
{
    if (!d->livesInApplicationThread()) {
        throw WrongThreadError(QStringLiteral(
            "stopOnQuit() of a service group that does not live in the application's thread; create the "
            "application first, and the group in its thread"));
    }
    d->stopWhenQuitting(this, limit);
}

} // namespace MicroIO
