// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "status/servicesource_p.h"
#include "status/statusfeed_p.h"
#include <MicroIO/ServiceModel>

#include <QPointer>

#include <memory>
#include <vector>

namespace MicroIO::Detail {

/// Makes the status of an entry.
using MakeStatus = ServiceStatus *(*)(std::shared_ptr<ServiceSource> source,
                                      std::shared_ptr<ServiceEntry> entry, QObject *parent);

/// From now on all models make theirs by it: the QML module has a class of its own, whose calls QML can make. Any thread.
MICROIO_EXPORT void setMakeStatus(MakeStatus make);

/// The rows of a ServiceModel, and how they follow its source.
///
/// Slots run between all steps of an update. They may delete the model; in an event loop that they open, it stands still.
class ServiceModelPrivate
{
public:
    struct Row
    {
        std::shared_ptr<ServiceEntry> entry;
        ServiceFacts facts; // as they are shown
        FigureFacts figures;
        quint64 seen = 0; // changes of the entry
        quint32 untold = 0; // a bit for each role whose value has changed and has not been told yet
        QPointer<ServiceStatus> status;
        ChangeSubscription subscription;
    };

    explicit ServiceModelPrivate(ServiceModel *model);

    void follow(std::shared_ptr<ServiceSource> from);
    ServiceStatus *statusOf(Row &row);

    StatusFeed feed;
    QPointer<QObject> object; // that the source is of
    std::vector<Row> rows;

private:
    void update();
    void update(const ServiceEntries &entries);
    // False if a slot has deleted the model.
    bool removeOthers(const ServiceEntries &entries);
    bool addAndMove(const ServiceEntries &entries);
    bool remove(int first, int last);
    bool move(int from, int to);
    bool insert(int row, std::vector<Row> added);
    void look();
    void tell();

    Row makeRow(const std::shared_ptr<ServiceEntry> &entry) const;

    ServiceModel *const m_model;
    std::shared_ptr<ServiceSource> m_source;
    ChangeSubscription m_sourceChanges;
};

/// The bit of a role in ServiceModelPrivate::Row::untold.
constexpr quint32 bitOf(ServiceModel::Role role)
{
    return 1u << (role - ServiceModel::NameRole);
}

} // namespace MicroIO::Detail
