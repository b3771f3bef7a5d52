// SPDX-License-Identifier: Apache-2.0
#include "../shared/looper.h"
#include "../shared/messagelog.h"
#include "../shared/recorder.h"
#include "../shared/trigger.h"

#include <MicroIO/CancelScope>
#include <MicroIO/CloseScope>
#include <MicroIO/TestClock>

#include <QCoroThread>
#include <QCoroTimer>

#include <QPromise>
#include <QtTest/QtTest>

#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::outcomeOf;
using Tests::record;
using Tests::Trigger;
using Tests::turn;

// QT-06
/// abandonOnCancel().
class tst_ForeignWaits : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void abandonedTaskRunsOn();
    void abandonedTaskOwnsItsResult();
    void taskGivesItsValueOrItsError();
    void taskThatHasEndedAlready();
    void cancelledBeforeIsNotAwaited();
    void isAwaitedAtOnce();
    void timersAndDurations();
    void otherAwaitablesOfQCoro();
    void resumedElsewhereStillComesBack();
    void abandonedAwaitableMayEndAfterTheLoop();

private:
    std::optional<Tests::MessageLog> m_log;
};

void tst_ForeignWaits::abandonedTaskRunsOn()
{
    const Trigger trigger;
    const CancelScope scope;
    bool ranOn = false;
    const auto foreign = [&]() -> QCoro::Task<> {
        co_await trigger;
        ranOn = true;
    };
    const auto wait = [&]() -> QCoro::Task<> { co_await scope.abandonOnCancel(foreign()); };
    const auto waiter = record(wait());
    turn(2);
    scope.cancel(QStringLiteral("enough"));
    QTRY_COMPARE(waiter->outcome(), QStringLiteral("Cancelled(enough)"));
    QVERIFY(!ranOn);
    trigger.fire();
    QVERIFY(ranOn);
    turn(3);
}

void tst_ForeignWaits::abandonedTaskOwnsItsResult()
{
    const Trigger trigger;
    const CancelScope scope;
    std::atomic<int> alive = 0;
    const auto foreign = [&]() -> QCoro::Task<std::shared_ptr<Tests::Probe>> {
        auto value = std::make_shared<Tests::Probe>(alive);
        co_await trigger;
        co_return value;
    };
    const auto wait = [&]() -> QCoro::Task<> {
        auto task = foreign();
        co_await scope.abandonOnCancel(std::move(task));
    };
    const auto waiter = record(wait());
    scope.cancel();
    QTRY_VERIFY(waiter->isDone());
    QCOMPARE(alive.load(), 1);
    trigger.fire();
    QTRY_COMPARE(alive.load(), 0); // a result that comes too late is destroyed
}

void tst_ForeignWaits::taskGivesItsValueOrItsError()
{
    const TestClock clock;
    const CancelScope scope;
    const auto gives = []() -> QCoro::Task<std::unique_ptr<int>> {
        co_await CancelScope().sleep(1s);
        co_return std::make_unique<int>(7);
    };
    const auto fails = []() -> QCoro::Task<int> {
        co_await CancelScope().sleep(1s);
        throw Tests::failure("boom");
    };
    const auto waitForValue = [&]() -> QCoro::Task<std::unique_ptr<int>> {
        auto value = co_await scope.abandonOnCancel(gives());
        co_return std::move(value);
    };
    const auto waitForError = [&]() -> QCoro::Task<int> {
        const int value = co_await scope.abandonOnCancel(fails());
        co_return value;
    };
    QCOMPARE(outcomeOf(waitForValue()), QStringLiteral("7"));
    QCOMPARE(outcomeOf(waitForError()), QStringLiteral("boom"));
    QCOMPARE(clock.elapsed(), 2s);
}

void tst_ForeignWaits::taskThatHasEndedAlready()
{
    const CancelScope scope;
    const auto ended = []() -> QCoro::Task<int> { co_return 7; };
    const auto wait = [&]() -> QCoro::Task<int> {
        const int value = co_await scope.abandonOnCancel(ended());
        co_return value;
    };
    QCOMPARE(outcomeOf(wait()), QStringLiteral("7"));
}

void tst_ForeignWaits::cancelledBeforeIsNotAwaited()
{
    const Trigger trigger;
    const CancelScope scope;
    scope.cancel(QStringLiteral("enough"));
    const auto wait = [&]() -> QCoro::Task<> { co_await scope.abandonOnCancel(trigger); };
    QCOMPARE(outcomeOf(wait()), QStringLiteral("Cancelled(enough)"));
    QCOMPARE(trigger.awaited(), 0);
}

// Also when the coroutine has used up its slice of the loop's time: what fires meanwhile would be missed.
void tst_ForeignWaits::isAwaitedAtOnce()
{
    constexpr int count = 100;
    const Trigger trigger;
    const CancelScope scope;
    int resumed = 0;
    const auto wait = [&]() -> QCoro::Task<> {
        co_await scope.abandonOnCancel(trigger);
        ++resumed;
    };
    QTest::qSleep(5); // real time, as slices are: longer than one
    for (int i = 0; i < count; ++i)
        wait();
    const int awaited = trigger.awaited();
    trigger.fire();
    QTRY_COMPARE(resumed, count);
    QCOMPARE(awaited, count);
}

void tst_ForeignWaits::timersAndDurations()
{
    const CancelScope scope;
    QTimer timer; // real time, as that of QCoro's below
    timer.start(1);
    const auto pointer = [&]() -> QCoro::Task<> { co_await scope.abandonOnCancel(&timer); };
    QCOMPARE(outcomeOf(pointer()), QStringLiteral("ended"));
    const auto qcoros = [&]() -> QCoro::Task<> { co_await scope.abandonOnCancel(QCoro::sleepFor(1ms)); };
    QCOMPARE(outcomeOf(qcoros()), QStringLiteral("ended"));
}

void tst_ForeignWaits::otherAwaitablesOfQCoro()
{
    const CancelScope scope;
    class Gated : public QThread
    {
    public:
        ~Gated() override { wait(); }
        CloseScope gate;

    protected:
        void run() override { static_cast<void>(gate.wait()); }
    };
    Gated thread;
    thread.start();
    const auto run = [&]() -> QCoro::Task<QString> {
        auto finished = qCoro(&thread).waitForFinished(60s);
        thread.gate.close();
        const bool hasFinished = co_await scope.abandonOnCancel(std::move(finished));
        co_return hasFinished ? QStringLiteral("finished") : QStringLiteral("not finished");
    };
    QCOMPARE(outcomeOf(run()), QStringLiteral("finished"));

    QPromise<int> promise;
    promise.start();
    promise.addResult(7);
    promise.finish();
    const auto future = [&]() -> QCoro::Task<int> {
        const int value = co_await scope.abandonOnCancel(promise.future());
        co_return value;
    };
    QCOMPARE(outcomeOf(future()), QStringLiteral("7"));
}

// qcoro#213
void tst_ForeignWaits::resumedElsewhereStillComesBack()
{
    const Trigger trigger;
    const CancelScope scope;
    const auto foreign = [&]() -> QCoro::Task<int> {
        co_await trigger;
        co_return 7;
    };
    QThread *resumedOn = nullptr;
    const auto wait = [&]() -> QCoro::Task<int> {
        const int value = co_await scope.abandonOnCancel(foreign());
        resumedOn = QThread::currentThread();
        co_return value;
    };
    auto task = wait();
    std::thread([&] { trigger.fire(); }).join();
    QCOMPARE(outcomeOf(std::move(task)), QStringLiteral("7"));
    QCOMPARE(resumedOn, QThread::currentThread());
}

void tst_ForeignWaits::abandonedAwaitableMayEndAfterTheLoop()
{
    const Trigger trigger;
    Tests::RecorderPtr waiter;
    {
        Tests::Looper thread;
        const auto wait = [](CancelScope scope, Trigger foreign) -> QCoro::Task<> {
            co_await scope.abandonOnCancel(foreign);
        };
        thread.call([&] { waiter = record(wait(CancelScope(), trigger)); });
    }
    QCOMPARE(waiter->outcome(), QStringLiteral("Cancelled(the event loop has ended)"));
    trigger.fire();
}

QTEST_GUILESS_MAIN(tst_ForeignWaits)
#include "tst_foreignwaits.moc"
