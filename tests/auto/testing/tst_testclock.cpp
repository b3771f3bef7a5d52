// SPDX-License-Identifier: Apache-2.0
#include "../shared/looper.h"
#include "loop/blocking_p.h"

#include <MicroIO/CloseScope>
#include <MicroIO/LoopServiceThread>
#include <MicroIO/RunInThread>
#include <MicroIO/Service>
#include <MicroIO/TaskGroup>
#include <MicroIO/Test>
#include <MicroIO/Timeouts>

#include <QCoroTask>
#include <QtTest/QtTest>

#include <atomic>
#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::Looper;

namespace {

/// Sleeps \a count times for \a interval.
QCoro::Task<> beat(CancelScope scope, std::chrono::nanoseconds interval, int count, std::atomic<int> *beats)
{
    for (int i = 0; i < count; ++i) {
        co_await scope.sleep(interval);
        ++*beats;
    }
}

QCoro::Task<> retryWithBackOff(CancelScope scope, std::chrono::nanoseconds limit)
{
    const Deadline begin = now();
    for (auto pause = std::chrono::nanoseconds(1s); now() - begin < limit; pause *= 2)
        co_await scope.sleep(pause);
}

/// A service that beats.
class HeartbeatService : public LoopServiceThread
{
public:
    HeartbeatService(const QString &name, std::chrono::nanoseconds interval, int count)
        : LoopServiceThread(name)
        , m_interval(interval)
        , m_count(count)
    {
    }

    std::atomic<int> beats = 0;

private:
    QCoro::Task<> runAsync(CancelScope scope) override
    {
        reportStarted();
        co_await beat(scope, m_interval, m_count, &beats);
    }

    const std::chrono::nanoseconds m_interval;
    const int m_count;
};

std::chrono::nanoseconds wallTime(const std::function<void()> &action)
{
    const auto begin = std::chrono::steady_clock::now();
    action();
    return std::chrono::steady_clock::now() - begin;
}

} // namespace

class tst_TestClock : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_warnings.emplace(); }
    void cleanup() { m_warnings.reset(); }

    void anHourOfBackOffADayOfHeartbeatsAndManyTimeouts();
    void sleepsEndInTheOrderOfTheirMoments();
    void timeStandsStillWhileTheTestsOwnCodeRuns();
    void threadsThatWorkHoldTheTime();
    void refusedWaitsHoldTheTime();
    void poolWorkHoldsTheTime();
    void startOfAServiceHoldsTheTime();
    void blockedTestLetsTheTimeJump();
    void blockedThreadCountsAsIdle();
    void limitsOfBlockingWaitsAreVirtual();
    void qtryLetsTheTimeJump();
    void deadlinesFollow();
    void manualClockMovesByAdvanceAlone();
    void advanceStopsAtEachDueMoment();
    void advanceOnAutomaticClock();
    void sleepersOfBeforeFollowTheClock();
    void joinsOfBeforeFollowTheClock();
    void secondClockIsRefused();
    void negativeAdvanceIsRefused();
    void foreignThreadMayNotAdvance();
    void threadWithoutLoopMayNotHaveAClock();

private:
    std::optional<WarningGuard> m_warnings;
};

// What must be fast, and the same each time; repeated hundreds of times by who looks for flakes.
void tst_TestClock::anHourOfBackOffADayOfHeartbeatsAndManyTimeouts()
{
    const auto wall = wallTime([] {
        const TestClock clock;
        CancelScope scope;
        MICROIO_AWAIT(retryWithBackOff(scope, 1h));
        QCOMPARE(clock.elapsed(), std::chrono::nanoseconds(4095s)); // 1 + 2 + 4 + … + 2048
    });
    QVERIFY(!QTest::currentTestFailed());
    const auto wallOfBeats = wallTime([] {
        const TestClock clock;
        constexpr int minutes = 24 * 60;
        std::vector<std::unique_ptr<HeartbeatService>> services;
        for (int i = 0; i < 4; ++i) {
            services.push_back(
                makeService<HeartbeatService>(QStringLiteral("heart %1").arg(i), 1min, minutes));
            services.back()->start();
        }
        for (const auto &service : services) {
            QVERIFY(waitForState(*service, ServiceThread::State::Stopped));
            QCOMPARE(service->beats.load(), minutes);
        }
        QCOMPARE(clock.elapsed(), std::chrono::nanoseconds(24h));
    });
    QVERIFY(!QTest::currentTestFailed());
    const auto wallOfTimeouts = wallTime([] {
        const TestClock clock;
        CancelScope scope;
        int timeouts = 0;
        const auto timeOut = [&](CancelScope child, int number) -> QCoro::Task<> {
            const auto body = [](CancelScope own) -> QCoro::Task<> { co_await own.sleep(24h); };
            if (!co_await moveOnAfter(child, number * 1s, body))
                ++timeouts;
        };
        const auto all = [&]() -> QCoro::Task<> {
            co_await withTaskGroup(scope, [&](TaskGroup &group) -> QCoro::Task<> {
                for (int i = 1; i <= 10000; ++i)
                    group.startSoon(timeOut, i);
                co_return;
            });
        };
        MICROIO_AWAIT(all());
        QCOMPARE(timeouts, 10000);
        QCOMPARE(clock.elapsed(), std::chrono::nanoseconds(10000s));
    });
    qInfo("wall time: back-off %.1f ms, heartbeats %.1f ms, time-outs %.1f ms", double(wall.count()) / 1e6,
          double(wallOfBeats.count()) / 1e6, double(wallOfTimeouts.count()) / 1e6);
}

void tst_TestClock::sleepsEndInTheOrderOfTheirMoments()
{
    const TestClock clock;
    const EventLog log;
    CancelScope scope;
    const auto sleeper = [&](CancelScope own, int seconds) -> QCoro::Task<> {
        co_await own.sleep(seconds * 1s);
        log.add(QStringLiteral("after"), QString::number(seconds));
    };
    const auto all = [&]() -> QCoro::Task<> {
        co_await withTaskGroup(scope, [&](TaskGroup &group) -> QCoro::Task<> {
            for (const int seconds : {30, 10, 3600, 20})
                group.startSoon(sleeper, seconds);
            co_return;
        });
    };
    MICROIO_AWAIT(all());
    const QStringList expected{QStringLiteral("10000 after 10"), QStringLiteral("20000 after 20"),
                               QStringLiteral("30000 after 30"), QStringLiteral("3600000 after 3600")};
    QCOMPARE(log.timedEntries(), expected);
}

void tst_TestClock::timeStandsStillWhileTheTestsOwnCodeRuns()
{
    const TestClock clock;
    const auto service = makeService<HeartbeatService>(QStringLiteral("heart"), 1s, 1'000'000);
    service->start();
    QVERIFY(waitForState(*service, ServiceThread::State::Running));
    for (int i = 0; i < 100; ++i) {
        const auto moment = clock.elapsed();
        // real time, for the other thread to do what it must not
        std::this_thread::sleep_for(100us);
        QCOMPARE(clock.elapsed(), moment);
        CancelScope scope;
        const auto sleep = [&]() -> QCoro::Task<> { co_await scope.sleep(10ms); };
        MICROIO_AWAIT(sleep());
        QCOMPARE(clock.elapsed(), moment + 10ms);
    }
}

void tst_TestClock::threadsThatWorkHoldTheTime()
{
    const TestClock clock;
    CancelScope scope;
    std::atomic<int> done = 0;
    // hops to and fro between two threads that take a real while each
    const auto work = [&](CancelScope own) -> QCoro::Task<> {
        for (int i = 0; i < 50; ++i) {
            // real time: the work that must not be overtaken
            std::this_thread::sleep_for(200us);
            co_await own.checkpoint();
        }
        ++done;
    };
    Looper looper; // it ends before what it uses
    looper.call([&] { work(scope); });
    const auto body = [&](CancelScope own) -> QCoro::Task<int> {
        co_await own.sleep(1s);
        co_return done.load();
    };
    MICROIO_COMPARE_AWAIT(body(scope), 1);
}

// After some turns they are made to pause, for a moment of real time in which nothing moves.
void tst_TestClock::refusedWaitsHoldTheTime()
{
    const TestClock clock;
    const CancelScope scope;
    scope.cancel();
    std::atomic<int> refusals = 0;
    const auto swallow = [&](CancelScope own) -> QCoro::Task<> {
        while (refusals < 50) {
            try {
                co_await own.sleep(1s);
            } catch (const Cancelled &) {
                ++refusals;
            }
        }
    };
    Looper looper; // it ends before what it uses
    looper.call([&] { swallow(scope); });
    const auto body = [&](CancelScope own) -> QCoro::Task<int> {
        co_await own.sleep(1s);
        co_return refusals.load();
    };
    MICROIO_COMPARE_AWAIT(body(CancelScope()), 50);
}

void tst_TestClock::poolWorkHoldsTheTime()
{
    const TestClock clock;
    CancelScope scope;
    const auto body = [&](CancelScope own) -> QCoro::Task<bool> {
        // real time: the work that must not be overtaken
        const auto work = [] { std::this_thread::sleep_for(20ms); };
        co_await runInThread(own, work);
        co_return true;
    };
    const auto limited = [&]() -> QCoro::Task<bool> { co_return co_await failAfter(scope, 1ms, body); };
    MICROIO_COMPARE_AWAIT(limited(), true);
    QCOMPARE(clock.elapsed(), 0ns);
}

void tst_TestClock::startOfAServiceHoldsTheTime()
{
    for (int i = 0; i < 50; ++i) {
        const TestClock clock;
        const auto service = makeService<HeartbeatService>(QStringLiteral("heart"), 1h, 1);
        service->start();
        service->waitStarted(1min); // virtual; much less could be over in real time before the wait begins
        QCOMPARE(clock.elapsed(), 0ns);
    }
}

void tst_TestClock::blockedTestLetsTheTimeJump()
{
    const TestClock clock;
    const auto service = makeService<HeartbeatService>(QStringLiteral("heart"), 1h, 3);
    service->start();
    service->waitStarted();
    QVERIFY(service->closeScope().wait(4h));
    QCOMPARE(service->beats.load(), 3);
    QCOMPARE(clock.elapsed(), std::chrono::nanoseconds(3h));
}

void tst_TestClock::blockedThreadCountsAsIdle()
{
    const TestClock clock;
    CancelScope scope;
    CloseScope gate;
    Looper looper;
    std::atomic<bool> wasOpen = false;
    looper.post([&] { wasOpen = gate.wait(2h); });
    const auto open = [&]() -> QCoro::Task<> {
        co_await scope.sleep(1h);
        gate.close();
        co_await scope.sleep(3h);
    };
    MICROIO_AWAIT(open());
    looper.call([] {});
    QVERIFY(wasOpen);
}

void tst_TestClock::limitsOfBlockingWaitsAreVirtual()
{
    const TestClock clock;
    CloseScope gate;
    QVERIFY(!gate.wait(24h));
    QCOMPARE(clock.elapsed() / 1s, (24h - 1ms) / 1s); // the limit began to run in real time
}

void tst_TestClock::qtryLetsTheTimeJump()
{
    const TestClock clock;
    CancelScope scope;
    std::atomic<int> beats = 0;
    beat(scope, 1min, 60, &beats);
    QTRY_COMPARE(beats.load(), 60);
    QCOMPARE(clock.elapsed(), std::chrono::nanoseconds(1h));
}

void tst_TestClock::deadlinesFollow()
{
    const TestClock clock;
    const CancelScope scope = CancelScope().child(now() + 1h);
    const auto wait = [&]() -> QCoro::Task<> { co_await scope.cancelled(); };
    MICROIO_VERIFY_THROWS(Cancelled, wait());
    QVERIFY(scope.timedOut());
    QCOMPARE(clock.elapsed(), std::chrono::nanoseconds(1h));
}

void tst_TestClock::manualClockMovesByAdvanceAlone()
{
    TestClock clock(TestClock::Mode::Manual);
    CancelScope scope;
    std::atomic<int> beats = 0;
    beat(scope, 1s, 1000, &beats);
    QVERIFY(waitUntilIdle());
    QCOMPARE(beats.load(), 0);
    clock.advance(10s);
    QCOMPARE(beats.load(), 10);
    clock.advance(999ms);
    QCOMPARE(beats.load(), 10);
    clock.advance(0s);
    QCOMPARE(beats.load(), 10);
    clock.advance(1ms);
    QCOMPARE(beats.load(), 11);
    QCOMPARE(clock.elapsed(), std::chrono::nanoseconds(11s));
    scope.cancel();
    QVERIFY(waitUntilIdle());
}

void tst_TestClock::advanceStopsAtEachDueMoment()
{
    TestClock clock(TestClock::Mode::Manual);
    const auto service = makeService<HeartbeatService>(QStringLiteral("heart"), 7s, 1000);
    service->start();
    service->waitStarted();
    CancelScope scope;
    std::atomic<int> beats = 0;
    beat(scope, 5s, 1000, &beats);
    clock.advance(35s);
    QCOMPARE(beats.load(), 7);
    QCOMPARE(service->beats.load(), 5);
    QCOMPARE(clock.elapsed(), std::chrono::nanoseconds(35s));
    scope.cancel();
    QVERIFY(waitUntilIdle());
}

void tst_TestClock::advanceOnAutomaticClock()
{
    TestClock clock;
    CancelScope scope;
    std::atomic<int> beats = 0;
    beat(scope, 1s, 1000, &beats);
    clock.advance(10s);
    QCOMPARE(beats.load(), 10);
    QCOMPARE(clock.elapsed(), std::chrono::nanoseconds(10s));
    scope.cancel();
    QVERIFY(waitUntilIdle());
}

void tst_TestClock::sleepersOfBeforeFollowTheClock()
{
    CancelScope scope;
    std::atomic<int> beats = 0;
    beat(scope, 1h, 1, &beats);
    const TestClock clock;
    QTRY_COMPARE(beats.load(), 1);
}

void tst_TestClock::joinsOfBeforeFollowTheClock()
{
    const auto service = makeService<HeartbeatService>(QStringLiteral("heart"), 1h, 2);
    service->start();
    service->waitStarted();
    Looper patient;
    Looper hasty;
    std::atomic<int> patientGot = -1;
    std::atomic<int> hastyGot = -1;
    patient.post([&] { patientGot = service->joinOrLog(); });
    hasty.post([&] { hastyGot = service->joinOrLog(QDeadlineTimer(90min)); });
    const auto blockedThreads = [] {
        int count = 0;
        Detail::BlockedThread::forEach([&count](Detail::BlockedThread &) { ++count; });
        return count;
    };
    QTRY_COMPARE(blockedThreads(), 2);
    const auto stop = qScopeGuard([&] { service->stop(); }); // whatever fails, the loopers end

    const TestClock clock;
    QTRY_COMPARE(hastyGot.load(), 0);
    QCOMPARE(m_warnings->take(),
             QStringList{QStringLiteral(
                 "critical microio.service: Service heart has not ended within the time limit; "
                 "it runs on.")});
    QTRY_COMPARE(patientGot.load(), 1);
    QCOMPARE(service->beats.load(), 2);
}

void tst_TestClock::secondClockIsRefused()
{
    std::optional<TestClock> clock(std::in_place);
    QVERIFY_THROWS_EXCEPTION(std::logic_error, TestClock());
    clock.reset();
    clock.emplace();
}

void tst_TestClock::negativeAdvanceIsRefused()
{
    TestClock clock;
    QVERIFY_THROWS_EXCEPTION(std::invalid_argument, clock.advance(-1ns));
    QCOMPARE(clock.elapsed(), 0ns);
}

void tst_TestClock::foreignThreadMayNotAdvance()
{
    TestClock clock;
    bool isRefused = false;
    std::thread([&] {
        try {
            clock.advance(1s);
        } catch (const WrongThreadError &) {
            isRefused = true;
        }
    }).join();
    QVERIFY(isRefused);
}

void tst_TestClock::threadWithoutLoopMayNotHaveAClock()
{
    bool isRefused = false;
    std::thread([&] {
        try {
            const TestClock clock;
        } catch (const WrongThreadError &) {
            isRefused = true;
        }
    }).join();
    QVERIFY(isRefused);
}

QTEST_GUILESS_MAIN(tst_TestClock)
#include "tst_testclock.moc"
