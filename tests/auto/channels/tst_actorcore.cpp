// SPDX-License-Identifier: Apache-2.0
#include "../shared/errorchain.h"
#include "../shared/looper.h"
#include "../shared/messagelog.h"
#include "../shared/outcome.h"
#include "../shared/recorder.h"

#include <MicroIO/ActorCore>
#include <MicroIO/CloseScope>
#include <MicroIO/Mailbox>
#include <MicroIO/RequestRegistry>

#include <QtTest/QtTest>

#include <thread>

using namespace MicroIO;
using Tests::await;
using Tests::chainFrom;
using Tests::chainThrownBy;
using Tests::failure;
using Tests::Looper;
using Tests::outcomeOf;
using Tests::record;
using Tests::RecorderPtr;
using Tests::turn;

namespace {

/// Handles numbers and keeps a log; each handling waits until the gate is opened, if there is one.
class Handler
{
public:
    QCoro::Task<> operator()(CancelScope scope, int item)
    {
        note(QStringLiteral("<%1").arg(item));
        if (gate)
            co_await gate->closed(scope);
        if (item == failsAt)
            throw failure("boom");
        note(QStringLiteral("%1>").arg(item));
    }

    void note(const QString &what)
    {
        const std::lock_guard lock(m_mutex);
        m_log += what;
        m_thread = QThread::currentThread();
    }
    QString log() const
    {
        const std::lock_guard lock(m_mutex);
        return m_log.join(QLatin1Char(' '));
    }
    QThread *thread() const
    {
        const std::lock_guard lock(m_mutex);
        return m_thread;
    }

    std::optional<CloseScope> gate;
    int failsAt = -1;

private:
    mutable std::mutex m_mutex;
    QStringList m_log; // guarded by m_mutex
    QThread *m_thread = nullptr; // guarded by m_mutex
};

/// An actor of one that outlives it.
auto byReference(Handler &handler)
{
    return [&handler](CancelScope scope, int item) { return handler(std::move(scope), item); };
}

} // namespace

/// Mailboxes, and actors that work one off.
class tst_ActorCore : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void aMailboxGivesWhatWasSubmitted();
    void lateSubmitsAreDroppedAndCounted_data();
    void lateSubmitsAreDroppedAndCounted();
    void aMailboxSignals();
    void aMailboxWhoseThreadIsGoneDrops();

    void itemsAreHandledInOrderAcrossBinding();
    void oneItemAtATime();
    void closeWhileHandling_data();
    void closeWhileHandling();
    void failWhileHandling();
    void aFailingHandlerEndsTheRun();
    void aCancelledHandlerEndsTheRun();
    void aHandlerThatSwallowsCancelledDoesNotGoOn();
    void anotherRunGoesOn();
    void aSecondRunIsRefused();
    void handlersOfAllShapes();
    void anEmptyHandlerIsRefused();
    void itemsMayBeMoveOnly();
    void itRunsUnchangedOnAnotherThread();
    void destroyedWhileRunning();
    void questionsOfAnActorThatEndsAreAnswered_data();
    void questionsOfAnActorThatEndsAreAnswered();

private:
    std::optional<Tests::MessageLog> m_log;
};

void tst_ActorCore::aMailboxGivesWhatWasSubmitted()
{
    Mailbox<int> mailbox;
    QVERIFY(mailbox.submit(1));
    mailbox.bind();
    for (int i = 2; i <= 6; ++i)
        QVERIFY(mailbox.submit(i));
    const auto body = [&]() -> QCoro::Task<QString> {
        CancelScope scope;
        const int first = co_await mailbox.receive(scope);
        const auto second = co_await mailbox.next(scope);
        const auto third = mailbox.tryReceive();
        const auto rest = co_await mailbox.nextBatch(scope);
        co_return QStringLiteral("%1 %2 %3 %4").arg(first).arg(*second).arg(*third).arg(rest.size());
    };
    QCOMPARE(await(body()), QStringLiteral("1 2 3 3"));
    mailbox.submit(7);
    QCOMPARE(mailbox.drainNow(), std::vector<int>{7});
    QCOMPARE(mailbox.stats().received, 7u);
}

// CH-05
void tst_ActorCore::lateSubmitsAreDroppedAndCounted_data()
{
    QTest::addColumn<bool>("fails");
    QTest::addColumn<QString>("end");
    QTest::newRow("close") << false << QStringLiteral("EndOfStream");
    QTest::newRow("fail") << true << QStringLiteral("X");
}

void tst_ActorCore::lateSubmitsAreDroppedAndCounted()
{
    QFETCH(bool, fails);
    QFETCH(QString, end);
    Mailbox<int> mailbox;
    mailbox.submit(1);
    QVERIFY(fails ? mailbox.fail(std::make_exception_ptr(failure("X"))) : mailbox.close());
    QVERIFY(!mailbox.close());
    QVERIFY(mailbox.isClosed());
    QVERIFY(!mailbox.submit(2));
    QVERIFY(!mailbox.submit(3));
    QCOMPARE(mailbox.stats().dropped, 2u);
    const auto receive = [&]() -> QCoro::Task<int> {
        CancelScope scope;
        co_return co_await mailbox.receive(scope);
    };
    QCOMPARE(await(receive()), 1);
    QCOMPARE(chainFrom(receive()), end);
}

void tst_ActorCore::aMailboxSignals()
{
    Mailbox<int> mailbox;
    std::vector<int> items;
    bool closed = false;
    connect(mailbox.notifier(), &ChannelNotifier::readyRead, this, [&] {
        for (const int item : mailbox.drainNow())
            items.push_back(item);
    });
    connect(mailbox.notifier(), &ChannelNotifier::closed, this, [&] { closed = true; });
    mailbox.submit(1);
    mailbox.submit(2);
    mailbox.close();
    QTRY_VERIFY(closed);
    QCOMPARE(items, (std::vector<int>{1, 2}));
}

// CH-23
void tst_ActorCore::aMailboxWhoseThreadIsGoneDrops()
{
    Mailbox<int> mailbox;
    {
        Looper thread;
        thread.call([&] { mailbox.bind(); });
        QVERIFY(mailbox.submit(1));
    }
    QVERIFY(!mailbox.submit(2));
    QCOMPARE(mailbox.stats().dropped, 1u);
    QCOMPARE(mailbox.drainNow(), std::vector<int>{1});
}

// AC-01
void tst_ActorCore::itemsAreHandledInOrderAcrossBinding()
{
    Handler handler;
    ActorCore<int> actor(byReference(handler));
    actor.submit(1);
    actor.submit(2);
    const RecorderPtr run = record(actor.run(CancelScope()));
    actor.submit(3);
    std::thread([&] { actor.submit(4); }).join();
    actor.submit(5);
    actor.close();
    QTRY_COMPARE(run->outcome(), QStringLiteral("ended"));
    QCOMPARE(handler.log(), QStringLiteral("<1 1> <2 2> <3 3> <4 4> <5 5>"));
}

// AC-02
void tst_ActorCore::oneItemAtATime()
{
    std::vector<CloseScope> gates(3);
    QStringList log;
    ActorCore<int> actor([&](CancelScope scope, int item) -> QCoro::Task<> {
        log += QStringLiteral("<%1").arg(item);
        co_await gates[size_t(item)].closed(scope);
        log += QStringLiteral("%1>").arg(item);
    });
    const RecorderPtr run = record(actor.run(CancelScope()));
    for (int i = 0; i < 3; ++i)
        actor.submit(i);
    gates[2].close();
    gates[1].close(); // what is behind may be ready first
    turn(3);
    QCOMPARE(log.join(QLatin1Char(' ')), QStringLiteral("<0"));
    gates[0].close();
    actor.close();
    QTRY_COMPARE(run->outcome(), QStringLiteral("ended"));
    QCOMPARE(log.join(QLatin1Char(' ')), QStringLiteral("<0 0> <1 1> <2 2>"));
}

// AC-03
void tst_ActorCore::closeWhileHandling_data()
{
    QTest::addColumn<bool>("byTheHandler");
    QTest::newRow("by another thread") << false;
    QTest::newRow("by the handler itself") << true;
}

void tst_ActorCore::closeWhileHandling()
{
    QFETCH(bool, byTheHandler);
    Handler handler;
    handler.gate.emplace();
    ActorCore<int> *self = nullptr;
    ActorCore<int> actor([&](CancelScope scope, int item) -> QCoro::Task<> {
        if (byTheHandler && item == 1)
            self->close();
        co_await handler(scope, item);
    });
    self = &actor;
    for (int i = 1; i <= 4; ++i)
        actor.submit(i);
    const RecorderPtr run = record(actor.run(CancelScope()));
    turn(2);
    if (!byTheHandler)
        std::thread([&] { actor.close(); }).join();
    QVERIFY(actor.isClosed());
    QVERIFY(!actor.submit(5));
    QVERIFY(!actor.submit(6));
    handler.gate->close();
    QTRY_COMPARE(run->outcome(), QStringLiteral("ended"));
    QCOMPARE(handler.log(), QStringLiteral("<1 1> <2 2> <3 3> <4 4>"));
    QCOMPARE(actor.stats().dropped, 2u);
}

// AC-05
void tst_ActorCore::failWhileHandling()
{
    Handler handler;
    handler.gate.emplace();
    ActorCore<int> actor(byReference(handler));
    for (int i = 1; i <= 3; ++i)
        actor.submit(i);
    const RecorderPtr run = record(actor.run(CancelScope()));
    turn(2);
    QVERIFY(actor.fail(std::make_exception_ptr(failure("X"))));
    QVERIFY(!actor.close());
    handler.gate->close();
    QTRY_COMPARE(run->outcome(), QStringLiteral("X"));
    QCOMPARE(handler.log(), QStringLiteral("<1 1> <2 2> <3 3>"));
    QCOMPARE(outcomeOf(actor.run(CancelScope())), QStringLiteral("X"));
}

void tst_ActorCore::aFailingHandlerEndsTheRun()
{
    Handler handler;
    handler.failsAt = 2;
    ActorCore<int> actor(byReference(handler));
    for (int i = 1; i <= 4; ++i)
        actor.submit(i);
    QCOMPARE(outcomeOf(actor.run(CancelScope())), QStringLiteral("boom"));
    QCOMPARE(handler.log(), QStringLiteral("<1 1> <2"));
    QCOMPARE(actor.drainNow(), (std::vector<int>{3, 4}));
    QCOMPARE(actor.stats().received, 4u);
}

void tst_ActorCore::aCancelledHandlerEndsTheRun()
{
    Handler handler;
    handler.gate.emplace();
    ActorCore<int> actor(byReference(handler));
    for (int i = 1; i <= 3; ++i)
        actor.submit(i);
    const CancelScope scope;
    const RecorderPtr run = record(actor.run(scope));
    turn(2);
    scope.cancel(QStringLiteral("why"));
    QTRY_COMPARE(run->outcome(), QStringLiteral("Cancelled(why)"));
    QCOMPARE(handler.log(), QStringLiteral("<1"));
    QCOMPARE(outcomeOf(actor.run(scope)), QStringLiteral("Cancelled(why)"));
    QCOMPARE(actor.drainNow(), (std::vector<int>{2, 3}));
}

void tst_ActorCore::aHandlerThatSwallowsCancelledDoesNotGoOn()
{
    int handled = 0;
    ActorCore<int> actor([&](CancelScope scope, int) -> QCoro::Task<> {
        try {
            co_await scope.cancelled();
        } catch (const Cancelled &) {
        }
        ++handled;
    });
    actor.submit(1);
    actor.submit(2);
    const CancelScope scope;
    const RecorderPtr run = record(actor.run(scope));
    scope.cancel();
    QTRY_COMPARE(run->outcome(), QStringLiteral("Cancelled()"));
    QCOMPARE(handled, 1);
    QCOMPARE(actor.drainNow(), std::vector<int>{2});
}

void tst_ActorCore::anotherRunGoesOn()
{
    Handler handler;
    handler.failsAt = 2;
    ActorCore<int> actor(byReference(handler));
    for (int i = 1; i <= 3; ++i)
        actor.submit(i);
    QCOMPARE(outcomeOf(actor.run(CancelScope())), QStringLiteral("boom"));
    QVERIFY(!actor.isClosed());
    actor.submit(4);
    actor.close();
    QCOMPARE(outcomeOf(actor.run(CancelScope())), QStringLiteral("ended"));
    QCOMPARE(handler.log(), QStringLiteral("<1 1> <2 <3 3> <4 4>"));
}

// AC-02: also while the first is inside its handler, where no receive waits
void tst_ActorCore::aSecondRunIsRefused()
{
    Handler handler;
    handler.gate.emplace();
    ActorCore<int> actor(byReference(handler));
    const RecorderPtr run = record(actor.run(CancelScope()));
    QCOMPARE(chainFrom(actor.run(CancelScope())), QStringLiteral("BusyResourceError"));
    actor.submit(1);
    actor.submit(2);
    turn(2);
    QCOMPARE(chainFrom(actor.run(CancelScope())), QStringLiteral("BusyResourceError"));
    QCOMPARE(handler.log(), QStringLiteral("<1"));
    handler.gate->close();
    actor.close();
    QTRY_COMPARE(run->outcome(), QStringLiteral("ended"));
    QCOMPARE(handler.log(), QStringLiteral("<1 1> <2 2>"));
}

namespace {
Q_GLOBAL_STATIC(QStringList, handledByFunction)

QCoro::Task<> function(QString item)
{
    *handledByFunction += item;
    co_return;
}
} // namespace

void tst_ActorCore::handlersOfAllShapes()
{
    handledByFunction->clear();
    ActorCore<QString> byFunction(&function);
    byFunction.submit(QStringLiteral("a"));
    byFunction.close();
    QCOMPARE(outcomeOf(byFunction.run(CancelScope())), QStringLiteral("ended"));
    QCOMPARE(*handledByFunction, QStringList{QStringLiteral("a")});

    int sum = 0;
    ActorCore<int> moveOnly([&sum, factor = std::make_unique<int>(10)](int item) -> QCoro::Task<> {
        sum += item * *factor;
        co_return;
    });
    moveOnly.submit(4);
    moveOnly.close();
    QCOMPARE(outcomeOf(moveOnly.run(CancelScope())), QStringLiteral("ended"));
    QCOMPARE(sum, 40);
}

void tst_ActorCore::anEmptyHandlerIsRefused()
{
    using Function = std::function<QCoro::Task<>(int)>;
    QVERIFY_THROWS_EXCEPTION(std::invalid_argument, ActorCore<int>{Function()});
    QVERIFY_THROWS_EXCEPTION(std::invalid_argument,
                             ActorCore<QString>{static_cast<QCoro::Task<> (*)(QString)>(nullptr)});
}

void tst_ActorCore::itemsMayBeMoveOnly()
{
    int sum = 0;
    ActorCore<std::unique_ptr<int>> actor([&](std::unique_ptr<int> item) -> QCoro::Task<> {
        sum += *item;
        co_return;
    });
    for (int i = 1; i <= 3; ++i)
        actor.submit(std::make_unique<int>(i));
    actor.close();
    QCOMPARE(outcomeOf(actor.run(CancelScope())), QStringLiteral("ended"));
    QCOMPARE(sum, 6);
}

void tst_ActorCore::itRunsUnchangedOnAnotherThread()
{
    Handler handler;
    ActorCore<int> actor(byReference(handler));
    actor.submit(1);
    Looper thread;
    RecorderPtr run;
    thread.call([&] { run = record(actor.run(CancelScope())); });
    std::thread([&] { actor.submit(2); }).join();
    actor.submit(3);
    actor.close();
    QTRY_COMPARE(run->outcome(), QStringLiteral("ended"));
    QCOMPARE(run->thread(), &thread);
    QCOMPARE(handler.thread(), &thread);
    QCOMPARE(handler.log(), QStringLiteral("<1 1> <2 2> <3 3>"));
}

void tst_ActorCore::destroyedWhileRunning()
{
    const CloseScope gate;
    std::atomic<int> alive = 0;
    QStringList log;
    auto actor = std::make_unique<ActorCore<int>>(
        [&log, gate, probe = Tests::Probe(alive)](CancelScope scope, int item) -> QCoro::Task<> {
            co_await gate.closed(scope);
            log += QString::number(item + 10 * int(sizeof(probe) > 0));
        });
    actor->submit(1);
    actor->submit(2);
    const RecorderPtr run = record(actor->run(CancelScope()));
    actor.reset();
    QVERIFY(!run->isDone());
    QVERIFY(alive.load() > 0);
    CloseScope(gate).close();
    QTRY_COMPARE(run->outcome(), QStringLiteral("ended"));
    QCOMPARE(log, (QStringList{QStringLiteral("11"), QStringLiteral("12")}));
    QCOMPARE(alive.load(), 0);
}

namespace {
enum class ActorEnd { Cancelled, Drained, HandlerFails, ClosedUnanswered };
}

// AC-08
void tst_ActorCore::questionsOfAnActorThatEndsAreAnswered_data()
{
    QTest::addColumn<int>("end");
    QTest::newRow("cancelled, destroyed") << int(ActorEnd::Cancelled);
    QTest::newRow("cancelled, drained") << int(ActorEnd::Drained);
    QTest::newRow("the handler fails, destroyed") << int(ActorEnd::HandlerFails);
    QTest::newRow("closed, none answered") << int(ActorEnd::ClosedUnanswered);
}

void tst_ActorCore::questionsOfAnActorThatEndsAreAnswered()
{
    QFETCH(int, end);
    using Question = ReplyHandle<int, int>;
    RequestRegistry<int, int> registry;
    const CloseScope gate;
    auto actor = std::make_unique<ActorCore<Question>>([&](CancelScope scope, Question) -> QCoro::Task<> {
        if (ActorEnd(end) == ActorEnd::HandlerFails)
            throw failure("boom");
        if (ActorEnd(end) != ActorEnd::ClosedUnanswered)
            co_await scope.cancelled();
    });
    const CancelScope scope;
    std::vector<RecorderPtr> callers;
    const auto ask = [&](int key) -> QCoro::Task<> {
        CancelScope own;
        auto send = [&](Question question) { actor->submit(std::move(question)); };
        co_await registry.request(own, key, send);
    };
    for (int key = 1; key <= 5; ++key)
        callers.push_back(record(ask(key)));
    const RecorderPtr run = record(actor->run(scope));
    turn(2);
    if (ActorEnd(end) == ActorEnd::ClosedUnanswered)
        actor->close();
    else
        scope.cancel();
    QTRY_VERIFY(run->isDone());
    if (ActorEnd(end) == ActorEnd::Drained)
        QCOMPARE(actor->drainNow().size(), size_t(4));
    else if (ActorEnd(end) != ActorEnd::ClosedUnanswered)
        actor.reset();
    for (const RecorderPtr &caller : callers)
        QTRY_COMPARE(caller->outcome(), QStringLiteral("BrokenResourceError"));
    QCOMPARE(registry.size(), 0);
}

QTEST_GUILESS_MAIN(tst_ActorCore)
#include "tst_actorcore.moc"
