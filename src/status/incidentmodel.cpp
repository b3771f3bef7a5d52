// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/IncidentModel>

#include "status/durationtext_p.h"
#include "status/incidentsource_p.h"
#include "status/statusfeed_p.h"
#include <MicroIO/Supervisor>

#include <QLocale>
#include <QPointer>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace MicroIO {

namespace Detail {

class IncidentModelPrivate
{
public:
    explicit IncidentModelPrivate(IncidentModel *model)
        : m_feed(model, [this] { update(); })
        , m_model(model)
    {
    }

    void follow(std::shared_ptr<IncidentSource> from)
    {
        m_changes = {};
        m_source = std::move(from);
        m_isOfOther = true;
        if (m_source)
            m_changes = m_feed.subscribe(m_source->changes());
        update();
    }

    QPointer<QObject> object; // that the source is of
    std::vector<IncidentFacts> rows;

private:
    void update();
    void update(std::vector<IncidentFacts> incidents);

    StatusFeed m_feed;
    IncidentModel *const m_model;
    std::shared_ptr<IncidentSource> m_source;
    ChangeSubscription m_changes;
    bool m_isOfOther = false; // the rows are of another source
};

void IncidentModelPrivate::update()
{
    m_feed.alone([this] { update(m_source ? m_source->incidents() : std::vector<IncidentFacts>()); });
}

void IncidentModelPrivate::update(std::vector<IncidentFacts> incidents)
{
    const auto from = [](std::vector<IncidentFacts> &list, quint64 number) {
        return std::lower_bound(list.begin(), list.end(), number,
                                [](const IncidentFacts &one, quint64 least) { return one.number < least; });
    };
    const bool areAllGone = std::exchange(m_isOfOther, false) || incidents.empty();
    const auto kept = areAllGone ? rows.end() : from(rows, incidents.front().number);
    if (kept != rows.begin()) {
        const QPointer<IncidentModel> alive(m_model);
        m_model->beginRemoveRows({}, 0, int(kept - rows.begin()) - 1);
        rows.erase(rows.begin(), kept);
        m_model->endRemoveRows();
        if (!alive)
            return;
    }
    const auto added = rows.empty() ? incidents.begin() : from(incidents, rows.back().number + 1);
    if (added == incidents.end())
        return;
    const int count = int(rows.size());
    m_model->beginInsertRows({}, count, count + int(incidents.end() - added) - 1);
    rows.insert(rows.end(), std::make_move_iterator(added), std::make_move_iterator(incidents.end()));
    m_model->endInsertRows();
}

} // namespace Detail

namespace {

constexpr std::array incidentColumns{IncidentModel::TimeRole, IncidentModel::ServiceRole,
                                     IncidentModel::CauseRole, IncidentModel::ActionRole,
                                     IncidentModel::UptimeRole}; // by column

QVariant valueOf(const Detail::IncidentFacts &incident, int role)
{
    switch (role) {
    case IncidentModel::NumberRole:
        return QVariant::fromValue(incident.number);
    case IncidentModel::TimeRole:
        return incident.time;
    case IncidentModel::ServiceRole:
        return incident.service;
    case IncidentModel::CauseRole:
        return incident.cause;
    case IncidentModel::ActionRole:
        return incident.action;
    case IncidentModel::UptimeRole:
        return incident.uptime;
    default:
        return {};
    }
}

} // namespace

IncidentModel::IncidentModel(QObject *parent)
    : QAbstractTableModel(parent)
    , d(std::make_unique<Detail::IncidentModelPrivate>(this))
{
}

IncidentModel::IncidentModel(Supervisor *supervisor, QObject *parent)
    : IncidentModel(parent)
{
    setSource(supervisor);
}

IncidentModel::~IncidentModel() = default;

void IncidentModel::setSource(QObject *source)
{
    auto from = Detail::IncidentSource::of(source);
    if (source && !from)
        Detail::warnOfSource(this, source, "a Supervisor");
    d->object = from ? source : nullptr;
    setSource(std::move(from));
}

void IncidentModel::setSource(std::shared_ptr<Detail::IncidentSource> source)
{
    const QPointer<IncidentModel> alive(this);
    d->follow(std::move(source));
    if (alive)
        Q_EMIT sourceChanged();
}

QObject *IncidentModel::source() const
{
    return d->object;
}

int IncidentModel::rowCount(const QModelIndex &parent) const
{
    return parent.isValid() ? 0 : int(d->rows.size());
}

int IncidentModel::columnCount(const QModelIndex &parent) const
{
    return parent.isValid() ? 0 : int(incidentColumns.size());
}

QVariant IncidentModel::data(const QModelIndex &index, int role) const
{
    if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid))
        return {};
    const auto &incident = d->rows[size_t(index.row())];
    const int shown = incidentColumns[size_t(index.column())];
    switch (role) {
    case Qt::DisplayRole:
        if (shown == TimeRole)
            return QLocale().toString(incident.time, QLocale::ShortFormat);
        if (shown == UptimeRole)
            return Detail::durationText(incident.uptime);
        return valueOf(incident, shown);
    case Qt::EditRole:
        return valueOf(incident, shown);
    case Qt::ToolTipRole:
        return incident.cause;
    default:
        return valueOf(incident, role);
    }
}

QVariant IncidentModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal || role != Qt::DisplayRole)
        return QAbstractTableModel::headerData(section, orientation, role);
    switch (section) {
    case TimeColumn:
        return tr("Time");
    case ServiceColumn:
        return tr("Service");
    case CauseColumn:
        return tr("Cause");
    case ActionColumn:
        return tr("Action");
    case UptimeColumn:
        return tr("Uptime");
    default:
        return {};
    }
}

QHash<int, QByteArray> IncidentModel::roleNames() const
{
    return {{NumberRole, "number"}, {TimeRole, "time"},     {ServiceRole, "service"},
            {CauseRole, "cause"},   {ActionRole, "action"}, {UptimeRole, "uptime"}};
}

} // namespace MicroIO
