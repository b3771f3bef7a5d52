// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/microio_export.h>

#include <QAbstractTableModel>

#include <memory>

namespace MicroIO {

class Supervisor;

namespace Detail {
class IncidentModelPrivate;
class IncidentSource;
} // namespace Detail

/// The incidents of a Supervisor, one a row, the oldest first: as many as it keeps. (Those of the supervisors below it
/// are theirs.)
///
/// It lives in the thread that creates it, whose event loop it needs, and stays there; the supervisor may live in another
/// one. New incidents are told at once, then at most once every 16 ms, many at a time. When the supervisor has gone, the
/// model is empty.
class MICROIO_EXPORT IncidentModel : public QAbstractTableModel
{
    Q_OBJECT
    Q_PROPERTY(QObject *source READ source WRITE setSource NOTIFY sourceChanged)

public:
    /// The same for each column of a row. In Qt Quick: number, time, service, cause, action, uptime.
    enum Role {
        NumberRole = Qt::UserRole, ///< from 1 on; every incident of a supervisor has its own
        TimeRole, ///< QDateTime
        ServiceRole,
        CauseRole, ///< with the whole chain of causes
        ActionRole, ///< what the supervisor did about it
        UptimeRole, ///< how long the service had been ready, in milliseconds
    };
    Q_ENUM(Role)

    /// What a table shows, by Qt::DisplayRole as text and by Qt::EditRole as what can be sorted.
    enum Column {
        TimeColumn,
        ServiceColumn,
        CauseColumn,
        ActionColumn,
        UptimeColumn,
    };
    Q_ENUM(Column)

    explicit IncidentModel(QObject *parent = nullptr);
    explicit IncidentModel(Supervisor *supervisor, QObject *parent = nullptr);
    ~IncidentModel() override;

    /// A Supervisor; anything else is refused with a warning, and the model is empty then. It must live while this is
    /// called, and may go at any time later.
    void setSource(QObject *source);
    /// Null also when it has gone.
    QObject *source() const;

    int rowCount(const QModelIndex &parent = {}) const override;
    int columnCount(const QModelIndex &parent = {}) const override;
    QVariant data(const QModelIndex &index, int role = Qt::DisplayRole) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role = Qt::DisplayRole) const override;
    QHash<int, QByteArray> roleNames() const override;

    /// For the library's own classes.
    void setSource(std::shared_ptr<Detail::IncidentSource> source);

Q_SIGNALS:
    void sourceChanged();

private:
    friend class Detail::IncidentModelPrivate;
    const std::unique_ptr<Detail::IncidentModelPrivate> d;
};

} // namespace MicroIO
