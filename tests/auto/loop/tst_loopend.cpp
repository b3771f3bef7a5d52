// SPDX-License-Identifier: Apache-2.0
#include "../shared/looper.h"
#include "../shared/messagelog.h"
#include "../shared/recorder.h"

#include <MicroIO/CancelScope>
#include <MicroIO/CloseScope>
#include <MicroIO/TestClock>

#include <QtTest/QtTest>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::Looper;
using Tests::record;
using Tests::RecorderPtr;

namespace {

/// Runs a function, and has an event dispatcher but never an event loop.
class BusyThread : public QThread
{
public:
    explicit BusyThread(std::function<void()> function)
        : m_function(std::move(function))
    {
    }
    ~BusyThread() override { wait(); }

protected:
    void run() override { m_function(); }

private:
    const std::function<void()> m_function;
};

} // namespace

/// What happens to coroutines whose thread ends. See also tst_allwaits.
class tst_LoopEnd : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void framesAreDestroyedOnTheirThread();
    void completedCoroutinesGoBeforeSuspendedOnes();
    void coroutineMayWakeAnother();
    void manyCoroutinesDoNotRecurse();
    void swallowerIsLeftSuspendedAndNamed_data();
    void swallowerIsLeftSuspendedAndNamed();
    void threadThatNeverTurnsItsLoop();
    void secondRunOfAThreadHasALoopOfItsOwn();
    void endedLoopIsNotWoken();
    void deadlinesOfAnEndedLoop();

private:
    std::optional<Tests::MessageLog> m_log;
};

void tst_LoopEnd::framesAreDestroyedOnTheirThread()
{
    std::atomic<int> alive = 0;
    std::atomic<QThread *> destroyedOn = nullptr;
    {
        Looper thread;
        const CancelScope scope;
        const auto sleep = [&]() -> QCoro::Task<> {
            const Tests::Probe probe(alive);
            const auto guard = qScopeGuard([&] { destroyedOn = QThread::currentThread(); });
            co_await scope.sleep(1h);
        };
        thread.call([&] { sleep(); });
        QCOMPARE(alive.load(), 1);
        thread.end();
        QCOMPARE(alive.load(), 0);
        QCOMPARE(destroyedOn.load(), &thread);
    }
}

void tst_LoopEnd::completedCoroutinesGoBeforeSuspendedOnes()
{
    Looper thread;
    const CancelScope scope;
    CloseScope closeScope;
    QStringList order;
    const auto waiter = [&](CloseScope gate, QString name) -> QCoro::Task<> {
        try {
            co_await gate.closed(scope);
            order += name + QStringLiteral(" ended");
        } catch (const Cancelled &) {
            order += name + QStringLiteral(" cancelled");
        }
    };
    thread.call([&] {
        waiter(CloseScope(), QStringLiteral("suspended"));
        waiter(closeScope, QStringLiteral("completed"));
    });
    thread.end([&] { closeScope.close(); });
    QCOMPARE(order, (QStringList{QStringLiteral("completed ended"), QStringLiteral("suspended cancelled")}));
}

void tst_LoopEnd::coroutineMayWakeAnother()
{
    Looper thread;
    const CancelScope scope;
    CloseScope first, second;
    RecorderPtr woken;
    const auto waking = [&]() -> QCoro::Task<> {
        try {
            co_await first.closed(scope);
        } catch (const Cancelled &) {
            second.close();
        }
    };
    const auto waiting = [&]() -> QCoro::Task<> { co_await second.closed(scope); };
    thread.call([&] {
        waking();
        woken = record(waiting());
    });
    thread.end();
    QCOMPARE(woken->outcome(), QStringLiteral("ended"));
}

void tst_LoopEnd::manyCoroutinesDoNotRecurse()
{
    Looper thread;
    const CancelScope scope;
    std::atomic<int> cancelled = 0;
    const auto sleep = [&]() -> QCoro::Task<> {
        try {
            co_await scope.sleep(1h);
        } catch (const Cancelled &) {
            ++cancelled;
        }
    };
    thread.call([&] {
        for (int i = 0; i < 20'000; ++i)
            sleep();
    });
    thread.end();
    QCOMPARE(cancelled.load(), 20'000);
}

void tst_LoopEnd::swallowerIsLeftSuspendedAndNamed_data()
{
    using Wait = std::function<QCoro::Task<>(CancelScope, int)>;
    QTest::addColumn<Wait>("wait");
    QTest::newRow("one scope") << Wait(
        [](CancelScope scope, int) -> QCoro::Task<> { co_await scope.sleep(1h); });
    QTest::newRow("checkpoint") << Wait(
        [](CancelScope scope, int) -> QCoro::Task<> { co_await scope.checkpoint(); });
    QTest::newRow("two scopes in turn") << Wait([](CancelScope scope, int round) -> QCoro::Task<> {
        const CancelScope parent = scope;
        static const CancelScope other;
        if (round % 2)
            co_await other.sleep(1h);
        else
            co_await parent.sleep(1h);
    });
}

void tst_LoopEnd::swallowerIsLeftSuspendedAndNamed()
{
    using Wait = std::function<QCoro::Task<>(CancelScope, int)>;
    QFETCH(Wait, wait);

    // Kept for the whole run, because the frame is never destroyed.
    struct Swallower
    {
        CancelScope scope;
        Wait wait;
        int swallowed = 0;
        QCoro::Task<> task;

        QCoro::Task<> run()
        {
            while (swallowed < 100'000) { // else the test would hang
                try {
                    co_await wait(scope, swallowed);
                } catch (const Cancelled &) {
                    ++swallowed;
                }
            }
        }
    };
    static auto *kept = new std::vector<Swallower *>;
    auto *swallower = new Swallower{{}, wait, 0, QCoro::Task<>()};
    kept->push_back(swallower);

    Looper thread;
    RecorderPtr other;
    const auto sleep = [](CancelScope scope) -> QCoro::Task<> { co_await scope.sleep(1h); };
    thread.call([&] {
        swallower->task = swallower->run();
        other = record(sleep(CancelScope()));
    });
    thread.end();
    QVERIFY(!swallower->task.isReady());
    // so often for each task, or for each root scope of who is no task: this one uses up to two
    QVERIFY2(swallower->swallowed >= 1000 && swallower->swallowed <= 2001,
             qPrintable(QString::number(swallower->swallowed)));
    QCOMPARE(other->outcome(), QStringLiteral("Cancelled(the event loop has ended)"));

    const QStringList messages = m_log->take();
    QCOMPARE(messages.size(), 1);
    QVERIFY2(
        messages.first().startsWith(QStringLiteral(
            "critical microio.task: a coroutine outside any task group has swallowed Cancelled more than 1000 times")),
        qPrintable(messages.first()));
}

// Bad input: a thread without an event loop, but with a dispatcher
void tst_LoopEnd::threadThatNeverTurnsItsLoop()
{
    const CancelScope scope;
    RecorderPtr recorder;
    std::atomic<bool> doneInside = true;
    const auto sleep = [&]() -> QCoro::Task<> { co_await scope.sleep(1h); };
    BusyThread thread([&] {
        recorder = record(sleep());
        doneInside = recorder->isDone();
    });
    thread.start();
    QVERIFY(thread.wait(30'000));
    QVERIFY(!doneInside);
    QTRY_VERIFY(recorder->isDone());
    QCOMPARE(recorder->outcome(), QStringLiteral("Cancelled(the event loop has ended)"));
}

void tst_LoopEnd::secondRunOfAThreadHasALoopOfItsOwn()
{
    class Repeated : public QThread
    {
    public:
        RecorderPtr recorder;
        CancelScope scope;
        std::atomic<int> runs = 0; // ThreadSanitizer does not see that wait() is behind run()

    protected:
        void run() override
        {
            // Real time: each loop has a real timer of its own.
            const auto sleep = [](CancelScope s) -> QCoro::Task<> { co_await s.sleep(1ms); };
            recorder = record(sleep(scope));
            QEventLoop loop;
            while (!recorder->isDone())
                loop.processEvents(QEventLoop::WaitForMoreEvents);
            ++runs;
        }
    };
    Repeated thread;
    for (int i = 1; i <= 3; ++i) {
        thread.start();
        QVERIFY(thread.wait(30'000));
        QCOMPARE(thread.runs.load(), i);
        QCOMPARE(thread.recorder->outcome(), QStringLiteral("ended"));
    }
}

void tst_LoopEnd::endedLoopIsNotWoken()
{
    Looper thread;
    const CancelScope scope;
    CloseScope closeScope;
    std::atomic<int> called = 0;
    std::unique_ptr<QObject> context;
    thread.call([&] {
        context = std::make_unique<QObject>();
        scope.onCancel(context.get(), [&] { ++called; });
        closeScope.onClosed(context.get(), [&] { ++called; });
    });
    thread.end();
    QVERIFY(scope.cancel());
    QVERIFY(closeScope.close());
    Tests::turn(3);
    QCOMPARE(called.load(), 0);
}

void tst_LoopEnd::deadlinesOfAnEndedLoop()
{
    const TestClock clock;
    const CancelScope root;
    CancelScope limited = root.child(now() + 1h);
    const auto sleep = [](CancelScope scope) -> QCoro::Task<> { co_await scope.sleep(2h); };
    RecorderPtr there;
    {
        Looper thread;
        thread.call([&] { there = record(sleep(limited)); });
    }
    QCOMPARE(there->outcome(), QStringLiteral("Cancelled(the event loop has ended)"));

    limited.setDeadline(now() + 2h);
    const auto here = record(sleep(limited));
    limited.setDeadline(now() + 1min);
    QTRY_VERIFY(here->isDone());
    QCOMPARE(clock.elapsed(), 1min);
    QCOMPARE(here->outcome(), QStringLiteral("Cancelled(deadline)"));
    limited = CancelScope();
}

QTEST_GUILESS_MAIN(tst_LoopEnd)
#include "tst_loopend.moc"
