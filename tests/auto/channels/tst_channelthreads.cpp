// SPDX-License-Identifier: Apache-2.0
#include "collected.h"
#include "receiving.h"

#include "../shared/looper.h"
#include "../shared/messagelog.h"

#include <QtTest/QtTest>

#include <algorithm>
#include <barrier>
#include <functional>
#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::await;
using Tests::chainFrom;
using Tests::collect;
using Tests::Collected;
using Tests::failure;
using Tests::Looper;
using Tests::receiveOne;

namespace {

struct Numbered
{
    Numbered(int s, int n)
        : sender(s)
        , number(n)
    {
    }
    int sender;
    int number;
};

} // namespace

/// Senders and closers on other threads than the receiver's.
class tst_ChannelThreads : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void itemsFromBeforeAndAfterBindingArriveOnTheReceiversThread();
    void eachSendersItemsArriveOnceAndInOrder_data();
    void eachSendersItemsArriveOnceAndInOrder();
    void oneCloserWins();
    void theLastCopyMayGoOnAnotherThread();
    void itemsSentWhileTheReceiveIsCancelledAreNotLost();
    void drainingFromAnotherThreadLosesNothing();
    void invariant5_resumedOnItsOwnThread();
    void invariant6_aFastProducerDoesNotStarveTheReceiversLoop();

private:
    std::optional<Tests::MessageLog> m_log;
};

// CH-01
void tst_ChannelThreads::itemsFromBeforeAndAfterBindingArriveOnTheReceiversThread()
{
    Collected collected;
    auto channel = createChannel<int>();
    Looper thread;
    for (int i = 1; i <= 3; ++i)
        channel.send.sendNow(i);
    thread.call([&] { channel.receive.bind(); });
    channel.send.sendNow(4);
    channel.send.sendNow(5);
    std::thread([&] { channel.send.sendNow(6); }).join();
    thread.call([&] { collect(channel.receive, CancelScope(), collected); });
    QTRY_COMPARE(collected.items(), (std::vector<int>{1, 2, 3, 4, 5, 6}));
    channel.send.sendNow(7); // to one that waits
    channel.send.close();
    QTRY_COMPARE(collected.ending(), QStringLiteral("EndOfStream"));
    QCOMPARE(collected.items(), (std::vector<int>{1, 2, 3, 4, 5, 6, 7}));
    QVERIFY(collected.isAllOn(&thread));
}

// CH-02
void tst_ChannelThreads::eachSendersItemsArriveOnceAndInOrder_data()
{
    QTest::addColumn<bool>("next");
    QTest::newRow("receive") << false;
    QTest::newRow("next") << true;
}

void tst_ChannelThreads::eachSendersItemsArriveOnceAndInOrder()
{
    QFETCH(bool, next);
    constexpr int senders = 4;
    constexpr int each = 20'000;
    auto channel = createChannel<Numbered>();
    std::barrier begin(senders);
    std::vector<std::thread> threads;
    for (int sender = 0; sender < senders; ++sender) {
        threads.emplace_back([&begin, sender, send = channel.send] {
            begin.arrive_and_wait();
            for (int i = 0; i < each; ++i)
                send.sendNow(Numbered(sender, i));
        });
    }
    channel.send = SendChannel<Numbered>(); // the last sender ends the stream

    std::vector<int> expected(senders, 0);
    int wrong = 0;
    const auto look = [&](const Numbered &item) { wrong += item.number != expected[size_t(item.sender)]++; };
    const auto body = [&]() -> QCoro::Task<> {
        CancelScope scope;
        if (next) {
            while (const auto item = co_await channel.receive.next(scope))
                look(*item);
        } else {
            try {
                for (;;) {
                    const Numbered item = co_await channel.receive.receive(scope);
                    look(item);
                }
            } catch (const EndOfStream &) {
            }
        }
    };
    const QString thrown = chainFrom(body());
    for (auto &thread : threads)
        thread.join();
    QCOMPARE(thrown, QStringLiteral("nothing"));
    QCOMPARE(expected, std::vector<int>(senders, each));
    QCOMPARE(wrong, 0);
    QCOMPARE(channel.receive.stats().sent, quint64(senders * each));
    QCOMPARE(channel.receive.stats().received, quint64(senders * each));
}

// CH-06
void tst_ChannelThreads::oneCloserWins()
{
    constexpr int closers = 8;
    for (int round = 0; round < 200; ++round) {
        auto channel = createChannel<int>();
        channel.send.sendNow(1);
        std::barrier begin(closers);
        std::atomic<int> winners = 0;
        std::atomic<int> winner = -1;
        std::vector<std::thread> threads;
        for (int i = 0; i < closers; ++i) {
            threads.emplace_back([&, i] {
                begin.arrive_and_wait();
                const bool won = i % 2 == 0 ? channel.send.close()
                                            : channel.send.fail(std::make_exception_ptr(
                                                failure(QByteArray::number(i).constData())));
                if (won) {
                    ++winners;
                    winner = i;
                }
            });
        }
        const int item = await(receiveOne(channel.receive, CancelScope()));
        const QString end = chainFrom(receiveOne(channel.receive, CancelScope()));
        for (auto &thread : threads)
            thread.join();
        QCOMPARE(item, 1);
        QCOMPARE(winners.load(), 1);
        const QString expected = winner % 2 == 0 ? QStringLiteral("EndOfStream")
                                                 : QString::number(winner.load());
        QCOMPARE(end, expected);
        QCOMPARE(chainFrom(receiveOne(channel.receive, CancelScope())), expected);
    }
}

// CH-13
void tst_ChannelThreads::theLastCopyMayGoOnAnotherThread()
{
    for (int round = 0; round < 100; ++round) {
        auto channel = createChannel<int>();
        std::thread thread([send = std::exchange(channel.send, {})]() mutable {
            send.sendNow(1);
            send = SendChannel<int>();
        });
        const int item = await(receiveOne(channel.receive, CancelScope()));
        const QString end = chainFrom(receiveOne(channel.receive, CancelScope()));
        thread.join();
        QCOMPARE(item, 1);
        QCOMPARE(end, QStringLiteral("EndOfStream"));
    }
}

// CH-07, invariant 2: whoever wins, each item is received once
void tst_ChannelThreads::itemsSentWhileTheReceiveIsCancelledAreNotLost()
{
    constexpr int rounds = 1'000;
    auto channel = createChannel<int>();
    Collected collected;
    Looper thread;
    thread.call([&] { channel.receive.bind(); });
    int cancelledReceives = 0;
    for (int round = 0; round < rounds; ++round) {
        CancelScope scope;
        std::promise<bool> got;
        auto result = got.get_future();
        thread.post([&] {
            const auto body = [](ReceiveChannel<int> &receive, CancelScope s, Collected &into,
                                 std::promise<bool> &promise) -> QCoro::Task<> {
                bool received = false;
                try {
                    const int item = co_await receive.receive(s);
                    into.add(item);
                    received = true;
                } catch (const Cancelled &) {
                }
                promise.set_value(received);
            };
            body(channel.receive, scope, collected, got);
        });
        std::barrier begin(2);
        std::thread sender([&] {
            begin.arrive_and_wait();
            channel.send.sendNow(round);
        });
        begin.arrive_and_wait();
        scope.cancel();
        sender.join();
        if (!result.get()) {
            ++cancelledReceives;
            const auto left = channel.receive.drainNow();
            QCOMPARE(left, std::vector<int>{round});
        } else {
            QCOMPARE(collected.items().back(), round);
        }
        QCOMPARE(channel.send.stats().queued, 0);
    }
    QCOMPARE(int(collected.items().size()) + cancelledReceives, rounds);
}

void tst_ChannelThreads::drainingFromAnotherThreadLosesNothing()
{
    constexpr int count = 20'000;
    auto channel = createChannel<int>();
    std::vector<int> seen(count, 0);
    std::vector<int> drained;
    std::atomic<bool> stop = false;
    std::thread sender([&, send = channel.send] {
        for (int i = 0; i < count; ++i)
            send.sendNow(i);
    });
    std::thread drainer([&] {
        while (!stop) {
            const auto items = channel.receive.drainNow();
            drained.insert(drained.end(), items.begin(), items.end());
            std::this_thread::yield();
        }
    });
    const auto body = [&]() -> QCoro::Task<> {
        CancelScope scope;
        while (const auto item = co_await channel.receive.next(scope))
            ++seen[size_t(*item)];
    };
    auto task = body();
    sender.join();
    channel.send.close();
    const QString thrown = chainFrom(std::move(task));
    stop = true;
    drainer.join();
    QCOMPARE(thrown, QStringLiteral("nothing"));
    QVERIFY(std::is_sorted(drained.begin(), drained.end()));
    for (const int item : drained)
        ++seen[size_t(item)];
    QCOMPARE(seen, std::vector<int>(count, 1));
    QCOMPARE(channel.receive.stats().received, quint64(count));
}

// invariant 5
void tst_ChannelThreads::invariant5_resumedOnItsOwnThread()
{
    using Act = std::function<void(Channel<int> &, CancelScope)>;
    const std::vector<std::pair<QString, Act>> acts{
        {QStringLiteral("EndOfStream"), [](Channel<int> &channel, CancelScope) { channel.send.close(); }},
        {QStringLiteral("X"), [](Channel<int> &channel,
                                 CancelScope) { channel.send.fail(std::make_exception_ptr(failure("X"))); }},
        {QStringLiteral("Cancelled()"), [](Channel<int> &, CancelScope scope) { scope.cancel(); }},
        {QStringLiteral("ClosedResourceError"),
         [](Channel<int> &channel, CancelScope) { channel.receive.close(); }},
    };
    for (const auto &act : acts) {
        for (const bool fromPlainThread : {true, false}) {
            auto channel = createChannel<int>();
            Collected collected;
            CancelScope scope;
            Looper thread;
            thread.call([&] { collect(channel.receive, scope, collected); });
            const auto job = [&] {
                channel.send.sendNow(1);
                act.second(channel, scope);
            };
            if (fromPlainThread)
                std::thread(job).join();
            else
                job();
            QTRY_COMPARE(collected.ending(), act.first);
            QVERIFY(collected.isAllOn(&thread));
        }
    }
}

namespace {
int ticksWithin(std::chrono::milliseconds time)
{
    int ticks = 0;
    QTimer timer;
    timer.setTimerType(Qt::PreciseTimer);
    QObject::connect(&timer, &QTimer::timeout, &timer, [&] { ++ticks; });
    QEventLoop loop;
    QTimer::singleShot(time, &loop, &QEventLoop::quit);
    timer.start(10ms);
    loop.exec();
    return ticks;
}

} // namespace

void tst_ChannelThreads::invariant6_aFastProducerDoesNotStarveTheReceiversLoop()
{
    constexpr auto window = 300ms;
    int idle = 0;
    int busy = 0;
    quint64 received = 0;
    const auto isFair = [&] { return received > 1'000 && busy * 2 >= idle; };
    // The machine may be busy with something else meanwhile; a loop that starves has no tick in any attempt.
    for (int attempt = 0; attempt < 10 && !isFair(); ++attempt) {
        idle = ticksWithin(window);
        auto channel = createChannel<int>();
        std::atomic<bool> stop = false;
        std::thread producer([&stop, send = std::exchange(channel.send, {})] {
            while (!stop) { // always something queued, but not without end
                while (send.stats().queued < 2'000)
                    send.sendNow(1);
                std::this_thread::yield();
            }
        });
        received = 0;
        const auto body = [&]() -> QCoro::Task<> {
            CancelScope scope;
            while (const auto item = co_await channel.receive.next(scope))
                ++received;
        };
        auto task = body();
        busy = ticksWithin(window);
        stop = true;
        producer.join();
        QCOMPARE(chainFrom(std::move(task)), QStringLiteral("nothing"));
    }
    QVERIFY2(isFair(),
             qPrintable(QStringLiteral("%1 items, %2 of %3 ticks").arg(received).arg(busy).arg(idle)));
}

QTEST_GUILESS_MAIN(tst_ChannelThreads)
#include "tst_channelthreads.moc"
