// SPDX-License-Identifier: Apache-2.0
#include "../shared/looper.h"
#include "../shared/messagelog.h"
#include "../shared/recorder.h"

#include <MicroIO/CancelScope>

#include <QPromise>
#include <QtTest/QtTest>

#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::From;
using Tests::outcomeOf;
using Tests::record;
using Tests::turn;

// QT-06
/// cancellable(QFuture).
class tst_FutureWaits : public QObject
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

private:
    std::optional<Tests::MessageLog> m_log;
};

void tst_FutureWaits::futureGivesItsValue_data()
{
    QTest::addColumn<From>("from");
    QTest::addColumn<bool>("before");
    for (const auto from : {From::OwnLoop, From::OtherLoop, From::PlainThread}) {
        QTest::addRow("finished before, by %s", Tests::nameOf(from)) << from << true;
        QTest::addRow("finished later, by %s", Tests::nameOf(from)) << from << false;
    }
}

void tst_FutureWaits::futureGivesItsValue()
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

void tst_FutureWaits::futureOfVoid()
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

void tst_FutureWaits::futureThatCannotBeCopied()
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

void tst_FutureWaits::futureWithAnException_data()
{
    QTest::addColumn<bool>("before");
    QTest::newRow("before") << true;
    QTest::newRow("later") << false;
}

void tst_FutureWaits::futureWithAnException()
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

void tst_FutureWaits::futureCancelledByOthers_data()
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

void tst_FutureWaits::futureCancelledByOthers()
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

void tst_FutureWaits::defaultConstructedFuture()
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

void tst_FutureWaits::futureWhosePromiseIsDropped()
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

void tst_FutureWaits::cancelledScopeCancelsTheFuture_data()
{
    QTest::addColumn<bool>("before");
    QTest::newRow("before") << true;
    QTest::newRow("during") << false;
}

void tst_FutureWaits::cancelledScopeCancelsTheFuture()
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

void tst_FutureWaits::finishedFutureInACancelledScope()
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
void tst_FutureWaits::futureIsNotCancelledByAWrongThread()
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

void tst_FutureWaits::severalWaitForOneFuture()
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

QTEST_GUILESS_MAIN(tst_FutureWaits)
#include "tst_futurewaits.moc"
