// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/ServiceStatus>

#include <QAbstractTableModel>

#include <memory>

namespace MicroIO {

namespace Detail {
class ServiceModelPrivate;
}

/// The services of a source, one a row: for a view of Qt Widgets, which shows a column for each figure, and for one of Qt
/// Quick, which uses the roles.
///
/// The source is a ServiceGroup, a Supervisor, or a single ServiceThread. Services that are added or go later appear and
/// disappear, and a supervisor's keep their rows through all restarts; the model is empty when the source has gone.
///
/// It lives in the thread that creates it, whose event loop it needs, and stays there; the source may live in another one.
/// Changes are told as ServiceStatus tells them: at once, then at most once every 16 ms, the last one always; figures
/// are refreshed as long as a view reads them.
class MICROIO_EXPORT ServiceModel : public QAbstractTableModel
{
    Q_OBJECT
    Q_PROPERTY(QObject *source READ source WRITE setSource NOTIFY sourceChanged)
    Q_PROPERTY(
        int refreshInterval READ refreshInterval WRITE setRefreshInterval NOTIFY refreshIntervalChanged)

public:
    /// The same for each column of a row. In Qt Quick: name, state, stateText, and so on.
    enum Role {
        NameRole = Qt::UserRole,
        StateRole, ///< ServiceStatus::State
        StateTextRole,
        ErrorStringRole,
        UptimeRole, ///< times are numbers of milliseconds
        RestartCountRole,
        LoopLagRole,
        QueuedItemsRole,
        PendingRequestsRole,
        CanRestartRole,
        StatusRole, ///< see status()
    };
    Q_ENUM(Role)

    /// What a table shows, by Qt::DisplayRole as text and by Qt::EditRole as what can be sorted.
    enum Column {
        NameColumn,
        StateColumn,
        UptimeColumn,
        RestartCountColumn,
        LoopLagColumn,
        QueuedItemsColumn,
        PendingRequestsColumn,
        ErrorStringColumn,
    };
    Q_ENUM(Column)

    explicit ServiceModel(QObject *parent = nullptr);
    explicit ServiceModel(ServiceGroup *group, QObject *parent = nullptr);
    explicit ServiceModel(Supervisor *supervisor, QObject *parent = nullptr);
    ~ServiceModel() override;

    /// A ServiceGroup, a Supervisor or a ServiceThread; anything else is refused with a warning, and the model is empty
    /// then. It must live while this is called, and may go at any time later.
    void setSource(QObject *source);

    /// Null also when it has gone.
    QObject *source() const;

    /// The status of the service in \a row, for its start(), stop() and restart(); null if there is no such row. It belongs
    /// to the model and is deleted when the row is removed, from the event loop.
    Q_INVOKABLE MicroIO::ServiceStatus *status(int row) const;
    /// -1 if there is no service of that name.
    Q_INVOKABLE int rowOf(const QString &name) const;

    /// See ServiceStatus::refreshInterval().
    int refreshInterval() const;
    void setRefreshInterval(int interval);

    int rowCount(const QModelIndex &parent = {}) const override;
    int columnCount(const QModelIndex &parent = {}) const override;
    QVariant data(const QModelIndex &index, int role = Qt::DisplayRole) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role = Qt::DisplayRole) const override;
    QHash<int, QByteArray> roleNames() const override;

    /// For the library's own classes.
    void setSource(std::shared_ptr<Detail::ServiceSource> source);

public Q_SLOTS:
    /// Has the figures looked at soon, within the 16 ms.
    void refresh();

Q_SIGNALS:
    void sourceChanged();
    void refreshIntervalChanged();

private:
    friend class Detail::ServiceModelPrivate;
    const std::unique_ptr<Detail::ServiceModelPrivate> d;
};

} // namespace MicroIO
