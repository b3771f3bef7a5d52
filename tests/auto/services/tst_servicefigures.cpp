// SPDX-License-Identifier: Apache-2.0
#include "../shared/blocker.h"
#include "../shared/leapclock.h"
#include "../shared/messagelog.h"
#include "../shared/outcome.h"
#include "../shared/scriptedservice.h"

#include <MicroIO/Channel>
#include <MicroIO/LoopServiceThread>
#include <MicroIO/RequestRegistry>

#include <QtTest/QtTest>

#include <optional>
#include <semaphore>
#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::Blocker;
using Tests::makeScripted;
using Tests::ScriptedService;
using Tests::startScripted;

namespace {

QString text(const char *latin1)
{
    return QString::fromLatin1(latin1);
}

} // namespace

/// The numbers that a service tells about itself.
class tst_ServiceFigures : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void watchedChannelsAreSummed();
    void watchedRegistriesAreSummed();
    void whatHasGoneCountsNothing();
    void figuresAreReadWhileTheyChange();
    void theUptimeIsThatOfAReadyService();
    void aStuckLoopIsLate();
    void aServiceStuckBeforeItsFirstWaitIsLate();

private:
    std::optional<Tests::MessageLog> m_log;
};

void tst_ServiceFigures::watchedChannelsAreSummed()
{
    const auto service = makeScripted();
    QCOMPARE(service->queuedItems(), 0);
    auto first = createChannel<int>();
    auto second = createChannel<QString>();
    service->watch(text("first"), first.receive);
    service->watch(text("second"), second.receive);
    first.send.sendNow(1);
    first.send.sendNow(2);
    second.send.sendNow(QString());
    QCOMPARE(service->queuedItems(), 3);
    qsizetype seenElsewhere = 0;
    std::thread([&] { seenElsewhere = service->queuedItems(); }).join();
    QCOMPARE(seenElsewhere, 3);
    first.receive.drainNow();
    QCOMPARE(service->queuedItems(), 1);
    // the same name: another channel in its place
    auto third = createChannel<int>();
    third.send.sendNow(1);
    third.send.sendNow(2);
    service->watch(text("second"), third.receive);
    QCOMPARE(service->queuedItems(), 2);
    QCOMPARE(service->pendingRequests(), 0);
}

void tst_ServiceFigures::watchedRegistriesAreSummed()
{
    const auto service = makeScripted();
    RequestRegistry<int, int> numbers;
    RequestRegistry<QString, int> words;
    service->watch(text("requests"), numbers);
    service->watch(text("words"), words);
    {
        const auto one = numbers.expect(1);
        const auto two = numbers.expect(2);
        const auto word = words.expect(text("word"));
        QCOMPARE(service->pendingRequests(), 3);
        numbers.resolve(1, 7);
        QCOMPARE(service->pendingRequests(), 2);
    }
    QCOMPARE(service->pendingRequests(), 0);
    QCOMPARE(service->queuedItems(), 0);
}

void tst_ServiceFigures::whatHasGoneCountsNothing()
{
    const auto service = makeScripted();
    {
        auto channel = createChannel<int>();
        RequestRegistry<int, int> registry;
        service->watch(text("channel"), channel.receive);
        service->watch(text("registry"), registry);
        channel.send.sendNow(1);
        const auto pending = registry.expect(1);
        QCOMPARE(service->queuedItems() + service->pendingRequests(), 2);
    }
    QCOMPARE(service->queuedItems() + service->pendingRequests(), 0);
}

void tst_ServiceFigures::figuresAreReadWhileTheyChange()
{
    const auto service = startScripted();
    std::atomic<bool> stop = false;
    std::thread reader([&] {
        while (!stop) {
            const auto queued = service->queuedItems();
            if (queued < 0 || queued > 100 || service->loopLag() < 0ms || service->uptime() < 0ms)
                qFatal("a figure that never was");
        }
    });
    for (int round = 0; round < 100; ++round) {
        auto channel = createChannel<int>();
        service->watch(text("channel"), channel.receive);
        for (int i = 0; i < 100; ++i)
            channel.send.sendNow(i);
    }
    stop = true;
    reader.join();
    QCOMPARE(service->queuedItems(), 0);
}

void tst_ServiceFigures::theUptimeIsThatOfAReadyService()
{
    Tests::LeapClock clock;
    const auto service = makeScripted([](Tests::ScriptedService &self, CancelScope scope) -> QCoro::Task<> {
        co_await scope.sleep(10s);
        self.reportStarted();
        co_await scope.cancelled();
    });
    QCOMPARE(service->uptime(), 0ms);
    service->start();
    while (service->state() != ServiceThread::State::Running) {
        QCOMPARE(service->uptime(), 0ms);
        clock.advance(10s);
        Tests::turn();
    }
    const auto before = service->uptime();
    clock.advance(5s);
    QCOMPARE(service->uptime(), before + 5s);
    service->stop();
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    const auto atTheEnd = service->uptime();
    QVERIFY(atTheEnd >= before + 5s);
    clock.advance(1h);
    QCOMPARE(service->uptime(), atTheEnd);
}

// In real time: what is measured is that of the loop.
void tst_ServiceFigures::aStuckLoopIsLate()
{
    const auto service = makeScripted();
    QCOMPARE(service->loopLag(), 0ms);
    service->start();
    service->waitStarted();
    {
        const Blocker blocker(*service);
        QTRY_VERIFY_WITH_TIMEOUT(service->loopLag() > 200ms, 30'000); // seen from outside while it is stuck
    }
    QTRY_VERIFY_WITH_TIMEOUT(service->loopLag() < 100ms, 30'000); // measured again
    service->stop();
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(service->loopLag(), 0ms);
}

// In real time, as the one above.
void tst_ServiceFigures::aServiceStuckBeforeItsFirstWaitIsLate()
{
    std::binary_semaphore letGo(0);
    const auto service = makeScripted([&](ScriptedService &self, CancelScope scope) -> QCoro::Task<> {
        self.reportStarted();
        letGo.acquire();
        co_await scope.cancelled();
    });
    service->start();
    service->waitStarted();
    const bool isLate = QTest::qWaitFor([&] { return service->loopLag() > 200ms; }, 30'000);
    letGo.release();
    QVERIFY(isLate);
    QTRY_VERIFY_WITH_TIMEOUT(service->loopLag() < 100ms, 30'000); // measured again
    service->stop();
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
}

QTEST_GUILESS_MAIN(tst_ServiceFigures)

#include "tst_servicefigures.moc"
