// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/CloseScope>
#include <MicroIO/Errors>

#include <QDeadlineTimer>
#include <QString>
#include <QThread>

#include <memory>

namespace MicroIO {

namespace Detail {
class ServicePrivate;
}

/// A supervised background thread: it tells when it is ready, when it has failed, and why; it is stopped and joined
/// within limits. After microio's ServiceThread.
///
/// The object lives in the thread that created it, its owner's; it runs once. A subclass is created by
/// makeService(), whose most derived destructor stops and joins before any part of the subclass is gone.
class MICROIO_EXPORT ServiceThread : public QThread
{
    Q_OBJECT
    Q_PROPERTY(MicroIO::ServiceThread::State state READ state NOTIFY stateChanged)

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

    ~ServiceThread() override;

    QString name() const;

    /// Any thread. Stopped and Failed are set last, when no code of the service runs any more.
    State state() const;

    /// Blocks until the service is ready. Throws ServiceError, with the cause nested, if it failed, ended before it was
    /// ready, or was never started; TimeoutError when \a deadline passes (the service goes on); DeadlockError on
    /// the service's own thread.
    void waitStarted(QDeadlineTimer deadline = QDeadlineTimer::Forever);

    /// Asks the service to end, by closing its closeScope(); returns at once. True for the first end of that scope.
    /// Any thread.
    bool stop(const QString &reason = {});

    /// Blocks until the thread has ended; false if \a deadline passed before, which is logged too. Throws DeadlockError on
    /// the service's own thread.
    bool joinOrLog(QDeadlineTimer deadline = QDeadlineTimer::Forever);

    /// stop() and joinOrLog(), for the destructors of classes that are not created by makeService().
    void stopAndJoin();

    /// Closed when the service is asked to stop, failed when it fails: bind to it what is to end with the service.
    /// Who closes it stops the service.
    CloseScope closeScope() const;

    bool event(QEvent *event) override;

Q_SIGNALS:
    /// On the owner's thread, once for each state, in the order in which they happened.
    void stateChanged(MicroIO::ServiceThread::State state);
    /// On the owner's thread: the service has failed, with its whole chain of causes as text.
    void failed(const QString &error);

protected:
    explicit ServiceThread(const QString &name, QObject *parent = nullptr);

    /// Called on the service's thread once its resources are there: who waits in waitStarted() goes on.
    void reportStarted();

    /// What the thread does. An exception that leaves it is the service's failure.
    virtual void runService() = 0;

private:
    void run() final;

    const std::shared_ptr<Detail::ServicePrivate> d; // the close scope, which may outlive us, leads to it
};

} // namespace MicroIO
