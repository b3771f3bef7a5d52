// SPDX-License-Identifier: Apache-2.0
#include "folderwalk.h"

#include <QDir>

namespace {

/// True if the links that begin with \a link lead back to one of them.
bool leadsInACircle(const QFileInfo &link)
{
    QSet<QString> passed;
    QFileInfo info = link;
    while (info.isSymLink()) {
        const QString path = QDir::cleanPath(info.absoluteFilePath());
        if (passed.contains(path))
            return true;
        passed.insert(path);
        info = QFileInfo(info.symLinkTarget());
    }
    return false;
}

} // namespace

FolderWalk::FolderWalk(const QString &folder)
    : m_root(QDir::cleanPath(QFileInfo(folder).absoluteFilePath()))
    , m_pending{m_root}
{
}

std::optional<FolderEntry> FolderWalk::step()
{
    if (m_entries)
        return m_entries->hasNext() ? meet(m_entries->nextFileInfo()) : leave();
    if (!m_pending.isEmpty())
        return enter(m_pending.takeLast());
    return std::nullopt;
}

FolderEntry FolderWalk::enter(const QString &path)
{
    const QFileInfo info(path);
    if (!info.exists())
        return unreadable(path, tr("The folder is not there, or no more."));
    if (!info.isDir())
        return unreadable(path, tr("This is not a folder."));
    if (!info.isReadable() || !info.isExecutable())
        return unreadable(path, tr("The folder may not be read."));
    const QString canonical = info.canonicalFilePath();
    if (m_entered.contains(canonical))
        return unreadable(path, tr("The link leads to a folder that is listed already: %1").arg(canonical));
    m_entered.insert(canonical);
    m_current = path;
    m_entries.emplace(path, QDir::AllEntries | QDir::Hidden | QDir::System | QDir::NoDotAndDotDot);
    return {FolderEntry::Kind::Folder, relative(path), 0, {}};
}

std::optional<FolderEntry> FolderWalk::meet(const QFileInfo &info)
{
    const QString path = info.filePath();
    if (info.isDir()) {
        m_pending.append(path);
        return std::nullopt;
    }
    if (info.isFile())
        return FolderEntry{FolderEntry::Kind::File, relative(path), info.size(), {}};
    if (info.isSymLink() && leadsInACircle(info))
        return unreadable(path, tr("The link leads in a circle."));
    if (info.isSymLink() && !info.exists())
        return unreadable(path, tr("The link leads to nothing: %1").arg(info.symLinkTarget()));
    if (!info.exists())
        return unreadable(path, tr("The file has vanished."));
    return unreadable(path, tr("This is neither a file nor a folder."));
}

std::optional<FolderEntry> FolderWalk::leave()
{
    m_entries.reset();
    // To QDirIterator, a folder that has gone meanwhile is one that has no more entries.
    if (!QFileInfo(m_current).isDir())
        return unreadable(m_current, tr("The folder has vanished while it was read."));
    return std::nullopt;
}

FolderEntry FolderWalk::unreadable(const QString &path, const QString &error) const
{
    return {FolderEntry::Kind::Unreadable, relative(path), 0, error};
}

QString FolderWalk::relative(const QString &path) const
{
    return QDir(m_root).relativeFilePath(path);
}
