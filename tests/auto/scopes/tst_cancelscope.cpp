// SPDX-License-Identifier: Apache-2.0
#include "../shared/messagelog.h"
#include "../shared/recorder.h"

#include <MicroIO/CancelScope>
#include <MicroIO/CloseScope>
#include <MicroIO/TaskGroup>
#include <MicroIO/Timeouts>

#include <QtTest/QtTest>

#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::outcomeOf;
using Tests::record;
using Tests::thrownBy;
using Tests::turn;

/// The scope itself. What holds for every wait is in tst_allwaits, who lives how long in tst_scopelifetimes.
class tst_CancelScope : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void firstCancelCounts();
    void freshScopeIsNotCancelled();
    void childrenAreCancelledWithTheReason();
    void cancellationGoesDownOnly();
    void childOfACancelledScopeIsBornCancelled();
    void codeUpToTheFirstWaitRuns();
    void cancellingOneselfChangesNothingUntilTheWait();
    void swallowAndFinish();
    void handMadeCancelledIsNotAbsorbed_data();
    void handMadeCancelledIsNotAbsorbed();
    void firstCauseStands_data();
    void firstCauseStands();
    void throwIfCancelledThrows();
    void catchOfStdExceptionDoesNotSwallowIt();
    void copiesAreTheSameScope();
    void cancelledFromManyThreadsOnce();

private:
    std::optional<Tests::MessageLog> m_log;
};

// CS-01
void tst_CancelScope::firstCancelCounts()
{
    const CancelScope scope;
    QVERIFY(scope.cancel(QStringLiteral("a")));
    QVERIFY(!scope.cancel(QStringLiteral("b")));
    QVERIFY(scope.isCancelled());
    QCOMPARE(scope.reason(), QStringLiteral("a"));
    QVERIFY(!scope.timedOut());
}

void tst_CancelScope::freshScopeIsNotCancelled()
{
    const CancelScope scope;
    QVERIFY(!scope.isCancelled());
    QCOMPARE(scope.reason(), QString());
    QVERIFY(!scope.timedOut());
    QCOMPARE(scope.deadline(), Deadline::max());
    scope.throwIfCancelled();
}

void tst_CancelScope::childrenAreCancelledWithTheReason()
{
    const CancelScope scope;
    const CancelScope child = scope.child();
    const CancelScope grandchild = child.child();
    scope.cancel(QStringLiteral("enough"));
    for (const CancelScope &below : {child, grandchild}) {
        QVERIFY(below.isCancelled());
        QCOMPARE(below.reason(), QStringLiteral("enough"));
        QVERIFY(!below.cancel(QStringLiteral("again")));
        QCOMPARE(below.reason(), QStringLiteral("enough"));
    }
}

// CS-07
void tst_CancelScope::cancellationGoesDownOnly()
{
    const CancelScope root;
    const CancelScope first = root.child(), second = root.child();
    const CancelScope grandchild = first.child();
    const auto sleep = [](CancelScope scope) -> QCoro::Task<> { co_await scope.sleep(1h); };
    const auto onRoot = record(sleep(root)), onSecond = record(sleep(second)),
               below = record(sleep(grandchild));

    first.cancel(QStringLiteral("first"));
    QTRY_VERIFY(below->isDone());
    QCOMPARE(below->outcome(), QStringLiteral("Cancelled(first)"));
    turn(3);
    QVERIFY(!onRoot->isDone());
    QVERIFY(!onSecond->isDone());
    QVERIFY(!root.isCancelled());
    QVERIFY(!second.isCancelled());
    root.cancel();
    QTRY_VERIFY(onRoot->isDone() && onSecond->isDone());
}

// CS-05
void tst_CancelScope::childOfACancelledScopeIsBornCancelled()
{
    const CancelScope scope;
    scope.cancel(QStringLiteral("before"));
    const CancelScope child = scope.child();
    QVERIFY(child.isCancelled());
    QCOMPARE(child.reason(), QStringLiteral("before"));
    const CancelScope later = scope.child(now() + 1h);
    QVERIFY(later.isCancelled());
    QVERIFY(!later.timedOut());
}

void tst_CancelScope::codeUpToTheFirstWaitRuns()
{
    const CancelScope scope;
    scope.cancel(QStringLiteral("before"));
    QStringList log;
    const auto body = [&](CancelScope own) -> QCoro::Task<> {
        log += QStringLiteral("in");
        co_await own.checkpoint();
        log += QStringLiteral("after");
    };
    QCOMPARE(outcomeOf(body(scope.child())), QStringLiteral("Cancelled(before)"));
    QCOMPARE(outcomeOf(moveOnAfter(scope, 1h, body)), QStringLiteral("Cancelled(before)"));
    QCOMPARE(log, (QStringList{QStringLiteral("in"), QStringLiteral("in")}));
}

// CS-06
void tst_CancelScope::cancellingOneselfChangesNothingUntilTheWait()
{
    const CancelScope scope;
    const auto waits = [&](CancelScope own) -> QCoro::Task<int> {
        own.cancel(QStringLiteral("myself"));
        int sum = 0;
        for (int i = 0; i < 100; ++i)
            sum += i;
        co_await own.checkpoint();
        co_return sum;
    };
    QCOMPARE(outcomeOf(waits(scope.child())), QStringLiteral("Cancelled(myself)"));
    const auto neverWaits = [&](CancelScope own) -> QCoro::Task<int> {
        own.cancel(QStringLiteral("myself"));
        co_return 5;
    };
    QCOMPARE(outcomeOf(neverWaits(scope.child())), QStringLiteral("5"));
    QCOMPARE(outcomeOf(moveOnAfter(scope, 1h, neverWaits)), QStringLiteral("5"));
}

// CS-03
void tst_CancelScope::swallowAndFinish()
{
    const CancelScope scope;
    bool stillCancelled = false;
    const auto body = [&](CancelScope own) -> QCoro::Task<int> {
        own.cancel();
        try {
            co_await own.sleep(1h);
        } catch (const Cancelled &) {
        }
        stillCancelled = own.isCancelled();
        co_return 5;
    };
    QCOMPARE(outcomeOf(moveOnAfter(scope, 1h, body)), QStringLiteral("5"));
    QVERIFY(stillCancelled);
}

// CS-12
void tst_CancelScope::handMadeCancelledIsNotAbsorbed_data()
{
    QTest::addColumn<bool>("timedOut");
    QTest::newRow("as by somebody") << false;
    QTest::newRow("as by a deadline") << true;
}

void tst_CancelScope::handMadeCancelledIsNotAbsorbed()
{
    QFETCH(bool, timedOut);
    const auto expected = timedOut ? QStringLiteral("Cancelled(deadline)")
                                   : QStringLiteral("Cancelled(by hand)");

    const CancelScope scope;
    const auto body = [&](CancelScope) -> QCoro::Task<int> {
        throw Cancelled(QStringLiteral("by hand"), timedOut);
        co_return 1;
    };
    QCOMPARE(outcomeOf(moveOnAfter(scope, 1h, body)), expected);
    QCOMPARE(outcomeOf(failAfter(scope, 1h, body)), expected);
    QVERIFY(!scope.isCancelled());
}

// CS-19, D3
void tst_CancelScope::firstCauseStands_data()
{
    using Cause = std::function<void(const CancelScope &, const CancelScope &)>;
    const Cause explicitly = [](const CancelScope &, const CancelScope &own) {
        own.cancel(QStringLiteral("own"));
    };
    const Cause parent = [](const CancelScope &above, const CancelScope &) {
        above.cancel(QStringLiteral("above"));
    };
    const Cause deadline = [](const CancelScope &, const CancelScope &own) { own.setDeadline(now()); };
    const Cause parentsDeadline = [](const CancelScope &above, const CancelScope &) {
        above.setDeadline(now());
    };
    const Cause postpone = [](const CancelScope &above, const CancelScope &own) {
        above.setDeadline(now() + 1h);
        own.setDeadline(now() + 1h);
    };
    const Cause remove = [](const CancelScope &above, const CancelScope &own) {
        above.setDeadline(Deadline::max());
        own.setDeadline(Deadline::max());
    };

    QTest::addColumn<QList<Cause>>("causes");
    QTest::addColumn<QString>("reason");
    QTest::addColumn<bool>("timedOut");
    const auto own = QStringLiteral("own"), above = QStringLiteral("above");
    const auto passed = QStringLiteral("the deadline has passed");
    QTest::newRow("explicit, deadline, parent") << QList{explicitly, deadline, parent} << own << false;
    QTest::newRow("parent, explicit, deadline") << QList{parent, explicitly, deadline} << above << false;
    QTest::newRow("deadline, parent, explicit") << QList{deadline, parent, explicitly} << passed << true;
    QTest::newRow("parent's deadline, explicit") << QList{parentsDeadline, explicitly} << passed << false;
    QTest::newRow("explicit, postponed") << QList{explicitly, postpone} << own << false;
    QTest::newRow("deadline, postponed") << QList{deadline, postpone, explicitly} << passed << true;
    QTest::newRow("deadline, removed") << QList{deadline, remove, parent} << passed << true;
}

void tst_CancelScope::firstCauseStands()
{
    using Cause = std::function<void(const CancelScope &, const CancelScope &)>;
    QFETCH(QList<Cause>, causes);
    QFETCH(QString, reason);
    QFETCH(bool, timedOut);

    const CancelScope parent;
    const CancelScope scope = parent.child(now() + 24h);
    const auto sleep = [](CancelScope own) -> QCoro::Task<> { co_await own.sleep(1h); };
    QStringList told;
    for (const Cause &cause : causes) {
        cause(parent, scope);
        QVERIFY(scope.isCancelled());
        QCOMPARE(scope.reason(), reason);
        QCOMPARE(scope.timedOut(), timedOut);
        told += outcomeOf(sleep(scope));
    }
    QCOMPARE(told, QStringList(told.size(), timedOut ? QStringLiteral("Cancelled(deadline)")
                                                     : QStringLiteral("Cancelled(%1)").arg(reason)));
}

void tst_CancelScope::throwIfCancelledThrows()
{
    const CancelScope scope;
    scope.throwIfCancelled();
    scope.cancel(QStringLiteral("enough"));
    for (int i = 0; i < 3; ++i)
        QCOMPARE(thrownBy([&] { scope.throwIfCancelled(); }), QStringLiteral("Cancelled(enough)"));
}

void tst_CancelScope::catchOfStdExceptionDoesNotSwallowIt()
{
    const CancelScope scope;
    scope.cancel();
    bool swallowed = false;
    const auto retry = [&]() -> QCoro::Task<> {
        try {
            co_await scope.checkpoint();
        } catch (const std::exception &) {
            swallowed = true;
        }
    };
    QCOMPARE(outcomeOf(retry()), QStringLiteral("Cancelled()"));
    QVERIFY(!swallowed);
}

void tst_CancelScope::copiesAreTheSameScope()
{
    const CancelScope scope, other;
    const CancelScope copy = scope; // NOLINT: the copy is what is tested
    QVERIFY(copy == scope);
    QVERIFY(!(copy == other));
    copy.cancel(QStringLiteral("by the copy"));
    QCOMPARE(scope.reason(), QStringLiteral("by the copy"));
    QVERIFY(!other.isCancelled());
}

void tst_CancelScope::cancelledFromManyThreadsOnce()
{
    for (int round = 0; round < 20; ++round) {
        const CancelScope scope;
        std::atomic<int> first = 0;
        std::atomic<bool> go = false;
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&, i] {
                while (!go) {}
                first += scope.cancel(QString::number(i));
            });
        }
        go = true;
        for (auto &thread : threads)
            thread.join();
        QCOMPARE(first.load(), 1);
    }
}

QTEST_GUILESS_MAIN(tst_CancelScope)
#include "tst_cancelscope.moc"
