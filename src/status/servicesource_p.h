// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "services/changelisteners_p.h"
#include <MicroIO/CancelScope>
#include <MicroIO/ServiceStatus>
#include <MicroIO/ServiceThread>

#include <QCoroTask>
#include <QString>

#include <memory>
#include <vector>

class QObject;

namespace MicroIO::Detail {

class ServicePrivate;

/// What is told of a service when it changes.
struct ServiceFacts
{
    ServiceStatus::State state = ServiceStatus::State::Absent;
    QString errorString;
    int restartCount = 0;
    bool canRestart = false;
};

/// The same state, of a service that is there.
ServiceStatus::State shownState(ServiceThread::State state);

/// What has to be looked at again and again. Times in milliseconds.
struct FigureFacts
{
    qint64 uptime = 0;
    qint64 loopLag = 0;
    qint64 queuedItems = 0;
    qint64 pendingRequests = 0;

    friend bool operator==(const FigureFacts &, const FigureFacts &) = default;
};

FigureFacts figuresOf(const ServicePrivate &service);

/// What ServiceSource::of() takes, for messages.
constexpr char sourcesOfServices[] = "a ServiceGroup, a Supervisor or a ServiceThread";

/// Throws ServiceError.
[[noreturn]] void throwAbsent(const QString &name);

/// A service under its name, as the models see it: also when it is restarted, and when it has gone. Any thread.
class MICROIO_EXPORT ServiceEntry
{
public:
    ServiceEntry() = default;
    virtual ~ServiceEntry();
    Q_DISABLE_COPY_MOVE(ServiceEntry)

    virtual QString name() const = 0;
    /// Hear of every change of facts(), and of the end of the entry.
    virtual std::shared_ptr<ChangeListeners> changes() const = 0;
    virtual ServiceFacts facts() const = 0;
    virtual FigureFacts figures() const = 0;

    /// They never block, and end when the service is ready, has ended, is ready again; \a scope cancels the wait, not
    /// what was asked for. They may outlive the entry. ServiceError if it cannot be done.
    virtual QCoro::Task<> start(CancelScope scope) = 0;
    virtual QCoro::Task<> stop(CancelScope scope) = 0;
    virtual QCoro::Task<> restart(CancelScope scope) = 0;
};

using ServiceEntries = std::vector<std::shared_ptr<ServiceEntry>>;

/// Where services come from: one, a group, a supervisor. Any thread.
class MICROIO_EXPORT ServiceSource
{
public:
    ServiceSource() = default;
    virtual ~ServiceSource();
    Q_DISABLE_COPY_MOVE(ServiceSource)

    /// In order; none once it has gone. The same service is the same entry each time.
    virtual ServiceEntries entries() const = 0;
    /// Hear of entries that come and go. (The end of an entry may be told to its own listeners alone.)
    virtual std::shared_ptr<ChangeListeners> changes() const = 0;
    /// The first of that name, or null.
    virtual std::shared_ptr<ServiceEntry> find(const QString &name) const;
    virtual bool contains(const ServiceEntry *entry) const;

    /// Of a ServiceThread, a ServiceGroup or a Supervisor; null for anything else, and for null. Whoever calls it knows
    /// that \a object lives meanwhile.
    static std::shared_ptr<ServiceSource> of(QObject *object);
};

} // namespace MicroIO::Detail
