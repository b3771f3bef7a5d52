// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/CancelScope>
#include <MicroIO/CloseScope>
#include <MicroIO/Errors>
#include <MicroIO/services/servicewait.h>

#include <QDeadlineTimer>
#include <QString>
#include <QThread>

#include <chrono>
#include <functional>
#include <memory>

namespace MicroIO {

template<typename T>
class ReceiveChannel;
template<typename Key, typename Value>
class RequestRegistry;

namespace Detail {
class ServicePrivate;
}

/// A supervised background thread: it tells when it is ready, when it has failed, and why; it is stopped and joined
/// within limits. After microio's ServiceThread.
///
/// What it does is a function, the target, or runService() of a subclass; for coroutines there is LoopServiceThread.
/// The object lives in the thread that created it, its owner's, which is told of every change by signals; it runs
/// once. A subclass is created by makeService(), whose most derived destructor stops and joins before any part of
/// the subclass is gone; a class that is created otherwise calls stopAndJoin() in its own destructor. It is destroyed
/// on any thread but its own.
class MICROIO_EXPORT ServiceThread : public QThread
{
    Q_OBJECT
    Q_PROPERTY(QString name READ name CONSTANT)
    Q_PROPERTY(MicroIO::ServiceThread::State state READ state NOTIFY stateChanged)
    Q_PROPERTY(QString errorString READ errorString NOTIFY failed)

public:
    enum class State {
        Idle, ///< not started
        Starting, ///< running, not ready
        Running, ///< ready
        Stopping, ///< asked to stop
        Stopped, ///< ended
        Failed, ///< ended with an error
    };
    Q_ENUM(State)

    /// Called on the service's thread, and destroyed there. It looks at service.closeScope(), which ends when the
    /// service is asked to stop.
    using Target = std::function<void(ServiceThread &service)>;

    explicit ServiceThread(const QString &name, Target target = {}, QObject *parent = nullptr);
    ~ServiceThread() override;

    /// Starts the thread and returns at once; it is Starting from here on. A second start is refused, and logged. Any
    /// thread.
    void start(Priority priority = InheritPriority);

    /// Tells that the service is ready: who waits in waitStarted() goes on. Later calls change nothing, nor does one
    /// after stop(). Called by the service's own code, on any thread.
    void reportStarted();

    /// Blocks until the service is ready. Throws ServiceError, with the cause nested, if it has failed, was stopped or
    /// ended before it was ready, or was never started; TimeoutError when \a deadline passes (the service goes on);
    /// DeadlockError on the service's own thread. Any thread.
    void waitStarted(QDeadlineTimer deadline = QDeadlineTimer::Forever);

    /// co_await: the same without a limit (failAfter() sets one). Throws Cancelled when \a scope is cancelled.
    auto waitStarted(CancelScope scope)
    {
        return Detail::WaitOf<Detail::ServiceStartWait, std::shared_ptr<Detail::ServicePrivate>>(
            scope.state(), d);
    }

    /// Asks the service to end, by closing its closeScope(), and ends what runs in exec(); returns at once. True for
    /// the first end of that scope. Any thread.
    bool stop(const QString &reason = {});

    /// Blocks until the thread has ended; true at once if it was not started. False if \a deadline passed before,
    /// which is logged too. Throws DeadlockError on the service's own thread. Any thread.
    bool joinOrLog(QDeadlineTimer deadline = QDeadlineTimer::Forever);

    /// co_await: until the service has ended, without a limit (moveOnAfter() sets one); the state is then Stopped or
    /// Failed. At once if it was not started. Throws Cancelled when \a scope is cancelled; DeadlockError on the
    /// service's own thread.
    auto join(CancelScope scope)
    {
        return Detail::WaitOf<Detail::ServiceEndWait, std::shared_ptr<Detail::ServicePrivate>>(scope.state(),
                                                                                               d);
    }

    /// stop(), then blocks until the thread has ended, for good: it cannot be started any more. While that takes long,
    /// the service is named in the log every few seconds. For the destructors of classes that are not created by
    /// makeService(). Throws DeadlockError on the service's own thread.
    void stopAndJoin();

    // QThread's own ways to end a thread would leave the service's state untold.
    void quit();
    void exit(int returnCode = 0);
    void requestInterruption();
    void terminate() = delete;

    QString name() const;

    /// Any thread. Stopped and Failed are set last, when no code of the service runs any more.
    State state() const;

    /// The failure with its whole chain of causes as text; empty without one. Any thread.
    QString errorString() const;
    /// What the service has failed with; null if it has not. Any thread.
    std::exception_ptr exception() const;

    /// Closed when the service is asked to stop, failed when it fails: bind to it what is to end with the service.
    /// Who closes it stops the service; who fails it makes the service end as failed. Any thread.
    CloseScope closeScope() const;

    /// How long it has been ready, or was until it ended; zero if it never was. Any thread.
    std::chrono::milliseconds uptime() const;

    /// How late the service's event loop is: looked at once a second, and growing while it is stuck. Zero without a loop
    /// of LoopServiceThread. Any thread.
    std::chrono::milliseconds loopLag() const;

    /// Counts what is queued in \a channel in queuedItems(), as long as it is there; what was watched under \a name
    /// before no longer. Any thread.
    template<typename T>
    void watch(const QString &name, const ReceiveChannel<T> &channel)
    {
        watchQueue(name, [weak = channel.core()]() -> qsizetype {
            const auto queue = weak.lock();
            return queue ? queue->stats().queued : 0;
        });
    }
    /// The same for what is pending in \a registry, in pendingRequests().
    template<typename Key, typename Value>
    void watch(const QString &name, const RequestRegistry<Key, Value> &registry)
    {
        watchRequests(name, [weak = registry.table()]() -> qsizetype {
            const auto table = weak.lock();
            return table ? table->size() : 0;
        });
    }

    /// What is queued in the channels, and pending in the registries, that are watched. Any thread.
    qsizetype queuedItems() const;
    qsizetype pendingRequests() const;

    bool event(QEvent *event) override;

    /// For the library's own classes.
    const std::shared_ptr<Detail::ServicePrivate> &core() const { return d; }

Q_SIGNALS:
    /// On the owner's thread, once for each state, in the order in which they happened; state() may be further
    /// already.
    void stateChanged(MicroIO::ServiceThread::State state);
    /// On the owner's thread, behind stateChanged(): the service has failed, with its whole chain of causes as text.
    void failed(const QString &error);
    /// On the owner's thread: a callback that the service ran for somebody has thrown; the service goes on.
    void callbackFailed(const QString &error);

protected:
    /// What the thread does; by default it calls the target. An exception that leaves it is the service's failure.
    virtual void runService();

private:
    void run() final;
    void watchQueue(const QString &name, std::function<qsizetype()> count);
    void watchRequests(const QString &name, std::function<qsizetype()> count);

    const std::shared_ptr<Detail::ServicePrivate> d; // the close scope, which may outlive us, leads to it
};

} // namespace MicroIO
