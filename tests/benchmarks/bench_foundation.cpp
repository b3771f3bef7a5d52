// SPDX-License-Identifier: Apache-2.0
// Tasks, cancellation, sleeps and memory beside plain Qt and QCoro, in one run, as ratios.

#include "measure.h"
#include "peers.h"

#include <MicroIO/TaskGroup>

#include <QCoreApplication>

#include <memory>

using namespace MicroIO;
using namespace std::chrono_literals;

namespace {

constexpr int count = 100'000;

/// Runs a coroutine in an event loop until it has ended.
template<typename T>
void runToEnd(QCoro::Task<T> task)
{
    QEventLoop loop;
    auto watch = [&]() -> QCoro::Task<> {
        co_await task;
        loop.quit();
    };
    const auto watched = watch();
    if (!watched.isReady())
        loop.exec();
}

double spawnAndJoin()
{
    const double start = Bench::wallSeconds();
    auto body = [](TaskGroup &group) -> QCoro::Task<> {
        for (int i = 0; i < count; ++i)
            group.startSoon([](CancelScope scope) -> QCoro::Task<> { co_await scope.checkpoint(); });
        co_return;
    };
    runToEnd(withTaskGroup(CancelScope(), body));
    return (Bench::wallSeconds() - start) * 1e9 / count;
}

double spawnAndJoinPeer()
{
    const double start = Bench::wallSeconds();
    QObject context;
    runToEnd(Peers::spawnAndJoin(&context, count));
    return (Bench::wallSeconds() - start) * 1e9 / count;
}

QCoro::Task<> sleepFor(CancelScope scope, std::chrono::milliseconds duration)
{
    co_await scope.sleep(duration);
}

double cancelSleepers()
{
    double start = 0;
    auto body = [&](TaskGroup &group) -> QCoro::Task<> {
        for (int i = 0; i < count; ++i)
            group.startSoon(sleepFor, 1h);
        // The children have begun when this one, which is behind them in the queue, runs.
        auto last = group.startSoon([](CancelScope scope) -> QCoro::Task<> { co_await scope.checkpoint(); });
        co_await last.result(CancelScope());
        start = Bench::wallSeconds();
        group.cancel();
    };
    runToEnd(withTaskGroup(CancelScope(), body));
    return (Bench::wallSeconds() - start) * 1e9 / count;
}

double cancelFuturesPeer()
{
    Peers::Countdown countdown;
    countdown.left = count;
    std::vector<QPromise<void>> promises(count);
    for (auto &promise : promises) {
        promise.start();
        Peers::awaitFuture(promise.future(), countdown);
    }
    const double start = Bench::wallSeconds();
    for (auto &promise : promises) {
        promise.future().cancel();
        promise.finish();
    }
    countdown.loop.exec();
    return (Bench::wallSeconds() - start) * 1e9 / count;
}

QCoro::Task<> sleepAndCount(CancelScope scope, std::chrono::milliseconds duration,
                            Peers::Countdown &countdown)
{
    co_await scope.sleep(duration);
    countdown.oneEnded();
}

double sleepsOverHalfASecond()
{
    const double start = Bench::cpuSeconds();
    const CancelScope scope;
    Peers::Countdown countdown;
    countdown.left = count;
    for (int i = 0; i < count; ++i)
        sleepAndCount(scope, std::chrono::milliseconds(1 + i % 500), countdown);
    countdown.loop.exec();
    return (Bench::cpuSeconds() - start) * 1e9 / count;
}

double sleepsOverHalfASecondPeer(int sleeps)
{
    const double start = Bench::cpuSeconds();
    Peers::Countdown countdown;
    countdown.left = sleeps;
    for (int i = 0; i < sleeps; ++i)
        Peers::sleep(std::chrono::milliseconds(1 + i % 500), countdown);
    countdown.loop.exec();
    return (Bench::cpuSeconds() - start) * 1e9 / sleeps;
}

double memoryOfASleeper()
{
    const CancelScope scope;
    Peers::Countdown countdown;
    countdown.left = count;
    const double before = Bench::heapBytes();
    for (int i = 0; i < count; ++i)
        sleepAndCount(scope, 500ms, countdown);
    const double bytes = (Bench::heapBytes() - before) / count;
    countdown.loop.exec();
    return bytes;
}

double memoryOfASleepingChild()
{
    double bytes = 0;
    auto body = [&](TaskGroup &group) -> QCoro::Task<> {
        const double before = Bench::heapBytes();
        for (int i = 0; i < count; ++i)
            group.startSoon(sleepFor, 1h);
        auto last = group.startSoon([](CancelScope scope) -> QCoro::Task<> { co_await scope.checkpoint(); });
        co_await last.result(CancelScope());
        bytes = (Bench::heapBytes() - before) / count;
        group.cancel();
    };
    runToEnd(withTaskGroup(CancelScope(), body));
    return bytes;
}

double memoryOfASleeperPeer()
{
    constexpr int sleepers = 10'000;
    Peers::Countdown countdown;
    countdown.left = sleepers;
    const double before = Bench::heapBytes();
    for (int i = 0; i < sleepers; ++i)
        Peers::sleep(500ms, countdown);
    const double bytes = (Bench::heapBytes() - before) / sleepers;
    countdown.loop.exec();
    return bytes;
}

} // namespace

int main(int argc, char **argv)
{
    const QCoreApplication app(argc, argv);
    const bool quick = app.arguments().contains(QStringLiteral("--quick"));

    Bench::compare(QStringLiteral("spawn and join, one suspension"), QStringLiteral("ns"), 2.5, spawnAndJoin,
                   spawnAndJoinPeer);
    Bench::compare(QStringLiteral("cancel 100,000 sleepers until joined"), QStringLiteral("ns"), 2.5,
                   cancelSleepers, cancelFuturesPeer);
    Bench::compare(QStringLiteral("memory of a sleeping task"), QStringLiteral("bytes"), 1040.0 / 320,
                   memoryOfASleeper, memoryOfASleeperPeer);
    Bench::compare(QStringLiteral("the same, a child of a task group"), QStringLiteral("bytes"), 1,
                   memoryOfASleepingChild, memoryOfASleeperPeer);
    // The peer's cost grows with the square of the number: the quick form takes a tenth of it, to its favour.
    Bench::compare(
        quick ? QStringLiteral("sleeps over 500 ms, CPU (peer: 10,000)")
              : QStringLiteral("100,000 sleeps over 500 ms, CPU"),
        QStringLiteral("ns"), 150, sleepsOverHalfASecond,
        [&] { return sleepsOverHalfASecondPeer(quick ? count / 10 : count); }, quick ? 3 : 5);
    return 0;
}
