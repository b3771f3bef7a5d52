// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/LoopServiceThread>

#include "loop/inbox_p.h"
#include "loop/scheduler_p.h"
#include "scopes/closescope_p.h"
#include "scopes/errors_p.h"

#include <mutex>
#include <optional>

namespace MicroIO {

namespace Detail {

class LoopServicePrivate
{
public:
    CancelScope scope; // above all coroutines of the service
    mutable std::mutex mutex;
    std::shared_ptr<Inbox> inbox; // guarded by mutex; set once the service takes calls
    std::optional<TaskGroupHandle> group; // guarded by mutex; set while the service's coroutine runs
};

} // namespace Detail

LoopServiceThread::LoopServiceThread(const QString &name, QObject *parent)
    : ServiceThread(name, parent)
    , d(std::make_unique<Detail::LoopServicePrivate>())
{
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

TaskGroupHandle LoopServiceThread::taskGroup() const
{
    const std::lock_guard lock(d->mutex);
    if (!d->group) {
        Detail::throwWithCause(ServiceError(QStringLiteral("service %1 does not run").arg(name())),
                               closeScope().exception());
    }
    return *d->group;
}

/// The coroutine that everything of the service runs below.
QCoro::Task<> LoopServiceThread::drive()
{
    auto body = [this](TaskGroup &group, CancelScope scope) -> QCoro::Task<> {
        {
            const std::lock_guard lock(d->mutex);
            d->group = group.handle();
        }
        auto service = runAsync(scope);
        co_await service;
        group.cancel(QStringLiteral("the service has ended"));
    };
    auto running = withTaskGroup(d->scope, body);
    co_await running;
}

void LoopServiceThread::runService()
{
    {
        const std::lock_guard lock(d->mutex);
        d->inbox = Detail::Scheduler::current()->inbox();
    }
    std::exception_ptr error;
    bool isDone = false;
    // A coroutine that outlives nothing here: the loop below ends after it.
    const auto watch = [&]() -> QCoro::Task<> {
        try {
            auto task = drive();
            co_await task;
        } catch (const Cancelled &) {
            // stopped
        } catch (const TaskGroupError &e) {
            error = e.exceptions().size() == 1 ? e.exceptions().front() : std::current_exception();
        } catch (...) {
            error = std::current_exception();
        }
        isDone = true;
        exit();
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
    {
        const std::lock_guard lock(d->mutex);
        call->setSelf(call);
        if (d->inbox && d->inbox->post(call.get()))
            return;
        call->setSelf({});
    }
    Detail::throwWithCause(
        ServiceError(QStringLiteral("callSync() to service %1, which does not run").arg(name())),
        closeScope().exception());
}

} // namespace MicroIO
