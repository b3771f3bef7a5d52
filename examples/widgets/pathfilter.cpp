// SPDX-License-Identifier: Apache-2.0
#include "pathfilter.h"

#include "checksummodel.h"

PathFilter::PathFilter(QObject *parent)
    : QSortFilterProxyModel(parent)
{
    setSortRole(ChecksumModel::SortRole);
}

void PathFilter::showAll()
{
    if (!m_paths)
        return;
    m_paths.reset();
    invalidateFilter();
}

void PathFilter::showOnly(const QStringList &paths)
{
    m_paths.emplace(paths.begin(), paths.end());
    invalidateFilter();
}

bool PathFilter::filterAcceptsRow(int row, const QModelIndex &parent) const
{
    if (!m_paths)
        return true;
    const auto path = sourceModel()->index(row, ChecksumModel::PathColumn, parent);
    return m_paths->contains(path.data().toString());
}
