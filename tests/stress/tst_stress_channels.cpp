// SPDX-License-Identifier: Apache-2.0
#include "../auto/shared/await.h"
#include "../auto/shared/looper.h"
#include "../auto/shared/messagelog.h"
#include "../auto/shared/outcome.h"
#include "../scale/usage.h"

#include <MicroIO/CancelScope>
#include <MicroIO/Channel>

#include <QtTest/QtTest>

#include <random>
#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::await;
using Tests::Looper;

namespace {

bool isLong()
{
    static const bool is = qEnvironmentVariable("MICROIO_STRESS") == QStringLiteral("long");
    return is;
}

/// Until when a test goes on that began now.
std::chrono::steady_clock::time_point timeUp()
{
    return std::chrono::steady_clock::now() + (isLong() ? 31'000ms : 500ms);
}
bool isTimeUp(std::chrono::steady_clock::time_point end)
{
    return std::chrono::steady_clock::now() >= end;
}

/// MICROIO_SEED repeats a run, as far as threads can be repeated.
unsigned newSeed()
{
    bool isSet = false;
    const unsigned given = qEnvironmentVariable("MICROIO_SEED").toUInt(&isSet);
    const unsigned seed = isSet ? given : std::random_device()();
    qInfo("seed %u", seed);
    return seed;
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

/// A scope that is replaced by its user when it was cancelled, and cancelled by another thread.
class Replaceable
{
public:
    CancelScope current() const
    {
        const std::lock_guard lock(m_mutex);
        return m_scope;
    }
    CancelScope replace()
    {
        const std::lock_guard lock(m_mutex);
        m_scope = CancelScope();
        return m_scope;
    }

private:
    mutable std::mutex m_mutex;
    CancelScope m_scope; // guarded by m_mutex
};

/// Waits that long without sleeping, which would take at least 50 µs.
void spin(std::chrono::microseconds time)
{
    const auto end = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < end)
        std::this_thread::yield();
}

/// Cancels until \a stop is set, every 0 to 200 µs.
void cancelAgainAndAgain(const std::vector<Replaceable> &scopes, unsigned seed, const std::atomic<bool> &stop)
{
    std::mt19937 random(seed);
    while (!stop) {
        spin(std::chrono::microseconds(random() % 201));
        scopes[random() % scopes.size()].current().cancel();
    }
}

} // namespace

/// Races of channels, looked for on purpose and checked by accounting: nothing is lost, nothing is there twice.
class tst_StressChannels : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void cancelledReceivesLoseNothing_data();
    void cancelledReceivesLoseNothing();
    void sendersRaceWithTheEnd();
    void cancelledSendsAreInTheChannelExactlyIfTheyDidNotThrow();
    void aSlowConsumerKeepsMemoryFlat();
    void invariant6_aFloodLeavesTimersTheirRate();

private:
    std::optional<Tests::MessageLog> m_log;
};

void tst_StressChannels::cancelledReceivesLoseNothing_data()
{
    QTest::addColumn<int>("how");
    QTest::newRow("receive") << 0;
    QTest::newRow("next") << 1;
    QTest::newRow("nextBatch") << 2;
}

// Issue 4 (a): sent = received + queued, and each sender's order kept.
void tst_StressChannels::cancelledReceivesLoseNothing()
{
    QFETCH(int, how);
    constexpr int senders = 4;
    std::mt19937 random(newSeed());
    auto channel = createChannel<Numbered>();
    std::vector<Replaceable> scopes(1);
    std::atomic<bool> stop = false;
    std::atomic<bool> stopReceiver = false;
    std::vector<int> expected(senders, 0);
    std::atomic<int> wrong = 0;
    std::atomic<quint64> received = 0;
    std::atomic<quint64> cancelled = 0;
    std::atomic<bool> ended = false;
    const auto look = [&](const Numbered &item) {
        wrong += item.number != expected[size_t(item.sender)]++;
        ++received;
    };
    const auto receiver = [&]() -> QCoro::Task<> {
        CancelScope scope = scopes.front().replace();
        while (!stopReceiver) {
            try {
                if (how == 0) {
                    const Numbered item = co_await channel.receive.receive(scope);
                    look(item);
                } else if (how == 1) {
                    const auto item = co_await channel.receive.next(scope);
                    look(*item);
                } else {
                    const auto items = co_await channel.receive.nextBatch(scope);
                    for (const Numbered &item : items)
                        look(item);
                }
            } catch (const Cancelled &) {
                ++cancelled;
            }
            if (scope.isCancelled())
                scope = scopes.front().replace();
        }
        ended = true;
    };
    Looper thread;
    thread.call([&] { receiver(); });

    std::vector<std::thread> threads;
    std::atomic<quint64> sent = 0;
    for (int sender = 0; sender < senders; ++sender) {
        threads.emplace_back([&, sender, seed = unsigned(random())] {
            std::mt19937 own(seed);
            for (int i = 0; !stop; ++i) {
                channel.send.sendNow(Numbered(sender, i));
                ++sent;
                if (own() % 50 == 0)
                    spin(std::chrono::microseconds(own() % 100));
                while (channel.send.stats().queued > 10'000 && !stop)
                    std::this_thread::yield();
            }
        });
    }
    threads.emplace_back([&, seed = unsigned(random())] { cancelAgainAndAgain(scopes, seed, stop); });
    for (const auto end = timeUp(); !isTimeUp(end);)
        std::this_thread::sleep_for(10ms); // the time of the test
    stop = true;
    for (auto &each : threads)
        each.join();
    stopReceiver = true;
    scopes.front().current().cancel();
    QTRY_VERIFY(ended);
    thread.call([] {});

    const auto stats = channel.send.stats();
    QCOMPARE(stats.sent, sent.load());
    QCOMPARE(stats.received, received.load());
    QCOMPARE(quint64(stats.queued), sent - received);
    for (const Numbered &item : channel.receive.drainNow())
        look(item);
    QCOMPARE(received.load(), sent.load());
    QCOMPARE(wrong.load(), 0);
    QVERIFY(cancelled > 0);
    qInfo("%llu sent, %llu receives cancelled", sent.load(), cancelled.load());
}

// Issue 4 (b): accepted = received + drained, and every rejected one said so.
void tst_StressChannels::sendersRaceWithTheEnd()
{
    constexpr int senders = 3;
    std::mt19937 random(newSeed());
    Looper thread;
    quint64 total = 0;
    int rounds = 0;
    for (const auto end = timeUp(); !isTimeUp(end); ++rounds) {
        const bool drops = random() % 2;
        auto channel = createChannel<Numbered>({.lateSend = drops ? LateSend::Drop : LateSend::Throw});
        std::vector<int> expected(senders, 0);
        std::atomic<int> wrong = 0;
        quint64 received = 0;
        std::atomic<bool> ended = false;
        const auto receiver = [&]() -> QCoro::Task<> {
            CancelScope scope;
            try {
                while (const auto item = co_await channel.receive.next(scope)) {
                    wrong += item->number != expected[size_t(item->sender)]++;
                    ++received;
                }
            } catch (const std::runtime_error &) {
            }
            ended = true;
        };
        thread.call([&] { receiver(); });

        std::vector<std::thread> threads;
        std::atomic<quint64> accepted = 0;
        std::atomic<quint64> rejected = 0;
        std::atomic<quint64> gained = 0; // accepted after a rejection
        for (int sender = 0; sender < senders; ++sender) {
            threads.emplace_back([&, sender, send = channel.send] {
                int lateSends = 0;
                for (int i = 0; lateSends < 3; ++i) {
                    bool isAccepted = false;
                    try {
                        isAccepted = send.sendNow(Numbered(sender, i)).has_value();
                    } catch (const ClosedResourceError &) {
                    } catch (const BrokenResourceError &) {
                    }
                    (isAccepted ? accepted : rejected)++;
                    gained += isAccepted && lateSends > 0;
                    lateSends += !isAccepted;
                }
            });
        }
        std::atomic<int> winners = 0;
        for (int closer = 0; closer < 2; ++closer) {
            threads.emplace_back([&, delay = random() % 300, kind = random() % 4] {
                spin(std::chrono::microseconds(delay));
                const auto error = std::make_exception_ptr(Tests::failure("X"));
                if (kind == 0)
                    winners += channel.send.close();
                else if (kind == 1)
                    winners += channel.send.fail(error);
                else if (kind == 2)
                    winners += channel.receive.close();
                else
                    winners += channel.receive.fail(error);
            });
        }
        for (auto &each : threads)
            each.join();
        QTRY_VERIFY(ended);
        thread.call([] {});
        const quint64 byReceiving = received;
        for (const Numbered &item : channel.receive.drainNow()) {
            wrong += item.number != expected[size_t(item.sender)]++;
            ++received;
        }
        QCOMPARE(winners.load(), 1);
        QCOMPARE(received, accepted.load());
        QCOMPARE(wrong.load(), 0);
        QCOMPARE(gained.load(), 0u);
        QCOMPARE(rejected.load(), quint64(3 * senders));
        QCOMPARE(channel.send.stats().dropped, rejected.load());
        QVERIFY(byReceiving <= accepted);
        total += accepted;
    }
    qInfo("%d rounds, %llu accepted", rounds, total);
}

namespace {

/// A coroutine that sends numbers on a scope that others cancel, and which of them were accepted.
struct Sender
{
    std::vector<int> accepted;
    int cancelled = 0;
    std::atomic<bool> ended = false;

    QCoro::Task<> run(SendChannel<Numbered> send, int index, Replaceable &scopes,
                      const std::atomic<bool> &stop)
    {
        CancelScope scope = scopes.replace();
        for (int i = 0; !stop; ++i) {
            bool isIn = false;
            try {
                co_await send.send(scope, Numbered(index, i));
                isIn = true;
            } catch (const Cancelled &) {
            }
            if (isIn)
                accepted.push_back(i);
            else
                ++cancelled;
            if (scope.isCancelled())
                scope = scopes.replace();
        }
        ended = true;
    }
};

} // namespace

// Issue 4 (d): an item is in the channel exactly if its send did not throw.
void tst_StressChannels::cancelledSendsAreInTheChannelExactlyIfTheyDidNotThrow()
{
    constexpr int senders = 4;
    std::mt19937 random(newSeed());
    Looper loops[2];
    Looper receiverLoop;
    size_t total = 0;
    int cancelled = 0;
    for (const auto end = timeUp(); !isTimeUp(end);) {
        auto channel = createChannel<Numbered>({.capacity = qsizetype(random() % 4)});
        std::vector<Replaceable> scopes(senders);
        std::vector<Sender> sending(senders);
        std::atomic<bool> stop = false;
        std::atomic<bool> stopCancelling = false;
        std::vector<std::vector<int>> received(senders);
        std::atomic<bool> ended = false;
        const auto receiver = [&]() -> QCoro::Task<> {
            CancelScope scope;
            while (const auto item = co_await channel.receive.next(scope))
                received[size_t(item->sender)].push_back(item->number);
            ended = true;
        };
        receiverLoop.call([&] { receiver(); });
        for (int i = 0; i < senders; ++i) {
            loops[i % 2].call([&] { sending[size_t(i)].run(channel.send, i, scopes[size_t(i)], stop); });
        }
        channel.send = {}; // the last sender ends the stream
        std::thread canceller(
            [&, seed = unsigned(random())] { cancelAgainAndAgain(scopes, seed, stopCancelling); });
        std::this_thread::sleep_for(20ms); // the time of a round
        stop = true;
        for (const Sender &sender : sending)
            QTRY_VERIFY(sender.ended);
        stopCancelling = true;
        canceller.join();
        QTRY_VERIFY(ended);
        for (Looper *loop : {&loops[0], &loops[1], &receiverLoop})
            loop->call([] {});
        for (size_t i = 0; i < senders; ++i) {
            QCOMPARE(received[i], sending[i].accepted);
            total += sending[i].accepted.size();
            cancelled += sending[i].cancelled;
        }
    }
    QVERIFY(cancelled > 0);
    qInfo("%zu sent, %d cancelled", total, cancelled);
}

void tst_StressChannels::aSlowConsumerKeepsMemoryFlat()
{
    const int count = isLong() ? 10'000'000 : Tests::isSanitized ? 20'000 : 200'000;
    auto channel = createChannel<Numbered>({.capacity = 1'000});
    Looper loop;
    loop.call([&, send = std::exchange(channel.send, {})] {
        const auto body = [](SendChannel<Numbered> to, int items) -> QCoro::Task<> {
            CancelScope scope;
            for (int i = 0; i < items; ++i)
                co_await to.send(scope, Numbered(0, i));
        };
        body(send, count);
    });
    int received = 0;
    qint64 early = 0;
    qint64 most = 0;
    qsizetype longest = 0;
    const auto body = [&]() -> QCoro::Task<> {
        CancelScope scope;
        while (const auto item = co_await channel.receive.next(scope)) {
            const auto end = std::chrono::steady_clock::now() + 1us;
            while (std::chrono::steady_clock::now() < end) {}
            if (++received % 1'000 == 0) {
                most = qMax(most, Tests::allocatedBytes());
                longest = qMax(longest, channel.receive.stats().queued);
            }
            if (received == count / 10)
                early = most;
        }
    };
    await(body(), 10min);
    QCOMPARE(received, count);
    QVERIFY2(longest <= 1'000, qPrintable(QString::number(longest)));
    const auto text = QStringLiteral("%1 bytes after a tenth, %2 in the end").arg(early).arg(most);
    QVERIFY2(most - early < 200'000, qPrintable(text));
    qInfo("%s", qPrintable(text));
}

void tst_StressChannels::invariant6_aFloodLeavesTimersTheirRate()
{
    const int count = isLong() ? 2'000'000 : Tests::isSanitized ? 100'000 : 1'000'000;
    double rate = 0;
    // A machine that is busy with something else slows the timer too; a loop that starves has no tick in any attempt.
    for (int attempt = 0; attempt < 5 && rate < 50; ++attempt) {
        auto channel = createChannel<Numbered>();
        std::thread producer([count, send = std::exchange(channel.send, {})] {
            for (int i = 0; i < count; ++i)
                send.sendNow(Numbered(0, i));
        });
        int ticks = 0;
        QTimer timer;
        timer.setTimerType(Qt::PreciseTimer);
        connect(&timer, &QTimer::timeout, &timer, [&] { ++ticks; });
        timer.start(10ms);
        int received = 0;
        const auto body = [&]() -> QCoro::Task<> {
            CancelScope scope;
            while (const auto item = co_await channel.receive.next(scope)) {
                ++received;
                // so that the flood lasts for some ticks on a fast machine, too
                const auto end = std::chrono::steady_clock::now() + 100ns;
                while (std::chrono::steady_clock::now() < end) {}
            }
        };
        QElapsedTimer elapsed;
        elapsed.start();
        await(body(), 5min);
        rate = ticks * 1e9 / double(elapsed.nsecsElapsed());
        producer.join();
        QCOMPARE(received, count);
    }
    qInfo("%.1f of 100 ticks a second", rate);
    QVERIFY(rate >= 50);
}

QTEST_GUILESS_MAIN(tst_StressChannels)
#include "tst_stress_channels.moc"
