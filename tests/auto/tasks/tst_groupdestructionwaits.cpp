// SPDX-License-Identifier: Apache-2.0
#include "../shared/messagelog.h"
#include "../shared/outcome.h"

#include <MicroIO/CancelScope>
#include <MicroIO/CloseScope>
#include <MicroIO/Errors>
#include <MicroIO/RunInThread>
#include <MicroIO/TaskGroup>
#include <MicroIO/Timeouts>

#include <QtTest/QtTest>

#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::errorText;
using Tests::Probe;

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

} // namespace

/// Invariant 10, for children that are in the middle of the library's own compound waits.
class tst_GroupDestructionWaits : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void invariant10_nestedGroupsAreUnwoundFromTheInside();
    void invariant10_aNestedGroupWithAStuckChildIsNamed();
    void invariant10_runnersWithLimits();
    void invariant10_startInProgress_data();
    void invariant10_startInProgress();
    void invariant10_runInThreadInProgress_data();
    void invariant10_runInThreadInProgress();
    void invariant10_runInThreadEndsJustThen();
    void invariant10_joinAndResultWaits();

private:
    std::optional<Tests::MessageLog> m_log;
};

void tst_GroupDestructionWaits::invariant10_nestedGroupsAreUnwoundFromTheInside()
{
    std::atomic<int> frames = 0;
    int early = 0;
    auto owner = std::make_unique<Owner>();
    struct Nested
    {
        static QCoro::Task<> run(CancelScope scope, int depth, std::atomic<int> &alive, int &tooEarly)
        {
            const Probe probe(alive);
            const int below = alive;
            try {
                co_await withTaskGroup(scope, [&](TaskGroup &group) -> QCoro::Task<> {
                    for (int i = 0; i < 3; ++i)
                        group.startSoon(sleeper, std::ref(alive));
                    if (depth > 0)
                        group.startSoon(&Nested::run, depth - 1, std::ref(alive), std::ref(tooEarly));
                    if (depth % 2)
                        co_await group.scope().sleep(1h);
                });
            } catch (const Cancelled &) {
                // invariant 3: all that was started below has gone
                tooEarly += alive > below + (depth == 0 ? 0 : 3);
                throw;
            }
        }
    };
    owner->group.startSoon(&Nested::run, 10, std::ref(frames), std::ref(early));
    for (int i = 0; i < 20; ++i)
        Tests::turn();
    QCOMPARE(frames, 11 + 3 * 11);
    owner.reset();
    QCOMPARE(frames, 0);
    QCOMPARE(early, 0);
}

void tst_GroupDestructionWaits::invariant10_aNestedGroupWithAStuckChildIsNamed()
{
    std::atomic<int> frames = 0;
    const CancelScope unrelated;
    auto owner = std::make_unique<Owner>();
    owner->group.startSoon([&](CancelScope scope) -> QCoro::Task<> {
        const Probe probe(frames);
        co_await withTaskGroup(scope, [&](TaskGroup &group) -> QCoro::Task<> {
            group.startSoon(QStringLiteral("stuck"), [&](CancelScope its) -> QCoro::Task<> {
                const Probe own(frames);
                co_await unrelated.sleep(1h);
                co_await its.checkpoint();
            });
            co_await group.scope().sleep(1h);
        });
    });
    Tests::turn(3);
    QCOMPARE(frames, 2);
    owner.reset();
    // Not awaited for ever: the outer one is unwound, and who stays is named, by the inner group.
    QCOMPARE(frames, 1);
    const QStringList said = m_log->take();
    QCOMPARE(said.size(), 1);
    QCOMPARE(said.filter(QStringLiteral("could not be unwound: stuck.")).size(), 1);
    unrelated.cancel();
    Tests::turn(3);
    QCOMPARE(frames, 0);
}

void tst_GroupDestructionWaits::invariant10_runnersWithLimits()
{
    QStringList log;
    auto owner = std::make_unique<Owner>();
    owner->group.startSoon([&](CancelScope scope) -> QCoro::Task<> {
        try {
            co_await moveOnAfter(scope, 1h, [&](CancelScope inner) -> QCoro::Task<> {
                co_await failAfter(
                    inner, 1h, [](CancelScope innermost) -> QCoro::Task<> { co_await innermost.sleep(1h); });
            });
            log += QStringLiteral("absorbed");
        } catch (...) {
            log += errorText(std::current_exception());
        }
    });
    Tests::turn(2);
    owner.reset();
    QCOMPARE(log, QStringList{QStringLiteral("Cancelled(its task group was destroyed)")});
}

void tst_GroupDestructionWaits::invariant10_startInProgress_data()
{
    QTest::addColumn<bool>("inOwnGroup");
    QTest::newRow("in the group itself") << true;
    QTest::newRow("in another group") << false;
}

void tst_GroupDestructionWaits::invariant10_startInProgress()
{
    QFETCH(bool, inOwnGroup);
    std::atomic<int> starters = 0;
    std::atomic<int> started = 0;
    QString told;
    std::optional<TaskStatus<>> kept;
    Owner other;
    auto owner = std::make_unique<Owner>();
    const auto handle = (inOwnGroup ? *owner : other).group.handle();
    owner->group.startSoon([&, handle](CancelScope scope) -> QCoro::Task<> {
        const Probe probe(starters);
        const auto child = [&](CancelScope its, TaskStatus<> status) -> QCoro::Task<> {
            const Probe own(started);
            kept = status;
            co_await its.sleep(1h);
        };
        try {
            co_await handle.start(scope, child);
        } catch (...) {
            told = errorText(std::current_exception());
            throw;
        }
    });
    Tests::turn(3);
    QCOMPARE(starters, 1);
    QCOMPARE(started, 1);
    owner.reset();
    QCOMPARE(starters, 0);
    QCOMPARE(told, QStringLiteral("Cancelled(its task group was destroyed)"));
    QCOMPARE(started, inOwnGroup ? 0 : 1);
    Tests::turn(2); // the other group's child has been told to stop
    QCOMPARE(started, 0);
    QVERIFY(!kept->started());
}

void tst_GroupDestructionWaits::invariant10_runInThreadInProgress_data()
{
    QTest::addColumn<bool>("looksAtItsScope");
    QTest::newRow("looks at its scope") << true;
    QTest::newRow("ends by itself") << false;
}

// "unwinding waits for fn"
void tst_GroupDestructionWaits::invariant10_runInThreadInProgress()
{
    QFETCH(bool, looksAtItsScope);
    std::atomic<int> frames = 0;
    std::atomic<bool> hasReturned = false;
    CloseScope running;
    QString told;
    auto owner = std::make_unique<Owner>();
    owner->group.startSoon([&](CancelScope scope) -> QCoro::Task<> {
        const Probe probe(frames);
        const auto work = [&](CancelScope its) {
            running.close();
            if (looksAtItsScope) {
                while (!its.isCancelled())
                    std::this_thread::yield();
            } else {
                while (!its.isCancelled())
                    std::this_thread::yield();
                // Real time: busy on; the destructor blocks, and must not return meanwhile.
                std::this_thread::sleep_for(20ms);
            }
            hasReturned = true;
        };
        try {
            co_await runInThread(scope, work);
            told = QStringLiteral("result ");
            co_await scope.checkpoint();
        } catch (...) {
            told += errorText(std::current_exception());
            throw;
        }
    });
    Tests::turn(2);
    QVERIFY(running.wait());
    QCOMPARE(frames, 1);
    owner.reset();
    QVERIFY(hasReturned);
    QCOMPARE(frames, 0);
    // what fn gives counts, as always; the next wait throws
    QCOMPARE(told, QStringLiteral("result Cancelled(its task group was destroyed)"));
}

// The work ends at any moment of the destruction: the coroutine is unwound in any case.
void tst_GroupDestructionWaits::invariant10_runInThreadEndsJustThen()
{
    std::atomic<int> frames = 0;
    for (int i = 0; i < 5000; ++i) {
        CloseScope running;
        auto owner = std::make_unique<Owner>();
        owner->group.startSoon([&](CancelScope scope) -> QCoro::Task<> {
            const Probe probe(frames);
            co_await runInThread(scope, [&](CancelScope its) {
                running.close();
                while (!its.isCancelled()) {}
                for (volatile int pause = 0; pause < i * 37 % 2000;)
                    pause = pause + 1;
            });
        });
        Tests::turn();
        QVERIFY(running.wait());
        owner.reset();
        QCOMPARE(frames, 0);
    }
}

void tst_GroupDestructionWaits::invariant10_joinAndResultWaits()
{
    std::atomic<int> frames = 0;
    Owner other;
    const auto sleeping = other.group.startSoon(sleeper, std::ref(frames));
    auto owner = std::make_unique<Owner>();
    const auto first = owner->group.startSoon(sleeper, std::ref(frames));
    for (int i = 0; i < 20; ++i) {
        owner->group.startSoon([&, i](CancelScope scope) -> QCoro::Task<> {
            const Probe probe(frames);
            if (i % 3 == 0)
                co_await sleeping.result(scope);
            else if (i % 3 == 1)
                co_await other.group.join(scope);
            else
                co_await first.result(scope);
        });
    }
    Tests::turn(2);
    QCOMPARE(frames, 22);
    owner.reset();
    QCOMPARE(frames, 1);
}

QTEST_GUILESS_MAIN(tst_GroupDestructionWaits)

#include "tst_groupdestructionwaits.moc"
