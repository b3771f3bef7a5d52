// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/Channel>
#include <MicroIO/LoopServiceThread>

#include <QCoroTask>
#include <QCryptographicHash>
#include <QList>
#include <QString>
#include <QStringList>

// What the services of this program do: coroutines that own all that they use, are cancelled within a few milliseconds
// wherever they are, and never fail for the sake of one file.

/// A row of the table.
struct FileChecksum
{
    QString path; ///< relative to the folder
    qint64 size = 0;
    QByteArray checksum; ///< empty if there is an error
    QString error;
};

struct FolderSummary
{
    qint64 files = 0; ///< those that have a checksum
    qint64 errors = 0;
    qint64 bytes = 0;
};

/// Sends a row for each file below \a folder, in the order of their paths, and for each thing there that cannot be read.
/// The stream ends with the work, however that ends.
QCoro::Task<FolderSummary> checksumFolder(MicroIO::CancelScope scope,
                                          MicroIO::LoopServiceThread::Progress progress, QString folder,
                                          QCryptographicHash::Algorithm algorithm,
                                          MicroIO::SendChannel<FileChecksum> send);

/// The files below \a folder whose path or contents have \a text in them; upper and lower case count in contents only.
QCoro::Task<QStringList> searchFolder(MicroIO::CancelScope scope, QString folder, QString text);

/// How many files of one kind there are.
struct SuffixCount
{
    QString suffix;
    qint64 files = 0;
    qint64 bytes = 0;
};

/// Counts the files below \a folder by their suffixes, and tells the counts so far now and then, most files first.
QCoro::Task<> countFolder(MicroIO::CancelScope scope, QString folder,
                          MicroIO::SendChannel<QList<SuffixCount>> send);
