// SPDX-License-Identifier: Apache-2.0
#include "../shared/errorchain.h"
#include "../shared/messagelog.h"
#include "../shared/outcome.h"
#include "../shared/plainservices.h"
#include "../shared/scriptedservice.h"
#include "../shared/servicesignals.h"

#include <MicroIO/CancelScope>
#include <MicroIO/CloseScope>
#include <MicroIO/Errors>
#include <MicroIO/LoopServiceThread>
#include <MicroIO/Service>
#include <MicroIO/ServiceThread>

#include <QtTest/QtTest>

#include <barrier>
#include <future>
#include <mutex>
#include <semaphore>
#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::chainFrom;
using Tests::chainThrownBy;
using Tests::LoopingService;
using Tests::makeScripted;
using Tests::ScriptedService;
using Tests::startScripted;
using Tests::workUntilStopped;
using Signals = Tests::ServiceSignals;
using State = ServiceThread::State;

namespace {

QString text(const char *latin1)
{
    return QString::fromLatin1(latin1);
}

} // namespace

/// All ways to stop a service, with and without an event loop.
class tst_ServiceStop : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void stopFromAnywhereCountsOnce();
    void stopFromItsOwnSlot();
    void stopFromInside_data();
    void stopFromInside();
    void theReasonReachesTheCoroutines();
    void closingItsCloseScopeStopsIt();
    void quitCountsAsStop_data();
    void quitCountsAsStop();
    void stopBeforeStart();
    void theThreadEndsAfterItsLastChild();
    void stopBeforeStartWithoutALoop();
    void whatCountsAsStop_data();
    void whatCountsAsStop();
    void stopEndsItsEventLoop_data();
    void stopEndsItsEventLoop();
    void aStopWhileItStartsWakesWhoWaits();

private:
    std::optional<Tests::MessageLog> m_log;
};

// TH-08
void tst_ServiceStop::stopFromAnywhereCountsOnce()
{
    for (int round = 0; round < 20; ++round) {
        const auto service = startScripted();
        constexpr int stoppers = 8;
        std::atomic<int> wins = 0;
        std::barrier begin(stoppers + 2);
        std::vector<std::thread> threads;
        for (int i = 0; i < stoppers; ++i) {
            threads.emplace_back([&] {
                begin.arrive_and_wait();
                wins += service->stop();
            });
        }
        // its own thread
        service->taskGroup().startSoon([&](CancelScope) -> QCoro::Task<> {
            begin.arrive_and_wait();
            wins += service->stop();
            co_return;
        });
        begin.arrive_and_wait();
        wins += service->stop();
        for (auto &thread : threads)
            thread.join();
        QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
        QCOMPARE(wins.load(), 1);
    }
}

// TH-08
void tst_ServiceStop::stopFromItsOwnSlot()
{
    const auto service = makeScripted();
    bool stopped = false;
    connect(service.get(), &ServiceThread::stateChanged, service.get(), [&](State state) {
        if (state == State::Running)
            stopped = service->stop();
    });
    const Signals heard(*service);
    service->start();
    QTRY_COMPARE(heard.states(), text("Starting Running Stopping Stopped"));
    QVERIFY(stopped);
}

namespace {
enum class Inside { Child, OwnCoroutine, CallSync, DestructorWhileUnwinding };

struct StopsInDestructor
{
    StopsInDestructor(ScriptedService &s, std::atomic<int> &w)
        : service(s)
        , wins(w)
    {
    }
    ~StopsInDestructor() { wins += service.stop(); }
    Q_DISABLE_COPY_MOVE(StopsInDestructor)
    ScriptedService &service;
    std::atomic<int> &wins;
};
} // namespace

// LT-11
void tst_ServiceStop::stopFromInside_data()
{
    QTest::addColumn<int>("place");
    QTest::newRow("a child of its group") << int(Inside::Child);
    QTest::newRow("its coroutine") << int(Inside::OwnCoroutine);
    QTest::newRow("a function called in it") << int(Inside::CallSync);
    QTest::newRow("a destructor during unwinding") << int(Inside::DestructorWhileUnwinding);
}

void tst_ServiceStop::stopFromInside()
{
    QFETCH(int, place);
    std::atomic<int> wins = 0;
    const auto service = startScripted(
        [&wins, place](ScriptedService &self, CancelScope scope) -> QCoro::Task<> {
            self.reportStarted();
            if (Inside(place) == Inside::OwnCoroutine) {
                co_await scope.checkpoint();
                wins += self.stop();
            }
            co_await scope.cancelled();
        });
    const Signals heard(*service);
    switch (Inside(place)) {
    case Inside::Child:
        service->taskGroup().startSoon([&](CancelScope scope) -> QCoro::Task<> {
            wins += service->stop();
            co_await scope.sleep(1h);
        });
        break;
    case Inside::CallSync:
        service->callSync([&] { wins += service->stop(); });
        break;
    case Inside::DestructorWhileUnwinding: {
        std::promise<void> begun;
        const auto handle = service->taskGroup().startSoon([&](CancelScope scope) -> QCoro::Task<> {
            const StopsInDestructor stops(*service, wins);
            begun.set_value();
            co_await scope.sleep(1h);
        });
        begun.get_future().wait();
        handle.cancel();
        QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
        break;
    }
    case Inside::OwnCoroutine:
        break;
    }
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(wins.load(), 1);
    QCOMPARE(service->state(), State::Stopped);
    QTRY_VERIFY(heard.states().endsWith(text("Stopping Stopped")));
}

// D20
void tst_ServiceStop::theReasonReachesTheCoroutines()
{
    std::mutex mutex;
    QStringList reasons;
    const auto sleeper = [&](CancelScope scope) -> QCoro::Task<> {
        try {
            co_await scope.sleep(1h);
        } catch (const Cancelled &e) {
            const std::lock_guard lock(mutex);
            reasons += e.reason();
        }
    };
    const auto service = startScripted([&](ScriptedService &self, CancelScope scope) -> QCoro::Task<> {
        self.taskGroup().startSoon(sleeper);
        self.reportStarted();
        auto own = sleeper(scope);
        co_await own;
    });
    service->stop(text("lunch"));
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    const std::lock_guard lock(mutex);
    QCOMPARE(reasons, (QStringList{text("lunch"), text("lunch")}));
}

void tst_ServiceStop::closingItsCloseScopeStopsIt()
{
    const auto service = startScripted();
    const Signals heard(*service);
    CloseScope life = service->closeScope();
    QVERIFY(life.close(text("end of input")));
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    QVERIFY(!service->stop());
    QCOMPARE(service->state(), State::Stopped);
    QCOMPARE(service->closeScope().reason(), text("end of input"));
    QTRY_VERIFY(heard.states().endsWith(text("Stopping Stopped")));
}

void tst_ServiceStop::quitCountsAsStop_data()
{
    QTest::addColumn<bool>("exits");
    QTest::addColumn<bool>("inside");
    QTest::newRow("quit") << false << false;
    QTest::newRow("exit") << true << false;
    QTest::newRow("quit, on its thread") << false << true;
    QTest::newRow("exit, on its thread") << true << true;
}

void tst_ServiceStop::quitCountsAsStop()
{
    QFETCH(bool, exits);
    QFETCH(bool, inside);
    std::atomic<bool> unwound = false;
    const auto service = startScripted([&unwound](ScriptedService &self, CancelScope scope) -> QCoro::Task<> {
        self.reportStarted();
        try {
            co_await scope.cancelled();
        } catch (const Cancelled &) {
        }
        co_await scope.shielded().sleep(5ms); // the loop turns on for those who clean up
        unwound = true;
    });
    const auto leave = [&] {
        if (exits)
            service->exit(3);
        else
            service->quit();
    };
    if (inside)
        service->callSync(leave);
    else
        leave();
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    QVERIFY(unwound);
    QCOMPARE(service->state(), State::Stopped);
    QVERIFY(service->closeScope().isClosed());
}

void tst_ServiceStop::stopBeforeStart()
{
    {
        const auto never = makeScripted();
        QVERIFY(never->stop());
        QVERIFY(!never->stop());
        QCOMPARE(never->state(), State::Idle);
        QVERIFY(never->joinOrLog(QDeadlineTimer(30s)));
    }
    std::atomic<bool> gotThrough = false;
    const auto service = makeScripted([&](ScriptedService &, CancelScope scope) -> QCoro::Task<> {
        co_await scope.checkpoint();
        gotThrough = true;
    });
    const Signals heard(*service);
    QVERIFY(service->stop(text("changed my mind")));
    service->start();
    QCOMPARE(chainThrownBy([&] { service->waitStarted(); }), text("ServiceError"));
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(service->state(), State::Stopped);
    QVERIFY(!gotThrough);
    QTRY_COMPARE(heard.states(), text("Starting Stopping Stopped"));
}

// D20, invariant 3
void tst_ServiceStop::theThreadEndsAfterItsLastChild()
{
    std::atomic<int> ended = 0;
    const auto service = startScripted();
    for (int i = 0; i < 10; ++i) {
        service->taskGroup().startSoon([&](CancelScope scope) -> QCoro::Task<> {
            try {
                co_await scope.sleep(1h);
            } catch (const Cancelled &) {
            }
            co_await scope.shielded().sleep(20ms);
            ++ended;
        });
    }
    service->callSync([] {}); // all have begun
    service->stop();
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(ended.load(), 10);
}

void tst_ServiceStop::stopBeforeStartWithoutALoop()
{
    std::atomic<bool> sawIt = false;
    ServiceThread service(text("early"), [&](ServiceThread &self) {
        sawIt = self.closeScope().isClosed() && self.isInterruptionRequested();
    });
    const Signals heard(service);
    QVERIFY(service.stop(text("changed my mind")));
    QCOMPARE(service.state(), State::Idle);
    service.start();
    QCOMPARE(chainThrownBy([&] { service.waitStarted(); }), text("ServiceError"));
    QVERIFY(service.joinOrLog(QDeadlineTimer(30s)));
    QVERIFY(sawIt);
    QTRY_COMPARE(heard.states(), text("Starting Stopping Stopped"));
}

namespace {
enum class Stop { Quit, Exit, RequestInterruption, CloseItsScope };
}

void tst_ServiceStop::whatCountsAsStop_data()
{
    QTest::addColumn<int>("how");
    QTest::newRow("quit") << int(Stop::Quit);
    QTest::newRow("exit") << int(Stop::Exit);
    QTest::newRow("requestInterruption") << int(Stop::RequestInterruption);
    QTest::newRow("closing its scope") << int(Stop::CloseItsScope);
}

void tst_ServiceStop::whatCountsAsStop()
{
    QFETCH(int, how);
    std::atomic<bool> isInterrupted = false;
    ServiceThread service(text("asked"), [&](ServiceThread &self) {
        workUntilStopped(self);
        // It is told behind the close scope.
        for (int i = 0; i < 10'000 && !self.isInterruptionRequested(); ++i)
            QThread::usleep(100); // real time: nothing tells but asking again
        isInterrupted = self.isInterruptionRequested();
    });
    const Signals heard(service);
    service.start();
    service.waitStarted();
    switch (Stop(how)) {
    case Stop::Quit:
        service.quit();
        break;
    case Stop::Exit:
        service.exit(3);
        break;
    case Stop::RequestInterruption:
        service.requestInterruption();
        break;
    case Stop::CloseItsScope:
        service.closeScope().close();
        break;
    }
    QVERIFY(!service.stop());
    QVERIFY(service.joinOrLog(QDeadlineTimer(30s)));
    QVERIFY(isInterrupted);
    QTRY_COMPARE(heard.states(), text("Starting Running Stopping Stopped"));
}

void tst_ServiceStop::stopEndsItsEventLoop_data()
{
    QTest::addColumn<int>("how"); // 0 stop, 1 quit, 2 exit, 3 QThread's quit
    QTest::addColumn<bool>("before");
    QTest::newRow("stop") << 0 << false;
    QTest::newRow("quit") << 1 << false;
    QTest::newRow("exit") << 2 << false;
    QTest::newRow("quit of QThread") << 3 << false;
    QTest::newRow("stop before the start") << 0 << true;
}

void tst_ServiceStop::stopEndsItsEventLoop()
{
    QFETCH(int, how);
    QFETCH(bool, before);
    const auto service = makeService<LoopingService>();
    if (before)
        service->stop();
    service->start();
    if (!before)
        service->waitStarted();
    if (how == 0)
        service->stop();
    else if (how == 1)
        service->quit();
    else if (how == 2)
        service->exit();
    else
        service->QThread::quit();
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(service->state(), State::Stopped);
    QCOMPARE(service->result(), 0);
}

// invariant 7
void tst_ServiceStop::aStopWhileItStartsWakesWhoWaits()
{
    std::binary_semaphore go(0);
    ServiceThread service(text("deaf"), [&](ServiceThread &self) {
        go.acquire(); // does not look at its scope
        self.reportStarted();
    });
    const Signals heard(service);
    service.start();
    std::vector<std::thread> threads;
    std::vector<QString> outcomes(3);
    for (QString &outcome : outcomes)
        threads.emplace_back([&] { outcome = chainThrownBy([&] { service.waitStarted(); }); });
    const auto wait = [&]() -> QCoro::Task<> {
        const CancelScope scope;
        co_await service.waitStarted(scope);
    };
    auto waiting = wait();
    service.stop(text("enough"));
    QCOMPARE(chainFrom(std::move(waiting)), text("ServiceError"));
    for (auto &thread : threads)
        thread.join();
    QCOMPARE(outcomes, std::vector<QString>(3, text("ServiceError")));
    go.release();
    QVERIFY(service.joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(service.state(), State::Stopped);
    QTRY_COMPARE(heard.states(), text("Starting Stopping Stopped"));
}

QTEST_GUILESS_MAIN(tst_ServiceStop)

#include "tst_servicestop.moc"
