// SPDX-License-Identifier: Apache-2.0
#include "../shared/looper.h"
#include "../shared/messagelog.h"
#include "../shared/recorder.h"

#include <MicroIO/CancelScope>
#include <MicroIO/CloseScope>
#include <MicroIO/RunInThread>
#include <MicroIO/TaskGroup>

#include <QThreadPool>
#include <QtTest/QtTest>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::From;
using Tests::outcomeOf;
using Tests::record;
using Tests::turn;

namespace {

/// Blocking work that looks at its scope now and then, on a pool thread: what it does in between takes real time.
void workUntilCancelled(const CancelScope &scope)
{
    while (!scope.isCancelled())
        QThread::usleep(100); // real time: it looks, and nothing tells it
}

} // namespace

/// The waits that pass a cancellation on and wait for the outcome: start(), runInThread() and the end of
/// withTaskGroup(). See also tests/auto/tasks.
class tst_PassingWaits : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void startCancelledBefore();
    void startCancelledDuring_data();
    void startCancelledDuring();
    void startCancelledAfterwardsIsOnItsOwn();
    void startOutcomeStands();
    void startResumesOnItsOwnThread_data();
    void startResumesOnItsOwnThread();
    void startWhenTheLoopEnds();
    void runInThreadCancelledBefore();
    void runInThreadCancelledDuring_data();
    void runInThreadCancelledDuring();
    void runInThreadOutcomeStands();
    void runInThreadResumesOnItsOwnThread();
    void runInThreadWhenTheLoopEnds();
    void groupEndOutlastsCancellation();
    void groupWhenTheLoopEnds();
    void threadWithoutALoopIsRefused();

private:
    std::optional<Tests::MessageLog> m_log;
};

namespace {

void addOrigins()
{
    QTest::addColumn<From>("from");
    for (const auto from : {From::OwnLoop, From::OtherLoop, From::PlainThread})
        QTest::newRow(Tests::nameOf(from)) << from;
}

} // namespace

// CS-02
void tst_PassingWaits::startCancelledBefore()
{
    QObject owner;
    TaskGroup group(&owner);
    const CancelScope scope;
    scope.cancel(QStringLiteral("before"));
    bool called = false;
    const auto child = [&](CancelScope, TaskStatus<int> status) -> QCoro::Task<> {
        called = true;
        status.started(1);
        co_return;
    };
    const auto start = [&]() -> QCoro::Task<int> {
        const int value = co_await group.start<int>(scope, child);
        co_return value;
    };
    for (int i = 0; i < 3; ++i)
        QCOMPARE(outcomeOf(start()), QStringLiteral("Cancelled(before)"));
    QVERIFY(!called);
    QCOMPARE(group.size(), 0);
}

// CS-04
void tst_PassingWaits::startCancelledDuring_data()
{
    addOrigins();
}

void tst_PassingWaits::startCancelledDuring()
{
    QFETCH(From, from);

    QObject owner;
    TaskGroup group(&owner);
    const CancelScope scope;
    QString told;
    const auto child = [&](CancelScope own, TaskStatus<int>) -> QCoro::Task<> {
        try {
            co_await own.sleep(1h);
        } catch (const Cancelled &e) {
            told = e.reason();
            throw;
        }
    };
    const auto start = [&]() -> QCoro::Task<> { co_await group.start<int>(scope, child); };
    const auto starter = record(start());
    turn(3);
    QVERIFY(!starter->isDone());
    Tests::doFrom(from, [&] { scope.cancel(QStringLiteral("enough")); });
    QVERIFY(!starter->isDone());
    QTRY_VERIFY(starter->isDone());
    QCOMPARE(starter->outcome(), QStringLiteral("Cancelled(enough)"));
    QCOMPARE(told, QStringLiteral("enough"));
    QCOMPARE(starter->thread(), QThread::currentThread());
}

void tst_PassingWaits::startCancelledAfterwardsIsOnItsOwn()
{
    QObject owner;
    TaskGroup group(&owner);
    const CancelScope scope;
    CloseScope gate;
    const auto child = [&](CancelScope own, TaskStatus<> status) -> QCoro::Task<> {
        status.started();
        co_await gate.closed(own);
    };
    const auto start = [&]() -> QCoro::Task<> { co_await group.start(scope, child); };
    QCOMPARE(outcomeOf(start()), QStringLiteral("ended"));
    scope.cancel();
    turn(3);
    QCOMPARE(group.size(), 1);
    gate.close();
    QTRY_COMPARE(group.size(), 0);
}

// CS-17: a value once given counts
void tst_PassingWaits::startOutcomeStands()
{
    QObject owner;
    TaskGroup group(&owner);
    const CancelScope scope;
    const auto child = [&](CancelScope own, TaskStatus<int> status) -> QCoro::Task<> {
        try {
            co_await own.sleep(1h);
        } catch (const Cancelled &) {
        }
        status.started(7); // it was ready all the same
    };
    const auto start = [&]() -> QCoro::Task<int> {
        const int value = co_await group.start<int>(scope, child);
        co_return value;
    };
    auto task = start();
    turn(3);
    scope.cancel();
    QCOMPARE(outcomeOf(std::move(task)), QStringLiteral("7"));
}

// QT-01
void tst_PassingWaits::startResumesOnItsOwnThread_data()
{
    addOrigins();
}

void tst_PassingWaits::startResumesOnItsOwnThread()
{
    QFETCH(From, from);

    QObject owner;
    TaskGroup group(&owner);
    std::optional<TaskStatus<int>> handed;
    const auto child = [&](CancelScope own, TaskStatus<int> status) -> QCoro::Task<> {
        handed.emplace(status);
        co_await own.sleep(1h);
    };
    const auto start = [&]() -> QCoro::Task<> { co_await group.start<int>(CancelScope(), child); };
    const auto starter = record(start());
    QTRY_VERIFY(handed);
    Tests::doFrom(from, [&] { handed->started(7); });
    QVERIFY(!starter->isDone());
    QTRY_VERIFY(starter->isDone());
    QCOMPARE(starter->outcome(), QStringLiteral("ended"));
    QCOMPARE(starter->thread(), QThread::currentThread());
}

void tst_PassingWaits::startWhenTheLoopEnds()
{
    Tests::Looper thread;
    std::unique_ptr<QObject> owner;
    std::unique_ptr<TaskGroup> group;
    Tests::RecorderPtr starter;
    QString childEnded;
    const auto child = [&](CancelScope own, TaskStatus<>) -> QCoro::Task<> {
        try {
            co_await own.sleep(1h);
        } catch (...) {
            childEnded = Tests::errorText(std::current_exception());
            throw;
        }
    };
    const auto start = [&]() -> QCoro::Task<> { co_await group->start(CancelScope(), child); };
    thread.call([&] {
        owner = std::make_unique<QObject>();
        group = std::make_unique<TaskGroup>(owner.get());
        starter = record(start());
    });
    thread.call([] {});
    thread.end();
    QCOMPARE(childEnded, QStringLiteral("Cancelled(the event loop has ended)"));
    // the child was cancelled, and nobody has cancelled who started it
    QCOMPARE(starter->outcome(), QStringLiteral("TaskCancelledError"));
    QCOMPARE(starter->thread(), &thread);
}

// CS-02
void tst_PassingWaits::runInThreadCancelledBefore()
{
    const CancelScope scope;
    scope.cancel(QStringLiteral("before"));
    std::atomic<bool> called = false;
    const auto work = [&] { called = true; };
    const auto run = [&]() -> QCoro::Task<> { co_await runInThread(scope, work); };
    for (int i = 0; i < 3; ++i)
        QCOMPARE(outcomeOf(run()), QStringLiteral("Cancelled(before)"));
    QThreadPool::globalInstance()->waitForDone();
    QVERIFY(!called);
}

// CS-04
void tst_PassingWaits::runInThreadCancelledDuring_data()
{
    addOrigins();
}

void tst_PassingWaits::runInThreadCancelledDuring()
{
    QFETCH(From, from);

    const CancelScope scope;
    std::atomic<bool> begun = false;
    const auto work = [&](const CancelScope &own) {
        begun = true;
        workUntilCancelled(own);
        own.throwIfCancelled();
    };
    const auto run = [&]() -> QCoro::Task<> { co_await runInThread(scope, work); };
    const auto runner = record(run());
    QTRY_VERIFY(begun);
    Tests::doFrom(from, [&] { scope.cancel(QStringLiteral("enough")); });
    QTRY_VERIFY(runner->isDone());
    QCOMPARE(runner->outcome(), QStringLiteral("Cancelled(enough)"));
    QCOMPARE(runner->thread(), QThread::currentThread());
}

void tst_PassingWaits::runInThreadOutcomeStands()
{
    const CancelScope scope;
    std::atomic<bool> begun = false;
    const auto work = [&](const CancelScope &own) {
        begun = true;
        workUntilCancelled(own);
        return 7;
    };
    const auto run = [&]() -> QCoro::Task<int> {
        const int value = co_await runInThread(scope, work);
        co_return value;
    };
    auto task = run();
    QTRY_VERIFY(begun);
    scope.cancel();
    QCOMPARE(outcomeOf(std::move(task)), QStringLiteral("7"));
}

// QT-01
void tst_PassingWaits::runInThreadResumesOnItsOwnThread()
{
    std::atomic<QThread *> workedOn = nullptr;
    CloseScope gate;
    const auto work = [&] {
        workedOn = QThread::currentThread();
        if (!gate.wait(QDeadlineTimer(60'000)))
            throw Tests::failure("the gate stays shut");
    };
    const auto run = [&]() -> QCoro::Task<> { co_await runInThread(CancelScope(), work); };
    const auto runner = record(run());
    QTRY_VERIFY(workedOn);
    gate.close();
    QTRY_VERIFY(runner->isDone());
    QCOMPARE(runner->thread(), QThread::currentThread());
    QCOMPARE(runner->outcome(), QStringLiteral("ended"));
    QVERIFY(workedOn != QThread::currentThread());
}

void tst_PassingWaits::runInThreadWhenTheLoopEnds()
{
    std::atomic<bool> begun = false, told = false;
    Tests::RecorderPtr runner;
    const auto work = [&](const CancelScope &own) {
        begun = true;
        workUntilCancelled(own);
        told = true;
    };
    {
        Tests::Looper thread;
        const auto run = [&]() -> QCoro::Task<> { co_await runInThread(CancelScope(), work); };
        thread.call([&] { runner = record(run()); });
        QTRY_VERIFY(begun);
    }
    QVERIFY(told); // it is always waited for, and its outcome stands
    QCOMPARE(runner->outcome(), QStringLiteral("ended"));
}

void tst_PassingWaits::groupEndOutlastsCancellation()
{
    const CancelScope scope;
    CloseScope gate;
    bool childEnded = false;
    const auto child = [&](CancelScope own) -> QCoro::Task<> {
        try {
            co_await own.sleep(1h);
        } catch (const Cancelled &) {
        }
        co_await gate.closed(CancelScope());
        childEnded = true;
    };
    const auto body = [&](TaskGroup &group) -> QCoro::Task<> {
        group.startSoon(child);
        co_return;
    };
    const auto run = [&]() -> QCoro::Task<> { co_await withTaskGroup(scope, body); };
    const auto runner = record(run());
    turn(3);
    scope.cancel();
    turn(5);
    QVERIFY(!runner->isDone());
    gate.close();
    QTRY_VERIFY(runner->isDone());
    QVERIFY(childEnded);
    QCOMPARE(runner->outcome(), QStringLiteral("ended"));
}

// The group's end comes last, because it waits for the others.
void tst_PassingWaits::groupWhenTheLoopEnds()
{
    QStringList order;
    Tests::RecorderPtr runner;
    {
        Tests::Looper thread;
        const auto child = [&](CancelScope own) -> QCoro::Task<> {
            try {
                co_await own.sleep(1h);
            } catch (...) {
                order += QStringLiteral("child: ") + Tests::errorText(std::current_exception());
                throw;
            }
        };
        const auto body = [&](TaskGroup &group) -> QCoro::Task<> {
            group.startSoon(child);
            group.startSoon(child);
            co_return;
        };
        const auto run = [&]() -> QCoro::Task<> {
            co_await withTaskGroup(CancelScope(), body);
            order += QStringLiteral("group");
        };
        thread.call([&] { runner = record(run()); });
        thread.call([] {});
    }
    const auto cancelled = QStringLiteral("child: Cancelled(the event loop has ended)");
    QCOMPARE(order, (QStringList{cancelled, cancelled, QStringLiteral("group")}));
    QCOMPARE(runner->outcome(), QStringLiteral("ended"));
}

// Bad input
void tst_PassingWaits::threadWithoutALoopIsRefused()
{
    std::atomic<bool> called = false;
    const auto body = [&](TaskGroup &group, CancelScope) -> QCoro::Task<> {
        group.startSoon([&]() -> QCoro::Task<> {
            called = true;
            co_return;
        });
        co_return;
    };
    const auto group = [&]() -> QCoro::Task<> { co_await withTaskGroup(CancelScope(), body); };
    QString outcome;
    std::thread([&] { outcome = record(group())->outcome(); }).join();
    QVERIFY2(outcome.contains(QStringLiteral("WrongThreadError"))
                 || outcome.contains(QStringLiteral("without an event loop")),
             qPrintable(outcome));
    QVERIFY(!called);
    QCOMPARE(m_log->take().filter(QStringLiteral("without an event loop")).size(), 1); // the body's

    const auto work = [&] { called = true; };
    const auto run = [&]() -> QCoro::Task<> { co_await runInThread(CancelScope(), work); };
    std::thread([&] { outcome = record(run())->outcome(); }).join();
    QThreadPool::globalInstance()->waitForDone();
    QCOMPARE(outcome, QStringLiteral("WrongThreadError"));
    QVERIFY2(!called, "the work ran although the wait was refused");
}

QTEST_GUILESS_MAIN(tst_PassingWaits)
#include "tst_passingwaits.moc"
