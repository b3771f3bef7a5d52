// SPDX-License-Identifier: Apache-2.0
#include "../shared/sanitized.h"
#include "crew.h"

#include <MicroIO/Test>

#include <QSignalSpy>
#include <QtTest/QtTest>

#include <cmath>
#include <limits>
#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::chainFrom;
using Tests::chainThrownBy;
using Tests::Crew;
using Tests::DeafSpec;
using Tests::fail;
using Tests::failing;
using Tests::failure;
using Tests::ScriptedService;
using Tests::started;
using Tests::text;
using State = ServiceThread::State;

namespace {

/// A service of its own class.
class Counter : public LoopServiceThread
{
public:
    explicit Counter(int first)
        : LoopServiceThread(QStringLiteral("counter"))
        , m_next(first)
    {
    }
    int next() { return m_next++; }

private:
    int m_next; // of the service's thread
};

Supervisor::ServiceSpec counterSpec()
{
    Supervisor::ServiceSpec spec;
    spec.name = text("counter");
    spec.factory = [made = 0]() mutable -> std::unique_ptr<ServiceThread> {
        return makeService<Counter>(1000 * ++made);
    };
    return spec;
}

} // namespace

/// What others see of a supervisor's services: references, figures, heartbeats; and which services are refused.
class tst_SupervisorServices : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(Tests::complaints(*m_log), QStringList()); }

    void referencesReachTheCurrentInstance();
    void referencesOfWhatIsDown();
    void referencesOutliveEverything();
    void aNameThatComesAgainIsTheSameService();
    void referencesFromThreadsInACrashLoop();
    void statusIsTrueAtAllTimes();
    void tenThousandNames();
    void lateHeartbeatIsToldOnce_data();
    void lateHeartbeatIsToldOnce();
    void heartbeatInTime();
    void deafToItsHeartbeatIsReplaced();
    void nonsenseIsRefused_data();
    void nonsenseIsRefused();
    void settingsAreForBeforeTheStart();
    void factoriesThatFail_data();
    void factoriesThatFail();
    void aFactoryThatFailsLater();
    void oneThatGetsNoThreadIsAFailure();
    void theLastIncidentsAreKept();

private:
    std::optional<Tests::MessageLog> m_log;
};

void tst_SupervisorServices::referencesReachTheCurrentInstance()
{
    const TestClock clock;
    Supervisor supervisor;
    supervisor.addService(counterSpec());
    const auto counter = supervisor.service<Counter>(text("counter"));
    QCOMPARE(counter.name(), text("counter"));
    QVERIFY(!counter.isUp());
    MICROIO_AWAIT(started(supervisor));
    QVERIFY(counter.isUp());

    const auto next = [](Counter &service) -> QCoro::Task<int> { co_return service.next(); };
    const auto nextLater = [](Counter &service, CancelScope scope) -> QCoro::Task<int> {
        co_await scope.sleep(1s);
        co_return service.next();
    };
    MICROIO_COMPARE_AWAIT(counter.call(CancelScope(), next), 1000);
    MICROIO_COMPARE_AWAIT(counter.call(CancelScope(), nextLater), 1001);
    const auto seven = []() -> QCoro::Task<int> { co_return 7; };
    MICROIO_COMPARE_AWAIT(counter.call(CancelScope(), seven), 7);
    std::atomic<int> seen = 0;
    counter.callSoon([&seen](Counter &service) { seen = service.next(); });
    QTRY_COMPARE(seen, 1002);
#ifndef MICROIO_TEST_SANITIZED
    QCOMPARE(counter.submit(next).result(), 1003); // ThreadSanitizer does not see into QFuture
#endif

    counter.callSoon(
        [](Counter &service) { service.closeScope().fail(std::make_exception_ptr(failure("boom"))); });
    QTRY_COMPARE(supervisor.serviceInfo(text("counter"))->restartCount, 1);
    QTRY_COMPARE(supervisor.serviceInfo(text("counter"))->state, State::Running);
    MICROIO_COMPARE_AWAIT(counter.call(CancelScope(), next), 2000);
}

void tst_SupervisorServices::referencesOfWhatIsDown()
{
    const TestClock clock;
    const Crew crew;
    Supervisor supervisor;
    supervisor.addService(crew.spec(text("a")));
    supervisor.addService(counterSpec());
    QVERIFY_THROWS_EXCEPTION(std::invalid_argument, supervisor.service<Counter>(text("nobody")));
    const auto a = supervisor.service<ScriptedService>(text("a"));
    const auto nothing = [](ScriptedService &) -> QCoro::Task<> { co_return; };
    QCOMPARE(chainThrownBy([&] { a.callSoon([] {}); }), text("ServiceError"));
    MICROIO_AWAIT(started(supervisor));
    QCOMPARE(chainThrownBy([&] { supervisor.service<Counter>(text("a")).callSoon([] {}); }),
             text("ServiceError"));
    fail(supervisor, "a", std::make_exception_ptr(DoNotRestart(text("enough"))));
    QTRY_VERIFY(!a.isUp());
    QVERIFY(chainThrownBy([&] { a.callSoon([] {}); }).startsWith(text("ServiceError < ")));
    QVERIFY(chainThrownBy([&] { a.call(CancelScope(), nothing); }).startsWith(text("ServiceError < ")));
    QVERIFY(chainThrownBy([&] { a.submit(nothing); }).startsWith(text("ServiceError < ")));
}

// invariant 12
void tst_SupervisorServices::referencesOutliveEverything()
{
    const Crew crew;
    std::optional<ServiceRef<ScriptedService>> kept;
    {
        Supervisor supervisor;
        supervisor.addService(crew.spec(text("a")));
        const TestClock clock;
        MICROIO_AWAIT(started(supervisor));
        kept = supervisor.service<ScriptedService>(text("a"));
    }
    const auto copy = *kept;
    QVERIFY(!copy.isUp());
    QCOMPARE(chainThrownBy([&] { copy.callSoon([] {}); }), text("ServiceError"));
}

void tst_SupervisorServices::aNameThatComesAgainIsTheSameService()
{
    const TestClock clock;
    Supervisor supervisor;
    supervisor.addService(counterSpec());
    MICROIO_AWAIT(started(supervisor));
    const auto counter = supervisor.service<Counter>(text("counter"));
    QVERIFY(supervisor.removeService(text("counter")));
    QTRY_COMPARE(supervisor.serviceNames(), QStringList());
    QVERIFY(!counter.isUp());
    supervisor.addService(counterSpec());
    QTRY_VERIFY(counter.isUp());
}

void tst_SupervisorServices::referencesFromThreadsInACrashLoop()
{
    const Crew crew;
    Supervisor supervisor;
    supervisor.setIntensity({std::numeric_limits<int>::max(), 1s});
    supervisor.addService(crew.spec(text("a")));
    Tests::await(started(supervisor));
    const auto a = supervisor.service<ScriptedService>(text("a"));
    std::atomic<bool> isDone = false;
    std::atomic<int> calls = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i) {
        threads.emplace_back([&] {
            while (!isDone) {
                try {
                    a.callSoon([&calls](ScriptedService &) { ++calls; });
                } catch (const ServiceError &) {
                    std::this_thread::yield();
                }
            }
        });
    }
    for (int i = 1; i <= 50; ++i) {
        QTRY_VERIFY(a.isUp() && supervisor.serviceInfo(text("a"))->state == State::Running);
        fail(supervisor, "a");
        QTRY_COMPARE(supervisor.serviceInfo(text("a"))->restartCount, i);
    }
    isDone = true;
    for (auto &thread : threads)
        thread.join();
    QVERIFY(calls > 0);
    QVERIFY(supervisor.stopJoin());
}

// SV-23
void tst_SupervisorServices::statusIsTrueAtAllTimes()
{
    constexpr int crashes = 300;
    const Crew crew;
    Supervisor supervisor;
    supervisor.setIntensity({std::numeric_limits<int>::max(), 1s});
    supervisor.addService(crew.spec(text("steady")));
    supervisor.addService(crew.spec(text("crashing"), failing(crashes)));
    std::atomic<bool> isDone = false;
    std::atomic<int> faults = 0;
    const auto read = [&] {
        int restarts = 0;
        bool wasSteady = false;
        while (!isDone) {
            const auto services = supervisor.services();
            const auto incidents = supervisor.incidents();
            if (services.size() != 2 || services[0].name != text("steady")
                || services[1].name != text("crashing")) {
                ++faults;
                continue;
            }
            // What has been true once cannot become untrue, and nothing else happens to it.
            faults += wasSteady && services[0].state != State::Running;
            wasSteady = wasSteady || services[0].state == State::Running;
            faults += services[1].restartCount < restarts || services[1].restartCount > crashes;
            restarts = services[1].restartCount;
            faults += services[1].state == State::Stopped;
            faults += restarts > 0 && services[1].lastError != text("boom");
            faults += !services[0].lastError.isEmpty();
            for (int i = 1; i < incidents.size(); ++i)
                faults += incidents[i].number != incidents[i - 1].number + 1;
            faults += supervisor.state() == State::Failed;
        }
    };
    std::thread first(read);
    std::thread second(read);
    supervisor.start();
    QTRY_COMPARE_WITH_TIMEOUT(supervisor.serviceInfo(text("crashing"))->restartCount, crashes, 60'000);
    QTRY_COMPARE(supervisor.serviceInfo(text("crashing"))->state, State::Running);
    isDone = true;
    first.join();
    second.join();
    QCOMPARE(faults, 0);
    QVERIFY(supervisor.stopJoin());
}

// SV-23
void tst_SupervisorServices::tenThousandNames()
{
    Supervisor supervisor;
    Supervisor::ServiceSpec spec;
    spec.factory = []() -> std::unique_ptr<ServiceThread> { return nullptr; };
    for (int i = 0; i < 10'000; ++i) {
        spec.name = QStringLiteral("service %1").arg(i);
        supervisor.addService(spec);
    }
    QCOMPARE(supervisor.services().size(), 10'000);
    QCOMPARE(supervisor.services().constLast().name, text("service 9999"));
    for (int i = 0; i < 10'000; ++i)
        QVERIFY(supervisor.removeService(QStringLiteral("service %1").arg(i)));
    QCOMPARE(supervisor.serviceNames(), QStringList());
}

void tst_SupervisorServices::lateHeartbeatIsToldOnce_data()
{
    QTest::addColumn<bool>("isReplaced");
    QTest::newRow("reported") << false;
    QTest::newRow("replaced") << true;
}

void tst_SupervisorServices::lateHeartbeatIsToldOnce()
{
    QFETCH(bool, isReplaced);
    TestClock clock(TestClock::Mode::Manual);
    const Crew crew;
    CloseScope block;
    Supervisor supervisor;
    auto spec = crew.spec(text("a"));
    spec.heartbeat = 10s;
    spec.onUnresponsive = isReplaced ? Supervisor::OnUnresponsive::Replace
                                     : Supervisor::OnUnresponsive::Report;
    supervisor.addService(spec);
    QSignalSpy unresponsive(&supervisor, &Supervisor::serviceUnresponsive);
    supervisor.start();
    clock.advance(60s);
    QCOMPARE(supervisor.state(), State::Running);
    QCOMPARE(unresponsive.count(), 0);

    // A wait of MicroIO in the middle of the loop's work: the clock goes on.
    supervisor.service<ScriptedService>(text("a")).callSoon([block] { static_cast<void>(block.wait()); });
    clock.advance(9s);
    QCOMPARE(unresponsive.count(), 0);
    clock.advance(7s);
    QCOMPARE(unresponsive.count(), 1);
    QCOMPARE(unresponsive.first().at(0).toString(), text("a"));
    QVERIFY(unresponsive.first().at(1).value<std::chrono::milliseconds>() >= 10s);
    QCOMPARE(supervisor.unresponsive(), QStringList{text("a")});
    clock.advance(3s);
    if (isReplaced) {
        clock.advance(5s); // its stopTimeout
        QCOMPARE(supervisor.serviceInfo(text("a"))->restartCount, 1);
        QCOMPARE(supervisor.serviceInfo(text("a"))->state, State::Running);
        QCOMPARE(supervisor.unresponsive(), QStringList{text("a")}); // the one before, which is kept
    }
    block.close();
    clock.advance(10s);
    QTRY_COMPARE(supervisor.unresponsive(), QStringList());
    QCOMPARE(unresponsive.count(), 1);

    if (!isReplaced) {
        CloseScope again;
        supervisor.service<ScriptedService>(text("a")).callSoon([again] { static_cast<void>(again.wait()); });
        clock.advance(16s);
        QCOMPARE(unresponsive.count(), 2);
        again.close();
        clock.advance(1s);
    }
    supervisor.stop();
    clock.advance(1s);
    QCOMPARE(supervisor.state(), State::Stopped);
    const QStringList lines = m_log->take();
    QCOMPARE(lines.filter(text("The event loop of service a has not answered for")).size(),
             isReplaced ? 1 : 2);
    QCOMPARE(lines.filter(text("runs on")).size(), isReplaced ? 1 : 0);
}

void tst_SupervisorServices::heartbeatInTime()
{
    TestClock clock(TestClock::Mode::Manual);
    const Crew crew;
    Supervisor supervisor;
    auto spec = crew.spec(text("a"));
    spec.heartbeat = 1ms;
    supervisor.addService(spec);
    supervisor.start();
    clock.advance(200ms);
    QCOMPARE(supervisor.unresponsive(), QStringList());
    supervisor.stop();
    clock.advance(10ms);
    QCOMPARE(supervisor.state(), State::Stopped);
    clock.advance(1h); // nobody asks any more
}

// In real time, with a thread that nothing can stop.
void tst_SupervisorServices::deafToItsHeartbeatIsReplaced()
{
    const Crew crew;
    Supervisor supervisor;
    auto spec = crew.spec(text("a"));
    spec.heartbeat = 50ms;
    spec.stopTimeout = 20ms;
    spec.onUnresponsive = Supervisor::OnUnresponsive::Replace;
    supervisor.addService(spec);
    supervisor.start();
    QTRY_COMPARE(supervisor.state(), State::Running);
    std::atomic<bool> letGo = false;
    supervisor.service<ScriptedService>(text("a")).callSoon([&letGo] {
        while (!letGo)
            QThread::msleep(1); // real time: deaf to everything that a test could wait by
    });
    QTRY_COMPARE(supervisor.serviceInfo(text("a"))->restartCount, 1);
    QTRY_COMPARE(supervisor.serviceInfo(text("a"))->state, State::Running);
    letGo = true;
    QTRY_VERIFY(!supervisor.unresponsive().contains(text("a")));
    supervisor.stop();
    QTRY_COMPARE(supervisor.state(), State::Stopped);
    m_log->take();
}

namespace {

using Add = std::function<void(Supervisor &)>;

Supervisor::ServiceSpec plain()
{
    Supervisor::ServiceSpec spec;
    spec.name = text("plain");
    spec.factory = []() -> std::unique_ptr<ServiceThread> { return Tests::makeScripted(); };
    return spec;
}

} // namespace

void tst_SupervisorServices::nonsenseIsRefused_data()
{
    QTest::addColumn<Add>("add");
    QTest::addColumn<QString>("message");
    const auto service = [](const char *name, const std::function<void(Supervisor::ServiceSpec &)> &change,
                            const char *message) {
        QTest::newRow(name) << Add([change](Supervisor &supervisor) {
            auto spec = plain();
            change(spec);
            supervisor.addService(spec);
        }) << text(message);
    };
    using Spec = Supervisor::ServiceSpec;
    service(
        "no name", [](Spec &spec) { spec.name.clear(); },
        "a service without a name; give it one in its spec");
    service(
        "no factory", [](Spec &spec) { spec.factory = {}; },
        "service plain without a factory; give it one in its spec");
    service(
        "name taken", [](Spec &spec) { spec.name = text("taken"); },
        "service taken: the supervisor has one of that name already");
    service(
        "no start time", [](Spec &spec) { spec.startTimeout = 0ms; }, "service plain without a startTimeout");
    service(
        "negative stop time", [](Spec &spec) { spec.stopTimeout = -1ms; },
        "service plain with a stopTimeout below 0");
    service(
        "negative heartbeat", [](Spec &spec) { spec.heartbeat = -1ms; },
        "service plain with a heartbeat below 0");
    service(
        "significant", [](Spec &spec) { spec.significant = true; },
        "service plain is significant and Permanent; make it Transient or Temporary");
    const auto row = [](const char *name, const Add &add, const char *message) {
        QTest::newRow(name) << add << text(message);
    };
    row(
        "supervisor without a factory",
        [](Supervisor &s) {
            s.addSupervisor({text("inner"), {}});
        },
        "supervisor inner without a factory; give it one in its spec");
    row(
        "supervisor without a name", [](Supervisor &s) { s.addSupervisor({}); },
        "a supervisor without a name; give it one in its spec");
    row(
        "intensity below 0",
        [](Supervisor &s) {
            s.setIntensity({-1, 1s});
        },
        "an intensity of less than 0 restarts");
    row(
        "no period",
        [](Supervisor &s) {
            s.setIntensity({1, 0s});
        },
        "an intensity within no time; give it a period");
    row(
        "threshold below 0",
        [](Supervisor &s) {
            s.setDecay({-1, 1s});
        },
        "a decay with a threshold below 0");
    row(
        "threshold not a number",
        [](Supervisor &s) {
            s.setDecay({std::nan(""), 1s});
        },
        "a decay with a threshold below 0");
    row(
        "no half-life",
        [](Supervisor &s) {
            s.setDecay({1, 0s});
        },
        "a decay without a half-life; give it one");
    row(
        "delay below 0",
        [](Supervisor &s) {
            s.setBackoff({-1ms, 2, 1s, 0});
        },
        "a back-off with an initial delay below 0");
    row(
        "factor below 1",
        [](Supervisor &s) {
            s.setBackoff({1ms, 0.5, 1s, 0});
        },
        "a back-off with a factor below 1");
    row(
        "small maximum",
        [](Supervisor &s) {
            s.setBackoff({2s, 2, 1s, 0});
        },
        "a back-off whose maximum is less than its initial delay, or 0");
    row(
        "much jitter",
        [](Supervisor &s) {
            s.setBackoff({1s, 2, 1s, 1.5});
        },
        "a back-off with a jitter that is not between 0 and 1");
}

void tst_SupervisorServices::nonsenseIsRefused()
{
    QFETCH(Add, add);
    QFETCH(QString, message);
    const TestClock clock;
    const Crew crew;
    Supervisor supervisor;
    supervisor.addService(crew.spec(text("taken")));
    QVERIFY_THROWS_EXCEPTION(std::invalid_argument, add(supervisor));
    QCOMPARE(chainThrownBy([&] { add(supervisor); }), message);
    QCOMPARE(supervisor.serviceNames(), QStringList{text("taken")});
    MICROIO_AWAIT(started(supervisor));
}

void tst_SupervisorServices::settingsAreForBeforeTheStart()
{
    const TestClock clock;
    Supervisor supervisor;
    MICROIO_AWAIT(started(supervisor));
    QVERIFY_THROWS_EXCEPTION(std::logic_error, supervisor.setIntensity({1, 1s}));
    QVERIFY_THROWS_EXCEPTION(std::logic_error, supervisor.setDecay({1, 1s}));
    QVERIFY_THROWS_EXCEPTION(std::logic_error, supervisor.setBackoff({}));
    QVERIFY_THROWS_EXCEPTION(std::logic_error, supervisor.setOnLimit(Supervisor::OnLimit::Pause));
    QVERIFY_THROWS_EXCEPTION(std::logic_error, supervisor.setAutoShutdown(Supervisor::AutoShutdown::Never));
    QVERIFY_THROWS_EXCEPTION(std::logic_error, supervisor.setJitterSeed(1));
}

void tst_SupervisorServices::factoriesThatFail_data()
{
    using Factory = std::function<std::unique_ptr<ServiceThread>()>;
    QTest::addColumn<Factory>("factory");
    QTest::addColumn<QString>("cause");
    QTest::newRow("throws") << Factory([]() -> std::unique_ptr<ServiceThread> { throw failure("no luck"); })
                            << text("no luck");
    QTest::newRow("nothing") << Factory([]() -> std::unique_ptr<ServiceThread> { return nullptr; })
                             << text("it gave nothing");
    QTest::newRow("the same twice") << Factory([raw = std::make_shared<ServiceThread *>()]() {
        if (!*raw)
            *raw = Tests::makeScripted().release();
        return std::unique_ptr<ServiceThread>(*raw);
    }) << text("it gave what it has given before; it is to make a new one each time");
    QTest::newRow("started already") << Factory([]() -> std::unique_ptr<ServiceThread> {
        return Tests::startScripted();
    }) << text("it gave a service that was started already");
    QTest::newRow("no loop") << Factory([] {
        return std::make_unique<ServiceThread>(text("plain"));
    }) << text("it gave a service that is no LoopServiceThread, and has a heartbeat limit");
    QTest::newRow("another thread") << Factory([] {
        std::unique_ptr<ServiceThread> made;
        std::thread([&made] { made = std::make_unique<ServiceThread>(text("elsewhere")); }).join();
        return made;
    }) << text("it gave a service that lives on another thread");
}

// Before anything is started.
void tst_SupervisorServices::factoriesThatFail()
{
    QFETCH(std::function<std::unique_ptr<ServiceThread>()>, factory);
    QFETCH(QString, cause);
    const Crew crew;
    Supervisor supervisor;
    supervisor.setObjectName(text("crew"));
    supervisor.addService(crew.spec(text("a")));
    Supervisor::ServiceSpec spec;
    spec.name = text("b");
    spec.factory = factory;
    spec.heartbeat = 1h;
    supervisor.addService(spec);
    if (cause.contains(text("before"))) {
        spec.name = text("c");
        supervisor.addService(spec);
    }
    const QString error = chainFrom(started(supervisor));
    QCOMPARE(error, text("ServiceError < ServiceError < ") + cause);
    QVERIFY2(supervisor.errorString().contains(text("the factory of service %1 has failed: ").arg(spec.name)
                                               + cause),
             qPrintable(supervisor.errorString()));
    QCOMPARE(supervisor.state(), State::Failed);
    QCOMPARE(crew.all(), QString());
    QVERIFY(crew.isGone());
    QCOMPARE(supervisor.incidents().size(), 1);
}

void tst_SupervisorServices::aFactoryThatFailsLater()
{
    const TestClock clock;
    Crew crew;
    Supervisor supervisor;
    supervisor.addService(crew.spec(text("a")));
    auto spec = crew.spec(text("b"), failing(1));
    spec.factory = [factory = spec.factory, n = 0]() mutable {
        if (++n == 2 || n == 3)
            throw failure("no luck");
        return factory();
    };
    supervisor.addService(spec);
    supervisor.start();
    QTRY_COMPARE(supervisor.incidents().size(), 3);
    QTRY_COMPARE(supervisor.serviceInfo(text("b"))->state, State::Running);
    QCOMPARE(supervisor.incidents().at(1).cause, text("the factory of service b has failed: no luck"));
    QCOMPARE(supervisor.state(), State::Running);
}

void tst_SupervisorServices::oneThatGetsNoThreadIsAFailure()
{
    Crew crew;
    Supervisor supervisor;
    supervisor.addService(crew.spec(text("a")));
    auto spec = crew.spec(text("b"), failing(1));
    spec.factory = [factory = spec.factory, n = 0]() mutable {
        auto service = factory();
        if (++n == 2)
            service->setStackSize(1); // which no system takes
        return service;
    };
    supervisor.addService(spec);
    supervisor.start();
    QTRY_COMPARE(supervisor.serviceInfo(text("b"))->restartCount, 2);
    QTRY_COMPARE(supervisor.serviceInfo(text("b"))->state, State::Running);
    const auto incident = supervisor.incidents().constLast();
    QCOMPARE(incident.service, text("b"));
    QVERIFY2(incident.cause.contains(text("thread")), qPrintable(incident.cause));
    m_log->take(); // Qt's own word, and ours
}

void tst_SupervisorServices::theLastIncidentsAreKept()
{
    const TestClock clock;
    const Crew crew;
    Supervisor supervisor;
    supervisor.setIntensity({std::numeric_limits<int>::max(), 1s});
    supervisor.addService(crew.spec(text("a"), failing(150)));
    supervisor.start();
    QTRY_COMPARE(supervisor.serviceInfo(text("a"))->restartCount, 150);
    QCOMPARE(supervisor.incidents().size(), 100);
    QCOMPARE(supervisor.incidents().constFirst().number, 51U);
    QCOMPARE(supervisor.incidents().constLast().number, 150U);
}

QTEST_GUILESS_MAIN(tst_SupervisorServices)

#include "tst_supervisorservices.moc"
