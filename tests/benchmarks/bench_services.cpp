// SPDX-License-Identifier: Apache-2.0
// Services beside plain QThreads, in one run, as ratios: free on all cores, then pinned to one.

#include "measure.h"

#include <MicroIO/Channel>
#include <MicroIO/LoopServiceThread>
#include <MicroIO/Service>

#include <QCoreApplication>
#include <QSemaphore>
#include <QThread>

#include <functional>
#include <memory>
#include <semaphore>

#if defined(__linux__)
#include <sched.h>
#endif

using namespace MicroIO;

namespace {

constexpr int trips = 20'000;
constexpr int calls = 20'000;
constexpr int starts = 1'000;

/// False where it cannot be done.
bool pinToOneCore()
{
#if defined(__linux__)
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(0, &set);
    return sched_setaffinity(0, sizeof(set), &set) == 0;
#else
    return false;
#endif
}

/// Sends back what it gets.
class Player : public LoopServiceThread
{
public:
    explicit Player(std::binary_semaphore *done = nullptr)
        : LoopServiceThread(QStringLiteral("player"))
        , m_done(done)
    {
        auto channel = createChannel<int>();
        send = channel.send;
        m_receive = std::move(channel.receive);
    }

    SendChannel<int> send;
    SendChannel<int> partner;

private:
    QCoro::Task<> runAsync(CancelScope scope) override
    {
        m_receive.bind();
        reportStarted();
        while (auto ball = co_await m_receive.next(scope)) {
            if (*ball == 0 && m_done)
                m_done->release();
            else
                partner.sendNow(*ball - (m_done ? 1 : 0));
        }
    }

    ReceiveChannel<int> m_receive;
    std::binary_semaphore *const m_done;
};

double pingPong()
{
    std::binary_semaphore done(0);
    const auto ping = makeService<Player>(&done);
    const auto pong = makeService<Player>();
    ping->partner = pong->send;
    pong->partner = ping->send;
    ping->start();
    pong->start();
    ping->waitStarted();
    pong->waitStarted();
    const double start = Bench::wallSeconds();
    ping->send.sendNow(trips);
    done.acquire();
    const double seconds = Bench::wallSeconds() - start;
    ping->stop();
    pong->stop();
    ping->joinOrLog();
    pong->joinOrLog();
    return seconds * 1e9 / trips;
}

class PeerPlayer : public QObject
{
public:
    PeerPlayer *partner = nullptr;
    QSemaphore *done = nullptr;

    void hit(int ball)
    {
        if (ball == 0 && done) {
            done->release();
            return;
        }
        const int next = ball - (done ? 1 : 0);
        QMetaObject::invokeMethod(
            partner, [to = partner, next] { to->hit(next); }, Qt::QueuedConnection);
    }
};

double pingPongPeer()
{
    QSemaphore done;
    QThread threads[2];
    PeerPlayer ping;
    PeerPlayer pong;
    ping.partner = &pong;
    pong.partner = &ping;
    ping.done = &done;
    ping.moveToThread(&threads[0]);
    pong.moveToThread(&threads[1]);
    for (auto &thread : threads)
        thread.start();
    const double start = Bench::wallSeconds();
    QMetaObject::invokeMethod(
        &ping, [&ping] { ping.hit(trips); }, Qt::QueuedConnection);
    done.acquire();
    const double seconds = Bench::wallSeconds() - start;
    for (auto &thread : threads) {
        thread.quit();
        thread.wait();
    }
    return seconds * 1e9 / trips;
}

double callSync()
{
    LoopServiceThread service(QStringLiteral("called"));
    service.start();
    service.waitStarted();
    int sum = 0;
    const double start = Bench::wallSeconds();
    for (int i = 0; i < calls; ++i)
        sum += service.callSync([i] { return i; });
    const double seconds = Bench::wallSeconds() - start;
    service.stopAndJoin();
    return seconds * 1e9 / calls + (sum == -1);
}

double callSyncPeer()
{
    QThread thread;
    QObject object;
    object.moveToThread(&thread);
    thread.start();
    int sum = 0;
    const double start = Bench::wallSeconds();
    for (int i = 0; i < calls; ++i) {
        int value = 0;
        QMetaObject::invokeMethod(
            &object, [i] { return i; }, Qt::BlockingQueuedConnection, &value);
        sum += value;
    }
    const double seconds = Bench::wallSeconds() - start;
    thread.quit();
    thread.wait();
    return seconds * 1e9 / calls + (sum == -1);
}

/// Microseconds that \a round takes, many times over.
double perRound(const std::function<void()> &round)
{
    const double start = Bench::wallSeconds();
    for (int i = 0; i < starts; ++i)
        round();
    return (Bench::wallSeconds() - start) * 1e6 / starts;
}

void roundOf(ServiceThread &service)
{
    service.start();
    service.waitStarted();
    service.stop();
    service.joinOrLog();
}

double startAndStopLoop()
{
    return perRound([] {
        LoopServiceThread service(QStringLiteral("brief"));
        roundOf(service);
    });
}

double startAndStopTarget()
{
    return perRound([] {
        ServiceThread service(QStringLiteral("brief"), [](ServiceThread &self) {
            self.reportStarted();
            (void)self.closeScope().wait();
        });
        roundOf(service);
        service.stopAndJoin();
    });
}

/// Is ready when its loop turns, as a LoopServiceThread is.
class LoopPeer : public QThread
{
public:
    QSemaphore ready;

protected:
    void run() override
    {
        QObject context;
        QMetaObject::invokeMethod(
            &context, [this] { ready.release(); }, Qt::QueuedConnection);
        exec();
    }
};

/// Is ready before its loop begins, which quit() then mostly forestalls.
class EarlyPeer : public QThread
{
public:
    QSemaphore ready;

protected:
    void run() override
    {
        ready.release();
        exec();
    }
};

template<typename Peer>
double startAndStopPeer()
{
    return perRound([] {
        Peer thread;
        thread.start();
        thread.ready.acquire();
        thread.quit();
        thread.wait();
    });
}

void compareAll(const QString &where)
{
    Bench::compare(QStringLiteral("ping-pong, ") + where, QStringLiteral("ns"), 1, pingPong, pingPongPeer);
    Bench::compare(QStringLiteral("callSync, ") + where, QStringLiteral("ns"), 1, callSync, callSyncPeer);
    // Two pairs that do the same: a loop that turns, and a thread that only waits to be stopped. The third is not one, but
    // what the words "a bare QThread" may be taken for.
    Bench::compare(QStringLiteral("start, ready, stop, join of a loop, ") + where, QStringLiteral("us"),
                   1 / 1.3, startAndStopLoop, startAndStopPeer<LoopPeer>);
    Bench::compare(QStringLiteral("start, ready, stop, join of a target, ") + where, QStringLiteral("us"),
                   1 / 1.3, startAndStopTarget, startAndStopPeer<EarlyPeer>);
    Bench::compare(QStringLiteral("a loop beside a thread without one, ") + where, QStringLiteral("us"),
                   1 / 1.3, startAndStopLoop, startAndStopPeer<EarlyPeer>);
}

} // namespace

int main(int argc, char **argv)
{
    const QCoreApplication app(argc, argv);
    compareAll(QStringLiteral("free"));
    if (pinToOneCore())
        compareAll(QStringLiteral("one core"));
    return 0;
}
