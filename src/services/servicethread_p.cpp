// SPDX-License-Identifier: Apache-2.0
#include "services/servicethread_p.h"

#include "loop/clock_p.h"
#include "loop/logging_p.h"
#include "loop/scheduler_p.h"
#include "scopes/closescope_p.h"
#include "scopes/errors_p.h"

#include <QCoreApplication>

#include <algorithm>
#include <utility>

namespace MicroIO::Detail {

namespace {

void tell(const ServicePrivate::Listeners &listeners, bool isReady)
{
    for (const auto &listener : listeners)
        listener(isReady);
}

QString endOfService()
{
    return QStringLiteral("the end of service %1");
}

} // namespace

ServicePrivate::ServicePrivate(ServiceThread *thread, const QString &serviceName,
                               ServiceThread::Target function)
    : name(serviceName)
    , ownThread(thread)
    , target(std::move(function))
    , service(thread)
{
    presence.emplace(thread, QStringLiteral("service %1").arg(name));
}

QEvent::Type ServicePrivate::newsEvent()
{
    static const auto type = QEvent::Type(QEvent::registerEventType());
    return type;
}

void ServicePrivate::tellLocked(News item)
{
    if (news.empty())
        news.reserve(4); // from Starting to Stopped
    news.push_back(std::move(item));
    ClockSource::tellActivity(); // on its way to the owner, and perhaps a thread that begins
    if (news.size() == 1 && service)
        QCoreApplication::postEvent(service, new QEvent(newsEvent()));
}

void ServicePrivate::enterLocked(State next, const QString &error)
{
    state = next;
    tellLocked({next, error});
    watchers.notify();
}

/// To be followed by a call of what it gives, with the mutex unlocked.
ServicePrivate::Listeners ServicePrivate::wakeStarted(Change &change)
{
    if (std::exchange(isStartTold, true))
        return {};
    startWaits.completeAll(change.wakes);
    change.isTold = true;
    return std::exchange(startListeners, {});
}

void ServicePrivate::onStartDecided(std::function<void(bool)> listener)
{
    bool wasReady = false;
    {
        const std::lock_guard lock(mutex);
        if (!isStartDecidedLocked()) {
            startListeners.push_back(std::move(listener));
            return;
        }
        wasReady = hasStarted;
    }
    listener(wasReady);
}

bool ServicePrivate::isIdle() const
{
    const std::lock_guard lock(mutex);
    return state == State::Idle;
}

bool ServicePrivate::runs() const
{
    const std::lock_guard lock(mutex);
    return !isAtRestLocked();
}

bool ServicePrivate::hasObject() const
{
    const std::lock_guard lock(mutex);
    return service;
}

std::chrono::milliseconds ServicePrivate::uptime() const
{
    const std::lock_guard lock(mutex);
    if (!readySince)
        return std::chrono::milliseconds::zero();
    return std::chrono::duration_cast<std::chrono::milliseconds>(endedAt.value_or(now()) - *readySince);
}

bool ServicePrivate::isAtRestLocked() const
{
    return state == State::Idle || isOverLocked();
}

bool ServicePrivate::isStartSettledLocked() const
{
    return isStartDecidedLocked() || (state == State::Idle && closeScope.isClosed());
}

void ServicePrivate::logThatItRunsOn() const
{
    qCCritical(logService).noquote()
        << QStringLiteral("Service %1 has not ended within the time limit; it runs on.").arg(name);
}

bool ServicePrivate::waitStartDecided(QDeadlineTimer deadline)
{
    return blockUntil(
        mutex, changed, [this] { return isStartSettledLocked(); }, deadline,
        QStringLiteral("the start of service %1"), name);
}

bool ServicePrivate::waitEnded(QDeadlineTimer deadline, LimitBy by)
{
    {
        // Somebody may be starting it, who has not seen that it was stopped.
        const std::lock_guard lock(starting);
    }
    return blockUntil(
        mutex, changed, [this] { return isAtRestLocked(); }, deadline, endOfService(), name, by);
}

bool ServicePrivate::join(QDeadlineTimer deadline, LimitBy by)
{
    {
        const std::lock_guard lock(starting);
    }
    bool wasIdle = false;
    bool wasAtRest = false;
    {
        const std::lock_guard lock(mutex);
        wasIdle = state == State::Idle;
        wasAtRest = isAtRestLocked();
    }
    bool hasFinished = false;
    if (!wasAtRest) {
        // One wait in two parts: a test's clock, which may be installed at any moment, is never to miss who waits here.
        const std::function<bool()> isAtRest = [this] { return isAtRestLocked(); };
        BlockedThread blocked(mutex, changed, isAtRest, deadline, endOfService(), name, by);
        // For the thread at once, if it is soon over: who is woken by the end, to wait for the thread then, is woken in vain.
        // No longer than that, because nothing wakes it for a clock that is installed meanwhile.
        const auto soon = std::min(deadline, QDeadlineTimer(std::chrono::milliseconds(100)));
        hasFinished = !ClockSource::installed() && service->QThread::wait(soon);
        if (!hasFinished && !blocked.block())
            return false;
    }
    // Then for what little the thread has left to do; only one that QThread itself has just started has told nothing.
    if (!hasFinished && !service->QThread::wait(wasIdle ? deadline : QDeadlineTimer(QDeadlineTimer::Forever)))
        return false;
    // behind all that the thread has done, also for who does not see Qt's own locks
    const std::lock_guard lock(mutex);
    return true;
}

void ServicePrivate::start(QThread::Priority priority)
{
    const std::lock_guard lock(starting);
    startLocked(priority);
}

bool ServicePrivate::startUnlessStopped()
{
    const std::lock_guard lock(starting);
    bool isIdle = false;
    {
        const std::lock_guard stateLock(mutex);
        isIdle = state == State::Idle;
    }
    if (isIdle && closeScope.isClosed())
        return false;
    if (isIdle)
        startLocked(QThread::InheritPriority);
    return true;
}

/// With \c starting held.
void ServicePrivate::startLocked(QThread::Priority priority)
{
    if (!beginStart())
        return;
    service->QThread::start(priority);
    if (!service->isRunning() && !service->isFinished())
        failToStart();
}

bool ServicePrivate::beginStart()
{
    QString complaint;
    {
        Change change(*this);
        if (isGoing) {
            complaint = QStringLiteral("Service %1 was started after stopAndJoin(); it has ended for good.");
        } else if (state != State::Idle || hasRun) {
            complaint = QStringLiteral("Service %1 was started a second time; a service runs once.");
        } else {
            enterLocked(State::Starting);
            // Asked to stop before: it does so as soon as it runs.
            if (closeScope.isClosed()) {
                isStopped = true;
                change.isTold = true;
                enterLocked(State::Stopping);
            }
            return true;
        }
    }
    qCCritical(logService).noquote() << complaint.arg(name);
    return false;
}

bool ServicePrivate::beginRun()
{
    {
        Change change(*this);
        if (!std::exchange(hasRun, true)) {
            // Whoever called start() of QThread itself has not said so.
            if (state == State::Idle)
                enterLocked(State::Starting);
            if (closeScope.isClosed()) {
                isStopped = true;
                change.isTold = true;
            }
            if (isStopped && state == State::Starting)
                enterLocked(State::Stopping);
            if (isStopped) {
                service->QThread::requestInterruption();
                if (!loopScope)
                    service->QThread::quit();
            }
            return true;
        }
    }
    qCCritical(logService).noquote()
        << QStringLiteral("Service %1 was started a second time; a service runs once.").arg(name);
    return false;
}

void ServicePrivate::failToStart()
{
    end(std::make_exception_ptr(ServiceError(QStringLiteral("its thread could not be created"))));
}

void ServicePrivate::stopped()
{
    Listeners listeners;
    {
        Change change(*this);
        if (state == State::Idle)
            change.isTold = true; // who waits for it in a group
        if (state == State::Idle || hasEnded)
            return;
        isStopped = true;
        if (state == State::Starting || state == State::Running)
            enterLocked(State::Stopping);
        listeners = wakeStarted(change);
        if (service && hasRun) {
            service->QThread::requestInterruption();
            if (!loopScope)
                service->QThread::quit();
        }
    }
    tell(listeners, false);
}

void ServicePrivate::cancelLoop()
{
    if (!loopScope)
        return;
    const QString reason = closeScope.reason();
    loopScope->cancel(reason.isEmpty() ? QStringLiteral("the service was stopped") : reason);
}

void ServicePrivate::reportStarted()
{
    Listeners listeners;
    {
        Change change(*this);
        if (state != State::Starting || isStartDecidedLocked())
            return;
        hasStarted = true;
        readySince = now();
        enterLocked(State::Running);
        listeners = wakeStarted(change);
    }
    tell(listeners, true);
}

void ServicePrivate::end(std::exception_ptr error)
{
    if (closeScope.isClosed())
        stopped(); // who closes it may not have got so far
    Listeners listeners;
    {
        Change change(*this);
        hasEnded = true;
        if (!error && closeScope.isFailed()) {
            // Somebody has failed the service from outside.
            error = closeScope.exception();
            if (!error)
                error = std::make_exception_ptr(ServiceError(closeScope.reason()));
        }
        if (!error && !hasStarted && !isStopped)
            error = std::make_exception_ptr(ServiceError(QStringLiteral("it ended before it was ready")));
        cause = error;
        listeners = wakeStarted(change);
    }
    tell(listeners, false);
    const QString text = error ? describe(error) : QString();
    if (error) {
        closeScope.fail(error);
        qCCritical(logService).noquote() << QStringLiteral("Service %1 has failed: %2").arg(name, text);
    } else {
        closeScope.close(QStringLiteral("the service has ended"));
    }
    if (QThread::currentThread() == ownThread) {
        // What still waits in this thread, or was to be deleted later, belongs to the service.
        Scheduler::endHere();
        QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete);
    }
    Change change(*this);
    change.isTold = true;
    endedAt = now();
    enterLocked(error ? State::Failed : State::Stopped, text);
    endWaits.completeAll(change.wakes);
}

void ServicePrivate::tellCallbackFailed(const std::exception_ptr &error)
{
    const QString text = describe(error);
    qCCritical(logService).noquote()
        << QStringLiteral("A callback of service %1 has failed: %2").arg(name, text);
    const std::lock_guard lock(mutex);
    tellLocked({std::nullopt, text});
}

std::vector<ServicePrivate::News> ServicePrivate::takeNews()
{
    const std::lock_guard lock(mutex);
    return std::exchange(news, {});
}

void ServicePrivate::throwUnlessStarted() const
{
    std::unique_lock lock(mutex);
    if (hasStarted && !cause)
        return;
    const State current = state;
    const bool wasReady = hasStarted;
    auto error = cause;
    lock.unlock();
    const QString reason = closeScope.reason();
    if (!error && !wasReady && current != State::Idle)
        error = closeScope.exception();
    if (error) {
        throwWithCause(ServiceError(wasReady ? QStringLiteral("service %1 has failed").arg(name)
                                             : QStringLiteral("service %1 failed to start").arg(name)),
                       error);
    }
    if (current == State::Idle) {
        throw ServiceError((closeScope.isClosed()
                                ? QStringLiteral("service %1 was stopped before it was started")
                                : QStringLiteral("service %1 was not started; call start() first"))
                               .arg(name));
    }
    throw ServiceError(
        reason.isEmpty()
            ? QStringLiteral("service %1 was stopped before it was ready").arg(name)
            : QStringLiteral("service %1 was stopped before it was ready: %2").arg(name, reason));
}

void ServicePrivate::refuseOwnThread(const char *function) const
{
    if (QThread::currentThread() != ownThread)
        return;
    throw DeadlockError(QStringLiteral("%1 of service %2 on its own thread would never return")
                            .arg(QString::fromLatin1(function), name));
}

} // namespace MicroIO::Detail
