// SPDX-License-Identifier: Apache-2.0
#include "../shared/blocker.h"
#include "../shared/errorchain.h"
#include "../shared/messagelog.h"
#include "../shared/outcome.h"
#include "../shared/scriptedservice.h"
#include "../shared/servicesignals.h"

#include <MicroIO/CancelScope>
#include <MicroIO/Errors>
#include <MicroIO/LoopServiceThread>

#include <QTimer>
#include <QtTest/QtTest>

#include <functional>
#include <future>
#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::Blocker;
using Tests::chainThrownBy;
using Tests::failure;
using Tests::makeScripted;
using Tests::Probe;
using Tests::ScriptedService;
using Tests::startScripted;
using Signals = Tests::ServiceSignals;

namespace {

QString text(const char *latin1)
{
    return QString::fromLatin1(latin1);
}

} // namespace

/// LoopServiceThread::callSoon() and context().
class tst_CallSoon : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void runsOnTheServicesThreadFromItsLoop();
    void keepsTheOrderOfEachThread();
    void aBurstDoesNotStarveTheLoop();
    void aFailingCallbackIsToldAndTheLoopGoesOn_data();
    void aFailingCallbackIsToldAndTheLoopGoesOn();
    void callbacksInTheLastMomentsRunOrAreDestroyed();
    void isRefusedWhileTheServiceDoesNotRun();
    void anEmptyFunctionIsRefused();
    void takesWhatCanOnlyBeMoved();
    void mayStopTheService();

    void theContextLivesAndDiesInTheServicesThread();

private:
    std::optional<Tests::MessageLog> m_log;
};

void tst_CallSoon::runsOnTheServicesThreadFromItsLoop()
{
    const auto service = startScripted();
    std::promise<QThread *> ran;
    service->callSoon([&] { ran.set_value(QThread::currentThread()); });
    QCOMPARE(ran.get_future().get(), static_cast<QThread *>(service.get()));

    // also when it is called there: not at once
    std::promise<QString> order;
    service->callSync([&] {
        auto log = std::make_shared<QString>();
        service->callSoon([log, &order] {
            *log += QLatin1Char('b');
            order.set_value(*log);
        });
        *log += QLatin1Char('a');
    });
    QCOMPARE(order.get_future().get(), text("ab"));
}

// LT-06
void tst_CallSoon::keepsTheOrderOfEachThread()
{
    constexpr int callers = 4, calls = 10'000;
    const auto service = startScripted();
    std::vector<int> last(callers, -1); // of the service's thread
    int disorders = 0;
    int ran = 0;
    std::vector<std::thread> threads;
    for (int caller = 0; caller < callers; ++caller) {
        threads.emplace_back([&, caller] {
            for (int call = 0; call < calls; ++call) {
                service->callSoon([&, caller, call] {
                    disorders += last[size_t(caller)] != call - 1;
                    last[size_t(caller)] = call;
                    ++ran;
                });
            }
        });
    }
    for (auto &thread : threads)
        thread.join();
    QTRY_COMPARE(service->callSync([&] { return ran; }), callers * calls);
    QCOMPARE(service->callSync([&] { return disorders; }), 0);
}

// invariant 6
void tst_CallSoon::aBurstDoesNotStarveTheLoop()
{
    constexpr int burst = 50'000;
    const auto service = startScripted();
    std::promise<int> ranBefore;
    std::atomic<int> ran = 0;
    Blocker blocker(*service);
    // Behind the timer, which is due at once.
    service->callSoon([&] { QTimer::singleShot(0, service->context(), [&] { ranBefore.set_value(ran); }); });
    for (int i = 0; i < burst; ++i) {
        service->callSoon([&] {
            QElapsedTimer work; // real time: what is looked at is the share of the thread
            work.start();
            while (work.nsecsElapsed() < 2'000) {}
            ++ran;
        });
    }
    blocker.letGo();
    QVERIFY(ranBefore.get_future().get() < burst);
    QTRY_COMPARE(ran.load(), burst);
}

// LT-07, D19, QT-07
void tst_CallSoon::aFailingCallbackIsToldAndTheLoopGoesOn_data()
{
    QTest::addColumn<int>("what");
    QTest::addColumn<QString>("told");
    QTest::newRow("an error") << 0 << text("X");
    QTest::newRow("a number") << 1 << text("an exception that is no std::exception");
    QTest::newRow("Cancelled") << 2 << text("cancelled: by hand");
    QTest::newRow("an error with a cause") << 3 << text("outer: X");
}

void tst_CallSoon::aFailingCallbackIsToldAndTheLoopGoesOn()
{
    QFETCH(int, what);
    QFETCH(QString, told);
    const auto service = startScripted();
    const Signals heard(*service);
    std::promise<void> next;
    std::atomic<int> alive = 0;
    service->callSoon([what, probe = Probe(alive)] {
        if (what == 0)
            throw failure("X");
        if (what == 1)
            throw 5;
        if (what == 2)
            throw Cancelled(QStringLiteral("by hand"));
        try {
            throw failure("X");
        } catch (...) {
            std::throw_with_nested(failure("outer"));
        }
    });
    service->callSoon([&] { next.set_value(); });
    next.get_future().wait();
    QCOMPARE(alive.load(), 0);
    QTRY_COMPARE(heard.callbackFailures(), QStringList{told});
    QVERIFY(!heard.isElsewhere());
    QCOMPARE(service->state(), ServiceThread::State::Running);
    QCOMPARE(heard.failures(), QStringList());
    QCOMPARE(
        m_log->take(),
        QStringList{text("critical microio.service: A callback of service scripted has failed: ") + told});
}

// LT-07
void tst_CallSoon::callbacksInTheLastMomentsRunOrAreDestroyed()
{
    int ranAltogether = 0;
    int destroyed = 0;
    for (int round = 0; round < 100; ++round) {
        const auto service = startScripted();
        std::atomic<int> alive = 0;
        std::atomic<int> ran = 0;
        int accepted = 0;
        {
            Blocker blocker(*service);
            for (int i = 0; i < 20; ++i) {
                service->callSoon([&ran, probe = Probe(alive)] { ++ran; });
                if (i == 10)
                    service->stop();
            }
            accepted = 20;
            blocker.letGo();
        }
        try {
            for (int i = 0; i < 1'000; ++i, ++accepted)
                service->callSoon([&ran, probe = Probe(alive)] { ++ran; });
        } catch (const ServiceError &) {
        }
        QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
        QCOMPARE(alive.load(), 0);
        QVERIFY(ran <= accepted);
        ranAltogether += ran;
        destroyed += accepted - ran;
    }
    qInfo("%d ran, %d were destroyed", ranAltogether, destroyed);
}

// LT-03, D18
void tst_CallSoon::isRefusedWhileTheServiceDoesNotRun()
{
    std::atomic<int> alive = 0;
    bool called = false;
    const auto callSoon = [&](ScriptedService &service) {
        return chainThrownBy([&] { service.callSoon([&called, probe = Probe(alive)] { called = true; }); });
    };
    const auto service = makeScripted([](ScriptedService &self, CancelScope scope) -> QCoro::Task<> {
        self.reportStarted();
        co_await scope.cancelled();
    });
    QCOMPARE(callSoon(*service), text("ServiceError"));
    service->start();
    service->waitStarted();
    service->stop();
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(callSoon(*service), text("ServiceError"));

    const auto failing = makeScripted([](ScriptedService &, CancelScope scope) -> QCoro::Task<> {
        co_await scope.checkpoint();
        throw failure("X");
    });
    failing->start();
    QVERIFY(failing->joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(callSoon(*failing), text("ServiceError < X"));
    m_log->take();
    QVERIFY(!called);
    QCOMPARE(alive.load(), 0);
}

void tst_CallSoon::anEmptyFunctionIsRefused()
{
    const auto service = startScripted();
    QVERIFY_THROWS_EXCEPTION(std::invalid_argument, service->callSoon(std::function<void()>()));
}

void tst_CallSoon::takesWhatCanOnlyBeMoved()
{
    const auto service = startScripted();
    std::promise<int> given;
    service->callSoon([&given, number = std::make_unique<int>(7)] { given.set_value(*number); });
    QCOMPARE(given.get_future().get(), 7);
}

// LT-11
void tst_CallSoon::mayStopTheService()
{
    const auto service = startScripted();
    service->callSoon([&] { service->stop(); });
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(service->state(), ServiceThread::State::Stopped);
}

namespace {

/// Notes where it is destroyed, and whether a coroutine was still there.
class Resident : public QObject
{
public:
    Resident(QObject *parent, std::atomic<QThread *> &where, std::atomic<int> &alive, std::atomic<int> &seen)
        : QObject(parent)
        , m_where(where)
        , m_alive(alive)
        , m_seen(seen)
    {
    }
    ~Resident() override
    {
        m_where = QThread::currentThread();
        m_seen = m_alive.load();
    }

private:
    std::atomic<QThread *> &m_where;
    std::atomic<int> &m_alive;
    std::atomic<int> &m_seen;
};

} // namespace

void tst_CallSoon::theContextLivesAndDiesInTheServicesThread()
{
    std::atomic<QThread *> where = nullptr;
    std::atomic<int> alive = 0;
    std::atomic<int> seen = -1;
    std::atomic<int> ticks = 0;
    const auto service = startScripted([&](ScriptedService &self, CancelScope scope) -> QCoro::Task<> {
        new Resident(self.context(), where, alive, seen);
        auto *timer = new QTimer(self.context());
        QObject::connect(timer, &QTimer::timeout, self.context(), [count = &ticks] { ++*count; });
        timer->start(1);
        self.reportStarted();
        const Probe probe(alive);
        co_await scope.cancelled();
    });
    QCOMPARE(service->context(), nullptr);
    QCOMPARE(service->callSync([&] { return service->context()->thread(); }),
             static_cast<QThread *>(service.get()));
    QTRY_VERIFY(ticks > 2);
    service->stop();
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(where.load(), static_cast<QThread *>(service.get()));
    QCOMPARE(seen.load(), 0);
    QCOMPARE(service->context(), nullptr);
}

QTEST_GUILESS_MAIN(tst_CallSoon)

#include "tst_callsoon.moc"
