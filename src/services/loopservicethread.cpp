// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/LoopServiceThread>

#include "loop/scheduler_p.h"
#include "scopes/closescope_p.h"
#include "scopes/errors_p.h"
#include "services/loopservicethread_p.h"
#include "services/servicethread_p.h"
#include "tasks/taskerror_p.h"

#include <QScopeGuard>

namespace MicroIO {

namespace {

/// Until \a task has ended; errorOf() then tells how, without the second throw that to await the task itself would be.
class EndOf
{
public:
    explicit EndOf(const QCoro::Task<> &task)
        : m_task(task)
    {
    }

    bool await_ready() const { return m_task.isReady(); }
    auto await_suspend(std::coroutine_handle<> awaiter) const
    {
        return m_task.operator co_await().await_suspend(awaiter);
    }
    void await_resume() const {}

private:
    const QCoro::Task<> &m_task;
};

} // namespace

LoopServiceThread::LoopServiceThread(const QString &name, QObject *parent)
    : ServiceThread(name, {}, parent)
    , d(std::make_unique<Detail::LoopServicePrivate>())
{
    core()->stopEndsLoop = false; // it ends after its last coroutine
    closeScope().state()->addListener([scope = d->scope, weak = std::weak_ptr(closeScope().state())] {
        QString reason;
        if (const auto ended = weak.lock()) {
            const std::lock_guard lock(ended->mutex);
            reason = ended->reason;
        }
        scope.cancel(reason.isEmpty() ? QStringLiteral("the service was stopped") : reason);
    });
}

LoopServiceThread::~LoopServiceThread()
{
    stopAndJoin(); // a thread that is there still uses what is destroyed next
}

QCoro::Task<> LoopServiceThread::runAsync(CancelScope scope)
{
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
    return QThread::currentThread() == this ? d->context : nullptr;
}

/// The coroutine that everything of the service runs below.
QCoro::Task<> LoopServiceThread::drive()
{
    auto body = [this](TaskGroup &group, CancelScope scope) -> QCoro::Task<> {
        {
            const std::lock_guard lock(d->mutex);
            d->group = group.handle();
        }
        const auto service = runAsync(scope);
        const EndOf end(service);
        co_await end;
        // The usual end goes no further: each coroutine that it passes costs as much as a throw.
        const auto error = Detail::errorOf(service);
        if (error && !(d->scope.isCancelled() && Detail::isCancelledError(error)))
            std::rethrow_exception(error);
        group.cancel(QStringLiteral("the service has ended"));
    };
    auto running = withTaskGroup(d->scope, body);
    co_await running;
}

void LoopServiceThread::runService()
{
    QObject context;
    d->context = &context;
    const auto forget = qScopeGuard([this] { d->context = nullptr; });
    const Detail::LoopLagProbe lagProbe(core()->figures);
    d->open(Detail::Scheduler::current()->inbox());
    std::exception_ptr error;
    bool isDone = false;
    // A coroutine that outlives nothing here: the loop below ends after it.
    const auto watch = [&]() -> QCoro::Task<> {
        try {
            auto task = drive();
            co_await task;
        } catch (const Cancelled &) {
            if (!d->scope.isCancelled())
                error = std::current_exception(); // nobody has stopped it
        } catch (const TaskGroupError &e) {
            error = e.exceptions().size() == 1 ? e.exceptions().front() : std::current_exception();
        } catch (...) {
            error = std::current_exception();
        }
        isDone = true;
        QThread::exit();
    };
    auto watched = watch();
    while (!isDone) {
        exec();
        if (!isDone)
            stop(QStringLiteral("its event loop was asked to quit"));
    }
    {
        // The inbox stays: calls get through to it until the loop has gone, and by then the cause of the end is known.
        const std::lock_guard lock(d->mutex);
        d->group.reset();
    }
    if (error)
        std::rethrow_exception(error);
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
