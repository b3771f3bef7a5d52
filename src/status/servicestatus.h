// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/microio_export.h>

#include <QCoroTask>
#include <QObject>
#include <QString>

#include <memory>

namespace MicroIO {

class ServiceGroup;
class ServiceThread;
class Supervisor;

namespace Detail {
class ServiceEntry;
class ServiceSource;
class ServiceStatusPrivate;
} // namespace Detail

/// One service as a user interface shows it: its state, error and figures as properties, and start(), stop() and
/// restart() that never block.
///
/// The service is found by its name in a source: a ServiceGroup, a Supervisor, or a ServiceThread itself. As long as
/// there is no such service, and when the service or the source has gone, the state is Absent and everything but the
/// name is empty. Under a supervisor it is followed through all restarts, the figures being those of the last instance;
/// supervisors below a supervisor are services too.
///
/// A status lives in the thread that creates it, whose event loop it needs; it stays there, and its functions are called
/// there. The services may belong to other threads. They are followed without their owner's help, and a change is told
/// at once, then at most once every 16 ms: states that pass sooner are not seen, the last one always is. (These 16 ms
/// are the scheduler's time, which a TestClock replaces.) What the properties say is what was told last: state() may
/// follow the end of start() or stop() by that much.
///
/// Uptime, loop lag, queued items and pending requests change without telling so. They are looked at again
/// every refreshInterval milliseconds, of real time, as long as somebody reads them: when new ones were told and nobody has
/// read any of them by the next time, because what showed them is hidden or gone, the timer stops, until the next
/// read.
class MICROIO_EXPORT ServiceStatus : public QObject
{
    Q_OBJECT
    Q_PROPERTY(QObject *source READ source WRITE setSource NOTIFY sourceChanged)
    Q_PROPERTY(QString name READ name WRITE setName NOTIFY nameChanged)
    Q_PROPERTY(MicroIO::ServiceStatus::State state READ state NOTIFY stateChanged)
    Q_PROPERTY(QString stateText READ stateText NOTIFY stateChanged)
    Q_PROPERTY(QString errorString READ errorString NOTIFY errorStringChanged)
    Q_PROPERTY(qint64 uptime READ uptime NOTIFY uptimeChanged)
    Q_PROPERTY(int restartCount READ restartCount NOTIFY restartCountChanged)
    Q_PROPERTY(qint64 loopLag READ loopLag NOTIFY loopLagChanged)
    Q_PROPERTY(qint64 queuedItems READ queuedItems NOTIFY queuedItemsChanged)
    Q_PROPERTY(qint64 pendingRequests READ pendingRequests NOTIFY pendingRequestsChanged)
    Q_PROPERTY(bool canRestart READ canRestart NOTIFY canRestartChanged)
    Q_PROPERTY(
        int refreshInterval READ refreshInterval WRITE setRefreshInterval NOTIFY refreshIntervalChanged)

public:
    /// The states of ServiceThread, and what only a user interface meets.
    enum class State {
        Absent, ///< there is no such service, or no more
        Idle, ///< not started
        Starting, ///< running, not ready
        Running, ///< ready
        Stopping, ///< asked to stop
        Stopped, ///< ended
        Failed, ///< ended with an error
        Waiting, ///< down, and to be started again by its supervisor, after a pause or with others
    };
    Q_ENUM(State)

    explicit ServiceStatus(QObject *parent = nullptr);
    explicit ServiceStatus(ServiceThread *service, QObject *parent = nullptr);
    ServiceStatus(ServiceGroup *group, const QString &name, QObject *parent = nullptr);
    ServiceStatus(Supervisor *supervisor, const QString &name, QObject *parent = nullptr);
    ~ServiceStatus() override;

    /// A ServiceThread, whose name becomes this one's, a ServiceGroup, or a Supervisor; anything else is refused with a
    /// warning, and the source is null then. It must live while this is called, and may go at any time later.
    void setSource(QObject *source);
    /// Of several of that name in a group, the first is meant.
    void setName(const QString &name);

    /// Starts the service, and ends when it is ready; also if it was started before. Throws ServiceError, with the cause
    /// nested, if it cannot be started, or fails before it is ready; Cancelled if this object is destroyed meanwhile,
    /// which changes nothing for the service. A task that nobody awaits does the same.
    ///
    /// Under a supervisor, which must have been started, that is asked on its own thread and makes a new instance if
    /// the service is down; one that waits for its restart does not wait longer.
    QCoro::Task<> start();

    /// Asks the service to stop, and ends when it has; at once if it does not run. Under a supervisor it stays down until
    /// it is started, and ServiceError is thrown if it does not stop within its stopTimeout. Throws as start() does.
    QCoro::Task<> stop();

    /// Has the supervisor stop the service, and make and start a new one; ends when that is ready. Throws as start()
    /// does; ServiceError if there is no supervisor that runs, see canRestart().
    QCoro::Task<> restart();

    /// Null also when it has gone.
    QObject *source() const;
    QString name() const;
    State state() const;
    /// The state for people, in the language of the application.
    QString stateText() const;
    static QString textOf(State state);
    /// What the service has failed with, and the whole chain of causes; under a supervisor, what it has failed with last.
    QString errorString() const;
    /// It has a supervisor, which runs.
    bool canRestart() const;
    /// See Supervisor::ServiceInfo.
    int restartCount() const;

    /// How long the service has been ready, in milliseconds, see ServiceThread::uptime().
    qint64 uptime() const;
    /// In milliseconds, see ServiceThread::loopLag().
    qint64 loopLag() const;
    qint64 queuedItems() const;
    qint64 pendingRequests() const;

    /// In milliseconds of real time; 1000 by default. 0: only refresh() and changes of the state bring new figures. Negative
    /// ones are taken for 0.
    int refreshInterval() const;
    void setRefreshInterval(int interval);

    /// For the library's own classes: of \a entry itself, whatever else has its name.
    ServiceStatus(std::shared_ptr<Detail::ServiceSource> source, std::shared_ptr<Detail::ServiceEntry> entry,
                  QObject *parent);
    /// For the library's own classes.
    void setSource(std::shared_ptr<Detail::ServiceSource> source);

public Q_SLOTS:
    /// Has the figures looked at soon, within the 16 ms.
    void refresh();

Q_SIGNALS:
    void sourceChanged();
    void nameChanged();
    void stateChanged(MicroIO::ServiceStatus::State state);
    void errorStringChanged();
    void uptimeChanged();
    void restartCountChanged();
    void loopLagChanged();
    void queuedItemsChanged();
    void pendingRequestsChanged();
    void canRestartChanged();
    void refreshIntervalChanged();
    /// Once for each update, when the signals of what has changed have been emitted.
    void changed();

private:
    const std::unique_ptr<Detail::ServiceStatusPrivate> d;
};

} // namespace MicroIO
