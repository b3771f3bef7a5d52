// SPDX-License-Identifier: Apache-2.0
#include "../shared/leapclock.h"
#include "../shared/looper.h"
#include "../shared/recorder.h"

#include "loop/scheduler_p.h"
#include <MicroIO/CancelScope>
#include <MicroIO/CloseScope>
#include <MicroIO/TaskGroup>
#include <MicroIO/loop/wakes.h>

#include <QtTest/QtTest>

#include <functional>
#include <optional>
#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using MicroIO::Detail::Scheduler;
using Tests::record;
using Tests::turn;

using Call = std::function<void(CancelScope parent, CancelScope scope, CloseScope closeScope)>;

/// When and where coroutines are resumed.
class tst_Scheduler : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void invariant5_neverResumedInsideTheCall_data();
    void invariant5_neverResumedInsideTheCall();
    void resumesInTheOrderInWhichTheyBecameReady();
    void anyNumberIsWokenByOneEvent();
    void otherThreadsWakeTheLoopOnce();
    void isWokenAfterTheLockOfTheSource();
    void isWokenForWhatTheEndOfAGroupHasTaken();
    void checkpointTakesATurn();
    void sleepNeverEndsEarly_data();
    void sleepNeverEndsEarly();
    void manyReadyCoroutinesAreResumed();
    void firstWaitOnACancelledScopeThrowsAtOnce();
    void nestedEventLoopKeepsTheOthersGoing();
    void nestedEventLoopKeepsTheSameBatchGoing();
    void nestedEventLoopKeepsTheRestOfASliceGoing();
    void nestedLoopInANestedLoop();
};

// D13
void tst_Scheduler::invariant5_neverResumedInsideTheCall_data()
{
    QTest::addColumn<Call>("call");
    const auto row = [](const char *name, Call call) { QTest::newRow(name) << call; };
    row("cancel", [](CancelScope, CancelScope scope, CloseScope) { scope.cancel(); });
    row("cancel the parent", [](CancelScope parent, CancelScope, CloseScope) { parent.cancel(); });
    row("setDeadline", [](CancelScope, CancelScope scope, CloseScope) { scope.setDeadline(now()); });
    row("setDeadline of the parent",
        [](CancelScope parent, CancelScope, CloseScope) { parent.setDeadline(now()); });
    row("isCancelled, the deadline passed", [](CancelScope, CancelScope scope, CloseScope) {
        Tests::LeapClock clock;
        scope.setDeadline(now() + 1h);
        clock.advance(1h);
        scope.isCancelled();
    });
    row("close", [](CancelScope, CancelScope, CloseScope close) { close.close(); });
    row("fail", [](CancelScope, CancelScope, CloseScope close) { close.fail({}); });
}

void tst_Scheduler::invariant5_neverResumedInsideTheCall()
{
    QFETCH(Call, call);

    const CancelScope parent;
    const CancelScope scope = parent.child();
    CloseScope closeScope;
    const auto wait = [&]() -> QCoro::Task<> { co_await closeScope.closed(scope); };
    const auto waiter = record(wait());
    turn(2);
    QVERIFY(!waiter->isDone());
    call(parent, scope, closeScope);
    QVERIFY2(!waiter->isDone(), "resumed inside of the call");
    QTRY_VERIFY(waiter->isDone());
    QCOMPARE(waiter->thread(), QThread::currentThread());
}

void tst_Scheduler::resumesInTheOrderInWhichTheyBecameReady()
{
    const CancelScope scope;
    QList<int> order;
    std::vector<CloseScope> gates(100);
    const auto wait = [&](int number) -> QCoro::Task<> {
        co_await gates[size_t(number)].closed(scope);
        order += number;
    };
    for (int i = 0; i < 100; ++i)
        wait(i);
    turn(2); // whose slice was used up begins to wait only now
    QList<int> closed;
    for (int i = 0; i < 100; ++i) {
        const int number = (i * 37) % 100;
        gates[size_t(number)].close();
        closed += number;
    }
    QTRY_COMPARE(order.size(), 100);
    QCOMPARE(order, closed);
}

namespace {

/// Counts the events that wake the calling thread's scheduler.
class WakeUps : public QObject
{
public:
    WakeUps()
        : m_scheduler(Scheduler::current())
    {
        m_scheduler->installEventFilter(this);
    }
    int count = 0;

protected:
    bool eventFilter(QObject *, QEvent *event) override
    {
        count += event->type() == QEvent::User || event->type() == QEvent::User + 1; // others' and its own
        return false;
    }

private:
    Scheduler *m_scheduler;
};

} // namespace

void tst_Scheduler::anyNumberIsWokenByOneEvent()
{
    const CancelScope scope;
    int resumed = 0;
    const auto wait = [&]() -> QCoro::Task<> {
        try {
            co_await scope.cancelled();
        } catch (const Cancelled &) {
            ++resumed;
        }
    };
    for (int i = 0; i < 100; ++i)
        wait();
    turn(2);
    WakeUps wakeUps;
    scope.cancel();
    QTRY_COMPARE(resumed, 100);
    turn(2);
    // One to run them, and one that is there in case one of them opens an event loop; on a slow machine they need a few
    // slices, of sixteen at least. One each would be a hundred.
    QVERIFY2(wakeUps.count <= 3 + 100 / 16, qPrintable(QString::number(wakeUps.count)));
}

void tst_Scheduler::otherThreadsWakeTheLoopOnce()
{
    const CancelScope scope;
    CloseScope gates[100];
    int resumed = 0;
    const auto wait = [&](CloseScope &gate) -> QCoro::Task<> {
        co_await gate.closed(scope);
        ++resumed;
    };
    for (CloseScope &gate : gates)
        wait(gate);
    turn(2);
    WakeUps wakeUps;
    std::thread([&] {
        for (CloseScope &gate : gates)
            gate.close();
    }).join();
    QTRY_COMPARE(resumed, 100);
    turn(2);
    QVERIFY2(wakeUps.count <= 3 + 100 / 16, qPrintable(QString::number(wakeUps.count))); // as above
}

namespace {

class Item : public Detail::ReadyItem
{
public:
    bool hasRun = false;
    void run() override { hasRun = true; }
    void discard() override {}
};

} // namespace

static void fromAnotherThread(const std::function<void()> &job)
{
    std::thread(job).join();
}

/// Who is woken earlier runs into the lock.
void tst_Scheduler::isWokenAfterTheLockOfTheSource()
{
    Item item;
    Item later;
    const auto inbox = Scheduler::current()->inbox();
    turn(2);
    WakeUps wakeUps;
    {
        Detail::Wakes wakes;
        fromAnotherThread([&] { QVERIFY(inbox->post(&item, &wakes)); });
        turn(2);
        QCOMPARE(wakeUps.count, 0);
        QVERIFY(!item.hasRun);
    }
    turn();
    QVERIFY(item.hasRun);
    QCOMPARE(wakeUps.count, 1);
    {
        // One that the loop has come to by itself needs no event of its own.
        Detail::Wakes wakes;
        fromAnotherThread([&] { QVERIFY(inbox->post(&later, &wakes)); });
        inbox->nudge();
        turn();
        QVERIFY(later.hasRun);
        QCOMPARE(wakeUps.count, 2);
    }
    turn();
    QCOMPARE(wakeUps.count, 2);
}

/// A group that is destroyed looks into the inbox, and an item of somebody else may be there whose wake-up is still to come.
void tst_Scheduler::isWokenForWhatTheEndOfAGroupHasTaken()
{
    Item item;
    QObject owner;
    std::optional<TaskGroup> group(&owner);
    group->startSoon(
        []() -> QCoro::Task<> { co_return; }); // one that never had a child has no loop to look into
    turn(2);
    {
        Detail::Wakes wakes;
        const auto inbox = Scheduler::current()->inbox();
        fromAnotherThread([&] { QVERIFY(inbox->post(&item, &wakes)); });
        group.reset();
        QVERIFY(!item.hasRun);
    }
    turn();
    QVERIFY(item.hasRun);
}

void tst_Scheduler::checkpointTakesATurn()
{
    const CancelScope scope;
    int rounds = 0;
    bool isInside = false;
    const auto spin = [&]() -> QCoro::Task<> {
        for (int i = 0; i < 10; ++i) {
            isInside = true;
            co_await scope.checkpoint();
            ++rounds;
        }
        isInside = false;
    };
    int others = 0;
    const auto other = [&]() -> QCoro::Task<> {
        while (isInside) {
            ++others;
            co_await scope.checkpoint();
        }
    };
    spin();
    QCOMPARE(rounds, 0);
    other();
    QTRY_COMPARE(rounds, 10);
    QVERIFY2(others >= 9, qPrintable(QString::number(others)));
    QTRY_VERIFY(!isInside);
}

void tst_Scheduler::sleepNeverEndsEarly_data()
{
    QTest::addColumn<std::chrono::nanoseconds>("duration");
    QTest::newRow("1 ns") << std::chrono::nanoseconds(1);
    QTest::newRow("300 us") << std::chrono::nanoseconds(300us);
    QTest::newRow("1 ms") << std::chrono::nanoseconds(1ms);
    QTest::newRow("20.5 ms") << std::chrono::nanoseconds(20500us);
}

void tst_Scheduler::sleepNeverEndsEarly()
{
    QFETCH(std::chrono::nanoseconds, duration);

    // Real time: it is the real timer that must not ring early.
    const CancelScope scope;
    std::chrono::nanoseconds slept{};
    const auto sleep = [&]() -> QCoro::Task<> {
        const Deadline begin = now();
        co_await scope.sleep(duration);
        slept = now() - begin;
    };
    for (int i = 0; i < 5; ++i) {
        Tests::await(sleep());
        QVERIFY2(slept >= duration, qPrintable(QString::number(slept.count())));
        QVERIFY(slept < duration + 5s);
    }
}

void tst_Scheduler::manyReadyCoroutinesAreResumed()
{
    const CancelScope scope;
    int ended = 0;
    const auto work = [&]() -> QCoro::Task<> {
        for (int i = 0; i < 3; ++i)
            co_await scope.checkpoint();
        ++ended;
    };
    for (int i = 0; i < 10'000; ++i)
        work();
    QTRY_COMPARE_WITH_TIMEOUT(ended, 10'000, 30'000);
}

// invariant 1: the first in a turn at once, further ones after a turn
void tst_Scheduler::firstWaitOnACancelledScopeThrowsAtOnce()
{
    const CancelScope scope;
    scope.cancel();
    turn(2);
    int thrown = 0;
    const auto swallow = [&]() -> QCoro::Task<> {
        for (int i = 0; i < 3; ++i) {
            try {
                co_await scope.sleep(1h);
            } catch (const Cancelled &) {
                ++thrown;
            }
        }
    };
    swallow();
    QCOMPARE(thrown, 1);
    QTRY_COMPARE(thrown, 3);
}

namespace {

/// Turns an event loop as QDialog::exec() does, until \a isReached or a while has passed. Real time: what rings in there
/// are the QTimers of the thread.
void execUntil(const std::function<bool()> &isReached)
{
    QEventLoop loop;
    QTimer look;
    QObject::connect(&look, &QTimer::timeout, &loop, [&] {
        if (isReached())
            loop.quit();
    });
    look.start(1);
    QTimer::singleShot(3s, &loop, &QEventLoop::quit);
    loop.exec();
}

} // namespace

void tst_Scheduler::nestedEventLoopKeepsTheOthersGoing()
{
    const CancelScope scope;
    CloseScope closeScope;
    int checkpoints = 0;
    bool slept = false, closed = false, modalEnded = false;
    const auto modal = [&]() -> QCoro::Task<> {
        co_await scope.checkpoint();
        QTimer::singleShot(5ms, this, [&] { closeScope.close(); });
        execUntil([&] { return slept && closed && checkpoints >= 20; });
        modalEnded = true;
    };
    const auto sleeper = [&]() -> QCoro::Task<> {
        co_await scope.sleep(2ms); // real time, as the QTimer beside it
        slept = true;
    };
    const auto waiter = [&]() -> QCoro::Task<> {
        co_await closeScope.closed(scope);
        closed = true;
    };
    const auto spinner = [&]() -> QCoro::Task<> {
        while (!modalEnded) {
            ++checkpoints;
            co_await scope.checkpoint();
        }
    };
    const auto ended = record(modal());
    sleeper();
    waiter();
    const auto spun = record(spinner());
    QTRY_VERIFY(modalEnded);
    QVERIFY(slept);
    QVERIFY(closed);
    QVERIFY(checkpoints >= 20);
    QTRY_VERIFY(spun->isDone());
}

void tst_Scheduler::nestedEventLoopKeepsTheSameBatchGoing()
{
    const CancelScope scope;
    CloseScope closeScope;
    int resumed = 0, resumedInside = -1;
    const auto modal = [&]() -> QCoro::Task<> {
        co_await closeScope.closed(scope);
        execUntil([&] { return resumed == 10; });
        resumedInside = resumed;
    };
    const auto follower = [&]() -> QCoro::Task<> {
        co_await closeScope.closed(scope);
        ++resumed;
    };
    modal();
    for (int i = 0; i < 10; ++i)
        follower();
    closeScope.close();
    QTRY_VERIFY(resumedInside >= 0);
    QCOMPARE(resumedInside, 10);
}

// The batch is cut off by the end of the slice, and the rest of it is the one coroutine that opens the loop.
void tst_Scheduler::nestedEventLoopKeepsTheRestOfASliceGoing()
{
    const CancelScope scope;
    CloseScope closeScope;
    int before = 0, rounds = 0, roundsInside = -1;
    const auto busy = [&](bool burns) -> QCoro::Task<> {
        co_await closeScope.closed(scope);
        if (burns)
            QTest::qSleep(20); // real time, as slices are: longer than one
        co_await scope.checkpoint();
        ++rounds;
    };
    const auto modal = [&]() -> QCoro::Task<> {
        co_await closeScope.closed(scope);
        execUntil([&] { return rounds == before; });
        roundsInside = rounds;
    };
    // Any number before the one may be what a slice ends with.
    QStringList stuck;
    for (before = 1; before <= 64; before *= 2) {
        closeScope = CloseScope();
        rounds = 0;
        roundsInside = -1;
        for (int i = 0; i < before; ++i)
            busy(i == 0);
        const auto ended = record(modal());
        closeScope.close();
        QTRY_VERIFY(ended->isDone() && rounds == before);
        if (roundsInside != before)
            stuck += QStringLiteral("behind %1: %2 went on").arg(before).arg(roundsInside);
    }
    QCOMPARE(stuck, QStringList());
}

void tst_Scheduler::nestedLoopInANestedLoop()
{
    const CancelScope scope;
    CloseScope closeScope;
    int depth = 0, deepest = 0;
    const auto modal = [&]() -> QCoro::Task<> {
        co_await closeScope.closed(scope);
        deepest = std::max(deepest, ++depth);
        execUntil([&] { return deepest == 5; });
        --depth;
    };
    std::vector<Tests::RecorderPtr> modals;
    for (int i = 0; i < 5; ++i)
        modals.push_back(record(modal()));
    closeScope.close();
    for (const auto &recorder : modals)
        QTRY_VERIFY(recorder->isDone());
    QCOMPARE(deepest, 5);
}

QTEST_GUILESS_MAIN(tst_Scheduler)
#include "tst_scheduler.moc"
