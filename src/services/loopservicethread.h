// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/ServiceThread>
#include <MicroIO/TaskGroup>
#include <MicroIO/services/callitem.h>

#include <QCoroTask>

#include <functional>
#include <type_traits>

namespace MicroIO {

namespace Detail {
class LoopServicePrivate;
}

/// A service thread that owns an event loop, a task group and the coroutine runAsync(). After microio's
/// LoopServiceThread.
class MICROIO_EXPORT LoopServiceThread : public ServiceThread
{
    Q_OBJECT

public:
    explicit LoopServiceThread(const QString &name, QObject *parent = nullptr);
    ~LoopServiceThread() override;

    /// The service's own coroutine, on its thread. When it ends, so does the service: its task group is cancelled,
    /// and the loop ends after the last child. An error of it or of a child is the service's failure. By default:
    /// reportStarted(), then until the service is stopped.
    virtual QCoro::Task<> runAsync(CancelScope scope);

    /// The group of the service's children; stop() cancels it. Throws ServiceError while the service does not run.
    /// Any thread.
    TaskGroupHandle taskGroup() const;

    /// Calls \a fn on the service's thread, from its event loop, and gives its result or its exception; on the
    /// service's own thread at once. Throws ServiceError if the service does not run, or ends before \a fn began;
    /// TimeoutError when \a deadline passes: \a fn then never runs if it had not begun, and else goes on with what it
    /// captured (with a limit, capture by value).
    template<typename Fn>
    std::invoke_result_t<std::decay_t<Fn> &> callSync(Fn &&fn,
                                                      QDeadlineTimer deadline = QDeadlineTimer::Forever)
    {
        Detail::refuseEmptyCallable<std::decay_t<Fn>>(fn, "callSync() with an empty callable");
        if (QThread::currentThread() == this)
            return std::invoke(fn);
        auto call = std::make_shared<Detail::SyncCallOf<std::decay_t<Fn>>>(std::forward<Fn>(fn));
        postCall(call);
        call->wait(name(), closeScope(), deadline);
        return call->take();
    }

protected:
    void runService() final;

private:
    QCoro::Task<> drive();
    void postCall(const std::shared_ptr<Detail::SyncCall> &call);

    const std::unique_ptr<Detail::LoopServicePrivate> d;
};

} // namespace MicroIO
