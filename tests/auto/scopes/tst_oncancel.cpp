// SPDX-License-Identifier: Apache-2.0
#include "../shared/looper.h"
#include "../shared/messagelog.h"
#include "../shared/recorder.h"

#include <MicroIO/CancelScope>
#include <MicroIO/TestClock>

#include <QtTest/QtTest>

#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::From;
using Tests::turn;

/// CancelScope::onCancel().
class tst_OnCancel : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void isCalledOnTheContextsThread_data();
    void isCalledOnTheContextsThread();
    void contextInAnotherThread();
    void contextThatHasMoved();
    void isNotCalledInside();
    void cancelledAlready();
    void cancelledByTheParent();
    void calledByTheDeadline_data();
    void calledByTheDeadline();
    void shieldKeepsItOff();
    void disconnectedIsNotCalled();
    void disconnectedWhileItsCallIsOnTheWay();
    void isGoneWithItsContext();
    void isGoneWithTheScope();
    void callbackMayCancelAnotherScope();
    void chainOfScopesDoesNotRecurse();
    void callbackMayDisconnectItself();
    void throwingCallbackIsLogged();
    void invariant12_emptyAndLateSubscriptions();
    void contextWithoutAThread_data();
    void contextWithoutAThread();
    void badArgumentsAreRefused();

private:
    std::optional<Tests::MessageLog> m_log;
};

void tst_OnCancel::isCalledOnTheContextsThread_data()
{
    QTest::addColumn<From>("from");
    for (const auto from : {From::OwnLoop, From::OtherLoop, From::PlainThread})
        QTest::newRow(Tests::nameOf(from)) << from;
}

void tst_OnCancel::isCalledOnTheContextsThread()
{
    QFETCH(From, from);

    const CancelScope scope;
    QObject context;
    QList<QThread *> calledOn;
    Tests::doFrom(from, [&] { scope.onCancel(&context, [&] { calledOn += QThread::currentThread(); }); });
    Tests::doFrom(from, [&] { scope.cancel(); });
    QTRY_COMPARE(calledOn, QList{QThread::currentThread()});
    turn(3);
    QCOMPARE(calledOn.size(), 1);
}

void tst_OnCancel::contextInAnotherThread()
{
    Tests::Looper thread;
    const CancelScope scope;
    std::unique_ptr<QObject> context;
    std::atomic<QThread *> calledOn = nullptr;
    thread.call([&] { context = std::make_unique<QObject>(); });
    scope.onCancel(context.get(), [&] { calledOn = QThread::currentThread(); });
    scope.cancel();
    QTRY_COMPARE(calledOn.load(), &thread);
    thread.call([&] { context.reset(); });
}

void tst_OnCancel::contextThatHasMoved()
{
    Tests::Looper thread;
    const CancelScope scope;
    auto context = std::make_unique<QObject>();
    std::atomic<QThread *> calledOn = nullptr;
    scope.onCancel(context.get(), [&] { calledOn = QThread::currentThread(); });
    scope.cancel(); // the call is on its way to this thread
    context->moveToThread(&thread);
    QTRY_COMPARE(calledOn.load(), &thread);
    thread.call([&] { context.reset(); });
}

// D13
void tst_OnCancel::isNotCalledInside()
{
    const CancelScope scope;
    QObject context;
    bool called = false;
    scope.onCancel(&context, [&] { called = true; });
    scope.cancel();
    QVERIFY(!called);
    QTRY_VERIFY(called);
}

void tst_OnCancel::cancelledAlready()
{
    const CancelScope scope;
    scope.cancel();
    QObject context;
    int called = 0;
    scope.onCancel(&context, [&] { ++called; });
    QCOMPARE(called, 0);
    QTRY_COMPARE(called, 1);
}

void tst_OnCancel::cancelledByTheParent()
{
    const CancelScope parent;
    const CancelScope scope = parent.child().child();
    QObject context;
    QString reason;
    scope.onCancel(&context, [&] { reason = scope.reason(); });
    parent.cancel(QStringLiteral("from above"));
    QTRY_COMPARE(reason, QStringLiteral("from above"));
}

void tst_OnCancel::calledByTheDeadline_data()
{
    QTest::addColumn<From>("from");
    QTest::addColumn<bool>("setFirst");
    for (const auto from : {From::OwnLoop, From::OtherLoop, From::PlainThread}) {
        QTest::addRow("there when it is registered, %s", Tests::nameOf(from)) << from << true;
        QTest::addRow("set afterwards, %s", Tests::nameOf(from)) << from << false;
    }
}

// Nobody waits on the scope, and nobody looks at it.
void tst_OnCancel::calledByTheDeadline()
{
    QFETCH(From, from);
    QFETCH(bool, setFirst);

    const TestClock clock;
    const CancelScope scope;
    const CancelScope child = scope.child();
    QObject context;
    std::atomic<int> called = 0;
    Tests::doFrom(from, [&] {
        if (setFirst)
            scope.setDeadline(now() + 1h);
        child.onCancel(&context, [&] { ++called; });
        if (!setFirst)
            scope.setDeadline(now() + 1h);
    });
    QTRY_COMPARE(called.load(), 1);
    QCOMPARE(clock.elapsed(), 1h);
    QVERIFY(scope.timedOut());
}

void tst_OnCancel::shieldKeepsItOff()
{
    const CancelScope scope;
    const CancelScope shield = scope.shielded();
    QObject context;
    int called = 0;
    shield.onCancel(&context, [&] { ++called; });
    scope.cancel();
    turn(3);
    QCOMPARE(called, 0);
    shield.cancel();
    QTRY_COMPARE(called, 1);
}

void tst_OnCancel::disconnectedIsNotCalled()
{
    std::atomic<int> alive = 0;
    const CancelScope scope;
    QObject context;
    int called = 0;
    Subscription subscription;
    {
        const auto callback = [probe = Tests::Probe(alive), &called] { ++called; };
        subscription = scope.onCancel(&context, callback);
    }
    const Subscription copy = subscription;
    QVERIFY(copy.isActive());
    QVERIFY(copy.disconnect());
    QVERIFY(!subscription.isActive());
    QVERIFY(!subscription.disconnect());
    QCOMPARE(alive.load(), 0);
    scope.cancel();
    turn(3);
    QCOMPARE(called, 0);
}

void tst_OnCancel::disconnectedWhileItsCallIsOnTheWay()
{
    const CancelScope scope;
    QObject context;
    int called = 0;
    const auto subscription = scope.onCancel(&context, [&] { ++called; });
    scope.cancel();
    QVERIFY(subscription.disconnect());
    turn(3);
    QCOMPARE(called, 0);
}

void tst_OnCancel::isGoneWithItsContext()
{
    std::atomic<int> alive = 0;
    const CancelScope scope;
    int called = 0;
    Subscription subscription;
    {
        QObject context;
        const auto callback = [probe = Tests::Probe(alive), &called] { ++called; };
        subscription = scope.onCancel(&context, callback);
        QVERIFY(subscription.isActive());
    }
    QVERIFY(!subscription.isActive());
    QCOMPARE(alive.load(), 0);
    scope.cancel();
    turn(3);
    QCOMPARE(called, 0);
}

void tst_OnCancel::isGoneWithTheScope()
{
    std::atomic<int> alive = 0;
    QObject context;
    Subscription subscription;
    {
        const CancelScope scope;
        const auto callback = [probe = Tests::Probe(alive)] {};
        subscription = scope.onCancel(&context, callback);
    }
    subscription.disconnect(); // the scope has gone: harmless
    QCOMPARE(alive.load(), 0);
}

void tst_OnCancel::callbackMayCancelAnotherScope()
{
    const CancelScope first, second;
    QObject context;
    QStringList order;
    first.onCancel(&context, [&] {
        order += QStringLiteral("first");
        second.cancel();
        order += QStringLiteral("first returns");
    });
    second.onCancel(&context, [&] { order += QStringLiteral("second"); });
    first.cancel();
    QTRY_COMPARE(order, (QStringList{QStringLiteral("first"), QStringLiteral("first returns"),
                                     QStringLiteral("second")}));
}

// Cancelling never recurses: here each scope is cancelled by the owner that the one before destroys.
void tst_OnCancel::chainOfScopesDoesNotRecurse()
{
    constexpr int count = 20'000;
    QObject context;
    std::vector<CancelScope> scopes(count);
    int called = 0;
    for (size_t i = 0; i < count; ++i) {
        scopes[i].onCancel(&context, [&, i] {
            ++called;
            if (i + 1 < scopes.size())
                scopes[i + 1].cancel();
        });
    }
    scopes.front().cancel();
    QTRY_COMPARE_WITH_TIMEOUT(called, count, 60'000);
}

void tst_OnCancel::callbackMayDisconnectItself()
{
    std::atomic<int> alive = 0;
    const CancelScope scope;
    QObject context;
    Subscription subscription;
    bool survived = false;
    {
        const auto callback = [probe = Tests::Probe(alive), &subscription, &survived, &alive] {
            subscription.disconnect();
            survived = alive > 0; // the callable lives until it has returned
        };
        subscription = scope.onCancel(&context, callback);
    }
    scope.cancel();
    QTRY_VERIFY(survived);
    QTRY_COMPARE(alive.load(), 0);
}

// QT-07
void tst_OnCancel::throwingCallbackIsLogged()
{
    const CancelScope scope;
    QObject context;
    bool called = false;
    scope.onCancel(&context, [] { throw Tests::failure("boom"); });
    scope.onCancel(&context, [] { throw 1; });
    scope.onCancel(&context, [&] { called = true; });
    scope.cancel();
    QTRY_VERIFY(called);
    QCOMPARE(m_log->take(),
             (QStringList{QStringLiteral("critical microio.scope: A callback threw: boom"),
                          QStringLiteral("critical microio.scope: A callback threw: an exception that is no "
                                         "std::exception")}));
}

void tst_OnCancel::invariant12_emptyAndLateSubscriptions()
{
    const Subscription empty;
    QVERIFY(!empty.isActive());
    QVERIFY(!empty.disconnect());
    Subscription late;
    {
        Tests::Looper thread;
        thread.call([&] {
            QObject context;
            const CancelScope scope;
            late = scope.onCancel(&context, [] {});
        });
    }
    QVERIFY(!late.isActive());
    QVERIFY(!late.disconnect());
}

// Bad input: nobody can call it, and nothing else happens
void tst_OnCancel::contextWithoutAThread_data()
{
    QTest::addColumn<bool>("plainThread");
    QTest::newRow("moved to no thread") << false;
    QTest::newRow("made in a plain thread that has ended") << true;
}

void tst_OnCancel::contextWithoutAThread()
{
    QFETCH(bool, plainThread);

    std::unique_ptr<QObject> context;
    if (plainThread) {
        std::thread([&] { context = std::make_unique<QObject>(); }).join();
    } else {
        context = std::make_unique<QObject>();
        context->moveToThread(nullptr);
    }
    TestClock clock;
    const CancelScope before, scope, limited;
    before.cancel();
    int called = 0;
    before.onCancel(context.get(), [&] { ++called; });
    scope.onCancel(context.get(), [&] { ++called; });
    limited.onCancel(context.get(), [&] { ++called; });
    limited.setDeadline(now() + 1h);
    scope.cancel();
    clock.advance(1h);
    QVERIFY(limited.isCancelled());
    turn(3);
    QCOMPARE(called, 0);
}

// Bad input
void tst_OnCancel::badArgumentsAreRefused()
{
    const CancelScope scope;
    QObject context;
    QVERIFY_THROWS_EXCEPTION(std::invalid_argument, scope.onCancel(nullptr, [] {}));
    QVERIFY_THROWS_EXCEPTION(std::invalid_argument, scope.onCancel(&context, {}));
    QVERIFY_THROWS_EXCEPTION(std::invalid_argument, scope.onCancel(&context, nullptr));
}

QTEST_GUILESS_MAIN(tst_OnCancel)
#include "tst_oncancel.moc"
