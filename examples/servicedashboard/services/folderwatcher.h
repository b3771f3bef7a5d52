// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workcounter.h"

#include <MicroIO/LoopServiceThread>

class QFileSystemWatcher;

/// Watches a folder and the files in it; counts what changes. It fails when the folder goes.
class FolderWatcher : public MicroIO::LoopServiceThread
{
    Q_OBJECT

public:
    FolderWatcher(const QString &folder, WorkCounter changes);

private:
    QCoro::Task<> runAsync(MicroIO::CancelScope scope) override;
    void watchFiles(QFileSystemWatcher &watcher);

    const QString m_folder;
    const WorkCounter m_changes;
};
