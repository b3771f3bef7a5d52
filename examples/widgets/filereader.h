// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pace.h"

#include <MicroIO/CancelScope>

#include <QByteArray>
#include <QByteArrayView>
#include <QCoreApplication>
#include <QCoroTask>
#include <QString>

#include <functional>

/// Reads files piece by piece, and lets its event loop have a turn every few milliseconds.
class FileReader
{
    Q_DECLARE_TR_FUNCTIONS(FileReader)

public:
    /// False ends the reading.
    using Take = std::function<bool(QByteArrayView piece)>;

    /// Hands the contents of the file \a path to \a take. Gives what went wrong, as a sentence, or nothing: that the file
    /// cannot be opened or read, or that it grew, shrank or changed meanwhile. Throws Cancelled. \a take must live
    /// until it has ended.
    QCoro::Task<QString> read(MicroIO::CancelScope scope, QString path, const Take &take);

private:
    static QString grew(qint64 before, qint64 now);

    // Small enough to be read and worked off in a few milliseconds, from slow disks too.
    static constexpr qsizetype pieceSize = 256 * 1024;

    Pace m_pace;
    QByteArray m_piece{pieceSize, Qt::Uninitialized};
};
