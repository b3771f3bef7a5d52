// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "loop/blocking_p.h"
#include "loop/presence_p.h"
#include "services/changelisteners_p.h"
#include "services/servicefigures_p.h"
#include <MicroIO/Clock>
#include <MicroIO/ServiceThread>

#include <QEvent>

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

namespace MicroIO::Detail {

/// The state of a service, shared by its object, its thread and those who wait for it; each may be the last.
class MICROIO_EXPORT ServicePrivate
{
public:
    using State = ServiceThread::State;
    using Listeners = std::vector<std::function<void(bool)>>;

    /// What the owner's thread is told: a new state, or a callback that has failed.
    struct News
    {
        std::optional<State> state;
        QString error;
    };

    ServicePrivate(ServiceThread *thread, const QString &serviceName, ServiceThread::Target function);

    /// Starts the thread, once. Any thread.
    void start(QThread::Priority priority = QThread::InheritPriority);
    /// The same if it was not started yet; false if it never will be, because it was stopped before.
    bool startUnlessStopped();
    /// From Idle on; false, with what is wrong logged, if it was started before or is stopped for good. Any thread.
    bool beginStart();
    /// On the service's thread: false, which is logged, if it has run before.
    bool beginRun();
    /// Nobody gave it a thread.
    void failToStart();
    void reportStarted();
    /// The close scope has ended, by whoever that was. Any thread.
    void stopped();
    /// Behind that: what runs in the loop of a LoopServiceThread is cancelled. Any thread.
    void cancelLoop();
    /// On the service's thread: none of its code runs from here on but what ends with its loop.
    void end(std::exception_ptr error);

    /// \a listener is called once, when it is decided whether the service is ready, with no lock held, on whichever thread
    /// decides it; at once if it is. It may start other services, stop them and post.
    void onStartDecided(std::function<void(bool isReady)> listener);
    bool isIdle() const;
    bool runs() const;
    /// False once the object of the service is being destroyed.
    bool hasObject() const;
    std::chrono::milliseconds uptime() const;
    void logThatItRunsOn() const;
    /// Blocks; true if it is decided before \a deadline whether the service is ready, or that it will not be started.
    bool waitStartDecided(QDeadlineTimer deadline);
    /// Blocks; true if the service has ended before \a deadline, or does not run. Its thread may be about to end still.
    bool waitEnded(QDeadlineTimer deadline, LimitBy by = LimitBy::Clock);
    /// The same, and until its thread has finished. With the service's object alive.
    bool join(QDeadlineTimer deadline, LimitBy by = LimitBy::Clock);

    void tellCallbackFailed(const std::exception_ptr &error);
    std::vector<News> takeNews();
    static QEvent::Type newsEvent();

    bool isStartDecidedLocked() const { return hasStarted || hasEnded || isStopped; }
    bool isOverLocked() const { return state == State::Stopped || state == State::Failed; }
    /// Once the start is decided, and before it: throws ServiceError unless the service is or was ready.
    void throwUnlessStarted() const;
    /// Throws DeadlockError on the service's own thread.
    void refuseOwnThread(const char *function) const;

    const QString name;
    const QThread *const ownThread; // compared, not used
    std::optional<Presence> presence; // for a test's clock; the object's
    CloseScope closeScope;
    ServiceFigures figures;
    ChangeListeners watchers; // of the state, and of whether the object is there
    ServiceThread::Target target; // of the service's thread while that runs

    /// Of a LoopServiceThread: above all its coroutines. Its loop ends after the last of them, and not by stop().
    std::optional<CancelScope> loopScope;

    std::mutex starting; // held while the thread is being started, and when the object begins to go
    bool isGoing = false; // guarded by starting

    mutable std::mutex mutex;
    std::condition_variable changed;
    ServiceThread *service; // guarded by mutex, as all that follows; null once it is being destroyed
    State state = State::Idle;
    bool hasRun = false;
    bool hasStarted = false; // has been ready
    bool isStopped = false; // was asked to stop after it was started
    bool hasEnded = false; // will not be ready any more
    bool isStartTold = false; // those who wait for the start know how it went
    std::exception_ptr cause; // of the failure
    std::optional<Deadline> readySince;
    std::optional<Deadline> endedAt;
    std::vector<News> news;
    Listeners startListeners;
    WaitList startWaits;
    WaitList endWaits;

private:
    /// A change of the state, with the mutex locked. Who waits for the start or the end is told when it is unlocked, because
    /// who is told earlier runs into the lock.
    class Change
    {
    public:
        explicit Change(ServicePrivate &service)
            : m_service(service)
            , m_lock(service.mutex)
        {
        }
        ~Change()
        {
            m_lock.unlock();
            if (isTold)
                m_service.changed.notify_all();
        }
        Q_DISABLE_COPY_MOVE(Change)

        Wakes wakes;
        bool isTold = false;

    private:
        ServicePrivate &m_service;
        std::unique_lock<std::mutex> m_lock;
    };

    void startLocked(QThread::Priority priority);
    bool isStartSettledLocked() const;
    bool isAtRestLocked() const;
    void enterLocked(State next, const QString &error = {});
    void tellLocked(News item);
    [[nodiscard]] Listeners wakeStarted(Change &change);
};

} // namespace MicroIO::Detail
