// SPDX-License-Identifier: Apache-2.0
#include "../shared/loopthread.h"
#include "../shared/messagelog.h"
#include "../shared/outcome.h"

#include <MicroIO/CancelScope>
#include <MicroIO/CloseScope>
#include <MicroIO/Errors>
#include <MicroIO/TaskGroup>

#include <QtTest/QtTest>

#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::errorText;
using Tests::outcomeOf;
using Tests::Probe;
using Tests::thrownBy;

namespace {

struct Owner : QObject
{
    TaskGroup group{this};
};

QCoro::Task<> sleeper(CancelScope scope, std::reference_wrapper<std::atomic<int>> frames)
{
    const Probe probe(frames);
    co_await scope.sleep(1h);
}

/// Ends when \a gate does, and hears of no cancellation.
QCoro::Task<int> foreign(CloseScope gate)
{
    co_await gate.closed(CancelScope());
    co_return 1;
}

} // namespace

/// Invariant 10, at strange moments and from strange places.
class tst_GroupDestructionTimes : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void invariant10_aChildNotBegunNeverBegins();
    void invariant10_aCompletedChildGetsItsResult_data();
    void invariant10_aCompletedChildGetsItsResult();
    void invariant10_startingIsRefusedWhileUnwinding();
    void invariant10_aChildDestroysItsOwnGroup();
    void invariant10_aChildInANestedEventLoop();
    void invariant10_unwindingDestroysAnotherGroup();
    void invariant10_aForeignThreadCannotUnwind();
    void invariant10_coroutinesOfOtherThreadsAreCancelledThere();
    void invariant10_atTheEndOfTheLoopFirst();

private:
    std::optional<Tests::MessageLog> m_log;
};

void tst_GroupDestructionTimes::invariant10_aChildNotBegunNeverBegins()
{
    bool called = false;
    std::atomic<int> alive = 0;
    auto owner = std::make_unique<Owner>();
    TaskHandle<void> handle;
    for (int i = 0; i < 3; ++i) {
        handle = owner->group.startSoon([&called, probe = Probe(alive)]() -> QCoro::Task<> {
            called = true;
            co_return;
        });
    }
    QCOMPARE(alive, 3);
    owner.reset();
    QCOMPARE(alive, 0);
    QVERIFY(handle.isFinished());
    Tests::turn(2);
    QVERIFY(!called);
    const auto result = [&]() -> QCoro::Task<> { co_await handle.result(CancelScope()); };
    QCOMPARE(outcomeOf(result()), QStringLiteral("TaskCancelledError"));
}

namespace {
enum class Wait { Closed, Signal, Abandonable, Result, Join };
}

void tst_GroupDestructionTimes::invariant10_aCompletedChildGetsItsResult_data()
{
    QTest::addColumn<int>("wait");
    QTest::newRow("close scope") << int(Wait::Closed);
    QTest::newRow("signal") << int(Wait::Signal);
    QTest::newRow("foreign task") << int(Wait::Abandonable);
    QTest::newRow("result of a child") << int(Wait::Result);
    QTest::newRow("end of a group") << int(Wait::Join);
}

void tst_GroupDestructionTimes::invariant10_aCompletedChildGetsItsResult()
{
    QFETCH(int, wait);
    QStringList log;
    CloseScope gate;
    QObject sender;
    Owner other;
    QCoro::Task<int> task = foreign(gate);
    auto owner = std::make_unique<Owner>();
    const auto waitedFor = other.group.startSoon(
        [&]() -> QCoro::Task<> { co_await gate.closed(CancelScope()); });
    owner->group.startSoon([&](CancelScope scope) -> QCoro::Task<> {
        try {
            if (Wait(wait) == Wait::Closed)
                co_await gate.closed(scope);
            else if (Wait(wait) == Wait::Signal)
                log += co_await scope.cancellable(&sender, &QObject::objectNameChanged);
            else if (Wait(wait) == Wait::Abandonable)
                co_await scope.abandonOnCancel(std::move(task));
            else if (Wait(wait) == Wait::Result)
                co_await waitedFor.result(scope);
            else
                co_await other.group.join(scope);
            log += QStringLiteral("result");
            co_await scope.checkpoint();
        } catch (...) {
            log += errorText(std::current_exception());
        }
    });
    Tests::turn(2);
    QCOMPARE(log, QStringList());
    QStringList expected{QStringLiteral("result"), QStringLiteral("Cancelled(its task group was destroyed)")};
    const auto destroy = [&] { owner.reset(); };
    if (Wait(wait) == Wait::Closed) {
        gate.close();
        destroy();
    } else if (Wait(wait) == Wait::Signal) {
        sender.setObjectName(QStringLiteral("name"));
        expected.prepend(QStringLiteral("name"));
        destroy();
    } else {
        // the source itself ends in a turn of the loop; whoever comes right behind it destroys the owner
        outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
            group.startSoon([&]() -> QCoro::Task<> {
                co_await gate.closed(CancelScope());
                destroy();
            });
            co_await group.scope().checkpoint();
            gate.close();
        }));
    }
    QVERIFY(!owner);
    QCOMPARE(log, expected);
    gate.close();
    Tests::turn(2);
}

void tst_GroupDestructionTimes::invariant10_startingIsRefusedWhileUnwinding()
{
    QStringList log;
    bool called = false;
    auto owner = std::make_unique<Owner>();
    owner->group.startSoon([&, handle = owner->group.handle()](CancelScope scope) -> QCoro::Task<> {
        try {
            co_await scope.sleep(1h);
        } catch (const Cancelled &) {
        }
        log += thrownBy([&] {
            handle.startSoon([&]() -> QCoro::Task<> {
                called = true;
                co_return;
            });
        });
        const auto starting = [&](CancelScope, TaskStatus<>) -> QCoro::Task<> {
            called = true;
            co_return;
        };
        const CancelScope unrelated;
        for (const CancelScope &caller : {scope, unrelated}) {
            try {
                co_await handle.start(caller, starting);
            } catch (...) {
                log += errorText(std::current_exception());
            }
        }
    });
    Tests::turn();
    owner.reset();
    QCOMPARE(log, (QStringList{QStringLiteral("ClosedResourceError"),
                               QStringLiteral("Cancelled(its task group was destroyed)"),
                               QStringLiteral("ClosedResourceError")}));
    Tests::turn(2);
    QVERIFY(!called);
}

void tst_GroupDestructionTimes::invariant10_aChildDestroysItsOwnGroup()
{
    std::atomic<int> frames = 0;
    QStringList log;
    auto owner = std::make_unique<Owner>();
    for (int i = 0; i < 10; ++i)
        owner->group.startSoon(sleeper, std::ref(frames));
    owner->group.startSoon(QStringLiteral("suicidal"), [&](CancelScope scope) -> QCoro::Task<> {
        const Probe probe(frames);
        co_await scope.checkpoint();
        owner.reset();
        log += QString::number(frames);
        try {
            co_await scope.sleep(1h);
        } catch (...) {
            log += errorText(std::current_exception());
            throw;
        }
    });
    for (int i = 0; i < 10; ++i)
        owner->group.startSoon(sleeper, std::ref(frames));
    QTRY_VERIFY(!owner);
    QCOMPARE(log,
             (QStringList{QStringLiteral("1"), QStringLiteral("Cancelled(its task group was destroyed)")}));
    Tests::turn(2);
    QCOMPARE(frames, 0);
    const QStringList said = m_log->take();
    QCOMPARE(said.size(), 1);
    QVERIFY2(said.first().contains(QStringLiteral("1 of its tasks could not be unwound: suicidal.")),
             qPrintable(said.first()));
}

void tst_GroupDestructionTimes::invariant10_aChildInANestedEventLoop()
{
    std::atomic<int> frames = 0;
    QStringList log;
    auto owner = std::make_unique<Owner>();
    owner->group.startSoon(sleeper, std::ref(frames));
    owner->group.startSoon(QStringLiteral("dialog"), [&](CancelScope scope) -> QCoro::Task<> {
        co_await scope.checkpoint();
        QEventLoop dialog;
        QTimer::singleShot(0, &dialog, [&] {
            owner.reset();
            log += QString::number(frames);
            dialog.quit();
        });
        dialog.exec();
        try {
            co_await scope.checkpoint();
        } catch (...) {
            log += errorText(std::current_exception());
            throw;
        }
    });
    QTRY_COMPARE(log.size(), 2);
    QCOMPARE(log,
             (QStringList{QStringLiteral("0"), QStringLiteral("Cancelled(its task group was destroyed)")}));
    QCOMPARE(m_log->take().filter(QStringLiteral("could not be unwound: dialog.")).size(), 1);
}

void tst_GroupDestructionTimes::invariant10_unwindingDestroysAnotherGroup()
{
    std::atomic<int> frames = 0;
    auto second = std::make_unique<Owner>();
    auto first = std::make_unique<Owner>();
    for (int i = 0; i < 10; ++i) {
        second->group.startSoon(sleeper, std::ref(frames));
        first->group.startSoon([&](CancelScope scope) -> QCoro::Task<> {
            const Probe probe(frames);
            try {
                co_await scope.sleep(1h);
            } catch (const Cancelled &) {
                second.reset();
            }
        });
    }
    Tests::turn(2);
    QCOMPARE(frames, 20);
    first.reset();
    QVERIFY(!second);
    QCOMPARE(frames, 0);
}

void tst_GroupDestructionTimes::invariant10_aForeignThreadCannotUnwind()
{
    std::atomic<int> frames = 0;
    auto owner = std::make_unique<Owner>();
    owner->group.startSoon(QStringLiteral("one"), sleeper, std::ref(frames));
    owner->group.startSoon(QStringLiteral("two"), sleeper, std::ref(frames));
    Tests::turn();
    QCOMPARE(frames, 2);
    std::thread([&] { owner.reset(); }).join();
    QCOMPARE(frames, 2);
    const QStringList said = m_log->take();
    QCOMPARE(said.size(), 1);
    QVERIFY2(said.first().contains(QStringLiteral("destroyed away from its event loop while 2 of its tasks")),
             qPrintable(said.first()));
    QVERIFY(said.first().contains(QStringLiteral("one, two")));
    Tests::turn(2); // cancelled in the ordinary way, each on its own thread
    QCOMPARE(frames, 0);
}

void tst_GroupDestructionTimes::invariant10_coroutinesOfOtherThreadsAreCancelledThere()
{
    auto owner = std::make_unique<Owner>();
    owner->group.startSoon([](CancelScope scope) -> QCoro::Task<> { co_await scope.sleep(1h); });
    Tests::turn();
    CloseScope waiting;
    std::atomic<QThread *> resumedOn = nullptr;
    Tests::LoopThread thread([&, scope = owner->group.scope()] {
        const auto wait = [&](CancelScope groups) -> QCoro::Task<> {
            waiting.close();
            try {
                co_await groups.shielded().sleep(1h);
            } catch (const Cancelled &) {
                resumedOn = QThread::currentThread();
            }
        };
        Tests::await(wait(scope));
    });
    QVERIFY(waiting.wait());
    owner.reset();
    thread.join();
    QCOMPARE(resumedOn, &thread);
}

void tst_GroupDestructionTimes::invariant10_atTheEndOfTheLoopFirst()
{
    std::atomic<int> frames = 0;
    std::unique_ptr<Owner> owner;
    bool runAfterTheLoop = false;
    Tests::LoopThread thread([&] {
        owner = std::make_unique<Owner>();
        for (int i = 0; i < 10; ++i)
            owner->group.startSoon(sleeper, std::ref(frames));
        Tests::turn(2);
        owner->group.startSoon([&]() -> QCoro::Task<> { // not begun when the loop ends
            runAfterTheLoop = true;
            co_return;
        });
    });
    thread.join();
    QCOMPARE(frames, 0); // the end of the loop has unwound them
    QCOMPARE(owner->group.size(), 0);
    owner.reset();
    QVERIFY(!runAfterTheLoop);
}

QTEST_GUILESS_MAIN(tst_GroupDestructionTimes)

#include "tst_groupdestructiontimes.moc"
