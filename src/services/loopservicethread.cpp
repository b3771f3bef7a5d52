// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/LoopServiceThread>

#include "loop/scheduler_p.h"
#include "scopes/closescope_p.h"
#include "scopes/errors_p.h"
#include "services/loopservicethread_p.h"
#include "services/servicethread_p.h"
#include "tasks/taskerror_p.h"
#include <MicroIO/Service>

#include <QScopeGuard>

#include <typeinfo>
#include <utility>

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

/// Until its scope is cancelled: as CancelScope::cancelled(), but it returns then. To throw costs a plain service a tenth of
/// its start and stop, and would tell it what it has done.
class StopWait
{
public:
    explicit StopWait(Detail::ScopeRef scope)
        : m_wait(std::move(scope))
    {
    }

    bool await_ready() { return m_wait.await_ready(); }
    void await_suspend(std::coroutine_handle<> coroutine) { m_wait.await_suspend(coroutine); }
    void await_resume() const {}

private:
    Detail::CancelledWait m_wait;
};

/// True for one of no class of its own, whose runAsync() nobody can have overridden.
bool isPlain(const LoopServiceThread &service)
{
    return typeid(service) == typeid(LoopServiceThread)
           || typeid(service) == typeid(Service<LoopServiceThread>);
}

} // namespace

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
        if (isPlain(*this)) {
            reportStarted();
            co_await Detail::WaitOf<StopWait>(scope.state());
            group.cancel(QStringLiteral("the service has ended"));
            co_return;
        }
        const auto service = runAsync(scope);
        const EndOf end(service);
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
    const Detail::LoopLagProbe lagProbe(core()->figures);
    d->open(Detail::Scheduler::current()->inbox());
    const auto driven = drive();
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
