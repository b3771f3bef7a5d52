// SPDX-License-Identifier: Apache-2.0
#include "../shared/blocker.h"
#include "../shared/errorchain.h"
#include "../shared/messagelog.h"
#include "../shared/outcome.h"
#include "../shared/scriptedservice.h"
#include "loop/blocking_p.h"

#include <MicroIO/CancelScope>
#include <MicroIO/Errors>
#include <MicroIO/LoopServiceThread>

#include <QtTest/QtTest>

#include <algorithm>
#include <functional>
#include <future>
#include <latch>
#include <semaphore>
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

namespace {

QString text(const char *latin1)
{
    return QString::fromLatin1(latin1);
}

struct NotCopyable
{
    NotCopyable() = default;
    Q_DISABLE_COPY_MOVE(NotCopyable)
    int number = 7;
};

/// Until a thread is blocked in a callSync() to \a service, which it is only after some microseconds. False if none is in ten
/// seconds, which is for a test that fails.
bool waitForASleepingCaller(const ServiceThread &service)
{
    const QString what = QStringLiteral("callSync() to service ") + service.name();
    bool sleeps = false;
    for (const QDeadlineTimer limit(10s); !sleeps && !limit.hasExpired(); std::this_thread::yield()) {
        Detail::BlockedThread::forEach([&](const Detail::BlockedThread &blocked) {
            sleeps |= blocked.what() == what && blocked.isBlocked();
        });
    }
    return sleeps;
}

} // namespace

/// LoopServiceThread::callSync().
class tst_CallSync : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void givesTheResult();
    void wakesACallerThatHasFallenAsleep();
    void givesReferencesAsReferences();
    void keepsTheTypeOfAnException();
    void runsOnTheServicesThread();
    void runsInlineOnItsOwnThread();
    void manyThreadsMayCall();
    void aPlainThreadMayCall();
    void theFunctionIsGoneWhenItReturns();
    void anEmptyFunctionIsRefused();

    void isRefusedWhileTheServiceDoesNotRun_data();
    void isRefusedWhileTheServiceDoesNotRun();
    void callsInTheServicesLastMomentsEnd_data();
    void callsInTheServicesLastMomentsEnd();
    void aFunctionThatHadNotBegunInTimeNeverRuns();
    void aFunctionThatHadBegunGoesOn();
    void aTimeLimitThatIsNotMetDoesNoHarm_data();
    void aTimeLimitThatIsNotMetDoesNoHarm();

    void aCycleOfBlockedServicesIsRefused_data();
    void aCycleOfBlockedServicesIsRefused();
    void aCallBackWhileOneIsBlockedIsRefused();
    void whoIsNotBlockedAnyMoreIsInNoCycle();

private:
    std::optional<Tests::MessageLog> m_log;
};

// LT-01
void tst_CallSync::givesTheResult()
{
    const auto service = startScripted();
    QCOMPARE(service->callSync([] { return 7; }), 7);
    bool called = false;
    service->callSync([&] { called = true; });
    QVERIFY(called);
    QCOMPARE(*service->callSync([] { return std::make_unique<int>(8); }), 8);
    const auto moveOnly = std::make_unique<int>(9);
    QCOMPARE(service->callSync([copy = std::make_unique<int>(*moveOnly)] { return *copy; }), 9);
    int calls = 0;
    const auto named = [&calls] { return ++calls; };
    QCOMPARE(service->callSync(named), 1);
    QCOMPARE(service->callSync(std::function<int()>(named)), 2);
    QCOMPARE(service->callSync([] { return std::optional<int>(); }), std::nullopt);
}

void tst_CallSync::wakesACallerThatHasFallenAsleep()
{
    const auto service = startScripted();
    for (int round = 0; round < 100; ++round) {
        const bool slept = service->callSync([&] { return waitForASleepingCaller(*service); });
        QVERIFY(slept);
    }
}

// LT-01
void tst_CallSync::givesReferencesAsReferences()
{
    const auto service = startScripted();
    NotCopyable value;
    NotCopyable &reference = service->callSync([&value]() -> NotCopyable & { return value; });
    QCOMPARE(&reference, &value);
    const NotCopyable &constant = service->callSync([&value]() -> const NotCopyable & { return value; });
    QCOMPARE(&constant, &value);
    service->callSync([&] { // inline, too
        NotCopyable &inner = service->callSync([&value]() -> NotCopyable & { return value; });
        inner.number = 8;
    });
    QCOMPARE(value.number, 8);
}

// LT-01
void tst_CallSync::keepsTheTypeOfAnException()
{
    const auto service = startScripted();
    QVERIFY_THROWS_EXCEPTION(std::out_of_range, service->callSync([] { throw std::out_of_range("X"); }));
    QVERIFY_THROWS_EXCEPTION(int, service->callSync([] { throw 5; }));
    QCOMPARE(chainThrownBy([&] { service->callSync([]() -> int { throw failure("X"); }); }), text("X"));
    QCOMPARE(chainThrownBy([&] { service->callSync([] { throw Cancelled(QStringLiteral("by hand")); }); }),
             text("Cancelled(by hand)"));
    QCOMPARE(service->callSync([] { return 7; }), 7); // the service goes on
    QCOMPARE(service->state(), ServiceThread::State::Running);
}

// LT-01
void tst_CallSync::runsOnTheServicesThread()
{
    const auto service = startScripted();
    QCOMPARE(service->callSync([] { return QThread::currentThread(); }),
             static_cast<QThread *>(service.get()));
}

// LT-01, D8
void tst_CallSync::runsInlineOnItsOwnThread()
{
    const auto service = startScripted();
    const QString log = service->callSync([&] {
        QString order = QStringLiteral("a");
        service->callSync([&] { order += QLatin1Char('b'); });
        order += QLatin1Char('c');
        order += Tests::chainThrownBy([&] { service->callSync([] { throw failure("X"); }); });
        return order;
    });
    QCOMPARE(log, text("abcX"));

    std::promise<int> result;
    service->taskGroup().startSoon([&](CancelScope scope) -> QCoro::Task<> {
        co_await scope.checkpoint();
        result.set_value(service->callSync([] { return 7; }));
    });
    QCOMPARE(result.get_future().get(), 7);
}

void tst_CallSync::manyThreadsMayCall()
{
    const auto service = startScripted();
    int counter = 0; // of the service's thread
    std::vector<std::thread> threads;
    std::atomic<int> wrong = 0;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            int last = 0;
            for (int call = 0; call < 500; ++call) {
                const int now = service->callSync([&counter] { return ++counter; });
                wrong += now <= last;
                last = now;
            }
        });
    }
    for (auto &thread : threads)
        thread.join();
    QCOMPARE(wrong.load(), 0);
    QCOMPARE(service->callSync([&counter] { return counter; }), 2'000);
}

void tst_CallSync::aPlainThreadMayCall()
{
    const auto service = startScripted();
    int value = 0;
    std::thread([&] { value = service->callSync([] { return 7; }); }).join();
    QCOMPARE(value, 7);
}

void tst_CallSync::theFunctionIsGoneWhenItReturns()
{
    const auto service = startScripted();
    std::atomic<int> alive = 0;
    for (int i = 0; i < 200; ++i) {
        service->callSync([probe = Probe(alive)] {});
        QCOMPARE(alive.load(), 0);
        chainThrownBy([&] { service->callSync([probe = Probe(alive)] { throw failure("X"); }); });
        QCOMPARE(alive.load(), 0);
    }
}

void tst_CallSync::anEmptyFunctionIsRefused()
{
    const auto service = startScripted();
    QVERIFY_THROWS_EXCEPTION(std::invalid_argument, service->callSync(std::function<void()>()));
}

namespace {
enum class When { BeforeStart, AfterStop, AfterFailure, StoppedBeforeStart };
}

// LT-03, D18
void tst_CallSync::isRefusedWhileTheServiceDoesNotRun_data()
{
    QTest::addColumn<int>("when");
    QTest::addColumn<QString>("error");
    QTest::newRow("before the start") << int(When::BeforeStart) << text("ServiceError");
    QTest::newRow("stopped before the start") << int(When::StoppedBeforeStart) << text("ServiceError");
    QTest::newRow("after a stop") << int(When::AfterStop) << text("ServiceError");
    QTest::newRow("after a failure") << int(When::AfterFailure) << text("ServiceError < X");
}

void tst_CallSync::isRefusedWhileTheServiceDoesNotRun()
{
    QFETCH(int, when);
    QFETCH(QString, error);
    const auto service = makeScripted([when](ScriptedService &self, CancelScope scope) -> QCoro::Task<> {
        self.reportStarted();
        if (When(when) == When::AfterFailure)
            throw failure("X");
        co_await scope.cancelled();
    });
    if (When(when) == When::StoppedBeforeStart)
        service->stop();
    if (When(when) == When::AfterStop || When(when) == When::AfterFailure) {
        service->start();
        if (When(when) == When::AfterStop)
            service->stop();
        QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
        m_log->take();
    }
    std::atomic<int> alive = 0;
    bool called = false;
    for (const auto &limit :
         {QDeadlineTimer(QDeadlineTimer::Forever), QDeadlineTimer(1h), QDeadlineTimer(0)}) {
        QCOMPARE(chainThrownBy(
                     [&] { service->callSync([&called, probe = Probe(alive)] { called = true; }, limit); }),
                 error);
        QCOMPARE(alive.load(), 0);
    }
    QVERIFY(!called);
}

// LT-13, invariant 7
void tst_CallSync::callsInTheServicesLastMomentsEnd_data()
{
    QTest::addColumn<bool>("fails");
    QTest::newRow("stop") << false;
    QTest::newRow("failure") << true;
}

void tst_CallSync::callsInTheServicesLastMomentsEnd()
{
    QFETCH(bool, fails);
    std::atomic<int> alive = 0;
    int answered = 0;
    int refused = 0;
    for (int round = 0; round < 200; ++round) {
        const auto service = startScripted();
        std::atomic<int> runs = 0;
        Blocker blocker(*service);
        std::vector<std::thread> threads;
        std::vector<QString> outcomes(4);
        for (QString &outcome : outcomes) {
            threads.emplace_back([&] {
                outcome = chainThrownBy(
                    [&] { service->callSync([&runs, probe = Probe(alive)] { ++runs; }); });
            });
        }
        if (fails) {
            service->taskGroup().startSoon([]() -> QCoro::Task<> {
                throw failure("X");
                co_return;
            });
        } else {
            service->stop();
        }
        blocker.letGo();
        for (auto &thread : threads)
            thread.join();
        int ran = 0;
        for (const QString &outcome : outcomes) {
            if (outcome == text("nothing")) {
                ++ran;
            } else {
                QCOMPARE(outcome, fails ? text("ServiceError < X") : text("ServiceError"));
                ++refused;
            }
        }
        answered += ran;
        QCOMPARE(runs.load(), ran);
        QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
        QCOMPARE(alive.load(), 0);
        m_log->take();
    }
    qInfo("%d answered, %d refused", answered, refused);
}

// D15
void tst_CallSync::aFunctionThatHadNotBegunInTimeNeverRuns()
{
    const auto service = startScripted();
    std::atomic<int> alive = 0;
    std::atomic<bool> called = false;
    {
        const Blocker blocker(*service);
        for (const auto &limit : {QDeadlineTimer(20ms), QDeadlineTimer(0), QDeadlineTimer(-5ms)}) {
            QCOMPARE(chainThrownBy([&] {
                         service->callSync([&called, probe = Probe(alive)] { called = true; }, limit);
                     }),
                     text("TimeoutError"));
        }
    }
    QCOMPARE(service->callSync([] { return 7; }), 7); // after them in the queue
    QVERIFY(!called);
    QCOMPARE(alive.load(), 0);
}

// D15
void tst_CallSync::aFunctionThatHadBegunGoesOn()
{
    const auto service = startScripted();
    std::atomic<int> alive = 0;
    std::atomic<bool> begun = false;
    std::atomic<bool> done = false;
    std::binary_semaphore letGo(0);
    auto limit = 50ms;
    QString outcome;
    int aliveAfterwards = 0;
    for (; !begun; limit *= 2) { // a function that had not begun is forgotten: once more, with more time
        outcome = chainThrownBy([&] {
            service->callSync(
                [&begun, &letGo, &done, probe = Probe(alive)] {
                    begun = true;
                    letGo.acquire();
                    done = true;
                },
                limit);
        });
        aliveAfterwards = alive;
    }
    letGo.release();
    QCOMPARE(outcome, text("TimeoutError"));
    QCOMPARE(service->callSync([] { return 7; }), 7);
    QVERIFY(aliveAfterwards > 0); // it owns its captures
    QVERIFY(done);
    QCOMPARE(alive.load(), 0);
}

void tst_CallSync::aTimeLimitThatIsNotMetDoesNoHarm_data()
{
    QTest::addColumn<QDeadlineTimer>("limit");
    QTest::newRow("a minute") << QDeadlineTimer(60s);
    QTest::newRow("a hundred years") << QDeadlineTimer(std::chrono::hours(24 * 36'500));
    QTest::newRow("a thousand years") << QDeadlineTimer(qint64(1'000) * 365 * 24 * 3'600 * 1'000);
    QTest::newRow("hours::max") << QDeadlineTimer(std::chrono::hours::max());
    QTest::newRow("nanoseconds::max") << QDeadlineTimer(std::chrono::nanoseconds::max());
    QTest::newRow("the largest number") << QDeadlineTimer(std::numeric_limits<qint64>::max() - 1);
    QTest::newRow("forever") << QDeadlineTimer(QDeadlineTimer::Forever);
}

void tst_CallSync::aTimeLimitThatIsNotMetDoesNoHarm()
{
    QFETCH(QDeadlineTimer, limit);
    const auto service = makeScripted();
    service->start();
    QCOMPARE(chainThrownBy([&] { service->waitStarted(limit); }), text("nothing"));
    QString outcome;
    {
        Blocker blocker(*service);
        std::thread caller([&] { outcome = chainThrownBy([&] { service->callSync([] {}, limit); }); });
        const bool slept = waitForASleepingCaller(*service);
        blocker.letGo();
        caller.join();
        QCOMPARE(outcome, text("nothing"));
        QVERIFY(slept);
    }
    service->stop();
    QVERIFY(service->joinOrLog(limit));
}

namespace {
std::vector<std::unique_ptr<ScriptedService>> startSeveral(size_t count)
{
    std::vector<std::unique_ptr<ScriptedService>> services;
    for (size_t i = 0; i < count; ++i)
        services.push_back(startScripted());
    return services;
}
} // namespace

// invariant 13
void tst_CallSync::aCycleOfBlockedServicesIsRefused_data()
{
    QTest::addColumn<int>("length");
    QTest::addColumn<QDeadlineTimer>("limit");
    QTest::newRow("two") << 2 << QDeadlineTimer(QDeadlineTimer::Forever);
    QTest::newRow("three") << 3 << QDeadlineTimer(QDeadlineTimer::Forever);
    QTest::newRow("five") << 5 << QDeadlineTimer(QDeadlineTimer::Forever);
    QTest::newRow("two, with a limit") << 2 << QDeadlineTimer(1h);
}

// Each calls the next one, all at the same time.
void tst_CallSync::aCycleOfBlockedServicesIsRefused()
{
    QFETCH(int, length);
    QFETCH(QDeadlineTimer, limit);
    const auto services = startSeveral(size_t(length));
    int refusedAltogether = 0;
    for (int round = 0; round < 50; ++round) {
        std::latch begin(length);
        std::latch done(length);
        std::vector<QString> outcomes(size_t(length), text("nobody called"));
        for (size_t i = 0; i < size_t(length); ++i) {
            services[i]->callSoon([&, i] {
                begin.arrive_and_wait();
                auto &next = *services[(i + 1) % size_t(length)];
                outcomes[i] = chainThrownBy([&] { next.callSync([] {}, limit); });
                done.count_down();
            });
        }
        done.wait();
        const auto refused = std::count(outcomes.cbegin(), outcomes.cend(), text("DeadlockError"));
        const auto answered = std::count(outcomes.cbegin(), outcomes.cend(), text("nothing"));
        QCOMPARE(refused + answered, length);
        QVERIFY(refused >= 1); // they all wait for one another
        refusedAltogether += int(refused);
    }
    for (const auto &service : services) // all are usable afterwards
        QCOMPARE(service->callSync([] { return 7; }), 7);
    qInfo("%d refused", refusedAltogether);
}

// invariant 13
void tst_CallSync::aCallBackWhileOneIsBlockedIsRefused()
{
    const auto services = startSeveral(3);
    const auto outcome = services[0]->callSync([&] {
        return services[1]->callSync([&] {
            return services[2]->callSync(
                [&] { return chainThrownBy([&] { services[0]->callSync([] {}); }); });
        });
    });
    QCOMPARE(outcome, text("DeadlockError"));
    // callSoon() blocks nobody.
    std::promise<void> calledBack;
    services[0]->callSync(
        [&] { services[1]->callSync([&] { services[0]->callSoon([&] { calledBack.set_value(); }); }); });
    calledBack.get_future().wait();
}

void tst_CallSync::whoIsNotBlockedAnyMoreIsInNoCycle()
{
    const auto services = startSeveral(2);
    // After a call, after one that failed, one that timed out, and one that came too late.
    for (int round = 0; round < 200; ++round) {
        services[0]->callSync([&] { services[1]->callSync([] {}); });
        QCOMPARE(services[1]->callSync([&] { return services[0]->callSync([] { return 7; }); }), 7);
        services[0]->callSync(
            [&] { chainThrownBy([&] { services[1]->callSync([] { throw failure("X"); }); }); });
        QCOMPARE(services[1]->callSync([&] { return services[0]->callSync([] { return 7; }); }), 7);
    }
    {
        Blocker blocker(*services[1]);
        QCOMPARE(services[0]->callSync([&] {
            return chainThrownBy([&] { services[1]->callSync([] {}, QDeadlineTimer(5ms)); });
        }),
                 text("TimeoutError"));
    }
    QCOMPARE(services[1]->callSync([&] { return services[0]->callSync([] { return 7; }); }), 7);

    // A service that answers goes on before the one that it has answered has woken.
    for (int round = 0; round < 500; ++round) {
        std::promise<QString> outcome;
        services[0]->callSoon([&] {
            services[1]->callSync([&] {
                services[1]->callSoon(
                    [&] { outcome.set_value(chainThrownBy([&] { services[0]->callSync([] {}); })); });
            });
        });
        QCOMPARE(outcome.get_future().get(), text("nothing"));
    }
    services[0]->stop();
    QVERIFY(services[0]->joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(services[1]->callSync([&] { return chainThrownBy([&] { services[0]->callSync([] {}); }); }),
             text("ServiceError"));
}

QTEST_GUILESS_MAIN(tst_CallSync)

#include "tst_callsync.moc"
