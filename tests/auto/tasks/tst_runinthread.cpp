// SPDX-License-Identifier: Apache-2.0
#include "../shared/messagelog.h"
#include "../shared/outcome.h"

#include <MicroIO/CancelScope>
#include <MicroIO/CloseScope>
#include <MicroIO/Errors>
#include <MicroIO/RunInThread>
#include <MicroIO/TaskGroup>
#include <MicroIO/Timeouts>

#include <QThreadPool>
#include <QtTest/QtTest>

#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::errorText;
using Tests::failure;
using Tests::outcomeOf;
using Tests::Probe;

using Work = std::function<int(CancelScope)>;

namespace {

struct Owner : QObject
{
    TaskGroup group{this};
};

} // namespace

/// runInThread(): blocking work on a pool thread.
class tst_RunInThread : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void givesWhatTheFunctionGives();
    void throwsWhatTheFunctionThrows_data();
    void throwsWhatTheFunctionThrows();
    void runsOnAPoolThreadAndResumesOnItsOwn();
    void usesTheGivenPool();
    void cancelledBeforeTheFunctionNeverRuns();
    void cancelledDuringItIsToldAtOnceAndItsOutcomeStands_data();
    void cancelledDuringItIsToldAtOnceAndItsOutcomeStands();
    void cancelledInTheQueueOfAFullPool();
    void aPoolThatIsClearedBreaksThePromise();
    void aDeadlineReachesTheWork();
    void theFunctionIsDestroyedOnItsThreadBeforeTheResultComes();
    void worksInParallel();
    void theLoopTurnsMeanwhile();
    void emptyCallablesAreRefused();

private:
    std::optional<Tests::MessageLog> m_log;
};

void tst_RunInThread::givesWhatTheFunctionGives()
{
    QCOMPARE(outcomeOf(runInThread(CancelScope(), [](CancelScope) { return 5; })), QStringLiteral("5"));
    QCOMPARE(outcomeOf(runInThread(CancelScope(), [] { return QStringLiteral("text"); })),
             QStringLiteral("text"));
    QCOMPARE(outcomeOf(runInThread(CancelScope(), [] { return std::make_unique<int>(4); })),
             QStringLiteral("4"));
    bool ran = false;
    QCOMPARE(outcomeOf(runInThread(CancelScope(), [&] { ran = true; })), QStringLiteral("ended"));
    QVERIFY(ran);
    auto moveOnly = [value = std::make_unique<int>(3)] { return *value; };
    const auto named = [](CancelScope scope) { return scope.isCancelled(); };
    QCOMPARE(outcomeOf(runInThread(CancelScope(), named)), QStringLiteral("false"));
    const std::function<int()> function = [] { return 2; };
    QCOMPARE(outcomeOf(runInThread(CancelScope(), function)), QStringLiteral("2"));
    const auto inCoroutine = [&]() -> QCoro::Task<int> {
        auto task = runInThread(CancelScope(), std::ref(moveOnly));
        co_return co_await task;
    };
    QCOMPARE(outcomeOf(inCoroutine()), QStringLiteral("3"));
}

void tst_RunInThread::throwsWhatTheFunctionThrows_data()
{
    QTest::addColumn<Work>("work");
    QTest::addColumn<QString>("outcome");
    QTest::newRow("exception") << Work([](CancelScope) -> int { throw failure("X"); }) << QStringLiteral("X");
    QTest::newRow("something else") << Work([](CancelScope) -> int { throw 7; }) << QStringLiteral("int 7");
    // D11
    QTest::newRow("Cancelled by hand")
        << Work([](CancelScope) -> int { throw Cancelled(QStringLiteral("by hand")); })
        << QStringLiteral("Cancelled(by hand)");
}

void tst_RunInThread::throwsWhatTheFunctionThrows()
{
    QFETCH(Work, work);
    QTEST(outcomeOf(runInThread(CancelScope(), work)), "outcome");
}

void tst_RunInThread::runsOnAPoolThreadAndResumesOnItsOwn()
{
    const auto run = [&]() -> QCoro::Task<bool> {
        QThread *ranOn = nullptr;
        for (int i = 0; i < 200; ++i) {
            co_await runInThread(CancelScope(), [&] { ranOn = QThread::currentThread(); });
            if (ranOn == thread() || QThread::currentThread() != thread())
                co_return false;
        }
        co_return true;
    };
    QCOMPARE(outcomeOf(run()), QStringLiteral("true"));
}

void tst_RunInThread::usesTheGivenPool()
{
    QThreadPool pool;
    const auto work = [&] { return pool.contains(QThread::currentThread()); };
    QCOMPARE(outcomeOf(runInThread(CancelScope(), work, &pool)), QStringLiteral("true"));
    QCOMPARE(outcomeOf(runInThread(CancelScope(), work)), QStringLiteral("false"));
}

void tst_RunInThread::cancelledBeforeTheFunctionNeverRuns()
{
    std::atomic<bool> ran = false;
    std::atomic<int> alive = 0;
    const CancelScope scope;
    scope.cancel(QStringLiteral("before"));
    const auto run = [&]() -> QCoro::Task<QString> {
        QStringList told;
        for (int i = 0; i < 3; ++i) {
            const auto work = [&ran, probe = Probe(alive)] { ran = true; };
            try {
                co_await runInThread(scope, work);
            } catch (...) {
                told += errorText(std::current_exception());
            }
        }
        co_return told.join(u' ');
    };
    QCOMPARE(outcomeOf(run()), QStringLiteral("Cancelled(before) Cancelled(before) Cancelled(before)"));
    QVERIFY(QThreadPool::globalInstance()->waitForDone());
    QVERIFY(!ran);
    QCOMPARE(alive, 0);
}

void tst_RunInThread::cancelledDuringItIsToldAtOnceAndItsOutcomeStands_data()
{
    QTest::addColumn<Work>("afterwards");
    QTest::addColumn<QString>("outcome");
    QTest::newRow("value") << Work([](CancelScope) { return 5; }) << QStringLiteral("5");
    QTest::newRow("error") << Work([](CancelScope) -> int { throw failure("X"); }) << QStringLiteral("X");
    QTest::newRow("Cancelled") << Work([](CancelScope scope) {
        scope.throwIfCancelled();
        return 5;
    }) << QStringLiteral("Cancelled(stop)");
}

void tst_RunInThread::cancelledDuringItIsToldAtOnceAndItsOutcomeStands()
{
    QFETCH(Work, afterwards);
    const CancelScope scope;
    CloseScope running;
    const auto cancel = running.onClosed(this, [&] { scope.cancel(QStringLiteral("stop")); });
    const auto work = [&](CancelScope its) {
        running.close();
        while (!its.isCancelled())
            std::this_thread::yield();
        return afterwards(its);
    };
    QTEST(outcomeOf(runInThread(scope, work)), "outcome");
}

void tst_RunInThread::cancelledInTheQueueOfAFullPool()
{
    QThreadPool pool;
    pool.setMaxThreadCount(1);
    CloseScope running;
    CloseScope release;
    std::atomic<bool> ran = false;
    std::atomic<int> alive = 0;
    const CancelScope scope;
    QStringList log;
    const auto outcome = outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
        group.startSoon([&](CancelScope its) -> QCoro::Task<> {
            co_await runInThread(
                its,
                [&] {
                    running.close();
                    static_cast<void>(release.wait());
                },
                &pool);
            log += QStringLiteral("first ended");
        });
        co_await running.closed(group.scope());
        const auto queued = group.startSoon([&]() -> QCoro::Task<> {
            const auto work = [&ran, probe = Probe(alive)] { ran = true; };
            try {
                co_await runInThread(scope, work, &pool);
            } catch (...) {
                log += errorText(std::current_exception());
            }
        });
        co_await group.scope().checkpoint();
        co_await group.scope().checkpoint();
        scope.cancel(QStringLiteral("too long"));
        co_await queued.result(group.scope()); // although the pool is as full as before
        log += QStringLiteral("alive: %1").arg(alive);
        release.close();
    }));
    QCOMPARE(outcome, QStringLiteral("true"));
    QCOMPARE(log, (QStringList{QStringLiteral("Cancelled(too long)"), QStringLiteral("alive: 0"),
                               QStringLiteral("first ended")}));
    QVERIFY(pool.waitForDone());
    QVERIFY(!ran);
}

// D23: never silence
void tst_RunInThread::aPoolThatIsClearedBreaksThePromise()
{
    QThreadPool pool;
    pool.setMaxThreadCount(1);
    CloseScope running;
    CloseScope release;
    std::atomic<bool> ran = false;
    std::atomic<int> alive = 0;
    Owner owner;
    owner.group.startSoon([&](CancelScope scope) -> QCoro::Task<> {
        co_await runInThread(
            scope,
            [&] {
                running.close();
                static_cast<void>(release.wait());
            },
            &pool);
    });
    Tests::turn(2);
    QVERIFY(running.wait());
    QString told;
    const auto queued = owner.group.startSoon([&](CancelScope scope) -> QCoro::Task<> {
        const auto work = [&ran, probe = Probe(alive)] { ran = true; };
        try {
            co_await runInThread(scope, work, &pool);
        } catch (...) {
            told = errorText(std::current_exception());
        }
    });
    Tests::turn(2);
    pool.clear();
    Tests::turn(2);
    release.close();
    QVERIFY(pool.waitForDone());
    QCOMPARE(told, QStringLiteral("BrokenResourceError"));
    QVERIFY(queued.isFinished());
    QVERIFY(!ran);
    QCOMPARE(alive, 0);
    QTRY_COMPARE(owner.group.size(), 0);
}

void tst_RunInThread::aDeadlineReachesTheWork()
{
    const auto run = [&]() -> QCoro::Task<> {
        const auto work = [](CancelScope its) {
            while (!its.isCancelled())
                std::this_thread::yield();
            its.throwIfCancelled();
        };
        // Real time: while work runs, that of a TestClock would stand still.
        co_await failAfter(CancelScope(), 5ms,
                           [&](CancelScope scope) -> QCoro::Task<> { co_await runInThread(scope, work); });
    };
    QCOMPARE(outcomeOf(run()), QStringLiteral("TimeoutError"));
}

namespace {

/// Tells where its copies are destroyed.
class Witness
{
public:
    explicit Witness(QList<QThread *> &destroyedOn)
        : m_destroyedOn(&destroyedOn)
    {
    }
    Witness(const Witness &) = default;
    Witness &operator=(const Witness &) = delete;
    ~Witness() { m_destroyedOn->append(QThread::currentThread()); }

private:
    QList<QThread *> *m_destroyedOn;
};

} // namespace

void tst_RunInThread::theFunctionIsDestroyedOnItsThreadBeforeTheResultComes()
{
    QThread *ranOn = nullptr;
    QList<QThread *> destroyedOn;
    QList<QThread *> seen;
    {
        const auto work = [&ranOn, witness = Witness(destroyedOn)] { ranOn = QThread::currentThread(); };
        destroyedOn.clear();
        const auto run = [&]() -> QCoro::Task<> {
            co_await runInThread(CancelScope(), work);
            seen = destroyedOn;
        };
        QCOMPARE(outcomeOf(run()), QStringLiteral("ended"));
    }
    QVERIFY(ranOn != thread());
    QCOMPARE(seen, QList<QThread *>{ranOn});
}

void tst_RunInThread::worksInParallel()
{
    QThreadPool pool;
    pool.setMaxThreadCount(4);
    std::atomic<int> running = 0;
    int sum = 0;
    outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
        for (int i = 0; i < 4; ++i) {
            group.startSoon([&, i](CancelScope scope) -> QCoro::Task<> {
                // ends only when all four are there
                sum += co_await runInThread(
                    scope,
                    [&running, i] {
                        ++running;
                        while (running < 4)
                            std::this_thread::yield();
                        return i;
                    },
                    &pool);
            });
        }
        co_return;
    }));
    QCOMPARE(sum, 6);
}

void tst_RunInThread::theLoopTurnsMeanwhile()
{
    CloseScope release;
    int turns = 0;
    const auto outcome = outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<int> {
        group.startSoon([&](CancelScope scope) -> QCoro::Task<> {
            for (; turns < 100; ++turns)
                co_await scope.checkpoint();
            release.close();
        });
        co_await runInThread(group.scope(), [&] { static_cast<void>(release.wait()); });
        co_return turns;
    }));
    QCOMPARE(outcome, QStringLiteral("100"));
}

void tst_RunInThread::emptyCallablesAreRefused()
{
    const std::function<void()> nothing;
    QVERIFY_THROWS_EXCEPTION(std::invalid_argument, runInThread(CancelScope(), nothing));
    void (*noFunction)() = nullptr;
    QVERIFY_THROWS_EXCEPTION(std::invalid_argument, runInThread(CancelScope(), noFunction));
}

QTEST_GUILESS_MAIN(tst_RunInThread)

#include "tst_runinthread.moc"
