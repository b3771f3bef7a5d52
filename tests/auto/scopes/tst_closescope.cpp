// SPDX-License-Identifier: Apache-2.0
#include "../shared/looper.h"
#include "../shared/messagelog.h"
#include "../shared/recorder.h"

#include <MicroIO/CloseScope>

#include <QtTest/QtTest>

#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::outcomeOf;
using Tests::record;
using Tests::thrownBy;
using Tests::turn;

enum class End { Close, Fail };

// CL-01
class tst_CloseScope : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void openScope();
    void firstEndWins_data();
    void firstEndWins();
    void throwIfClosedTellsHowItEnded();
    void causeIsReachable();
    void failureWithoutACauseOrAReason();
    void causesTextIsTheReason();
    void blockedThreadsAreWoken_data();
    void blockedThreadsAreWoken();
    void waitEndsAtItsLimit_data();
    void waitEndsAtItsLimit();
    void waitWithAnEndlessLimit_data();
    void waitWithAnEndlessLimit();
    void suspendedCoroutinesAreWoken_data();
    void suspendedCoroutinesAreWoken();
    void closingCancelsNobody();
    void copiesAreTheSameScope();
    void endedByManyThreadsOnce();
    void onClosedIsCalledOnTheContextsThread_data();
    void onClosedIsCalledOnTheContextsThread();
    void onClosedOfAnEndedScope();
    void onClosedIsNotCalledInside();
    void disconnectedCallbackIsNotCalled();
    void callbackIsGoneWithItsContext();
    void callbackThatThrowsIsLogged();
    void badCallbacksAreRefused();

private:
    std::optional<Tests::MessageLog> m_log;
};

namespace {

std::exception_ptr failure(const char *text)
{
    return std::make_exception_ptr(Tests::failure(text));
}

} // namespace

void tst_CloseScope::openScope()
{
    const CloseScope scope;
    QVERIFY(!scope.isClosed());
    QVERIFY(!scope.isFailed());
    QVERIFY(scope.reason().isEmpty());
    QVERIFY(!scope.exception());
    QVERIFY(!scope.wait(QDeadlineTimer(0)));
    scope.throwIfClosed();
}

void tst_CloseScope::firstEndWins_data()
{
    QTest::addColumn<QList<End>>("ends");
    QTest::addColumn<bool>("failed");
    QTest::newRow("close") << QList{End::Close} << false;
    QTest::newRow("fail") << QList{End::Fail} << true;
    QTest::newRow("close, close") << QList{End::Close, End::Close} << false;
    QTest::newRow("close, fail") << QList{End::Close, End::Fail} << false;
    QTest::newRow("fail, close") << QList{End::Fail, End::Close} << true;
    QTest::newRow("fail, fail") << QList{End::Fail, End::Fail} << true;
}

void tst_CloseScope::firstEndWins()
{
    QFETCH(QList<End>, ends);
    QFETCH(bool, failed);

    CloseScope scope;
    std::exception_ptr first;
    for (qsizetype i = 0; i < ends.size(); ++i) {
        const auto error = failure("boom");
        if (i == 0 && ends.at(0) == End::Fail)
            first = error;
        const auto reason = QString::number(i);
        const bool won = ends.at(i) == End::Close ? scope.close(reason) : scope.fail(error, reason);
        QCOMPARE(won, i == 0);
    }
    QVERIFY(scope.isClosed());
    QCOMPARE(scope.isFailed(), failed);
    QCOMPARE(scope.reason(), QStringLiteral("0"));
    QVERIFY(scope.exception() == first);
}

void tst_CloseScope::throwIfClosedTellsHowItEnded()
{
    CloseScope closed, failed;
    closed.close(QStringLiteral("no more work"));
    failed.fail(failure("disk full"));
    for (int i = 0; i < 2; ++i) {
        QVERIFY_THROWS_EXCEPTION(ClosedResourceError, closed.throwIfClosed());
        QVERIFY_THROWS_EXCEPTION(BrokenResourceError, failed.throwIfClosed());
    }
    try {
        closed.throwIfClosed();
    } catch (const Error &e) {
        QCOMPARE(e.message(), QStringLiteral("closed: no more work"));
    }
}

void tst_CloseScope::causeIsReachable()
{
    CloseScope scope;
    scope.fail(failure("disk full"), QStringLiteral("the writer failed"));
    QString nested;
    try {
        scope.throwIfClosed();
    } catch (const BrokenResourceError &e) {
        QCOMPARE(e.message(), QStringLiteral("the writer failed"));
        nested = thrownBy([&] { std::rethrow_if_nested(e); });
        QCOMPARE(describe(std::current_exception()), QStringLiteral("the writer failed: disk full"));
    }
    QCOMPARE(nested, QStringLiteral("disk full"));
    QCOMPARE(Tests::errorText(scope.exception()), QStringLiteral("disk full"));
}

void tst_CloseScope::failureWithoutACauseOrAReason()
{
    CloseScope scope;
    QVERIFY(scope.fail(nullptr));
    QVERIFY(scope.isFailed());
    QVERIFY(!scope.exception());
    try {
        scope.throwIfClosed();
        QFAIL("nothing thrown");
    } catch (const BrokenResourceError &e) {
        QVERIFY(!e.message().isEmpty());
    }
}

void tst_CloseScope::causesTextIsTheReason()
{
    CloseScope scope;
    scope.fail(failure("disk full"));
    QCOMPARE(scope.reason(), QStringLiteral("disk full"));
}

void tst_CloseScope::blockedThreadsAreWoken_data()
{
    QTest::addColumn<End>("end");
    QTest::newRow("closed") << End::Close;
    QTest::newRow("failed") << End::Fail;
}

void tst_CloseScope::blockedThreadsAreWoken()
{
    QFETCH(End, end);

    CloseScope scope;
    std::atomic<int> blocked = 0, woken = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
        threads.emplace_back([&, i] {
            ++blocked;
            woken += i == 0 ? scope.wait() : scope.wait(QDeadlineTimer(std::chrono::seconds(60)));
        });
    }
    QTRY_COMPARE(blocked.load(), 3);
    QCOMPARE(woken.load(), 0);
    end == End::Close ? scope.close() : scope.fail(nullptr);
    for (auto &thread : threads)
        thread.join();
    QCOMPARE(woken.load(), 3);
    QVERIFY(scope.wait());
    QVERIFY(scope.wait(QDeadlineTimer(0)));
}

void tst_CloseScope::waitEndsAtItsLimit_data()
{
    QTest::addColumn<QDeadlineTimer>("limit");
    QTest::addColumn<int>("least");
    QTest::newRow("now") << QDeadlineTimer(0) << 0;
    QTest::newRow("20 ms") << QDeadlineTimer(20) << 20;
    QTest::newRow("negative") << QDeadlineTimer(std::chrono::hours(-1)) << 0;
}

void tst_CloseScope::waitEndsAtItsLimit()
{
    QFETCH(QDeadlineTimer, limit);
    QFETCH(int, least);

    if (least)
        limit.setRemainingTime(least, Qt::PreciseTimer); // the clock of a row starts when the table is made
    const CloseScope scope;
    // Real time: the limit of a real clock (see tst_testclock for virtual ones).
    QElapsedTimer timer;
    timer.start();
    QVERIFY(!scope.wait(limit));
    QVERIFY(timer.elapsed() >= least);
    QVERIFY(timer.elapsed() < 10'000);
}

// Bad input: huge durations
void tst_CloseScope::waitWithAnEndlessLimit_data()
{
    QTest::addColumn<QDeadlineTimer>("limit");
    QTest::newRow("for ever") << QDeadlineTimer(QDeadlineTimer::Forever);
    QTest::newRow("longest of nanoseconds") << QDeadlineTimer(std::chrono::nanoseconds::max());
    QTest::newRow("longest of hours") << QDeadlineTimer(std::chrono::hours(24 * 365 * 250));
    QTest::newRow("longest of milliseconds") << QDeadlineTimer(std::numeric_limits<qint64>::max());
}

void tst_CloseScope::waitWithAnEndlessLimit()
{
    QFETCH(QDeadlineTimer, limit);

    CloseScope scope;
    std::thread closing([&] {
        // Real time: the limits of a real clock, and nothing tells when the thread has begun to wait.
        QTest::qSleep(20);
        scope.close();
    });
    const bool ended = scope.wait(limit);
    closing.join();
    QVERIFY(ended);
}

void tst_CloseScope::suspendedCoroutinesAreWoken_data()
{
    QTest::addColumn<End>("end");
    QTest::addColumn<Tests::From>("from");
    for (const auto from : {Tests::From::OwnLoop, Tests::From::OtherLoop, Tests::From::PlainThread}) {
        QTest::addRow("closed from %s", Tests::nameOf(from)) << End::Close << from;
        QTest::addRow("failed from %s", Tests::nameOf(from)) << End::Fail << from;
    }
}

void tst_CloseScope::suspendedCoroutinesAreWoken()
{
    QFETCH(End, end);
    QFETCH(Tests::From, from);

    CloseScope scope;
    const auto wait = [&]() -> QCoro::Task<> { co_await scope.closed(CancelScope()); };
    std::vector<Tests::RecorderPtr> waiters;
    for (int i = 0; i < 10; ++i)
        waiters.push_back(record(wait()));
    turn(2);
    Tests::doFrom(from, [&] { end == End::Close ? scope.close() : scope.fail(nullptr); });
    for (const auto &waiter : waiters) {
        QTRY_VERIFY(waiter->isDone());
        QCOMPARE(waiter->outcome(), QStringLiteral("ended"));
    }
    QCOMPARE(outcomeOf(wait()), QStringLiteral("ended"));
}

void tst_CloseScope::closingCancelsNobody()
{
    CloseScope closeScope;
    const CancelScope scope;
    const auto body = [&]() -> QCoro::Task<> {
        co_await closeScope.closed(scope);
        co_await scope.checkpoint();
    };
    const auto waiter = record(body());
    closeScope.fail(failure("boom"));
    QTRY_VERIFY(waiter->isDone());
    QCOMPARE(waiter->outcome(), QStringLiteral("ended"));
    QVERIFY(!scope.isCancelled());
}

// invariant 12
void tst_CloseScope::copiesAreTheSameScope()
{
    std::optional<CloseScope> original(std::in_place);
    CloseScope copy = *original;
    const CloseScope other;
    QVERIFY(copy == *original);
    QVERIFY(!(copy == other));
    original->close(QStringLiteral("done"));
    original.reset();
    QVERIFY(copy.isClosed());
    QCOMPARE(copy.reason(), QStringLiteral("done"));
    QVERIFY(!copy.close());
}

void tst_CloseScope::endedByManyThreadsOnce()
{
    for (int round = 0; round < 50; ++round) {
        CloseScope scope;
        std::atomic<int> won = 0;
        std::atomic<int> winner = -1;
        std::atomic<bool> go = false;
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&, i] {
                while (!go) {}
                const auto reason = QString::number(i);
                if (i % 2 ? scope.close(reason) : scope.fail(nullptr, reason)) {
                    ++won;
                    winner = i;
                }
            });
        }
        go = true;
        for (auto &thread : threads)
            thread.join();
        QCOMPARE(won.load(), 1);
        QCOMPARE(scope.reason(), QString::number(winner));
        QCOMPARE(scope.isFailed(), winner % 2 == 0);
    }
}

void tst_CloseScope::onClosedIsCalledOnTheContextsThread_data()
{
    QTest::addColumn<Tests::From>("from");
    for (const auto from : {Tests::From::OwnLoop, Tests::From::OtherLoop, Tests::From::PlainThread})
        QTest::newRow(Tests::nameOf(from)) << from;
}

void tst_CloseScope::onClosedIsCalledOnTheContextsThread()
{
    QFETCH(Tests::From, from);

    CloseScope scope;
    QObject context;
    QList<QThread *> calledOn;
    scope.onClosed(&context, [&] { calledOn += QThread::currentThread(); });
    Tests::doFrom(from, [&] { scope.close(); });
    QTRY_COMPARE(calledOn, QList{QThread::currentThread()});
    turn(3);
    QCOMPARE(calledOn.size(), 1);
}

void tst_CloseScope::onClosedOfAnEndedScope()
{
    CloseScope scope;
    scope.close();
    QObject context;
    int called = 0;
    scope.onClosed(&context, [&] { ++called; });
    QCOMPARE(called, 0);
    QTRY_COMPARE(called, 1);
}

// D13
void tst_CloseScope::onClosedIsNotCalledInside()
{
    CloseScope scope;
    QObject context;
    bool called = false;
    scope.onClosed(&context, [&] { called = true; });
    scope.close();
    QVERIFY(!called);
    QTRY_VERIFY(called);
}

void tst_CloseScope::disconnectedCallbackIsNotCalled()
{
    CloseScope scope;
    QObject context;
    int called = 0;
    const auto before = scope.onClosed(&context, [&] { ++called; });
    const auto late = scope.onClosed(&context, [&] { ++called; });
    QVERIFY(before.isActive());
    QVERIFY(before.disconnect());
    QVERIFY(!before.isActive());
    QVERIFY(!before.disconnect());
    scope.close();
    QVERIFY(late.disconnect()); // its call is on its way
    turn(3);
    QCOMPARE(called, 0);
}

void tst_CloseScope::callbackIsGoneWithItsContext()
{
    std::atomic<int> alive = 0;
    CloseScope scope;
    int called = 0;
    {
        QObject context;
        const auto callback = [probe = Tests::Probe(alive), &called] { ++called; };
        const auto subscription = scope.onClosed(&context, callback);
        QVERIFY(subscription.isActive());
    }
    QCOMPARE(alive.load(), 0);
    auto late = std::make_unique<QObject>();
    scope.onClosed(late.get(), [&] { ++called; });
    scope.close();
    late.reset();
    turn(3);
    QCOMPARE(called, 0);
}

// QT-07
void tst_CloseScope::callbackThatThrowsIsLogged()
{
    CloseScope scope;
    QObject context;
    bool called = false;
    scope.onClosed(&context, [] { throw Tests::failure("boom"); });
    scope.onClosed(&context, [&] { called = true; });
    scope.close();
    QTRY_VERIFY(called);
    QCOMPARE(m_log->take(), QStringList{QStringLiteral("critical microio.scope: A callback threw: boom")});
}

// Bad input
void tst_CloseScope::badCallbacksAreRefused()
{
    const CloseScope scope;
    QObject context;
    QVERIFY_THROWS_EXCEPTION(std::invalid_argument, scope.onClosed(nullptr, [] {}));
    QVERIFY_THROWS_EXCEPTION(std::invalid_argument, scope.onClosed(&context, {}));
    QVERIFY_THROWS_EXCEPTION(std::invalid_argument, scope.onClosed(&context, nullptr));
}

QTEST_GUILESS_MAIN(tst_CloseScope)
#include "tst_closescope.moc"
