// SPDX-License-Identifier: Apache-2.0
#include "../shared/looper.h"
#include "../shared/messagelog.h"
#include "../shared/recorder.h"

#include <MicroIO/CancelScope>
#include <MicroIO/CloseScope>
#include <MicroIO/TaskGroup>
#include <MicroIO/TestClock>

#include <QtTest/QtTest>

#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::outcomeOf;
using Tests::record;
using Tests::turn;

/// Trees of scopes, their handles and their owners: who may go before whom.
class tst_ScopeLifetimes : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void handlesMayBeDroppedWhileSomebodyWaits();
    void invariant12_lateUseIsHarmless();
    void parentHandleMayGoBeforeTheChild();
    void deepTreesDoNotRecurse();
    void wideTreesAreCancelledWhole();
    void shortLivedChildrenLeaveNothing();
    void boundScopeIsCancelledWithItsOwner();
    void boundScopeMayGoBeforeItsOwner();
    void nullOwnerIsRefused();

private:
    std::optional<Tests::MessageLog> m_log;
};

// CS-14
void tst_ScopeLifetimes::handlesMayBeDroppedWhileSomebodyWaits()
{
    const TestClock clock;
    auto handle = std::make_unique<CancelScope>();
    std::vector<std::thread> threads;
    std::vector<std::unique_ptr<CancelScope>> copies;
    for (int i = 0; i < 8; ++i)
        copies.push_back(std::make_unique<CancelScope>(*handle));
    CloseScope gate;
    const auto wait = [](CancelScope scope, CloseScope closeScope) -> QCoro::Task<> {
        co_await closeScope.closed(scope);
        co_await scope.sleep(1s);
    };
    const auto waiter = record(wait(*handle, gate));
    handle.reset();
    for (auto &copy : copies)
        threads.emplace_back([&copy] { copy.reset(); });
    for (auto &thread : threads)
        thread.join();
    gate.close();
    QTRY_VERIFY(waiter->isDone());
    QCOMPARE(waiter->outcome(), QStringLiteral("ended"));
}

void tst_ScopeLifetimes::invariant12_lateUseIsHarmless()
{
    std::optional<CancelScope> scope;
    std::optional<CancelScope> groups;
    {
        Tests::Looper thread;
        thread.call([&] {
            QObject owner;
            TaskGroup group(&owner);
            const CancelScope bound = CancelScope::boundTo(&owner);
            scope = bound.child(now() + 1h);
            groups = group.scope().child();
        });
    }
    // its owner, its group and its thread are gone
    QVERIFY(scope->isCancelled());
    QCOMPARE(scope->reason(), QStringLiteral("its owner was destroyed"));
    QVERIFY(!scope->cancel());
    scope->setDeadline(now());
    QVERIFY(!scope->timedOut());
    QVERIFY(groups->isCancelled());

    const CancelScope ended;
    const auto body = [](CancelScope own) -> QCoro::Task<> { co_await own.checkpoint(); };
    QCOMPARE(outcomeOf(body(ended)), QStringLiteral("ended"));
    QVERIFY(ended.cancel(QStringLiteral("late")));
    QVERIFY(!ended.cancel());
}

void tst_ScopeLifetimes::parentHandleMayGoBeforeTheChild()
{
    auto parent = std::make_unique<CancelScope>();
    const CancelScope child = parent->child().child();
    const CancelScope parentsCopy = *parent;
    parent.reset();
    QVERIFY(!child.isCancelled());
    parentsCopy.cancel(QStringLiteral("from above"));
    QCOMPARE(child.reason(), QStringLiteral("from above"));
}

void tst_ScopeLifetimes::deepTreesDoNotRecurse()
{
    class SmallStack : public QThread
    {
    public:
        SmallStack() { setStackSize(256 * 1024); }
        ~SmallStack() override { wait(); }
        std::atomic<bool> cancelledBelow = false;

    protected:
        void run() override
        {
            const CancelScope root;
            CancelScope deepest = root;
            for (int i = 0; i < 100'000; ++i)
                deepest = deepest.child();
            root.cancel(QStringLiteral("enough"));
            cancelledBelow = deepest.reason() == QStringLiteral("enough");
            deepest = CancelScope(); // takes the whole chain with it
        }
    };
    SmallStack thread;
    thread.start();
    QVERIFY(thread.wait(60'000));
    QVERIFY(thread.cancelledBelow);
}

void tst_ScopeLifetimes::wideTreesAreCancelledWhole()
{
    const CancelScope root;
    std::vector<CancelScope> scopes;
    for (int i = 0; i < 1000; ++i) {
        const CancelScope child = root.child();
        for (int j = 0; j < 3; ++j)
            scopes.push_back(child.child());
        scopes.push_back(child.shielded());
    }
    root.cancel();
    for (size_t i = 0; i < scopes.size(); ++i)
        QCOMPARE(scopes[i].isCancelled(), i % 4 != 3);
}

void tst_ScopeLifetimes::shortLivedChildrenLeaveNothing()
{
    const CancelScope root = CancelScope().child(now() + 1h);
    const CancelScope first = root.child();
    for (int i = 0; i < 10'000; ++i) {
        const CancelScope child = root.child(now() + 1h);
        const CancelScope grandchild = child.child();
        QVERIFY(!grandchild.isCancelled());
    }
    const CancelScope last = root.child();
    root.cancel();
    QVERIFY(first.isCancelled());
    QVERIFY(last.isCancelled());
}

void tst_ScopeLifetimes::boundScopeIsCancelledWithItsOwner()
{
    auto owner = std::make_unique<QObject>();
    const CancelScope scope = CancelScope::boundTo(owner.get());
    const auto sleep = [](CancelScope own) -> QCoro::Task<> { co_await own.sleep(1h); };
    const auto sleeper = record(sleep(scope.child()));
    turn(2);
    QVERIFY(!sleeper->isDone());
    owner.reset();
    QVERIFY(scope.isCancelled());
    QVERIFY(!sleeper->isDone());
    QTRY_VERIFY(sleeper->isDone());
    QCOMPARE(sleeper->outcome(), QStringLiteral("Cancelled(its owner was destroyed)"));
}

void tst_ScopeLifetimes::boundScopeMayGoBeforeItsOwner()
{
    QObject owner;
    for (int i = 0; i < 100; ++i) {
        const CancelScope scope = CancelScope::boundTo(&owner);
        QVERIFY(!scope.isCancelled());
    }
}

// Bad input
void tst_ScopeLifetimes::nullOwnerIsRefused()
{
    QVERIFY_THROWS_EXCEPTION(std::invalid_argument, static_cast<void>(CancelScope::boundTo(nullptr)));
}

QTEST_GUILESS_MAIN(tst_ScopeLifetimes)
#include "tst_scopelifetimes.moc"
