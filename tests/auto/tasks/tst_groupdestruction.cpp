// SPDX-License-Identifier: Apache-2.0
#include "../shared/messagelog.h"
#include "../shared/outcome.h"

#include <MicroIO/CancelScope>
#include <MicroIO/CloseScope>
#include <MicroIO/Errors>
#include <MicroIO/TaskGroup>

#include <QFuture>
#include <QPromise>
#include <QtTest/QtTest>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::errorText;
using Tests::failure;
using Tests::outcomeOf;
using Tests::Probe;

namespace {

struct Owner : QObject
{
    TaskGroup group{this};
};

/// Ends when \a gate does, and hears of no cancellation.
QCoro::Task<int> foreign(CloseScope gate, std::shared_ptr<Probe> probe = {})
{
    Q_UNUSED(probe)
    co_await gate.closed(CancelScope());
    co_return 1;
}

} // namespace

/// Invariant 10: when the destructor of a TaskGroup member has returned, nothing of it runs any more.
class tst_GroupDestruction : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void invariant10_allChildrenAreUnwoundOnTheSpot_data();
    void invariant10_allChildrenAreUnwoundOnTheSpot();
    void invariant10_aBareAwaitIsNamed();
    void invariant10_aWaitOnAnUnrelatedScopeIsNamed();
    void invariant10_whoSwallowsForEverIsGivenUpAndNamed();
    void invariant10_whoSwallowsAFewTimesIsUnwound();
    void invariant10_shieldsDoNotHold();
    void invariant10_unwindsWhatAChildAwaits();
    void invariant10_whoHasNotBegunNeverBegins();
    void anErrorOfTheCleanupIsReported();
    void whoWaitsForTheGroupIsWoken();
    void anEmptyGroupGoesQuietly();

private:
    std::optional<Tests::MessageLog> m_log;
};

void tst_GroupDestruction::invariant10_allChildrenAreUnwoundOnTheSpot_data()
{
    QTest::addColumn<QString>("from");
    for (const auto *from :
         {"after exec() has returned", "from the event loop", "from another group's child"})
        QTest::newRow(from) << QString::fromLatin1(from);
}

void tst_GroupDestruction::invariant10_allChildrenAreUnwoundOnTheSpot()
{
    QFETCH(QString, from);
    constexpr int each = 250;
    std::atomic<int> frames = 0;
    std::atomic<int> foreignFrames = 0;
    int unwound = 0;
    int wentOn = 0;
    int aliveAfterwards = -1;
    QObject sender;
    QPromise<int> promise;
    promise.start();
    const auto future = promise.future();
    CloseScope gate;
    auto owner = std::make_unique<Owner>();
    const auto child = [&](CancelScope scope, int kind) -> QCoro::Task<> {
        const Probe probe(frames);
        try {
            if (kind == 0)
                co_await scope.sleep(1h);
            else if (kind == 1)
                co_await scope.cancellable(&sender, &QObject::objectNameChanged);
            else if (kind == 2)
                co_await scope.cancellable(future);
            else
                co_await scope.abandonOnCancel(foreign(gate, std::make_shared<Probe>(foreignFrames)));
        } catch (const Cancelled &) {
            ++unwound;
            throw;
        }
        ++wentOn;
    };
    for (int i = 0; i < each * 4; ++i)
        owner->group.startSoon(child, i % 4);
    QTRY_COMPARE(frames, each * 4);

    const auto destroy = [&] {
        owner.reset();
        aliveAfterwards = frames;
    };
    if (from.startsWith(QStringLiteral("from the event"))) {
        QTimer::singleShot(0, this, destroy);
        QTRY_VERIFY(!owner);
    } else if (from.startsWith(QStringLiteral("from another"))) {
        outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
            group.startSoon([&](CancelScope scope) -> QCoro::Task<> {
                co_await scope.checkpoint();
                destroy();
            });
            co_return;
        }));
    } else {
        destroy();
    }
    QCOMPARE(aliveAfterwards, 0);
    QCOMPARE(unwound, each * 4);

    // once the sources have fired nothing is left
    QCOMPARE(foreignFrames, each);
    sender.setObjectName(QStringLiteral("fired"));
    promise.finish();
    gate.close();
    Tests::turn(3);
    QTRY_COMPARE(foreignFrames, 0);
    QCOMPARE(unwound, each * 4);
    QCOMPARE(wentOn, 0);
}

void tst_GroupDestruction::invariant10_aBareAwaitIsNamed()
{
    std::atomic<int> frames = 0;
    CloseScope gate;
    QString nextWait;
    auto owner = std::make_unique<Owner>();
    owner->group.startSoon(QStringLiteral("bare"), [&](CancelScope scope) -> QCoro::Task<> {
        const Probe probe(frames);
        co_await foreign(gate);
        try {
            co_await scope.checkpoint();
        } catch (...) {
            nextWait = errorText(std::current_exception());
            throw;
        }
    });
    for (int i = 0; i < 10; ++i) {
        owner->group.startSoon([&](CancelScope scope) -> QCoro::Task<> {
            const Probe probe(frames);
            co_await scope.sleep(1h);
        });
    }
    Tests::turn(2);
    QCOMPARE(frames, 11);
    owner.reset();
    QCOMPARE(frames, 1);
    const QStringList said = m_log->take();
    QCOMPARE(said.size(), 1);
    QVERIFY2(said.first().startsWith(
                 QStringLiteral("critical microio.task: A task group was destroyed while 1 of its "
                                "tasks could not be unwound: bare. ")),
             qPrintable(said.first()));
    gate.close();
    Tests::turn(3);
    QCOMPARE(frames, 0);
    QCOMPARE(nextWait, QStringLiteral("Cancelled(its task group was destroyed)"));
}

void tst_GroupDestruction::invariant10_aWaitOnAnUnrelatedScopeIsNamed()
{
    const CancelScope unrelated;
    auto owner = std::make_unique<Owner>();
    const auto handle = owner->group.startSoon(QStringLiteral("elsewhere"),
                                               [&]() -> QCoro::Task<> { co_await unrelated.sleep(1h); });
    Tests::turn();
    owner.reset();
    QVERIFY(!handle.isFinished());
    QCOMPARE(m_log->take().filter(QStringLiteral("elsewhere")).size(), 1);
    unrelated.cancel();
    Tests::turn(2);
    QVERIFY(handle.isFinished());
}

void tst_GroupDestruction::invariant10_whoSwallowsForEverIsGivenUpAndNamed()
{
    int swallowed = 0;
    std::atomic<int> others = 0;
    auto owner = std::make_unique<Owner>();
    Tests::keepForEver(
        owner->group.startSoon(QStringLiteral("swallower"), [&swallowed](CancelScope scope) -> QCoro::Task<> {
            for (;;) {
                try {
                    co_await scope.sleep(1h);
                } catch (const Cancelled &) {
                    ++swallowed;
                }
            }
        }));
    for (int i = 0; i < 5; ++i) {
        owner->group.startSoon([&](CancelScope scope) -> QCoro::Task<> {
            const Probe probe(others);
            co_await scope.sleep(1h);
        });
    }
    Tests::turn(2);
    owner.reset();
    QVERIFY(swallowed > 1000);
    QVERIFY(swallowed < 1100);
    QCOMPARE(others, 0);
    const QStringList said = m_log->take();
    QCOMPARE(said.filter(QStringLiteral("swallower has swallowed Cancelled more than 1000 times")).size(), 1);
    QCOMPARE(said.filter(QStringLiteral("could not be unwound: swallower.")).size(), 1);
    QCOMPARE(said.size(), 2);
    const int then = swallowed;
    Tests::turn(3);
    QCOMPARE(swallowed, then);
}

void tst_GroupDestruction::invariant10_whoSwallowsAFewTimesIsUnwound()
{
    int swallowed = 0;
    auto owner = std::make_unique<Owner>();
    const auto handle = owner->group.startSoon([&](CancelScope scope) -> QCoro::Task<> {
        while (swallowed < 900) {
            try {
                co_await scope.checkpoint();
            } catch (const Cancelled &) {
                ++swallowed;
            }
        }
    });
    Tests::turn();
    owner.reset();
    QCOMPARE(swallowed, 900);
    QVERIFY(handle.isFinished());
}

void tst_GroupDestruction::invariant10_shieldsDoNotHold()
{
    QStringList log;
    auto owner = std::make_unique<Owner>();
    owner->group.startSoon([&](CancelScope scope) -> QCoro::Task<> {
        try {
            co_await scope.shielded().child().shielded().sleep(1h);
        } catch (...) {
            log += errorText(std::current_exception());
        }
        try {
            co_await scope.shielded().sleep(1h); // a new one neither
        } catch (...) {
            log += errorText(std::current_exception());
        }
    });
    Tests::turn();
    owner->group.cancel(QStringLiteral("cancelled"));
    Tests::turn(2);
    QCOMPARE(log, QStringList()); // it holds against a mere cancellation
    owner.reset();
    QCOMPARE(log.size(), 2);
    QVERIFY(log.first().startsWith(QStringLiteral("Cancelled(")));
    QVERIFY(log.last().startsWith(QStringLiteral("Cancelled(")));
}

void tst_GroupDestruction::invariant10_unwindsWhatAChildAwaits()
{
    std::atomic<int> frames = 0;
    struct Recursive
    {
        static QCoro::Task<int> wait(CancelScope scope, int depth, std::atomic<int> &alive)
        {
            const Probe probe(alive);
            if (depth == 0)
                co_await scope.sleep(1h);
            else
                co_await wait(scope.child(), depth - 1, alive);
            co_return depth;
        }
    };
    auto owner = std::make_unique<Owner>();
    owner->group.startSoon(&Recursive::wait, 50, std::ref(frames));
    Tests::turn();
    QCOMPARE(frames, 51);
    owner.reset();
    QCOMPARE(frames, 0);
}

// invariant 4 of an open group: the error goes to the log
void tst_GroupDestruction::invariant10_whoHasNotBegunNeverBegins()
{
    std::atomic<int> arguments = 0;
    bool begun = false;
    auto owner = std::make_unique<Owner>();
    const auto handle = owner->group.startSoon(
        [&begun](const std::shared_ptr<Probe> &) -> QCoro::Task<> {
            begun = true;
            co_return;
        },
        std::make_shared<Probe>(arguments));
    QCOMPARE(arguments, 1);
    owner.reset();
    QVERIFY(!begun);
    QCOMPARE(arguments, 0);
    QVERIFY(handle.isFinished());
    const auto await = [handle]() -> QCoro::Task<> { co_await handle.result(CancelScope()); };
    QCOMPARE(outcomeOf(await()), QStringLiteral("TaskCancelledError"));
}

void tst_GroupDestruction::anErrorOfTheCleanupIsReported()
{
    auto owner = std::make_unique<Owner>();
    owner->group.startSoon(QStringLiteral("child"), [](CancelScope scope) -> QCoro::Task<> {
        try {
            co_await scope.sleep(1h);
        } catch (const Cancelled &) {
            throw failure("cleanup");
        }
    });
    Tests::turn();
    owner.reset();
    QCOMPARE(m_log->take(), QStringList{QStringLiteral("critical microio.task: child failed: cleanup")});
}

void tst_GroupDestruction::whoWaitsForTheGroupIsWoken()
{
    QStringList log;
    auto owner = std::make_unique<Owner>();
    const auto handle = owner->group.startSoon(
        [](CancelScope scope) -> QCoro::Task<> { co_await scope.sleep(1h); });
    outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
        group.startSoon([&](CancelScope scope) -> QCoro::Task<> {
            co_await owner->group.join(scope);
            log += QStringLiteral("empty");
        });
        group.startSoon([&](CancelScope scope) -> QCoro::Task<> {
            try {
                co_await handle.result(scope);
            } catch (...) {
                log += errorText(std::current_exception());
            }
        });
        co_await group.scope().checkpoint();
        co_await group.scope().checkpoint();
        owner.reset();
    }));
    log.sort();
    QCOMPARE(log, (QStringList{QStringLiteral("TaskCancelledError"), QStringLiteral("empty")}));
}

void tst_GroupDestruction::anEmptyGroupGoesQuietly()
{
    delete new Owner; // never used
    auto owner = std::make_unique<Owner>();
    owner->group.startSoon([]() -> QCoro::Task<> { co_return; });
    Tests::turn(2);
    owner.reset();
}

QTEST_GUILESS_MAIN(tst_GroupDestruction)

#include "tst_groupdestruction.moc"
