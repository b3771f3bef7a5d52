// SPDX-License-Identifier: Apache-2.0
#include "../shared/looper.h"
#include "../shared/messagelog.h"
#include "requests.h"

#include <MicroIO/Errors>
#include <MicroIO/Timeouts>

#include <QtTest/QtTest>

#include <functional>
#include <limits>
#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::await;
using Tests::chainFrom;
using Tests::chainThrownBy;
using Tests::Ending;
using Tests::endingOf;
using Tests::error;
using Tests::Handle;
using Tests::Looper;
using Tests::Pending;
using Tests::Probe;
using Tests::Registry;
using Tests::replyOf;
using Tests::text;
using Tests::turn;

/// The waits for a reply, blocking and co_awaited: their limits, their cancellation, their threads.
class tst_RequestWaits : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void aBlockedThreadIsAnswered();
    void aTimeOutFreesTheKey();
    void aTimeLimitThatIsNotMetDoesNoHarm_data();
    void aTimeLimitThatIsNotMetDoesNoHarm();
    void cancellingAnAwaitedRequestFreesTheKey();
    void aRequestInACancelledScopeIsNeverSent();
    void aLimitByFailAfterFreesTheKey();
    void anAnswerThatHasComeIsGivenAlthoughItIsCancelled();
    void aCancelledReplyWaitLeavesTheAnswer();
    void aReplyInACancelledScopeLeavesTheAnswer();
    void anAnswerFromAnotherThreadResumesOnItsOwn();
    void aReplyWaitEndsWithItsLoop();
    void invariant5_neverResumedInsideACall_data();
    void invariant5_neverResumedInsideACall();
    void anAnswerAfterTheCancellationIsRefused_data();
    void anAnswerAfterTheCancellationIsRefused();
    void anAnswerBeforeTheWaitBeginsIsGiven();
    void aCancellationBeforeTheWaitBeginsEndsTheRequest();
    void aReplyIsTakenOnce();
    void aSecondWaiterIsRefused();
    void answersAtOnceDoNotStarveTheLoop();

private:
    std::optional<Tests::MessageLog> m_log;
};

// RR-01: a std::thread blocks, without an event loop
void tst_RequestWaits::aBlockedThreadIsAnswered()
{
    Registry registry;
    QString value;
    std::thread asker([&] { value = registry.request(1, [] {}); });
    QTRY_COMPARE(registry.size(), 1);
    QVERIFY(registry.resolve(1, text("one")));
    asker.join();
    QCOMPARE(value, text("one"));
}

// RR-02
void tst_RequestWaits::aTimeOutFreesTheKey()
{
    std::atomic<int> alive = 0;
    RequestRegistry<int, Probe> registry;
    auto pending = registry.expect(1);
    QElapsedTimer timer;
    timer.start();
    QCOMPARE(chainThrownBy([&] { pending.wait(20ms); }), text("TimeoutError"));
    QVERIFY(timer.elapsed() >= 19);
    QVERIFY(!registry.contains(1));
    QVERIFY(!registry.resolve(1, Probe(alive)));
    QCOMPARE(alive.load(), 0);
    QVERIFY(!pending.handle().resolve(Probe(alive)));
    QCOMPARE(alive.load(), 0);
    const auto again = registry.expect(1);
    QCOMPARE(chainThrownBy([&] {
                 registry.request(
                     2, [] {}, QDeadlineTimer(0));
             }),
             text("TimeoutError"));
    QVERIFY(!registry.contains(2));
    QCOMPARE(chainThrownBy([&] {
                 registry.request(
                     2, [] {}, QDeadlineTimer(-5ms));
             }),
             text("TimeoutError"));
    QVERIFY(!registry.contains(2));
}

void tst_RequestWaits::aTimeLimitThatIsNotMetDoesNoHarm_data()
{
    QTest::addColumn<QDeadlineTimer>("limit");
    QTest::newRow("a minute") << QDeadlineTimer(60s);
    QTest::newRow("a hundred years") << QDeadlineTimer(std::chrono::hours(24 * 36'500));
    QTest::newRow("a thousand years") << QDeadlineTimer(qint64(1'000) * 365 * 24 * 3'600 * 1'000);
    QTest::newRow("hours::max") << QDeadlineTimer(std::chrono::hours::max());
    QTest::newRow("nanoseconds::max") << QDeadlineTimer(std::chrono::nanoseconds::max());
    QTest::newRow("the largest number") << QDeadlineTimer(std::numeric_limits<qint64>::max() - 1);
    QTest::newRow("forever") << QDeadlineTimer(QDeadlineTimer::Forever);
}

void tst_RequestWaits::aTimeLimitThatIsNotMetDoesNoHarm()
{
    QFETCH(QDeadlineTimer, limit);
    Registry registry;
    QString value;
    std::thread asker([&] {
        value = endingOf([&] {
            return registry.request(
                1, [] {}, limit);
        });
    });
    std::thread answerer([&] {
        while (!registry.resolve(1, QStringLiteral("one")))
            std::this_thread::yield();
    });
    answerer.join();
    asker.join();
    QCOMPARE(value, text("one"));
}

// RR-09
void tst_RequestWaits::cancellingAnAwaitedRequestFreesTheKey()
{
    Registry registry;
    CancelScope scope;
    Handle handle;
    const auto send = [&](const Handle &h) { handle = h; };
    const Ending waiting(registry.request(scope, 1, send));
    QCOMPARE(waiting.settled(), text("waits"));
    scope.cancel(text("why"));
    QCOMPARE(waiting.settled(), text("Cancelled(why)"));
    QCOMPARE(registry.size(), 0);
    QVERIFY(!registry.resolve(1, text("late")));
    QVERIFY(!handle.resolve(text("late")));
}

void tst_RequestWaits::aRequestInACancelledScopeIsNeverSent()
{
    Registry registry;
    CancelScope scope;
    scope.cancel(text("why"));
    bool sent = false;
    const auto send = [&] { sent = true; };
    for (int i = 0; i < 3; ++i)
        QCOMPARE(chainFrom(registry.request(scope, 1, send)), text("Cancelled(why)"));
    QVERIFY(!sent);
    QCOMPARE(registry.size(), 0);
}

void tst_RequestWaits::aLimitByFailAfterFreesTheKey()
{
    Registry registry;
    const auto ask = [&](CancelScope scope) -> QCoro::Task<QString> {
        co_return co_await registry.request(scope, 1, [] {});
    };
    QCOMPARE(chainFrom(failAfter(CancelScope(), 5ms, ask)), text("TimeoutError"));
    QCOMPARE(registry.size(), 0);
}

// invariant 2
void tst_RequestWaits::anAnswerThatHasComeIsGivenAlthoughItIsCancelled()
{
    Registry registry;
    CancelScope scope;
    const auto send = [] {};
    const Ending waiting(registry.request(scope, 1, send));
    registry.resolve(1, text("one"));
    scope.cancel();
    QCOMPARE(waiting.settled(), text("one"));

    CancelScope other;
    const Ending cancelled(registry.request(other, 1, send));
    other.cancel();
    QVERIFY(!registry.resolve(1, text("one"))); // although the coroutine has not been resumed yet
    QCOMPARE(cancelled.settled(), text("Cancelled()"));
    QCOMPARE(registry.size(), 0);
}

void tst_RequestWaits::aCancelledReplyWaitLeavesTheAnswer()
{
    Registry registry;
    auto pending = registry.expect(1);
    for (int i = 0; i < 3; ++i) {
        CancelScope scope;
        const Ending waiting(replyOf(pending, scope));
        scope.cancel();
        QCOMPARE(waiting.settled(), text("Cancelled()"));
        QVERIFY(registry.contains(1));
    }
    registry.resolve(1, text("one"));
    QCOMPARE(await(replyOf(pending, CancelScope())), text("one"));
}

void tst_RequestWaits::aReplyInACancelledScopeLeavesTheAnswer()
{
    Registry registry;
    auto pending = registry.expect(1);
    registry.resolve(1, text("one"));
    CancelScope scope;
    scope.cancel();
    QCOMPARE(chainFrom(replyOf(pending, scope)), text("Cancelled()"));
    QCOMPARE(await(replyOf(pending, CancelScope())), text("one"));
}

// RR-09, invariant 5
void tst_RequestWaits::anAnswerFromAnotherThreadResumesOnItsOwn()
{
    const auto send = [] {};
    for (int i = 0; i < 10; ++i) {
        Registry registry;
        Ending outcome;
        Looper thread;
        thread.call([&] { outcome = Ending(registry.request(CancelScope(), 1, send)); });
        if (i % 2 == 0)
            registry.resolve(1, text("one"));
        else
            std::thread([&] { registry.resolve(1, text("one")); }).join();
        QTRY_COMPARE(outcome.now(), text("one"));
        QCOMPARE(outcome.thread(), static_cast<QThread *>(&thread));
    }
}

// D23: of one's own loop
void tst_RequestWaits::aReplyWaitEndsWithItsLoop()
{
    const auto send = [] {};
    Registry registry;
    Ending outcome;
    {
        Looper thread;
        thread.call([&] { outcome = Ending(registry.request(CancelScope(), 1, send)); });
        QCOMPARE(registry.size(), 1);
    }
    QCOMPARE(outcome.now(), text("Cancelled(the event loop has ended)"));
    QCOMPARE(registry.size(), 0);
    QVERIFY(!registry.resolve(1, text("late")));
}

namespace {
enum class Act { Resolve, HandleResolve, Fail, FailAll, Close, Cancel, Drop };
}

// invariant 5, D13
void tst_RequestWaits::invariant5_neverResumedInsideACall_data()
{
    QTest::addColumn<int>("act");
    QTest::addColumn<QString>("expected");
    QTest::newRow("resolve") << int(Act::Resolve) << text("one");
    QTest::newRow("handle.resolve") << int(Act::HandleResolve) << text("one");
    QTest::newRow("fail") << int(Act::Fail) << text("X");
    QTest::newRow("failAll") << int(Act::FailAll) << text("X");
    QTest::newRow("close") << int(Act::Close) << text("X");
    QTest::newRow("cancel") << int(Act::Cancel) << text("BrokenResourceError");
    QTest::newRow("handle dropped") << int(Act::Drop) << text("BrokenResourceError");
}

void tst_RequestWaits::invariant5_neverResumedInsideACall()
{
    QFETCH(int, act);
    QFETCH(QString, expected);
    Registry registry;
    auto pending = registry.expect(1);
    const Ending waiting(replyOf(pending, CancelScope()));
    switch (Act(act)) {
    case Act::Resolve:
        registry.resolve(1, text("one"));
        break;
    case Act::HandleResolve:
        pending.handle().resolve(text("one"));
        break;
    case Act::Fail:
        registry.fail(1, error("X"));
        break;
    case Act::FailAll:
        registry.failAll(error("X"));
        break;
    case Act::Close:
        registry.close(error("X"));
        break;
    case Act::Cancel:
        pending.cancel();
        break;
    case Act::Drop:
        pending.handle();
        break;
    }
    QCOMPARE(waiting.now(), text("waits"));
    QCOMPARE(waiting.settled(), expected);
}

namespace {
enum class Late { Resolve, HandleResolve, Fail, FailAll };
}

// invariant 2: refused from the moment of the cancellation on, not only when the coroutine has been resumed
void tst_RequestWaits::anAnswerAfterTheCancellationIsRefused_data()
{
    QTest::addColumn<int>("late");
    QTest::newRow("resolve") << int(Late::Resolve);
    QTest::newRow("handle.resolve") << int(Late::HandleResolve);
    QTest::newRow("fail") << int(Late::Fail);
    QTest::newRow("failAll") << int(Late::FailAll);
}

void tst_RequestWaits::anAnswerAfterTheCancellationIsRefused()
{
    QFETCH(int, late);
    Registry registry;
    const CancelScope scope;
    Handle handle;
    const auto send = [&](const Handle &h) { handle = h; };
    const Ending waiting(registry.request(scope, 1, send));
    scope.cancel(text("why"));
    bool accepted = true;
    switch (Late(late)) {
    case Late::Resolve:
        accepted = registry.resolve(1, text("late"));
        break;
    case Late::HandleResolve:
        accepted = handle.resolve(text("late"));
        break;
    case Late::Fail:
        accepted = registry.fail(1, error("late"));
        break;
    case Late::FailAll:
        accepted = registry.failAll(error("late")) != 0;
        break;
    }
    QVERIFY(!accepted);
    QCOMPARE(registry.size(), 0);
    auto newer = registry.expect(1);
    QCOMPARE(waiting.settled(), text("Cancelled(why)"));
    QVERIFY(registry.resolve(1, text("newer"))); // the end of the older one has not touched it
    QCOMPARE(newer.wait(), text("newer"));
}

// invariant 2
void tst_RequestWaits::anAnswerBeforeTheWaitBeginsIsGiven()
{
    Registry registry;
    const CancelScope scope;
    const auto send = [&](const Handle &handle) {
        QVERIFY(handle.resolve(text("one")));
        scope.cancel();
    };
    QCOMPARE(await(registry.request(scope, 1, send)), text("one"));
}

void tst_RequestWaits::aCancellationBeforeTheWaitBeginsEndsTheRequest()
{
    Registry registry;
    const CancelScope scope;
    Handle handle;
    const auto send = [&](const Handle &h) {
        handle = h;
        scope.cancel(text("why"));
    };
    for (int i = 0; i < 3; ++i) {
        const Ending waiting(registry.request(scope, 1, send));
        QCOMPARE(waiting.settled(), text("Cancelled(why)"));
        QVERIFY(!handle.resolve(text("late")));
        QCOMPARE(registry.size(), 0);
    }
}

void tst_RequestWaits::aReplyIsTakenOnce()
{
    Registry registry;
    auto pending = registry.expect(1);
    registry.resolve(1, text("one"));
    QCOMPARE(pending.wait(), text("one"));
    QVERIFY_THROWS_EXCEPTION(std::logic_error, pending.wait());
    QVERIFY_THROWS_EXCEPTION(std::logic_error, await(replyOf(pending, CancelScope())));
    QVERIFY(!pending.cancel());
}

void tst_RequestWaits::aSecondWaiterIsRefused()
{
    Registry registry;
    auto pending = registry.expect(1);
    const Ending first(replyOf(pending, CancelScope()));
    QCOMPARE(chainFrom(replyOf(pending, CancelScope())), text("BusyResourceError"));
    QCOMPARE(chainThrownBy([&] { pending.wait(); }), text("BusyResourceError"));
    QCOMPARE(chainThrownBy([&] { pending.future(); }), text("BusyResourceError"));
    QCOMPARE(first.settled(), text("waits"));
    registry.resolve(1, text("one"));
    QCOMPARE(first.settled(), text("one"));
}

// invariant 6
void tst_RequestWaits::answersAtOnceDoNotStarveTheLoop()
{
    Registry registry;
    bool stop = false;
    QTimer::singleShot(0, this, [&] { stop = true; });
    const auto ask = [&]() -> QCoro::Task<> {
        while (!stop) {
            co_await registry.request(CancelScope(), 1,
                                      [&](const Handle &handle) { handle.resolve(QString()); });
        }
    };
    await(ask());
    QVERIFY(stop);
}

QTEST_GUILESS_MAIN(tst_RequestWaits)

#include "tst_requestwaits.moc"
