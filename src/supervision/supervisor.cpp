// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/Supervisor>

#include "loop/logging_p.h"
#include "scopes/errors_p.h"
#include "supervision/supervisor_p.h"
#include "supervision/supervisorspecs_p.h"

#include <QPointer>
#include <QSignalBlocker>

#include <stdexcept>

namespace MicroIO {

using namespace std::chrono_literals;
using Detail::SupervisorCore;
using Detail::SupervisorPrivate;

namespace {

// How long a supervisor that goes waits for what it owns.
constexpr auto patience = 5s;

} // namespace

Supervisor::Supervisor(Strategy strategy, QObject *parent)
    : QObject(parent)
    , d(std::make_unique<SupervisorPrivate>(this))
{
    d->core.rules.strategy = strategy;
}

Supervisor::~Supervisor()
{
    const QSignalBlocker noMore(this);
    const auto records = d->records;
    records->orders->close();
    d->stopBlocking(patience);
    records->ended.close(QStringLiteral("the supervisor was destroyed"));
    records->close();
}

QString Supervisor::name() const
{
    return objectName();
}

void Supervisor::setIntensity(Intensity intensity)
{
    d->requireNotStarted("setIntensity()");
    Detail::checkSpec(intensity);
    d->core.rules.limit = Detail::RestartLimit(intensity);
}

void Supervisor::setDecay(Decay decay)
{
    d->requireNotStarted("setDecay()");
    Detail::checkSpec(decay);
    d->core.rules.limit = Detail::RestartLimit(decay);
}

void Supervisor::setBackoff(const Backoff &backoff)
{
    d->requireNotStarted("setBackoff()");
    Detail::checkSpec(backoff);
    d->core.rules.backoff.set(backoff);
}

void Supervisor::setOnLimit(OnLimit onLimit)
{
    d->requireNotStarted("setOnLimit()");
    d->core.rules.onLimit = onLimit;
}

void Supervisor::setAutoShutdown(AutoShutdown autoShutdown)
{
    d->requireNotStarted("setAutoShutdown()");
    d->core.rules.autoShutdown = autoShutdown;
}

void Supervisor::setJitterSeed(quint32 seed)
{
    d->requireNotStarted("setJitterSeed()");
    d->core.rules.backoff.setSeed(seed);
}

void Supervisor::addService(const ServiceSpec &spec)
{
    d->requireOwnThread("addService()");
    Detail::checkSpec(spec, *d);
    auto child = std::make_unique<SupervisorPrivate::Child>();
    child->name = spec.name;
    child->factory = d->factoryOf(spec.factory);
    child->heartbeatLimit = spec.heartbeat;
    child->onUnresponsive = spec.onUnresponsive;
    Detail::ChildRules rules;
    rules.restart = spec.restart;
    rules.isSignificant = spec.significant;
    rules.startLimit = saturated(spec.startTimeout);
    rules.stopLimit = saturated(spec.stopTimeout);
    d->add(std::move(child), rules);
}

void Supervisor::addSupervisor(const SupervisorSpec &spec)
{
    d->requireOwnThread("addSupervisor()");
    Detail::checkSpec(spec, *d);
    auto child = std::make_unique<SupervisorPrivate::Child>();
    child->name = spec.name;
    child->factory = d->factoryOf(spec.factory, spec.name);
    child->isSupervisor = true;
    Detail::ChildRules rules;
    rules.restart = spec.restart;
    rules.isSignificant = spec.significant;
    rules.isContained = spec.contained;
    d->add(std::move(child), rules);
}

bool Supervisor::removeService(const QString &name)
{
    return d->command(name, "removeService()", &SupervisorCore::removeChild);
}

bool Supervisor::startService(const QString &name)
{
    return d->command(name, "startService()", &SupervisorCore::startChild);
}

bool Supervisor::stopService(const QString &name)
{
    return d->command(name, "stopService()", &SupervisorCore::stopChild);
}

bool Supervisor::restartService(const QString &name)
{
    return d->command(name, "restartService()", &SupervisorCore::restartChild);
}

void Supervisor::start()
{
    d->requireOwnThread("start()");
    d->start();
}

void Supervisor::stop(const QString &reason)
{
    d->requireOwnThread("stop()");
    d->stop(reason);
}

bool Supervisor::stopJoin(QDeadlineTimer deadline)
{
    d->requireOwnThread("stopJoin()");
    return d->stopBlocking(deadline);
}

QCoro::Task<bool> Supervisor::stopJoin(CancelScope scope)
{
    d->requireOwnThread("stopJoin()");
    return SupervisorPrivate::stopJoin(this, std::move(scope));
}

QCoro::Task<> Supervisor::waitStarted(CancelScope scope)
{
    d->requireOwnThread("waitStarted()");
    const auto records = d->records;
    const QString who = objectName();
    if (state() == State::Idle)
        throw ServiceError(QStringLiteral("supervisor %1 was not started; call start() first").arg(who));
    auto waiting = SupervisorPrivate::waitStarted(records, who, std::move(scope));
    co_await waiting;
}

QCoro::Task<> Supervisor::run(CancelScope scope)
{
    d->requireOwnThread("run()");
    d->requireNotStarted("run()");
    scope.throwIfCancelled();
    const auto records = d->records;
    const QPointer<Supervisor> alive(this);
    d->start();
    std::exception_ptr cancelled;
    try {
        co_await records->ended.closed(scope);
    } catch (const Cancelled &) {
        cancelled = std::current_exception();
    }
    if (cancelled) {
        if (alive)
            d->stop(QStringLiteral("its supervisor was cancelled"));
        co_await records->ended.closed(scope.shielded());
    }
    if (alive)
        d->destroyRetired();
    if (cancelled)
        std::rethrow_exception(cancelled);
    if (records->ended.isFailed())
        std::rethrow_exception(records->ended.exception());
}

void Supervisor::stopOnQuit(std::chrono::milliseconds limit)
{
    d->requireOwnThread("stopOnQuit()");
    if (!d->livesInApplicationThread()) {
        throw WrongThreadError(QStringLiteral(
            "stopOnQuit() of a supervisor that does not live in the application's thread; create the application "
            "first, and the supervisor in its thread"));
    }
    d->stopWhenQuitting(this, limit);
}

ServiceThread *Supervisor::instance(const QString &name) const
{
    d->requireOwnThread("instance()");
    const auto *child = d->find(name);
    return child && child->instance ? child->instance->service() : nullptr;
}

Supervisor *Supervisor::supervisor(const QString &name) const
{
    d->requireOwnThread("supervisor()");
    const auto *child = d->find(name);
    return child && child->instance ? child->instance->supervisor() : nullptr;
}

std::shared_ptr<Detail::ServiceSlot> Supervisor::slotOf(const QString &name) const
{
    d->requireOwnThread("service()");
    const auto *child = d->find(name);
    if (!child)
        throw std::invalid_argument(
            QStringLiteral("service() of a supervisor that has no service %1").arg(name).toStdString());
    return child->slot;
}

Supervisor::State Supervisor::state() const
{
    return d->records->state();
}

std::exception_ptr Supervisor::exception() const
{
    return d->records->exception();
}

QString Supervisor::errorString() const
{
    const auto error = exception();
    return error ? describe(error) : QString();
}

QList<Supervisor::ServiceInfo> Supervisor::services() const
{
    return d->records->services();
}

QStringList Supervisor::serviceNames() const
{
    return d->records->names();
}

std::optional<Supervisor::ServiceInfo> Supervisor::serviceInfo(const QString &name) const
{
    return d->records->service(name);
}

QList<Supervisor::Incident> Supervisor::incidents() const
{
    return d->records->incidents();
}

QStringList Supervisor::unresponsive() const
{
    return d->records->unresponsive();
}

} // namespace MicroIO
