// SPDX-License-Identifier: Apache-2.0
#include "../shared/leapclock.h"
#include "../shared/looper.h"
#include "../shared/recorder.h"

#include <MicroIO/CancelScope>
#include <MicroIO/Clock>

#include <QtTest/QtTest>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::record;
using Tests::turn;

/// The scheduler's clock, and the hook by which another one replaces it. See tst_testclock for the one that tests use.
class tst_Clock : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void isTheSteadyClock();
    void durationsAreClamped_data();
    void durationsAreClamped();
    void replacedClockMovesAllLoops();
    void replacedClockNeverMovesByItself();
    void steadyClockIsBackAfterwards();
    void sleepersOfOneMomentWakeInOneTurn();
    void invariant2_sleepThatIsOverIsNotCancelled();
};

void tst_Clock::isTheSteadyClock()
{
    const auto before = std::chrono::steady_clock::now();
    const Deadline moment = now();
    QVERIFY(before <= moment);
    QVERIFY(moment <= std::chrono::steady_clock::now());
}

// Bad input: negative and huge durations
void tst_Clock::durationsAreClamped_data()
{
    QTest::addColumn<std::chrono::nanoseconds>("duration");
    QTest::addColumn<bool>("never");
    QTest::newRow("longest") << std::chrono::nanoseconds::max() << true;
    QTest::newRow("nearly longest") << std::chrono::nanoseconds::max() - 1ns << true;
    QTest::newRow("longest negative") << std::chrono::nanoseconds::min() << false;
    QTest::newRow("negative") << std::chrono::nanoseconds(-1h) << false;
    QTest::newRow("a century") << std::chrono::nanoseconds(24h * 36525) << false;
}

void tst_Clock::durationsAreClamped()
{
    QFETCH(std::chrono::nanoseconds, duration);
    QFETCH(bool, never);

    const Tests::LeapClock clock;
    const Deadline deadline = deadlineAfter(duration);
    QCOMPARE(deadline == Deadline::max(), never);
    if (!never)
        QCOMPARE(deadline, now() + duration);
    QCOMPARE(deadline < now(), duration < 0ns);
}

void tst_Clock::replacedClockMovesAllLoops()
{
    Tests::LeapClock clock;
    Tests::Looper looper;
    const CancelScope scope;
    const auto sleep = [&]() -> QCoro::Task<> { co_await scope.sleep(1h); };
    const auto here = record(sleep());
    Tests::RecorderPtr there;
    looper.call([&] { there = record(sleep()); });

    clock.advance(59min);
    turn(3);
    looper.call([] {});
    QVERIFY(!here->isDone());
    QVERIFY(!there->isDone());

    clock.advance(1min);
    QTRY_VERIFY(here->isDone() && there->isDone());
    QCOMPARE(here->outcome(), QStringLiteral("ended"));
    QCOMPARE(there->outcome(), QStringLiteral("ended"));
    QCOMPARE(there->thread(), &looper);
}

void tst_Clock::replacedClockNeverMovesByItself()
{
    const Tests::LeapClock clock;
    const CancelScope limited = CancelScope().child(deadlineAfter(1ms));
    const auto sleep = [&]() -> QCoro::Task<> { co_await limited.sleep(1ms); };
    const auto sleeper = record(sleep());
    QTest::qSleep(20); // real time, which is to have no effect
    turn(3);
    QVERIFY(!sleeper->isDone());
    QVERIFY(!limited.isCancelled());
    limited.cancel();
    QTRY_VERIFY(sleeper->isDone());
}

void tst_Clock::steadyClockIsBackAfterwards()
{
    const CancelScope scope;
    // Real time: that it is the real clock's again is what is shown.
    const auto sleep = [&]() -> QCoro::Task<> { co_await scope.sleep(5ms); };
    Tests::RecorderPtr sleeper;
    {
        const Tests::LeapClock clock;
        sleeper = record(sleep());
        turn(2);
        QVERIFY(!sleeper->isDone());
    }
    QTRY_VERIFY(sleeper->isDone());
    const auto after = record(sleep());
    QTRY_VERIFY(after->isDone());
}

void tst_Clock::sleepersOfOneMomentWakeInOneTurn()
{
    Tests::LeapClock clock;
    const CancelScope scope;
    int awake = 0;
    const auto sleep = [&]() -> QCoro::Task<> {
        co_await scope.sleep(1h);
        ++awake;
    };
    for (int i = 0; i < 10; ++i)
        sleep();
    turn(2);
    clock.advance(1h);
    turn();
    QCOMPARE(awake, 10);
}

// CS-17 for a sleep
void tst_Clock::invariant2_sleepThatIsOverIsNotCancelled()
{
    Tests::LeapClock clock;
    const CancelScope scope;
    const CancelScope other;
    // both wake in one turn, and the first cancels the second
    const auto cancelling = [&]() -> QCoro::Task<> {
        co_await other.sleep(1h);
        scope.cancel(QStringLiteral("late"));
    };
    cancelling();
    QString next;
    const auto cancelled = [&]() -> QCoro::Task<> {
        co_await scope.sleep(1h + 1ns);
        try {
            co_await scope.sleep(1h);
        } catch (...) {
            next = Tests::errorText(std::current_exception());
        }
    };
    const auto sleeper = record(cancelled());
    turn(2);
    clock.advance(2h);
    QTRY_VERIFY(sleeper->isDone());
    QCOMPARE(sleeper->outcome(), QStringLiteral("ended"));
    QCOMPARE(next, QStringLiteral("Cancelled(late)"));
}

QTEST_GUILESS_MAIN(tst_Clock)
#include "tst_clock.moc"
