// SPDX-License-Identifier: Apache-2.0
#include "../shared/recorder.h"

#include "loop/scheduler_p.h"
#include <MicroIO/CancelScope>
#include <MicroIO/CloseScope>

#include <QLocalServer>
#include <QLocalSocket>
#include <QtTest/QtTest>

using namespace MicroIO;
using namespace std::chrono_literals;
using MicroIO::Detail::Scheduler;
using Tests::record;

namespace {

// Under a sanitizer our half of the work is slow, and Qt's is not.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int leastShare = 20;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr int leastShare = 20;
#else
constexpr int leastShare = 2;
#endif
#else
constexpr int leastShare = 2;
#endif

/// Counts how often a 10 ms timer rings and a byte goes to and fro through a socket pair.
class Rates : public QObject
{
public:
    Rates()
    {
        const auto name = QStringLiteral("microio-fairness-%1").arg(QCoreApplication::applicationPid());
        QLocalServer::removeServer(name);
        if (!m_server.listen(name))
            qFatal("%s", qPrintable(m_server.errorString()));
        m_client.connectToServer(name);
        if (!m_server.waitForNewConnection(10'000) || !m_client.waitForConnected(10'000))
            qFatal("no connection");
        m_peer = m_server.nextPendingConnection();
        connect(m_peer, &QLocalSocket::readyRead, this, [this] { m_peer->write(m_peer->readAll()); });
        connect(&m_client, &QLocalSocket::readyRead, this, [this] {
            ++m_roundTrips;
            m_client.write(m_client.readAll());
        });
        connect(&m_timer, &QTimer::timeout, this, [this] { ++m_ticks; });
        m_timer.start(10ms);
        m_client.write("x");
    }

    struct Counts
    {
        int ticks;
        int roundTrips;
    };

    /// Real time: that of the thread's timers and sockets.
    Counts measure(std::chrono::milliseconds duration)
    {
        m_ticks = m_roundTrips = 0;
        QEventLoop loop;
        QTimer::singleShot(duration, Qt::PreciseTimer, &loop, &QEventLoop::quit);
        loop.exec();
        return {m_ticks, m_roundTrips};
    }

private:
    QLocalServer m_server;
    QLocalSocket m_client;
    QLocalSocket *m_peer = nullptr;
    QTimer m_timer;
    int m_ticks = 0;
    int m_roundTrips = 0;
};

} // namespace

/// Invariant 6: what else the thread has to do goes on.
class tst_Fairness : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void invariant6_spinningCoroutineLeavesTimersAndSockets_data();
    void invariant6_spinningCoroutineLeavesTimersAndSockets();
    void invariant6_burstIsWorkedOffInSlices_data();
    void invariant6_burstIsWorkedOffInSlices();
    void readySourcesDoNotStarveTheLoop();
    void cancelledScopeDoesNotSpin();
};

void tst_Fairness::invariant6_spinningCoroutineLeavesTimersAndSockets_data()
{
    QTest::addColumn<bool>("cancelled");
    QTest::newRow("checkpoint for ever") << false;
    QTest::newRow("swallows Cancelled in a retry loop") << true;
}

void tst_Fairness::invariant6_spinningCoroutineLeavesTimersAndSockets()
{
    QFETCH(bool, cancelled);

    const CancelScope scope;
    bool stop = false;
    int rounds = 0;
    const auto spin = [&]() -> QCoro::Task<> {
        while (!stop) {
            ++rounds;
            try {
                co_await scope.checkpoint();
            } catch (const Cancelled &) {
            }
        }
    };
    Rates rates;
    Rates::Counts idle{}, loaded{};
    bool isFair = false;
    // the machine may be busy with something else meanwhile
    for (int attempt = 0; attempt < 5 && !isFair; ++attempt) {
        idle = rates.measure(300ms);
        stop = false;
        rounds = 0;
        const auto spinner = record(spin());
        if (cancelled)
            scope.cancel();
        loaded = rates.measure(300ms);
        stop = true;
        QTRY_VERIFY(spinner->isDone());
        isFair = rounds >= 100 && loaded.ticks * 2 >= idle.ticks
                 && loaded.roundTrips * leastShare >= idle.roundTrips;
    }
    const auto text = QStringLiteral("ticks %1 of %2, round trips %3 of %4, beside %5 rounds")
                          .arg(loaded.ticks)
                          .arg(idle.ticks)
                          .arg(loaded.roundTrips)
                          .arg(idle.roundTrips)
                          .arg(rounds);
    QVERIFY2(isFair, qPrintable(text));
    qInfo().noquote() << text;
}

void tst_Fairness::invariant6_burstIsWorkedOffInSlices_data()
{
    QTest::addColumn<bool>("byTimer");
    QTest::newRow("by an event") << false;
    QTest::newRow("by their timers") << true;
}

void tst_Fairness::invariant6_burstIsWorkedOffInSlices()
{
    QFETCH(bool, byTimer);

    constexpr int count = 100'000;
    const CancelScope scope;
    CloseScope closeScope;
    int resumed = 0;
    const auto wait = [&]() -> QCoro::Task<> {
        co_await closeScope.closed(scope);
        ++resumed;
    };
    const auto sleep = [&](Deadline due) -> QCoro::Task<> {
        co_await scope.sleep(due - now());
        ++resumed;
    };
    const Deadline due = now() + 500ms; // real time: by real timers, all due before the first is worked off
    for (int i = 0; i < count; ++i)
        byTimer ? sleep(due) : wait();
    // Else some of them were due when they began, and needed no timer.
    const bool isInTime = !byTimer || now() < due;
    if (!byTimer)
        closeScope.close();

    // What else happens in this thread meanwhile, and how many are resumed at a stretch.
    int turns = 0, longest = 0, last = 0;
    bool timersLeft = false;
    QTimer other;
    connect(&other, &QTimer::timeout, this, [&] {
        timersLeft |= resumed > 0 && Scheduler::current()->timerCount() > 0;
        turns += resumed > 0 && resumed < count;
        longest = std::max(longest, resumed - last);
        last = resumed;
    });
    other.start(0);
    QTRY_COMPARE_WITH_TIMEOUT(resumed, count, 60'000);
    QVERIFY2(turns >= 3, qPrintable(QString::number(turns)));
    QVERIFY2(longest < count / 2, qPrintable(QString::number(longest)));
    if (isInTime)
        QCOMPARE(timersLeft, byTimer); // nor were the timers worked off in one go
}

// A coroutine whose waits are all there already still lets the loop have its turns.
void tst_Fairness::readySourcesDoNotStarveTheLoop()
{
    const CancelScope scope;
    CloseScope closeScope;
    closeScope.close();
    bool stop = false;
    const auto greedy = [&]() -> QCoro::Task<> {
        for (qint64 i = 0; i < 1'000'000'000 && !stop; ++i)
            co_await closeScope.closed(scope);
    };
    QTimer::singleShot(20ms, this, [&] { stop = true; }); // real time: the QTimer is what might starve
    const auto ended = record(greedy());
    QTRY_VERIFY(ended->isDone());
    QVERIFY(stop);
}

// CS-20
void tst_Fairness::cancelledScopeDoesNotSpin()
{
    const CancelScope scope;
    CloseScope unrelated;
    const auto deaf = [&]() -> QCoro::Task<> {
        try {
            co_await scope.sleep(1h);
        } catch (const Cancelled &) {
        }
        co_await unrelated.closed(CancelScope()); // what a cancellation does not reach
    };
    const auto recorder = record(deaf());
    scope.cancel();
    // Real time: what is measured is the CPU that the process uses while nothing at all is to happen in it.
    QTest::qWait(20);
    const auto before = std::clock();
    QTest::qWait(500);
    const double used = double(std::clock() - before) / CLOCKS_PER_SEC;
    QVERIFY(!recorder->isDone());
    unrelated.close();
    QTRY_VERIFY(recorder->isDone());
    QVERIFY2(used < 0.05, qPrintable(QString::number(used)));
}

QTEST_GUILESS_MAIN(tst_Fairness)
#include "tst_fairness.moc"
