// SPDX-License-Identifier: Apache-2.0
#include "../shared/looper.h"
#include "../shared/loopthread.h"
#include "../shared/messagelog.h"
#include "../shared/outcome.h"

#include <MicroIO/CancelScope>
#include <MicroIO/CloseScope>
#include <MicroIO/Errors>
#include <MicroIO/RunInThread>
#include <MicroIO/TaskGroup>
#include <MicroIO/Timeouts>

#include <QtTest/QtTest>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::failure;
using Tests::outcomeOf;
using Tests::Probe;

namespace {

struct Owner : QObject
{
    TaskGroup group{this};
};

QCoro::Task<> sleeper(CancelScope scope)
{
    co_await scope.sleep(1h);
}

QCoro::Task<> groupOfSleepers(CancelScope scope)
{
    co_await withTaskGroup(scope, [](TaskGroup &group, CancelScope inner) -> QCoro::Task<> {
        group.startSoon(sleeper);
        co_await inner.sleep(1h);
    });
}

QCoro::Task<> nested(CancelScope scope, int depth)
{
    co_await withTaskGroup(scope, [&](TaskGroup &group, CancelScope inner) -> QCoro::Task<> {
        if (depth > 0)
            group.startSoon(nested, depth - 1);
        co_await inner.sleep(1h);
    });
}

/// A child sits in a task group of its own while its parent's body awaits a time limit: whatever order they are
/// unwound in, the parent ends last.
QCoro::Task<> session(CancelScope scope, QStringList &log)
{
    const auto body = [&log](TaskGroup &group, CancelScope inner) -> QCoro::Task<> {
        group.startSoon([&log](CancelScope its) -> QCoro::Task<> {
            try {
                co_await groupOfSleepers(its);
            } catch (const Cancelled &) {
                log += QStringLiteral("child");
                throw;
            }
        });
        co_await failAfter(inner, 2h, sleeper);
    };
    try {
        co_await withTaskGroup(scope, body);
    } catch (const Cancelled &) {
        log += QStringLiteral("session");
        throw;
    }
}

} // namespace

/// Invariants 3 and 10 where task groups stand in task groups: what a destructor, or the end of the loop, unwinds.
class tst_Clearing : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void invariant3_childrenEndBeforeTheirGroup_data();
    void invariant3_childrenEndBeforeTheirGroup();
    void invariant3_whatIsStartedAtTheVeryEndIsAwaited();
    void invariant10_doesNotRecurseWithNumberOrDepth_data();
    void invariant10_doesNotRecurseWithNumberOrDepth();
    void invariant10_ownersInFramesDoNotRecurse();
    void invariant10_groupOnAnotherThreadBelowTheScope();
    void invariant10_whoSwallowsAroundAGroupIsGivenUp();
    void invariant10_laterWaitsOnTheScopeAreNotMistaken();
    void invariant4_errorsOfAGroupThatIsBrokenOffAreTold();
    void invariant11_anErrorForAContextThatIsGoingIsLogged();
    void poolWorkEndsWhileTheLoopDoes();
    void noPoolWorkBeginsWhileTheLoopEnds();
    void secondRunOfTheOwnersThread();
    void namesOnlyWhatHasBeenTaken();
    void invariant12_namesAreReadWhileChildrenStart();

private:
    std::optional<Tests::MessageLog> m_log;
};

void tst_Clearing::invariant3_childrenEndBeforeTheirGroup_data()
{
    QTest::addColumn<bool>("byTheLoop");
    QTest::newRow("the owner is destroyed") << false;
    QTest::newRow("the loop ends") << true;
}

void tst_Clearing::invariant3_childrenEndBeforeTheirGroup()
{
    QFETCH(bool, byTheLoop);
    QStringList log;
    std::unique_ptr<Owner> owner;
    Tests::Looper thread; // whose end() orders what is written while the loop ends
    thread.call([&] {
        owner = std::make_unique<Owner>();
        owner->group.startSoon(session, std::ref(log));
        Tests::turn(5);
        if (!byTheLoop)
            owner.reset();
    });
    thread.end();
    owner.reset();
    QCOMPARE(log, (QStringList{QStringLiteral("child"), QStringLiteral("session")}));
}

// Between the end of the last child and the turn in which the runner goes on.
void tst_Clearing::invariant3_whatIsStartedAtTheVeryEndIsAwaited()
{
    bool lateEnded = false;
    bool wasPending = false;
    std::optional<TaskGroupHandle> handle;
    TaskHandle<void> last;
    const CancelScope outside;
    const auto outsider = [&]() -> QCoro::Task<> {
        co_await last.result(outside);
        handle->startSoon([&](CancelScope scope) -> QCoro::Task<> {
            co_await scope.checkpoint();
            lateEnded = true;
        });
    };
    const auto grouped = [&]() -> QCoro::Task<> {
        co_await withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
            handle = group.handle();
            last = group.startSoon([](CancelScope scope) -> QCoro::Task<> { co_await scope.checkpoint(); });
            outsider();
            co_return;
        });
        wasPending = !lateEnded;
    };
    QCOMPARE(outcomeOf(grouped()), QStringLiteral("ended"));
    QVERIFY(!wasPending);
    QVERIFY(lateEnded);
    QVERIFY_THROWS_EXCEPTION(ClosedResourceError, handle->startSoon(sleeper));
}

void tst_Clearing::invariant10_doesNotRecurseWithNumberOrDepth_data()
{
    QTest::addColumn<int>("siblings");
    QTest::addColumn<int>("depth");
    QTest::addColumn<bool>("byTheLoop");
    for (const bool byTheLoop : {false, true}) {
        const char *how = byTheLoop ? "the loop ends" : "the owner is destroyed";
        QTest::addRow("siblings, %s", how) << 5000 << 0 << byTheLoop;
        QTest::addRow("depth, %s", how) << 1 << 2000 << byTheLoop;
    }
}

void tst_Clearing::invariant10_doesNotRecurseWithNumberOrDepth()
{
    QFETCH(int, siblings);
    QFETCH(int, depth);
    QFETCH(bool, byTheLoop);
    qsizetype left = -1;
    std::unique_ptr<Owner> owner;
    // a stack that a frame a task would not fit into
    Tests::LoopThread thread(
        [&] {
            owner = std::make_unique<Owner>();
            for (int i = 0; i < siblings; ++i)
                owner->group.startSoon(nested, depth);
            Tests::turn(depth + 20);
            const auto handle = owner->group.handle();
            if (!byTheLoop)
                owner.reset();
            left = handle.size();
        },
        256 * 1024);
    thread.join();
    QCOMPARE(left, byTheLoop ? siblings : 0);
    if (owner)
        QCOMPARE(owner->group.size(), 0);
}

// Each child's frame owns an object with a task group of its own.
void tst_Clearing::invariant10_ownersInFramesDoNotRecurse()
{
    constexpr int count = 5000;
    std::atomic<int> frames = 0;
    Tests::LoopThread thread(
        [&] {
            auto owner = std::make_unique<Owner>();
            for (int i = 0; i < count; ++i) {
                owner->group.startSoon([&frames](CancelScope scope) -> QCoro::Task<> {
                    Owner own;
                    own.group.startSoon([&frames](CancelScope its) -> QCoro::Task<> {
                        const Probe probe(frames);
                        co_await its.sleep(1h);
                    });
                    co_await scope.sleep(1h);
                });
            }
            Tests::turn(20);
        },
        256 * 1024);
    thread.join();
    QCOMPARE(frames, 0);
}

// Its waits were decided already, and only its own thread can unwind them.
void tst_Clearing::invariant10_groupOnAnotherThreadBelowTheScope()
{
    auto owner = std::make_unique<Owner>();
    const CancelScope scope = owner->group.scope();
    owner->group.startSoon(sleeper);
    QString outcome;
    std::atomic<int> turns = 0;
    Tests::LoopThread thread([&] {
        const auto spin = [&](CancelScope its) -> QCoro::Task<> {
            for (;;) {
                co_await its.checkpoint();
                ++turns;
            }
        };
        outcome = outcomeOf(withTaskGroup(scope, [&](TaskGroup &group, CancelScope inner) -> QCoro::Task<> {
            for (int i = 0; i < 50; ++i)
                group.startSoon(spin);
            co_await inner.sleep(1h);
        }));
    });
    QTRY_VERIFY(turns > 1000);
    owner.reset();
    thread.join();
    QVERIFY2(outcome.startsWith(QStringLiteral("Cancelled")), qPrintable(outcome));
}

void tst_Clearing::invariant10_whoSwallowsAroundAGroupIsGivenUp()
{
    auto owner = std::make_unique<Owner>();
    Tests::keepForEver(
        owner->group.startSoon(QStringLiteral("stubborn"), [](CancelScope scope) -> QCoro::Task<> {
            const auto body = [](TaskGroup &group, CancelScope inner) -> QCoro::Task<> {
                group.startSoon(sleeper);
                co_await inner.sleep(1h);
            };
            for (;;) {
                try {
                    co_await withTaskGroup(scope, body);
                } catch (const Cancelled &) {
                }
            }
        }));
    Tests::turn(3);
    owner.reset();
    const QStringList said = m_log->take();
    QCOMPARE(said.filter(QStringLiteral("has swallowed Cancelled more than 1000 times")).size(), 1);
    QVERIFY2(said.last().contains(QStringLiteral("could not be unwound: stubborn.")),
             qPrintable(said.last()));
}

void tst_Clearing::invariant10_laterWaitsOnTheScopeAreNotMistaken()
{
    auto owner = std::make_unique<Owner>();
    owner->group.startSoon(sleeper);
    Tests::turn();
    const CancelScope scope = owner->group.scope();
    owner.reset();
    int ended = 0;
    const auto wait = [&]() -> QCoro::Task<> {
        try {
            co_await scope.sleep(1ms);
        } catch (const Cancelled &) {
            ++ended;
        }
    };
    for (int i = 0; i < 1005; ++i)
        wait();
    QTRY_COMPARE(ended, 1005);
}

void tst_Clearing::invariant4_errorsOfAGroupThatIsBrokenOffAreTold()
{
    CloseScope gate;
    auto owner = std::make_unique<Owner>();
    owner->group.startSoon([&](CancelScope scope) -> QCoro::Task<> {
        co_await withTaskGroup(scope, [&](TaskGroup &group, CancelScope inner) -> QCoro::Task<> {
            group.startSoon([](CancelScope) -> QCoro::Task<> { throw failure("disk full"); });
            group.startSoon(QStringLiteral("stuck"),
                            [&]() -> QCoro::Task<> { co_await gate.closed(CancelScope()); });
            co_await inner.shielded().sleep(1h);
        });
    });
    Tests::turn(5);
    owner.reset();
    const QStringList said = m_log->take();
    QVERIFY2(!said.filter(QStringLiteral("disk full")).isEmpty(), qPrintable(said.join(QLatin1Char('\n'))));
    QVERIFY2(!said.filter(QStringLiteral("could not be unwound: stuck.")).isEmpty(),
             qPrintable(said.join(QLatin1Char('\n'))));
    gate.close();
    Tests::turn(3);
}

void tst_Clearing::invariant11_anErrorForAContextThatIsGoingIsLogged()
{
    auto owner = std::make_unique<Owner>();
    int heard = 0;
    owner->group.onError(owner.get(), [&](const std::exception_ptr &) { ++heard; });
    owner->group.startSoon([](CancelScope scope) -> QCoro::Task<> {
        try {
            co_await scope.sleep(1h);
        } catch (const Cancelled &) {
            throw failure("cleanup failed");
        }
    });
    Tests::turn(3);
    owner.reset();
    Tests::turn(3);
    QCOMPARE(heard, 0);
    QCOMPARE(m_log->take().filter(QStringLiteral("cleanup failed")).size(), 1);
}

// The work ends, on its thread, while the loop unwinds somebody else.
void tst_Clearing::poolWorkEndsWhileTheLoopDoes()
{
    std::atomic<bool> hasBegun = false;
    std::atomic<bool> hasEnded = false;
    std::unique_ptr<Owner> owner;
    Tests::LoopThread thread([&] {
        owner = std::make_unique<Owner>();
        owner->group.startSoon([&](CancelScope scope) -> QCoro::Task<> {
            const auto body = [&](TaskGroup &group) -> QCoro::Task<> {
                group.startSoon([&](CancelScope its) -> QCoro::Task<> {
                    const auto work = [&](CancelScope job) {
                        hasBegun = true;
                        while (!job.isCancelled())
                            QThread::yieldCurrentThread();
                        hasEnded = true;
                    };
                    co_await runInThread(its, work);
                });
                group.startSoon([&](CancelScope its) -> QCoro::Task<> {
                    try {
                        co_await its.sleep(1h);
                    } catch (const Cancelled &) {
                        while (its.isCancelled() && !hasEnded)
                            QThread::yieldCurrentThread();
                        throw;
                    }
                });
                co_return;
            };
            co_await withTaskGroup(scope, body);
        });
        while (!hasBegun)
            Tests::turn();
    });
    thread.join();
    QVERIFY(hasEnded);
    QCOMPARE(owner->group.size(), 0);
}

void tst_Clearing::noPoolWorkBeginsWhileTheLoopEnds()
{
    std::atomic<bool> hasBegun = false;
    QString outcome;
    const auto coroutine = [&]() -> QCoro::Task<> {
        const CancelScope scope;
        try {
            co_await scope.sleep(1h);
        } catch (const Cancelled &) {
        }
        try {
            co_await runInThread(scope, [&] { hasBegun = true; });
        } catch (...) {
            outcome = Tests::errorText(std::current_exception());
        }
    };
    Tests::Looper thread; // whose end() orders what is written while the loop ends
    thread.call([&] { coroutine(); });
    thread.end();
    QVERIFY(!hasBegun);
    QVERIFY2(outcome.startsWith(QStringLiteral("Cancelled")), qPrintable(outcome));
}

void tst_Clearing::secondRunOfTheOwnersThread()
{
    QThread thread;
    auto *owner = new Owner;
    owner->moveToThread(&thread);
    std::atomic<int> runs = 0;
    for (int run = 1; run <= 2; ++run) {
        thread.start();
        owner->group.handle().startSoon([&runs]() -> QCoro::Task<> {
            ++runs;
            co_return;
        });
        QTRY_COMPARE(runs, run);
        thread.quit();
        QVERIFY(thread.wait(10000));
    }
    QVERIFY_THROWS_EXCEPTION(ClosedResourceError, owner->group.startSoon(sleeper));
    delete owner;
}

void tst_Clearing::namesOnlyWhatHasBeenTaken()
{
    Owner owner;
    const CancelScope caller;
    caller.cancel();
    const auto start = [&]() -> QCoro::Task<> {
        try {
            co_await caller.checkpoint(); // the next refusal has to wait for a turn
        } catch (const Cancelled &) {
        }
        co_await owner.group.start(caller, [](CancelScope, TaskStatus<>) -> QCoro::Task<> { co_return; });
    };
    const auto pending = start();
    QCOMPARE(owner.group.taskNames(), QStringList());
    QTRY_VERIFY(pending.isReady());
}

// Found by ThreadSanitizer, if at all.
void tst_Clearing::invariant12_namesAreReadWhileChildrenStart()
{
    Owner owner;
    owner.group.startSoon(sleeper);
    Tests::turn();
    std::atomic<bool> stop = false;
    std::atomic<int> empty = 0;
    const auto handle = owner.group.handle();
    Tests::LoopThread reader([&] {
        while (!stop) {
            for (const auto &name : handle.taskNames())
                empty += name.isEmpty();
        }
    });
    for (int round = 0; round < 50; ++round) {
        for (int i = 0; i < 20; ++i)
            owner.group.startSoon(QStringLiteral("a name"), []() -> QCoro::Task<> { co_return; });
        Tests::turn();
    }
    stop = true;
    reader.join();
    QCOMPARE(empty, 0);
}

QTEST_GUILESS_MAIN(tst_Clearing)

#include "tst_clearing.moc"
