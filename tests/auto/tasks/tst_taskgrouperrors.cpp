// SPDX-License-Identifier: Apache-2.0
#include "../shared/messagelog.h"
#include "../shared/outcome.h"

#include <MicroIO/CancelScope>
#include <MicroIO/CloseScope>
#include <MicroIO/Errors>
#include <MicroIO/TaskGroup>
#include <MicroIO/TestClock>

#include <QtTest/QtTest>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::failure;
using Tests::outcomeOf;
using Tests::Probe;

/// withTaskGroup(): what it gives, what it throws, and to whom a cancellation belongs.
class tst_TaskGroupErrors : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void invariant4_oneFailingChildEndsAll();
    void invariant4_allErrorsOfOneTurnAreReported();
    void invariant4_errorsComeInTheOrderOfTheirThrowing();
    void invariant4_anErrorPassedOnByWhoAwaitedItIsReportedOnce_data();
    void invariant4_anErrorPassedOnByWhoAwaitedItIsReportedOnce();
    void aFailingBodyEndsTheChildren_data();
    void aFailingBodyEndsTheChildren();
    void aChildThatSwallowsTheCancellationHasEndedNormally();
    void anOuterErrorClearsAnInnerGroup();
    void theReasonTellsWhoFailed();

private:
    std::optional<Tests::MessageLog> m_log;
};

// TG-06
void tst_TaskGroupErrors::invariant4_oneFailingChildEndsAll()
{
    QStringList log;
    CloseScope gate;
    const auto outcome = outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
        group.startSoon([&](CancelScope scope) -> QCoro::Task<> {
            co_await gate.closed(scope);
            throw failure("X");
        });
        group.startSoon([&](CancelScope scope) -> QCoro::Task<> {
            try {
                co_await scope.sleep(1h);
            } catch (const Cancelled &) {
                log += QStringLiteral("sibling");
                throw;
            }
        });
        co_await group.scope().checkpoint();
        gate.close();
        try {
            co_await group.scope().sleep(1h);
        } catch (const Cancelled &) {
            log += QStringLiteral("body");
            throw;
        }
    }));
    QCOMPARE(outcome, QStringLiteral("TaskGroupError(X)"));
    log.sort();
    QCOMPARE(log, (QStringList{QStringLiteral("body"), QStringLiteral("sibling")}));
}

// TG-07
void tst_TaskGroupErrors::invariant4_allErrorsOfOneTurnAreReported()
{
    CloseScope gate;
    const auto outcome = outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
        const auto child = [&](CancelScope scope, int kind) -> QCoro::Task<> {
            co_await gate.closed(scope);
            if (kind == 0)
                throw failure("runtime");
            if (kind == 1)
                throw std::logic_error("logic");
            throw kind;
        };
        for (int kind = 0; kind < 3; ++kind)
            group.startSoon(child, kind);
        group.startSoon([](CancelScope scope) -> QCoro::Task<> { co_await scope.sleep(1h); });
        co_await group.scope().checkpoint();
        gate.close();
    }));
    QCOMPARE(outcome, QStringLiteral("TaskGroupError(runtime, logic_error(logic), int 2)"));
}

void tst_TaskGroupErrors::invariant4_errorsComeInTheOrderOfTheirThrowing()
{
    const auto outcome = outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
        group.startSoon([](CancelScope scope) -> QCoro::Task<> {
            try {
                co_await scope.sleep(1h);
            } catch (const Cancelled &) {
                throw failure("third");
            }
        });
        group.startSoon([](CancelScope scope) -> QCoro::Task<> {
            co_await scope.checkpoint();
            throw failure("first");
        });
        try {
            co_await group.scope().sleep(1h);
        } catch (const Cancelled &) {
            throw failure("second, or third");
        }
    }));
    QVERIFY2(outcome.startsWith(QStringLiteral("TaskGroupError(first, ")), qPrintable(outcome));
    QCOMPARE(outcome.count(QStringLiteral("third")), 2);
}

void tst_TaskGroupErrors::invariant4_anErrorPassedOnByWhoAwaitedItIsReportedOnce_data()
{
    QTest::addColumn<bool>("byBody");
    QTest::newRow("by the body") << true;
    QTest::newRow("by a sibling") << false;
}

void tst_TaskGroupErrors::invariant4_anErrorPassedOnByWhoAwaitedItIsReportedOnce()
{
    QFETCH(bool, byBody);
    const auto outcome = outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
        const CancelScope unrelated;
        const auto failing = group.startSoon([](CancelScope scope) -> QCoro::Task<> {
            co_await scope.checkpoint();
            throw failure("X");
        });
        if (byBody)
            co_await failing.result(unrelated);
        else
            group.startSoon([failing, unrelated]() -> QCoro::Task<> { co_await failing.result(unrelated); });
    }));
    QCOMPARE(outcome, QStringLiteral("TaskGroupError(X)"));
}

void tst_TaskGroupErrors::aFailingBodyEndsTheChildren_data()
{
    QTest::addColumn<bool>("childrenHaveBegun");
    QTest::addColumn<QStringList>("log");
    const QString in = QStringLiteral("in");
    const QString cancelled = QStringLiteral("cancelled");
    QTest::newRow("while they sleep") << true << QStringList{in, in, cancelled, cancelled};
    QTest::newRow("before their first turn") << false << QStringList{in, cancelled, in, cancelled};
}

// TG-08
void tst_TaskGroupErrors::aFailingBodyEndsTheChildren()
{
    QFETCH(bool, childrenHaveBegun);
    QFETCH(QStringList, log);
    QStringList seen;
    const auto run = [&]() -> QCoro::Task<> {
        co_await withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
            for (int i = 0; i < 2; ++i) {
                group.startSoon([&](CancelScope scope) -> QCoro::Task<> {
                    seen += QStringLiteral("in");
                    try {
                        co_await scope.sleep(1h);
                    } catch (const Cancelled &) {
                        seen += QStringLiteral("cancelled");
                        throw;
                    }
                });
            }
            if (childrenHaveBegun)
                co_await group.scope().checkpoint();
            throw failure("body");
        });
    };
    QCOMPARE(outcomeOf(run()), QStringLiteral("TaskGroupError(body)"));
    seen.sort();
    log.sort();
    QCOMPARE(seen, log);
}

// TG-10
void tst_TaskGroupErrors::aChildThatSwallowsTheCancellationHasEndedNormally()
{
    const TestClock clock;
    TaskHandle<int> swallower;
    const auto outcome = outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
        group.startSoon([](CancelScope scope) -> QCoro::Task<> {
            co_await scope.checkpoint();
            throw failure("A");
        });
        swallower = group.startSoon([](CancelScope scope) -> QCoro::Task<int> {
            try {
                co_await scope.sleep(1h);
            } catch (const Cancelled &) {
            }
            co_await scope.shielded().sleep(2s);
            co_return 4;
        });
        co_return;
    }));
    QCOMPARE(outcome, QStringLiteral("TaskGroupError(A)"));
    QCOMPARE(clock.elapsed(), 2s);
    QVERIFY(swallower.isFinished());
    const auto result = [&]() -> QCoro::Task<int> { co_return co_await swallower.result(CancelScope()); };
    QCOMPARE(outcomeOf(result()), QStringLiteral("4"));
}

// TG-12
void tst_TaskGroupErrors::anOuterErrorClearsAnInnerGroup()
{
    std::atomic<int> alive = 0;
    const auto outcome = outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &outer) -> QCoro::Task<> {
        outer.startSoon([](CancelScope scope) -> QCoro::Task<> {
            co_await scope.checkpoint();
            throw failure("outer child");
        });
        co_await withTaskGroup(outer.scope(), [&](TaskGroup &inner) -> QCoro::Task<> {
            for (int i = 0; i < 5; ++i) {
                inner.startSoon([&](CancelScope scope) -> QCoro::Task<> {
                    const Probe probe(alive);
                    co_await scope.sleep(1h);
                });
            }
            co_await inner.scope().sleep(1h);
        });
    }));
    QCOMPARE(outcome, QStringLiteral("TaskGroupError(outer child)"));
    QCOMPARE(alive, 0);
}

void tst_TaskGroupErrors::theReasonTellsWhoFailed()
{
    QString reason;
    outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
        group.startSoon(QStringLiteral("reader"), []() -> QCoro::Task<> {
            throw failure("disk full");
            co_return;
        });
        try {
            co_await group.scope().cancelled();
        } catch (const Cancelled &e) {
            reason = e.reason();
        }
    }));
    QCOMPARE(reason, QStringLiteral("reader failed: disk full"));
}

QTEST_GUILESS_MAIN(tst_TaskGroupErrors)

#include "tst_taskgrouperrors.moc"
