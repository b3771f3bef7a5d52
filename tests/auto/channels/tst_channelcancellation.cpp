// SPDX-License-Identifier: Apache-2.0
#include "receiving.h"

#include "../shared/messagelog.h"

#include <QtTest/QtTest>

using namespace MicroIO;
using Tests::allEnds;
using Tests::apply;
using Tests::await;
using Tests::chainFrom;
using Tests::chainThrownBy;
using Tests::End;
using Tests::nextOne;
using Tests::receiveOne;
using Tests::Receiving;
using Tests::turn;

/// Receives that are cancelled, disturbed or refused.
class tst_ChannelCancellation : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void aCancelledReceiveLeavesTheItem_data();
    void aCancelledReceiveLeavesTheItem();
    void aReceiveInACancelledScopeTakesNothing_data();
    void aReceiveInACancelledScopeTakesNothing();
    void aWokenReceiveReturnsItsItemAlthoughItIsCancelled();
    void aReceiveCancelledBeforeTheItemComesTakesNothing();
    void aWokenReceiveWhoseItemWasDrainedWaitsOn();
    void aWokenReceiveWhoseItemWasDrainedCanBeCancelled();
    void aWokenReceiveWhoseItemWasDrainedSeesTheEnd();
    void aSecondReceiveIsRefusedAtOnce();
    void afterACancelledReceiveAnotherMayWait();
    void theReceiveEndCanBeMovedWhileAReceiveWaits();
    void invariant5_neverResumedInsideACall_data();
    void invariant5_neverResumedInsideACall();

private:
    std::optional<Tests::MessageLog> m_log;
};

// CH-07
void tst_ChannelCancellation::aCancelledReceiveLeavesTheItem_data()
{
    QTest::addColumn<bool>("next");
    QTest::newRow("receive") << false;
    QTest::newRow("next") << true;
}

void tst_ChannelCancellation::aCancelledReceiveLeavesTheItem()
{
    QFETCH(bool, next);
    auto channel = createChannel<int>();
    CancelScope scope;
    QString outcome;
    const auto body = [&]() -> QCoro::Task<> {
        try {
            if (next)
                co_await channel.receive.next(scope);
            else
                co_await channel.receive.receive(scope);
            outcome = QStringLiteral("an item");
        } catch (...) {
            outcome = Tests::chainOf(std::current_exception());
        }
    };
    auto task = body();
    scope.cancel(QStringLiteral("why"));
    turn(3);
    channel.send.sendNow(7);
    await(std::move(task));
    QCOMPARE(outcome, QStringLiteral("Cancelled(why)"));
    QCOMPARE(await(receiveOne(channel.receive, CancelScope())), 7);
}

// CH-07
void tst_ChannelCancellation::aReceiveInACancelledScopeTakesNothing_data()
{
    aCancelledReceiveLeavesTheItem_data();
}

void tst_ChannelCancellation::aReceiveInACancelledScopeTakesNothing()
{
    QFETCH(bool, next);
    auto channel = createChannel<int>();
    channel.send.sendNow(7);
    CancelScope scope;
    scope.cancel(QStringLiteral("why"));
    for (int i = 0; i < 3; ++i) {
        QCOMPARE(next ? chainFrom(nextOne(channel.receive, scope))
                      : chainFrom(receiveOne(channel.receive, scope)),
                 QStringLiteral("Cancelled(why)"));
    }
    QCOMPARE(channel.receive.stats().received, 0u);
    QCOMPARE(await(receiveOne(channel.receive, CancelScope())), 7);
    // also at the end of the stream: the scope goes first
    channel.send.close();
    QCOMPARE(next ? chainFrom(nextOne(channel.receive, scope))
                  : chainFrom(receiveOne(channel.receive, scope)),
             QStringLiteral("Cancelled(why)"));
}

// D6, invariant 2
void tst_ChannelCancellation::aWokenReceiveReturnsItsItemAlthoughItIsCancelled()
{
    auto channel = createChannel<int>();
    CancelScope scope;
    const Receiving woken(channel.receive, scope);
    QCOMPARE(woken.settled(), QStringLiteral("waits"));
    channel.send.sendNow(7);
    QCOMPARE(channel.receive.stats().queued, 1); // a completion only wakes
    scope.cancel();
    QCOMPARE(woken.settled(), QStringLiteral("7"));
    QCOMPARE(channel.receive.stats().queued, 0);
    QCOMPARE(chainFrom(receiveOne(channel.receive, scope)), QStringLiteral("Cancelled()"));
}

// D6, invariant 2
void tst_ChannelCancellation::aReceiveCancelledBeforeTheItemComesTakesNothing()
{
    auto channel = createChannel<int>();
    CancelScope scope;
    const Receiving cancelled(channel.receive, scope);
    QCOMPARE(cancelled.settled(), QStringLiteral("waits"));
    scope.cancel();
    channel.send.sendNow(7); // in the same turn
    QCOMPARE(cancelled.settled(), QStringLiteral("Cancelled()"));
    QCOMPARE(channel.receive.drainNow(), std::vector<int>{7});
}

// D6
void tst_ChannelCancellation::aWokenReceiveWhoseItemWasDrainedWaitsOn()
{
    auto channel = createChannel<int>();
    const Receiving receiving(channel.receive, CancelScope());
    for (int i = 0; i < 3; ++i) {
        channel.send.sendNow(i);
        QCOMPARE(channel.receive.drainNow(), std::vector<int>{i});
        QCOMPARE(receiving.settled(), QStringLiteral("waits"));
    }
    channel.send.sendNow(8);
    QCOMPARE(receiving.settled(), QStringLiteral("8"));
}

// D6
void tst_ChannelCancellation::aWokenReceiveWhoseItemWasDrainedCanBeCancelled()
{
    for (const bool atOnce : {true, false}) {
        auto channel = createChannel<int>();
        CancelScope scope;
        const Receiving receiving(channel.receive, scope);
        channel.send.sendNow(1);
        channel.receive.drainNow();
        if (!atOnce)
            QCOMPARE(receiving.settled(), QStringLiteral("waits"));
        scope.cancel(QStringLiteral("why"));
        QCOMPARE(receiving.settled(), QStringLiteral("Cancelled(why)"));
        channel.send.sendNow(2);
        QCOMPARE(channel.receive.drainNow(), std::vector<int>{2});
    }
}

// D6
void tst_ChannelCancellation::aWokenReceiveWhoseItemWasDrainedSeesTheEnd()
{
    auto channel = createChannel<int>();
    const Receiving receiving(channel.receive, CancelScope());
    channel.send.sendNow(1);
    channel.receive.drainNow();
    channel.send.close();
    QCOMPARE(receiving.settled(), QStringLiteral("EndOfStream"));
}

// D14
void tst_ChannelCancellation::aSecondReceiveIsRefusedAtOnce()
{
    auto channel = createChannel<int>();
    const Receiving first(channel.receive, CancelScope());
    QCOMPARE(first.settled(), QStringLiteral("waits"));
    const Receiving second(channel.receive, CancelScope());
    QCOMPARE(second.settled(), QStringLiteral("BusyResourceError"));
    QCOMPARE(first.settled(), QStringLiteral("waits"));
    channel.send.sendNow(1);
    channel.send.sendNow(2);
    QCOMPARE(chainThrownBy([&] { channel.receive.tryReceive(); }), // it is woken, but has not resumed
             QStringLiteral("BusyResourceError"));
    QCOMPARE(first.settled(), QStringLiteral("1"));
    const Receiving third(channel.receive, CancelScope());
    QCOMPARE(third.settled(), QStringLiteral("2"));
}

void tst_ChannelCancellation::afterACancelledReceiveAnotherMayWait()
{
    auto channel = createChannel<int>();
    CancelScope scope;
    const Receiving first(channel.receive, scope);
    scope.cancel();
    QCOMPARE(first.settled(), QStringLiteral("Cancelled()"));
    const Receiving second(channel.receive, CancelScope());
    channel.send.sendNow(1);
    QCOMPARE(second.settled(), QStringLiteral("1"));
}

void tst_ChannelCancellation::theReceiveEndCanBeMovedWhileAReceiveWaits()
{
    auto channel = createChannel<int>();
    const Receiving waiting(channel.receive, CancelScope());
    ReceiveChannel<int> moved = std::move(channel.receive);
    channel.send.sendNow(1);
    QCOMPARE(waiting.settled(), QStringLiteral("1"));
    channel.send.sendNow(2);
    QCOMPARE(await(receiveOne(moved, CancelScope())), 2);
}

// invariant 5, D13
void tst_ChannelCancellation::invariant5_neverResumedInsideACall_data()
{
    QTest::addColumn<int>("end");
    QTest::newRow("sendNow") << -1;
    for (const auto &end : allEnds)
        QTest::newRow(end.name) << int(end.end);
}

void tst_ChannelCancellation::invariant5_neverResumedInsideACall()
{
    QFETCH(int, end);
    auto channel = createChannel<int>();
    const Receiving waiting(channel.receive, CancelScope());
    if (end < 0)
        channel.send.sendNow(1);
    else
        apply(End(end), channel);
    QCOMPARE(waiting.outcome(), QStringLiteral("waits"));
    QVERIFY(waiting.settled() != QStringLiteral("waits"));
}

QTEST_GUILESS_MAIN(tst_ChannelCancellation)
#include "tst_channelcancellation.moc"
