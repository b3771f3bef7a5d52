// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QCoreApplication>
#include <QDirIterator>
#include <QFileInfo>
#include <QSet>
#include <QString>
#include <QStringList>

#include <optional>

/// What is met in a folder.
struct FolderEntry
{
    enum class Kind { File, Folder, Unreadable };

    Kind kind = Kind::File;
    QString path; ///< relative to the folder where the walk began, which itself is "."
    qint64 size = 0; ///< of a file, when it was met
    QString error; ///< what is wrong with an unreadable one, as a sentence
};

/// Walks through a folder and those below it, one look at the disk a step, so that who walks can stop or do something else
/// at any moment. Links to folders are followed, but none is entered twice: circles end. What cannot be read is an
/// entry, too; nothing throws. Sockets, pipes and devices are never opened.
class FolderWalk
{
    Q_DECLARE_TR_FUNCTIONS(FolderWalk)

public:
    explicit FolderWalk(const QString &folder);

    bool atEnd() const { return !m_entries && m_pending.isEmpty(); }

    /// The next entry; std::nullopt if this step met none.
    std::optional<FolderEntry> step();

private:
    FolderEntry enter(const QString &path);
    std::optional<FolderEntry> meet(const QFileInfo &info);
    std::optional<FolderEntry> leave();
    FolderEntry unreadable(const QString &path, const QString &error) const;
    QString relative(const QString &path) const;

    QString m_root;
    QStringList m_pending; // folders still to be entered
    QSet<QString> m_entered; // by their canonical paths
    QString m_current;
    std::optional<QDirIterator> m_entries; // of the current folder
};
