// SPDX-License-Identifier: Apache-2.0
// What a jump of the virtual clock costs: a day of heartbeats, once a second, in the test's own thread and in four services.
#include <MicroIO/LoopServiceThread>
#include <MicroIO/Service>
#include <MicroIO/Test>

#include <QCoroTask>
#include <QtTest/QtTest>

#include <atomic>
#include <chrono>
#include <vector>

using namespace MicroIO;
using namespace std::chrono_literals;

namespace {

constexpr int secondsOfADay = 24 * 60 * 60;

QCoro::Task<> beat(CancelScope scope, std::atomic<int> *beats)
{
    for (int i = 0; i < secondsOfADay; ++i) {
        co_await scope.sleep(1s);
        ++*beats;
    }
}

class Heart : public LoopServiceThread
{
public:
    explicit Heart(int number)
        : LoopServiceThread(QStringLiteral("heart %1").arg(number))
    {
    }

    std::atomic<int> beats = 0;

private:
    QCoro::Task<> runAsync(CancelScope scope) override
    {
        reportStarted();
        co_await beat(scope, &beats);
    }
};

void report(const char *what, std::chrono::steady_clock::time_point begin, qint64 jumps)
{
    const auto wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    qInfo("%s: %.2f s, %lld jumps, %.1f us each", what, wall, static_cast<long long>(jumps),
          wall * 1e6 / double(jumps));
}

} // namespace

class BenchTestClock : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void aDayOfHeartbeatsHere();
    void aDayOfHeartbeatsInFourServices();
};

void BenchTestClock::aDayOfHeartbeatsHere()
{
    const TestClock clock;
    const CancelScope scope;
    std::atomic<int> beats = 0;
    const auto begin = std::chrono::steady_clock::now();
    MICROIO_AWAIT(beat(scope, &beats));
    report("one coroutine", begin, clock.jumps());
    QCOMPARE(beats.load(), secondsOfADay);
}

void BenchTestClock::aDayOfHeartbeatsInFourServices()
{
    const TestClock clock;
    std::vector<std::unique_ptr<Heart>> hearts;
    for (int i = 0; i < 4; ++i)
        hearts.push_back(makeService<Heart>(i));
    const auto begin = std::chrono::steady_clock::now();
    for (const auto &heart : hearts)
        heart->start();
    for (const auto &heart : hearts)
        QVERIFY(waitForState(*heart, ServiceThread::State::Stopped, 10min));
    report("four services", begin, clock.jumps());
    for (const auto &heart : hearts)
        QCOMPARE(heart->beats.load(), secondsOfADay);
}

QTEST_GUILESS_MAIN(BenchTestClock)
#include "bench_testclock.moc"
