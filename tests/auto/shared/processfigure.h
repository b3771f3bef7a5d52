// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QByteArray>
#include <QFile>

namespace Tests {

/// What Linux tells of this process: processFigure("Threads:"), processFigure("VmRSS:") in kB; 0 where it does not.
inline qint64 processFigure(const char *name)
{
    QFile file(QStringLiteral("/proc/self/status"));
    if (!file.open(QIODevice::ReadOnly))
        return 0;
    for (const QByteArray &line : file.readAll().split('\n')) {
        if (line.startsWith(name))
            return line.mid(qsizetype(qstrlen(name))).simplified().split(' ').first().toLongLong();
    }
    return 0;
}

} // namespace Tests
