// SPDX-License-Identifier: Apache-2.0
#include "receiving.h"

#include "../shared/messagelog.h"

#include <QtTest/QtTest>

using namespace MicroIO;
using Tests::await;
using Tests::chainFrom;
using Tests::error;
using Tests::failure;
using Tests::Probe;
using Tests::receiveAll;
using Tests::receiveOne;
using Tests::Receiving;
using Tests::turn;

/// One thread, no bound: order, numbers, draining, what becomes of items.
class tst_Channel : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void itemsAreNumberedAndArriveInOrder();
    void moveOnlyItemsAreReceivedAndDrained();
    void aValueThatIsAnErrorIsAValue();
    void statsTellWhatHappened();
    void drainGivesAllInOrder_data();
    void drainGivesAllInOrder();
    void itemsAreDestroyedOnce_data();
    void itemsAreDestroyedOnce();
    void aThrowingReceiverLosesNothingThatIsQueued();
    void anItemsDestructorMaySend();

private:
    std::optional<Tests::MessageLog> m_log;
};

// CH-01
void tst_Channel::itemsAreNumberedAndArriveInOrder()
{
    auto [send, receive] = createChannel<int>();
    for (int i = 1; i <= 3; ++i)
        QCOMPARE(send.sendNow(i * 10), std::optional<quint64>(i));
    receive.bind();
    const auto copy = send;
    QCOMPARE(copy.sendNow(40), std::optional<quint64>(4));
    for (int i = 1; i <= 4; ++i)
        QCOMPARE(await(receiveOne(receive, CancelScope())), i * 10);
    Receiving waiting(receive, CancelScope());
    QCOMPARE(send.sendNow(50), std::optional<quint64>(5));
    QCOMPARE(waiting.settled(), QStringLiteral("50"));
}

void tst_Channel::moveOnlyItemsAreReceivedAndDrained()
{
    auto channel = createChannel<std::unique_ptr<int>>();
    auto &receive = channel.receive;
    for (int i = 1; i <= 4; ++i)
        channel.send.sendNow(std::make_unique<int>(i));
    const auto two = [&]() -> QCoro::Task<int> {
        CancelScope scope;
        const auto first = co_await receive.receive(scope);
        const auto second = co_await receive.next(scope);
        co_return *first * 10 + **second;
    };
    QCOMPARE(await(two()), 12);
    const auto rest = receive.drainNow();
    QCOMPARE(rest.size(), size_t(2));
    QCOMPARE(*rest[0] * 10 + *rest[1], 34);

    bool got = false;
    const auto late = [&]() -> QCoro::Task<> {
        CancelScope scope;
        const auto item = co_await receive.receive(scope);
        got = *item == 5;
    };
    auto task = late();
    channel.send.sendNow(std::make_unique<int>(5));
    await(std::move(task));
    QVERIFY(got);
}

// D12
void tst_Channel::aValueThatIsAnErrorIsAValue()
{
    auto channel = createChannel<std::exception_ptr>();
    channel.send.sendNow(error("a value"));
    channel.send.sendNow(nullptr);
    channel.send.close();
    const auto body = [&]() -> QCoro::Task<QStringList> {
        QStringList log;
        CancelScope scope;
        while (auto item = co_await channel.receive.next(scope))
            log += Tests::chainOf(*item);
        co_return log;
    };
    QCOMPARE(await(body()), (QStringList{QStringLiteral("a value"), QStringLiteral("none")}));
}

void tst_Channel::statsTellWhatHappened()
{
    ChannelOptions options;
    options.lateSend = LateSend::Drop;
    auto [send, receive] = createChannel<int>(options);
    for (int i = 0; i < 5; ++i)
        send.sendNow(i);
    await(receiveOne(receive, CancelScope()));
    auto stats = send.stats();
    QCOMPARE(stats.sent, 5u);
    QCOMPARE(stats.received, 1u);
    QCOMPARE(stats.queued, 4);
    QCOMPARE(stats.dropped, 0u);
    QVERIFY(!stats.closed);
    QVERIFY(!send.isClosed() && !receive.isClosed());

    receive.drainNow();
    send.close();
    send.sendNow(6);
    send.sendNow(7);
    stats = receive.stats();
    QCOMPARE(stats.sent, 5u);
    QCOMPARE(stats.received, 5u);
    QCOMPARE(stats.queued, 0);
    QCOMPARE(stats.dropped, 2u);
    QVERIFY(stats.closed);
    QVERIFY(send.isClosed() && receive.isClosed());
}

namespace {
enum class DrainWhen { Unbound, Bound, Closed, Failed, SendersGone };
}

// CH-20
void tst_Channel::drainGivesAllInOrder_data()
{
    QTest::addColumn<int>("when");
    QTest::addColumn<QString>("afterwards");
    QTest::newRow("before any bind") << int(DrainWhen::Unbound) << QString();
    QTest::newRow("bound") << int(DrainWhen::Bound) << QString();
    QTest::newRow("closed") << int(DrainWhen::Closed) << QStringLiteral("EndOfStream");
    QTest::newRow("failed") << int(DrainWhen::Failed) << QStringLiteral("X");
    QTest::newRow("send ends gone") << int(DrainWhen::SendersGone) << QStringLiteral("EndOfStream");
}

void tst_Channel::drainGivesAllInOrder()
{
    QFETCH(int, when);
    QFETCH(QString, afterwards);
    auto channel = createChannel<int>();
    if (DrainWhen(when) == DrainWhen::Bound)
        channel.receive.bind();
    for (int i = 1; i <= 3; ++i)
        channel.send.sendNow(i);
    if (DrainWhen(when) == DrainWhen::Closed)
        channel.send.close();
    else if (DrainWhen(when) == DrainWhen::Failed)
        channel.send.fail(error("X"));
    else if (DrainWhen(when) == DrainWhen::SendersGone)
        channel.send = SendChannel<int>();
    QCOMPARE(channel.receive.drainNow(), (std::vector<int>{1, 2, 3}));
    QCOMPARE(channel.receive.drainNow(), std::vector<int>());
    QCOMPARE(channel.receive.stats().received, 3u);
    if (afterwards.isEmpty()) {
        channel.send.sendNow(4);
        QCOMPARE(channel.receive.drainNow(), std::vector<int>{4});
    } else {
        QCOMPARE(receiveAll(channel.receive), afterwards);
        QCOMPARE(receiveAll(channel.receive), afterwards);
    }
}

namespace {
enum class Fate { Received, Drained, LeftInChannel, RefusedThrow, RefusedDrop, TakenByDeadFrame };
}

void tst_Channel::itemsAreDestroyedOnce_data()
{
    QTest::addColumn<int>("fate");
    QTest::newRow("received") << int(Fate::Received);
    QTest::newRow("drained") << int(Fate::Drained);
    QTest::newRow("left in the channel") << int(Fate::LeftInChannel);
    QTest::newRow("refused, throws") << int(Fate::RefusedThrow);
    QTest::newRow("refused, dropped") << int(Fate::RefusedDrop);
    QTest::newRow("given to a receive that was cancelled too") << int(Fate::TakenByDeadFrame);
}

// CH-20
void tst_Channel::itemsAreDestroyedOnce()
{
    QFETCH(int, fate);
    std::atomic<int> alive = 0;
    {
        ChannelOptions options;
        options.lateSend = Fate(fate) == Fate::RefusedDrop ? LateSend::Drop : LateSend::Throw;
        auto channel = createChannel<Probe>(options);
        auto &receive = channel.receive;
        CancelScope scope;
        const auto loop = [&]() -> QCoro::Task<> {
            for (;;)
                const Probe item = co_await receive.receive(scope);
        };
        if (Fate(fate) == Fate::RefusedThrow || Fate(fate) == Fate::RefusedDrop)
            channel.send.close();
        if (Fate(fate) == Fate::Received || Fate(fate) == Fate::TakenByDeadFrame)
            loop();
        for (int i = 0; i < 5; ++i) {
            try {
                channel.send.sendNow(Probe(alive));
            } catch (const ClosedResourceError &) {
            }
        }
        switch (Fate(fate)) {
        case Fate::Received:
            QCOMPARE(alive.load(), 5);
            turn(3);
            QCOMPARE(alive.load(), 0);
            scope.cancel();
            turn(2);
            break;
        case Fate::Drained: {
            const auto items = receive.drainNow();
            QCOMPARE(alive.load(), 5);
            break;
        }
        case Fate::LeftInChannel:
            QCOMPARE(alive.load(), 5);
            break;
        case Fate::RefusedThrow:
        case Fate::RefusedDrop:
            break;
        case Fate::TakenByDeadFrame:
            scope.cancel();
            turn(3);
            QCOMPARE(channel.send.stats().received, 1u);
            QCOMPARE(alive.load(), 4);
            break;
        }
        if (Fate(fate) != Fate::LeftInChannel && Fate(fate) != Fate::TakenByDeadFrame)
            QCOMPARE(alive.load(), 0);
    }
    QCOMPARE(alive.load(), 0);
}

void tst_Channel::aThrowingReceiverLosesNothingThatIsQueued()
{
    auto channel = createChannel<int>();
    for (int i = 1; i <= 3; ++i)
        channel.send.sendNow(i);
    const auto loop = [&]() -> QCoro::Task<> {
        CancelScope scope;
        while (auto item = co_await channel.receive.next(scope)) {
            if (*item == 2)
                throw failure("handler");
        }
    };
    QCOMPARE(chainFrom(loop()), QStringLiteral("handler"));
    QCOMPARE(channel.receive.drainNow(), std::vector<int>{3});
}

namespace {
/// Says by the channel it travels in that it is gone: foreign code that must not meet a lock.
struct Talker
{
    explicit Talker(SendChannel<Talker> *c)
        : channel(c)
    {
    }
    Talker(Talker &&other) noexcept
        : channel(std::exchange(other.channel, nullptr))
    {
    }
    Talker &operator=(Talker &&) = delete;
    ~Talker()
    {
        if (channel)
            channel->sendNow(Talker(nullptr));
    }
    SendChannel<Talker> *channel;
};

} // namespace

void tst_Channel::anItemsDestructorMaySend()
{
    ChannelOptions options;
    options.lateSend = LateSend::Drop;
    auto channel = createChannel<Talker>(options);
    channel.send.sendNow(Talker(&channel.send));
    channel.receive.drainNow();
    QCOMPARE(channel.send.stats().queued, 1);
    channel.send.sendNow(Talker(&channel.send));
    channel.receive = ReceiveChannel<Talker>();
    QCOMPARE(channel.send.stats().dropped, 1u);
    channel.send.sendNow(Talker(&channel.send)); // dropped, and what its destructor sends is too
    QCOMPARE(channel.send.stats().dropped, 3u);
}

QTEST_GUILESS_MAIN(tst_Channel)
#include "tst_channel.moc"
