// SPDX-License-Identifier: Apache-2.0
#include "status/servicerows_p.h"

#include <algorithm>
#include <atomic>
#include <unordered_set>
#include <utility>

namespace MicroIO::Detail {

namespace {

ServiceStatus *makePlainStatus(std::shared_ptr<ServiceSource> source, std::shared_ptr<ServiceEntry> entry,
                               QObject *parent)
{
    return new ServiceStatus(std::move(source), std::move(entry), parent);
}

constinit std::atomic<MakeStatus> makeStatus{makePlainStatus};

using Known = std::unordered_set<const ServiceEntry *>;
using Model = ServiceModel;

quint32 difference(const ServiceFacts &a, const ServiceFacts &b)
{
    quint32 bits = 0;
    if (a.state != b.state)
        bits |= bitOf(Model::StateRole) | bitOf(Model::StateTextRole);
    if (a.errorString != b.errorString)
        bits |= bitOf(Model::ErrorStringRole);
    if (a.restartCount != b.restartCount)
        bits |= bitOf(Model::RestartCountRole);
    if (a.canRestart != b.canRestart)
        bits |= bitOf(Model::CanRestartRole);
    return bits;
}

quint32 difference(const FigureFacts &a, const FigureFacts &b)
{
    quint32 bits = 0;
    if (a.uptime != b.uptime)
        bits |= bitOf(Model::UptimeRole);
    if (a.loopLag != b.loopLag)
        bits |= bitOf(Model::LoopLagRole);
    if (a.queuedItems != b.queuedItems)
        bits |= bitOf(Model::QueuedItemsRole);
    if (a.pendingRequests != b.pendingRequests)
        bits |= bitOf(Model::PendingRequestsRole);
    return bits;
}

QList<int> rolesOf(quint32 bits)
{
    QList<int> roles{Qt::DisplayRole, Qt::EditRole};
    if (bits & bitOf(Model::ErrorStringRole))
        roles += Qt::ToolTipRole;
    for (int role = Model::NameRole; role <= Model::StatusRole; ++role) {
        if (bits & bitOf(Model::Role(role)))
            roles += role;
    }
    return roles;
}

} // namespace

void setMakeStatus(MakeStatus make)
{
    makeStatus = make;
}

ServiceModelPrivate::ServiceModelPrivate(ServiceModel *model)
    : feed(model, [this] { update(); })
    , m_model(model)
{
}

void ServiceModelPrivate::follow(std::shared_ptr<ServiceSource> from)
{
    m_sourceChanges = {};
    m_source = std::move(from);
    if (m_source)
        m_sourceChanges = feed.subscribe(m_source->changes());
    update();
}

ServiceStatus *ServiceModelPrivate::statusOf(Row &row)
{
    if (!row.status) {
        row.status = makeStatus.load()(m_source, row.entry, m_model);
        row.status->setRefreshInterval(feed.interval());
    }
    return row.status;
}

void ServiceModelPrivate::update()
{
    feed.alone([this] { update(m_source ? m_source->entries() : ServiceEntries()); });
}

void ServiceModelPrivate::update(const ServiceEntries &entries)
{
    if (!removeOthers(entries) || !addAndMove(entries))
        return;
    look();
    tell();
}

bool ServiceModelPrivate::removeOthers(const ServiceEntries &entries)
{
    Known present;
    for (const auto &entry : entries)
        present.insert(entry.get());
    const auto isPresent = [&](int row) { return present.count(rows[size_t(row)].entry.get()) > 0; };

    for (int last = int(rows.size()) - 1; last >= 0; --last) {
        if (isPresent(last))
            continue;
        int first = last;
        while (first > 0 && !isPresent(first - 1))
            --first;
        if (!remove(first, last))
            return false;
        last = first;
    }
    return true;
}

bool ServiceModelPrivate::addAndMove(const ServiceEntries &entries)
{
    Known known;
    for (const auto &row : rows)
        known.insert(row.entry.get());
    const auto isKnown = [&](size_t index) { return known.count(entries[index].get()) > 0; };

    for (size_t index = 0; index < entries.size(); ++index) {
        if (index < rows.size() && rows[index].entry == entries[index])
            continue;
        if (isKnown(index)) {
            const auto found = std::find_if(rows.begin() + std::ptrdiff_t(index), rows.end(),
                                            [&](const Row &row) { return row.entry == entries[index]; });
            if (!move(int(found - rows.begin()), int(index)))
                return false;
            continue;
        }
        std::vector<Row> added;
        const size_t first = index;
        for (; index < entries.size() && !isKnown(index); ++index)
            added.push_back(makeRow(entries[index]));
        --index;
        if (!insert(int(first), std::move(added)))
            return false;
    }
    return true;
}

bool ServiceModelPrivate::remove(int first, int last)
{
    const QPointer<ServiceModel> alive(m_model);
    m_model->beginRemoveRows({}, first, last);
    const auto begin = rows.begin() + first;
    const auto end = rows.begin() + last + 1;
    for (auto row = begin; row != end; ++row) {
        if (row->status)
            row->status->deleteLater();
    }
    rows.erase(begin, end);
    m_model->endRemoveRows();
    return alive;
}

bool ServiceModelPrivate::move(int from, int to)
{
    const QPointer<ServiceModel> alive(m_model);
    m_model->beginMoveRows({}, from, from, {}, to);
    std::rotate(rows.begin() + to, rows.begin() + from, rows.begin() + from + 1);
    m_model->endMoveRows();
    return alive;
}

bool ServiceModelPrivate::insert(int row, std::vector<Row> added)
{
    const QPointer<ServiceModel> alive(m_model);
    m_model->beginInsertRows({}, row, row + int(added.size()) - 1);
    rows.insert(rows.begin() + row, std::make_move_iterator(added.begin()),
                std::make_move_iterator(added.end()));
    m_model->endInsertRows();
    return alive;
}

ServiceModelPrivate::Row ServiceModelPrivate::makeRow(const std::shared_ptr<ServiceEntry> &entry) const
{
    Row row;
    row.entry = entry;
    row.subscription = feed.subscribe(entry->changes());
    row.seen = entry->changes()->count(); // before the facts: see ChangeListeners
    row.facts = entry->facts();
    row.figures = entry->figures();
    return row;
}

void ServiceModelPrivate::look()
{
    const bool areAllFiguresDue = feed.takeFiguresDue();
    bool areFiguresNew = false;
    for (auto &row : rows) {
        const quint64 count = row.entry->changes()->count();
        const bool isChanged = count != row.seen;
        row.seen = count;
        if (isChanged) {
            const auto facts = std::exchange(row.facts, row.entry->facts());
            row.untold |= difference(facts, row.facts);
        }
        if (isChanged || areAllFiguresDue) {
            const auto figures = std::exchange(row.figures, row.entry->figures());
            const quint32 bits = difference(figures, row.figures);
            row.untold |= bits;
            areFiguresNew |= bits != 0;
        }
    }
    if (areFiguresNew)
        feed.figuresTold();
}

void ServiceModelPrivate::tell()
{
    const QPointer<ServiceModel> alive(m_model);
    for (size_t first = 0; first < rows.size(); ++first) {
        if (rows[first].untold == 0)
            continue;
        quint32 bits = 0;
        size_t end = first;
        for (; end < rows.size() && rows[end].untold != 0; ++end)
            bits |= std::exchange(rows[end].untold, 0);
        Q_EMIT m_model->dataChanged(m_model->index(int(first), 0),
                                    m_model->index(int(end) - 1, m_model->columnCount() - 1), rolesOf(bits));
        if (!alive)
            return;
        first = end;
    }
}

} // namespace MicroIO::Detail
