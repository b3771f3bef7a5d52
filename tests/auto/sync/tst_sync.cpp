// SPDX-License-Identifier: Apache-2.0
#include "../shared/looper.h"
#include "../shared/messagelog.h"
#include "../shared/recorder.h"

#include <MicroIO/AsyncEvent>
#include <MicroIO/AsyncMutex>
#include <MicroIO/AsyncSemaphore>
#include <MicroIO/TaskGroup>

#include <QtTest/QtTest>

#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::From;
using Tests::Looper;
using Tests::outcomeOf;
using Tests::record;
using Tests::RecorderPtr;
using Tests::turn;

namespace {

QString text(const char *latin1)
{
    return QString::fromLatin1(latin1);
}

QCoro::Task<> waitFor(AsyncEvent &event, CancelScope scope)
{
    co_await event.wait(scope);
}

/// Acquires, notes its name, and keeps what it has got until \a done.
QCoro::Task<> acquireAndNote(AsyncSemaphore &semaphore, CancelScope scope, QStringList &log, QString name,
                             AsyncEvent &done)
{
    const auto guard = co_await semaphore.acquire(scope);
    log += name;
    co_await done.wait(CancelScope());
}

/// Acquires and lets go.
QCoro::Task<> pass(AsyncSemaphore &semaphore, CancelScope scope)
{
    const auto guard = co_await semaphore.acquire(scope);
}

QCoro::Task<> pass(AsyncMutex &mutex, CancelScope scope)
{
    const auto guard = co_await mutex.lock(scope);
}

} // namespace

/// AsyncEvent, AsyncMutex and AsyncSemaphore; what they have in common with all waits is in tst_allwaits.
class tst_Sync : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void setWakesAllAndStaysSet();
    void aPulseWakesWhoWaits();
    void aClearedEventIsWaitedForAgain();
    void valueAndCancelInTheSameTurn_data();
    void valueAndCancelInTheSameTurn();
    void anEventIsSetFromAnyThread_data();
    void anEventIsSetFromAnyThread();
    void anEventDestroyedAfterItWasSetIsSet();

    void aMutexLetsOneThrough();
    void tryLockNeverWaits();
    void aGuardGivesBackOnce();
    void aGuardIsMoved();
    void aGuardIsReleasedByAnotherThread();
    void aGuardOutlivesItsMutex();

    void permitsAreCounted();
    void negativePermitsAreRefused();
    void permitsGoInTheOrderOfTheWaits();
    void nobodyOvertakesWhoWaits();
    void aPermitOfACancelledWaitGoesToTheNext_data();
    void aPermitOfACancelledWaitGoesToTheNext();
    void aPermitThatHasComeIsGivenAlthoughItIsCancelled();
    void aPermitOfALoopThatEndsIsNotLost_data();
    void aPermitOfALoopThatEndsIsNotLost();
    void aPermitOfADestroyedGroupIsNotLost_data();
    void aPermitOfADestroyedGroupIsNotLost();
    void aLateWaitOnADestroyedSemaphoreThrows();

private:
    std::optional<Tests::MessageLog> m_log;
};

void tst_Sync::setWakesAllAndStaysSet()
{
    AsyncEvent event;
    QVERIFY(!event.isSet());
    std::vector<RecorderPtr> waits;
    for (int i = 0; i < 3; ++i)
        waits.push_back(record(waitFor(event, CancelScope())));
    turn(3);
    for (const auto &wait : waits)
        QVERIFY(!wait->isDone());
    event.set();
    event.set();
    QVERIFY(event.isSet());
    for (const auto &wait : waits)
        QVERIFY2(!wait->isDone(), "resumed inside of set()");
    turn(3);
    for (const auto &wait : waits)
        QCOMPARE(wait->outcome(), text("ended"));
    QVERIFY(record(waitFor(event, CancelScope()))->isDone()); // at once
}

void tst_Sync::aPulseWakesWhoWaits()
{
    AsyncEvent event;
    const auto first = record(waitFor(event, CancelScope()));
    event.set();
    event.clear();
    QVERIFY(!event.isSet());
    const auto second = record(waitFor(event, CancelScope()));
    turn(3);
    QCOMPARE(first->outcome(), text("ended"));
    QVERIFY(!second->isDone());
    event.set();
    turn(3);
    QCOMPARE(second->outcome(), text("ended"));
}

void tst_Sync::aClearedEventIsWaitedForAgain()
{
    AsyncEvent event;
    event.set();
    event.clear();
    const auto wait = record(waitFor(event, CancelScope()));
    turn(3);
    QVERIFY(!wait->isDone());
    event.set();
    turn(3);
    QCOMPARE(wait->outcome(), text("ended"));
}

// CS-17
void tst_Sync::valueAndCancelInTheSameTurn_data()
{
    QTest::addColumn<bool>("setFirst");
    QTest::addColumn<QString>("expected");
    QTest::newRow("set, then cancel") << true << text("ended");
    QTest::newRow("cancel, then set") << false << text("Cancelled(why)");
}

void tst_Sync::valueAndCancelInTheSameTurn()
{
    QFETCH(bool, setFirst);
    QFETCH(QString, expected);
    AsyncEvent event;
    const CancelScope scope;
    const auto body = [&](Tests::Recorder &next) -> QCoro::Task<> {
        std::exception_ptr error;
        try {
            co_await event.wait(scope);
        } catch (...) {
            error = std::current_exception();
        }
        next.note(outcomeOf(waitFor(event, scope)));
        if (error)
            std::rethrow_exception(error);
    };
    Tests::Recorder next;
    const auto wait = record(body(next));
    QTimer::singleShot(0, this, [&] {
        if (setFirst)
            event.set();
        scope.cancel(QStringLiteral("why"));
        if (!setFirst)
            event.set();
    });
    QTRY_VERIFY(wait->isDone());
    turn(3);
    QCOMPARE(wait->outcome(), expected); // one line: resumed once
    QCOMPARE(next.outcome(), text("Cancelled(why)"));
}

void tst_Sync::anEventIsSetFromAnyThread_data()
{
    QTest::addColumn<From>("from");
    for (const From from : {From::OwnLoop, From::OtherLoop, From::PlainThread})
        QTest::newRow(Tests::nameOf(from)) << from;
}

void tst_Sync::anEventIsSetFromAnyThread()
{
    QFETCH(From, from);
    AsyncEvent event;
    Looper other;
    RecorderPtr there;
    other.call([&] { there = record(waitFor(event, CancelScope())); });
    const auto here = record(waitFor(event, CancelScope()));
    Tests::doFrom(from, [&] { event.set(); });
    QTRY_VERIFY(here->isDone() && there->isDone());
    QCOMPARE(here->outcome(), text("ended"));
    QCOMPARE(here->thread(), QThread::currentThread());
    QCOMPARE(there->outcome(), text("ended"));
    QCOMPARE(there->thread(), static_cast<QThread *>(&other));
}

void tst_Sync::anEventDestroyedAfterItWasSetIsSet()
{
    auto event = std::make_unique<AsyncEvent>();
    const auto wait = record(waitFor(*event, CancelScope()));
    event->set();
    event.reset();
    turn(3);
    QCOMPARE(wait->outcome(), text("ended"));
}

void tst_Sync::aMutexLetsOneThrough()
{
    AsyncMutex mutex;
    std::atomic<int> inside = 0;
    std::atomic<int> most = 0;
    std::atomic<int> ended = 0;
    int unguarded = 0; // by the mutex alone
    Looper loops[2];
    const auto body = [&](CancelScope scope) -> QCoro::Task<> {
        for (int i = 0; i < 50; ++i) {
            const auto guard = co_await mutex.lock(scope);
            most = std::max<int>(most, ++inside);
            ++unguarded;
            co_await scope.checkpoint(); // with the mutex held
            --inside;
        }
        ++ended;
    };
    for (Looper &loop : loops) {
        loop.post([&] {
            for (int i = 0; i < 5; ++i)
                body(CancelScope());
        });
    }
    QTRY_COMPARE(ended.load(), 10);
    QCOMPARE(most.load(), 1);
    const auto guard = mutex.tryLock(); // sees what was written under it
    QVERIFY(guard);
    QCOMPARE(unguarded, 500);
}

void tst_Sync::tryLockNeverWaits()
{
    AsyncMutex mutex;
    auto guard = mutex.tryLock();
    QVERIFY(guard);
    QVERIFY(mutex.isLocked());
    QVERIFY(!mutex.tryLock());
    QVERIFY(guard.release());
    QVERIFY(!mutex.isLocked());
    QVERIFY(mutex.tryLock());
    QVERIFY(!mutex.isLocked()); // the guard is gone after the expression
}

void tst_Sync::aGuardGivesBackOnce()
{
    AsyncSemaphore semaphore(1);
    auto guard = semaphore.tryAcquire();
    QVERIFY(guard.release());
    QVERIFY(!guard.release());
    QVERIFY(!guard);
    QCOMPARE(semaphore.available(), 1);
    QVERIFY(!AsyncGuard().release());
}

void tst_Sync::aGuardIsMoved()
{
    AsyncSemaphore semaphore(2);
    auto first = semaphore.tryAcquire();
    auto second = semaphore.tryAcquire();
    QCOMPARE(semaphore.available(), 0);
    first = std::move(second);
    QVERIFY(first);
    QCOMPARE(semaphore.available(), 1);
    const AsyncGuard third(std::move(first));
    QVERIFY(third);
    QCOMPARE(semaphore.available(), 1);
    static_assert(!std::is_copy_constructible_v<AsyncGuard>);
}

void tst_Sync::aGuardIsReleasedByAnotherThread()
{
    AsyncMutex mutex;
    auto guard = mutex.tryLock();
    const auto wait = record(pass(mutex, CancelScope()));
    std::thread([moved = std::move(guard)] {}).join();
    QTRY_COMPARE(wait->outcome(), text("ended"));
    QCOMPARE(wait->thread(), QThread::currentThread());
    QVERIFY(!mutex.isLocked());
}

void tst_Sync::aGuardOutlivesItsMutex()
{
    auto mutex = std::make_unique<AsyncMutex>();
    auto guard = mutex->tryLock();
    const auto wait = record(pass(*mutex, CancelScope()));
    mutex.reset();
    QVERIFY(guard.release());
    turn(3);
    QCOMPARE(wait->outcome(), text("BrokenResourceError"));
}

void tst_Sync::permitsAreCounted()
{
    AsyncSemaphore semaphore(2);
    AsyncEvent done;
    QStringList log;
    for (const char *name : {"a", "b", "c"}) {
        acquireAndNote(semaphore, CancelScope(), log, text(name), done);
        turn(2); // who could have a permit at once takes a turn first where the slice is used up
    }
    QCOMPARE(log, QStringList({text("a"), text("b")}));
    QCOMPARE(semaphore.available(), 0);
    done.set();
    turn(5);
    QCOMPARE(log, QStringList({text("a"), text("b"), text("c")}));
    QCOMPARE(semaphore.available(), 2);
    QCOMPARE(AsyncSemaphore(0).available(), 0);
    QVERIFY(!AsyncSemaphore(0).tryAcquire());
}

void tst_Sync::negativePermitsAreRefused()
{
    QVERIFY_THROWS_EXCEPTION(std::invalid_argument, AsyncSemaphore(-1));
}

void tst_Sync::permitsGoInTheOrderOfTheWaits()
{
    AsyncSemaphore semaphore(1);
    auto guard = semaphore.tryAcquire();
    AsyncEvent done;
    done.set();
    QStringList log;
    QStringList expected;
    // The slice of the last turn is used up: who can go on at once would have to take a turn first.
    QThread::msleep(3);
    for (int i = 0; i < 20; ++i) {
        expected += QString::number(i);
        acquireAndNote(semaphore, CancelScope(), log, expected.last(), done);
    }
    guard.release();
    QTRY_COMPARE(log, expected);
}

void tst_Sync::nobodyOvertakesWhoWaits()
{
    AsyncSemaphore semaphore(1);
    auto guard = semaphore.tryAcquire();
    AsyncEvent done;
    QStringList log;
    acquireAndNote(semaphore, CancelScope(), log, text("first"), done);
    guard.release();
    // it is the first one's already, which has not been resumed yet
    QCOMPARE(semaphore.available(), 0);
    QVERIFY(!semaphore.tryAcquire());
    acquireAndNote(semaphore, CancelScope(), log, text("second"), done);
    turn(3);
    QCOMPARE(log, QStringList{text("first")});
    done.set();
    turn(5);
    QCOMPARE(log, QStringList({text("first"), text("second")}));
}

void tst_Sync::aPermitOfACancelledWaitGoesToTheNext_data()
{
    QTest::addColumn<bool>("hasResumed");
    QTest::newRow("resumed") << true;
    QTest::newRow("not resumed yet") << false;
}

void tst_Sync::aPermitOfACancelledWaitGoesToTheNext()
{
    QFETCH(bool, hasResumed);
    AsyncSemaphore semaphore(1);
    auto guard = semaphore.tryAcquire();
    const CancelScope scope;
    std::vector<RecorderPtr> cancelled;
    for (int i = 0; i < 3; ++i)
        cancelled.push_back(record(pass(semaphore, scope)));
    const auto next = record(pass(semaphore, CancelScope()));
    scope.cancel();
    if (hasResumed)
        turn(3);
    guard.release();
    turn(3);
    for (const auto &wait : cancelled)
        QCOMPARE(wait->outcome(), text("Cancelled()"));
    QCOMPARE(next->outcome(), text("ended"));
    QCOMPARE(semaphore.available(), 1);
}

void tst_Sync::aPermitThatHasComeIsGivenAlthoughItIsCancelled()
{
    AsyncSemaphore semaphore(1);
    auto guard = semaphore.tryAcquire();
    const CancelScope scope;
    const auto wait = record(pass(semaphore, scope));
    const auto next = record(pass(semaphore, CancelScope()));
    guard.release();
    scope.cancel();
    turn(5);
    QCOMPARE(wait->outcome(), text("ended"));
    QCOMPARE(next->outcome(), text("ended"));
    QCOMPARE(semaphore.available(), 1);
}

void tst_Sync::aPermitOfALoopThatEndsIsNotLost_data()
{
    QTest::addColumn<bool>("releasedBefore");
    QTest::newRow("released before") << true;
    QTest::newRow("released after") << false;
}

void tst_Sync::aPermitOfALoopThatEndsIsNotLost()
{
    QFETCH(bool, releasedBefore);
    AsyncSemaphore semaphore(1);
    auto guard = semaphore.tryAcquire();
    RecorderPtr there;
    RecorderPtr here;
    {
        Looper loop;
        loop.call([&] { there = record(pass(semaphore, CancelScope())); });
        here = record(pass(semaphore, CancelScope()));
        if (releasedBefore)
            loop.end([&] { guard.release(); }); // given to a wait that its loop does not resume any more
    }
    guard.release();
    turn(3);
    QCOMPARE(there->outcome(), releasedBefore ? text("ended") : text("Cancelled(the event loop has ended)"));
    QCOMPARE(here->outcome(), text("ended"));
    QCOMPARE(semaphore.available(), 1);
}

void tst_Sync::aPermitOfADestroyedGroupIsNotLost_data()
{
    QTest::addColumn<bool>("releasedBefore");
    QTest::newRow("released before") << true;
    QTest::newRow("released after") << false;
}

void tst_Sync::aPermitOfADestroyedGroupIsNotLost()
{
    QFETCH(bool, releasedBefore);
    AsyncSemaphore semaphore(1);
    auto guard = semaphore.tryAcquire();
    QObject owner;
    auto group = std::make_unique<TaskGroup>(&owner);
    const auto child = [&](CancelScope scope) { return pass(semaphore, scope); };
    for (int i = 0; i < 3; ++i)
        group->startSoon(child);
    turn(3);
    if (releasedBefore)
        guard.release();
    group.reset();
    guard.release();
    QCOMPARE(semaphore.available(), 1);
}

void tst_Sync::aLateWaitOnADestroyedSemaphoreThrows()
{
    auto semaphore = std::make_unique<AsyncSemaphore>(1);
    auto late = semaphore->acquire(CancelScope());
    semaphore.reset();
    const auto body = [&]() -> QCoro::Task<> { const auto guard = co_await late; };
    QCOMPARE(outcomeOf(body()), text("BrokenResourceError"));
}

QTEST_GUILESS_MAIN(tst_Sync)

#include "tst_sync.moc"
