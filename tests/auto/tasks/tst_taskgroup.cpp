// SPDX-License-Identifier: Apache-2.0
#include "../shared/messagelog.h"
#include "../shared/outcome.h"

#include <MicroIO/CancelScope>
#include <MicroIO/CloseScope>
#include <MicroIO/Errors>
#include <MicroIO/TaskGroup>
#include <MicroIO/TestClock>

#include <QtTest/QtTest>

#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::errorText;
using Tests::failure;
using Tests::outcomeOf;
using Tests::Probe;
using Tests::thrownBy;

/// withTaskGroup(): who is waited for, who is cancelled, what is reported.
class tst_TaskGroup : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void endsOnlyAfterItsLastChildAlsoALateOne();
    void invariant3_endsOnlyAfterItsLastChild_data();
    void invariant3_endsOnlyAfterItsLastChild();
    void startSoonDoesNotRunTheChildInline();
    void childrenBeginInTheOrderInWhichTheyWereStarted();
    void anEndedGroupRefusesWork_data();
    void anEndedGroupRefusesWork();
    void aCancelledGroupStillTakesChildren();
    void theGroupOutlastsDeafCleanup();
    void cancellingTheGroupIsANormalEnd_data();
    void cancellingTheGroupIsANormalEnd();
    void cancellingWhileOnlyChildrenAreLeft();
    void bodyMayTakeTheGroupsScope();
    void bodyThatCannotBeCopiedIsUsedWhereItIs();
    void sizeAndNamesTellWhoIsStillRunning();
    void emptyCallablesAreRefused();

private:
    std::optional<Tests::MessageLog> m_log;
};

// TG-01
void tst_TaskGroup::endsOnlyAfterItsLastChildAlsoALateOne()
{
    const TestClock clock;
    QStringList ended;
    CancelScope root;
    CancelScope inner = root;
    const auto sleeper = [&](CancelScope scope, QString name, std::chrono::seconds time) -> QCoro::Task<> {
        co_await scope.sleep(time);
        ended += name;
    };
    const auto outcome = outcomeOf(withTaskGroup(root, [&](TaskGroup &group) -> QCoro::Task<int> {
        inner = group.scope();
        group.startSoon(sleeper, QStringLiteral("short"), 2s);
        group.startSoon([&](CancelScope scope) -> QCoro::Task<> {
            co_await sleeper(scope, QStringLiteral("middle"), 6s);
            group.startSoon(sleeper, QStringLiteral("late 1"), 12s);
            group.startSoon(sleeper, QStringLiteral("late 2"), 13s);
        });
        group.startSoon(sleeper, QStringLiteral("long"), 12s);
        co_return 7;
    }));
    QCOMPARE(outcome, QStringLiteral("7"));
    const QStringList expected{QStringLiteral("short"), QStringLiteral("middle"), QStringLiteral("long"),
                               QStringLiteral("late 1"), QStringLiteral("late 2")};
    QCOMPARE(ended, expected);
    QCOMPARE(clock.elapsed(), 6s + 13s);
    QVERIFY(!inner.isCancelled());
}

namespace {
enum class Path { Value, Throws, CancelsGroup, OuterCancelled, ChildFails, HandMadeCancelled };
}

void tst_TaskGroup::invariant3_endsOnlyAfterItsLastChild_data()
{
    QTest::addColumn<int>("path");
    QTest::addColumn<QString>("outcome");
    const auto row = [](const char *name, Path path, const char *outcome) {
        QTest::newRow(name) << int(path) << QString::fromLatin1(outcome);
    };
    row("body returns", Path::Value, "5");
    row("body throws", Path::Throws, "TaskGroupError(body)");
    row("body cancels the group", Path::CancelsGroup, "nothing");
    row("outer scope is cancelled", Path::OuterCancelled, "Cancelled(outer)");
    row("a child fails", Path::ChildFails, "TaskGroupError(child)");
    row("body throws Cancelled by hand", Path::HandMadeCancelled, "Cancelled(by hand)");
}

void tst_TaskGroup::invariant3_endsOnlyAfterItsLastChild()
{
    QFETCH(int, path);
    const TestClock clock;
    std::atomic<int> alive = 0;
    CancelScope root;
    const auto run = [&]() -> QCoro::Task<QString> {
        QString text;
        try {
            const auto value = co_await withTaskGroup(root, [&](TaskGroup &group) -> QCoro::Task<int> {
                for (int i = 0; i < 20; ++i) {
                    group.startSoon([&alive, i](CancelScope scope) -> QCoro::Task<> {
                        const Probe probe(alive);
                        try {
                            co_await scope.sleep(i * 1s);
                        } catch (const Cancelled &) {
                        }
                        co_await scope.shielded().sleep((1 + i % 3) * 1s);
                    });
                }
                co_await group.scope().checkpoint();
                switch (Path(path)) {
                case Path::Value:
                    break;
                case Path::Throws:
                    throw failure("body");
                case Path::CancelsGroup:
                    group.cancel(QStringLiteral("group"));
                    break;
                case Path::OuterCancelled:
                    root.cancel(QStringLiteral("outer"));
                    break;
                case Path::ChildFails:
                    group.startSoon([]() -> QCoro::Task<> {
                        throw failure("child");
                        co_return;
                    });
                    co_await group.scope().cancelled();
                    break;
                case Path::HandMadeCancelled:
                    throw Cancelled(QStringLiteral("by hand"));
                }
                co_await group.scope().checkpoint();
                co_return 5;
            });
            text = Tests::valueText(value);
        } catch (...) {
            text = errorText(std::current_exception());
        }
        co_return QStringLiteral("%1, alive: %2").arg(text).arg(alive);
    };
    QFETCH(QString, outcome);
    QCOMPARE(outcomeOf(run()), outcome + QStringLiteral(", alive: 0"));
}

// TG-03
void tst_TaskGroup::startSoonDoesNotRunTheChildInline()
{
    QStringList seen;
    bool flag = false;
    outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
        group.startSoon([&]() -> QCoro::Task<> {
            flag = true;
            co_return;
        });
        seen += Tests::valueText(flag);
        co_await group.scope().checkpoint();
        seen += Tests::valueText(flag);
    }));
    QCOMPARE(seen, (QStringList{QStringLiteral("false"), QStringLiteral("true")}));
}

void tst_TaskGroup::childrenBeginInTheOrderInWhichTheyWereStarted()
{
    QList<int> begun;
    QList<int> expected;
    outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
        for (int i = 0; i < 1000; ++i) {
            expected += i;
            group.startSoon(
                [&begun](CancelScope scope, int number) -> QCoro::Task<> {
                    begun += number;
                    co_await scope.checkpoint();
                },
                i);
        }
        co_return;
    }));
    QCOMPARE(begun, expected);
}

void tst_TaskGroup::anEndedGroupRefusesWork_data()
{
    QTest::addColumn<bool>("fails");
    QTest::newRow("after success") << false;
    QTest::newRow("after failure") << true;
}

// TG-04
void tst_TaskGroup::anEndedGroupRefusesWork()
{
    QFETCH(bool, fails);
    std::atomic<int> alive = 0;
    bool called = false;
    std::optional<TaskGroupHandle> handle;
    outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
        handle = group.handle();
        if (fails)
            throw failure("body");
        co_return;
    }));
    {
        const auto child = [&called, probe = Probe(alive)](CancelScope) -> QCoro::Task<> {
            called = true;
            co_return;
        };
        const auto starting = [&called, probe = Probe(alive)](CancelScope,
                                                              TaskStatus<> status) -> QCoro::Task<> {
            called = true;
            status.started();
            co_return;
        };
        QCOMPARE(thrownBy([&] { handle->startSoon(child); }), QStringLiteral("ClosedResourceError"));
        QCOMPARE(thrownBy([&] { handle->startSoon(QStringLiteral("named"), child); }),
                 QStringLiteral("ClosedResourceError"));
        QCOMPARE(outcomeOf(handle->start(CancelScope(), starting)), QStringLiteral("ClosedResourceError"));
        QCOMPARE(alive, 2); // only those two: the refused copies are gone
    }
    QCOMPARE(alive, 0);
    Tests::turn(3);
    QVERIFY(!called);
    QCOMPARE(handle->size(), 0);
    QCOMPARE(handle->taskNames(), QStringList());
}

// TG-05, D1
void tst_TaskGroup::aCancelledGroupStillTakesChildren()
{
    QStringList log;
    std::atomic<int> alive = 0;
    const auto outcome = outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
        group.cancel();
        group.startSoon([&](CancelScope scope) -> QCoro::Task<> {
            const Probe probe(alive);
            log += QStringLiteral("in");
            co_await scope.sleep(1h);
            log += QStringLiteral("after");
        });
        co_return;
    }));
    QCOMPARE(outcome, QStringLiteral("true"));
    QCOMPARE(log, QStringList{QStringLiteral("in")});
    QCOMPARE(alive, 0);
}

// TG-11
void tst_TaskGroup::theGroupOutlastsDeafCleanup()
{
    const TestClock clock;
    std::atomic<int> alive = 0;
    bool cleanedUp = false;
    const CancelScope unrelated;
    const auto run = [&]() -> QCoro::Task<QString> {
        const bool ended = co_await withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
            group.startSoon([&](CancelScope scope) -> QCoro::Task<> {
                const Probe probe(alive);
                try {
                    co_await scope.sleep(1h);
                } catch (const Cancelled &) {
                }
                co_await unrelated.sleep(20s);
                cleanedUp = true;
            });
            co_await group.scope().checkpoint();
            group.cancel();
        });
        co_return QStringLiteral("%1 %2 %3").arg(ended).arg(cleanedUp).arg(alive);
    };
    QCOMPARE(outcomeOf(run()), QStringLiteral("1 1 0"));
    QCOMPARE(clock.elapsed(), 20s);
}

void tst_TaskGroup::cancellingTheGroupIsANormalEnd_data()
{
    QTest::addColumn<QString>("by");
    for (const auto *by : {"body", "child", "thread"})
        QTest::newRow(by) << QString::fromLatin1(by);
}

// TG-14
void tst_TaskGroup::cancellingTheGroupIsANormalEnd()
{
    QFETCH(QString, by);
    CancelScope root;
    std::atomic<int> firsts = 0;
    std::thread thread;
    const auto run = [&]() -> QCoro::Task<QString> {
        const bool ended = co_await withTaskGroup(root, [&](TaskGroup &group) -> QCoro::Task<> {
            const auto handle = group.handle();
            const auto cancel = [&firsts, handle] {
                for (int i = 0; i < 3; ++i)
                    firsts += handle.cancel(QString::number(i));
            };
            if (by == QLatin1String("thread"))
                thread = std::thread(cancel);
            if (by == QLatin1String("child"))
                group.startSoon([&]() -> QCoro::Task<> {
                    cancel();
                    co_return;
                });
            if (by == QLatin1String("body"))
                cancel();
            for (int i = 0; i < 3; ++i)
                group.startSoon([](CancelScope scope) -> QCoro::Task<> { co_await scope.sleep(1h); });
            co_await group.scope().sleep(1h);
        });
        co_return QStringLiteral("goes on: %1").arg(ended);
    };
    const QString outcome = outcomeOf(run());
    if (thread.joinable())
        thread.join();
    QCOMPARE(outcome, QStringLiteral("goes on: 0"));
    QCOMPARE(firsts, 1);
    QVERIFY(!root.isCancelled());
}

// TG-15
void tst_TaskGroup::cancellingWhileOnlyChildrenAreLeft()
{
    const TestClock clock;
    int cleanedUp = 0;
    CancelScope inner;
    CloseScope bodyEnded;
    const auto run = [&]() -> QCoro::Task<QString> {
        const auto value = co_await withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<int> {
            inner = group.scope();
            for (int i = 0; i < 3; ++i) {
                group.startSoon([&](CancelScope scope) -> QCoro::Task<> {
                    try {
                        co_await scope.sleep(1h);
                    } catch (const Cancelled &) {
                    }
                    co_await scope.shielded().sleep(10s);
                    ++cleanedUp;
                    scope.throwIfCancelled();
                });
            }
            bodyEnded.close();
            co_return 3;
        });
        co_return QStringLiteral("%1, cleaned up: %2").arg(Tests::valueText(value)).arg(cleanedUp);
    };
    const auto cancel = [&]() -> QCoro::Task<> {
        co_await bodyEnded.closed(CancelScope());
        co_await CancelScope().sleep(1s);
        inner.cancel();
    };
    cancel();
    QCOMPARE(outcomeOf(run()), QStringLiteral("3, cleaned up: 3"));
    QCOMPARE(clock.elapsed(), 1s + 10s);
}

void tst_TaskGroup::bodyMayTakeTheGroupsScope()
{
    const auto outcome = outcomeOf(
        withTaskGroup(CancelScope(), [](TaskGroup &group, CancelScope scope) -> QCoro::Task<bool> {
            co_await scope.checkpoint();
            co_return scope == group.scope();
        }));
    QCOMPARE(outcome, QStringLiteral("true"));
}

void tst_TaskGroup::bodyThatCannotBeCopiedIsUsedWhereItIs()
{
    auto body = [value = std::make_unique<int>(8)](TaskGroup &group) -> QCoro::Task<int> {
        co_await group.scope().checkpoint();
        co_return *value;
    };
    QCOMPARE(outcomeOf(withTaskGroup(CancelScope(), body)), QStringLiteral("8"));
    QCOMPARE(outcomeOf(withTaskGroup(CancelScope(), body)), QStringLiteral("8"));
}

void tst_TaskGroup::sizeAndNamesTellWhoIsStillRunning()
{
    QStringList seen;
    const auto look = [&](const TaskGroup &group) {
        seen += QStringLiteral("%1: %2").arg(group.size()).arg(group.taskNames().join(u','));
    };
    const auto sleeper = [](CancelScope scope) -> QCoro::Task<> { co_await scope.sleep(1h); };
    outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
        look(group);
        const auto unnamed = group.startSoon(sleeper);
        const auto named = group.startSoon(QStringLiteral("b"), sleeper);
        group.startSoon(QStringLiteral("c"), sleeper);
        look(group);
        named.cancel();
        co_await group.scope().sleep(0ms);
        co_await group.scope().sleep(0ms);
        look(group);
        seen += unnamed.name();
        group.cancel();
    }));
    QCOMPARE(seen, (QStringList{QStringLiteral("0: "), QStringLiteral("3: task 1,b,c"),
                                QStringLiteral("2: task 1,c"), QStringLiteral("task 1")}));
}

void tst_TaskGroup::emptyCallablesAreRefused()
{
    const std::function<QCoro::Task<>(TaskGroup &)> noBody;
    QVERIFY_THROWS_EXCEPTION(std::invalid_argument, withTaskGroup(CancelScope(), noBody));
    const auto outcome = outcomeOf(withTaskGroup(CancelScope(), [](TaskGroup &group) -> QCoro::Task<QString> {
        const std::function<QCoro::Task<>()> nothing;
        QCoro::Task<> (*noFunction)() = nullptr;
        const std::function<QCoro::Task<>(CancelScope, TaskStatus<>)> noStart;
        QStringList refused;
        refused += thrownBy([&] { group.startSoon(nothing); });
        refused += thrownBy([&] { group.startSoon(QStringLiteral("named"), noFunction); });
        refused += thrownBy([&] { group.start(CancelScope(), noStart); });
        co_return QStringLiteral("%1 %2")
            .arg(refused.filter(QStringLiteral("empty callable")).size())
            .arg(group.size());
    }));
    QCOMPARE(outcome, QStringLiteral("3 0"));
}

QTEST_GUILESS_MAIN(tst_TaskGroup)

#include "tst_taskgroup.moc"
