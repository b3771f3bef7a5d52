// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/LoopServiceThread>

#include "loop/scheduler_p.h"
#include "scopes/closescope_p.h"
#include "scopes/errors_p.h"
#include "services/idling_p.h"
#include "services/loopservicethread_p.h"
#include "services/servicethread_p.h"
#include "tasks/taskerror_p.h"

#include <QCoreApplication>
#include <QScopeGuard>

#include <utility>

namespace MicroIO {

LoopServiceThread::LoopServiceThread(const QString &name, QObject *parent)
    : ServiceThread(name, {}, parent)
    , d(std::make_unique<Detail::LoopServicePrivate>())
{
    core()->loopScope = d->scope;
}

LoopServiceThread::~LoopServiceThread()
{
    stopAndJoin(); // a thread that is there still uses what is destroyed next
}

QCoro::Task<> LoopServiceThread::runAsync(CancelScope scope)
{
    if (QThread::currentThread() == this) {
        using Detail::Idling;
        co_await Detail::WaitOf<Idling, ServiceThread *, Detail::LoopServicePrivate *>(scope.state(), this,
                                                                                       d.get());
        co_return;
    }
    // Somebody else's coroutine: it may outlive the service.
    reportStarted();
    co_await scope.cancelled();
}

void LoopServiceThread::throwNotRunning(const char *function) const
{
    Detail::throwWithCause(ServiceError(QStringLiteral("%1 of service %2, which does not run")
                                            .arg(QString::fromLatin1(function), name())),
                           closeScope().exception());
}

TaskGroupHandle LoopServiceThread::taskGroup() const
{
    const std::lock_guard lock(d->mutex);
    if (!d->group)
        throwNotRunning("taskGroup()");
    return *d->group;
}

QObject *LoopServiceThread::context() const
{
    if (QThread::currentThread() != this || !d->hasLoop)
        return nullptr;
    if (!d->context)
        d->context = std::make_unique<QObject>();
    return d->context.get();
}

/// The coroutine that everything of the service runs below; its loop ends after it.
QCoro::Task<> LoopServiceThread::drive()
{
    auto body = [this](TaskGroup &group, CancelScope scope) -> QCoro::Task<> {
        {
            const std::lock_guard lock(d->mutex);
            d->group = group.handle();
        }
        const auto service = runAsync(scope);
        const Detail::EndOfRun end(service, *d);
        co_await end;
        // The usual end goes no further: each coroutine that it passes costs as much as a throw.
        const auto thrown = Detail::errorOf(service);
        if (thrown && !(d->scope.isCancelled() && Detail::isCancelledError(thrown)))
            std::rethrow_exception(thrown);
        group.cancel(QStringLiteral("the service has ended"));
    };
    try {
        auto running = withTaskGroup(d->scope, body);
        co_await running;
    } catch (const Cancelled &) {
        if (!d->scope.isCancelled())
            d->error = std::current_exception(); // nobody has stopped it
    } catch (const TaskGroupError &e) {
        d->error = e.exceptions().size() == 1 ? e.exceptions().front() : std::current_exception();
    } catch (...) {
        d->error = std::current_exception();
    }
    d->isDone = true;
    QThread::exit();
}

void LoopServiceThread::runService()
{
    d->hasLoop = true;
    const auto endContext = qScopeGuard([this] {
        d->hasLoop = false;
        d->context.reset();
    });
    auto *scheduler = Detail::Scheduler::current();
    d->open(scheduler->inbox());
    Detail::LoopLagProbe lagProbe(core()->figures);
    const auto driven = drive();
    // Who stops a service as soon as it is ready has done so by now: then it ends without a loop.
    QCoreApplication::sendPostedEvents(scheduler);
    if (!d->isDone)
        lagProbe.start(); // behind what somebody may wait for: that the service is ready
    while (!d->isDone) {
        exec();
        if (!d->isDone)
            stop(QStringLiteral("its event loop was asked to quit"));
    }
    {
        // The inbox stays: calls get through to it until the loop has gone, and by then the cause of the end is known.
        const std::lock_guard lock(d->mutex);
        d->group.reset();
    }
    if (d->error)
        std::rethrow_exception(std::exchange(d->error, nullptr));
}

void LoopServiceThread::postCall(const std::shared_ptr<Detail::SyncCall> &call)
{
    call->enter(name(), this);
    auto *inbox = d->inbox();
    call->setSelf(call);
    if (inbox && inbox->post(call.get()))
        return;
    call->setSelf({});
    call->leave();
    throwNotRunning("callSync()");
}

void LoopServiceThread::postCall(std::unique_ptr<Detail::SoonCall> call)
{
    auto *inbox = d->inbox();
    if (!inbox || !inbox->post(call.get()))
        throwNotRunning("callSoon()");
    static_cast<void>(call.release()); // it belongs to the inbox now
}

void LoopServiceThread::startCall(const std::shared_ptr<Detail::RemoteCall> &call)
{
    std::optional<TaskGroupHandle> group;
    {
        const std::lock_guard lock(d->mutex);
        group = d->group;
    }
    if (!group)
        throwNotRunning("a call");
    try {
        Detail::RemoteCall::start(call, *group);
    } catch (const ClosedResourceError &) {
        throwNotRunning("a call");
    }
}

void LoopServiceThread::submitCall(const std::shared_ptr<Detail::RemoteCall> &call)
{
    try {
        startCall(call);
    } catch (...) {
        call->refuse(std::current_exception());
    }
}

} // namespace MicroIO
