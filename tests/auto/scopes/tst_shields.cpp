// SPDX-License-Identifier: Apache-2.0
#include "../shared/messagelog.h"
#include "../shared/recorder.h"

#include <MicroIO/CancelScope>
#include <MicroIO/CloseScope>
#include <MicroIO/TaskGroup>
#include <MicroIO/TestClock>
#include <MicroIO/Timeouts>

#include <QtTest/QtTest>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::outcomeOf;
using Tests::record;
using Tests::turn;

class tst_Shields : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void shieldedCleanupThenTheTruth();
    void shieldHearsItsOwn_data();
    void shieldHearsItsOwn();
    void shieldOfACancelledScopeIsNotCancelled();
    void parentsDeadlineDoesNotReachTheShield();
    void deadlineOfTheShieldItself();
    void bodyShieldedChildrenNot();
    void shieldDoesNotRubOff();
    void shieldInAShield();
    void runnerAbsorbsByTheScopeItWasGiven();

private:
    std::optional<Tests::MessageLog> m_log;
};

// SH-01
void tst_Shields::shieldedCleanupThenTheTruth()
{
    const TestClock clock;
    const CancelScope scope;
    QStringList log;
    const auto body = [&](CancelScope own) -> QCoro::Task<> {
        bool cancelled = false;
        try {
            co_await own.sleep(1h);
        } catch (const Cancelled &) {
            cancelled = true;
        }
        if (cancelled) {
            const CancelScope shield = own.shielded();
            co_await shield.sleep(1s);
            log += QStringLiteral("cleaned up");
        }
        co_await own.checkpoint();
        log += QStringLiteral("not reached");
    };
    const auto ended = record(body(scope));
    scope.cancel(QStringLiteral("enough"));
    QTRY_VERIFY(ended->isDone());
    QCOMPARE(ended->outcome(), QStringLiteral("Cancelled(enough)"));
    QCOMPARE(log, QStringList{QStringLiteral("cleaned up")});
    QCOMPARE(clock.elapsed(), 1s);
}

// SH-02
void tst_Shields::shieldHearsItsOwn_data()
{
    QTest::addColumn<bool>("nested");
    QTest::newRow("the shield") << false;
    QTest::newRow("a scope in it") << true;
}

void tst_Shields::shieldHearsItsOwn()
{
    QFETCH(bool, nested);

    const CancelScope outer;
    const CancelScope shield = outer.shielded();
    const CancelScope inside = shield.child();
    const auto sleep = [](CancelScope own) -> QCoro::Task<> { co_await own.sleep(1h); };
    const auto sleeper = record(sleep(inside));
    (nested ? inside : shield).cancel(QStringLiteral("own"));
    QTRY_VERIFY(sleeper->isDone());
    QCOMPARE(sleeper->outcome(), QStringLiteral("Cancelled(own)"));
    QVERIFY(!outer.isCancelled());
    QCOMPARE(shield.isCancelled(), !nested);
}

void tst_Shields::shieldOfACancelledScopeIsNotCancelled()
{
    const CancelScope scope;
    scope.cancel();
    const CancelScope shield = scope.shielded();
    QVERIFY(!shield.isCancelled());
    QCOMPARE(shield.reason(), QString());
    const CancelScope child = shield.child();
    QVERIFY(!child.isCancelled());
    shield.throwIfCancelled();
}

void tst_Shields::parentsDeadlineDoesNotReachTheShield()
{
    const TestClock clock;
    const CancelScope outer = CancelScope().child(now() + 1min);
    const CancelScope shield = outer.shielded();
    const auto sleep = [](CancelScope own) -> QCoro::Task<> { co_await own.sleep(1h); };
    QCOMPARE(outcomeOf(sleep(shield.child())), QStringLiteral("ended"));
    QCOMPARE(clock.elapsed(), 1h);
    QVERIFY(outer.timedOut());
    outer.setDeadline(now());
    QVERIFY(!shield.isCancelled());

    // also one that is set when the shield is there already
    const CancelScope late;
    const CancelScope lateShield = late.shielded();
    const CancelScope inside = lateShield.child();
    late.setDeadline(now() - 1s);
    QVERIFY(late.isCancelled());
    QVERIFY(!inside.isCancelled());
}

void tst_Shields::deadlineOfTheShieldItself()
{
    const TestClock clock;
    const CancelScope outer;
    outer.cancel();
    const CancelScope shield = outer.shielded();
    shield.setDeadline(now() + 1min);
    const auto sleep = [](CancelScope own) -> QCoro::Task<> { co_await own.sleep(1h); };
    QCOMPARE(outcomeOf(sleep(shield)), QStringLiteral("Cancelled(deadline)"));
    QVERIFY(shield.timedOut());
    QCOMPARE(clock.elapsed(), 1min);
}

// SH-05
void tst_Shields::bodyShieldedChildrenNot()
{
    const CancelScope scope;
    QString childEnded;
    CloseScope gate;
    const auto child = [&](CancelScope own) -> QCoro::Task<> {
        try {
            co_await own.sleep(1h);
        } catch (const Cancelled &) {
            childEnded = QStringLiteral("child cancelled");
        }
        gate.close();
    };
    const auto body = [&](TaskGroup &group, CancelScope own) -> QCoro::Task<QString> {
        group.startSoon(child);
        const CancelScope shield = own.shielded();
        co_await gate.closed(shield);
        co_return QStringLiteral("body ended, ") + childEnded;
    };
    const auto run = [&]() -> QCoro::Task<> {
        const auto value = co_await withTaskGroup(scope, body);
        throw Tests::failure(qPrintable(value.value_or(QStringLiteral("nothing"))));
    };
    const auto ended = record(run());
    turn(3);
    scope.cancel();
    QTRY_VERIFY(ended->isDone());
    QCOMPARE(ended->outcome(), QStringLiteral("body ended, child cancelled"));
}

// SH-06
void tst_Shields::shieldDoesNotRubOff()
{
    const TestClock clock;
    const CancelScope scope;
    QString childEnded;
    const auto child = [&](CancelScope own) -> QCoro::Task<> {
        try {
            co_await own.sleep(1h);
        } catch (const Cancelled &e) {
            childEnded = e.reason();
        }
    };
    const auto body = [&](TaskGroup &group, CancelScope own) -> QCoro::Task<> {
        const CancelScope shield = own.shielded();
        co_await shield.checkpoint();
        group.startSoon(child); // from inside of the shield
        co_await shield.sleep(1s);
    };
    const auto run = [&]() -> QCoro::Task<> { co_await withTaskGroup(scope, body); };
    const auto ended = record(run());
    scope.cancel(QStringLiteral("from above"));
    QTRY_VERIFY(ended->isDone());
    QCOMPARE(childEnded, QStringLiteral("from above"));
    QCOMPARE(clock.elapsed(), 1s);
}

void tst_Shields::shieldInAShield()
{
    const CancelScope root;
    const CancelScope outer = root.shielded();
    const CancelScope inner = outer.child().shielded();
    root.cancel();
    QVERIFY(!outer.isCancelled());
    outer.cancel();
    QVERIFY(!inner.isCancelled());
    inner.cancel(QStringLiteral("inner"));
    QCOMPARE(inner.reason(), QStringLiteral("inner"));
}

// D2: what is asked is the very handle that was given, shielded or not
void tst_Shields::runnerAbsorbsByTheScopeItWasGiven()
{
    const CancelScope outer;
    outer.cancel();
    const CancelScope shield = outer.shielded();
    const auto body = [](CancelScope own) -> QCoro::Task<int> {
        own.cancel();
        co_await own.checkpoint();
        co_return 1;
    };
    QCOMPARE(outcomeOf(moveOnAfter(shield, 1h, body)), QStringLiteral("nothing"));
    QCOMPARE(outcomeOf(moveOnAfter(outer, 1h, body)), QStringLiteral("Cancelled()"));
}

QTEST_GUILESS_MAIN(tst_Shields)
#include "tst_shields.moc"
