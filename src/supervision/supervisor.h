// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/CancelScope>
#include <MicroIO/ServiceThread>
#include <MicroIO/supervision/serviceref.h>

#include <QCoroTask>
#include <QDateTime>
#include <QDeadlineTimer>
#include <QList>
#include <QObject>
#include <QString>
#include <QStringList>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

namespace MicroIO {

namespace Detail {
class SupervisorPrivate;
}

/// Keeps services running: starts them in order, each when the one before is ready, makes a new one by its factory
/// when one has failed, and stops them in reverse order. After Erlang/OTP's supervisor, with the back-off and the
/// decaying count of the Go library suture.
///
/// A supervisor runs once and lives on the thread that made it, which needs an event loop and is never blocked by it (but
/// by stopJoin(QDeadlineTimer) and the destructor). Services are made, and their factories called, on that thread. All
/// functions are called there, except where "any thread" is said.
///
/// Signals are emitted one after another from the event loop, or from the function that caused them. Slots may do anything:
/// call the supervisor, turn an event loop of their own, during which it goes on, or destroy it.
///
/// A service that does not stop within its stopTimeout is deaf: it is named in unresponsive() and in the log, kept aside
/// until it ends, and the others go on; where it is to be restarted, a new instance takes its place.
class MICROIO_EXPORT Supervisor : public QObject
{
    Q_OBJECT
    Q_PROPERTY(MicroIO::ServiceThread::State state READ state NOTIFY stateChanged)
    Q_PROPERTY(QString errorString READ errorString NOTIFY stateChanged)

public:
    using State = ServiceThread::State;

    /// Who is restarted when one fails. Those after it, or all others, are stopped before, in reverse order, and started
    /// again in order. A Temporary one that is stopped by that does not come back; a Transient one that had done its
    /// work does, since what it did may be lost.
    enum class Strategy {
        OneForOne, ///< that one alone
        OneForAll, ///< all
        RestForOne, ///< that one and those that were added after it
    };
    Q_ENUM(Strategy)

    /// Which end of a service is followed by a restart.
    enum class Restart {
        Permanent, ///< every end
        Transient, ///< a failure
        Temporary, ///< none: when it has ended, it is no longer a service of the supervisor
    };
    Q_ENUM(Restart)

    /// What is done when services fail more often than setIntensity() or setDecay() allow.
    enum class OnLimit {
        Escalate, ///< stop everything and fail, as OTP does
        Pause, ///< restart nothing for a time, Backoff::maximum, and forget what was counted, as suture does
    };
    Q_ENUM(OnLimit)

    /// When the supervisor ends itself, because significant services have ended: Transient ones normally, Temporary ones
    /// in any way. One that is stopped by hand or for a sibling's sake does not count.
    enum class AutoShutdown {
        Never,
        AnySignificant, ///< the first has ended
        AllSignificant, ///< the last has ended
    };
    Q_ENUM(AutoShutdown)

    /// What is done about a service whose event loop does not answer within its heartbeat limit.
    enum class OnUnresponsive {
        Report, ///< serviceUnresponsive() is emitted
        Replace, ///< the same, and it is stopped as one that has failed
    };
    Q_ENUM(OnUnresponsive)

    struct ServiceSpec
    {
        QString name;
        /// Makes a new instance, which has not been started, for each start.
        std::function<std::unique_ptr<ServiceThread>()> factory;
        Restart restart = Restart::Permanent;
        bool significant = false; ///< see AutoShutdown; not of a Permanent one
        std::chrono::milliseconds startTimeout{30'000}; ///< until it is ready, else it has failed
        std::chrono::milliseconds stopTimeout{5'000}; ///< until it has ended, else it is deaf
        std::chrono::milliseconds heartbeat{
            0}; ///< within which its loop has to answer, all the time; 0: not looked at
        OnUnresponsive onUnresponsive = OnUnresponsive::Report;
    };

    struct SupervisorSpec
    {
        QString name;
        /// Makes a new supervisor, which has not been started, for each start; what was added to the one before is gone.
        std::function<std::unique_ptr<Supervisor>()> factory;
        Restart restart = Restart::Permanent;
        bool significant = false;
        /// A TerminateSupervisor from below ends it, and leaves it down, but not us.
        bool contained = false;
    };

    /// How long a service stays down before it is restarted: \a initial, \a factor times as long after each further
    /// failure, \a maximum at most; \a initial again after a service was ready for at least \a maximum. With \a jitter,
    /// from 0 to 1, up to that part of the time is taken off, at random. With OneForAll and RestForOne, those that are
    /// restarted with it are down for that time, too.
    struct Backoff
    {
        std::chrono::milliseconds initial{0}; ///< 0: none
        double factor = 2;
        std::chrono::milliseconds maximum{60'000};
        double jitter = 0;
    };

    /// No more than \a restarts within any \a period, as OTP counts; as many as one likes with the largest int.
    struct Intensity
    {
        int restarts;
        std::chrono::milliseconds period;
    };

    /// Each failure counts 1, half of that after \a halfLife, and so on; the sum may not exceed \a threshold. As suture
    /// counts.
    struct Decay
    {
        double threshold;
        std::chrono::milliseconds halfLife;
    };

    /// What went wrong, and what was done about it.
    struct Incident
    {
        quint64 number; ///< from 1 on
        QString service;
        QString cause; ///< with the causes of the cause
        QString action;
        std::chrono::milliseconds uptime; ///< of the service, since it was ready
        QDateTime time; ///< when
    };

    /// What can be read of a service by any thread.
    struct ServiceInfo
    {
        QString name;
        State state = State::Idle; ///< of its last instance
        int restartCount = 0; ///< restarts by hand do not count
        QString lastError; ///< the last failure of any instance, with its causes
        bool isSupervisor = false;
    };

    explicit Supervisor(Strategy strategy = Strategy::OneForOne, QObject *parent = nullptr);
    /// Stops what runs still, as stopJoin() within five seconds.
    ~Supervisor() override;

    /// How it was called in the SupervisorSpec, or by setObjectName().
    QString name() const;

    // Before start(); each throws std::invalid_argument for what makes no sense, std::logic_error later. Of setIntensity()
    // and setDecay() the last call counts; by default Intensity{3, 5s}.
    void setIntensity(Intensity intensity);
    void setDecay(Decay decay);
    void setBackoff(const Backoff &backoff);
    void setOnLimit(OnLimit onLimit);
    void setAutoShutdown(AutoShutdown autoShutdown);
    void setJitterSeed(quint32 seed);

    /// Adds a service behind the others; once the supervisor runs, it is started at once, or with those that are to be
    /// restarted before it. Throws std::invalid_argument for what makes no sense in \a spec, and a name that is taken;
    /// std::logic_error once the supervisor has been stopped.
    void addService(const ServiceSpec &spec);
    /// The same for a supervisor, which lives on our thread. Its end is waited for without a limit: it has its own.
    void addSupervisor(const SupervisorSpec &spec);

    // By hand, without counting as a failure. They return at once; false if there is no such service, or if the supervisor
    // has been stopped. One that fails before it is ready after startService(), or addService() to a supervisor that
    // runs, does not count either: it is left down, and an incident tells why.

    /// Stops it if need be; it is no service of the supervisor any more once it has ended.
    bool removeService(const QString &name);
    /// Starts it if it is down, also if it has said DoNotRestart; one that waits for its restart does not wait longer.
    bool startService(const QString &name);
    /// Stops it; it is down until startService(). A Temporary one is removed.
    bool stopService(const QString &name);
    /// Stops it and starts a new instance; its siblings are left alone.
    bool restartService(const QString &name);

    /// Makes all services and starts the first; returns at once. If a factory throws, or gives nothing, or what was given
    /// before, the supervisor has failed and nothing is started. If a service fails before it is ready, all are stopped
    /// and the supervisor has failed. A second start is refused, and logged.
    void start();

    /// Stops all, the last first, each when the one after it has ended or its stopTimeout has passed; returns at once.
    void stop(const QString &reason = {});

    /// The same, blocking until all have ended, or until \a deadline: then those that run on are deaf. No service takes more
    /// than its share of the limit from those before it. False if any is deaf.
    bool stopJoin(QDeadlineTimer deadline = QDeadlineTimer::Forever);

    /// The same, co_awaited; the limit is \a scope's own deadline. When \a scope is cancelled otherwise, all are told at once
    /// to stop, and Cancelled is thrown.
    QCoro::Task<bool> stopJoin(CancelScope scope);

    /// co_await: until all have been started in order and are ready. Throws ServiceError with the cause nested if that
    /// fails, and if the supervisor was not started or has ended.
    QCoro::Task<> waitStarted(CancelScope scope);

    /// co_await: starts, and goes on until the supervisor has ended. Throws what it ended with: ServiceError that tells
    /// the story, with the last cause nested, or TerminateSupervisor. When \a scope is cancelled, stops all in reverse
    /// order and throws Cancelled then. Throws std::logic_error if it was started before.
    QCoro::Task<> run(CancelScope scope);

    /// When the application quits, stops all as stopJoin() does, within \a limit, while the main event loop turns without
    /// user input. Throws WrongThreadError if the supervisor does not live in the application's thread.
    void stopOnQuit(std::chrono::milliseconds limit);

    /// A value that always reaches the current instance of a service, which is a \a T. Throws std::invalid_argument if
    /// there is no such service.
    template<typename T>
    ServiceRef<T> service(const QString &name) const
    {
        return ServiceRef<T>(slotOf(name));
    }

    /// The current instance; null while it is down, and for a supervisor. It is gone when serviceReplaced() is emitted,
    /// or with a later turn of the event loop.
    ServiceThread *instance(const QString &name) const;
    /// The same for a supervisor.
    Supervisor *supervisor(const QString &name) const;

    // Any thread:

    /// Running when all have been started in order, Failed also when it gave up, Stopped and Failed when all have ended.
    State state() const;
    /// What it has failed with; null and empty if it has not.
    std::exception_ptr exception() const;
    QString errorString() const;
    /// In the order of their start, all of one moment.
    QList<ServiceInfo> services() const;
    QStringList serviceNames() const;
    /// Of one service; nullopt if there is none.
    std::optional<ServiceInfo> serviceInfo(const QString &name) const;
    /// The last 100, the oldest first.
    QList<Incident> incidents() const;
    /// Services that do not answer now: whose heartbeat is late, and which are deaf and run on.
    QStringList unresponsive() const;

Q_SIGNALS:
    void stateChanged(MicroIO::ServiceThread::State state);
    /// In the order in which it happened; Supervisor's of a supervisor.
    void serviceStateChanged(const QString &name, MicroIO::ServiceThread::State state);
    /// A new instance, not started yet, has taken the place of an earlier one, for whatever reason.
    void serviceReplaced(const QString &name);
    /// Because of a failure, its own or a sibling's, and for the \a count th time; one whose factory failed counts, and is told
    /// as an incident.
    void serviceRestarted(const QString &name, int count, const QString &reason);
    /// Its event loop has not answered within its heartbeat limit: once until it answers again.
    void serviceUnresponsive(const QString &name, std::chrono::milliseconds lag);
    /// services() has other names now.
    void servicesChanged();
    /// incidents() has one more.
    void incidentAdded(const MicroIO::Supervisor::Incident &incident);
    /// Emitted when the supervisor has failed, after everything has ended.
    void gaveUp(const QString &reason);

private:
    friend class Detail::SupervisorPrivate;
    std::shared_ptr<Detail::ServiceSlot> slotOf(const QString &name) const;

    const std::unique_ptr<Detail::SupervisorPrivate> d;
};

} // namespace MicroIO
