// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QSet>
#include <QSortFilterProxyModel>
#include <QStringList>

#include <optional>

/// Shows all rows of a ChecksumModel, or those of some paths.
class PathFilter : public QSortFilterProxyModel
{
    Q_OBJECT

public:
    explicit PathFilter(QObject *parent = nullptr);

    void showAll();
    void showOnly(const QStringList &paths);

protected:
    bool filterAcceptsRow(int row, const QModelIndex &parent) const override;

private:
    std::optional<QSet<QString>> m_paths; // std::nullopt: all
};
