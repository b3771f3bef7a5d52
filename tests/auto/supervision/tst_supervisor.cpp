// SPDX-License-Identifier: Apache-2.0
#include "crew.h"

#include <MicroIO/Test>
#include <MicroIO/Timeouts>

#include <QPointer>
#include <QSignalSpy>
#include <QtTest/QtTest>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::Crew;
using Tests::DeafSpec;
using Tests::fail;
using Tests::failing;
using Tests::failure;
using Tests::ScriptedService;
using Tests::started;
using Tests::text;
using State = ServiceThread::State;
using Strategy = Supervisor::Strategy;

namespace {

/// Takes its time to be ready and to stop.
Crew::Script slow(const EventLog &log, std::chrono::milliseconds time)
{
    return [log, time](ScriptedService &self, CancelScope scope, int) -> QCoro::Task<> {
        co_await scope.sleep(time);
        log.add(self.name());
        self.reportStarted();
        try {
            co_await scope.cancelled();
        } catch (const Cancelled &) {
        }
        co_await scope.shielded().sleep(time);
    };
}

} // namespace

/// How a supervisor starts, stops, and ends.
class tst_Supervisor : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init()
    {
        m_log.emplace();
        m_clock.emplace();
    }
    void cleanup()
    {
        m_clock.reset();
        QCOMPARE(Tests::complaints(*m_log), QStringList());
    }

    void startsInOrderAndStopsInReverse_data();
    void startsInOrderAndStopsInReverse();
    void aFailingStartStopsTheOthers();
    void whoIsNeverReadyFailsToStart();
    void stoppedWhileItStarts();
    void isStoppedBeforeItStarts();
    void runEndsWithTheStory();
    void runIsCancelled();
    void runTwiceIsRefused();
    void waitsEndWithTheSupervisor();
    void cancelledAtEveryWait();
    void aDeafServiceIsNamedAndKept_data();
    void aDeafServiceIsNamedAndKept();
    void oneLimitForAll();
    void stopJoinIsCancelled();
    void destroyedAtAnyTime_data();
    void destroyedAtAnyTime();
    void destroyedBySlots_data();
    void destroyedBySlots();
    void usedFromAnotherThread();
    void startNeverBlocks();

private:
    std::optional<Tests::MessageLog> m_log;
    std::optional<TestClock> m_clock;
};

// SV-01
void tst_Supervisor::startsInOrderAndStopsInReverse_data()
{
    QTest::addColumn<QString>("how");
    for (const char *how : {"blocking", "awaiting", "destroyed", "stop", "quit"})
        QTest::newRow(how) << text(how);
}

void tst_Supervisor::startsInOrderAndStopsInReverse()
{
    QFETCH(QString, how);
    const Crew crew;
    std::optional<Supervisor> supervisor(std::in_place);
    QSignalSpy states(&*supervisor, &Supervisor::stateChanged);
    for (const char *name : {"e", "c", "a", "d", "b"})
        supervisor->addService(crew.spec(text(name), slow(crew.log, 20ms)));
    QCOMPARE(supervisor->state(), State::Idle);
    supervisor->start();
    QCOMPARE(supervisor->state(), State::Starting);
    MICROIO_AWAIT(supervisor->waitStarted(CancelScope()));
    QCOMPARE(supervisor->state(), State::Running);
    QCOMPARE(crew.all(), text("+e e +c c +a a +d d +b b"));
    QCOMPARE(supervisor->serviceNames(),
             (QStringList{text("e"), text("c"), text("a"), text("d"), text("b")}));
    crew.log.clear();
    if (how == text("blocking")) {
        QVERIFY(supervisor->stopJoin(QDeadlineTimer(1000s)));
    } else if (how == text("awaiting")) {
        MICROIO_COMPARE_AWAIT(supervisor->stopJoin(CancelScope()), true);
    } else if (how == text("stop")) {
        supervisor->stop(text("lunch"));
        QCOMPARE(supervisor->instance(text("b"))->closeScope().reason(), text("lunch"));
        QTRY_COMPARE(supervisor->state(), State::Stopped);
    } else if (how == text("quit")) {
        supervisor->stopOnQuit(1000s);
        QMetaObject::invokeMethod(qApp, "aboutToQuit", Qt::DirectConnection);
    }
    if (how != text("destroyed")) {
        QCOMPARE(supervisor->state(), State::Stopped);
        QCOMPARE(states.count(), 4);
    }
    supervisor.reset();
    QCOMPARE(crew.all(), text("b) d) a) c) e)"));
}

// SV-02
void tst_Supervisor::aFailingStartStopsTheOthers()
{
    const Crew crew;
    Supervisor supervisor;
    supervisor.setObjectName(text("crew"));
    for (const char *name : {"a", "b"})
        supervisor.addService(crew.spec(text(name)));
    supervisor.addService(
        crew.spec(text("c"), [](ScriptedService &, CancelScope scope, int) -> QCoro::Task<> {
            co_await scope.sleep(1s);
            throw failure("no luck");
        }));
    for (const char *name : {"d", "e"})
        supervisor.addService(crew.spec(text(name)));
    QSignalSpy gaveUp(&supervisor, &Supervisor::gaveUp);
    QString error;
    const auto waiting = [&]() -> QCoro::Task<> {
        try {
            auto task = started(supervisor);
            co_await task;
        } catch (const ServiceError &) {
            error = describe(std::current_exception());
        }
    };
    MICROIO_AWAIT(waiting());
    QCOMPARE(error, text("supervisor crew has not started, because service c has not: no luck"));
    QCOMPARE(crew.all(), text("+a a +b b +c b) a)"));
    QCOMPARE(supervisor.state(), State::Failed);
    QCOMPARE(supervisor.errorString(), error);
    QCOMPARE(supervisor.serviceInfo(text("c"))->lastError, text("no luck"));
    QCOMPARE(supervisor.serviceInfo(text("d"))->state, State::Idle);
    QCOMPARE(gaveUp.count(), 1);
    MICROIO_VERIFY_THROWS(ServiceError, supervisor.waitStarted(CancelScope()));
}

void tst_Supervisor::whoIsNeverReadyFailsToStart()
{
    const Crew crew;
    Supervisor supervisor;
    supervisor.addService(crew.spec(text("a")));
    auto never = crew.spec(text("never"), [](ScriptedService &, CancelScope scope, int) -> QCoro::Task<> {
        co_await scope.cancelled();
    });
    never.startTimeout = 1h;
    supervisor.addService(never);
    MICROIO_VERIFY_THROWS(ServiceError, started(supervisor));
    QVERIFY(supervisor.errorString().contains(text("it was not ready within 3600000 ms")));
    QVERIFY(m_clock->elapsed() >= 1h && m_clock->elapsed() < 2h);
}

void tst_Supervisor::stoppedWhileItStarts()
{
    const Crew crew;
    Supervisor supervisor;
    supervisor.addService(crew.spec(text("a")));
    supervisor.addService(crew.spec(text("b"), slow(crew.log, 10ms)));
    supervisor.addService(crew.spec(text("c")));
    supervisor.start();
    const auto stopSoon = [&]() -> QCoro::Task<> {
        co_await CancelScope().sleep(5ms);
        supervisor.stop();
    };
    auto stopping = stopSoon();
    MICROIO_VERIFY_THROWS(ServiceError, supervisor.waitStarted(CancelScope()));
    QCOMPARE(crew.all(), text("+a a +b a)"));
    QCOMPARE(supervisor.state(), State::Stopped);
}

void tst_Supervisor::isStoppedBeforeItStarts()
{
    const Crew crew;
    Supervisor supervisor;
    supervisor.addService(crew.spec(text("a")));
    MICROIO_VERIFY_THROWS(ServiceError, supervisor.waitStarted(CancelScope()));
    QVERIFY(supervisor.stopJoin());
    QCOMPARE(supervisor.state(), State::Stopped);
    supervisor.start();
    QCOMPARE(
        m_log->take(),
        QStringList{text("critical microio.service: Supervisor without a name was started a second time; a "
                         "supervisor runs once.")});
    QVERIFY(!supervisor.startService(text("a")));
    QCOMPARE(crew.all(), QString());
}

// SV-25, SV-06
void tst_Supervisor::runEndsWithTheStory()
{
    const Crew crew;
    Supervisor supervisor;
    supervisor.setObjectName(text("crew"));
    supervisor.addService(crew.spec(text("a")));
    supervisor.addService(crew.spec(text("b"), failing(4, 10ms)));
    supervisor.addService(crew.spec(text("c")));
    QStringList restarts;
    connect(&supervisor, &Supervisor::serviceRestarted, this,
            [&](const QString &name, int count, const QString &reason) {
                restarts += QStringLiteral("%1 %2 %3").arg(name).arg(count).arg(reason);
            });
    QSignalSpy gaveUp(&supervisor, &Supervisor::gaveUp);
    std::exception_ptr error;
    const auto running = [&]() -> QCoro::Task<> {
        try {
            const CancelScope scope;
            auto task = supervisor.run(scope);
            co_await task;
        } catch (...) {
            error = std::current_exception();
        }
    };
    MICROIO_AWAIT(running());
    QCOMPARE(Tests::chainOf(error), text("ServiceError < boom"));
    const QString story = describe(error);
    QVERIFY2(story.contains(text("supervisor crew gave up")) && story.contains(text("3. b: boom (restarted)"))
                 && story.contains(text("4. b: boom (too many failures")),
             qPrintable(story));
    QCOMPARE(restarts, (QStringList{text("b 1 boom"), text("b 2 boom"), text("b 3 boom")}));
    QCOMPARE(gaveUp.count(), 1);
    QCOMPARE(gaveUp.first().first().toString(), story);
    QCOMPARE(supervisor.incidents().size(), 4);
    QCOMPARE(supervisor.incidents().constLast().number, 4U);
    QCOMPARE(supervisor.incidents().constLast().service, text("b"));
    QCOMPARE(supervisor.incidents().constLast().uptime, 10ms);
    QVERIFY(crew.all().endsWith(text("c) a)")));
}

void tst_Supervisor::runIsCancelled()
{
    const Crew crew;
    Supervisor supervisor;
    supervisor.addService(crew.spec(text("a")));
    supervisor.addService(crew.spec(text("b"), slow(crew.log, 50ms)));
    const CancelScope scope = CancelScope().child(now() + 1h);
    MICROIO_VERIFY_THROWS(Cancelled, supervisor.run(scope));
    QCOMPARE(crew.all(), text("+a a +b b b) a)"));
    QCOMPARE(supervisor.state(), State::Stopped);
    QCOMPARE(m_clock->elapsed(), 1h + 50ms);

    Supervisor never;
    never.addService(crew.spec(text("c")));
    MICROIO_VERIFY_THROWS(Cancelled, never.run(scope));
    QCOMPARE(never.state(), State::Idle);
}

void tst_Supervisor::runTwiceIsRefused()
{
    const Crew crew;
    Supervisor supervisor;
    supervisor.addService(crew.spec(text("a")));
    const CancelScope scope;
    auto first = supervisor.run(scope);
    MICROIO_VERIFY_THROWS(std::logic_error, supervisor.run(scope));
    MICROIO_AWAIT(supervisor.waitStarted(scope));
    supervisor.stop();
    MICROIO_AWAIT(first);
    MICROIO_VERIFY_THROWS(std::logic_error, supervisor.run(scope));
}

// invariant 7
void tst_Supervisor::waitsEndWithTheSupervisor()
{
    const Crew crew;
    auto supervisor = std::make_unique<Supervisor>();
    supervisor->addService(crew.spec(text("a"), slow(crew.log, 1h)));
    const CancelScope scope;
    auto running = supervisor->run(scope);
    auto waiting = supervisor->waitStarted(scope);
    supervisor.reset();
    MICROIO_AWAIT(running);
    MICROIO_VERIFY_THROWS(ServiceError, waiting);
}

void tst_Supervisor::cancelledAtEveryWait()
{
    const Crew crew;
    const auto all = [&](CancelScope scope) -> QCoro::Task<> {
        Supervisor supervisor;
        supervisor.addService(crew.spec(text("a")));
        supervisor.addService(crew.spec(text("b")));
        supervisor.start();
        auto starting = supervisor.waitStarted(scope);
        co_await starting;
        auto stopping = supervisor.stopJoin(scope);
        co_await stopping;
    };
    QVERIFY(cancelAtEveryWait(all) >= 2);
}

// SV-13, D9
void tst_Supervisor::aDeafServiceIsNamedAndKept_data()
{
    QTest::addColumn<QString>("how");
    for (const char *how : {"blocking", "awaiting", "own limit"})
        QTest::newRow(how) << text(how);
}

void tst_Supervisor::aDeafServiceIsNamedAndKept()
{
    QFETCH(QString, how);
    const Crew crew;
    DeafSpec deaf(text("deaf"));
    auto supervisor = std::make_unique<Supervisor>();
    supervisor->addService(crew.spec(text("a")));
    deaf.spec.stopTimeout = how == text("own limit") ? 200ms : 10s;
    supervisor->addService(deaf.spec);
    supervisor->addService(crew.spec(text("c")));
    MICROIO_AWAIT(started(*supervisor));
    const QPointer<ServiceThread> thread = supervisor->instance(text("deaf"));
    const auto begin = m_clock->elapsed();
    if (how == text("blocking"))
        QVERIFY(!supervisor->stopJoin(QDeadlineTimer(200ms)));
    else if (how == text("awaiting"))
        MICROIO_COMPARE_AWAIT(supervisor->stopJoin(CancelScope().child(now() + 200ms)), false);
    else
        MICROIO_COMPARE_AWAIT(supervisor->stopJoin(CancelScope()), false);
    const auto took = m_clock->elapsed() - begin;
    QVERIFY2(took >= 199ms && took <= 201ms, qPrintable(QString::number(took.count())));
    QCOMPARE(supervisor->state(), State::Stopped);
    QCOMPARE(supervisor->unresponsive(), QStringList{text("deaf")});
    QCOMPARE(supervisor->incidents().last().service, text("deaf"));
    QVERIFY(crew.all().endsWith(text("c) a)")));
    QCOMPARE(m_log->take(),
             QStringList{text(
                 "critical microio.service: Service deaf has not ended within the time limit; it runs on.")});
    QCOMPARE(deaf.running(), 1);
    deaf.letGo();
    QTRY_VERIFY(!thread);
    QCOMPARE(supervisor->unresponsive(), QStringList());
}

void tst_Supervisor::oneLimitForAll()
{
    std::vector<std::unique_ptr<DeafSpec>> all;
    Supervisor supervisor;
    for (const char *name : {"x", "y", "z"}) {
        all.push_back(std::make_unique<DeafSpec>(text(name)));
        supervisor.addService(all.back()->spec);
    }
    MICROIO_AWAIT(started(supervisor));
    const auto begin = m_clock->elapsed();
    QVERIFY(!supervisor.stopJoin(QDeadlineTimer(300ms)));
    const auto took = m_clock->elapsed() - begin;
    QVERIFY(took >= 299ms && took <= 301ms);
    QCOMPARE(supervisor.unresponsive(), (QStringList{text("x"), text("y"), text("z")}));
    QCOMPARE(m_log->take().size(), 3);
    QVERIFY(!supervisor.stopJoin(QDeadlineTimer(300ms))); // and again
    all.clear();
    QTRY_COMPARE(supervisor.unresponsive(), QStringList());
    QVERIFY(supervisor.stopJoin(QDeadlineTimer(300ms)));
}

void tst_Supervisor::stopJoinIsCancelled()
{
    const Crew crew;
    DeafSpec deaf(text("deaf"));
    Supervisor supervisor;
    supervisor.addService(crew.spec(text("a")));
    deaf.spec.stopTimeout = std::chrono::milliseconds::max();
    supervisor.addService(deaf.spec);
    MICROIO_AWAIT(started(supervisor));
    const CancelScope scope;
    auto stopping = supervisor.stopJoin(scope);
    QCOMPARE(supervisor.serviceInfo(text("a"))->state, State::Running); // the deaf one holds it up
    scope.cancel(text("hurry"));
    MICROIO_VERIFY_THROWS(Cancelled, stopping);
    QTRY_COMPARE(supervisor.serviceInfo(text("a"))->state, State::Stopped);
    QCOMPARE(supervisor.state(), State::Stopping);
    deaf.letGo();
    QTRY_COMPARE(supervisor.state(), State::Stopped);
}

void tst_Supervisor::destroyedAtAnyTime_data()
{
    QTest::addColumn<QString>("when");
    for (const char *when : {"idle", "starting", "running", "backing off", "stopping", "failed"})
        QTest::newRow(when) << text(when);
}

void tst_Supervisor::destroyedAtAnyTime()
{
    QFETCH(QString, when);
    const Crew crew;
    std::optional<Supervisor> supervisor(std::in_place, Strategy::OneForAll);
    if (when == text("backing off")) {
        Supervisor::Backoff backoff;
        backoff.initial = 1h;
        backoff.maximum = 1h;
        supervisor->setBackoff(backoff);
    } else {
        supervisor->setIntensity({0, 1s});
    }
    supervisor->addService(crew.spec(text("a")));
    supervisor->addService(crew.spec(text("b"), slow(crew.log, when == text("starting") ? 1h : 0h)));
    if (when != text("idle"))
        supervisor->start();
    if (when != text("idle") && when != text("starting"))
        MICROIO_AWAIT(supervisor->waitStarted(CancelScope()));
    if (when == text("failed") || when == text("backing off")) {
        fail(*supervisor, "a");
        QTRY_COMPARE(supervisor->incidents().size(), 1);
        if (when == text("failed"))
            QTRY_COMPARE(supervisor->state(), State::Failed);
    }
    if (when == text("stopping"))
        supervisor->stop();
    supervisor.reset();
    QVERIFY(crew.isGone());
}

void tst_Supervisor::destroyedBySlots_data()
{
    QTest::addColumn<QString>("by");
    for (const char *by : {"stateChanged", "Running", "serviceStateChanged", "serviceReplaced",
                           "serviceRestarted", "servicesChanged", "incidentAdded", "gaveUp", "factory"})
        QTest::newRow(by) << text(by);
}

void tst_Supervisor::destroyedBySlots()
{
    QFETCH(QString, by);
    const Crew crew;
    auto *supervisor = new Supervisor;
    const QPointer<Supervisor> alive(supervisor);
    supervisor->setIntensity({1, 1h});
    const auto destroy = [supervisor, &alive] {
        if (alive)
            delete supervisor;
    };
    if (by == text("stateChanged"))
        connect(supervisor, &Supervisor::stateChanged, this, destroy);
    if (by == text("Running"))
        connect(supervisor, &Supervisor::stateChanged, this, [destroy](State state) {
            if (state == State::Running)
                destroy();
        });
    if (by == text("serviceStateChanged"))
        connect(supervisor, &Supervisor::serviceStateChanged, this, destroy);
    if (by == text("serviceReplaced"))
        connect(supervisor, &Supervisor::serviceReplaced, this, destroy);
    if (by == text("serviceRestarted"))
        connect(supervisor, &Supervisor::serviceRestarted, this, destroy);
    if (by == text("incidentAdded"))
        connect(supervisor, &Supervisor::incidentAdded, this, destroy);
    if (by == text("gaveUp"))
        connect(supervisor, &Supervisor::gaveUp, this, destroy);
    supervisor->addService(crew.spec(text("a"), failing(9, 10ms)));
    auto temporary = crew.spec(text("b"), failing(1));
    temporary.restart = Supervisor::Restart::Temporary;
    if (by == text("factory")) {
        temporary.factory = [destroy, factory = temporary.factory] {
            destroy();
            return factory();
        };
    }
    supervisor->addService(temporary);
    if (by == text("servicesChanged"))
        connect(supervisor, &Supervisor::servicesChanged, this, destroy);
    supervisor->start();
    QTRY_VERIFY(!alive);
    QVERIFY(crew.isGone());
}

// invariant 13
void tst_Supervisor::usedFromAnotherThread()
{
    const Crew crew;
    Supervisor supervisor;
    supervisor.addService(crew.spec(text("a")));
    MICROIO_AWAIT(started(supervisor));
    auto &service = *static_cast<ScriptedService *>(supervisor.instance(text("a")));
    const auto inside = [&](const std::function<void()> &function) {
        return service.callSync([&] { return Tests::chainThrownBy(function); });
    };
    QCOMPARE(inside([&] { supervisor.stopJoin(QDeadlineTimer(1s)); }), text("WrongThreadError"));
    QCOMPARE(inside([&] { supervisor.stop(); }), text("WrongThreadError"));
    QCOMPARE(inside([&] { supervisor.stopService(text("a")); }), text("WrongThreadError"));
    QCOMPARE(inside([&] { supervisor.addService({}); }), text("WrongThreadError"));
    QCOMPARE(supervisor.state(), State::Running);
}

void tst_Supervisor::startNeverBlocks()
{
    const Crew crew;
    Supervisor supervisor;
    supervisor.addService(crew.spec(text("a"), slow(crew.log, 1h)));
    supervisor.start();
    QCOMPARE(m_clock->elapsed(), 0ns);
    supervisor.stop();
    QCOMPARE(m_clock->elapsed(), 0ns);
    QCOMPARE(supervisor.state(), State::Stopping);
    QTRY_COMPARE(supervisor.state(), State::Stopped);
}

QTEST_GUILESS_MAIN(tst_Supervisor)

#include "tst_supervisor.moc"
