// SPDX-License-Identifier: Apache-2.0
#include "../shared/errorchain.h"
#include "../shared/looper.h"
#include "../shared/messagelog.h"
#include "../shared/outcome.h"

#include <MicroIO/CancelScope>
#include <MicroIO/Channel>
#include <MicroIO/Errors>

#include <QtTest/QtTest>

#include <algorithm>
#include <barrier>
#include <functional>
#include <mutex>
#include <numeric>
#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::await;
using Tests::chainFrom;
using Tests::chainThrownBy;
using Tests::failure;
using Tests::Looper;
using Tests::Probe;

namespace {

/// What a receiving coroutine has got, for looks at it from another thread.
class Collected
{
public:
    void add(int item)
    {
        const std::lock_guard lock(m_mutex);
        m_items.push_back(item);
        m_threads.push_back(QThread::currentThread());
    }
    void end(const QString &how)
    {
        const std::lock_guard lock(m_mutex);
        m_end = how;
        m_threads.push_back(QThread::currentThread());
    }
    std::vector<int> items() const
    {
        const std::lock_guard lock(m_mutex);
        return m_items;
    }
    /// Empty as long as it goes on.
    QString ending() const
    {
        const std::lock_guard lock(m_mutex);
        return m_end;
    }
    bool isAllOn(QThread *thread) const
    {
        const std::lock_guard lock(m_mutex);
        return std::all_of(m_threads.begin(), m_threads.end(), [thread](QThread *t) { return t == thread; });
    }

private:
    mutable std::mutex m_mutex;
    std::vector<int> m_items; // guarded by m_mutex, as all that follows
    std::vector<QThread *> m_threads;
    QString m_end;
};

/// Receives until that throws.
QCoro::Task<> collect(ReceiveChannel<int> &receive, CancelScope scope, Collected &into)
{
    QString end;
    try {
        for (;;) {
            const int item = co_await receive.receive(scope);
            into.add(item);
        }
    } catch (...) {
        end = Tests::chainOf(std::current_exception());
    }
    into.end(end);
}

QCoro::Task<int> receiveOne(ReceiveChannel<int> &receive)
{
    CancelScope scope;
    co_return co_await receive.receive(scope);
}

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

/// Senders and closers on other threads than the receiver's, and receivers whose thread ends.
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

    void receivingElsewhereIsRefused();
    void bindingTwiceIsRefused();
    void aThreadWithoutAnEventLoopCannotReceive();

    void sendingToAThreadThatHasEndedIsRefused_data();
    void sendingToAThreadThatHasEndedIsRefused();
    void aReceiveEndsWithItsLoop();
    void whatADeadLoopLeftCanBeDrained();
    void aLoopThatEndsLosesNothing();

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
        const int item = await(receiveOne(channel.receive));
        const QString end = chainFrom(receiveOne(channel.receive));
        for (auto &thread : threads)
            thread.join();
        QCOMPARE(item, 1);
        QCOMPARE(winners.load(), 1);
        const QString expected = winner % 2 == 0 ? QStringLiteral("EndOfStream")
                                                 : QString::number(winner.load());
        QCOMPARE(end, expected);
        QCOMPARE(chainFrom(receiveOne(channel.receive)), expected);
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
        const int item = await(receiveOne(channel.receive));
        const QString end = chainFrom(receiveOne(channel.receive));
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

// CH-24
void tst_ChannelThreads::receivingElsewhereIsRefused()
{
    Looper thread;
    auto channel = createChannel<int>();
    channel.send.sendNow(1);
    channel.send.sendNow(2);
    Collected elsewhere;
    QCOMPARE(await(receiveOne(channel.receive)), 1); // binds it
    thread.call([&] { collect(channel.receive, CancelScope(), elsewhere); });
    QCOMPARE(elsewhere.ending(), QStringLiteral("WrongThreadError"));
    QCOMPARE(elsewhere.items(), std::vector<int>());
    QCOMPARE(await(receiveOne(channel.receive)), 2);
    channel.send.close();
    Collected atTheEnd;
    thread.call([&] { collect(channel.receive, CancelScope(), atTheEnd); });
    QCOMPARE(atTheEnd.ending(), QStringLiteral("WrongThreadError"));
}

// CH-24
void tst_ChannelThreads::bindingTwiceIsRefused()
{
    Looper thread;
    auto channel = createChannel<int>();
    channel.receive.bind();
    QCOMPARE(chainThrownBy([&] { channel.receive.bind(); }), QStringLiteral("WrongThreadError"));
    QCOMPARE(thread.call([&] { return chainThrownBy([&] { channel.receive.bind(); }); }),
             QStringLiteral("WrongThreadError"));
    channel.send.sendNow(1);
    QCOMPARE(await(receiveOne(channel.receive)), 1);
    QCOMPARE(chainThrownBy([&] { channel.receive.bind(); }), QStringLiteral("WrongThreadError"));
}

// CH-24
void tst_ChannelThreads::aThreadWithoutAnEventLoopCannotReceive()
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
    QCOMPARE(await(receiveOne(channel.receive)), 1); // neither took it nor bound the channel
}

// CH-23
void tst_ChannelThreads::sendingToAThreadThatHasEndedIsRefused_data()
{
    QTest::addColumn<bool>("waiting");
    QTest::addColumn<bool>("drop");
    QTest::newRow("bound, throw") << false << false;
    QTest::newRow("bound, drop") << false << true;
    QTest::newRow("waiting, throw") << true << false;
    QTest::newRow("waiting, drop") << true << true;
}

void tst_ChannelThreads::sendingToAThreadThatHasEndedIsRefused()
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
void tst_ChannelThreads::aReceiveEndsWithItsLoop()
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
void tst_ChannelThreads::whatADeadLoopLeftCanBeDrained()
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
void tst_ChannelThreads::aLoopThatEndsLosesNothing()
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
    const int idle = ticksWithin(window);
    int busy = 0;
    quint64 received = 0;
    // The machine may be busy with something else meanwhile; a loop that starves has no tick in any attempt.
    for (int attempt = 0; attempt < 5 && busy * 2 < idle; ++attempt) {
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
    QVERIFY2(received > 10'000, qPrintable(QString::number(received)));
    QVERIFY2(busy * 2 >= idle, qPrintable(QStringLiteral("%1 of %2 ticks").arg(busy).arg(idle)));
}

QTEST_GUILESS_MAIN(tst_ChannelThreads)

#include "tst_channelthreads.moc"
