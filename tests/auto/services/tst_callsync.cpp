// SPDX-License-Identifier: Apache-2.0
#include "../shared/errorchain.h"
#include "../shared/messagelog.h"
#include "../shared/outcome.h"
#include "../shared/scriptedservice.h"

#include <MicroIO/CancelScope>
#include <MicroIO/Errors>
#include <MicroIO/LoopServiceThread>

#include <QtTest/QtTest>

#include <functional>
#include <future>
#include <semaphore>
#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
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

/// Keeps a service's thread busy until it is let go.
class Blocker
{
public:
    explicit Blocker(ScriptedService &service)
        : m_thread([this, &service] {
            service.callSync([this] {
                m_blocking.release();
                m_letGo.acquire();
            });
        })
    {
        m_blocking.acquire();
    }
    ~Blocker() { letGo(); }

    void letGo()
    {
        if (!m_thread.joinable())
            return;
        m_letGo.release();
        m_thread.join();
    }

private:
    std::binary_semaphore m_blocking{0};
    std::binary_semaphore m_letGo{0};
    std::thread m_thread;
};

struct NotCopyable
{
    NotCopyable() = default;
    Q_DISABLE_COPY_MOVE(NotCopyable)
    int number = 7;
};

} // namespace

/// LoopServiceThread::callSync().
class tst_CallSync : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void givesTheResult();
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
        // So that it blocks, mostly: nothing tells from outside that another thread does. It holds without, too.
        std::this_thread::sleep_for(2ms);
        blocker.letGo();
        caller.join();
    }
    QCOMPARE(outcome, text("nothing"));
    service->stop();
    QVERIFY(service->joinOrLog(limit));
}

QTEST_GUILESS_MAIN(tst_CallSync)

#include "tst_callsync.moc"
