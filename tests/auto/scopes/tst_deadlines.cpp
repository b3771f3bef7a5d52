// SPDX-License-Identifier: Apache-2.0
#include "../shared/leapclock.h"
#include "../shared/looper.h"
#include "../shared/recorder.h"

#include "loop/scheduler_p.h"
#include <MicroIO/CancelScope>
#include <MicroIO/Clock>
#include <MicroIO/TestClock>

#include <QFuture>
#include <QPromise>
#include <QtTest/QtTest>

using namespace MicroIO;
using namespace std::chrono_literals;
using MicroIO::Detail::Scheduler;
using Tests::outcomeOf;
using Tests::record;
using Tests::turn;

namespace {

QCoro::Task<> sleepOn(CancelScope scope, std::chrono::nanoseconds duration = 1h)
{
    co_await scope.sleep(duration);
}

QString byDeadline()
{
    return QStringLiteral("Cancelled(deadline)");
}

} // namespace

/// Deadlines of scopes. See tst_timeouts for moveOnAfter() and failAfter().
class tst_Deadlines : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void passedDeadlineCancels();
    void isNotCancelledBefore();
    void deadlineIsNoticedWithoutAnyWaiter();
    void invariant1_waitSeesADeadlineThatPassedDuringAComputation();
    void deadlineAboveCancelsBelow();
    void earliestDeadlineIsTheCause_data();
    void earliestDeadlineIsTheCause();
    void sleeperUnderAMovedDeadline_data();
    void sleeperUnderAMovedDeadline();
    void movedFromAnotherThread_data();
    void movedFromAnotherThread();
    void deadlineIsSetBetweenTwoOthers();
    void waitersInSeveralThreads();
    void cancelledScopeKeepsItsCause();
    void deadlineThatPassedBeforeTheParentsCancelIsTheCause();
    void manyReschedulingsAreOneTimer();
    void manyScopesAreOneTimerEach();
    void scopeWithoutWaitersHasNoTimer();
    void timersGoWithTheirScopes();
    void farthestPastLeavesTheTimersWorking_data();
    void farthestPastLeavesTheTimersWorking();
    void hugeDurationsOfSleep_data();
    void hugeDurationsOfSleep();
};

void tst_Deadlines::passedDeadlineCancels()
{
    const TestClock clock;
    const CancelScope scope = CancelScope().child(now() + 1min);
    QCOMPARE(outcomeOf(sleepOn(scope)), byDeadline());
    QCOMPARE(clock.elapsed(), 1min);
    QVERIFY(scope.isCancelled());
    QVERIFY(scope.timedOut());
    QCOMPARE(scope.reason(), QStringLiteral("the deadline has passed"));
}

void tst_Deadlines::isNotCancelledBefore()
{
    TestClock clock(TestClock::Mode::Manual);
    const Deadline due = now() + 1h;
    const CancelScope scope = CancelScope().child(due);
    QCOMPARE(scope.deadline(), due);
    clock.advance(1h - 1ns);
    QVERIFY(!scope.isCancelled());
    clock.advance(1ns);
    QVERIFY(scope.isCancelled());
}

// isCancelled() and throwIfCancelled() read the clock
void tst_Deadlines::deadlineIsNoticedWithoutAnyWaiter()
{
    TestClock clock(TestClock::Mode::Manual);
    const CancelScope scope = CancelScope().child(now() + 1h);
    const CancelScope child = scope.child();
    clock.advance(2h);
    QCOMPARE(Tests::thrownBy([&] { child.throwIfCancelled(); }),
             QStringLiteral("Cancelled(the deadline has passed)"));
    QVERIFY(scope.timedOut());
    QVERIFY(!child.timedOut());
    QVERIFY(!scope.cancel());

    const CancelScope other = CancelScope().child(now() + 1h);
    clock.advance(2h);
    QVERIFY2(!other.cancel(), "the deadline was first");
    QVERIFY(other.timedOut());

    const CancelScope above;
    const CancelScope below = above.child(now() + 2h);
    above.setDeadline(now() + 1h); // when the one below has its own already
    clock.advance(1h);
    QVERIFY(below.isCancelled());
    QVERIFY(!below.timedOut());
}

void tst_Deadlines::invariant1_waitSeesADeadlineThatPassedDuringAComputation()
{
    Tests::LeapClock clock;
    QPromise<int> promise;
    promise.start();
    promise.addResult(5);
    promise.finish();
    const auto ready = promise.future();
    const auto compute = [&](CancelScope scope) -> QCoro::Task<int> {
        clock.advance(2h);
        co_return co_await scope.cancellable(ready);
    };
    QCOMPARE(outcomeOf(compute(CancelScope().child(now() + 3h))), QStringLiteral("5"));
    QCOMPARE(outcomeOf(compute(CancelScope().child(now() + 1h))), byDeadline());
}

void tst_Deadlines::deadlineAboveCancelsBelow()
{
    const TestClock clock;
    const CancelScope scope = CancelScope().child(now() + 1min);
    const CancelScope child = scope.child().child(now() + 1h);
    QCOMPARE(outcomeOf(sleepOn(child)), QStringLiteral("Cancelled(the deadline has passed)"));
    QCOMPARE(clock.elapsed(), 1min);
    QVERIFY(scope.timedOut());
    QVERIFY(!child.timedOut());
}

void tst_Deadlines::earliestDeadlineIsTheCause_data()
{
    QTest::addColumn<int>("outer");
    QTest::addColumn<int>("middle");
    QTest::addColumn<int>("inner");
    QTest::addColumn<QList<bool>>("timedOut");
    QTest::newRow("outer") << 1 << 2 << 3 << QList{true, false, false};
    QTest::newRow("middle") << 3 << 1 << 2 << QList{true, true, false};
    QTest::newRow("inner") << 3 << 2 << 1 << QList{true, true, true};
    QTest::newRow("all the same") << 1 << 1 << 1 << QList{true, false, false};
}

void tst_Deadlines::earliestDeadlineIsTheCause()
{
    QFETCH(int, outer);
    QFETCH(int, middle);
    QFETCH(int, inner);
    QFETCH(QList<bool>, timedOut);

    Tests::LeapClock clock;
    const CancelScope first = CancelScope().child(now() + outer * 1h);
    const CancelScope second = first.child(now() + middle * 1h);
    const CancelScope third = second.child(now() + inner * 1h);
    const auto sleeper = record(sleepOn(third, 1000h));
    turn(2);
    clock.advance(10h); // all have passed when anybody looks
    QTRY_VERIFY(sleeper->isDone());
    const bool innermost = third.timedOut(), between = second.timedOut();
    QCOMPARE((QList{first.timedOut(), between, innermost}), timedOut);
}

// TM-12
void tst_Deadlines::sleeperUnderAMovedDeadline_data()
{
    QTest::addColumn<std::chrono::nanoseconds>("moveBy");
    QTest::addColumn<bool>("remove");
    QTest::addColumn<std::chrono::nanoseconds>("endsAfter"); // 0: at once
    QTest::newRow("postponed") << std::chrono::nanoseconds(300s) << false << std::chrono::nanoseconds(350s);
    QTest::newRow("brought forward") << std::chrono::nanoseconds(10s) << false
                                     << std::chrono::nanoseconds(60s);
    QTest::newRow("into the past") << std::chrono::nanoseconds(-1h) << false << std::chrono::nanoseconds(0);
    QTest::newRow("removed") << std::chrono::nanoseconds(0) << true << std::chrono::nanoseconds(24h);
}

void tst_Deadlines::sleeperUnderAMovedDeadline()
{
    QFETCH(std::chrono::nanoseconds, moveBy);
    QFETCH(bool, remove);
    QFETCH(std::chrono::nanoseconds, endsAfter);

    TestClock clock(TestClock::Mode::Manual);
    const CancelScope scope = CancelScope().child(now() + 100s);
    const auto sleeper = record(sleepOn(scope.child(), 24h));
    clock.advance(50s);
    scope.setDeadline(remove ? Deadline::max() : now() + moveBy);
    QVERIFY(!sleeper->isDone()); // not inside of the call
    if (endsAfter > 0ns) {
        clock.advance(endsAfter - clock.elapsed() - 1ns);
        QVERIFY(!sleeper->isDone());
        clock.advance(1ns);
    }
    QTRY_VERIFY(sleeper->isDone());
    QCOMPARE(sleeper->outcome(),
             remove ? QStringLiteral("ended") : QStringLiteral("Cancelled(the deadline has passed)"));
}

void tst_Deadlines::movedFromAnotherThread_data()
{
    QTest::addColumn<Tests::From>("from");
    QTest::newRow("other loop") << Tests::From::OtherLoop;
    QTest::newRow("plain thread") << Tests::From::PlainThread;
}

void tst_Deadlines::movedFromAnotherThread()
{
    QFETCH(Tests::From, from);

    TestClock clock(TestClock::Mode::Manual);
    const CancelScope unlimited;
    const auto first = record(sleepOn(unlimited.child()));
    const CancelScope limited = CancelScope().child(now() + 24h);
    const auto second = record(sleepOn(limited.child()));
    const CancelScope postponed = CancelScope().child(now() + 5min);
    const auto third = record(sleepOn(postponed.child()));
    turn(2);
    Tests::doFrom(from, [&] {
        unlimited.setDeadline(now() + 1min);
        limited.setDeadline(now() + 1min);
        postponed.setDeadline(now() + 7min);
    });
    clock.advance(1min - 1ns);
    QVERIFY(!first->isDone() && !second->isDone());
    clock.advance(1ns);
    QVERIFY(first->isDone() && second->isDone());
    QVERIFY(unlimited.timedOut());
    QVERIFY(limited.timedOut());
    clock.advance(6min - 1ns);
    QVERIFY(!third->isDone());
    clock.advance(1ns);
    QVERIFY(third->isDone());
    QVERIFY(postponed.timedOut());
    QCOMPARE(first->thread(), QThread::currentThread());
}

void tst_Deadlines::deadlineIsSetBetweenTwoOthers()
{
    TestClock clock(TestClock::Mode::Manual);
    const CancelScope outer = CancelScope().child(now() + 3h);
    const CancelScope middle = outer.child();
    const CancelScope inner = middle.child(now() + 2h);
    const auto below = record(sleepOn(inner, 24h));
    const auto beside = record(sleepOn(outer.child(), 24h));
    turn(2);
    middle.setDeadline(now() + 1h);
    clock.advance(1h - 1ns);
    QVERIFY(!below->isDone());
    clock.advance(1ns);
    QVERIFY(below->isDone());
    QVERIFY(middle.timedOut());
    QVERIFY(!inner.timedOut());
    clock.advance(2h - 1ns);
    QVERIFY(!beside->isDone());
    clock.advance(1ns);
    QVERIFY(beside->isDone());
    QVERIFY(outer.timedOut());
}

void tst_Deadlines::waitersInSeveralThreads()
{
    const CancelScope scope = CancelScope().child(now() + 24h);
    Tests::Looper first, second;
    std::vector<Tests::RecorderPtr> sleepers(3);
    sleepers[0] = record(sleepOn(scope));
    first.call([&] { sleepers[1] = record(sleepOn(scope.child())); });
    second.call([&] { sleepers[2] = record(sleepOn(scope.child(now() + 12h))); });
    // Real time: each thread has to bring its real timer forward, which a TestClock does without.
    scope.setDeadline(now() + 5ms);
    for (const auto &sleeper : sleepers)
        QTRY_VERIFY(sleeper->isDone());
    QCOMPARE(sleepers[0]->outcome(), byDeadline());
    QCOMPARE(sleepers[1]->thread(), &first);
    QCOMPARE(sleepers[2]->thread(), &second);
}

// CS-19
void tst_Deadlines::cancelledScopeKeepsItsCause()
{
    const CancelScope scope = CancelScope().child(now() + 1h);
    scope.cancel(QStringLiteral("enough"));
    scope.setDeadline(now() - 1h);
    QVERIFY(!scope.timedOut());
    QCOMPARE(scope.reason(), QStringLiteral("enough"));
    const CancelScope fresh = scope.child(now() - 1h);
    QVERIFY(!fresh.timedOut());
}

// D3: nobody had looked when the parent was cancelled
void tst_Deadlines::deadlineThatPassedBeforeTheParentsCancelIsTheCause()
{
    TestClock clock(TestClock::Mode::Manual);
    const CancelScope parent;
    const CancelScope child = parent.child(now() + 1h);
    const CancelScope grandchild = child.child();
    clock.advance(2h);
    parent.cancel(QStringLiteral("later"));
    QVERIFY(child.timedOut());
    QCOMPARE(child.reason(), QStringLiteral("the deadline has passed"));
    QCOMPARE(grandchild.reason(), QStringLiteral("the deadline has passed"));
    QCOMPARE(parent.reason(), QStringLiteral("later"));
}

// TM-14
void tst_Deadlines::manyReschedulingsAreOneTimer()
{
    const auto before = Scheduler::current()->timerCount();
    const CancelScope scope = CancelScope().child(now() + 1h);
    const auto sleeper = record(sleepOn(scope));
    turn(2);
    for (int i = 0; i < 10'000; ++i)
        scope.setDeadline(now() + 1h + i * 1s);
    QCOMPARE(Scheduler::current()->timerCount() - before, 2); // the sleep's and the scope's
    // Real time: the one real timer is brought forward.
    scope.setDeadline(now() + 5ms);
    QTRY_VERIFY(sleeper->isDone());
    QCOMPARE(Scheduler::current()->timerCount(), before);
}

void tst_Deadlines::manyScopesAreOneTimerEach()
{
    constexpr int count = 20'000;
    const auto before = Scheduler::current()->timerCount();
    const CancelScope root;
    std::vector<CancelScope> scopes;
    scopes.reserve(count);
    int ended = 0;
    const auto wait = [&](CancelScope scope) -> QCoro::Task<> {
        try {
            co_await scope.cancelled();
        } catch (const Cancelled &) {
        }
        ++ended;
    };
    for (int i = 0; i < count; ++i) {
        scopes.push_back(root.child(now() + 1h + ((i * 7919) % count) * 1ms));
        wait(scopes.back());
        wait(scopes.back());
    }
    QCOMPARE(Scheduler::current()->timerCount() - before, count);
    root.cancel();
    QTRY_COMPARE_WITH_TIMEOUT(ended, 2 * count, 60'000);
    scopes.clear();
    QCOMPARE(Scheduler::current()->timerCount(), before);
}

void tst_Deadlines::scopeWithoutWaitersHasNoTimer()
{
    const auto before = Scheduler::current()->timerCount();
    const CancelScope scope = CancelScope().child(now() + 1h);
    const CancelScope child = scope.child(now() + 2h);
    scope.setDeadline(now() + 3h);
    QCOMPARE(Scheduler::current()->timerCount(), before);
}

void tst_Deadlines::timersGoWithTheirScopes()
{
    const auto before = Scheduler::current()->timerCount();
    for (int i = 0; i < 100; ++i) {
        const CancelScope scope = CancelScope().child(now() + 1h);
        outcomeOf(sleepOn(scope, 0ns));
    }
    QCOMPARE(Scheduler::current()->timerCount(), before);

    // destroyed in another thread
    {
        auto scope = std::make_unique<CancelScope>(CancelScope().child(now() + 1h));
        outcomeOf(sleepOn(*scope, 0ns));
        std::thread([&] { scope.reset(); }).join();
    }
    QTRY_COMPARE(Scheduler::current()->timerCount(), before);
}

// Bad input
void tst_Deadlines::farthestPastLeavesTheTimersWorking_data()
{
    QTest::addColumn<Deadline>("deadline");
    QTest::newRow("minimum") << Deadline::min();
    QTest::newRow("nearly") << Deadline::min() + 1h;
    QTest::newRow("longest ago") << deadlineAfter(std::chrono::nanoseconds::min());
    QTest::newRow("epoch") << Deadline();
}

void tst_Deadlines::farthestPastLeavesTheTimersWorking()
{
    QFETCH(Deadline, deadline);

    const CancelScope scope = CancelScope().child(now() + 1h);
    const auto sleeper = record(sleepOn(scope));
    turn(2);
    scope.setDeadline(deadline);
    QTRY_VERIFY(sleeper->isDone());
    QCOMPARE(sleeper->outcome(), byDeadline());

    // Real time: it is the real timer that might ring no more.
    const CancelScope other;
    const auto next = record(sleepOn(other, 1ms));
    const bool works = QTest::qWaitFor([&] { return next->isDone(); }, 2000);
    other.cancel();
    QTRY_VERIFY(next->isDone());
    QVERIFY2(works, "no timer of this thread rings any more");
}

void tst_Deadlines::hugeDurationsOfSleep_data()
{
    QTest::addColumn<std::chrono::nanoseconds>("duration");
    QTest::addColumn<bool>("ends");
    QTest::newRow("longest") << std::chrono::nanoseconds::max() << false;
    QTest::newRow("nearly longest") << std::chrono::nanoseconds::max() - 1ns << false;
    QTest::newRow("a century") << std::chrono::nanoseconds(24h * 36525) << false;
    QTest::newRow("thirty days") << std::chrono::nanoseconds(24h * 30)
                                 << false; // more than an int of milliseconds
    QTest::newRow("zero") << std::chrono::nanoseconds(0) << true;
    QTest::newRow("negative") << std::chrono::nanoseconds(-1h) << true;
    QTest::newRow("longest negative") << std::chrono::nanoseconds::min() << true;
}

void tst_Deadlines::hugeDurationsOfSleep()
{
    QFETCH(std::chrono::nanoseconds, duration);
    QFETCH(bool, ends);

    const CancelScope scope;
    const auto sleeper = record(sleepOn(scope, duration));
    // Real time: the real timer behind it works, whatever it was armed for.
    const auto shorter = record(sleepOn(scope, 2ms));
    QTRY_VERIFY(shorter->isDone());
    QCOMPARE(shorter->outcome(), QStringLiteral("ended"));
    turn(3);
    QCOMPARE(sleeper->isDone(), ends);
    scope.cancel();
    QTRY_VERIFY(sleeper->isDone());
    QCOMPARE(sleeper->outcome(), ends ? QStringLiteral("ended") : QStringLiteral("Cancelled()"));
}

QTEST_GUILESS_MAIN(tst_Deadlines)
#include "tst_deadlines.moc"
