// SPDX-License-Identifier: Apache-2.0
#include "collected.h"
#include "receiving.h"

#include "../shared/looper.h"
#include "../shared/messagelog.h"

#include <QtTest/QtTest>

#include <barrier>
#include <numeric>
#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::await;
using Tests::chainThrownBy;
using Tests::collect;
using Tests::Collected;
using Tests::Looper;
using Tests::Probe;
using Tests::receiveOne;

/// The thread that receives: binding to it, other threads, and its end.
class tst_ChannelHome : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void receivingElsewhereIsRefused();
    void bindingTwiceIsRefused();
    void aThreadWithoutAnEventLoopCannotReceive();
    void sendingToAThreadThatHasEndedIsRefused_data();
    void sendingToAThreadThatHasEndedIsRefused();
    void aReceiveEndsWithItsLoop();
    void whatADeadLoopLeftCanBeDrained();
    void aLoopThatEndsLosesNothing();

private:
    std::optional<Tests::MessageLog> m_log;
};

// CH-24
void tst_ChannelHome::receivingElsewhereIsRefused()
{
    Looper thread;
    auto channel = createChannel<int>();
    channel.send.sendNow(1);
    channel.send.sendNow(2);
    Collected elsewhere;
    QCOMPARE(await(receiveOne(channel.receive, CancelScope())), 1); // binds it
    thread.call([&] { collect(channel.receive, CancelScope(), elsewhere); });
    QCOMPARE(elsewhere.ending(), QStringLiteral("WrongThreadError"));
    QCOMPARE(elsewhere.items(), std::vector<int>());
    QCOMPARE(await(receiveOne(channel.receive, CancelScope())), 2);
    channel.send.close();
    Collected atTheEnd;
    thread.call([&] { collect(channel.receive, CancelScope(), atTheEnd); });
    QCOMPARE(atTheEnd.ending(), QStringLiteral("WrongThreadError"));
}

// CH-24
void tst_ChannelHome::bindingTwiceIsRefused()
{
    Looper thread;
    auto channel = createChannel<int>();
    channel.receive.bind();
    QCOMPARE(chainThrownBy([&] { channel.receive.bind(); }), QStringLiteral("WrongThreadError"));
    QCOMPARE(thread.call([&] { return chainThrownBy([&] { channel.receive.bind(); }); }),
             QStringLiteral("WrongThreadError"));
    channel.send.sendNow(1);
    QCOMPARE(await(receiveOne(channel.receive, CancelScope())), 1);
    QCOMPARE(chainThrownBy([&] { channel.receive.bind(); }), QStringLiteral("WrongThreadError"));
}

// CH-24
void tst_ChannelHome::aThreadWithoutAnEventLoopCannotReceive()
{
    auto channel = createChannel<int>();
    channel.send.sendNow(1);
    Collected collected;
    QString bound;
    std::thread([&] {
        bound = chainThrownBy([&] { channel.receive.bind(); });
        collect(channel.receive, CancelScope(), collected);
    }).join();
    QCOMPARE(bound, QStringLiteral("WrongThreadError"));
    QCOMPARE(collected.ending(), QStringLiteral("WrongThreadError"));
    QCOMPARE(await(receiveOne(channel.receive, CancelScope())), 1); // neither took it nor bound the channel
}

// CH-23
void tst_ChannelHome::sendingToAThreadThatHasEndedIsRefused_data()
{
    QTest::addColumn<bool>("waiting");
    QTest::addColumn<bool>("drop");
    QTest::newRow("bound, throw") << false << false;
    QTest::newRow("bound, drop") << false << true;
    QTest::newRow("waiting, throw") << true << false;
    QTest::newRow("waiting, drop") << true << true;
}

void tst_ChannelHome::sendingToAThreadThatHasEndedIsRefused()
{
    QFETCH(bool, waiting);
    QFETCH(bool, drop);
    std::atomic<int> alive = 0;
    {
        ChannelOptions options;
        options.lateSend = drop ? LateSend::Drop : LateSend::Throw;
        auto channel = createChannel<Probe>(options);
        std::atomic<bool> cancelled = false;
        const auto body = [&]() -> QCoro::Task<> {
            CancelScope scope;
            try {
                co_await channel.receive.receive(scope);
            } catch (const Cancelled &) {
                cancelled = true;
            }
        };
        {
            Looper thread;
            if (waiting)
                thread.call([&] { body(); });
            else
                thread.call([&] { channel.receive.bind(); });
        }
        QCOMPARE(cancelled.load(), waiting);
        for (int i = 0; i < 3; ++i) {
            std::optional<quint64> number = 99;
            QCOMPARE(chainThrownBy([&] { number = channel.send.sendNow(Probe(alive)); }),
                     drop ? QStringLiteral("nothing") : QStringLiteral("BrokenResourceError"));
            QCOMPARE(number, drop ? std::nullopt : std::optional<quint64>(99));
        }
        QCOMPARE(alive.load(), 0);
        QCOMPARE(channel.send.stats().dropped, 3u);
        QVERIFY(channel.send.close());
        QVERIFY(!channel.send.close());
        channel.receive = ReceiveChannel<Probe>();
    }
    QCOMPARE(alive.load(), 0);
}

// CH-23, D23
void tst_ChannelHome::aReceiveEndsWithItsLoop()
{
    auto channel = createChannel<int>();
    Collected collected;
    QThread *receiver = nullptr;
    {
        Looper thread;
        receiver = &thread;
        thread.call([&] { collect(channel.receive, CancelScope(), collected); });
        QCOMPARE(collected.ending(), QString());
    }
    QCOMPARE(collected.ending(), QStringLiteral("Cancelled(the event loop has ended)"));
    QVERIFY(collected.isAllOn(receiver));
}

// CH-23
void tst_ChannelHome::whatADeadLoopLeftCanBeDrained()
{
    auto channel = createChannel<int>();
    {
        Looper thread;
        thread.call([&] { channel.receive.bind(); });
        for (int i = 1; i <= 3; ++i)
            channel.send.sendNow(i);
    }
    QCOMPARE(chainThrownBy([&] { channel.send.sendNow(4); }), QStringLiteral("BrokenResourceError"));
    QCOMPARE(channel.receive.drainNow(), (std::vector<int>{1, 2, 3}));
}

// CH-23, D6: each item that was accepted is received or drained, wherever the end meets it
void tst_ChannelHome::aLoopThatEndsLosesNothing()
{
    for (int round = 0; round < 50; ++round) {
        auto channel = createChannel<int>();
        Collected collected;
        int accepted = 0;
        std::barrier begin(2);
        std::thread sender;
        {
            Looper thread;
            thread.call([&] { collect(channel.receive, CancelScope(), collected); });
            sender = std::thread([&] {
                begin.arrive_and_wait();
                try {
                    for (;; ++accepted) {
                        channel.send.sendNow(accepted);
                        if (accepted % 8 == 7)
                            std::this_thread::yield(); // let the loop have the mutex, too
                    }
                } catch (const BrokenResourceError &) {
                }
            });
            begin.arrive_and_wait();
            for (int i = 0; i < round; ++i)
                std::this_thread::yield();
        }
        sender.join();
        auto items = collected.items();
        const auto left = channel.receive.drainNow();
        items.insert(items.end(), left.begin(), left.end());
        std::vector<int> expected(static_cast<size_t>(accepted));
        std::iota(expected.begin(), expected.end(), 0);
        QCOMPARE(items, expected);
        QCOMPARE(channel.send.stats().sent, quint64(accepted));
        QCOMPARE(channel.send.stats().received, quint64(accepted));
    }
}

QTEST_GUILESS_MAIN(tst_ChannelHome)
#include "tst_channelhome.moc"
