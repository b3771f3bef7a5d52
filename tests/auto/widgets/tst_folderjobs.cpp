// SPDX-License-Identifier: Apache-2.0
#include "filereader.h"
#include "folderjobs.h"
#include "folderwalk.h"

#include "../shared/sanitized.h"

#include <MicroIO/Service>
#include <MicroIO/Test>

#include <QDir>
#include <QElapsedTimer>
#include <QFile>
#include <QTemporaryDir>
#include <QTimer>
#include <QtTest/QtTest>

#include <chrono>
#include <functional>
#include <optional>

using namespace MicroIO;
using namespace std::chrono_literals;

namespace {

QString text(const char *utf8)
{
    return QString::fromUtf8(utf8);
}

/// A folder that goes with the test.
class Tree
{
public:
    QString path(const char *name = ".") const { return QDir::cleanPath(m_folder.filePath(text(name))); }
    void folder(const char *name) { QVERIFY(QDir().mkpath(path(name))); }
    void link(const char *name, const QString &target) { QVERIFY(QFile::link(target, path(name))); }
    void file(const char *name, const QByteArray &contents)
    {
        QFile file(path(name));
        QVERIFY(file.open(QIODevice::WriteOnly));
        QCOMPARE(file.write(contents), contents.size());
    }
    void hugeFile(const char *name, qint64 size) // of zeros, which take no place on the disk
    {
        QFile file(path(name));
        QVERIFY(file.open(QIODevice::WriteOnly));
        QVERIFY(file.resize(size));
    }

private:
    QTemporaryDir m_folder;
};

/// "path" of files, "path/" of folders, "path: what is wrong" of the others, sorted.
QStringList walked(const QString &folder, const std::function<void()> &duringTheWalk = {})
{
    QStringList lines;
    FolderWalk walk(folder);
    while (!walk.atEnd()) {
        if (const auto entry = walk.step()) {
            const bool isFolder = entry->kind == FolderEntry::Kind::Folder;
            lines += entry->path + (isFolder ? text("/") : QString())
                     + (entry->error.isEmpty() ? QString() : text(": ") + entry->error);
        }
        if (duringTheWalk)
            duringTheWalk();
    }
    lines.sort();
    return lines;
}

class Rows
{
public:
    explicit Rows(std::vector<FileChecksum> rows)
        : m_rows(std::move(rows))
    {
    }
    QStringList paths() const
    {
        QStringList paths;
        for (const auto &row : m_rows)
            paths += row.path;
        return paths;
    }
    FileChecksum of(const char *path) const
    {
        for (const auto &row : m_rows) {
            if (row.path == text(path))
                return row;
        }
        return {text("missing"), 0, {}, {}};
    }

private:
    std::vector<FileChecksum> m_rows;
};

} // namespace

/// What the services of examples/widgets do.
class tst_FolderJobs : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init();
    void cleanup();

    void aWalkMeetsEveryFileOnce();
    void whatCannotBeWalkedIsAnEntry_data();
    void whatCannotBeWalkedIsAnEntry();
    void aFolderThatVanishesDuringTheWalkIsAnEntry();

    void aFileIsReadWhole();
    void whatCannotBeReadIsTold_data();
    void whatCannotBeReadIsTold();
    void aFileThatGrowsWhileItIsReadIsTold_data();
    void aFileThatGrowsWhileItIsReadIsTold();

    void checksumsAreRight();
    void badFilesAreRowsAndTheWorkGoesOn();
    void aFolderThatIsNotThereIsARow();
    void cancellingStopsTheWorkAtOnce();
    void whoReceivesNoMoreEndsTheWork();
    void theWorkWaitsForWhoReceives();
    void searchFindsNamesAndContents_data();
    void searchFindsNamesAndContents();
    void filesAreCountedByTheirKind();

private:
    QFuture<FolderSummary> submitChecksums(const QString &folder, SendChannel<FileChecksum> send);

    std::optional<WarningGuard> m_warnings;
    std::optional<LeftoverGuard> m_leftovers;
    std::unique_ptr<Service<LoopServiceThread>> m_service;
    std::optional<Tree> m_tree;
};

void tst_FolderJobs::init()
{
    m_warnings.emplace();
    m_leftovers.emplace();
    m_tree.emplace();
}

void tst_FolderJobs::cleanup()
{
    m_service.reset();
    m_tree.reset();
    m_leftovers.reset();
    m_warnings.reset();
}

QFuture<FolderSummary> tst_FolderJobs::submitChecksums(const QString &folder, SendChannel<FileChecksum> send)
{
    m_service = std::make_unique<Service<LoopServiceThread>>(text("checksums"));
    m_service->start();
    m_service->waitStarted();
    return m_service->submit(
        [folder, send = std::move(send)](CancelScope scope, LoopServiceThread::Progress progress) mutable {
            return checksumFolder(scope, progress, folder, QCryptographicHash::Sha256, std::move(send));
        });
}

void tst_FolderJobs::aWalkMeetsEveryFileOnce()
{
    m_tree->folder("a/b");
    m_tree->folder("empty");
    m_tree->file("one", "1");
    m_tree->file(".hidden", "2");
    m_tree->file("a/b/two", "3");
    m_tree->link("link", m_tree->path("one"));
    m_tree->link("folder", m_tree->path("a"));
    QStringList lines = walked(m_tree->path());
    // which of the two ways into "a" is first is the disk's business
    const bool byLink = lines.contains(text("folder/"));
    const QString error = byLink ? text("a: ") : text("folder: ");
    QCOMPARE(lines.removeIf([&](const QString &line) { return line.startsWith(error); }), 1);
    QStringList expected{text("./"), text(".hidden"), text("empty/"), text("link"), text("one")};
    for (const QString &line : {text("/"), text("/b/"), text("/b/two")})
        expected += (byLink ? text("folder") : text("a")) + line;
    expected.sort();
    QCOMPARE(lines, expected);
}

void tst_FolderJobs::whatCannotBeWalkedIsAnEntry_data()
{
    QTest::addColumn<std::function<void(Tree &)>>("make");
    QTest::addColumn<QString>("folder");
    QTest::addColumn<QString>("expected");
    const auto row = [](const char *name, const char *folder, const char *expected,
                        std::function<void(Tree &)> make) {
        QTest::newRow(name) << std::move(make) << text(folder) << text(expected);
    };
    row("no such folder", "gone", ".: The folder is not there, or no more.", [](Tree &) {});
    row("a file", "file", ".: This is not a folder.", [](Tree &tree) { tree.file("file", "1"); });
    row("a link to nothing", ".",
        "link: The link leads to nothing: ", [](Tree &tree) { tree.link("link", tree.path("gone")); });
    row("a link to itself", ".", "link: The link leads in a circle.",
        [](Tree &tree) { tree.link("link", tree.path("link")); });
    row("two links in a circle", ".", "b: The link leads in a circle.", [](Tree &tree) {
        tree.link("a", tree.path("b"));
        tree.link("b", tree.path("a"));
    });
    row("a link to the folder above", ".",
        "a/b/up: The link leads to a folder that is listed already: ", [](Tree &tree) {
            tree.folder("a/b");
            tree.link("a/b/up", tree.path("a"));
        });
    row("a link to the root of the walk", ".", "root: The link leads to a folder that is listed already: ",
        [](Tree &tree) { tree.link("root", tree.path()); });
#ifdef Q_OS_UNIX
    row("a device", ".", "device: This is neither a file nor a folder.",
        [](Tree &tree) { tree.link("device", text("/dev/zero")); });
#endif
}

void tst_FolderJobs::whatCannotBeWalkedIsAnEntry()
{
    using Make = std::function<void(Tree &)>;
    QFETCH(Make, make);
    QFETCH(QString, folder);
    QFETCH(QString, expected);
    make(*m_tree);
    const QStringList lines = walked(m_tree->path(folder.toUtf8().constData()));
    QCOMPARE(lines.filter(expected).size(), 1);
}

void tst_FolderJobs::aFolderThatVanishesDuringTheWalkIsAnEntry()
{
    m_tree->folder("a");
    for (int i = 0; i < 10; ++i)
        m_tree->file(qPrintable(text("a/%1").arg(i)), "1");
    QStringList lines = walked(m_tree->path("a"), [&] { QDir(m_tree->path("a")).removeRecursively(); });
    QVERIFY(lines.contains(text(".: The folder has vanished while it was read.")));
}

void tst_FolderJobs::aFileIsReadWhole()
{
    const QByteArray contents = QByteArray("0123456789abcdef").repeated(100'000);
    m_tree->file("file", contents);
    QByteArray read;
    const FileReader::Take take = [&](QByteArrayView piece) {
        read.append(piece);
        return true;
    };
    FileReader reader;
    MICROIO_COMPARE_AWAIT(reader.read(CancelScope(), m_tree->path("file"), take), QString());
    QVERIFY(read == contents);
}

void tst_FolderJobs::whatCannotBeReadIsTold_data()
{
    QTest::addColumn<QString>("path");
    QTest::addColumn<QString>("expected");
    QTest::newRow("gone") << text("gone") << text("The file cannot be opened: ");
    QTest::newRow("locked") << text("locked") << text("The file cannot be opened: ");
    // A file that can be opened and not be read, by nobody: the memory at the address 0.
    QTest::newRow("broken") << text("/proc/self/mem") << text("The file cannot be read: ");
    QTest::newRow("endless") << text("/proc/self/status")
                             << text("The file grew while it was read, from 0 to ");
}

void tst_FolderJobs::whatCannotBeReadIsTold()
{
    QFETCH(QString, path);
    QFETCH(QString, expected);
    m_tree->file("locked", "1");
    QFile locked(m_tree->path("locked"));
    locked.setPermissions({});
    if (path == text("locked") && locked.open(QIODevice::ReadOnly))
        QSKIP("who runs this test may read everything");
    if (path.startsWith(text("/proc")) && !QFile::exists(path))
        QSKIP("there is no /proc");
    const FileReader::Take take = [&](QByteArrayView) { return true; };
    const QString absolute = QDir(m_tree->path()).absoluteFilePath(path);
    FileReader reader;
    QString error;
    const auto read = [&]() -> QCoro::Task<> { error = co_await reader.read(CancelScope(), absolute, take); };
    MICROIO_AWAIT(read());
    QVERIFY2(error.startsWith(expected), qPrintable(error));
}

void tst_FolderJobs::aFileThatGrowsWhileItIsReadIsTold_data()
{
    QTest::addColumn<int>("change");
    QTest::addColumn<QString>("expected");
    QTest::newRow("grows") << +1 << text("The file grew while it was read, from 5,000,000 to ");
    QTest::newRow("shrinks") << -1 << text("The file became shorter while it was read.");
    QTest::newRow("changes") << 0 << text("The file was changed while it was read.");
}

void tst_FolderJobs::aFileThatGrowsWhileItIsReadIsTold()
{
    QFETCH(int, change);
    QFETCH(QString, expected);
    QLocale::setDefault(QLocale(QLocale::English));
    m_tree->hugeFile("file", 5'000'000);
    bool isChanged = false;
    const FileReader::Take changing = [&](QByteArrayView) {
        QFile file(m_tree->path("file"));
        if (!isChanged && file.open(QIODevice::ReadWrite)) {
            file.resize(5'000'000 + change * 1'000'000);
            file.setFileTime(QDateTime::currentDateTime().addSecs(2), QFileDevice::FileModificationTime);
            isChanged = true;
        }
        return true;
    };
    FileReader reader;
    QString error;
    const auto read = [&]() -> QCoro::Task<> {
        error = co_await reader.read(CancelScope(), m_tree->path("file"), changing);
    };
    MICROIO_AWAIT(read());
    QVERIFY(isChanged);
    QVERIFY2(error.startsWith(expected), qPrintable(error));
}

void tst_FolderJobs::checksumsAreRight()
{
    m_tree->folder("b");
    m_tree->file("c", "abc");
    m_tree->file("b/empty", "");
    m_tree->file("a", "abc");
    auto channel = createChannel<FileChecksum>();
    const auto future = submitChecksums(m_tree->path(), std::move(channel.send));
    MICROIO_AWAIT(CancelScope().cancellable(future));
    const Rows rows(channel.receive.drainNow());
    QCOMPARE(rows.paths(), (QStringList{text("a"), text("b/empty"), text("c")}));
    const QByteArray abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    QCOMPARE(rows.of("a").checksum, abc);
    QCOMPARE(rows.of("c").checksum, abc);
    QCOMPARE(rows.of("c").size, 3);
    QVERIFY(rows.of("b/empty").checksum.startsWith("e3b0c44298fc1c14"));
    QCOMPARE(future.result().files, 3);
    QCOMPARE(future.result().errors, 0);
    QCOMPARE(future.result().bytes, 6);
    QCOMPARE(future.progressValue(), future.progressMaximum());
    QVERIFY(future.progressMaximum() > 0);
}

void tst_FolderJobs::badFilesAreRowsAndTheWorkGoesOn()
{
    m_tree->file("a", "abc");
    m_tree->link("b circle", m_tree->path("b circle"));
    m_tree->link("c above", m_tree->path());
    m_tree->link("d broken", text("/proc/self/mem"));
    m_tree->link("e endless", text("/proc/self/status"));
    m_tree->file("f", "abc");
    auto channel = createChannel<FileChecksum>();
    const auto future = submitChecksums(m_tree->path(), std::move(channel.send));
    MICROIO_AWAIT(CancelScope().cancellable(future));
    const Rows rows(channel.receive.drainNow());
    QCOMPARE(rows.paths(), (QStringList{text("a"), text("b circle"), text("c above"), text("d broken"),
                                        text("e endless"), text("f")}));
    for (const char *bad : {"b circle", "c above", "d broken", "e endless"}) {
        QVERIFY2(!rows.of(bad).error.isEmpty(), bad);
        QVERIFY2(rows.of(bad).checksum.isEmpty(), bad);
    }
    QCOMPARE(rows.of("a").checksum, rows.of("f").checksum);
    QVERIFY(!rows.of("f").checksum.isEmpty());
    QCOMPARE(future.result().files, 2);
    QCOMPARE(future.result().errors, 4);
}

void tst_FolderJobs::aFolderThatIsNotThereIsARow()
{
    auto channel = createChannel<FileChecksum>();
    const auto future = submitChecksums(m_tree->path("gone"), std::move(channel.send));
    MICROIO_AWAIT(CancelScope().cancellable(future));
    const auto rows = channel.receive.drainNow();
    QCOMPARE(rows.size(), size_t(1));
    QCOMPARE(rows.front().error, text("The folder is not there, or no more."));
    QCOMPARE(future.result().errors, 1);
}

void tst_FolderJobs::cancellingStopsTheWorkAtOnce()
{
    m_tree->file("a", "abc");
    m_tree->hugeFile("b", 100'000'000'000);
    auto channel = createChannel<FileChecksum>();
    auto future = submitChecksums(m_tree->path(), std::move(channel.send));
    MICROIO_AWAIT(channel.receive.receive(CancelScope())); // it has come to the huge file
    QElapsedTimer timer;
    timer.start();
    future.cancel();
    MICROIO_VERIFY_THROWS(EndOfStream, channel.receive.receive(CancelScope()));
    const qint64 took = timer.elapsed();
    qInfo("the work has ended %lld ms after its cancellation", took);
#ifndef MICROIO_TEST_SANITIZED
    // It takes some 5 ms. What the issue promises is 100, and this is real time on a machine that others may use, too.
    QVERIFY(took < 100);
#endif
    QTRY_VERIFY(future.isFinished());
    QVERIFY(future.isCanceled());
}

void tst_FolderJobs::whoReceivesNoMoreEndsTheWork()
{
    m_tree->file("a", "abc");
    m_tree->file("b", "abc");
    auto channel = createChannel<FileChecksum>({.capacity = 0});
    auto future = submitChecksums(m_tree->path(), std::move(channel.send));
    channel.receive.close();
    MICROIO_VERIFY_THROWS(BrokenResourceError, CancelScope().cancellable(future));
}

void tst_FolderJobs::theWorkWaitsForWhoReceives()
{
    for (int i = 0; i < 50; ++i)
        m_tree->file(qPrintable(QString::number(i)), "1");
    auto channel = createChannel<FileChecksum>({.capacity = 10});
    const auto future = submitChecksums(m_tree->path(), std::move(channel.send));
    QVERIFY(waitUntilIdle());
    QCOMPARE(channel.receive.stats().queued, 10);
    QVERIFY(!future.isFinished());
    size_t received = 0;
    const auto receive = [&]() -> QCoro::Task<> {
        for (;;) {
            const auto batch = co_await channel.receive.nextBatch(CancelScope());
            if (batch.empty())
                break;
            received += batch.size();
        }
    };
    MICROIO_AWAIT(receive());
    QCOMPARE(received, size_t(50));
}

void tst_FolderJobs::searchFindsNamesAndContents_data()
{
    QTest::addColumn<QString>("pattern");
    QTest::addColumn<QStringList>("expected");
    QTest::newRow("a name") << text("NEEDLE") << QStringList{text("needle.txt")};
    QTest::newRow("contents") << text("straw") << QStringList{text("hay"), text("sub/more")};
    QTest::newRow("over the edge of a piece") << text("edge") << QStringList{text("large")};
    QTest::newRow("not ASCII") << text("über") << QStringList{text("sub/more")};
    QTest::newRow("nothing") << text("nowhere") << QStringList();
}

void tst_FolderJobs::searchFindsNamesAndContents()
{
    QFETCH(QString, pattern);
    QFETCH(QStringList, expected);
    m_tree->folder("sub");
    m_tree->file("needle.txt", "nothing");
    m_tree->file("hay", "much straw");
    m_tree->file("sub/more", "straw über straw");
    m_tree->file("large", QByteArray(256 * 1024 - 2, 'x') + "edge" + QByteArray(1000, 'x'));
    m_tree->link("circle", m_tree->path("circle"));
    MICROIO_COMPARE_AWAIT(searchFolder(CancelScope(), m_tree->path(), pattern), expected);
}

void tst_FolderJobs::filesAreCountedByTheirKind()
{
    for (const char *name : {"a.cpp", "b.CPP", "c.h", "Makefile"})
        m_tree->file(name, "12345");
    auto channel = createChannel<QList<SuffixCount>>();
    MICROIO_AWAIT(countFolder(CancelScope(), m_tree->path(), std::move(channel.send)));
    const auto counts = channel.receive.drainNow().back();
    QCOMPARE(counts.size(), 3);
    QCOMPARE(counts.at(0).suffix, text("cpp"));
    QCOMPARE(counts.at(0).files, 2);
    QCOMPARE(counts.at(0).bytes, 10);
    QCOMPARE(counts.at(1).suffix, QString());
    QCOMPARE(counts.at(2).suffix, text("h"));
}

QTEST_GUILESS_MAIN(tst_FolderJobs)

#include "tst_folderjobs.moc"
