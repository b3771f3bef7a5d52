// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/ServiceThread>

#include "loop/blocking_p.h"
#include "loop/logging_p.h"
#include "loop/presence_p.h"
#include "scopes/closescope_p.h"
#include "scopes/errors_p.h"

#include <QCoreApplication>
#include <QEvent>
#include <QPointer>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <vector>

namespace MicroIO {

namespace Detail {

class ServicePrivate
{
public:
    /// What the owner's thread is told.
    struct News
    {
        ServiceThread::State state;
        QString error;
    };

    QString name;
    CloseScope closeScope;
    mutable std::mutex mutex;
    ServiceThread *service = nullptr; // guarded by mutex; null once it is being destroyed
    std::condition_variable changed;
    ServiceThread::State state = ServiceThread::State::Idle; // guarded by mutex
    bool hasStarted = false; // guarded by mutex: has been ready
    bool hasEnded = false; // guarded by mutex: will not be ready any more
    std::exception_ptr cause; // guarded by mutex: of the failure
    std::vector<News> news; // guarded by mutex
    std::optional<Presence> presence;

    /// With the mutex held.
    void enter(ServiceThread::State next)
    {
        state = next;
        news.push_back({next, next == ServiceThread::State::Failed ? describe(cause) : QString()});
        changed.notify_all();
        if (news.size() == 1 && service)
            QCoreApplication::postEvent(service, new QEvent(QEvent::User));
    }
};

} // namespace Detail

ServiceThread::ServiceThread(const QString &name, QObject *parent)
    : QThread(parent)
    , d(std::make_shared<Detail::ServicePrivate>())
{
    d->name = name;
    d->service = this;
    d->presence.emplace(this, QStringLiteral("service %1").arg(name));
    d->closeScope.state()->addListener([weak = std::weak_ptr(d)] {
        const auto ending = weak.lock();
        if (!ending)
            return;
        const std::lock_guard lock(ending->mutex);
        const bool isAlive = ending->state == State::Starting || ending->state == State::Running;
        if (isAlive && !ending->hasEnded)
            ending->enter(State::Stopping);
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
        stopAndJoin();
    }
    d->presence.reset();
    const std::lock_guard lock(d->mutex);
    d->service = nullptr;
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

void ServiceThread::reportStarted()
{
    const std::lock_guard lock(d->mutex);
    if (d->hasStarted || d->hasEnded)
        return;
    d->hasStarted = true;
    if (d->state == State::Starting)
        d->enter(State::Running);
    d->changed.notify_all();
}

void ServiceThread::waitStarted(QDeadlineTimer deadline)
{
    if (QThread::currentThread() == this) {
        throw DeadlockError(
            QStringLiteral("waitStarted() of service %1 on its own thread would never return").arg(d->name));
    }
    std::unique_lock lock(d->mutex);
    if (d->state == State::Idle && !isRunning())
        throw ServiceError(QStringLiteral("service %1 was not started; call start() first").arg(d->name));
    lock.unlock();
    const auto isDecided = [this] { return d->hasStarted || d->hasEnded; };
    const bool isInTime = Detail::blockUntil(d->mutex, d->changed, isDecided, deadline,
                                             QStringLiteral("waitStarted() of service %1").arg(d->name));
    lock.lock();
    if (!isInTime && !isDecided())
        throw TimeoutError(QStringLiteral("service %1 is not ready within the time limit").arg(d->name));
    if (d->cause) {
        Detail::throwWithCause(ServiceError(d->hasStarted
                                                ? QStringLiteral("service %1 has failed").arg(d->name)
                                                : QStringLiteral("service %1 failed to start").arg(d->name)),
                               d->cause);
    }
    if (!d->hasStarted)
        throw ServiceError(QStringLiteral("service %1 ended before it was ready").arg(d->name));
}

bool ServiceThread::stop(const QString &reason)
{
    return d->closeScope.close(reason);
}

bool ServiceThread::joinOrLog(QDeadlineTimer deadline)
{
    if (QThread::currentThread() == this)
        throw DeadlockError(
            QStringLiteral("join of service %1 on its own thread would never return").arg(d->name));
    if (wait(deadline)) {
        // What the thread wrote is ours from here on, and ThreadSanitizer, which cannot see into wait(), knows it, too.
        const std::lock_guard lock(d->mutex);
        return true;
    }
    qCCritical(Detail::logService).noquote()
        << QStringLiteral("Service %1 has not ended within the time limit; it runs on.").arg(d->name);
    return false;
}

void ServiceThread::stopAndJoin()
{
    stop(QStringLiteral("the service is being destroyed"));
    // Whatever isRunning() says: it is false already while the thread still works on its end.
    while (!joinOrLog(QDeadlineTimer(std::chrono::seconds(5)))) {}
}

CloseScope ServiceThread::closeScope() const
{
    return d->closeScope;
}

void ServiceThread::run()
{
    {
        const std::lock_guard lock(d->mutex);
        if (d->state != State::Idle) {
            qCCritical(Detail::logService).noquote()
                << QStringLiteral("Service %1 was started a second time; a service runs once.").arg(d->name);
            return;
        }
        d->enter(State::Starting);
        if (d->closeScope.isClosed())
            d->enter(State::Stopping);
    }
    std::exception_ptr cause;
    try {
        runService();
    } catch (...) {
        cause = std::current_exception();
    }
    {
        const std::lock_guard lock(d->mutex);
        d->hasEnded = true;
        if (!cause && !d->hasStarted && d->state == State::Starting)
            cause = std::make_exception_ptr(ServiceError(QStringLiteral("it ended before it was ready")));
        d->cause = cause;
    }
    if (cause) {
        d->closeScope.fail(cause);
        qCCritical(Detail::logService).noquote()
            << QStringLiteral("Service %1 has failed: %2").arg(d->name, describe(cause));
    } else {
        d->closeScope.close(QStringLiteral("the service has ended"));
    }
    const std::lock_guard lock(d->mutex);
    d->enter(cause ? State::Failed : State::Stopped);
}

bool ServiceThread::event(QEvent *event)
{
    if (event->type() != QEvent::User)
        return QThread::event(event);
    std::vector<Detail::ServicePrivate::News> news;
    {
        const std::lock_guard lock(d->mutex);
        news.swap(d->news);
    }
    const QPointer<ServiceThread> alive(this); // a slot may delete us
    for (const auto &item : news) {
        Q_EMIT stateChanged(item.state);
        if (alive && item.state == State::Failed)
            Q_EMIT failed(item.error);
        if (!alive)
            break;
    }
    return true;
}

} // namespace MicroIO
