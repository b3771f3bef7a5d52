// SPDX-License-Identifier: Apache-2.0
#include "../shared/looper.h"
#include "../shared/messagelog.h"
#include "../shared/recorder.h"
#include "../shared/trigger.h"

#include <MicroIO/CancelScope>
#include <MicroIO/TaskGroup>

#include <QCoroFuture>
#include <QCoroProcess>
#include <QCoroTimer>

#include <QPromise>
#include <QtTest/QtTest>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::From;
using Tests::outcomeOf;
using Tests::record;
using Tests::Trigger;
using Tests::turn;

// QT-06
/// cancellable(QFuture) and abandonOnCancel().
class tst_ForeignWaits : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void futureGivesItsValue_data();
    void futureGivesItsValue();
    void futureOfVoid();
    void futureThatCannotBeCopied();
    void futureWithAnException_data();
    void futureWithAnException();
    void futureCancelledByOthers_data();
    void futureCancelledByOthers();
    void defaultConstructedFuture();
    void futureWhosePromiseIsDropped();
    void cancelledScopeCancelsTheFuture_data();
    void cancelledScopeCancelsTheFuture();
    void finishedFutureInACancelledScope();
    void futureIsNotCancelledByAWrongThread();
    void severalWaitForOneFuture();

    void abandonedTaskRunsOn();
    void abandonedTaskOwnsItsResult();
    void taskGivesItsValueOrItsError();
    void taskThatHasEndedAlready();
    void cancelledBeforeIsNotAwaited();
    void timersAndDurations();
    void otherAwaitablesOfQCoro();
    void resumedElsewhereStillComesBack();
    void abandonedAwaitableMayEndAfterTheLoop();

private:
    std::optional<Tests::MessageLog> m_log;
};

void tst_ForeignWaits::futureGivesItsValue_data()
{
    QTest::addColumn<From>("from");
    QTest::addColumn<bool>("before");
    for (const auto from : {From::OwnLoop, From::OtherLoop, From::PlainThread}) {
        QTest::addRow("finished before, by %s", Tests::nameOf(from)) << from << true;
        QTest::addRow("finished later, by %s", Tests::nameOf(from)) << from << false;
    }
}

void tst_ForeignWaits::futureGivesItsValue()
{
    QFETCH(From, from);
    QFETCH(bool, before);

    QPromise<QString> promise;
    promise.start();
    const auto finish = [&] {
        promise.addResult(QStringLiteral("value"));
        promise.finish();
    };
    const auto wait = [&](CancelScope scope) -> QCoro::Task<QString> {
        const QString value = co_await scope.cancellable(promise.future());
        co_return value;
    };
    if (before)
        Tests::doFrom(from, finish);
    auto task = wait(CancelScope());
    if (!before) {
        turn(2);
        QVERIFY(!task.isReady());
        Tests::doFrom(from, finish);
    }
    QCOMPARE(outcomeOf(std::move(task)), QStringLiteral("value"));
}

void tst_ForeignWaits::futureOfVoid()
{
    QPromise<void> promise;
    promise.start();
    const auto wait = [&](CancelScope scope) -> QCoro::Task<> {
        co_await scope.cancellable(promise.future());
    };
    const auto waiter = record(wait(CancelScope()));
    turn(2);
    QVERIFY(!waiter->isDone());
    promise.finish();
    QTRY_COMPARE(waiter->outcome(), QStringLiteral("ended"));
}

void tst_ForeignWaits::futureThatCannotBeCopied()
{
    QPromise<std::unique_ptr<int>> promise;
    promise.start();
    const auto wait = [&](CancelScope scope) -> QCoro::Task<std::unique_ptr<int>> {
        auto value = co_await scope.cancellable(promise.future());
        co_return std::move(value);
    };
    auto task = wait(CancelScope());
    promise.addResult(std::make_unique<int>(7));
    promise.finish();
    QCOMPARE(outcomeOf(std::move(task)), QStringLiteral("7"));
}

void tst_ForeignWaits::futureWithAnException_data()
{
    QTest::addColumn<bool>("before");
    QTest::newRow("before") << true;
    QTest::newRow("later") << false;
}

void tst_ForeignWaits::futureWithAnException()
{
    QFETCH(bool, before);

    QPromise<int> promise;
    promise.start();
    const auto fail = [&] {
        promise.setException(std::make_exception_ptr(Tests::failure("boom")));
        promise.finish();
    };
    const auto wait = [&](CancelScope scope) -> QCoro::Task<int> {
        const int value = co_await scope.cancellable(promise.future());
        co_return value;
    };
    if (before)
        fail();
    auto task = wait(CancelScope());
    if (!before)
        fail();
    QCOMPARE(outcomeOf(std::move(task)), QStringLiteral("boom"));
}

void tst_ForeignWaits::futureCancelledByOthers_data()
{
    QTest::addColumn<bool>("withResult");
    QTest::addColumn<bool>("finished");
    QTest::addColumn<bool>("before");
    for (const bool withResult : {false, true}) {
        for (const bool finished : {false, true}) {
            for (const bool before : {false, true}) {
                QTest::addRow("%s result, %s, %s", withResult ? "with" : "without",
                              finished ? "finished" : "never finished", before ? "before" : "later")
                    << withResult << finished << before;
            }
        }
    }
}

void tst_ForeignWaits::futureCancelledByOthers()
{
    QFETCH(bool, withResult);
    QFETCH(bool, finished);
    QFETCH(bool, before);

    QPromise<int> promise;
    promise.start();
    const auto cancel = [&] {
        if (withResult)
            promise.addResult(7);
        promise.future().cancel();
        if (finished)
            promise.finish();
    };
    const CancelScope scope;
    const auto wait = [&]() -> QCoro::Task<int> {
        const int value = co_await scope.cancellable(promise.future());
        co_return value;
    };
    if (before)
        cancel();
    auto task = wait();
    if (!before) {
        turn(2);
        cancel();
    }
    QCOMPARE(outcomeOf(std::move(task)), QStringLiteral("BrokenResourceError"));
    QVERIFY(!scope.isCancelled());
}

void tst_ForeignWaits::defaultConstructedFuture()
{
    const auto wait = [](CancelScope scope, QFuture<int> future) -> QCoro::Task<int> {
        const int value = co_await scope.cancellable(future);
        co_return value;
    };
    const auto waitVoid = [](CancelScope scope, QFuture<void> future) -> QCoro::Task<> {
        co_await scope.cancellable(future);
    };
    QCOMPARE(outcomeOf(wait(CancelScope(), QFuture<int>())), QStringLiteral("BrokenResourceError"));
    QCOMPARE(outcomeOf(waitVoid(CancelScope(), QFuture<void>())), QStringLiteral("BrokenResourceError"));
}

void tst_ForeignWaits::futureWhosePromiseIsDropped()
{
    std::optional<QPromise<int>> promise(std::in_place);
    promise->start();
    const auto wait = [](CancelScope scope, QFuture<int> future) -> QCoro::Task<int> {
        const int value = co_await scope.cancellable(future);
        co_return value;
    };
    auto task = wait(CancelScope(), promise->future());
    turn(2);
    promise.reset();
    QCOMPARE(outcomeOf(std::move(task)), QStringLiteral("BrokenResourceError"));
}

void tst_ForeignWaits::cancelledScopeCancelsTheFuture_data()
{
    QTest::addColumn<bool>("before");
    QTest::newRow("before") << true;
    QTest::newRow("during") << false;
}

void tst_ForeignWaits::cancelledScopeCancelsTheFuture()
{
    QFETCH(bool, before);

    QPromise<int> promise; // never finished
    promise.start();
    const CancelScope scope;
    const auto wait = [&]() -> QCoro::Task<int> {
        const int value = co_await scope.cancellable(promise.future());
        co_return value;
    };
    if (before)
        scope.cancel(QStringLiteral("enough"));
    auto task = wait();
    if (!before) {
        turn(2);
        QVERIFY(!promise.isCanceled());
        scope.cancel(QStringLiteral("enough"));
    }
    QCOMPARE(outcomeOf(std::move(task)), QStringLiteral("Cancelled(enough)"));
    QVERIFY(promise.isCanceled());
}

void tst_ForeignWaits::finishedFutureInACancelledScope()
{
    QPromise<int> promise;
    promise.start();
    promise.addResult(7);
    promise.finish();
    const CancelScope scope;
    scope.cancel(QStringLiteral("enough"));
    const auto wait = [&]() -> QCoro::Task<int> {
        const int value = co_await scope.cancellable(promise.future());
        co_return value;
    };
    QCOMPARE(outcomeOf(wait()), QStringLiteral("Cancelled(enough)"));
    QCOMPARE(promise.future().result(), 7); // invariant 2: nothing is lost
}

// A refused wait leaves the future alone: nobody has cancelled anything.
void tst_ForeignWaits::futureIsNotCancelledByAWrongThread()
{
    QPromise<int> promise;
    promise.start();
    const auto wait = [](CancelScope scope, QFuture<int> future) -> QCoro::Task<> {
        co_await scope.cancellable(future);
    };
    QString outcome;
    std::thread([&] { outcome = record(wait(CancelScope(), promise.future()))->outcome(); }).join();
    QCOMPARE(outcome, QStringLiteral("WrongThreadError"));
    QVERIFY(!promise.isCanceled());
    promise.finish();
}

void tst_ForeignWaits::severalWaitForOneFuture()
{
    QPromise<int> promise;
    promise.start();
    QList<int> values;
    const auto wait = [&](CancelScope scope) -> QCoro::Task<> {
        const int value = co_await scope.cancellable(promise.future());
        values += value;
    };
    for (int i = 0; i < 10; ++i)
        wait(CancelScope());
    promise.addResult(7);
    promise.finish();
    QTRY_COMPARE(values, QList<int>(10, 7));
}

void tst_ForeignWaits::abandonedTaskRunsOn()
{
    const Trigger trigger;
    const CancelScope scope;
    bool ranOn = false;
    const auto foreign = [&]() -> QCoro::Task<> {
        co_await trigger;
        ranOn = true;
    };
    const auto wait = [&]() -> QCoro::Task<> { co_await scope.abandonOnCancel(foreign()); };
    const auto waiter = record(wait());
    turn(2);
    scope.cancel(QStringLiteral("enough"));
    QTRY_COMPARE(waiter->outcome(), QStringLiteral("Cancelled(enough)"));
    QVERIFY(!ranOn);
    trigger.fire();
    QVERIFY(ranOn);
    turn(3);
}

void tst_ForeignWaits::abandonedTaskOwnsItsResult()
{
    const Trigger trigger;
    const CancelScope scope;
    std::atomic<int> alive = 0;
    const auto foreign = [&]() -> QCoro::Task<std::shared_ptr<Tests::Probe>> {
        auto value = std::make_shared<Tests::Probe>(alive);
        co_await trigger;
        co_return value;
    };
    const auto wait = [&]() -> QCoro::Task<> {
        auto task = foreign();
        co_await scope.abandonOnCancel(std::move(task));
    };
    const auto waiter = record(wait());
    scope.cancel();
    QTRY_VERIFY(waiter->isDone());
    QCOMPARE(alive.load(), 1);
    trigger.fire();
    QTRY_COMPARE(alive.load(), 0); // a result that comes too late is destroyed
}

void tst_ForeignWaits::taskGivesItsValueOrItsError()
{
    const CancelScope scope;
    const auto gives = []() -> QCoro::Task<std::unique_ptr<int>> {
        co_await CancelScope().sleep(1ms);
        co_return std::make_unique<int>(7);
    };
    const auto fails = []() -> QCoro::Task<int> {
        co_await CancelScope().sleep(1ms);
        throw Tests::failure("boom");
    };
    const auto waitForValue = [&]() -> QCoro::Task<std::unique_ptr<int>> {
        auto value = co_await scope.abandonOnCancel(gives());
        co_return std::move(value);
    };
    const auto waitForError = [&]() -> QCoro::Task<int> {
        const int value = co_await scope.abandonOnCancel(fails());
        co_return value;
    };
    QCOMPARE(outcomeOf(waitForValue()), QStringLiteral("7"));
    QCOMPARE(outcomeOf(waitForError()), QStringLiteral("boom"));
}

void tst_ForeignWaits::taskThatHasEndedAlready()
{
    const CancelScope scope;
    const auto ended = []() -> QCoro::Task<int> { co_return 7; };
    const auto wait = [&]() -> QCoro::Task<int> {
        const int value = co_await scope.abandonOnCancel(ended());
        co_return value;
    };
    QCOMPARE(outcomeOf(wait()), QStringLiteral("7"));
}

void tst_ForeignWaits::cancelledBeforeIsNotAwaited()
{
    const Trigger trigger;
    const CancelScope scope;
    scope.cancel(QStringLiteral("enough"));
    const auto wait = [&]() -> QCoro::Task<> { co_await scope.abandonOnCancel(trigger); };
    QCOMPARE(outcomeOf(wait()), QStringLiteral("Cancelled(enough)"));
    QCOMPARE(trigger.awaited(), 0);
}

void tst_ForeignWaits::timersAndDurations()
{
    const CancelScope scope;
    QTimer timer;
    timer.start(1);
    const auto pointer = [&]() -> QCoro::Task<> { co_await scope.abandonOnCancel(&timer); };
    QCOMPARE(outcomeOf(pointer()), QStringLiteral("ended"));
    const auto qcoros = [&]() -> QCoro::Task<> { co_await scope.abandonOnCancel(QCoro::sleepFor(1ms)); };
    QCOMPARE(outcomeOf(qcoros()), QStringLiteral("ended"));
}

void tst_ForeignWaits::otherAwaitablesOfQCoro()
{
    const CancelScope scope;
    QProcess process;
    const QStringList arguments{QStringLiteral("-functions")};
    const auto run = [&]() -> QCoro::Task<int> {
        co_await scope.abandonOnCancel(
            qCoro(process).start(QCoreApplication::applicationFilePath(), arguments));
        co_await scope.abandonOnCancel(qCoro(process).waitForFinished());
        co_return process.exitCode();
    };
    QCOMPARE(outcomeOf(run()), QStringLiteral("0"));

    QPromise<int> promise;
    promise.start();
    promise.addResult(7);
    promise.finish();
    const auto future = [&]() -> QCoro::Task<int> {
        const int value = co_await scope.abandonOnCancel(promise.future());
        co_return value;
    };
    QCOMPARE(outcomeOf(future()), QStringLiteral("7"));
}

// qcoro#213
void tst_ForeignWaits::resumedElsewhereStillComesBack()
{
    const Trigger trigger;
    const CancelScope scope;
    const auto foreign = [&]() -> QCoro::Task<int> {
        co_await trigger;
        co_return 7;
    };
    QThread *resumedOn = nullptr;
    const auto wait = [&]() -> QCoro::Task<int> {
        const int value = co_await scope.abandonOnCancel(foreign());
        resumedOn = QThread::currentThread();
        co_return value;
    };
    auto task = wait();
    std::thread([&] { trigger.fire(); }).join();
    QCOMPARE(outcomeOf(std::move(task)), QStringLiteral("7"));
    QCOMPARE(resumedOn, QThread::currentThread());
}

void tst_ForeignWaits::abandonedAwaitableMayEndAfterTheLoop()
{
    const Trigger trigger;
    Tests::RecorderPtr waiter;
    {
        Tests::Looper thread;
        const auto wait = [](CancelScope scope, Trigger foreign) -> QCoro::Task<> {
            co_await scope.abandonOnCancel(foreign);
        };
        thread.call([&] { waiter = record(wait(CancelScope(), trigger)); });
    }
    QCOMPARE(waiter->outcome(), QStringLiteral("Cancelled(the event loop has ended)"));
    trigger.fire();
}

QTEST_GUILESS_MAIN(tst_ForeignWaits)
#include "tst_foreignwaits.moc"
