// SPDX-License-Identifier: Apache-2.0
#include "../shared/messagelog.h"
#include "../shared/outcome.h"

#include <MicroIO/CancelScope>
#include <MicroIO/CloseScope>
#include <MicroIO/Errors>
#include <MicroIO/TaskGroup>

#include <QtTest/QtTest>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::errorText;
using Tests::failure;
using Tests::outcomeOf;
using Tests::Probe;

using Starting = std::function<QCoro::Task<>(CancelScope, TaskStatus<int>)>;

/// TaskGroup::start() and TaskStatus: readiness, and who hears of an end before it.
class tst_TaskStart : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void givesTheValueAndTheChildLivesOn();
    void returnsOnlyWhenTheChildIsReady();
    void anEndBeforeReadinessGoesToTheCaller_data();
    void anEndBeforeReadinessGoesToTheCaller();
    void aSiblingFailsWhileTheBodyIsInStart();
    void cancelledWhileTheChildStartsInAShield();
    void aCancelledCallerNeverCallsTheFunction();
    void afterReadinessTheCallersScopeCancelsNobody();
    void aValueGivenCountsAlsoIfTheCallerIsCancelledMeanwhile_data();
    void aValueGivenCountsAlsoIfTheCallerIsCancelledMeanwhile();
    void theGroupCancelledWhileStarting_data();
    void theGroupCancelledWhileStarting();
    void argumentsAndMemberFunctions();
    void manyStartAtOnce();

private:
    std::optional<Tests::MessageLog> m_log;
};

// ST-01
void tst_TaskStart::givesTheValueAndTheChildLivesOn()
{
    CloseScope gate;
    int value = 0;
    const auto outcome = outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
        const auto child = [&](CancelScope scope, TaskStatus<int> status) -> QCoro::Task<> {
            status.started(7);
            co_await gate.closed(scope);
            throw failure("X");
        };
        value = co_await group.start<int>(group.scope(), child);
        gate.close();
    }));
    QCOMPARE(value, 7);
    QCOMPARE(outcome, QStringLiteral("TaskGroupError(X)"));
}

void tst_TaskStart::returnsOnlyWhenTheChildIsReady()
{
    QStringList log;
    CloseScope gate;
    outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
        const auto child = [&](CancelScope scope, TaskStatus<> status) -> QCoro::Task<> {
            log += QStringLiteral("begins");
            co_await gate.closed(scope);
            log += QStringLiteral("ready");
            status.started();
        };
        group.startSoon([&](CancelScope scope) -> QCoro::Task<> {
            for (int i = 0; i < 10; ++i)
                co_await scope.checkpoint();
            log += QStringLiteral("opens");
            gate.close();
        });
        co_await group.start(group.scope(), child);
        log += QStringLiteral("started");
    }));
    QCOMPARE(log.join(u' '), QStringLiteral("begins opens ready started"));
}

void tst_TaskStart::anEndBeforeReadinessGoesToTheCaller_data()
{
    QTest::addColumn<Starting>("child");
    QTest::addColumn<QString>("outcome");
    // ST-02
    QTest::newRow("throws") << Starting([](CancelScope scope, TaskStatus<int>) -> QCoro::Task<> {
        co_await scope.checkpoint();
        throw failure("X");
    }) << QStringLiteral("X");
    QTest::newRow("throws at once") << Starting([](CancelScope, TaskStatus<int>) -> QCoro::Task<> {
        throw failure("X");
        co_return;
    }) << QStringLiteral("X");
    QTest::newRow("throws something else") << Starting([](CancelScope, TaskStatus<int>) -> QCoro::Task<> {
        throw 4;
        co_return;
    }) << QStringLiteral("int 4");
    QTest::newRow("throws and is no coroutine")
        << Starting([](CancelScope, TaskStatus<int>) -> QCoro::Task<> { throw failure("X"); })
        << QStringLiteral("X");
    // ST-03
    QTest::newRow("returns") << Starting([](CancelScope scope, TaskStatus<int>) -> QCoro::Task<> {
        co_await scope.checkpoint();
    }) << QStringLiteral("NotReadyError");
    QTest::newRow("returns at once") << Starting([](CancelScope, TaskStatus<int>) -> QCoro::Task<> {
        co_return;
    }) << QStringLiteral("NotReadyError");
    // D5, D22
    QTest::newRow("cancelled by itself") << Starting([](CancelScope scope, TaskStatus<int>) -> QCoro::Task<> {
        scope.cancel();
        co_await scope.checkpoint();
    }) << QStringLiteral("TaskCancelledError");
    QTest::newRow("Cancelled by hand") << Starting([](CancelScope, TaskStatus<int>) -> QCoro::Task<> {
        throw Cancelled();
        co_return;
    }) << QStringLiteral("TaskCancelledError");
}

// ST-02, ST-03, D5: the group is not failed, the sibling untouched
void tst_TaskStart::anEndBeforeReadinessGoesToTheCaller()
{
    QFETCH(Starting, child);
    QString atStart;
    bool siblingReturned = false;
    const auto outcome = outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<int> {
        CloseScope gate;
        group.startSoon([&, gate](CancelScope scope) -> QCoro::Task<> {
            co_await gate.closed(scope);
            siblingReturned = true;
        });
        try {
            co_await group.start<int>(group.scope(), child);
        } catch (...) {
            atStart = errorText(std::current_exception());
        }
        co_await group.scope().checkpoint();
        gate.close();
        co_return 1;
    }));
    QTEST(atStart, "outcome");
    QCOMPARE(outcome, QStringLiteral("1"));
    QVERIFY(siblingReturned);
}

// ST-09
void tst_TaskStart::aSiblingFailsWhileTheBodyIsInStart()
{
    std::atomic<int> alive = 0;
    QString seen;
    const auto outcome = outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &outer) -> QCoro::Task<> {
        const auto starting = [&](CancelScope scope, TaskStatus<>) -> QCoro::Task<> {
            const Probe probe(alive);
            try {
                co_await scope.sleep(1h);
            } catch (const Cancelled &e) {
                seen = e.reason();
                throw;
            }
        };
        co_await withTaskGroup(outer.scope(), [&](TaskGroup &inner) -> QCoro::Task<> {
            inner.startSoon(QStringLiteral("sibling"), [](CancelScope scope) -> QCoro::Task<> {
                co_await scope.checkpoint();
                co_await scope.checkpoint();
                throw failure("X");
            });
            co_await outer.start(inner.scope(), starting);
        });
    }));
    QCOMPARE(outcome, QStringLiteral("TaskGroupError(TaskGroupError(X))"));
    QCOMPARE(seen, QStringLiteral("sibling failed: X"));
    QCOMPARE(alive, 0);
}

// ST-10
void tst_TaskStart::cancelledWhileTheChildStartsInAShield()
{
    QStringList log;
    const CancelScope caller;
    CloseScope gate;
    outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
        const auto child = [&](CancelScope scope, TaskStatus<> status) -> QCoro::Task<> {
            co_await gate.closed(scope.shielded());
            log += QStringLiteral("event");
            co_await scope.checkpoint();
            status.started();
        };
        group.startSoon([&](CancelScope scope) -> QCoro::Task<> {
            co_await scope.checkpoint();
            caller.cancel(QStringLiteral("caller"));
            for (int i = 0; i < 5; ++i)
                co_await scope.checkpoint();
            gate.close();
        });
        try {
            co_await group.start(caller, child);
        } catch (...) {
            log += errorText(std::current_exception());
        }
    }));
    QCOMPARE(log, (QStringList{QStringLiteral("event"), QStringLiteral("Cancelled(caller)")}));
}

void tst_TaskStart::aCancelledCallerNeverCallsTheFunction()
{
    bool called = false;
    std::atomic<int> alive = 0;
    const CancelScope caller;
    caller.cancel(QStringLiteral("before"));
    QStringList log;
    outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
        const auto child = [&](CancelScope, TaskStatus<> status, Probe) -> QCoro::Task<> {
            called = true;
            status.started();
            co_return;
        };
        for (int i = 0; i < 3; ++i) {
            try {
                co_await group.start(caller, child, Probe(alive));
            } catch (...) {
                log += errorText(std::current_exception());
            }
        }
        log += QString::number(group.size());
    }));
    const auto told = QStringLiteral("Cancelled(before)");
    QCOMPARE(log, (QStringList{told, told, told, QStringLiteral("0")}));
    QVERIFY(!called);
    QCOMPARE(alive, 0);
}

void tst_TaskStart::afterReadinessTheCallersScopeCancelsNobody()
{
    const CancelScope caller;
    const auto outcome = outcomeOf(
        withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<QString> {
            QStringList log;
            CloseScope gate;
            const auto child = [&log, gate](CancelScope scope, TaskStatus<> status) -> QCoro::Task<> {
                status.started();
                co_await gate.closed(scope);
                log += QStringLiteral("returns");
            };
            co_await group.start(caller, child);
            caller.cancel();
            co_await group.scope().checkpoint();
            gate.close();
            co_await group.join(group.scope());
            co_return log.join(u' ');
        }));
    QCOMPARE(outcome, QStringLiteral("returns"));
}

void tst_TaskStart::aValueGivenCountsAlsoIfTheCallerIsCancelledMeanwhile_data()
{
    QTest::addColumn<bool>("cancelledFirst");
    QTest::newRow("started, then cancelled") << false;
    QTest::newRow("cancelled, then started") << true;
}

void tst_TaskStart::aValueGivenCountsAlsoIfTheCallerIsCancelledMeanwhile()
{
    QFETCH(bool, cancelledFirst);
    const CancelScope caller;
    QString afterwards;
    const auto outcome = outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<int> {
        const auto child = [&](CancelScope scope, TaskStatus<int> status) -> QCoro::Task<> {
            if (cancelledFirst)
                caller.cancel();
            status.started(7);
            if (!cancelledFirst)
                caller.cancel();
            afterwards = Tests::valueText(scope.isCancelled());
            co_return;
        };
        co_return co_await group.start<int>(caller, child);
    }));
    QCOMPARE(outcome, QStringLiteral("7"));
    QCOMPARE(afterwards, Tests::valueText(cancelledFirst)); // ready, it is on its own
}

void tst_TaskStart::theGroupCancelledWhileStarting_data()
{
    QTest::addColumn<bool>("callerIsInTheGroup");
    QTest::addColumn<QString>("outcome");
    QTest::newRow("the caller too") << true << QStringLiteral("Cancelled(group)");
    QTest::newRow("the caller not") << false << QStringLiteral("TaskCancelledError");
}

// D5, D22
void tst_TaskStart::theGroupCancelledWhileStarting()
{
    QFETCH(bool, callerIsInTheGroup);
    QString atStart;
    outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
        const auto child = [&](CancelScope scope, TaskStatus<>) -> QCoro::Task<> {
            group.cancel(QStringLiteral("group"));
            co_await scope.sleep(1h);
        };
        const CancelScope caller = callerIsInTheGroup ? group.scope()
                                                      : CancelScope(); // g++ 12: not in the co_await
        try {
            co_await group.start(caller, child);
        } catch (...) {
            atStart = errorText(std::current_exception());
        }
    }));
    QTEST(atStart, "outcome");
}

namespace {
struct Listener
{
    int port = 0;
    QCoro::Task<> serve(CancelScope scope, TaskStatus<int> status, std::unique_ptr<int> wanted, int &calls)
    {
        ++calls;
        port = *wanted;
        status.started(port);
        co_await scope.checkpoint();
    }
};
} // namespace

void tst_TaskStart::argumentsAndMemberFunctions()
{
    Listener listener;
    int calls = 0;
    const auto outcome = outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<int> {
        co_return co_await group.start<int>(group.scope(), &Listener::serve, &listener,
                                            std::make_unique<int>(8080), std::ref(calls));
    }));
    QCOMPARE(outcome, QStringLiteral("8080"));
    QCOMPARE(listener.port, 8080);
    QCOMPARE(calls, 1);
}

void tst_TaskStart::manyStartAtOnce()
{
    int sum = 0;
    outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
        const auto child = [](CancelScope scope, TaskStatus<int> status, int number) -> QCoro::Task<> {
            for (int i = 0; i < number % 5; ++i)
                co_await scope.checkpoint();
            status.started(number);
            co_await scope.checkpoint();
        };
        for (int number = 0; number < 500; ++number) {
            group.startSoon([&group, &child, &sum, number](CancelScope scope) -> QCoro::Task<> {
                sum += co_await group.start<int>(scope, child, number);
            });
        }
        co_await group.join(CancelScope());
    }));
    QCOMPARE(sum, 500 * 499 / 2);
}

QTEST_GUILESS_MAIN(tst_TaskStart)

#include "tst_taskstart.moc"
