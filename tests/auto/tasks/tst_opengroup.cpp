// SPDX-License-Identifier: Apache-2.0
#include "../shared/loopthread.h"
#include "../shared/messagelog.h"
#include "../shared/outcome.h"

#include <MicroIO/CancelScope>
#include <MicroIO/CloseScope>
#include <MicroIO/Errors>
#include <MicroIO/TaskGroup>
#include <MicroIO/TestClock>

#include <QtTest/QtTest>

#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::errorText;
using Tests::failure;
using Tests::outcomeOf;
using Tests::Probe;
using Tests::thrownBy;

namespace {

struct Owner : QObject
{
    TaskGroup group{this};
};

QCoro::Task<> failing(CancelScope scope, const char *text)
{
    co_await scope.checkpoint();
    throw failure(text);
}

QCoro::Task<QString> joinText(const TaskGroup &group, CancelScope scope = CancelScope())
{
    QString text;
    try {
        co_await group.join(scope);
        text = QStringLiteral("empty");
    } catch (...) {
        text = errorText(std::current_exception());
    }
    co_return text;
}

} // namespace

/// TaskGroup(QObject *): a group as a member, whose children are independent.
class tst_OpenGroup : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void aFailingChildTouchesNobody();
    void anErrorThatNobodyHearsIsLogged();
    void errorsGoToAllWhoListen();
    void whoHasGoneHearsNothing();
    void errorsAreToldOnTheThreadOfTheContext();
    void nullsAreRefused();
    void belongsToTheOwnersThreadAtItsFirstStartSoon();
    void anyThreadMayStart();
    void joinWaitsUntilTheGroupIsEmpty();
    void joinCanBeCancelled();
    void joinFromAnotherThread();
    void cancelEndsAllAndTheGroupGoesOn();
    void anOwnerThatGoesFirstCancelsTheGroup();
    void invariant12_aHandleOutlivesTheGroup();
    void aLoopThatHasEndedTakesNoChild();
    void aThreadThatNeverRanLeavesNothingBehind();
    void aThreadThatNeverTurnsALoopBeginsNoChild();

private:
    std::optional<Tests::MessageLog> m_log;
};

// D21
void tst_OpenGroup::aFailingChildTouchesNobody()
{
    Owner owner;
    QStringList errors;
    owner.group.onError(this, [&](std::exception_ptr error) { errors += errorText(error); });
    CloseScope gate;
    QString sibling = QStringLiteral("runs");
    owner.group.startSoon([&](CancelScope scope) -> QCoro::Task<> {
        co_await gate.closed(scope);
        sibling = QStringLiteral("returned");
    });
    owner.group.startSoon(failing, "X");
    owner.group.startSoon(failing, "Y");
    Tests::turn(3);
    QCOMPARE(errors, (QStringList{QStringLiteral("X"), QStringLiteral("Y")}));
    QCOMPARE(sibling, QStringLiteral("runs"));
    QCOMPARE(owner.group.size(), 1);
    gate.close();
    QCOMPARE(outcomeOf(joinText(owner.group)), QStringLiteral("empty"));
    QCOMPARE(sibling, QStringLiteral("returned"));
    QVERIFY(!owner.group.scope().isCancelled());
}

// D21
void tst_OpenGroup::anErrorThatNobodyHearsIsLogged()
{
    Owner owner;
    owner.group.startSoon(QStringLiteral("poller"), failing, "disk full");
    owner.group.startSoon([](CancelScope scope) -> QCoro::Task<> {
        scope.cancel();
        co_await scope.checkpoint(); // no error
    });
    QCOMPARE(outcomeOf(joinText(owner.group)), QStringLiteral("empty"));
    QCOMPARE(m_log->take(), QStringList{QStringLiteral("critical microio.task: poller failed: disk full")});
}

void tst_OpenGroup::errorsGoToAllWhoListen()
{
    Owner owner;
    QStringList heard;
    owner.group.onError(this, [&](std::exception_ptr error) { heard += u'1' + errorText(error); });
    owner.group.onError(&owner, [&](std::exception_ptr error) { heard += u'2' + errorText(error); });
    owner.group.startSoon(failing, "X");
    Tests::turn(3);
    owner.group.startSoon(failing, "Y");
    Tests::turn(3);
    QCOMPARE(heard.join(u' '), QStringLiteral("1X 2X 1Y 2Y"));
}

void tst_OpenGroup::whoHasGoneHearsNothing()
{
    Owner owner;
    QStringList heard;
    auto context = std::make_unique<QObject>();
    const auto hears = [&](std::exception_ptr error) { heard += errorText(error); };
    owner.group.onError(context.get(), hears);
    const auto subscription = owner.group.onError(this, hears);
    context.reset();
    QVERIFY(subscription.isActive());
    QVERIFY(subscription.disconnect());
    QVERIFY(!subscription.disconnect());
    owner.group.startSoon(QStringLiteral("child"), failing, "X");
    Tests::turn(3);
    QCOMPARE(heard, QStringList());
    QCOMPARE(m_log->take(), QStringList{QStringLiteral("critical microio.task: child failed: X")});
}

void tst_OpenGroup::errorsAreToldOnTheThreadOfTheContext()
{
    Owner owner;
    CloseScope listening;
    CloseScope heard;
    std::atomic<bool> onItsThread = false;
    Tests::LoopThread thread([&] {
        QObject context;
        owner.group.onError(&context, [&](std::exception_ptr) {
            onItsThread = QThread::currentThread() == context.thread();
            heard.close();
        });
        listening.close();
        Tests::await([](CloseScope until) -> QCoro::Task<> { co_await until.closed(CancelScope()); }(heard));
    });
    QVERIFY(listening.wait());
    owner.group.startSoon(failing, "X");
    Tests::turn(3);
    thread.join();
    QVERIFY(onItsThread);
}

void tst_OpenGroup::nullsAreRefused()
{
    QVERIFY_THROWS_EXCEPTION(std::invalid_argument, TaskGroup(nullptr));
    Owner owner;
    QVERIFY_THROWS_EXCEPTION(std::invalid_argument, owner.group.onError(nullptr, [](std::exception_ptr) {}));
    QVERIFY_THROWS_EXCEPTION(std::invalid_argument, owner.group.onError(this, {}));
}

void tst_OpenGroup::belongsToTheOwnersThreadAtItsFirstStartSoon()
{
    auto *owner = new Owner; // made here, moved there, destroyed there
    CloseScope running;
    std::atomic<QThread *> ranOn = nullptr;
    std::atomic<QThread *> resumedOn = nullptr;
    CloseScope done;
    Tests::LoopThread thread([&] {
        running.close();
        Tests::await([](CloseScope until) -> QCoro::Task<> { co_await until.closed(CancelScope()); }(done));
        delete owner;
    });
    QVERIFY(running.wait());
    const TestClock clock; // now, for it does not know of a thread that has yet to begin
    owner->moveToThread(&thread);
    owner->group.handle().startSoon([&](CancelScope scope) -> QCoro::Task<> {
        ranOn = QThread::currentThread();
        co_await scope.sleep(1s);
        resumedOn = QThread::currentThread();
        done.close();
    });
    QVERIFY(done.wait());
    thread.join();
    QCOMPARE(ranOn, &thread);
    QCOMPARE(resumedOn, &thread);
}

void tst_OpenGroup::anyThreadMayStart()
{
    constexpr int threadCount = 4;
    constexpr int each = 500;
    Owner owner;
    owner.group.startSoon([]() -> QCoro::Task<> { co_return; }); // from here on it is this thread's
    int ran = 0;
    bool inOrder = true;
    bool here = true;
    std::array<int, threadCount> last{};
    std::vector<std::thread> threads;
    for (int number = 0; number < threadCount; ++number) {
        threads.emplace_back([&, number, handle = owner.group.handle()] {
            for (int i = 1; i <= each; ++i) {
                handle.startSoon([&, number, i](CancelScope scope) -> QCoro::Task<> {
                    inOrder &= last[size_t(number)] == i - 1;
                    last[size_t(number)] = i;
                    here &= QThread::currentThread() == thread();
                    co_await scope.checkpoint();
                    ++ran;
                });
            }
        });
    }
    QTRY_COMPARE(ran, threadCount * each);
    for (auto &thread : threads)
        thread.join();
    QVERIFY(inOrder);
    QVERIFY(here);
    QCOMPARE(outcomeOf(joinText(owner.group)), QStringLiteral("empty"));
}

void tst_OpenGroup::joinWaitsUntilTheGroupIsEmpty()
{
    Owner owner;
    QCOMPARE(outcomeOf(joinText(owner.group)), QStringLiteral("empty")); // at once
    int ended = 0;
    const auto child = [&](CancelScope scope, int turns) -> QCoro::Task<> {
        for (int i = 0; i < turns; ++i)
            co_await scope.checkpoint();
        ++ended;
    };
    for (int turns : {0, 3, 10})
        owner.group.startSoon(child, turns);
    const auto both = [&]() -> QCoro::Task<QString> {
        auto other = joinText(owner.group);
        const QString one = co_await joinText(owner.group);
        co_return one + u' ' + co_await other;
    };
    QCOMPARE(outcomeOf(both()), QStringLiteral("empty empty"));
    QCOMPARE(ended, 3);
}

void tst_OpenGroup::joinCanBeCancelled()
{
    Owner owner;
    CloseScope gate;
    owner.group.startSoon([&](CancelScope scope) -> QCoro::Task<> { co_await gate.closed(scope); });
    const CancelScope waiting;
    QTimer::singleShot(0, this, [&] { waiting.cancel(QStringLiteral("enough")); });
    QCOMPARE(outcomeOf(joinText(owner.group, waiting)), QStringLiteral("Cancelled(enough)"));
    QCOMPARE(outcomeOf(joinText(owner.group, waiting)), QStringLiteral("Cancelled(enough)"));
    QCOMPARE(owner.group.size(), 1);
    gate.close();
    QCOMPARE(outcomeOf(joinText(owner.group)), QStringLiteral("empty"));
}

void tst_OpenGroup::joinFromAnotherThread()
{
    Owner owner;
    CloseScope gate;
    owner.group.startSoon([&](CancelScope scope) -> QCoro::Task<> { co_await gate.closed(scope); });
    QString joined;
    std::atomic<bool> done = false;
    Tests::LoopThread thread([&] {
        joined = Tests::await(joinText(owner.group));
        done = true;
    });
    Tests::turn(3);
    QVERIFY(!done);
    gate.close();
    QTRY_VERIFY(done);
    thread.join();
    QCOMPARE(joined, QStringLiteral("empty"));
}

void tst_OpenGroup::cancelEndsAllAndTheGroupGoesOn()
{
    Owner owner;
    QStringList log;
    const auto child = [&](CancelScope scope) -> QCoro::Task<> {
        log += QStringLiteral("in");
        co_await scope.sleep(1h);
        log += QStringLiteral("after");
    };
    owner.group.startSoon(child);
    Tests::turn();
    QVERIFY(owner.group.cancel(QStringLiteral("closing")));
    QVERIFY(!owner.group.cancel());
    QCOMPARE(owner.group.scope().reason(), QStringLiteral("closing"));
    owner.group.startSoon(child); // D1
    QCOMPARE(outcomeOf(joinText(owner.group)), QStringLiteral("empty"));
    QCOMPARE(log, (QStringList{QStringLiteral("in"), QStringLiteral("in")}));
}

void tst_OpenGroup::anOwnerThatGoesFirstCancelsTheGroup()
{
    auto owner = std::make_unique<QObject>();
    TaskGroup group(owner.get());
    TaskGroup unused(owner.get());
    const auto sleeping = group.startSoon(
        [](CancelScope scope) -> QCoro::Task<> { co_await scope.sleep(1h); });
    Tests::turn();
    owner.reset();
    QVERIFY(group.scope().isCancelled());
    QCOMPARE(outcomeOf(joinText(group)), QStringLiteral("empty"));
    QVERIFY(sleeping.isFinished());
    // It never had a thread, and nobody knows one any more.
    QVERIFY(thrownBy([&] { unused.startSoon([]() -> QCoro::Task<> { co_return; }); })
            != QStringLiteral("nothing thrown"));
    QCOMPARE(unused.size(), 0);
}

// TG-04
void tst_OpenGroup::invariant12_aHandleOutlivesTheGroup()
{
    std::optional<TaskGroupHandle> handle;
    {
        Owner owner;
        handle = owner.group.handle();
    }
    bool called = false;
    std::atomic<int> alive = 0;
    QCOMPARE(thrownBy([&] {
                 handle->startSoon([&, probe = Probe(alive)]() -> QCoro::Task<> {
                     called = true;
                     co_return;
                 });
             }),
             QStringLiteral("ClosedResourceError"));
    QVERIFY(!handle->cancel());
    QVERIFY(handle->scope().isCancelled());
    QCOMPARE(handle->size(), 0);
    QCOMPARE(handle->taskNames(), QStringList());
    QCOMPARE(alive, 0);
    Tests::turn(2);
    QVERIFY(!called);
}

void tst_OpenGroup::aLoopThatHasEndedTakesNoChild()
{
    std::unique_ptr<Owner> owner;
    Tests::LoopThread thread([&] {
        owner = std::make_unique<Owner>();
        owner->group.startSoon([]() -> QCoro::Task<> { co_return; });
        Tests::turn(2);
    });
    thread.join();
    std::atomic<int> alive = 0;
    bool called = false;
    const auto start = [&] {
        owner->group.handle().startSoon([&, probe = Probe(alive)]() -> QCoro::Task<> {
            called = true;
            co_return;
        });
    };
    QVERIFY_THROWS_EXCEPTION(ClosedResourceError, start());
    QVERIFY(!called);
    QCOMPARE(alive, 0);
    QCOMPARE(owner->group.size(), 0);
    owner.reset(); // on a foreign thread, but nobody is left to name
}

void tst_OpenGroup::aThreadThatNeverRanLeavesNothingBehind()
{
    std::atomic<int> alive = 0;
    bool called = false;
    {
        QThread neverStarted;
        Owner owner;
        owner.moveToThread(&neverStarted);
        owner.group.startSoon([&, probe = Probe(alive)]() -> QCoro::Task<> {
            called = true;
            co_return;
        });
        QCOMPARE(owner.group.size(), 1);
    }
    m_log->take(); // it is named: the group dies on a foreign thread
    QVERIFY(!called);
    QCOMPARE(alive, 0);
}

void tst_OpenGroup::aThreadThatNeverTurnsALoopBeginsNoChild()
{
    std::atomic<int> alive = 0;
    bool called = false;
    auto owner = std::make_unique<Owner>();
    CloseScope end;
    Tests::LoopThread thread([&] { static_cast<void>(end.wait()); });
    owner->moveToThread(&thread);
    const auto child = [&called](Probe) -> QCoro::Task<> {
        called = true;
        co_return;
    };
    const auto early = owner->group.handle().startSoon(child, Probe(alive));
    end.close();
    thread.join();
    // Who waits for it is not left waiting, although the thread object is still there.
    QVERIFY(early.isFinished());
    QVERIFY_THROWS_EXCEPTION(ClosedResourceError, owner->group.handle().startSoon(child, Probe(alive)));
    QCOMPARE(outcomeOf(joinText(owner->group)), QStringLiteral("empty"));
    QCOMPARE(alive, 0);
    QVERIFY(!called);
    owner.reset();
}

QTEST_GUILESS_MAIN(tst_OpenGroup)

#include "tst_opengroup.moc"
