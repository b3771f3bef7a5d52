// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/CancelScope>
#include <MicroIO/ServiceThread>

#include <QCoroTask>
#include <QDeadlineTimer>
#include <QList>
#include <QObject>
#include <QString>

#include <chrono>
#include <initializer_list>
#include <memory>

namespace MicroIO {

namespace Detail {
class ServiceGroupPrivate;
class ServiceRoster;
} // namespace Detail

/// Several services that live together: started in the order in which they were added, each when the one before is ready,
/// and stopped in reverse order. A group starts whole or not at all: if one fails to start, or is stopped before it
/// is ready, the later ones are not started, and the earlier ones are stopped. After microio's ServiceGroup.
///
/// Services that it owns are destroyed with it, in reverse order, after it has stopped them and waited for up to five
/// seconds; one that is deaf is named in the log and kept until it ends. Services that it borrows must outlive it, and are
/// left as they are. Its functions are called on its own thread.
class MICROIO_EXPORT ServiceGroup : public QObject
{
    Q_OBJECT

public:
    explicit ServiceGroup(QObject *parent = nullptr);
    /// A group of borrowed services.
    ServiceGroup(std::initializer_list<ServiceThread *> services, QObject *parent = nullptr);
    ~ServiceGroup() override;

    /// Adds a service that the group owns from here on. Throws std::invalid_argument for a null one,
    /// std::logic_error once the group was started.
    template<typename T>
    T &add(std::unique_ptr<T> service)
    {
        T *added = service.get();
        own(std::move(service));
        return *added;
    }
    /// Adds a borrowed service. Throws std::invalid_argument for one that is in the group already.
    ServiceGroup &add(ServiceThread &service);

    /// In the order of their start.
    QList<ServiceThread *> services() const;

    /// Starts them and returns at once; who has been started by others is taken as it is. A second start is refused, and
    /// logged.
    ServiceGroup &start();

    /// The same, co_awaited until all are ready. Throws what waitStarted() of the one that fails throws, or Cancelled; in
    /// either case all have been told to stop.
    QCoro::Task<> start(CancelScope scope);

    /// Blocks until all are ready. Throws ServiceError that names the first that is not, with its cause nested; so it does
    /// if the group was not started. TimeoutError when \a deadline, one for all, passes: they go on. DeadlockError on
    /// the thread of one of them.
    ServiceGroup &waitStarted(QDeadlineTimer deadline = QDeadlineTimer::Forever);

    /// Tells all at once to stop, the last first. True if that was new to any of them. Any
    /// thread, once all have been added.
    bool stop(const QString &reason = {});

    /// Blocks until all have ended. False if \a deadline, one for all, passed before; those that run on are named in the
    /// log. DeadlockError on the thread of one of them.
    bool joinOrLog(QDeadlineTimer deadline);

    /// Stops them one after another, the last first, each when the one after it has ended, and blocks until all have, or
    /// until \a deadline: then it is as joinOrLog(). None takes more than its share of the limit (five seconds, if
    /// there is none) from those before it.
    bool stopJoin(QDeadlineTimer deadline);

    /// The same, co_awaited; the limit is \a scope's own deadline, and what passes it makes it false. When \a scope is
    /// cancelled otherwise, all are told to stop at once, those that run on are named in the log, and Cancelled is
    /// thrown.
    QCoro::Task<bool> stopJoin(CancelScope scope);

    /// When the application quits, stops all as stopJoin() does, within \a limit, while the main event loop turns
    /// without user input, so that those that need it to clean up get on. Never blocks for longer: those that are deaf
    /// are named in the log, and kept if the group owns them, so that its destructor does not wait for them either.
    /// This is done when QCoreApplication::aboutToQuit is emitted: newer Qt does that in QCoreApplication::exit(), which
    /// then returns when all have ended; nothing may wait for who has called it. Throws WrongThreadError if the group does not live in the application's thread.
    void stopOnQuit(std::chrono::milliseconds limit);

    /// For the library's own classes. Any thread.
    const std::shared_ptr<Detail::ServiceRoster> &roster() const;

private:
    void own(std::unique_ptr<ServiceThread> service);

    const std::unique_ptr<Detail::ServiceGroupPrivate> d;
};

} // namespace MicroIO
