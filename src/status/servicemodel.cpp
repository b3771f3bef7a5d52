// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/ServiceModel>

#include "status/durationtext_p.h"
#include "status/servicerows_p.h"
#include <MicroIO/ServiceGroup>
#include <MicroIO/Supervisor>

#include <QLocale>

#include <algorithm>
#include <array>

namespace MicroIO {

namespace {

constexpr std::array serviceColumns{ServiceModel::NameRole,
                                    ServiceModel::StateTextRole,
                                    ServiceModel::UptimeRole,
                                    ServiceModel::RestartCountRole,
                                    ServiceModel::LoopLagRole,
                                    ServiceModel::QueuedItemsRole,
                                    ServiceModel::PendingRequestsRole,
                                    ServiceModel::ErrorStringRole}; // by column

bool isFigure(int role)
{
    return role == ServiceModel::UptimeRole || role == ServiceModel::LoopLagRole
           || role == ServiceModel::QueuedItemsRole || role == ServiceModel::PendingRequestsRole;
}

bool isNumber(int role)
{
    return isFigure(role) || role == ServiceModel::RestartCountRole;
}

QVariant valueOf(const Detail::ServiceModelPrivate::Row &row, int role)
{
    switch (role) {
    case ServiceModel::NameRole:
        return row.entry->name();
    case ServiceModel::StateRole:
        return QVariant::fromValue(row.facts.state);
    case ServiceModel::StateTextRole:
        return ServiceStatus::textOf(row.facts.state);
    case ServiceModel::ErrorStringRole:
        return row.facts.errorString;
    case ServiceModel::UptimeRole:
        return row.figures.uptime;
    case ServiceModel::RestartCountRole:
        return row.facts.restartCount;
    case ServiceModel::LoopLagRole:
        return row.figures.loopLag;
    case ServiceModel::QueuedItemsRole:
        return row.figures.queuedItems;
    case ServiceModel::PendingRequestsRole:
        return row.figures.pendingRequests;
    case ServiceModel::CanRestartRole:
        return row.facts.canRestart;
    default:
        return {};
    }
}

QVariant textOf(const QVariant &value, int role)
{
    if (role == ServiceModel::UptimeRole)
        return Detail::durationText(value.toLongLong());
    if (role == ServiceModel::LoopLagRole)
        return ServiceModel::tr("%1 ms").arg(QLocale().toString(value.toLongLong()));
    if (isNumber(role))
        return QLocale().toString(value.toLongLong());
    return value;
}

} // namespace

ServiceModel::ServiceModel(QObject *parent)
    : QAbstractTableModel(parent)
    , d(std::make_unique<Detail::ServiceModelPrivate>(this))
{
}

ServiceModel::ServiceModel(ServiceGroup *group, QObject *parent)
    : ServiceModel(parent)
{
    setSource(group);
}

ServiceModel::ServiceModel(Supervisor *supervisor, QObject *parent)
    : ServiceModel(parent)
{
    setSource(supervisor);
}

ServiceModel::~ServiceModel() = default;

void ServiceModel::setSource(QObject *source)
{
    auto from = Detail::ServiceSource::of(source);
    if (source && !from)
        Detail::warnOfSource(this, source, Detail::sourcesOfServices);
    d->object = from ? source : nullptr;
    setSource(std::move(from));
}

void ServiceModel::setSource(std::shared_ptr<Detail::ServiceSource> source)
{
    const QPointer<ServiceModel> alive(this);
    d->follow(std::move(source));
    if (alive)
        Q_EMIT sourceChanged();
}

QObject *ServiceModel::source() const
{
    return d->object;
}

ServiceStatus *ServiceModel::status(int row) const
{
    return row >= 0 && row < rowCount() ? d->statusOf(d->rows[size_t(row)]) : nullptr;
}

int ServiceModel::rowOf(const QString &name) const
{
    const auto found = std::find_if(d->rows.begin(), d->rows.end(),
                                    [&name](const auto &row) { return row.entry->name() == name; });
    return found == d->rows.end() ? -1 : int(found - d->rows.begin());
}

int ServiceModel::refreshInterval() const
{
    return d->feed.interval();
}

void ServiceModel::setRefreshInterval(int interval)
{
    const int valid = std::max(interval, 0);
    if (valid == d->feed.interval())
        return;
    d->feed.setInterval(valid);
    std::vector<QPointer<ServiceStatus>> statuses; // slots may change the rows
    for (const auto &row : d->rows)
        statuses.push_back(row.status);
    const QPointer<ServiceModel> alive(this);
    for (const auto &status : statuses) {
        if (status)
            status->setRefreshInterval(valid);
    }
    if (alive)
        Q_EMIT refreshIntervalChanged();
}

void ServiceModel::refresh()
{
    d->feed.refresh();
}

int ServiceModel::rowCount(const QModelIndex &parent) const
{
    return parent.isValid() ? 0 : int(d->rows.size());
}

int ServiceModel::columnCount(const QModelIndex &parent) const
{
    return parent.isValid() ? 0 : int(serviceColumns.size());
}

QVariant ServiceModel::data(const QModelIndex &index, int role) const
{
    if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid))
        return {};
    auto &row = d->rows[size_t(index.row())];
    const int shown = serviceColumns[size_t(index.column())];
    switch (role) {
    case Qt::DisplayRole:
    case Qt::EditRole:
        break;
    case Qt::ToolTipRole:
        return row.facts.errorString;
    case Qt::TextAlignmentRole:
        return int(isNumber(shown) ? Qt::AlignRight | Qt::AlignVCenter : Qt::AlignLeft | Qt::AlignVCenter);
    case StatusRole:
        return QVariant::fromValue(d->statusOf(row));
    default:
        if (isFigure(role))
            d->feed.figureRead();
        return valueOf(row, role);
    }
    if (isFigure(shown))
        d->feed.figureRead();
    const QVariant value = valueOf(row, shown);
    return role == Qt::DisplayRole ? textOf(value, shown) : value;
}

QVariant ServiceModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal || role != Qt::DisplayRole)
        return QAbstractTableModel::headerData(section, orientation, role);
    switch (section) {
    case NameColumn:
        return tr("Service");
    case StateColumn:
        return tr("State");
    case UptimeColumn:
        return tr("Uptime");
    case RestartCountColumn:
        return tr("Restarts");
    case LoopLagColumn:
        return tr("Lag");
    case QueuedItemsColumn:
        return tr("Queued");
    case PendingRequestsColumn:
        return tr("Pending");
    case ErrorStringColumn:
        return tr("Error");
    default:
        return {};
    }
}

QHash<int, QByteArray> ServiceModel::roleNames() const
{
    return {{NameRole, "name"},
            {StateRole, "state"},
            {StateTextRole, "stateText"},
            {ErrorStringRole, "errorString"},
            {UptimeRole, "uptime"},
            {RestartCountRole, "restartCount"},
            {LoopLagRole, "loopLag"},
            {QueuedItemsRole, "queuedItems"},
            {PendingRequestsRole, "pendingRequests"},
            {CanRestartRole, "canRestart"},
            {StatusRole, "status"}};
}

} // namespace MicroIO
