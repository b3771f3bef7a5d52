// SPDX-License-Identifier: Apache-2.0
#include "folderwatcher.h"

#include <QDir>
#include <QFileSystemWatcher>

#include <stdexcept>

using namespace MicroIO;

/// Each costs the system something.
static constexpr qsizetype maximumFiles = 500;

FolderWatcher::FolderWatcher(const QString &folder, WorkCounter changes)
    : LoopServiceThread(QStringLiteral("watcher"))
    , m_folder(folder)
    , m_changes(std::move(changes))
{
}

QCoro::Task<> FolderWatcher::runAsync(CancelScope scope)
{
    auto *watcher = new QFileSystemWatcher(context());
    if (!QFileInfo(m_folder).isDir() || !watcher->addPath(m_folder))
        throw std::runtime_error("the folder cannot be watched: " + m_folder.toStdString());
    QObject::connect(watcher, &QFileSystemWatcher::fileChanged, watcher, [this] { m_changes.add(); });
    QObject::connect(watcher, &QFileSystemWatcher::directoryChanged, watcher, [this, watcher] {
        m_changes.add();
        if (QFileInfo::exists(m_folder))
            watchFiles(*watcher);
        else
            closeScope().fail(std::make_exception_ptr(
                std::runtime_error("the folder has gone: " + m_folder.toStdString())));
    });
    watchFiles(*watcher);
    reportStarted();
    co_await scope.cancelled();
}

void FolderWatcher::watchFiles(QFileSystemWatcher &watcher)
{
    const QDir folder(m_folder);
    QStringList unwatched;
    const auto names = folder.entryList(QDir::Files, QDir::Time).mid(0, maximumFiles);
    const auto watched = watcher.files();
    for (const QString &name : names) {
        if (const QString path = folder.filePath(name); !watched.contains(path))
            unwatched += path;
    }
    if (!unwatched.isEmpty())
        watcher.addPaths(unwatched); // one that has gone meanwhile is told by directoryChanged()
}
