// SPDX-License-Identifier: Apache-2.0
// Channels beside queued calls of plain Qt, in one run, as ratios: from producer threads to a LoopServiceThread.

#include "../auto/shared/allocations.h"
#include "measure.h"

#include <MicroIO/Channel>
#include <MicroIO/LoopServiceThread>
#include <MicroIO/Service>

#include <QCoreApplication>
#include <QMetaObject>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

using namespace MicroIO;

namespace {

int itemCount = 2'000'000;

struct Item // 64 bytes
{
    Item() = default;
    explicit Item(quint64 n)
        : number(n)
    {
    }
    quint64 number = 0;
    quint64 rest[7] = {};
};
static_assert(sizeof(Item) == 64);

/// Tells the main thread that all has been received.
class Done
{
public:
    void set()
    {
        const std::lock_guard lock(m_mutex);
        m_isSet = true;
        m_changed.notify_all();
    }
    void wait()
    {
        std::unique_lock lock(m_mutex);
        m_changed.wait(lock, [this] { return m_isSet; });
        m_isSet = false;
    }

private:
    std::mutex m_mutex;
    std::condition_variable m_changed;
    bool m_isSet = false;
};

/// Runs \a produce(first, count) in \a producers threads and waits for \a done: nanoseconds an item.
double timed(int producers, const std::function<void(int, int)> &produce, Done &done)
{
    const double start = Bench::wallSeconds();
    std::vector<std::thread> threads;
    const int each = itemCount / producers;
    for (int i = 0; i < producers; ++i)
        threads.emplace_back(produce, i * each, each);
    for (auto &thread : threads)
        thread.join();
    done.wait();
    return (Bench::wallSeconds() - start) * 1e9 / itemCount;
}

enum class How { Receive, Next, NextBatch };

QCoro::Task<> consume(ReceiveChannel<Item> receive, How how, CancelScope scope, Done &done)
{
    quint64 sum = 0;
    if (how == How::NextBatch) {
        for (int left = itemCount; left > 0;) {
            const auto items = co_await receive.nextBatch(scope);
            for (const Item &item : items)
                sum += item.number;
            left -= int(items.size());
        }
    } else if (how == How::Next) {
        for (int left = itemCount; left > 0; --left) {
            const auto item = co_await receive.next(scope);
            sum += item->number;
        }
    } else {
        for (int left = itemCount; left > 0; --left) {
            const Item item = co_await receive.receive(scope);
            sum += item.number;
        }
    }
    const auto expected = quint64(itemCount) * quint64(itemCount - 1) / 2;
    if (sum != expected)
        qFatal("the sum is wrong");
    done.set();
}

class Bed
{
public:
    Bed()
    {
        m_service->start();
        m_service->waitStarted();
        m_service->callSync([this] { m_context = std::make_unique<QObject>(); });
    }
    ~Bed()
    {
        m_service->callSync([this] { m_context.reset(); });
    }

    double channel(int producers, How how)
    {
        auto channel = createChannel<Item>();
        m_service->taskGroup().startSoon(
            [&, receive = std::move(channel.receive)](CancelScope scope) mutable {
                return consume(std::move(receive), how, scope, m_done);
            });
        const auto produce = [&](int first, int count) {
            const SendChannel<Item> send = channel.send;
            for (int i = first; i < first + count; ++i)
                send.sendNow(Item(quint64(i)));
        };
        return timed(producers, produce, m_done);
    }

    double queuedCalls(int producers)
    {
        quint64 sum = 0;
        int left = itemCount;
        const auto produce = [&](int first, int count) {
            for (int i = first; i < first + count; ++i) {
                const Item item{quint64(i)};
                QMetaObject::invokeMethod(
                    m_context.get(),
                    [&sum, &left, item, this] {
                        sum += item.number;
                        if (--left == 0)
                            m_done.set();
                    },
                    Qt::QueuedConnection);
            }
        };
        return timed(producers, produce, m_done);
    }

private:
    std::unique_ptr<LoopServiceThread> m_service = makeService<LoopServiceThread>(QStringLiteral("receiver"));
    std::unique_ptr<QObject> m_context; // lives in the service's thread
    Done m_done;
};

double allocationsOf(const std::function<double()> &run)
{
    const auto before = Tests::allocationCount.load();
    run();
    return double(Tests::allocationCount.load() - before) / itemCount;
}

} // namespace

int main(int argc, char **argv)
{
    const QCoreApplication app(argc, argv);
    if (app.arguments().contains(QStringLiteral("--quick")))
        itemCount = 200'000;
    Bed bed;

    const struct
    {
        const char *name;
        int producers;
        How how;
        double aim;
    } rows[] = {{"1 producer, receive", 1, How::Receive, 10},
                {"1 producer, next", 1, How::Next, 10},
                {"1 producer, nextBatch", 1, How::NextBatch, 18},
                {"4 producers, receive", 4, How::Receive, 6},
                {"4 producers, nextBatch", 4, How::NextBatch, 6}};
    for (const auto &row : rows) {
        if (app.arguments().contains(QStringLiteral("--ours"))) { // for a profiler
            for (int i = 0; i < 10; ++i) {
                const double cpu = Bench::cpuSeconds();
                const double wall = bed.channel(row.producers, row.how);
                QTextStream(stdout) << QStringLiteral("%1: %2 ns an item, CPU %3\n")
                                           .arg(QString::fromLatin1(row.name))
                                           .arg(wall, 0, 'f', 1)
                                           .arg((Bench::cpuSeconds() - cpu) * 1e9 / itemCount, 0, 'f', 1);
            }
            continue;
        }
        Bench::compare(
            QString::fromLatin1(row.name), QStringLiteral("ns an item"), row.aim,
            [&] { return bed.channel(row.producers, row.how); },
            [&] { return bed.queuedCalls(row.producers); });
        QTextStream(stdout) << QStringLiteral("  allocations an item: ours %1, peer %2\n")
                                   .arg(allocationsOf([&] { return bed.channel(row.producers, row.how); }), 0,
                                        'f', 3)
                                   .arg(allocationsOf([&] { return bed.queuedCalls(row.producers); }), 0, 'f',
                                        3);
    }
    return 0;
}
