// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "folderjobs.h"

#include <QAbstractTableModel>
#include <QIcon>

#include <vector>

/// The rows of the table: a file each, with its checksum or with what is wrong.
class ChecksumModel : public QAbstractTableModel
{
    Q_OBJECT

public:
    enum Column { PathColumn, SizeColumn, ChecksumColumn, ColumnCount };
    enum Role { SortRole = Qt::UserRole };

    explicit ChecksumModel(QObject *parent = nullptr);

    /// Shown beside errors, together with their text.
    void setErrorIcon(const QIcon &icon);

    void append(std::vector<FileChecksum> rows);
    void clear();

    const FileChecksum &at(int row) const { return m_rows.at(size_t(row)); }

    int rowCount(const QModelIndex &parent = {}) const override;
    int columnCount(const QModelIndex &parent = {}) const override;
    QVariant data(const QModelIndex &index, int role = Qt::DisplayRole) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role = Qt::DisplayRole) const override;

private:
    QString text(const FileChecksum &row, int column) const;

    std::vector<FileChecksum> m_rows;
    QIcon m_errorIcon;
};
