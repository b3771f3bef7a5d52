// SPDX-License-Identifier: Apache-2.0
#include "../shared/loopthread.h"
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

namespace {

/// What who awaits the handle gets, as text.
template<typename T>
QCoro::Task<QString> resultText(TaskHandle<T> handle, CancelScope scope = CancelScope())
{
    QString text;
    try {
        if constexpr (std::is_void_v<T>) {
            co_await handle.result(scope);
            text = QStringLiteral("ended");
        } else {
            text = Tests::valueText(co_await handle.result(scope));
        }
    } catch (...) {
        text = errorText(std::current_exception());
    }
    co_return text;
}

} // namespace

using Child = std::function<QCoro::Task<int>(CancelScope)>;

class tst_TaskHandle : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void tellsTheOutcome_data();
    void tellsTheOutcome();
    void aVoidChildHasAnEnd();
    void aMoveOnlyValueGoesToTheFirstWhoAsks();
    void invariant12_aMoveOnlyValueGoesToOneOfTwoThreads();
    void severalMayWait();
    void awaitingDoesNotReportTheErrorAgain();
    void aCancelledWaiterLeavesTheChildAlone();
    void invariant1_awaitingInACancelledScopeThrows();
    void invariant2_aResultThatIsThereCounts();
    void cancelEndsThisChildOnly();
    void cancelBeforeTheChildBegan();
    void finishedMeansThatEverythingIsDestroyed();
    void names();
    void invariant12_isAValue();
    void invariant5_resumesOnTheThreadOfWhoWaits();
    void aChildMayAwaitItsSibling();

private:
    std::optional<Tests::MessageLog> m_log;
};

void tst_TaskHandle::tellsTheOutcome_data()
{
    QTest::addColumn<Child>("child");
    QTest::addColumn<QString>("result");
    QTest::newRow("value") << Child([](CancelScope scope) -> QCoro::Task<int> {
        co_await scope.checkpoint();
        co_return 3;
    }) << QStringLiteral("3");
    QTest::newRow("value at once") << Child([](CancelScope) -> QCoro::Task<int> { co_return 3; })
                                   << QStringLiteral("3");
    QTest::newRow("error") << Child([](CancelScope scope) -> QCoro::Task<int> {
        co_await scope.checkpoint();
        throw failure("X");
    }) << QStringLiteral("X");
    QTest::newRow("error before it was a coroutine")
        << Child([](CancelScope) -> QCoro::Task<int> { throw failure("X"); }) << QStringLiteral("X");
    // D22
    QTest::newRow("cancelled") << Child([](CancelScope scope) -> QCoro::Task<int> {
        scope.cancel();
        co_await scope.checkpoint();
        co_return 3;
    }) << QStringLiteral("TaskCancelledError");
    QTest::newRow("Cancelled by hand") << Child([](CancelScope) -> QCoro::Task<int> {
        throw Cancelled();
        co_return 3;
    }) << QStringLiteral("TaskCancelledError");
    QTest::newRow("cancelled, but swallowed") << Child([](CancelScope scope) -> QCoro::Task<int> {
        scope.cancel();
        try {
            co_await scope.checkpoint();
        } catch (const Cancelled &) {
        }
        co_return 3;
    }) << QStringLiteral("3");
}

void tst_TaskHandle::tellsTheOutcome()
{
    QFETCH(Child, child);
    QFETCH(QString, result);
    QString during;
    TaskHandle<int> handle;
    try {
        Tests::await(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
            handle = group.startSoon(child);
            during = co_await resultText(handle);
        }));
    } catch (const TaskGroupError &) {
    }
    QCOMPARE(during, result);
    QVERIFY(handle.isFinished());
    // the group is gone, and the outcome still there
    QCOMPARE(outcomeOf(resultText(handle)), result);
    QCOMPARE(outcomeOf(resultText(handle)), result);
}

void tst_TaskHandle::aVoidChildHasAnEnd()
{
    const auto outcome = outcomeOf(withTaskGroup(CancelScope(), [](TaskGroup &group) -> QCoro::Task<QString> {
        const auto handle = group.startSoon(
            [](CancelScope scope) -> QCoro::Task<> { co_await scope.checkpoint(); });
        co_return co_await resultText(handle);
    }));
    QCOMPARE(outcome, QStringLiteral("ended"));
}

void tst_TaskHandle::aMoveOnlyValueGoesToTheFirstWhoAsks()
{
    const auto outcome = outcomeOf(withTaskGroup(CancelScope(), [](TaskGroup &group) -> QCoro::Task<QString> {
        const auto handle = group.startSoon([](CancelScope scope) -> QCoro::Task<std::unique_ptr<int>> {
            co_await scope.checkpoint();
            co_return std::make_unique<int>(9);
        });
        const auto first = co_await resultText(handle);
        co_return first + QStringLiteral(" | ") + co_await resultText(handle);
    }));
    QVERIFY2(outcome.startsWith(QStringLiteral("9 | ")), qPrintable(outcome));
    QVERIFY2(outcome.contains(QStringLiteral("was taken already")), qPrintable(outcome));
}

void tst_TaskHandle::invariant12_aMoveOnlyValueGoesToOneOfTwoThreads()
{
    for (int i = 0; i < 50; ++i) {
        CloseScope gate;
        std::atomic<int> waiting = 0;
        TaskGroup group(this);
        const auto handle = group.startSoon([gate](CancelScope scope) -> QCoro::Task<std::unique_ptr<int>> {
            co_await gate.closed(scope);
            co_return std::make_unique<int>(9);
        });
        QString results[2];
        const auto wait = [&](QString &result) {
            const auto await = [&]() -> QCoro::Task<> {
                ++waiting;
                result = co_await resultText(handle);
            };
            Tests::await(await());
        };
        Tests::LoopThread one([&] { wait(results[0]); });
        Tests::LoopThread other([&] { wait(results[1]); });
        QTRY_COMPARE(waiting, 2);
        gate.close();
        QTRY_VERIFY(handle.isFinished());
        one.join();
        other.join();
        std::sort(std::begin(results), std::end(results));
        QCOMPARE(results[0], QStringLiteral("9"));
        QVERIFY2(results[1].contains(QStringLiteral("was taken already")), qPrintable(results[1]));
    }
}

void tst_TaskHandle::severalMayWait()
{
    QStringList results;
    CloseScope gate;
    outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
        const auto handle = group.startSoon([&](CancelScope scope) -> QCoro::Task<QString> {
            co_await gate.closed(scope);
            co_return QStringLiteral("text");
        });
        for (int i = 0; i < 100; ++i) {
            group.startSoon([&results, handle](CancelScope scope) -> QCoro::Task<> {
                results += co_await handle.result(scope);
            });
        }
        co_await group.scope().checkpoint();
        gate.close();
    }));
    QCOMPARE(results.count(QStringLiteral("text")), 100);
}

// DESIGN: "goes to the group and to every handle, but is reported once"
void tst_TaskHandle::awaitingDoesNotReportTheErrorAgain()
{
    QStringList results;
    const auto outcome = outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
        const auto handle = group.startSoon([](CancelScope scope) -> QCoro::Task<int> {
            co_await scope.checkpoint();
            throw failure("X");
        });
        for (int i = 0; i < 2; ++i)
            results += co_await resultText(handle);
    }));
    QCOMPARE(results, (QStringList{QStringLiteral("X"), QStringLiteral("X")}));
    QCOMPARE(outcome, QStringLiteral("TaskGroupError(X)"));
}

void tst_TaskHandle::aCancelledWaiterLeavesTheChildAlone()
{
    const CancelScope waiting;
    CloseScope gate;
    const auto outcome = outcomeOf(
        withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<QString> {
            const auto handle = group.startSoon([&](CancelScope scope) -> QCoro::Task<int> {
                co_await gate.closed(scope);
                co_return 3;
            });
            const auto waiter = group.startSoon(
                [&]() -> QCoro::Task<QString> { co_return co_await resultText(handle, waiting); });
            co_await group.scope().checkpoint();
            waiting.cancel(QStringLiteral("impatient"));
            const QString first = co_await waiter.result(group.scope());
            const bool wasFinished = handle.isFinished();
            gate.close();
            const QString second = co_await resultText(handle);
            co_return QStringLiteral("%1 %2 %3").arg(first).arg(wasFinished).arg(second);
        }));
    QCOMPARE(outcome, QStringLiteral("Cancelled(impatient) 0 3"));
}

void tst_TaskHandle::invariant1_awaitingInACancelledScopeThrows()
{
    const CancelScope cancelled;
    cancelled.cancel(QStringLiteral("no"));
    const auto outcome = outcomeOf(
        withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<QString> {
            const auto handle = group.startSoon([]() -> QCoro::Task<int> { co_return 3; });
            co_await group.join(group.scope());
            QStringList results;
            for (int i = 0; i < 3; ++i)
                results += co_await resultText(handle, cancelled);
            co_return results.join(u' ');
        }));
    QCOMPARE(outcome, QStringLiteral("Cancelled(no) Cancelled(no) Cancelled(no)"));
}

void tst_TaskHandle::invariant2_aResultThatIsThereCounts()
{
    const CancelScope waiting;
    const auto outcome = outcomeOf(
        withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<QString> {
            const auto handle = group.startSoon([](CancelScope scope) -> QCoro::Task<int> {
                co_await scope.checkpoint();
                co_return 3;
            });
            // resumed by the end of the child before the waiter is: it cancels the waiter, too late
            group.startSoon([handle, waiting](CancelScope scope) -> QCoro::Task<> {
                co_await handle.result(scope);
                waiting.cancel();
            });
            const auto waiter = group.startSoon([handle, waiting]() -> QCoro::Task<QString> {
                co_return co_await resultText(handle, waiting);
            });
            co_return co_await waiter.result(group.scope());
        }));
    QCOMPARE(outcome, QStringLiteral("3"));
}

void tst_TaskHandle::cancelEndsThisChildOnly()
{
    const auto outcome = outcomeOf(withTaskGroup(CancelScope(), [](TaskGroup &group) -> QCoro::Task<QString> {
        CloseScope gate;
        const auto child = [gate](CancelScope scope) -> QCoro::Task<int> {
            co_await gate.closed(scope);
            co_return 1;
        };
        const auto one = group.startSoon(child);
        const auto other = group.startSoon(child);
        co_await group.scope().checkpoint();
        const bool first = one.cancel(QStringLiteral("you"));
        const bool second = one.cancel();
        const QString cancelled = co_await resultText(one);
        gate.close();
        co_return QStringLiteral("%1 %2 %3 %4 %5")
            .arg(int(first))
            .arg(int(second))
            .arg(cancelled, co_await resultText(other))
            .arg(int(group.scope().isCancelled()));
    }));
    QCOMPARE(outcome, QStringLiteral("1 0 TaskCancelledError 1 0"));
}

void tst_TaskHandle::cancelBeforeTheChildBegan()
{
    QStringList log;
    outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
        const auto handle = group.startSoon([&](CancelScope scope) -> QCoro::Task<> {
            log += QStringLiteral("begins");
            co_await scope.checkpoint();
            log += QStringLiteral("goes on");
        });
        handle.cancel();
        log += co_await resultText(handle);
    }));
    QCOMPARE(log, (QStringList{QStringLiteral("begins"), QStringLiteral("TaskCancelledError")}));
}

void tst_TaskHandle::finishedMeansThatEverythingIsDestroyed()
{
    std::atomic<int> alive = 0;
    QList<int> seen;
    outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
        const auto child = [captured = Probe(alive)](CancelScope scope, Probe) -> QCoro::Task<> {
            const Probe local(captured);
            co_await scope.checkpoint();
        };
        const auto handle = group.startSoon(child, Probe(alive));
        seen += alive; // here the callable; there the callable and its argument
        co_await group.scope().checkpoint();
        seen += handle.isFinished();
        co_await handle.result(group.scope());
        seen += handle.isFinished();
        seen += alive;
    }));
    QCOMPARE(seen, (QList<int>{3, 0, 1, 1}));
    QCOMPARE(alive, 0);
}

void tst_TaskHandle::names()
{
    QStringList seen;
    outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
        const auto child = [](CancelScope scope) -> QCoro::Task<> { co_await scope.checkpoint(); };
        const auto first = group.startSoon(child);
        const auto named = group.startSoon(QStringLiteral("poller"), child);
        const auto literal = group.startSoon(QLatin1String("reader"), child);
        const auto third = group.startSoon(child);
        co_await group.join(group.scope());
        seen = {first.name(), named.name(), literal.name(), third.name()};
    }));
    QCOMPARE(seen.join(u','), QStringLiteral("task 1,poller,reader,task 4"));
}

void tst_TaskHandle::invariant12_isAValue()
{
    TaskHandle<int> empty;
    QVERIFY(!empty.isValid());
    TaskHandle<int> kept;
    outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
        const auto handle = group.startSoon([]() -> QCoro::Task<int> { co_return 3; });
        kept = handle;
        empty = kept;
        static_cast<void>(TaskHandle<int>(handle));
        co_return;
    }));
    QVERIFY(kept.isValid());
    QVERIFY(kept.isFinished());
    kept.cancel(); // late: nothing happens
    QCOMPARE(outcomeOf(resultText(empty)), QStringLiteral("3"));
}

void tst_TaskHandle::invariant5_resumesOnTheThreadOfWhoWaits()
{
    CloseScope gate;
    TaskHandle<QString> handle;
    QStringList results;
    bool onOwnThread = true;
    const auto outcome = outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &own) -> QCoro::Task<> {
        handle = own.startSoon([&](CancelScope scope) -> QCoro::Task<QString> {
            co_await gate.closed(scope);
            co_return QStringLiteral("text");
        });
        Tests::LoopThread thread([&, handle = handle] {
            auto *here = QThread::currentThread();
            Tests::await(withTaskGroup(CancelScope(), [&](TaskGroup &foreign) -> QCoro::Task<> {
                for (int i = 0; i < 100; ++i) {
                    foreign.startSoon([&](CancelScope scope) -> QCoro::Task<> {
                        results += co_await handle.result(scope);
                        onOwnThread &= QThread::currentThread() == here;
                    });
                }
                co_await foreign.scope().checkpoint();
                gate.close();
            }));
        });
        co_await own.join(own.scope());
        thread.join();
    }));
    QCOMPARE(outcome, QStringLiteral("true"));
    QCOMPARE(results.count(QStringLiteral("text")), 100);
    QVERIFY(onOwnThread);
}

void tst_TaskHandle::aChildMayAwaitItsSibling()
{
    const auto outcome = outcomeOf(withTaskGroup(CancelScope(), [](TaskGroup &group) -> QCoro::Task<int> {
        TaskHandle<int> last = group.startSoon([]() -> QCoro::Task<int> { co_return 0; });
        for (int i = 0; i < 1000; ++i) {
            last = group.startSoon(
                [last](CancelScope scope) -> QCoro::Task<int> { co_return co_await last.result(scope) + 1; });
        }
        co_return co_await last.result(group.scope());
    }));
    QCOMPARE(outcome, QStringLiteral("1000"));
}

QTEST_GUILESS_MAIN(tst_TaskHandle)

#include "tst_taskhandle.moc"
