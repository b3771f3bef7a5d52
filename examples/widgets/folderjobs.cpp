// SPDX-License-Identifier: Apache-2.0
#include "folderjobs.h"

#include "filereader.h"
#include "folderwalk.h"
#include "pace.h"

#include <QByteArrayMatcher>
#include <QDir>
#include <QElapsedTimer>
#include <QFileInfo>
#include <QHash>

#include <algorithm>
#include <map>

using namespace MicroIO;

namespace {

/// What is done and what is to do, for a progress bar.
class WorkMeter
{
public:
    explicit WorkMeter(LoopServiceThread::Progress progress)
        : m_progress(std::move(progress))
    {
        m_progress.setRange(0, 0); // until it is known how much there is
    }

    void toDo(const FolderEntry &entry) { m_total += cost(entry); }
    void begin() { m_progress.setRange(0, maximum); }
    void did(qint64 bytes) { tell(m_done + bytes); }
    void finish(const FolderEntry &entry)
    {
        m_done += cost(entry);
        tell(m_done);
    }

private:
    static constexpr int maximum = 1000;

    // To open a file costs as much as to read some of it.
    static qint64 cost(const FolderEntry &entry) { return entry.size + 16 * 1024; }
    void tell(qint64 done) { m_progress.setValue(int(double(done) / double(m_total) * maximum)); }

    LoopServiceThread::Progress m_progress;
    qint64 m_total = 0;
    qint64 m_done = 0;
};

/// All that stands below \a folder, by path. (Inserting one by one is sorting that can be cancelled.)
QCoro::Task<std::map<QString, FolderEntry>> listFolder(CancelScope scope, QString folder)
{
    std::map<QString, FolderEntry> entries;
    Pace pace;
    for (FolderWalk walk(folder); !walk.atEnd();) {
        if (pace.isDue())
            co_await scope.checkpoint();
        auto entry = walk.step();
        if (entry && entry->kind != FolderEntry::Kind::Folder)
            entries.insert_or_assign(entry->path, *entry);
    }
    co_return entries;
}

/// Looks for bytes in a stream of pieces.
class ByteSearch
{
public:
    explicit ByteSearch(const QByteArray &bytes)
        : m_matcher(bytes)
        , m_overlap(std::max<qsizetype>(bytes.size() - 1, 0))
    {
    }

    void reset() { m_seen.clear(); }
    bool isIn(QByteArrayView piece)
    {
        m_seen = m_seen.right(m_overlap);
        m_seen.append(piece);
        return m_matcher.indexIn(m_seen) >= 0;
    }

private:
    QByteArrayMatcher m_matcher;
    qsizetype m_overlap;
    QByteArray m_seen;
};

} // namespace

QCoro::Task<FolderSummary> checksumFolder(CancelScope scope, LoopServiceThread::Progress progress,
                                          QString folder, QCryptographicHash::Algorithm algorithm,
                                          SendChannel<FileChecksum> send)
{
    WorkMeter meter(std::move(progress));
    const auto entries = co_await listFolder(scope, folder);
    for (const auto &[path, entry] : entries)
        meter.toDo(entry);
    meter.begin();

    FolderSummary summary;
    const QDir root(folder);
    FileReader reader;
    QCryptographicHash hash(algorithm);
    qint64 hashed = 0;
    const FileReader::Take take = [&](QByteArrayView piece) {
        hash.addData(piece);
        hashed += piece.size();
        meter.did(hashed);
        return true;
    };
    Pace pace;
    for (const auto &[path, entry] : entries) {
        if (pace.isDue())
            co_await scope.checkpoint();
        FileChecksum row;
        row.path = path;
        row.size = entry.size;
        row.error = entry.error;
        if (entry.kind == FolderEntry::Kind::File) {
            hash.reset();
            hashed = 0;
            row.error = co_await reader.read(scope, root.filePath(path), take);
        }
        if (row.error.isEmpty()) {
            row.checksum = hash.result().toHex();
            ++summary.files;
            summary.bytes += hashed;
        } else {
            ++summary.errors;
        }
        meter.finish(entry);
        co_await send.send(scope, std::move(row));
    }
    co_return summary;
}

QCoro::Task<QStringList> searchFolder(CancelScope scope, QString folder, QString text)
{
    const auto entries = co_await listFolder(scope, folder);
    QStringList found;
    const QDir root(folder);
    FileReader reader;
    ByteSearch bytes(text.toUtf8());
    bool isThere = false;
    const FileReader::Take take = [&](QByteArrayView piece) {
        isThere = bytes.isIn(piece);
        return !isThere;
    };
    Pace pace;
    for (const auto &[path, entry] : entries) {
        if (pace.isDue())
            co_await scope.checkpoint();
        isThere = path.contains(text, Qt::CaseInsensitive);
        if (!isThere && entry.kind == FolderEntry::Kind::File) {
            bytes.reset();
            co_await reader.read(scope, root.filePath(path), take);
        }
        if (isThere)
            found += path;
    }
    co_return found;
}

QCoro::Task<> countFolder(CancelScope scope, QString folder, SendChannel<QList<SuffixCount>> send)
{
    constexpr int interval = 100; // ms between two tellings
    QHash<QString, SuffixCount> counts;
    const auto sorted = [&] {
        QList<SuffixCount> list = counts.values();
        std::sort(list.begin(), list.end(), [](const SuffixCount &a, const SuffixCount &b) {
            return std::tie(b.files, a.suffix) < std::tie(a.files, b.suffix);
        });
        return list;
    };
    QElapsedTimer told;
    told.start();
    Pace pace;
    for (FolderWalk walk(folder); !walk.atEnd();) {
        if (pace.isDue())
            co_await scope.checkpoint();
        const auto entry = walk.step();
        if (!entry || entry->kind != FolderEntry::Kind::File)
            continue;
        const QString suffix = QFileInfo(entry->path).suffix().toLower();
        SuffixCount &count = counts[suffix];
        count.suffix = suffix;
        ++count.files;
        count.bytes += entry->size;
        if (told.hasExpired(interval)) {
            told.start();
            co_await send.send(scope, sorted());
        }
    }
    co_await send.send(scope, sorted());
}
