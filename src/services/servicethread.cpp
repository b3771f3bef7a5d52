// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/ServiceThread>

#include "loop/blocking_p.h"
#include "loop/logging_p.h"
#include "scopes/closescope_p.h"
#include "services/servicethread_p.h"

#include <QPointer>

#include <chrono>

namespace MicroIO {

using namespace std::chrono_literals;

ServiceThread::ServiceThread(const QString &name, Target target, QObject *parent)
    : QThread(parent)
    , d(std::make_shared<Detail::ServicePrivate>(this, name, std::move(target)))
{
    d->closeScope.state()->addListener([weak = std::weak_ptr(d)] {
        if (const auto alive = weak.lock()) {
            alive->stopped();
            alive->cancelLoop();
        }
    });
    setObjectName(name);
}

ServiceThread::~ServiceThread()
{
    if (isRunning()) {
        qCCritical(Detail::logService).noquote()
            << QStringLiteral(
                   "Service %1 is destroyed while it runs: create it with makeService(), or call stopAndJoin() "
                   "in the destructor of its class.")
                   .arg(d->name);
    }
    stopAndJoin();
    d->presence.reset();
    const std::lock_guard lock(d->mutex);
    d->service = nullptr;
    d->watchers.notify();
}

void ServiceThread::start(Priority priority)
{
    d->start(priority);
}

void ServiceThread::reportStarted()
{
    // The service does not wait for a thread of others that calls this: its owner may be told, and destroy it.
    const auto alive = d;
    alive->reportStarted();
}

void ServiceThread::waitStarted(QDeadlineTimer deadline)
{
    d->refuseOwnThread("waitStarted()");
    bool wasStarted = false;
    {
        const std::lock_guard lock(d->mutex);
        wasStarted = d->state != State::Idle || isRunning();
    }
    const auto isDecided = [this] { return d->isStartDecidedLocked(); };
    if (wasStarted
        && !Detail::blockUntil(d->mutex, d->changed, isDecided, deadline,
                               QStringLiteral("waitStarted() of service %1"), d->name)) {
        throw TimeoutError(QStringLiteral("service %1 is not ready within the time limit").arg(d->name));
    }
    d->throwUnlessStarted();
}

bool ServiceThread::stop(const QString &reason)
{
    return d->closeScope.close(reason);
}

bool ServiceThread::joinOrLog(QDeadlineTimer deadline)
{
    d->refuseOwnThread("joinOrLog()");
    if (d->join(deadline))
        return true;
    d->logThatItRunsOn();
    return false;
}

void ServiceThread::stopAndJoin()
{
    stop(QStringLiteral("the service is being destroyed"));
    d->refuseOwnThread("stopAndJoin()");
    {
        // Somebody may be starting it just now.
        const std::lock_guard starting(d->starting);
        const std::lock_guard lock(d->mutex);
        d->isGoing = true;
    }
    while (!d->join(QDeadlineTimer(5s), Detail::LimitBy::RealTime))
        d->logThatItRunsOn();
}

void ServiceThread::quit()
{
    exit(0);
}

void ServiceThread::exit(int returnCode)
{
    stop(QStringLiteral("its thread was asked to quit"));
    QThread::exit(returnCode);
}

void ServiceThread::requestInterruption()
{
    stop(QStringLiteral("its thread was asked to be interrupted"));
}

QString ServiceThread::name() const
{
    return d->name;
}

ServiceThread::State ServiceThread::state() const
{
    const std::lock_guard lock(d->mutex);
    return d->state;
}

QString ServiceThread::errorString() const
{
    const auto error = exception();
    return error ? describe(error) : QString();
}

std::exception_ptr ServiceThread::exception() const
{
    const std::lock_guard lock(d->mutex);
    return d->cause;
}

CloseScope ServiceThread::closeScope() const
{
    return d->closeScope;
}

std::chrono::milliseconds ServiceThread::uptime() const
{
    return d->uptime();
}

std::chrono::milliseconds ServiceThread::loopLag() const
{
    return d->figures.loopLag();
}

void ServiceThread::watchQueue(const QString &name, std::function<qsizetype()> count)
{
    d->figures.watch(Detail::ServiceFigures::Kind::Queue, name, std::move(count));
}

void ServiceThread::watchRequests(const QString &name, std::function<qsizetype()> count)
{
    d->figures.watch(Detail::ServiceFigures::Kind::Requests, name, std::move(count));
}

qsizetype ServiceThread::queuedItems() const
{
    return d->figures.sum(Detail::ServiceFigures::Kind::Queue);
}

qsizetype ServiceThread::pendingRequests() const
{
    return d->figures.sum(Detail::ServiceFigures::Kind::Requests);
}

void ServiceThread::runService()
{
    if (!d->target) {
        throw ServiceError(
            QStringLiteral("it has nothing to run; give it a target, or override runService()"));
    }
    d->target(*this);
}

void ServiceThread::run()
{
    if (!d->beginRun())
        return;
    std::exception_ptr error;
    try {
        runService();
    } catch (...) {
        error = std::current_exception();
    }
    d->target = {};
    d->end(std::move(error));
}

bool ServiceThread::event(QEvent *event)
{
    if (event->type() != Detail::ServicePrivate::newsEvent())
        return QThread::event(event);
    const QPointer<ServiceThread> alive(this); // a slot may delete us
    for (const auto &item : d->takeNews()) {
        if (!alive)
            break;
        if (!item.state) {
            Q_EMIT callbackFailed(item.error);
            continue;
        }
        Q_EMIT stateChanged(*item.state);
        if (alive && *item.state == State::Failed)
            Q_EMIT failed(item.error);
    }
    return true;
}

} // namespace MicroIO
