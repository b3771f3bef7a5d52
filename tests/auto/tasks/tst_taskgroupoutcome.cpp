// SPDX-License-Identifier: Apache-2.0
#include "../shared/messagelog.h"
#include "../shared/outcome.h"

#include <MicroIO/CancelScope>
#include <MicroIO/Clock>
#include <MicroIO/Errors>
#include <MicroIO/TaskGroup>
#include <MicroIO/TestClock>

#include <QtTest/QtTest>

#include <functional>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::failure;
using Tests::outcomeOf;

using Body =
    std::function<QCoro::Task<int>(TaskGroup &, CancelScope)>; // the second: the scope around the group

/// withTaskGroup(): what it gives, by who was cancelled by whom (D2), and the whole course of a group as a log.
class tst_TaskGroupOutcome : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void whoAbsorbsCancelled_data();
    void whoAbsorbsCancelled();
    void whoAbsorbsCancelledOfAVoidBody_data() { whoAbsorbsCancelled_data(); }
    void whoAbsorbsCancelledOfAVoidBody();
    void aShieldIsTheScopeThatCounts();
    void clearingDoesNotCountAsTheFirstCancel();
    void lifecycle_data();
    void lifecycle();
    void aMoveOnlyValueIsGiven();
    void aGroupInACancelledScopeRunsToTheFirstWait();
    void groupsNest();

private:
    std::optional<Tests::MessageLog> m_log;
};

void tst_TaskGroupOutcome::whoAbsorbsCancelled_data()
{
    QTest::addColumn<Body>("body");
    QTest::addColumn<QString>("outcome");
    const auto row = [](const char *name, const char *outcome, Body body) {
        QTest::newRow(name) << std::move(body) << QString::fromLatin1(outcome);
    };
    row("a value", "5", [](TaskGroup &, CancelScope) -> QCoro::Task<int> { co_return 5; });
    row("a value although cancelled", "5", [](TaskGroup &group, CancelScope) -> QCoro::Task<int> {
        group.cancel();
        co_return 5;
    });
    row("swallowed", "5", [](TaskGroup &group, CancelScope) -> QCoro::Task<int> {
        group.cancel();
        try {
            co_await group.scope().checkpoint();
        } catch (const Cancelled &) {
        }
        co_return 5;
    });
    row("outer cancelled, swallowed", "5", [](TaskGroup &group, CancelScope outer) -> QCoro::Task<int> {
        outer.cancel();
        try {
            co_await group.scope().checkpoint();
        } catch (const Cancelled &) {
        }
        co_return 5;
    });
    row("own cancelled", "nothing", [](TaskGroup &group, CancelScope) -> QCoro::Task<int> {
        group.cancel();
        co_await group.scope().checkpoint();
        co_return 5;
    });
    row("own deadline", "nothing", [](TaskGroup &group, CancelScope) -> QCoro::Task<int> {
        group.scope().setDeadline(now());
        co_await group.scope().sleep(1h);
        co_return 5;
    });
    row("outer cancelled", "Cancelled(outer)", [](TaskGroup &group, CancelScope outer) -> QCoro::Task<int> {
        outer.cancel(QStringLiteral("outer"));
        co_await group.scope().checkpoint();
        co_return 5;
    });
    row("outer deadline", "Cancelled(the deadline has passed)",
        [](TaskGroup &group, CancelScope outer) -> QCoro::Task<int> {
            outer.setDeadline(now());
            co_await group.scope().sleep(1h);
            co_return 5;
        });
    // D3: the first reason stands, and yet it is not absorbed
    row("own, then outer", "Cancelled(own)", [](TaskGroup &group, CancelScope outer) -> QCoro::Task<int> {
        group.cancel(QStringLiteral("own"));
        outer.cancel(QStringLiteral("outer"));
        co_await group.scope().checkpoint();
        co_return 5;
    });
    row("outer cancelled during the cleanup", "Cancelled(own)",
        [](TaskGroup &group, CancelScope outer) -> QCoro::Task<int> {
            group.startSoon([outer](CancelScope scope) -> QCoro::Task<> {
                co_await scope.shielded().sleep(2s);
                outer.cancel(QStringLiteral("outer"));
            });
            group.cancel(QStringLiteral("own"));
            co_await group.scope().checkpoint();
            co_return 5;
        });
    // D11
    row("by hand, nobody cancelled", "Cancelled(by hand)", [](TaskGroup &, CancelScope) -> QCoro::Task<int> {
        throw Cancelled(QStringLiteral("by hand"));
        co_return 5;
    });
    row("by hand, with children to clear", "Cancelled(by hand)",
        [](TaskGroup &group, CancelScope) -> QCoro::Task<int> {
            group.startSoon([](CancelScope scope) -> QCoro::Task<> { co_await scope.sleep(1h); });
            throw Cancelled(QStringLiteral("by hand"));
            co_return 5;
        });
    row("by hand, own cancelled", "nothing", [](TaskGroup &group, CancelScope) -> QCoro::Task<int> {
        group.cancel();
        throw Cancelled(QStringLiteral("by hand"));
        co_return 5;
    });
    row("by hand, a child cancels the group while it is cleared", "nothing",
        [](TaskGroup &group, CancelScope) -> QCoro::Task<int> {
            group.startSoon(
                [](CancelScope scope, TaskGroupHandle its) -> QCoro::Task<> {
                    co_await scope.shielded().sleep(2s);
                    its.cancel();
                },
                group.handle());
            throw Cancelled(QStringLiteral("by hand"));
            co_return 5;
        });
    row("of an unrelated scope", "Cancelled(unrelated)", [](TaskGroup &, CancelScope) -> QCoro::Task<int> {
        const CancelScope unrelated;
        unrelated.cancel(QStringLiteral("unrelated"));
        co_await unrelated.checkpoint();
        co_return 5;
    });
    row("of a scope below", "Cancelled(below)", [](TaskGroup &group, CancelScope) -> QCoro::Task<int> {
        const CancelScope below = group.scope().child();
        below.cancel(QStringLiteral("below"));
        co_await below.checkpoint();
        co_return 5;
    });
    row("a child failed", "TaskGroupError(child)", [](TaskGroup &group, CancelScope) -> QCoro::Task<int> {
        group.startSoon([]() -> QCoro::Task<> {
            throw failure("child");
            co_return;
        });
        co_await group.scope().cancelled();
        co_return 5;
    });
    row("a child failed, outer cancelled too", "TaskGroupError(child)",
        [](TaskGroup &group, CancelScope outer) -> QCoro::Task<int> {
            group.startSoon([outer]() -> QCoro::Task<> {
                outer.cancel();
                throw failure("child");
                co_return;
            });
            co_await group.scope().cancelled();
            co_return 5;
        });
    row("the body fails, outer cancelled", "TaskGroupError(body)",
        [](TaskGroup &, CancelScope outer) -> QCoro::Task<int> {
            outer.cancel();
            throw failure("body");
            co_return 5;
        });
}

// D2
void tst_TaskGroupOutcome::whoAbsorbsCancelled()
{
    QFETCH(Body, body);
    const TestClock clock;
    const CancelScope outer;
    QTEST(outcomeOf(withTaskGroup(outer, [&](TaskGroup &group) { return body(group, outer); })), "outcome");
}

// D2
void tst_TaskGroupOutcome::whoAbsorbsCancelledOfAVoidBody()
{
    QFETCH(Body, body);
    QFETCH(QString, outcome);
    if (outcome == QStringLiteral("5"))
        outcome = QStringLiteral("true");
    else if (outcome == QStringLiteral("nothing"))
        outcome = QStringLiteral("false");
    const TestClock clock;
    const CancelScope outer;
    QCOMPARE(outcomeOf(withTaskGroup(
                 outer, [&](TaskGroup &group) -> QCoro::Task<> { co_await body(group, outer); })),
             outcome);
}

// D2: "the very handle given, shielded or not"
void tst_TaskGroupOutcome::aShieldIsTheScopeThatCounts()
{
    const CancelScope root;
    root.cancel(QStringLiteral("root"));
    QCOMPARE(outcomeOf(withTaskGroup(root.shielded(),
                                     [](TaskGroup &group) -> QCoro::Task<int> {
                                         co_await group.scope().checkpoint(); // the shield holds
                                         group.cancel();
                                         co_await group.scope().checkpoint();
                                         co_return 5;
                                     })),
             QStringLiteral("nothing"));
}

void tst_TaskGroupOutcome::clearingDoesNotCountAsTheFirstCancel()
{
    QList<bool> firsts;
    outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
        group.startSoon(
            [&](CancelScope scope, TaskGroupHandle its) -> QCoro::Task<> {
                co_await scope.shielded().checkpoint();
                for (int i = 0; i < 2; ++i)
                    firsts += its.cancel();
            },
            group.handle());
        throw Cancelled();
        co_return;
    }));
    QCOMPARE(firsts, (QList<bool>{true, false}));
}

namespace {
enum class Does { Returns, Sleeps, Fails, FailsAtOnce, Swallows, FailsCleaningUp, ThrowsCancelled };
using Children = QList<std::pair<const char *, Does>>;
} // namespace

void tst_TaskGroupOutcome::lifecycle_data()
{
    QTest::addColumn<Children>("children");
    QTest::addColumn<QString>("expected");

    const auto row = [](const char *name, const Children &children, const char *expected) {
        QTest::newRow(name) << children << QString::fromLatin1(expected);
    };
    row("none", {}, "joined: true");
    row("all return", {{"a", Does::Returns}, {"b", Does::Returns}},
        "a starts, b starts, a returns, b returns, joined: true");
    row("an error cancels the sibling", {{"a", Does::Sleeps}, {"b", Does::Fails}},
        "a starts, b starts, b fails, a is cancelled, joined: TaskGroupError(b)");
    row("an error reaches who has not begun", {{"a", Does::FailsAtOnce}, {"b", Does::Sleeps}},
        "a starts, a fails, b starts, b is cancelled, joined: TaskGroupError(a)");
    row("the sibling swallows", {{"a", Does::Swallows}, {"b", Does::Fails}},
        "a starts, b starts, b fails, a is cancelled, a returns, joined: TaskGroupError(b)");
    row("an error of the cleanup", {{"a", Does::FailsCleaningUp}, {"b", Does::Fails}},
        "a starts, b starts, b fails, a is cancelled, joined: TaskGroupError(b, a)");
    row("both fail at once", {{"a", Does::FailsAtOnce}, {"b", Does::FailsAtOnce}},
        "a starts, a fails, b starts, b fails, joined: TaskGroupError(a, b)");
    // D11: it counts as cancelled, and cancels nobody
    row("Cancelled by hand", {{"a", Does::ThrowsCancelled}, {"b", Does::Returns}},
        "a starts, b starts, b returns, joined: true");
}

void tst_TaskGroupOutcome::lifecycle()
{
    QFETCH(Children, children);
    QStringList log;
    const auto child = [&](CancelScope scope, QString name, Does does) -> QCoro::Task<> {
        log += name + QStringLiteral(" starts");
        if (does == Does::FailsAtOnce) {
            log += name + QStringLiteral(" fails");
            throw failure(qPrintable(name));
        }
        if (does == Does::ThrowsCancelled)
            throw Cancelled();
        try {
            if (does == Does::Returns || does == Does::Fails)
                co_await scope.checkpoint();
            else
                co_await scope.sleep(1h);
        } catch (const Cancelled &) {
            log += name + QStringLiteral(" is cancelled");
            if (does == Does::FailsCleaningUp)
                throw failure(qPrintable(name));
            if (does != Does::Swallows)
                throw;
        }
        log += name + (does == Does::Fails ? QStringLiteral(" fails") : QStringLiteral(" returns"));
        if (does == Does::Fails)
            throw failure(qPrintable(name));
    };
    log += QStringLiteral("joined: ")
           + outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
                 for (const auto &[name, does] : children)
                     group.startSoon(child, QString::fromLatin1(name), does);
                 co_return;
             }));
    QTEST(log.join(QStringLiteral(", ")), "expected");
}

void tst_TaskGroupOutcome::aMoveOnlyValueIsGiven()
{
    QCOMPARE(outcomeOf(withTaskGroup(CancelScope(),
                                     [](TaskGroup &) -> QCoro::Task<std::unique_ptr<int>> {
                                         co_return std::make_unique<int>(6);
                                     })),
             QStringLiteral("6"));
}

// CS-05
void tst_TaskGroupOutcome::aGroupInACancelledScopeRunsToTheFirstWait()
{
    QStringList log;
    const CancelScope outer;
    outer.cancel(QStringLiteral("outer"));
    const auto outcome = outcomeOf(withTaskGroup(outer, [&](TaskGroup &group) -> QCoro::Task<> {
        log += QStringLiteral("body");
        group.startSoon([&](CancelScope scope) -> QCoro::Task<> {
            log += scope.reason();
            co_await scope.checkpoint();
            log += QStringLiteral("after");
        });
        co_await group.scope().checkpoint();
        log += QStringLiteral("after");
    }));
    QCOMPARE(outcome, QStringLiteral("Cancelled(outer)"));
    QCOMPARE(log, (QStringList{QStringLiteral("body"), QStringLiteral("outer")}));
}

void tst_TaskGroupOutcome::groupsNest()
{
    const auto outcome = outcomeOf(withTaskGroup(CancelScope(), [](TaskGroup &outer) -> QCoro::Task<> {
        outer.startSoon([](CancelScope scope) -> QCoro::Task<> {
            co_await withTaskGroup(scope, [](TaskGroup &inner) -> QCoro::Task<> {
                inner.startSoon([]() -> QCoro::Task<> {
                    throw failure("innermost");
                    co_return;
                });
                co_await inner.scope().cancelled();
            });
        });
        co_await outer.scope().cancelled();
    }));
    QCOMPARE(outcome, QStringLiteral("TaskGroupError(TaskGroupError(innermost))"));
}

QTEST_GUILESS_MAIN(tst_TaskGroupOutcome)

#include "tst_taskgroupoutcome.moc"
