// SPDX-License-Identifier: Apache-2.0
#include "../shared/looper.h"

#include <MicroIO/Channel>
#include <MicroIO/CloseScope>
#include <MicroIO/LoopServiceThread>
#include <MicroIO/Service>
#include <MicroIO/TaskGroup>
#include <MicroIO/Test>
#include <MicroIO/Timeouts>

#include <QCoroTask>
#include <QLoggingCategory>
#include <QRegularExpression>
#include <QtTest/QtTest>

#include <atomic>
#include <stdexcept>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::Looper;

Q_LOGGING_CATEGORY(logOther, "other.part")

namespace {

QCoro::Task<int> answer(CancelScope scope)
{
    co_await scope.sleep(1s);
    co_return 42;
}

QCoro::Task<> fail(CancelScope scope)
{
    co_await scope.checkpoint();
    throw std::out_of_range("too far");
}

QCoro::Task<> sleepFor(CancelScope scope, std::chrono::nanoseconds duration)
{
    co_await scope.sleep(duration);
}

/// Counts those that live.
class Resource
{
public:
    static int living;
    Resource() { ++living; }
    ~Resource() { --living; }
    Q_DISABLE_COPY_MOVE(Resource)
};
int Resource::living = 0;

} // namespace

/// What passes with the tools for tests. What fails is in failingtests.cpp.
class tst_TestTools : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void awaitEndsWithTheTask();
    void awaitTakesATaskFromItsVariable();
    void awaitTakesAWait();
    void awaitNests();
    void moveOnlyValuesAreCompared();
    void throwsTakesDerivedErrors();
    void stateIsWaitedFor();
    void endedServiceEndsTheWaitForAState();
    void idleMeansNothingMoves();
    void idleWithoutAClockLeavesTheTimersRunning();
    void warningsAreCaughtByTheInnerGuard();
    void allowedWarningsPass();
    void leftoversAreNamed();
    void nothingIsLeftAfterACleanEnd();
    void logKeepsTheOrderOfThreads();
    void everyWaitIsCancelledOnce();
    void waitsOfChildrenCount();
    void waitsInAnotherThreadCount();
    void uncancellableRunsGetThrough();
};

void tst_TestTools::awaitEndsWithTheTask()
{
    const TestClock clock;
    const CancelScope scope;
    MICROIO_AWAIT(answer(scope));
    MICROIO_COMPARE_AWAIT(answer(scope), 42);
    MICROIO_VERIFY_THROWS(std::out_of_range, fail(scope));
    scope.cancel();
    MICROIO_VERIFY_THROWS(Cancelled, answer(scope));
}

void tst_TestTools::awaitTakesATaskFromItsVariable()
{
    const TestClock clock;
    const CancelScope scope;
    auto task = answer(scope);
    MICROIO_COMPARE_AWAIT(task, 42);
}

void tst_TestTools::awaitTakesAWait()
{
    const TestClock clock;
    const CancelScope scope;
    MICROIO_AWAIT(scope.sleep(1h));
    QCOMPARE(clock.elapsed(), std::chrono::nanoseconds(1h));
    auto channel = createChannel<int>();
    channel.send.sendNow(3);
    MICROIO_COMPARE_AWAIT(channel.receive.receive(scope), 3);
}

void tst_TestTools::awaitNests()
{
    const TestClock clock;
    const CancelScope scope;
    QObject object;
    bool wasNested = false;
    const auto outer = [&]() -> QCoro::Task<> {
        co_await scope.sleep(1s);
        [&] { MICROIO_COMPARE_AWAIT(answer(scope), 42); }();
        wasNested = true;
    };
    MICROIO_AWAIT(outer());
    QVERIFY(wasNested);
}

void tst_TestTools::moveOnlyValuesAreCompared()
{
    const auto make = []() -> QCoro::Task<std::unique_ptr<int>> { co_return std::make_unique<int>(1); };
    MICROIO_AWAIT(make());
}

void tst_TestTools::throwsTakesDerivedErrors()
{
    const TestClock clock;
    const CancelScope scope;
    const auto body = [](CancelScope own) -> QCoro::Task<> { co_await own.sleep(1h); };
    MICROIO_VERIFY_THROWS(TimeoutError, failAfter(scope, 1s, body));
    MICROIO_VERIFY_THROWS(Error, failAfter(scope, 1s, body));
    MICROIO_VERIFY_THROWS(std::exception, failAfter(scope, 1s, body));
}

void tst_TestTools::stateIsWaitedFor()
{
    const TestClock clock;
    const auto service = makeService<LoopServiceThread>(QStringLiteral("plain"));
    service->start();
    QVERIFY(waitForState(*service, ServiceThread::State::Running));
    service->stop();
    QVERIFY(waitForState(*service, ServiceThread::State::Stopped));
    QVERIFY(waitForState(*service, ServiceThread::State::Stopped));
}

void tst_TestTools::endedServiceEndsTheWaitForAState()
{
    const auto service = makeService<LoopServiceThread>(QStringLiteral("plain"));
    service->start();
    service->waitStarted();
    service->stop();
    QVERIFY(!waitForState(*service, ServiceThread::State::Failed));
}

void tst_TestTools::idleMeansNothingMoves()
{
    const TestClock clock;
    CancelScope scope;
    Looper loopers[2];
    std::atomic<int> hops = 0;
    Channel<int> there = createChannel<int>();
    Channel<int> back = createChannel<int>();
    const auto echo = [&hops](CancelScope own, ReceiveChannel<int> *from,
                              SendChannel<int> to) -> QCoro::Task<> {
        while (const auto item = co_await from->next(own)) {
            ++hops;
            if (*item > 0)
                to.sendNow(*item - 1);
        }
    };
    loopers[0].call([&] { echo(scope, &there.receive, back.send); });
    loopers[1].call([&] { echo(scope, &back.receive, there.send); });
    for (int i = 1; i <= 50; ++i) {
        there.send.sendNow(99);
        QVERIFY(waitUntilIdle());
        QCOMPARE(hops.load(), i * 100);
    }
    QCOMPARE(clock.elapsed(), 0ns);
    scope.cancel();
    QVERIFY(waitUntilIdle());
}

void tst_TestTools::idleWithoutAClockLeavesTheTimersRunning()
{
    CancelScope scope;
    bool isOver = false;
    const auto nap = [&]() -> QCoro::Task<> {
        co_await scope.sleep(20ms);
        isOver = true;
    };
    nap();
    QVERIFY(waitUntilIdle());
    QVERIFY(!isOver);
    QTRY_VERIFY(isOver);
}

void tst_TestTools::warningsAreCaughtByTheInnerGuard()
{
    WarningGuard outer;
    {
        WarningGuard inner;
        qWarning("one");
        qCCritical(logOther, "two");
        qInfo("not one");
        const QStringList expected{QStringLiteral("warning default: one"),
                                   QStringLiteral("critical other.part: two")};
        QCOMPARE(inner.take(), expected);
    }
    QCOMPARE(outer.take(), QStringList());
    qWarning("three");
    QCOMPARE(outer.take(), QStringList{QStringLiteral("warning default: three")});
}

void tst_TestTools::allowedWarningsPass()
{
    WarningGuard guard;
    guard.allow(QRegularExpression(QStringLiteral("^other\\.part: .*known")));
    qCWarning(logOther, "this is known");
    Looper looper;
    looper.call([] { qCWarning(logOther, "this too is known"); });
}

void tst_TestTools::leftoversAreNamed()
{
    const TestClock clock(TestClock::Mode::Manual);
    QObject owner;
    TaskGroup group(&owner);
    LeftoverGuard guard;
    group.startSoon(QStringLiteral("sleeper"), sleepFor, 1h);
    QVERIFY(waitUntilIdle());
    QCOMPARE(guard.leftovers(), QStringList{QStringLiteral("sleeper waits for sleep (the main thread)")});
    group.cancel();
    QVERIFY(waitUntilIdle());
    QCOMPARE(guard.leftovers(), QStringList());

    guard.allow(QRegularExpression(QStringLiteral("^kept ")));
    TaskGroup other(&owner);
    other.startSoon(QStringLiteral("kept on purpose"), sleepFor, 1h);
    QVERIFY(waitUntilIdle());
}

void tst_TestTools::nothingIsLeftAfterACleanEnd()
{
    const LeftoverGuard guard;
    const WarningGuard warnings;
    const TestClock clock;
    const auto service = makeService<LoopServiceThread>(QStringLiteral("plain"));
    service->start();
    service->waitStarted();
    service->taskGroup().startSoon(sleepFor, 1h);
}

void tst_TestTools::logKeepsTheOrderOfThreads()
{
    const EventLog log;
    Looper looper;
    log.add(QStringLiteral("main"), QStringLiteral("begins"));
    looper.call([log] { log.add(QStringLiteral("looper"), QStringLiteral("acts")); });
    log.add(QStringLiteral("the end"));
    const QStringList expected{QStringLiteral("main begins"), QStringLiteral("looper acts"),
                               QStringLiteral("the end")};
    MICROIO_COMPARE_LOG(log, expected);
    QCOMPARE(log.size(), 3);
    log.clear();
    QCOMPARE(log.entries(), QStringList());
}

void tst_TestTools::everyWaitIsCancelledOnce()
{
    const TestClock clock;
    int runs = 0, through = 0;
    int ended[6] = {};
    const auto five = [&](CancelScope scope) -> QCoro::Task<> {
        ++runs;
        const Resource resource;
        for (int i = 0; i < 5; ++i) {
            ++ended[i];
            co_await scope.sleep(1min);
        }
        ++through;
    };
    int checks = 0;
    const auto check = [&] {
        ++checks;
        QCOMPARE(Resource::living, 0);
    };
    QCOMPARE(cancelAtEveryWait(five, check), 5);
    QCOMPARE(runs, 6);
    QCOMPARE(checks, 6);
    QCOMPARE(through, 1);
    QCOMPARE(ended[0], 6);
    QCOMPARE(ended[4], 2);
}

void tst_TestTools::waitsOfChildrenCount()
{
    const TestClock clock;
    int cleanEnds = 0, begun = 0;
    const auto child = [&](CancelScope scope) -> QCoro::Task<> {
        ++begun;
        const auto count = qScopeGuard([&] { ++cleanEnds; });
        co_await scope.sleep(1s);
        co_await scope.sleep(1s);
    };
    const auto parent = [&](CancelScope scope) -> QCoro::Task<> {
        co_await withTaskGroup(scope, [&](TaskGroup &group) -> QCoro::Task<> {
            group.startSoon(child);
            group.startSoon(child);
            co_return;
        });
    };
    const auto check = [&] { QCOMPARE(cleanEnds, begun); };
    QCOMPARE(cancelAtEveryWait(parent, check), 5); // two each, and that for the children
}

void tst_TestTools::waitsInAnotherThreadCount()
{
    const TestClock clock;
    const auto service = makeService<LoopServiceThread>(QStringLiteral("plain"));
    service->start();
    service->waitStarted();
    std::atomic<int> cancelled = 0;
    const auto body = [&](CancelScope scope) -> QCoro::Task<> {
        CloseScope done;
        const auto there = [&cancelled](CancelScope own, CloseScope ended) -> QCoro::Task<> {
            try {
                co_await own.sleep(1s);
            } catch (const Cancelled &) {
                ++cancelled;
            }
            ended.close();
        };
        service->taskGroup().startSoon([=](CancelScope) -> QCoro::Task<> { return there(scope, done); });
        co_await done.closed(scope.shielded());
    };
    QCOMPARE(cancelAtEveryWait(body), 2);
    QCOMPARE(cancelled.load(), 2);
}

void tst_TestTools::uncancellableRunsGetThrough()
{
    const TestClock clock;
    const auto noWaits = [](CancelScope) -> QCoro::Task<> { co_return; };
    QCOMPARE(cancelAtEveryWait(noWaits), 0);
    const auto swallows = [](CancelScope scope) -> QCoro::Task<> {
        try {
            co_await scope.sleep(1s);
        } catch (const Cancelled &) {
        }
    };
    QCOMPARE(cancelAtEveryWait(swallows), 1);
    QVERIFY_THROWS_EXCEPTION(std::invalid_argument, cancelAtEveryWait({}));
}

QTEST_GUILESS_MAIN(tst_TestTools)
#include "tst_testtools.moc"
