// SPDX-License-Identifier: Apache-2.0
#include "../auto/shared/looper.h"
#include "../auto/shared/messagelog.h"
#include "../auto/shared/outcome.h"

#include "loop/scheduler_p.h"
#include <MicroIO/CancelScope>
#include <MicroIO/CloseScope>

#include <QPromise>
#include <QtTest/QtTest>

#include <algorithm>
#include <random>
#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::Looper;

namespace {

/// MICROIO_STRESS=long: minutes instead of seconds.
int rounds(int count)
{
    static const bool isLong = qEnvironmentVariable("MICROIO_STRESS") == QStringLiteral("long");
    return isLong ? count * 20 : count;
}

/// Lets threads begin at the same moment.
class Barrier
{
public:
    explicit Barrier(int count)
        : m_missing(count)
    {
    }
    void arrive()
    {
        --m_missing;
        while (m_missing > 0)
            std::this_thread::yield();
    }

private:
    std::atomic<int> m_missing;
};

/// Runs each of \a jobs in a thread of its own, all from about the same moment on, so that each comes first now and then.
void race(std::vector<std::function<void()>> jobs)
{
    static std::minstd_rand random(1);
    std::shuffle(jobs.begin(), jobs.end(), random); // who begins first has a start
    Barrier barrier(int(jobs.size()));
    std::vector<std::thread> threads;
    for (const auto &job : jobs) {
        threads.emplace_back([&barrier, &job, delay = random() % 3000] {
            barrier.arrive();
            for (std::atomic<unsigned> spins = 0; spins < delay;)
                ++spins;
            job();
        });
    }
    for (auto &thread : threads)
        thread.join();
}

/// Where the outcomes of many coroutines are counted.
struct Tally
{
    std::atomic<int> ended = 0;
    std::atomic<int> cancelled = 0;
    std::atomic<int> elsewhere = 0; // resumed on a foreign thread
    std::atomic<int> alive = 0;

    int done() const { return ended + cancelled; }

    QCoro::Task<> count(QCoro::Task<> task, QThread *home)
    {
        const Tests::Probe probe(alive);
        bool wasCancelled = false;
        try {
            co_await task;
        } catch (const Cancelled &) {
            wasCancelled = true;
        }
        if (QThread::currentThread() != home)
            ++elsewhere;
        ++(wasCancelled ? cancelled : ended);
    }
};

} // namespace

/// Races, looked for on purpose and checked by accounting.
class tst_StressScopes : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void cancelAgainstComplete();
    void cancelAgainstFuture();
    void manyScopesManyThreads();
    void deadlinesMovedByEverybody();
    void treesGrowWhileTheyAreCancelled();
    void loopsEndUnderTheirWaiters();
    void callbacksAreCalledOnceOrNever();

private:
    std::optional<Tests::MessageLog> m_log;
};

void tst_StressScopes::cancelAgainstComplete()
{
    const int count = rounds(2000);
    Looper thread;
    Tally tally;
    int cancelsWon = 0;
    for (int i = 0; i < count; ++i) {
        const CancelScope scope;
        CloseScope gate;
        const auto wait = [](CancelScope own, CloseScope closeScope) -> QCoro::Task<> {
            co_await closeScope.closed(own);
        };
        thread.call([&] { tally.count(wait(scope.child(), gate), &thread); });
        std::atomic<int> first = 0;
        race({[&] { first += scope.cancel(); }, [&] { gate.close(); }, [&] { first += scope.cancel(); }});
        QCOMPARE(first.load(), 1);
        QTRY_COMPARE(tally.done(), i + 1);
        cancelsWon = tally.cancelled;
    }
    thread.call([] {});
    QCOMPARE(tally.alive.load(), 0);
    QCOMPARE(tally.elsewhere.load(), 0);
    qInfo("%d of %d were cancelled", cancelsWon, count);
}

void tst_StressScopes::cancelAgainstFuture()
{
    const int count = rounds(1000);
    Looper thread;
    Tally tally;
    for (int i = 0; i < count; ++i) {
        const CancelScope scope;
        QPromise<int> promise;
        promise.start();
        const auto wait = [](CancelScope own, QFuture<int> future) -> QCoro::Task<> {
            const int value = co_await own.cancellable(future);
            if (value != 7)
                qFatal("not the value of the future");
        };
        thread.call([&] { tally.count(wait(scope, promise.future()), &thread); });
        race({[&] { scope.cancel(); },
              [&] {
                  promise.addResult(7);
                  promise.finish();
              }});
        QTRY_COMPARE(tally.done(), i + 1);
    }
    thread.call([] {});
    QCOMPARE(tally.alive.load(), 0);
    QCOMPARE(tally.elsewhere.load(), 0);
}

// Every coroutine waits on a scope of its own, and everything is cancelled and closed at once, at every level.
void tst_StressScopes::manyScopesManyThreads()
{
    constexpr int groups = 8, perGroup = 50;
    Looper loops[2];
    for (int round = 0; round < rounds(50); ++round) {
        Tally tally;
        const CancelScope root;
        std::vector<CancelScope> middles;
        std::vector<CancelScope> leaves;
        CloseScope gate;
        for (int i = 0; i < groups; ++i) {
            middles.push_back(root.child());
            for (int j = 0; j < perGroup; ++j)
                leaves.push_back(middles.back().child());
        }
        const auto wait = [](CancelScope scope, CloseScope closeScope, int kind) -> QCoro::Task<> {
            if (kind == 0)
                co_await closeScope.closed(scope);
            else if (kind == 1)
                co_await scope.sleep(1h);
            else
                co_await scope.cancelled();
        };
        for (int side = 0; side < 2; ++side) {
            loops[side].call([&] {
                for (size_t i = size_t(side); i < leaves.size(); i += 2)
                    tally.count(wait(leaves[i], gate, int(i / 2 % 3)), &loops[side]);
            });
        }
        race({[&] {
                  for (const CancelScope &leaf : leaves)
                      leaf.cancel();
              },
              [&] {
                  for (const CancelScope &middle : middles)
                      middle.cancel();
              },
              [&] { gate.close(); }, [&] { root.cancel(); }});
        QTRY_COMPARE(tally.done(), groups * perGroup);
        for (Looper &loop : loops)
            loop.call([] {});
        QCOMPARE(tally.alive.load(), 0);
        QCOMPARE(tally.elsewhere.load(), 0);
    }
}

void tst_StressScopes::deadlinesMovedByEverybody()
{
    Looper loops[2];
    for (int round = 0; round < rounds(20); ++round) {
        Tally tally;
        const CancelScope outer = CancelScope().child(now() + 1h);
        const CancelScope inner = outer.child().child(now() + 1h);
        const auto sleep = [](CancelScope scope) -> QCoro::Task<> { co_await scope.sleep(2h); };
        const auto repeat = [](CancelScope scope) -> QCoro::Task<> {
            for (;;)
                co_await scope.sleep(100us);
        };
        for (Looper &loop : loops) {
            loop.call([&] {
                for (int i = 0; i < 20; ++i) {
                    tally.count(sleep(inner.child()), &loop);
                    tally.count(repeat(inner.child(now() + 1h + i * 1s)), &loop);
                }
            });
        }
        const auto move = [&](const CancelScope &scope, unsigned seed) {
            std::mt19937 random(seed);
            for (int i = 0; i < 500; ++i)
                scope.setDeadline(i % 7 ? now() + 10min + int(random() % 1000) * 1ms : Deadline::max());
        };
        race({[&] { move(outer, 1); }, [&] { move(inner, 2); }, [&] { move(inner, 3); },
              [&] {
                  for (int i = 0; i < 500; ++i) {
                      if (inner.isCancelled())
                          qFatal("cancelled although no deadline has passed");
                  }
              }});
        QCOMPARE(tally.done(), 0);
        (round % 2 ? outer : inner).setDeadline(now() + 1ms);
        QTRY_COMPARE(tally.done(), 80);
        QCOMPARE(tally.cancelled.load(), 80);
        QVERIFY(outer.timedOut() || inner.timedOut());
    }
    for (Looper &loop : loops)
        QTRY_COMPARE(loop.call([] { return Detail::Scheduler::current()->timerCount(); }), 0);
}

void tst_StressScopes::treesGrowWhileTheyAreCancelled()
{
    for (int round = 0; round < rounds(50); ++round) {
        const CancelScope root;
        std::atomic<bool> stop = false;
        std::atomic<int> uncancelled = 0;
        const auto grow = [&] {
            std::vector<CancelScope> scopes{root};
            for (int i = 0; !stop; ++i) {
                const CancelScope child = scopes[size_t(i) % scopes.size()].child();
                if (i % 3 == 0)
                    scopes.push_back(child.child(now() + 1h));
                if (scopes.size() > 20)
                    scopes.erase(scopes.begin() + 1);
                const CancelScope shield = child.shielded();
                if (shield.isCancelled())
                    qFatal("a shield was reached");
            }
            for (const CancelScope &scope : scopes)
                uncancelled += !scope.isCancelled();
        };
        race({grow, grow, [&] {
                  std::this_thread::sleep_for(2ms);
                  root.cancel();
                  stop = true;
              }});
        QCOMPARE(uncancelled.load(), 0);
    }
}

void tst_StressScopes::loopsEndUnderTheirWaiters()
{
    for (int round = 0; round < rounds(50); ++round) {
        constexpr int count = 100;
        Tally tally;
        const CancelScope root = CancelScope().child(now() + 1h);
        CloseScope gate;
        std::optional<Looper> loop(std::in_place);
        const auto wait = [](CancelScope scope, CloseScope closeScope) -> QCoro::Task<> {
            co_await closeScope.closed(scope);
        };
        loop->call([&] {
            for (int i = 0; i < count; ++i)
                tally.count(wait(root.child(i % 2 ? Deadline::max() : now() + 1h), gate), &*loop);
        });
        race({[&] { loop->end(); }, [&] { round % 2 ? void(root.cancel()) : void(gate.close()); },
              [&] { root.setDeadline(now() + 2h); }});
        // all that this loop had to do was done when it was gone
        QCOMPARE(tally.done(), count);
        QCOMPARE(tally.alive.load(), 0);
        loop.reset();
    }
}

void tst_StressScopes::callbacksAreCalledOnceOrNever()
{
    const int count = rounds(1000);
    Looper thread;
    std::unique_ptr<QObject> context;
    thread.call([&] { context = std::make_unique<QObject>(); });
    std::atomic<int> alive = 0;
    int both = 0;
    for (int i = 0; i < count; ++i) {
        const CancelScope scope;
        std::atomic<int> called = 0;
        bool disconnected = false;
        {
            const auto callback = [probe = Tests::Probe(alive), &called] { ++called; };
            const auto subscription = scope.onCancel(context.get(), callback);
            race({[&] { scope.cancel(); }, [&] { disconnected = subscription.disconnect(); }});
        }
        thread.call([] {});
        thread.call([] {});
        QVERIFY(disconnected);
        QVERIFY(called <= 1);
        both += called;
    }
    QTRY_COMPARE(alive.load(), 0);
    qInfo("%d of %d were called before they were disconnected", both, count);
    thread.call([&] { context.reset(); });
}

QTEST_GUILESS_MAIN(tst_StressScopes)
#include "tst_stress_scopes.moc"
