// SPDX-License-Identifier: Apache-2.0
#include "crew.h"
#include "echoserver.h"
#include "flakyfeed.h"
#include "folderwatcher.h"
#include "journal.h"
#include "loadgenerator.h"
#include "primecounter.h"
#include "scenes.h"

#include <MicroIO/Service>
#include <MicroIO/Test>

#include <QTcpSocket>
#include <QtTest/QtTest>

#include <algorithm>

using namespace MicroIO;
using namespace std::chrono_literals;
using State = ServiceThread::State;

Q_DECLARE_METATYPE(Crew::Member)

/// The services of examples/servicedashboard, one by one and all together: each does what it says.
class tst_DashboardServices : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_guard.emplace(); }
    void cleanup() { m_guard.reset(); }

    void theServerSendsBackWhatItGets();
    void theServerKeepsItsPortOverARestart();
    void aClientThatReadsLateGetsAll();
    void theLoadGeneratorIsAnswered();
    void theLoadGeneratorFailsWithItsServer();
    void theLoadGeneratorFailsWithoutAServer();
    void theWatcherCountsChanges();
    void theWatcherFailsWithItsFolder();
    void theWatcherNeedsAFolder();
    void primesAreCounted();
    void theCounterOfPrimesStopsAtOnce();
    void theFeedReads();
    void theFeedFailsAtRandom();
    void theJournalWritesLines();
    void aFrozenJournalLetsItsQueueGrow();
    void linesForNoJournalAreDropped();

    void allOfTheCrewWork();
    void whoCrashesIsRestarted_data();
    void whoCrashesIsRestarted();
    void whoIsDownCannotCrash();
    void aFrozenJournalIsReplaced();
    void scenes();
    void aCrewLeavesNothing();

private:
    /// The log tells of each failure.
    void expectFailures()
    {
        m_guard->allow(QRegularExpression(QStringLiteral("^microio\\.service: Service \\w+ has failed: ")));
    }

    std::optional<WarningGuard> m_guard;
};

namespace {

/// Says \a bytes to the server of that \a address.
struct Client
{
    explicit Client(const EchoAddress &address)
    {
        QObject::connect(&socket, &QTcpSocket::readyRead, &socket, [this] {
            if (reads)
                received += socket.readAll();
        });
        socket.connectToHost(QHostAddress(QHostAddress::LocalHost), address.port());
    }

    QTcpSocket socket;
    QByteArray received;
    bool reads = true;
};

bool write(const QString &fileName, const QByteArray &bytes)
{
    QFile file(fileName);
    return file.open(QIODevice::WriteOnly | QIODevice::Append) && file.write(bytes) == bytes.size();
}

QByteArray contentOf(const QString &fileName)
{
    QFile file(fileName);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

void start(ServiceThread &service)
{
    service.start();
    service.waitStarted(30s);
}

State stateOf(Crew &crew, Crew::Member member)
{
    return crew.supervisor().serviceInfo(Crew::nameOf(member))->state;
}

bool allHaveWorked(const Crew &crew)
{
    for (int member = 0; member < Crew::MemberCount; ++member) {
        if (crew.work(Crew::Member(member)) == 0)
            return false;
    }
    return true;
}

qsizetype openFiles()
{
    return QDir(QStringLiteral("/proc/self/fd"))
        .entryList(QDir::NoDotAndDotDot | QDir::AllEntries | QDir::System)
        .size();
}

} // namespace

void tst_DashboardServices::theServerSendsBackWhatItGets()
{
    const EchoAddress address;
    const WorkCounter echoes;
    const auto server = makeService<EchoServer>(address, echoes);
    start(*server);

    Client first(address);
    Client second(address);
    first.socket.write("one\ntwo\n");
    second.socket.write("three\n");
    QTRY_COMPARE(first.received, QByteArray("one\ntwo\n"));
    QTRY_COMPARE(second.received, QByteArray("three\n"));
    QCOMPARE(echoes.count(), qint64(3));

    server->stop();
    QTRY_COMPARE(first.socket.state(), QAbstractSocket::UnconnectedState);
    QVERIFY(server->joinOrLog(30s));
    QCOMPARE(server->state(), State::Stopped);
}

void tst_DashboardServices::theServerKeepsItsPortOverARestart()
{
    const EchoAddress address;
    quint16 port = 0;
    for (int i = 0; i < 2; ++i) {
        const auto server = makeService<EchoServer>(address, WorkCounter());
        start(*server);
        if (i == 0)
            port = address.port();
        Client client(address);
        client.socket.write("hello\n");
        QTRY_COMPARE(client.received, QByteArray("hello\n"));
    }
    QVERIFY(port != 0);
    QCOMPARE(address.port(), port);
}

void tst_DashboardServices::aClientThatReadsLateGetsAll()
{
    const EchoAddress address;
    const auto server = makeService<EchoServer>(address, WorkCounter());
    start(*server);

    Client client(address);
    client.reads = false;
    client.socket.setReadBufferSize(1'000);
    const QByteArray much(8'000'000, 'x');
    client.socket.write(much);
    QTRY_COMPARE(client.socket.bytesAvailable(), qint64(1'000));
    client.socket.setReadBufferSize(0);
    client.reads = true;
    client.received += client.socket.readAll();
    QTRY_COMPARE_WITH_TIMEOUT(client.received.size(), much.size(), 30'000);
    QVERIFY(client.received == much);
}

void tst_DashboardServices::theLoadGeneratorIsAnswered()
{
    const EchoAddress address;
    const WorkCounter echoes;
    const WorkCounter answers;
    const auto server = makeService<EchoServer>(address, echoes);
    start(*server);
    const auto load = makeService<LoadGenerator>(address, answers);
    start(*load);

    QTRY_VERIFY(answers.count() >= 100);
    QVERIFY(echoes.count() >= answers.count());
    QVERIFY(load->pendingRequests() <= 8);
    load->stop();
    QVERIFY(load->joinOrLog(30s));
    QCOMPARE(load->state(), State::Stopped); // with requests under way
}

void tst_DashboardServices::theLoadGeneratorFailsWithItsServer()
{
    expectFailures();
    const EchoAddress address;
    const WorkCounter answers;
    const auto server = makeService<EchoServer>(address, WorkCounter());
    start(*server);
    const auto load = makeService<LoadGenerator>(address, answers);
    start(*load);
    QTRY_VERIFY(answers.count() > 0);

    server->stop();
    QVERIFY(waitForState(*load, State::Failed));
    QVERIFY2(load->errorString().contains(QStringLiteral("the echo server has hung up")),
             qPrintable(load->errorString()));
}

void tst_DashboardServices::theLoadGeneratorFailsWithoutAServer()
{
    expectFailures();
    const auto load = makeService<LoadGenerator>(EchoAddress(), WorkCounter());
    load->start();
    QVERIFY(waitForState(*load, State::Failed)); // after a second of real time, which its sockets take
    QVERIFY2(load->errorString().contains(QStringLiteral("no connection to the echo server: ")),
             qPrintable(load->errorString()));
}

void tst_DashboardServices::theWatcherCountsChanges()
{
    const QTemporaryDir folder;
    QVERIFY(write(folder.filePath(QStringLiteral("old")), "1"));
    const WorkCounter changes;
    const auto watcher = makeService<FolderWatcher>(folder.path(), changes);
    start(*watcher);
    QCOMPARE(changes.count(), qint64(0));

    const auto writeAndSee = [&](const QString &name) {
        const qint64 before = changes.count();
        QVERIFY(write(folder.filePath(name), "2"));
        QTRY_VERIFY(changes.count() > before);
    };
    writeAndSee(QStringLiteral("old"));
    writeAndSee(QStringLiteral("new"));
    // it knows the new one as well, as soon as it has looked
    QTRY_VERIFY([&] {
        const qint64 before = changes.count();
        return write(folder.filePath(QStringLiteral("new")), "3")
               && QTest::qWaitFor([&] { return changes.count() > before; }, 100);
    }());
}

void tst_DashboardServices::theWatcherFailsWithItsFolder()
{
    expectFailures();
    const QTemporaryDir folder;
    const QString path = folder.filePath(QStringLiteral("inner"));
    QVERIFY(QDir().mkdir(path));
    const auto watcher = makeService<FolderWatcher>(path, WorkCounter());
    start(*watcher);
    QVERIFY(QDir().rmdir(path));
    QVERIFY(waitForState(*watcher, State::Failed));
    QVERIFY2(watcher->errorString().contains(QStringLiteral("has gone")), qPrintable(watcher->errorString()));
}

void tst_DashboardServices::theWatcherNeedsAFolder()
{
    expectFailures();
    const auto watcher = makeService<FolderWatcher>(QStringLiteral("/no/such/folder"), WorkCounter());
    watcher->start();
    QVERIFY(waitForState(*watcher, State::Failed));
    QVERIFY2(watcher->errorString().contains(QStringLiteral("/no/such/folder")),
             qPrintable(watcher->errorString()));
}

void tst_DashboardServices::primesAreCounted()
{
    QCOMPARE(PrimeCounter::primesBetween(0, 100, CancelScope()), qint64(25));
    QCOMPARE(PrimeCounter::primesBetween(100, 1'000, CancelScope()), qint64(143));

    const WorkCounter primes;
    const auto counter = makeService<PrimeCounter>(primes, JournalLink(), quint64(1'000));
    start(*counter);
    QTRY_VERIFY(primes.count() >= 168 + 135 + 127); // below 1,000, 2,000 and 3,000
}

void tst_DashboardServices::theCounterOfPrimesStopsAtOnce()
{
    const WorkCounter primes;
    const auto counter = makeService<PrimeCounter>(primes, JournalLink(), quint64(1) << 60); // for ever
    start(*counter);
    counter->stop();
    QVERIFY(counter->joinOrLog(30s));
    QCOMPARE(counter->state(), State::Stopped);
    QCOMPARE(primes.count(), qint64(0));
}

void tst_DashboardServices::theFeedReads()
{
    const TestClock clock;
    const WorkCounter readings;
    const auto feed = makeService<FlakyFeed>(1u, 0.0, readings);
    start(*feed);
    QTRY_VERIFY(readings.count() >= 600); // a minute of them
    QCOMPARE(feed->state(), State::Running);
}

void tst_DashboardServices::theFeedFailsAtRandom()
{
    expectFailures();
    const auto fail = [](quint32 seed) {
        const TestClock clock;
        const WorkCounter readings;
        const auto feed = makeService<FlakyFeed>(seed, 0.01, readings);
        feed->start();
        const bool hasFailed = waitForState(*feed, State::Failed);
        const auto expected = QStringLiteral("there is no reading %1").arg(readings.count() + 1);
        return hasFailed && feed->errorString().contains(expected)
                   ? QStringLiteral("%1 ms: %2").arg(clock.elapsed() / 1ms).arg(feed->errorString())
                   : QStringLiteral("not as expected: ") + feed->errorString();
    };
    const QString first = fail(1);
    QVERIFY2(!first.startsWith(QStringLiteral("not")), qPrintable(first));
    QCOMPARE(fail(1), first);
    QVERIFY(fail(2) != first);
}

void tst_DashboardServices::theJournalWritesLines()
{
    const QTemporaryDir folder;
    const QString fileName = folder.filePath(QStringLiteral("journal"));
    const JournalLink link;
    const WorkCounter lines;
    for (const char *line : {"one", "two"}) { // it appends, and who was there before it is forgotten
        const auto journal = makeService<Journal>(fileName, link, lines);
        link.append(QString::fromLatin1(line));
        start(*journal);
        link.append(QStringLiteral("more"));
        QTRY_VERIFY(contentOf(fileName).endsWith(line + QByteArray("\nmore\n")));
    }
    QCOMPARE(contentOf(fileName), QByteArray("one\nmore\ntwo\nmore\n"));
    QCOMPARE(lines.count(), qint64(4));
}

void tst_DashboardServices::aFrozenJournalLetsItsQueueGrow()
{
    const QTemporaryDir folder;
    const JournalLink link;
    const WorkCounter lines;
    const auto journal = makeService<Journal>(folder.filePath(QStringLiteral("journal")), link, lines);
    start(*journal);
    CloseScope thaw;
    journal->freeze(thaw, 60s);
    QTRY_VERIFY([&] { // what was sent before it froze may still be written
        link.append(QStringLiteral("line"));
        return journal->queuedItems() >= 20;
    }());
    const qint64 before = lines.count();
    journal->stop();
    QVERIFY(!QTest::qWaitFor([&] { return journal->state() != State::Stopping; },
                             50)); // nothing tells that it hears nothing
    QCOMPARE(lines.count(), before);
    thaw.close();
    QVERIFY(waitForState(*journal, State::Stopped));
}

void tst_DashboardServices::linesForNoJournalAreDropped()
{
    const QTemporaryDir folder;
    const JournalLink link;
    link.append(QStringLiteral("early"));
    {
        const auto journal = makeService<Journal>(folder.filePath(QStringLiteral("journal")), link,
                                                  WorkCounter());
        start(*journal);
    }
    link.append(QStringLiteral("late"));
    QCOMPARE(contentOf(folder.filePath(QStringLiteral("journal"))), QByteArray());
}

void tst_DashboardServices::allOfTheCrewWork()
{
    Crew crew(Scenes::stillOptions());
    QVERIFY(!allHaveWorked(crew));
    crew.start();
    QTRY_VERIFY_WITH_TIMEOUT(allHaveWorked(crew), 30'000);
    QCOMPARE(crew.supervisor().state(), State::Running);
    QCOMPARE(crew.supervisor().services().size(), qsizetype(Crew::MemberCount));
    QCOMPARE(crew.supervisor().incidents().size(), qsizetype(0));
    for (int member = 0; member < Crew::MemberCount; ++member)
        QVERIFY(!crew.workText(Crew::Member(member)).isEmpty());
}

void tst_DashboardServices::whoCrashesIsRestarted_data()
{
    QTest::addColumn<Crew::Member>("member");
    for (int member = 0; member < Crew::MemberCount; ++member)
        QTest::newRow(qPrintable(Crew::nameOf(Crew::Member(member)))) << Crew::Member(member);
}

void tst_DashboardServices::whoCrashesIsRestarted()
{
    expectFailures();
    QFETCH(const Crew::Member, member);
    auto options = Scenes::stillOptions();
    options.intensity = {100, 1min};
    Crew crew(options);
    crew.start();
    QTRY_VERIFY_WITH_TIMEOUT(allHaveWorked(crew), 30'000);

    QVERIFY(crew.crash(Crew::nameOf(member)));
    QTRY_COMPARE(crew.supervisor().serviceInfo(Crew::nameOf(member))->restartCount, 1);
    // Who hangs on the one that crashed may be the first to tell: the load generator, when its server hangs up.
    const auto incidents = crew.supervisor().incidents();
    const auto its = std::find_if(incidents.cbegin(), incidents.cend(), [&](const auto &incident) {
        return incident.service == Crew::nameOf(member);
    });
    QVERIFY(its != incidents.cend());
    QVERIFY2(its->cause.contains(QStringLiteral("crashed on demand")), qPrintable(its->cause));
    QTRY_COMPARE(stateOf(crew, member), State::Running);
    const qint64 before = crew.work(member);
    QTRY_VERIFY_WITH_TIMEOUT(crew.work(member) > before, 30'000);
}

void tst_DashboardServices::whoIsDownCannotCrash()
{
    Crew crew(Scenes::stillOptions());
    QVERIFY(!crew.crash(QStringLiteral("echo")));
    QVERIFY(!crew.crash(QStringLiteral("no such service")));
    QVERIFY(!crew.freezeJournal());
    crew.start();
    MICROIO_AWAIT(crew.supervisor().waitStarted(CancelScope()));
    QVERIFY(crew.supervisor().stopService(QStringLiteral("journal")));
    QTRY_COMPARE(stateOf(crew, Crew::Journalist), State::Stopped);
    QVERIFY(!crew.crash(QStringLiteral("journal")));
    QVERIFY(!crew.freezeJournal());
    QCOMPARE(crew.supervisor().incidents().size(), qsizetype(0));
}

void tst_DashboardServices::aFrozenJournalIsReplaced()
{
    m_guard->allow(QRegularExpression(QStringLiteral("journal")));
    auto options = Scenes::stillOptions();
    options.heartbeat = 200ms;
    options.freezeTime = 60s; // the whole test, but for the thaw
    Crew crew(options);
    const QSignalSpy unresponsive(&crew.supervisor(), &Supervisor::serviceUnresponsive);
    const QSignalSpy replaced(&crew.supervisor(), &Supervisor::serviceReplaced);
    crew.start();
    QTRY_VERIFY_WITH_TIMEOUT(allHaveWorked(crew), 30'000);

    QVERIFY(crew.freezeJournal());
    QTRY_VERIFY(!replaced.isEmpty());
    QVERIFY(!unresponsive.isEmpty());
    QTRY_COMPARE(stateOf(crew, Crew::Journalist), State::Running);
    const qint64 before = crew.work(Crew::Journalist);
    QTRY_VERIFY(crew.work(Crew::Journalist) > before); // by the new one
    QCOMPARE(crew.supervisor().unresponsive(), QStringList(QStringLiteral("journal"))); // the old one
    crew.thaw();
    QTRY_COMPARE(crew.supervisor().unresponsive(), QStringList());
}

void tst_DashboardServices::scenes()
{
    expectFailures();
    {
        Crew crew(Scenes::stillOptions());
        crew.start();
        MICROIO_AWAIT(Scenes::play(CancelScope(), crew, Scenes::Scene::Failed));
        QCOMPARE(stateOf(crew, Crew::Load), State::Failed);
        QCOMPARE(stateOf(crew, Crew::Echo), State::Stopped);
        QCOMPARE(stateOf(crew, Crew::Primes), State::Running);
        QCOMPARE(crew.supervisor().incidents().size(), qsizetype(2));
    }
    {
        Crew crew(Scenes::stillOptions());
        crew.start();
        MICROIO_AWAIT(Scenes::play(CancelScope(), crew, Scenes::Scene::Paused));
        const auto incidents = crew.supervisor().incidents();
        QCOMPARE(incidents.size(), qsizetype(4));
        QVERIFY2(incidents.constLast().action.contains(QStringLiteral("too many failures")),
                 qPrintable(incidents.constLast().action));
        QCOMPARE(stateOf(crew, Crew::Feed), State::Failed);
    }
}

void tst_DashboardServices::aCrewLeavesNothing()
{
    qsizetype before = 0;
    for (int i = 0; i < 3; ++i) {
        {
            Crew crew(Scenes::stillOptions());
            const LeftoverGuard leftovers;
            crew.start();
            QTRY_VERIFY_WITH_TIMEOUT(allHaveWorked(crew), 30'000);
            QVERIFY(crew.supervisor().stopJoin(30s));
        }
        if (i == 0)
            before = openFiles(); // what Qt keeps for good is there by now
    }
    QCOMPARE(openFiles(), before);
}

QTEST_GUILESS_MAIN(tst_DashboardServices)

#include "tst_dashboardservices.moc"
