// SPDX-License-Identifier: Apache-2.0
#include "receiving.h"

#include "../shared/messagelog.h"

#include <QtTest/QtTest>

using namespace MicroIO;
using Tests::addEnds;
using Tests::allEnds;
using Tests::apply;
using Tests::await;
using Tests::chainFrom;
using Tests::chainThrownBy;
using Tests::End;
using Tests::error;
using Tests::nextAll;
using Tests::nextOne;
using Tests::receiveAll;
using Tests::receiveOne;
using Tests::Receiving;
using Tests::turn;

/// How a channel ends, and what that does to both sides.
class tst_ChannelEnds : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void anEndWakesAWaitingReceive_data();
    void anEndWakesAWaitingReceive();
    void whatIsQueuedIsReceivedBeforeTheEnd_data();
    void whatIsQueuedIsReceivedBeforeTheEnd();
    void theEndIsToldForEver_data();
    void theEndIsToldForEver();
    void onlyTheFirstEndCounts_data();
    void onlyTheFirstEndCounts();
    void aFailureWithoutAnErrorIsABrokenResource();
    void lateSendsThrowOrAreDroppedAndCounted_data();
    void lateSendsThrowOrAreDroppedAndCounted();
    void aDroppedReceiveEndRefusesSends_data();
    void aDroppedReceiveEndRefusesSends();
    void droppingTheReceiveEndEndsAWaitingReceive();
    void theStreamEndsWithTheLastCopyOfTheSendEnd();
    void aCopyThatClosesEndsItForAllCopies();

private:
    std::optional<Tests::MessageLog> m_log;
};

// CH-03, CH-04, CH-12
void tst_ChannelEnds::anEndWakesAWaitingReceive_data()
{
    addEnds({{End::Close, "EndOfStream"},
             {End::LastCopyGone, "EndOfStream"},
             {End::Fail, "X"},
             {End::ReceiverCloses, "ClosedResourceError"},
             {End::ReceiverFails, "X"}});
}

void tst_ChannelEnds::anEndWakesAWaitingReceive()
{
    QFETCH(int, end);
    QFETCH(QString, expected);
    {
        auto channel = createChannel<int>();
        const Receiving waiting(channel.receive, CancelScope());
        QCOMPARE(waiting.settled(), QStringLiteral("waits"));
        apply(End(end), channel);
        QCOMPARE(waiting.settled(), expected);
    }
    {
        auto channel = createChannel<int>();
        const auto loop = [&]() -> QCoro::Task<QString> {
            CancelScope scope;
            QString text;
            try {
                const auto item = co_await channel.receive.next(scope);
                text = item ? QStringLiteral("an item") : QStringLiteral("EndOfStream");
            } catch (...) {
                text = Tests::chainOf(std::current_exception());
            }
            co_return text;
        };
        auto task = loop();
        turn();
        QVERIFY(!task.isReady());
        apply(End(end), channel);
        QCOMPARE(await(std::move(task)), expected);
    }
}

// CH-03, CH-04, D7
void tst_ChannelEnds::whatIsQueuedIsReceivedBeforeTheEnd_data()
{
    addEnds({{End::Close, "1 2 3 EndOfStream"},
             {End::LastCopyGone, "1 2 3 EndOfStream"},
             {End::Fail, "1 2 3 X"},
             {End::ReceiverCloses, "ClosedResourceError"},
             {End::ReceiverFails, "1 2 3 X"}});
}

void tst_ChannelEnds::whatIsQueuedIsReceivedBeforeTheEnd()
{
    QFETCH(int, end);
    QFETCH(QString, expected);
    for (const bool inLoopForm : {false, true}) {
        auto channel = createChannel<int>();
        for (int i = 1; i <= 3; ++i)
            channel.send.sendNow(i);
        apply(End(end), channel);
        if (inLoopForm)
            QCOMPARE(nextAll(channel.receive),
                     expected.replace(QStringLiteral("EndOfStream"), QStringLiteral("|")));
        else
            QCOMPARE(receiveAll(channel.receive), expected);
        if (End(end) == End::ReceiverCloses)
            QCOMPARE(channel.receive.drainNow(), (std::vector<int>{1, 2, 3}));
    }
}

// CH-03, CH-04: and it does not spin or wait
void tst_ChannelEnds::theEndIsToldForEver_data()
{
    anEndWakesAWaitingReceive_data();
}

void tst_ChannelEnds::theEndIsToldForEver()
{
    QFETCH(int, end);
    QFETCH(QString, expected);
    auto channel = createChannel<int>();
    apply(End(end), channel);
    for (int i = 0; i < 50; ++i) {
        QCOMPARE(chainFrom(receiveOne(channel.receive, CancelScope())), expected);
        if (expected == QStringLiteral("EndOfStream"))
            QCOMPARE(await(nextOne(channel.receive, CancelScope())), std::nullopt);
        else
            QCOMPARE(chainFrom(nextOne(channel.receive, CancelScope())), expected);
    }
}

// CH-04, CH-13
void tst_ChannelEnds::onlyTheFirstEndCounts_data()
{
    QTest::addColumn<int>("first");
    QTest::addColumn<int>("second");
    for (const auto &first : allEnds) {
        for (const auto &second : allEnds) {
            if (first.end != End::LastCopyGone && second.end != End::LastCopyGone)
                QTest::addRow("%s, then %s", first.name, second.name) << int(first.end) << int(second.end);
        }
    }
}

void tst_ChannelEnds::onlyTheFirstEndCounts()
{
    QFETCH(int, first);
    QFETCH(int, second);
    auto channel = createChannel<int>();
    channel.send.sendNow(1);
    apply(End(first), channel);
    switch (End(second)) {
    case End::Close:
        QVERIFY(!channel.send.close());
        break;
    case End::Fail:
        QVERIFY(!channel.send.fail(error("Y")));
        break;
    case End::ReceiverCloses:
        QVERIFY(!channel.receive.close());
        break;
    case End::ReceiverFails:
        QVERIFY(!channel.receive.fail(error("Y")));
        break;
    case End::LastCopyGone:
        break;
    }
    switch (End(first)) {
    case End::Close:
        QCOMPARE(receiveAll(channel.receive), QStringLiteral("1 EndOfStream"));
        break;
    case End::Fail:
    case End::ReceiverFails:
        QCOMPARE(receiveAll(channel.receive), QStringLiteral("1 X"));
        break;
    case End::ReceiverCloses:
        QCOMPARE(receiveAll(channel.receive), QStringLiteral("ClosedResourceError"));
        break;
    case End::LastCopyGone:
        break;
    }
}

void tst_ChannelEnds::aFailureWithoutAnErrorIsABrokenResource()
{
    auto channel = createChannel<int>();
    QVERIFY(channel.send.fail(nullptr));
    QCOMPARE(receiveAll(channel.receive), QStringLiteral("BrokenResourceError"));
    QCOMPARE(chainThrownBy([&] { channel.send.sendNow(1); }), QStringLiteral("ClosedResourceError"));
}

// CH-05, CH-12
void tst_ChannelEnds::lateSendsThrowOrAreDroppedAndCounted_data()
{
    QTest::addColumn<int>("end");
    QTest::addColumn<bool>("drop");
    QTest::addColumn<QString>("expected");
    const auto row = [](End end, const char *name, const char *expected) {
        QTest::addRow("%s, throw", name) << int(end) << false << QString::fromLatin1(expected);
        QTest::addRow("%s, drop", name) << int(end) << true << QStringLiteral("nothing");
    };
    row(End::Close, "close", "ClosedResourceError");
    row(End::Fail, "fail", "ClosedResourceError < X");
    row(End::ReceiverCloses, "receiver closes", "BrokenResourceError");
    row(End::ReceiverFails, "receiver fails", "BrokenResourceError < X");
}

void tst_ChannelEnds::lateSendsThrowOrAreDroppedAndCounted()
{
    QFETCH(int, end);
    QFETCH(bool, drop);
    QFETCH(QString, expected);
    ChannelOptions options;
    options.lateSend = drop ? LateSend::Drop : LateSend::Throw;
    auto channel = createChannel<int>(options);
    channel.send.sendNow(1);
    apply(End(end), channel);
    for (int i = 0; i < 3; ++i) {
        std::optional<quint64> number = 99;
        QCOMPARE(chainThrownBy([&] { number = channel.send.sendNow(2); }), expected);
        QCOMPARE(number, drop ? std::nullopt : std::optional<quint64>(99));
    }
    QCOMPARE(channel.send.stats().dropped, 3u);
    QCOMPARE(channel.send.stats().sent, 1u);
    QCOMPARE(channel.receive.drainNow(), std::vector<int>{1});
}

// CH-12
void tst_ChannelEnds::aDroppedReceiveEndRefusesSends_data()
{
    QTest::addColumn<bool>("byAssignment");
    QTest::newRow("destroyed") << false;
    QTest::newRow("assigned over") << true;
}

void tst_ChannelEnds::aDroppedReceiveEndRefusesSends()
{
    QFETCH(bool, byAssignment);
    auto channel = createChannel<int>();
    auto receive = std::make_unique<ReceiveChannel<int>>(std::move(channel.receive));
    channel.send.sendNow(1);
    if (byAssignment)
        *receive = createChannel<int>().receive;
    else
        receive.reset();
    QCOMPARE(chainThrownBy([&] { channel.send.sendNow(2); }), QStringLiteral("BrokenResourceError"));
    QVERIFY(channel.send.isClosed());
    QVERIFY(!channel.send.close());
    const auto stats = channel.send.stats();
    QCOMPARE(stats.queued, 0);
    QCOMPARE(stats.dropped, 1u);
}

// CH-12
void tst_ChannelEnds::droppingTheReceiveEndEndsAWaitingReceive()
{
    auto channel = createChannel<int>();
    std::optional<Receiving> waiting;
    {
        ReceiveChannel<int> receive = std::move(channel.receive);
        waiting.emplace(receive, CancelScope());
        QCOMPARE(waiting->settled(), QStringLiteral("waits"));
    }
    QCOMPARE(waiting->settled(), QStringLiteral("ClosedResourceError"));
}

// CH-13
void tst_ChannelEnds::theStreamEndsWithTheLastCopyOfTheSendEnd()
{
    auto channel = createChannel<int>();
    std::vector<SendChannel<int>> copies(3, channel.send);
    channel.send = SendChannel<int>();
    const Receiving waiting(channel.receive, CancelScope());
    copies.pop_back();
    copies.pop_back();
    QCOMPARE(waiting.settled(), QStringLiteral("waits"));
    QVERIFY(!channel.receive.isClosed());
    copies.back().sendNow(1);
    QCOMPARE(waiting.settled(), QStringLiteral("1"));
    const Receiving again(channel.receive, CancelScope());
    copies.pop_back();
    QVERIFY(channel.receive.isClosed());
    QCOMPARE(again.settled(), QStringLiteral("EndOfStream"));
}

// CH-13
void tst_ChannelEnds::aCopyThatClosesEndsItForAllCopies()
{
    auto channel = createChannel<int>();
    const SendChannel<int> copy = channel.send;
    {
        const SendChannel<int> closer = channel.send;
        QVERIFY(closer.close());
        QVERIFY(!closer.close());
    }
    QVERIFY(!copy.close());
    QVERIFY(copy.isClosed());
    QCOMPARE(chainThrownBy([&] { copy.sendNow(1); }), QStringLiteral("ClosedResourceError"));
    QCOMPARE(chainThrownBy([&] { channel.send.sendNow(1); }), QStringLiteral("ClosedResourceError"));
}

QTEST_GUILESS_MAIN(tst_ChannelEnds)
#include "tst_channelends.moc"
