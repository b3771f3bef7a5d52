// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/ServiceStatus>

#include "status/servicesource_p.h"
#include "status/statusfeed_p.h"
#include <MicroIO/ServiceGroup>
#include <MicroIO/Supervisor>

#include <QPointer>

#include <algorithm>

namespace MicroIO {

namespace Detail {

class ServiceStatusPrivate
{
public:
    explicit ServiceStatusPrivate(ServiceStatus *status)
        : feed(status, [this] { update(); })
        , m_status(status)
    {
    }

    void follow(std::shared_ptr<ServiceSource> from)
    {
        m_sourceChanges = {};
        source = std::move(from);
        if (source)
            m_sourceChanges = feed.subscribe(source->changes());
    }

    /// May be the last thing that happens to this object: a slot deletes the status.
    void update();

    std::shared_ptr<ServiceEntry> presentEntry() const
    {
        if (!source)
            return nullptr;
        if (only)
            return source->contains(only.get()) ? only : nullptr;
        return source->find(name);
    }

    StatusFeed feed;
    const CancelScope scope; // of start(), stop() and restart()
    QPointer<QObject> object; // that the source is of
    std::shared_ptr<ServiceSource> source;
    std::shared_ptr<ServiceEntry> only; // if it is not by its name
    QString name;
    ServiceFacts facts; // as they were told
    FigureFacts figures;

private:
    void tell(const ServiceFacts &newFacts, const FigureFacts &newFigures);

    ServiceStatus *const m_status;
    std::shared_ptr<ServiceEntry> m_entry;
    quint64 m_seen = 0; // changes of m_entry
    ChangeSubscription m_sourceChanges;
    ChangeSubscription m_entryChanges;
};

void ServiceStatusPrivate::update()
{
    auto entry = presentEntry();
    bool areFiguresDue = feed.takeFiguresDue();
    bool isChanged = entry != m_entry;
    if (isChanged) {
        m_entryChanges = entry ? feed.subscribe(entry->changes()) : ChangeSubscription();
        m_entry = std::move(entry);
    }
    auto newFacts = facts;
    auto newFigures = figures;
    if (!m_entry) {
        newFacts = {};
        newFigures = {};
    } else {
        // Read before the facts: see ChangeListeners.
        const quint64 count = m_entry->changes()->count();
        if (isChanged || count != m_seen) {
            m_seen = count;
            newFacts = m_entry->facts();
            areFiguresDue = true;
        }
        if (areFiguresDue)
            newFigures = m_entry->figures();
    }
    tell(newFacts, newFigures);
}

void ServiceStatusPrivate::tell(const ServiceFacts &newFacts, const FigureFacts &newFigures)
{
    const auto oldFacts = std::exchange(facts, newFacts);
    const auto oldFigures = std::exchange(figures, newFigures);
    if (newFigures != oldFigures)
        feed.figuresTold();

    const QPointer<ServiceStatus> status(m_status);
    bool isAnything = false;
    const auto tellIf = [&](bool isNew, auto signal) {
        if (!isNew || !status)
            return;
        isAnything = true;
        Q_EMIT(status->*signal)();
    };
    if (newFacts.state != oldFacts.state) {
        isAnything = true;
        Q_EMIT status->stateChanged(newFacts.state);
    }
    tellIf(newFacts.errorString != oldFacts.errorString, &ServiceStatus::errorStringChanged);
    tellIf(newFacts.restartCount != oldFacts.restartCount, &ServiceStatus::restartCountChanged);
    tellIf(newFacts.canRestart != oldFacts.canRestart, &ServiceStatus::canRestartChanged);
    tellIf(newFigures.uptime != oldFigures.uptime, &ServiceStatus::uptimeChanged);
    tellIf(newFigures.loopLag != oldFigures.loopLag, &ServiceStatus::loopLagChanged);
    tellIf(newFigures.queuedItems != oldFigures.queuedItems, &ServiceStatus::queuedItemsChanged);
    tellIf(newFigures.pendingRequests != oldFigures.pendingRequests, &ServiceStatus::pendingRequestsChanged);
    if (isAnything && status)
        Q_EMIT status->changed();
}

namespace {

QCoro::Task<> refuseAbsent(QString name)
{
    throwAbsent(name);
    co_return;
}

} // namespace

} // namespace Detail

using Detail::ServiceSource;

ServiceStatus::ServiceStatus(QObject *parent)
    : QObject(parent)
    , d(std::make_unique<Detail::ServiceStatusPrivate>(this))
{
}

ServiceStatus::ServiceStatus(ServiceThread *service, QObject *parent)
    : ServiceStatus(parent)
{
    setSource(service);
}

ServiceStatus::ServiceStatus(ServiceGroup *group, const QString &name, QObject *parent)
    : ServiceStatus(parent)
{
    d->name = name;
    setSource(group);
}

ServiceStatus::ServiceStatus(Supervisor *supervisor, const QString &name, QObject *parent)
    : ServiceStatus(parent)
{
    d->name = name;
    setSource(supervisor);
}

ServiceStatus::ServiceStatus(std::shared_ptr<ServiceSource> source,
                             std::shared_ptr<Detail::ServiceEntry> entry, QObject *parent)
    : ServiceStatus(parent)
{
    d->name = entry->name();
    d->only = std::move(entry);
    setSource(std::move(source));
}

ServiceStatus::~ServiceStatus()
{
    d->scope.cancel(QStringLiteral("the status of the service was destroyed"));
}

void ServiceStatus::setSource(QObject *source)
{
    auto from = ServiceSource::of(source);
    if (source && !from)
        Detail::warnOfSource(this, source, Detail::sourcesOfServices);
    d->object = from ? source : nullptr;
    d->only.reset();
    const auto *thread = qobject_cast<ServiceThread *>(source);
    const QString name = thread ? thread->name() : d->name;
    const bool isRenamed = name != d->name;
    d->name = name;
    const QPointer<ServiceStatus> alive(this);
    if (isRenamed)
        Q_EMIT nameChanged();
    if (alive)
        setSource(std::move(from));
}

void ServiceStatus::setSource(std::shared_ptr<ServiceSource> source)
{
    d->follow(std::move(source));
    const QPointer<ServiceStatus> alive(this);
    Q_EMIT sourceChanged();
    if (alive)
        d->update();
}

void ServiceStatus::setName(const QString &name)
{
    if (name == d->name)
        return;
    d->name = name;
    d->only.reset();
    const QPointer<ServiceStatus> alive(this);
    Q_EMIT nameChanged();
    if (alive)
        d->update();
}

QCoro::Task<> ServiceStatus::start()
{
    const auto entry = d->presentEntry();
    return entry ? entry->start(d->scope) : Detail::refuseAbsent(d->name);
}

QCoro::Task<> ServiceStatus::stop()
{
    const auto entry = d->presentEntry();
    return entry ? entry->stop(d->scope) : Detail::refuseAbsent(d->name);
}

QCoro::Task<> ServiceStatus::restart()
{
    const auto entry = d->presentEntry();
    return entry ? entry->restart(d->scope) : Detail::refuseAbsent(d->name);
}

void ServiceStatus::refresh()
{
    d->feed.refresh();
}

QObject *ServiceStatus::source() const
{
    return d->object;
}

QString ServiceStatus::name() const
{
    return d->name;
}

ServiceStatus::State ServiceStatus::state() const
{
    return d->facts.state;
}

QString ServiceStatus::stateText() const
{
    return textOf(d->facts.state);
}

QString ServiceStatus::textOf(State state)
{
    switch (state) {
    case State::Absent:
        return tr("not there");
    case State::Idle:
        return tr("not started");
    case State::Starting:
        return tr("starting");
    case State::Running:
        return tr("running");
    case State::Stopping:
        return tr("stopping");
    case State::Stopped:
        return tr("stopped");
    case State::Failed:
        return tr("failed");
    case State::Waiting:
        return tr("waiting to be restarted");
    }
    return {};
}

QString ServiceStatus::errorString() const
{
    return d->facts.errorString;
}

bool ServiceStatus::canRestart() const
{
    return d->facts.canRestart;
}

int ServiceStatus::restartCount() const
{
    return d->facts.restartCount;
}

qint64 ServiceStatus::uptime() const
{
    d->feed.figureRead();
    return d->figures.uptime;
}

qint64 ServiceStatus::loopLag() const
{
    d->feed.figureRead();
    return d->figures.loopLag;
}

qint64 ServiceStatus::queuedItems() const
{
    d->feed.figureRead();
    return d->figures.queuedItems;
}

qint64 ServiceStatus::pendingRequests() const
{
    d->feed.figureRead();
    return d->figures.pendingRequests;
}

int ServiceStatus::refreshInterval() const
{
    return d->feed.interval();
}

void ServiceStatus::setRefreshInterval(int interval)
{
    const int valid = std::max(interval, 0);
    if (valid == d->feed.interval())
        return;
    d->feed.setInterval(valid);
    Q_EMIT refreshIntervalChanged();
}

} // namespace MicroIO
