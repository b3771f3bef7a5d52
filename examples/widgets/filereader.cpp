// SPDX-License-Identifier: Apache-2.0
#include "filereader.h"

#include <QDateTime>
#include <QFile>
#include <QLocale>

using namespace MicroIO;

QCoro::Task<QString> FileReader::read(CancelScope scope, QString path, const Take &take)
{
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly | QIODevice::Unbuffered))
        co_return tr("The file cannot be opened: %1").arg(file.errorString());
    const qint64 size = file.size();
    const QDateTime changed = file.fileTime(QFileDevice::FileModificationTime);

    qint64 done = 0;
    for (;;) {
        if (m_pace.isDue())
            co_await scope.checkpoint();
        const qint64 length = file.read(m_piece.data(), m_piece.size());
        if (length < 0)
            co_return tr("The file cannot be read: %1").arg(file.errorString());
        if (length == 0)
            break;
        done += length;
        if (done > size)
            co_return grew(size, done); // and may grow for ever
        if (!take(QByteArrayView(m_piece.constData(), length)))
            co_return QString();
    }
    if (file.size() > size)
        co_return grew(size, file.size());
    if (done < size)
        co_return tr("The file became shorter while it was read.");
    if (file.fileTime(QFileDevice::FileModificationTime) != changed)
        co_return tr("The file was changed while it was read.");
    co_return QString();
}

QString FileReader::grew(qint64 before, qint64 now)
{
    const QLocale locale;
    return tr("The file grew while it was read, from %1 to %2 bytes or more.")
        .arg(locale.toString(before), locale.toString(now));
}
