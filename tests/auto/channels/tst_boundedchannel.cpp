// SPDX-License-Identifier: Apache-2.0
#include "collected.h"
#include "receiving.h"

#include "../shared/looper.h"
#include "../shared/messagelog.h"

#include <QtTest/QtTest>

#include <thread>

using namespace MicroIO;
using Tests::await;
using Tests::chainFrom;
using Tests::chainThrownBy;
using Tests::collect;
using Tests::Collected;
using Tests::End;
using Tests::Looper;
using Tests::Probe;
using Tests::receiveAll;
using Tests::receiveOne;
using Tests::Receiving;
using Tests::Sending;
using Tests::turn;

namespace {

Channel<int> boundedChannel(qsizetype capacity, LateSend lateSend = LateSend::Throw)
{
    return createChannel<int>({.lateSend = lateSend, .capacity = capacity});
}

/// A channel of \a capacity that holds 1, 2, …
Channel<int> fullChannel(qsizetype capacity, LateSend lateSend = LateSend::Throw)
{
    auto channel = boundedChannel(capacity, lateSend);
    for (int i = 1; i <= capacity; ++i)
        channel.send.sendNow(i);
    return channel;
}

QCoro::Task<std::vector<int>> batchOf(ReceiveChannel<int> &receive)
{
    CancelScope scope;
    co_return co_await receive.nextBatch(scope);
}

} // namespace

/// Channels with a capacity: sends that wait, in which order they go on, and what ends them.
class tst_BoundedChannel : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void aNegativeCapacityIsRefused();
    void aSendWaitsWhileTheChannelIsFull();
    void sendNowOnAFullChannelCountsNothing();
    void aChannelWithoutABoundNeverWaits();
    void whoWaitsLongestIsNext();
    void sendNowDoesNotOvertakeWhoWaits();
    void eachWayOfTakingMakesRoom_data();
    void eachWayOfTakingMakesRoom();
    void aCancelledSendIsNotInTheChannel();
    void anAdmittedSendCountsAlthoughItIsCancelled();
    void aCancelledSendLeavesItsPlaceInTheQueue();
    void anEndRefusesWhoWaits_data();
    void anEndRefusesWhoWaits();
    void itemsOfSendsAreDestroyedOnce();

    void aRendezvousSendEndsOnlyWhenItsItemIsTaken();
    void aRendezvousSendWakesTheReceiver();
    void aCancelledRendezvousSenderLeavesNothingToReceive();
    void atARendezvousSendNowNeedsAWaitingReceive();
    void atARendezvousAllOffersAreABatch();
    void atARendezvousOneReceiveTakesOneItem();

    void sendersOnOtherThreadsWaitAndLoseNothing_data();
    void sendersOnOtherThreadsWaitAndLoseNothing();
    void invariant7_theEndOfTheReceiversLoopWakesWhoWaits_data();
    void invariant7_theEndOfTheReceiversLoopWakesWhoWaits();
    void aSendBeforeBindingWaitsToo();
    void whatIsAwaitedMayHaveAName();

private:
    std::optional<Tests::MessageLog> m_log;
};

// CH-18
void tst_BoundedChannel::aNegativeCapacityIsRefused()
{
    QVERIFY_THROWS_EXCEPTION(std::invalid_argument, boundedChannel(-1));
}

// CH-15
void tst_BoundedChannel::aSendWaitsWhileTheChannelIsFull()
{
    auto channel = boundedChannel(2);
    QCOMPARE(Sending(channel.send, 1).settled(), QStringLiteral("1"));
    QCOMPARE(Sending(channel.send, 2).settled(), QStringLiteral("2"));
    const Sending third(channel.send, 3);
    QCOMPARE(third.settled(), QStringLiteral("waits"));
    QCOMPARE(channel.send.stats().queued, 2);
    QCOMPARE(channel.send.stats().sent, 2u);
    QCOMPARE(channel.send.stats().blockedSends, 1);

    QCOMPARE(await(receiveOne(channel.receive, CancelScope())), 1);
    QCOMPARE(third.settled(), QStringLiteral("3"));
    QCOMPARE(channel.send.stats().blockedSends, 0);
    channel.send.close();
    QCOMPARE(receiveAll(channel.receive), QStringLiteral("2 3 EndOfStream"));
}

// CH-15
void tst_BoundedChannel::sendNowOnAFullChannelCountsNothing()
{
    auto channel = fullChannel(2, LateSend::Drop);
    for (int i = 0; i < 3; ++i)
        QCOMPARE(chainThrownBy([&] { channel.send.sendNow(3); }), QStringLiteral("WouldBlock"));
    const auto stats = channel.send.stats();
    QCOMPARE(stats.sent, 2u);
    QCOMPARE(stats.dropped, 0u);
    QCOMPARE(stats.queued, 2);
    QCOMPARE(channel.receive.tryReceive(), std::optional<int>(1));
    QCOMPARE(channel.send.sendNow(4), std::optional<quint64>(3));
    QCOMPARE(channel.receive.drainNow(), (std::vector<int>{2, 4}));
}

void tst_BoundedChannel::aChannelWithoutABoundNeverWaits()
{
    auto channel = createChannel<int>();
    for (int i = 1; i <= 100; ++i)
        QCOMPARE(Sending(channel.send, i).settled(), QString::number(i));
    channel.send.close();
    QCOMPARE(Sending(channel.send, 0).outcome(), QStringLiteral("ClosedResourceError"));
    QCOMPARE(channel.receive.drainNow().size(), size_t(100));
}

void tst_BoundedChannel::whoWaitsLongestIsNext()
{
    auto channel = fullChannel(1);
    std::vector<Sending> sendings;
    for (int i = 2; i <= 6; ++i)
        QCOMPARE(sendings.emplace_back(channel.send, i).settled(), QStringLiteral("waits"));
    for (int i = 1; i <= 6; ++i) {
        QCOMPARE(await(receiveOne(channel.receive, CancelScope())), i);
        turn(3);
        for (int waiting = 2; waiting <= 6; ++waiting)
            QCOMPARE(sendings[size_t(waiting - 2)].outcome(),
                     waiting <= i + 1 ? QString::number(waiting) : QStringLiteral("waits"));
    }
}

void tst_BoundedChannel::sendNowDoesNotOvertakeWhoWaits()
{
    auto channel = fullChannel(1);
    const Sending second(channel.send, 2);
    QCOMPARE(second.settled(), QStringLiteral("waits"));
    QCOMPARE(channel.receive.tryReceive(), std::optional<int>(1));
    QCOMPARE(chainThrownBy([&] { channel.send.sendNow(3); }), QStringLiteral("WouldBlock"));
    const Sending third(channel.send, 3);
    QCOMPARE(second.settled(), QStringLiteral("2"));
    QCOMPARE(third.settled(), QStringLiteral("waits"));
    QCOMPARE(channel.receive.drainNow(), std::vector<int>{2});
    QCOMPARE(channel.receive.drainNow(), std::vector<int>{3});
}

void tst_BoundedChannel::eachWayOfTakingMakesRoom_data()
{
    QTest::addColumn<QString>("by");
    QTest::addColumn<int>("room");
    QTest::newRow("receive") << QStringLiteral("receive") << 1;
    QTest::newRow("tryReceive") << QStringLiteral("tryReceive") << 1;
    QTest::newRow("nextBatch") << QStringLiteral("nextBatch") << 2;
    QTest::newRow("drainNow") << QStringLiteral("drainNow") << 2; // CH-20
}

void tst_BoundedChannel::eachWayOfTakingMakesRoom()
{
    QFETCH(QString, by);
    QFETCH(int, room);
    auto channel = fullChannel(2);
    std::vector<Sending> sendings;
    for (int i = 3; i <= 5; ++i)
        QCOMPARE(sendings.emplace_back(channel.send, i).settled(), QStringLiteral("waits"));
    std::vector<int> taken;
    if (by == QStringLiteral("receive"))
        taken.push_back(await(receiveOne(channel.receive, CancelScope())));
    else if (by == QStringLiteral("tryReceive"))
        taken.push_back(channel.receive.tryReceive().value_or(0));
    else if (by == QStringLiteral("nextBatch"))
        taken = await(batchOf(channel.receive));
    else
        taken = channel.receive.drainNow();
    QCOMPARE(taken, room == 1 ? std::vector<int>{1} : (std::vector<int>{1, 2}));
    turn(3);
    int gone = 0;
    for (const Sending &sending : sendings)
        gone += sending.outcome() != QStringLiteral("waits");
    QCOMPARE(gone, room);
    QCOMPARE(channel.send.stats().queued, 2);
    std::vector<int> rest;
    while (const auto item = channel.receive.tryReceive())
        rest.push_back(*item);
    QCOMPARE(rest, room == 1 ? (std::vector<int>{2, 3, 4, 5}) : (std::vector<int>{3, 4, 5}));
}

// invariant 2
void tst_BoundedChannel::aCancelledSendIsNotInTheChannel()
{
    for (const qsizetype capacity : {0, 2}) {
        auto channel = fullChannel(capacity);
        CancelScope scope;
        const Sending cancelled(channel.send, 9, scope);
        QCOMPARE(cancelled.settled(), QStringLiteral("waits"));
        scope.cancel(QStringLiteral("why"));
        channel.receive.drainNow(); // room, before it has resumed
        QCOMPARE(cancelled.settled(), QStringLiteral("Cancelled(why)"));
        QCOMPARE(channel.receive.drainNow(), std::vector<int>());
        QCOMPARE(channel.send.stats().sent, quint64(capacity));
        QCOMPARE(Sending(channel.send, 9, scope).settled(), QStringLiteral("Cancelled(why)"));
        QCOMPARE(channel.send.stats().sent, quint64(capacity));
        QCOMPARE(channel.send.stats().dropped, 0u);
    }
}

// invariant 2
void tst_BoundedChannel::anAdmittedSendCountsAlthoughItIsCancelled()
{
    for (const qsizetype capacity : {0, 2}) {
        auto channel = fullChannel(capacity);
        CancelScope scope;
        const Sending admitted(channel.send, 9, scope);
        QCOMPARE(admitted.settled(), QStringLiteral("waits"));
        auto items = channel.receive.drainNow();
        scope.cancel();
        QCOMPARE(admitted.settled(), QString::number(capacity + 1));
        for (const int item : channel.receive.drainNow())
            items.push_back(item);
        QCOMPARE(items.back(), 9);
        QCOMPARE(items.size(), size_t(capacity + 1));
    }
}

void tst_BoundedChannel::aCancelledSendLeavesItsPlaceInTheQueue()
{
    auto channel = fullChannel(1);
    CancelScope scope;
    const Sending second(channel.send, 2, scope);
    QCOMPARE(second.settled(), QStringLiteral("waits"));
    const Sending third(channel.send, 3);
    QCOMPARE(third.settled(), QStringLiteral("waits"));
    scope.cancel();
    QCOMPARE(channel.receive.tryReceive(), std::optional<int>(1)); // the second has not resumed
    QCOMPARE(third.settled(), QStringLiteral("2"));
    QCOMPARE(second.outcome(), QStringLiteral("Cancelled()"));
    QCOMPARE(channel.receive.drainNow(), std::vector<int>{3});
}

// CH-12, CH-14
void tst_BoundedChannel::anEndRefusesWhoWaits_data()
{
    QTest::addColumn<int>("end");
    QTest::addColumn<int>("capacity");
    QTest::addColumn<bool>("drop");
    QTest::addColumn<QString>("expected");
    const std::vector<std::pair<End, const char *>> rows{{End::Close, "ClosedResourceError"},
                                                         {End::Fail, "ClosedResourceError < X"},
                                                         {End::ReceiverCloses, "BrokenResourceError"},
                                                         {End::ReceiverFails, "BrokenResourceError < X"}};
    for (const auto &[end, expected] : rows) {
        for (const int capacity : {0, 2}) {
            QTest::addRow("%d, capacity %d, throw", int(end), capacity)
                << int(end) << capacity << false << QString::fromLatin1(expected);
            QTest::addRow("%d, capacity %d, drop", int(end), capacity)
                << int(end) << capacity << true << QStringLiteral("dropped");
        }
    }
}

void tst_BoundedChannel::anEndRefusesWhoWaits()
{
    QFETCH(int, end);
    QFETCH(int, capacity);
    QFETCH(bool, drop);
    QFETCH(QString, expected);
    auto channel = fullChannel(capacity, drop ? LateSend::Drop : LateSend::Throw);
    const Sending first(channel.send, 8);
    const Sending second(channel.send, 9);
    QCOMPARE(second.settled(), QStringLiteral("waits"));
    apply(End(end), channel);
    QCOMPARE(first.outcome(), QStringLiteral("waits")); // invariant 5
    QCOMPARE(first.settled(), expected);
    QCOMPARE(second.settled(), expected);
    QCOMPARE(channel.send.stats().dropped, 2u);
    QCOMPARE(channel.send.stats().blockedSends, 0);
    QCOMPARE(channel.receive.drainNow(), capacity ? (std::vector<int>{1, 2}) : std::vector<int>());
}

// CH-20
void tst_BoundedChannel::itemsOfSendsAreDestroyedOnce()
{
    std::atomic<int> alive = 0;
    for (const bool cancelled : {false, true}) {
        auto channel = createChannel<Probe>({.capacity = 1});
        CancelScope scope;
        const auto body = [&]() -> QCoro::Task<> {
            try {
                for (int i = 0; i < 3; ++i)
                    co_await channel.send.send(scope, Probe(alive));
            } catch (const Cancelled &) {
            }
        };
        auto task = body();
        if (cancelled)
            scope.cancel();
        else
            QCOMPARE(channel.receive.drainNow().size(), size_t(1));
        turn(3);
        if (cancelled)
            QCOMPARE(alive.load(), 1); // the one that is queued
        else
            QVERIFY(channel.receive.tryReceive());
        turn(3);
        channel.receive = {};
        QCOMPARE(alive.load(), 0);
        await(std::move(task));
    }
    QCOMPARE(alive.load(), 0);
}

// CH-18
void tst_BoundedChannel::aRendezvousSendEndsOnlyWhenItsItemIsTaken()
{
    auto channel = boundedChannel(0);
    const Sending sending(channel.send, 7);
    QCOMPARE(sending.settled(), QStringLiteral("waits"));
    QCOMPARE(channel.send.stats().queued, 0);
    QCOMPARE(channel.send.stats().sent, 0u);
    QCOMPARE(await(receiveOne(channel.receive, CancelScope())), 7);
    QCOMPARE(sending.settled(), QStringLiteral("1"));

    const Sending second(channel.send, 8);
    QCOMPARE(second.settled(), QStringLiteral("waits"));
    QCOMPARE(channel.receive.tryReceive(), std::optional<int>(8));
    QCOMPARE(second.settled(), QStringLiteral("2"));
    QCOMPARE(channel.receive.tryReceive(), std::nullopt);
}

// CH-18
void tst_BoundedChannel::aRendezvousSendWakesTheReceiver()
{
    auto channel = boundedChannel(0);
    const Receiving receiving(channel.receive, CancelScope());
    QCOMPARE(receiving.settled(), QStringLiteral("waits"));
    const Sending sending(channel.send, 7);
    QCOMPARE(sending.outcome(), QStringLiteral("waits")); // woken, but nothing is taken
    QCOMPARE(receiving.outcome(), QStringLiteral("waits"));
    QCOMPARE(receiving.settled(), QStringLiteral("7"));
    QCOMPARE(sending.settled(), QStringLiteral("1"));
}

// D6
void tst_BoundedChannel::aCancelledRendezvousSenderLeavesNothingToReceive()
{
    auto channel = boundedChannel(0);
    const Receiving receiving(channel.receive, CancelScope());
    QCOMPARE(receiving.settled(), QStringLiteral("waits"));
    CancelScope scope;
    const Sending cancelled(channel.send, 7, scope);
    scope.cancel(); // the receive is woken already
    QCOMPARE(cancelled.settled(), QStringLiteral("Cancelled()"));
    QCOMPARE(receiving.settled(), QStringLiteral("waits"));
    const Sending next(channel.send, 8);
    QCOMPARE(receiving.settled(), QStringLiteral("8"));
    QCOMPARE(next.settled(), QStringLiteral("1"));
}

void tst_BoundedChannel::atARendezvousSendNowNeedsAWaitingReceive()
{
    auto channel = boundedChannel(0);
    QCOMPARE(chainThrownBy([&] { channel.send.sendNow(1); }), QStringLiteral("WouldBlock"));
    CancelScope scope;
    const Receiving receiving(channel.receive, scope);
    QCOMPARE(receiving.settled(), QStringLiteral("waits"));
    QCOMPARE(channel.send.sendNow(1), std::optional<quint64>(1));
    QCOMPARE(chainThrownBy([&] { channel.send.sendNow(2); }), QStringLiteral("WouldBlock"));
    scope.cancel();
    QCOMPARE(receiving.settled(), QStringLiteral("1"));

    CancelScope other;
    const Receiving cancelled(channel.receive, other);
    QCOMPARE(cancelled.settled(), QStringLiteral("waits"));
    other.cancel();
    QCOMPARE(chainThrownBy([&] { channel.send.sendNow(2); }), QStringLiteral("WouldBlock"));
    QCOMPARE(cancelled.settled(), QStringLiteral("Cancelled()"));
    QCOMPARE(channel.send.stats().sent, 1u);
}

void tst_BoundedChannel::atARendezvousAllOffersAreABatch()
{
    auto channel = boundedChannel(0);
    for (const bool byDraining : {false, true}) {
        std::vector<Sending> sendings;
        for (int i = 1; i <= 3; ++i)
            QCOMPARE(sendings.emplace_back(channel.send, i).settled(), QStringLiteral("waits"));
        const auto items = byDraining ? channel.receive.drainNow() : await(batchOf(channel.receive));
        QCOMPARE(items, (std::vector<int>{1, 2, 3}));
        for (const Sending &sending : sendings)
            QVERIFY(sending.settled() != QStringLiteral("waits"));
    }
}

void tst_BoundedChannel::atARendezvousOneReceiveTakesOneItem()
{
    auto channel = boundedChannel(0);
    const Sending first(channel.send, 1);
    QCOMPARE(first.settled(), QStringLiteral("waits"));
    const Sending second(channel.send, 2);
    QCOMPARE(second.settled(), QStringLiteral("waits"));
    QCOMPARE(await(receiveOne(channel.receive, CancelScope())), 1);
    QCOMPARE(first.settled(), QStringLiteral("1"));
    QCOMPARE(second.settled(), QStringLiteral("waits"));
    QCOMPARE(await(receiveOne(channel.receive, CancelScope())), 2);
    QCOMPARE(second.settled(), QStringLiteral("2"));
}

void tst_BoundedChannel::sendersOnOtherThreadsWaitAndLoseNothing_data()
{
    QTest::addColumn<int>("capacity");
    for (const int capacity : {0, 1, 2, 100})
        QTest::addRow("capacity %d", capacity) << capacity;
}

void tst_BoundedChannel::sendersOnOtherThreadsWaitAndLoseNothing()
{
    QFETCH(int, capacity);
    constexpr int each = 2'000;
    auto channel = boundedChannel(capacity);
    Looper loops[2];
    for (int sender = 0; sender < 2; ++sender) {
        loops[sender].call([&] {
            const auto body = [](SendChannel<int> send, int number) -> QCoro::Task<> {
                CancelScope scope;
                for (int i = 0; i < each; ++i)
                    co_await send.send(scope, number * each + i);
            };
            body(channel.send, sender);
        });
    }
    channel.send = {}; // the last sender ends the stream
    std::vector<int> expected{0, each};
    int wrong = 0;
    qsizetype most = 0;
    const auto body = [&]() -> QCoro::Task<> {
        CancelScope scope;
        while (const auto item = co_await channel.receive.next(scope)) {
            wrong += *item != expected[size_t(*item / each)]++;
            most = qMax(most, channel.receive.stats().queued);
        }
    };
    QCOMPARE(chainFrom(body()), QStringLiteral("nothing"));
    QCOMPARE(wrong, 0);
    QCOMPARE(expected, (std::vector<int>{each, 2 * each}));
    QVERIFY2(most <= qMax(capacity, 0), qPrintable(QString::number(most)));
}

// CH-23, D23
void tst_BoundedChannel::invariant7_theEndOfTheReceiversLoopWakesWhoWaits_data()
{
    QTest::addColumn<int>("capacity");
    QTest::addColumn<bool>("drop");
    for (const int capacity : {0, 2}) {
        QTest::addRow("capacity %d, throw", capacity) << capacity << false;
        QTest::addRow("capacity %d, drop", capacity) << capacity << true;
    }
}

void tst_BoundedChannel::invariant7_theEndOfTheReceiversLoopWakesWhoWaits()
{
    QFETCH(int, capacity);
    QFETCH(bool, drop);
    auto channel = fullChannel(capacity, drop ? LateSend::Drop : LateSend::Throw);
    const auto expected = drop ? QStringLiteral("dropped") : QStringLiteral("BrokenResourceError");
    std::optional<Sending> before;
    std::optional<Sending> after;
    {
        Looper thread;
        before.emplace(channel.send, 8); // before it is bound
        thread.call([&] { channel.receive.bind(); });
        after.emplace(channel.send, 9);
        QCOMPARE(after->settled(), QStringLiteral("waits"));
    }
    QCOMPARE(before->settled(), expected);
    QCOMPARE(after->settled(), expected);
    QCOMPARE(Sending(channel.send, 10).settled(), expected);
    QCOMPARE(channel.send.stats().dropped, 3u);
    QCOMPARE(channel.receive.drainNow(), capacity ? (std::vector<int>{1, 2}) : std::vector<int>());
    QVERIFY(!channel.receive.tryReceive()); // any thread, since there is no loop any more
}

void tst_BoundedChannel::aSendBeforeBindingWaitsToo()
{
    auto channel = fullChannel(1);
    const Sending waiting(channel.send, 2);
    QCOMPARE(waiting.settled(), QStringLiteral("waits"));
    Looper thread;
    Collected collected;
    thread.call([&] { collect(channel.receive, CancelScope(), collected); });
    QTRY_COMPARE(waiting.outcome(), QStringLiteral("2"));
    channel.send.close();
    QTRY_COMPARE(collected.ending(), QStringLiteral("EndOfStream"));
    QCOMPARE(collected.items(), (std::vector<int>{1, 2}));
    QVERIFY(collected.isAllOn(&thread));
}

void tst_BoundedChannel::whatIsAwaitedMayHaveAName()
{
    auto channel = createChannel<int>();
    const auto body = [&]() -> QCoro::Task<int> {
        CancelScope scope;
        const auto sending = channel.send.send(scope, 7);
        co_await sending;
        co_await sending; // it is a value: another send
        const auto receiving = channel.receive.receive(scope);
        const int first = co_await receiving;
        const int second = co_await receiving;
        co_return first + second;
    };
    QCOMPARE(await(body()), 14);
}

QTEST_GUILESS_MAIN(tst_BoundedChannel)
#include "tst_boundedchannel.moc"
