// SPDX-License-Identifier: Apache-2.0
#include "checksummodel.h"

#include <QLocale>

#include <iterator>

ChecksumModel::ChecksumModel(QObject *parent)
    : QAbstractTableModel(parent)
{
}

void ChecksumModel::setErrorIcon(const QIcon &icon)
{
    m_errorIcon = icon;
    if (!m_rows.empty())
        Q_EMIT dataChanged(index(0, ChecksumColumn), index(rowCount() - 1, ChecksumColumn),
                           {Qt::DecorationRole});
}

void ChecksumModel::append(std::vector<FileChecksum> rows)
{
    if (rows.empty())
        return;
    beginInsertRows({}, rowCount(), rowCount() + int(rows.size()) - 1);
    m_rows.insert(m_rows.end(), std::make_move_iterator(rows.begin()), std::make_move_iterator(rows.end()));
    endInsertRows();
}

void ChecksumModel::clear()
{
    beginResetModel();
    m_rows.clear();
    endResetModel();
}

int ChecksumModel::rowCount(const QModelIndex &parent) const
{
    return parent.isValid() ? 0 : int(m_rows.size());
}

int ChecksumModel::columnCount(const QModelIndex &parent) const
{
    return parent.isValid() ? 0 : ColumnCount;
}

QVariant ChecksumModel::data(const QModelIndex &index, int role) const
{
    if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid))
        return {};
    const FileChecksum &row = at(index.row());
    switch (role) {
    case Qt::DisplayRole:
    case Qt::ToolTipRole:
        return text(row, index.column());
    case Qt::DecorationRole:
        if (index.column() == ChecksumColumn && !row.error.isEmpty())
            return m_errorIcon;
        return {};
    case Qt::TextAlignmentRole:
        if (index.column() == SizeColumn)
            return int(Qt::AlignRight | Qt::AlignVCenter);
        return {};
    case SortRole:
        if (index.column() == SizeColumn)
            return row.size;
        return text(row, index.column());
    default:
        return {};
    }
}

QVariant ChecksumModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal || role != Qt::DisplayRole)
        return {};
    switch (section) {
    case PathColumn:
        return tr("File");
    case SizeColumn:
        return tr("Bytes");
    case ChecksumColumn:
        return tr("Checksum");
    default:
        return {};
    }
}

QString ChecksumModel::text(const FileChecksum &row, int column) const
{
    switch (column) {
    case PathColumn:
        return row.path;
    case SizeColumn:
        return row.error.isEmpty() ? QLocale().toString(row.size) : QString();
    default:
        return row.error.isEmpty() ? QString::fromLatin1(row.checksum) : row.error;
    }
}
