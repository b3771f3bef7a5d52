// SPDX-License-Identifier: Apache-2.0
#include "../supervision/crew.h"

#include <MicroIO/Channel>
#include <MicroIO/ServiceStatus>
#include <MicroIO/Test>

#include <QMetaEnum>
#include <QtTest/QtTest>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::chainFrom;
using Tests::Crew;
using Tests::DeafSpec;
using Tests::failing;
using Tests::failure;
using Tests::outcomeOf;
using Tests::ScriptedService;
using Tests::started;
using Tests::text;
using State = ServiceStatus::State;
using Strategy = Supervisor::Strategy;

namespace {

QString nameOf(State state)
{
    return text(QMetaEnum::fromType<State>().valueToKey(int(state)));
}

/// The state, how often it was restarted and what it failed with: "Waiting 1 boom".
QString shown(const ServiceStatus &status)
{
    return text("%1 %2 %3")
        .arg(nameOf(status.state()))
        .arg(status.restartCount())
        .arg(status.errorString())
        .trimmed();
}

Supervisor::Backoff backoff(std::chrono::milliseconds initial)
{
    Supervisor::Backoff made;
    made.initial = initial;
    return made;
}

/// The first instance is ready, and every later one fails before it is.
Crew::Script readyOnce()
{
    return [](ScriptedService &self, CancelScope, int n) -> QCoro::Task<> {
        if (n > 1)
            throw failure("boom");
        self.reportStarted();
        co_return;
    };
}

/// Everything that a status told, without states that the service is in for too short a time to be seen for sure.
class Told : public QObject
{
public:
    explicit Told(const ServiceStatus &status)
    {
        connect(&status, &ServiceStatus::changed, this, [this, &status] {
            const bool isPassing = status.state() == State::Starting || status.state() == State::Stopping
                                   || status.state() == State::Failed;
            if (!isPassing && (m_log.isEmpty() || m_log.last() != shown(status)))
                m_log += shown(status);
        });
    }
    QString log() const { return m_log.join(text(", ")); }

private:
    QStringList m_log;
};

} // namespace

/// What a status says of the services of a supervisor, and what can be done by it.
class tst_SupervisedStatus : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init()
    {
        m_log.emplace();
        m_leftovers.emplace();
        m_clock.emplace();
    }
    void cleanup()
    {
        m_clock.reset();
        m_leftovers.reset();
        QCOMPARE(Tests::complaints(*m_log), QStringList());
    }

    void aCrashLoopIsShownTruthfully();
    void siblingsWaitToo();
    void aPauseIsAWait();
    void waitingEnds_data();
    void waitingEnds();
    void restartEndsWhenANewInstanceIsReady();
    void startAndStopByHand();
    void startWaitsForItsTurn();
    void startOfOneThatStopsIsAnotherInstance();
    void aRestartThatFailsSaysWhy_data();
    void aRestartThatFailsSaysWhy();
    void whatIsNotStartedAgainEndsTheWait();
    void aDeafServiceIsNotStopped();
    void aSupervisorThatDoesNotRunIsNotAsked();
    void aTemporaryServiceIsGoneWhenItIsStopped();
    void figuresAreThoseOfTheInstance();
    void aSupervisorBelowIsAService();
    void aSupervisorMayGoAtAnyTime();
    void aDestroyedStatusWaitsForNothing();
    void anOrderInsideASlotIsCarriedOut();
    void aSupervisorOfAnotherThread();

private:
    std::optional<Tests::MessageLog> m_log;
    std::optional<LeftoverGuard> m_leftovers;
    std::optional<TestClock> m_clock;
};

void tst_SupervisedStatus::aCrashLoopIsShownTruthfully()
{
    Crew crew;
    Supervisor supervisor;
    supervisor.setBackoff(backoff(1s));
    supervisor.addService(crew.spec(text("a"), failing(3, 100ms)));
    const ServiceStatus status(&supervisor, text("a"));
    QCOMPARE(status.source(), &supervisor);
    QCOMPARE(shown(status), text("Idle 0"));
    QVERIFY(!status.canRestart());
    const Told told(status);
    MICROIO_AWAIT(started(supervisor));
    CancelScope scope;
    MICROIO_AWAIT(scope.sleep(200ms));
    QVERIFY(status.canRestart());
    QCOMPARE(shown(status), text("Waiting 0 boom"));
    QCOMPARE(status.stateText(), text("waiting to be restarted"));
    MICROIO_AWAIT(scope.sleep(1min));
    QCOMPARE(told.log(), text("Running 0, Waiting 0 boom, Running 1 boom, Waiting 1 boom, Running 2 boom, "
                              "Waiting 2 boom, Running 3 boom"));
    supervisor.stop();
    QTRY_COMPARE(shown(status), text("Stopped 3 boom"));
    QVERIFY(!status.canRestart());
}

void tst_SupervisedStatus::siblingsWaitToo()
{
    Crew crew;
    Supervisor supervisor(Strategy::RestForOne);
    supervisor.setBackoff(backoff(1s));
    auto done = crew.spec(text("done"), [](ScriptedService &self, CancelScope, int n) -> QCoro::Task<> {
        self.reportStarted();
        if (n == 1)
            self.stop();
        co_return;
    });
    done.restart = Supervisor::Restart::Transient;
    supervisor.addService(crew.spec(text("before")));
    supervisor.addService(crew.spec(text("fails"), failing(1, 1s)));
    supervisor.addService(crew.spec(text("after")));
    supervisor.addService(done);
    std::vector<std::unique_ptr<ServiceStatus>> all;
    for (const auto *name : {"before", "fails", "after", "done"})
        all.push_back(std::make_unique<ServiceStatus>(&supervisor, text(name)));
    const auto states = [&] {
        QStringList names;
        for (const auto &status : all)
            names += nameOf(status->state());
        return names.join(QLatin1Char(' '));
    };
    MICROIO_AWAIT(started(supervisor));
    CancelScope scope;
    MICROIO_AWAIT(scope.sleep(500ms));
    QCOMPARE(states(), text("Running Running Running Stopped"));
    MICROIO_AWAIT(scope.sleep(1s));
    QCOMPARE(states(), text("Running Waiting Waiting Waiting"));
    MICROIO_AWAIT(scope.sleep(1s));
    QCOMPARE(states(), text("Running Running Running Running"));
}

void tst_SupervisedStatus::aPauseIsAWait()
{
    Crew crew;
    Supervisor supervisor;
    supervisor.setIntensity({0, 1s});
    supervisor.setOnLimit(Supervisor::OnLimit::Pause);
    supervisor.addService(crew.spec(text("a"), failing(1)));
    const ServiceStatus status(&supervisor, text("a"));
    MICROIO_AWAIT(started(supervisor));
    CancelScope scope;
    MICROIO_AWAIT(scope.sleep(30s));
    QCOMPARE(shown(status), text("Waiting 0 boom"));
    MICROIO_AWAIT(scope.sleep(31s));
    QCOMPARE(shown(status), text("Running 1 boom"));
}

void tst_SupervisedStatus::waitingEnds_data()
{
    QTest::addColumn<QString>("by");
    QTest::addColumn<QString>("then");
    QTest::newRow("stop") << "stop"
                          << "Failed 0 boom";
    QTest::newRow("start") << "start"
                           << "Running 0 boom";
    QTest::newRow("restart") << "restart"
                             << "Running 0 boom";
    QTest::newRow("the stop of all") << "all"
                                     << "Failed 0 boom";
    QTest::newRow("removal") << "remove"
                             << "Absent 0";
}

void tst_SupervisedStatus::waitingEnds()
{
    QFETCH(QString, by);
    QFETCH(QString, then);
    Crew crew;
    Supervisor supervisor;
    supervisor.setBackoff(backoff(1min));
    supervisor.addService(crew.spec(text("a"), failing(1)));
    ServiceStatus status(&supervisor, text("a"));
    MICROIO_AWAIT(started(supervisor));
    CancelScope scope;
    MICROIO_AWAIT(scope.sleep(1s));
    QCOMPARE(shown(status), text("Waiting 0 boom"));
    if (by == text("stop"))
        MICROIO_AWAIT(status.stop());
    else if (by == text("start"))
        MICROIO_AWAIT(status.start());
    else if (by == text("restart"))
        MICROIO_AWAIT(status.restart());
    else if (by == text("all"))
        supervisor.stop();
    else
        QVERIFY(supervisor.removeService(text("a")));
    MICROIO_AWAIT(scope.sleep(1s));
    QCOMPARE(shown(status), then);
    QVERIFY(m_clock->elapsed() < 1min);
}

void tst_SupervisedStatus::restartEndsWhenANewInstanceIsReady()
{
    Crew crew;
    Supervisor supervisor;
    const auto slow = [](ScriptedService &self, CancelScope scope, int) -> QCoro::Task<> {
        co_await scope.sleep(1s);
        self.reportStarted();
    };
    supervisor.addService(crew.spec(text("a"), slow));
    supervisor.addService(crew.spec(text("b")));
    ServiceStatus status(&supervisor, text("a"));
    MICROIO_AWAIT(started(supervisor));
    crew.take();
    QSignalSpy replaced(&supervisor, &Supervisor::serviceReplaced);
    MICROIO_AWAIT(status.restart());
    QCOMPARE(m_clock->elapsed(), 2s);
    QCOMPARE(supervisor.serviceInfo(text("a"))->state, ServiceThread::State::Running);
    QCOMPARE(replaced.count(), 1);
    QCOMPARE(crew.take(), text("a) +a")); // the sibling is left alone
    QTRY_COMPARE(shown(status), text("Running 0"));
}

void tst_SupervisedStatus::startAndStopByHand()
{
    Crew crew;
    Supervisor supervisor;
    supervisor.addService(crew.spec(text("a")));
    ServiceStatus status(&supervisor, text("a"));
    MICROIO_AWAIT(started(supervisor));
    MICROIO_AWAIT(status.start()); // it is
    QCOMPARE(crew.take(), text("+a a"));
    MICROIO_AWAIT(status.stop());
    QCOMPARE(supervisor.serviceInfo(text("a"))->state, ServiceThread::State::Stopped);
    MICROIO_AWAIT(status.stop()); // it has
    CancelScope scope;
    MICROIO_AWAIT(scope.sleep(1min));
    QCOMPARE(shown(status), text("Stopped 0"));
    QVERIFY(status.canRestart());
    QCOMPARE(crew.take(), text("a)"));
    MICROIO_AWAIT(status.start());
    QCOMPARE(crew.take(), text("+a a"));
    QTRY_COMPARE(shown(status), text("Running 0"));
}

void tst_SupervisedStatus::startWaitsForItsTurn()
{
    Crew crew;
    Supervisor supervisor;
    const auto slow = [](ScriptedService &self, CancelScope scope, int) -> QCoro::Task<> {
        co_await scope.sleep(1s);
        self.reportStarted();
    };
    supervisor.addService(crew.spec(text("a"), slow));
    supervisor.addService(crew.spec(text("b"), slow));
    ServiceStatus status(&supervisor, text("b"));
    supervisor.start();
    auto starting = status.start();
    CancelScope scope;
    MICROIO_AWAIT(scope.sleep(500ms));
    QCOMPARE(shown(status), text("Idle 0"));
    MICROIO_AWAIT(std::move(starting));
    QCOMPARE(m_clock->elapsed(), 2s);
}

void tst_SupervisedStatus::startOfOneThatStopsIsAnotherInstance()
{
    Crew crew;
    Supervisor supervisor;
    supervisor.addService(crew.spec(text("a")));
    ServiceStatus status(&supervisor, text("a"));
    MICROIO_AWAIT(started(supervisor));
    supervisor.stopService(text("a"));
    MICROIO_AWAIT(status.start());
    QCOMPARE(crew.take(), text("+a a a) +a a"));
}

void tst_SupervisedStatus::aRestartThatFailsSaysWhy_data()
{
    QTest::addColumn<bool>("byTheFactory");
    QTest::newRow("before it is ready") << false;
    QTest::newRow("the factory") << true;
}

void tst_SupervisedStatus::aRestartThatFailsSaysWhy()
{
    QFETCH(bool, byTheFactory);
    Crew crew;
    Supervisor supervisor;
    supervisor.setBackoff(backoff(1min));
    auto spec = crew.spec(text("a"), byTheFactory ? Crew::Script() : readyOnce());
    if (byTheFactory) {
        const auto make = spec.factory;
        spec.factory = [make, n = 0]() mutable {
            if (++n > 1)
                throw failure("boom");
            return make();
        };
    }
    supervisor.addService(spec);
    ServiceStatus status(&supervisor, text("a"));
    MICROIO_AWAIT(started(supervisor));
    const QString chain = chainFrom(status.restart());
    QCOMPARE(chain, byTheFactory ? text("ServiceError < ServiceError < boom") : text("ServiceError < boom"));
    CancelScope scope;
    MICROIO_AWAIT(scope.sleep(1s));
    QCOMPARE(status.state(), State::Waiting);
    QVERIFY2(status.errorString().endsWith(text("boom")), qPrintable(status.errorString()));
    QVERIFY(m_clock->elapsed() < 1min);
}

void tst_SupervisedStatus::whatIsNotStartedAgainEndsTheWait()
{
    Crew crew;
    Supervisor supervisor;
    const auto stubborn = [](ScriptedService &self, CancelScope scope, int) -> QCoro::Task<> {
        self.reportStarted();
        try {
            co_await scope.cancelled();
        } catch (const Cancelled &) {
        }
        throw DoNotRestart(text("enough"));
    };
    supervisor.addService(crew.spec(text("a"), stubborn));
    supervisor.addService(crew.spec(text("b")));
    ServiceStatus status(&supervisor, text("a"));
    MICROIO_AWAIT(started(supervisor));
    supervisor.stopService(text("a"));
    auto starting = status.start();
    supervisor.stopService(text("a")); // after all
    QCOMPARE(chainFrom(std::move(starting)), text("nothing"));
    CancelScope scope;
    auto restarting = status.restart();
    MICROIO_AWAIT(scope.sleep(0ms));
    QVERIFY(supervisor.stopService(text("a")));
    QCOMPARE(outcomeOf(std::move(restarting)), text("service a has ended, and is not started again"));
    QTRY_COMPARE(shown(status), text("Failed 0 enough"));
}

void tst_SupervisedStatus::aDeafServiceIsNotStopped()
{
    DeafSpec deaf(text("deaf"));
    Supervisor supervisor;
    supervisor.addService(deaf.spec);
    ServiceStatus status(&supervisor, text("deaf"));
    MICROIO_AWAIT(started(supervisor));
    QCOMPARE(outcomeOf(status.stop()),
             text("service deaf has not stopped within its time limit; it runs on, set aside"));
    QCOMPARE(m_clock->elapsed(), 5s);
    QTRY_COMPARE(status.state(), State::Stopping);
    MICROIO_AWAIT(status.restart()); // beside it
    QTRY_COMPARE(deaf.running(), 2);
    QTRY_COMPARE(status.state(), State::Running);
    QCOMPARE(Tests::complaints(*m_log).size(), 1); // it runs on
    deaf.letGo();
    QTRY_COMPARE(supervisor.unresponsive(), QStringList());
}

void tst_SupervisedStatus::aSupervisorThatDoesNotRunIsNotAsked()
{
    Crew crew;
    Supervisor supervisor;
    supervisor.setObjectName(text("boss"));
    const auto slow = [](ScriptedService &self, CancelScope scope, int) -> QCoro::Task<> {
        self.reportStarted();
        try {
            co_await scope.cancelled();
        } catch (const Cancelled &) {
        }
        co_await scope.shielded().sleep(1s);
    };
    supervisor.addService(crew.spec(text("a"), slow));
    ServiceStatus status(&supervisor, text("a"));
    const QString idle = text("service a: its supervisor boss was not started; start that first");
    QCOMPARE(outcomeOf(status.start()), idle);
    QCOMPARE(outcomeOf(status.restart()), idle);
    QCOMPARE(outcomeOf(status.stop()), text("ended"));
    MICROIO_AWAIT(started(supervisor));
    supervisor.stop();
    auto stopping = status.stop();
    QCOMPARE(outcomeOf(status.restart()), text("service a: its supervisor boss is being stopped"));
    QCOMPARE(outcomeOf(std::move(stopping)), text("ended"));
    QTRY_COMPARE(supervisor.state(), ServiceThread::State::Stopped);
    QCOMPARE(outcomeOf(status.start()), text("service a: its supervisor boss has ended"));
    QCOMPARE(outcomeOf(status.stop()), text("ended"));
    QTRY_COMPARE(shown(status), text("Stopped 0"));
}

void tst_SupervisedStatus::aTemporaryServiceIsGoneWhenItIsStopped()
{
    Crew crew;
    Supervisor supervisor;
    auto spec = crew.spec(text("a"));
    spec.restart = Supervisor::Restart::Temporary;
    supervisor.addService(spec);
    ServiceStatus status(&supervisor, text("a"));
    MICROIO_AWAIT(started(supervisor));
    QTRY_COMPARE(status.state(), State::Running);
    MICROIO_AWAIT(status.stop());
    QTRY_COMPARE(shown(status), text("Absent 0"));
    QVERIFY(!status.canRestart());
    QCOMPARE(outcomeOf(status.start()), text("there is no service \"a\", or no more"));
    supervisor.addService(spec); // another one of that name
    QTRY_COMPARE(status.state(), State::Running);
}

void tst_SupervisedStatus::figuresAreThoseOfTheInstance()
{
    auto channel = createChannel<int>();
    channel.send.sendNow(1);
    Crew crew;
    Supervisor supervisor;
    const auto watching = [&](ScriptedService &self, CancelScope, int n) -> QCoro::Task<> {
        if (n == 2)
            self.watch(text("jobs"), channel.receive);
        self.reportStarted();
        co_return;
    };
    supervisor.addService(crew.spec(text("a"), watching));
    ServiceStatus status(&supervisor, text("a"));
    MICROIO_AWAIT(started(supervisor));
    CancelScope scope;
    MICROIO_AWAIT(scope.sleep(1h));
    status.refresh();
    QTRY_VERIFY(status.uptime() >= 3'600'000);
    QCOMPARE(status.queuedItems(), 0);
    MICROIO_AWAIT(status.restart());
    QTRY_COMPARE(status.queuedItems(), 1);
    QVERIFY(status.uptime() < 1000);
}

void tst_SupervisedStatus::aSupervisorBelowIsAService()
{
    Crew crew;
    Supervisor supervisor;
    supervisor.setBackoff(backoff(1s));
    Supervisor::SupervisorSpec inner;
    inner.name = text("inner");
    inner.factory = [&crew] {
        auto made = std::make_unique<Supervisor>();
        made->setIntensity({0, 1s});
        made->addService(crew.spec(text("leaf"), failing(1, 10s)));
        return made;
    };
    supervisor.addSupervisor(inner);
    ServiceStatus status(&supervisor, text("inner"));
    MICROIO_AWAIT(started(supervisor));
    CancelScope scope;
    MICROIO_AWAIT(scope.sleep(9s));
    QCOMPARE(shown(status), text("Running 0"));
    status.refresh();
    MICROIO_AWAIT(scope.sleep(100ms));
    QCOMPARE(status.uptime() / 1000, 9);
    MICROIO_AWAIT(scope.sleep(1500ms));
    QCOMPARE(status.state(), State::Waiting);
    QVERIFY2(status.errorString().contains(text("too many restarts")), qPrintable(status.errorString()));
    MICROIO_AWAIT(scope.sleep(1s));
    QCOMPARE(status.state(), State::Running);
    QCOMPARE(status.restartCount(), 1);
    crew.take();
    MICROIO_AWAIT(status.restart());
    QCOMPARE(crew.take(), text("+leaf"));
    MICROIO_AWAIT(status.stop());
    QTRY_COMPARE(status.state(), State::Stopped);
}

void tst_SupervisedStatus::aSupervisorMayGoAtAnyTime()
{
    Crew crew;
    auto supervisor = std::make_unique<Supervisor>();
    const auto slow = [](ScriptedService &self, CancelScope scope, int n) -> QCoro::Task<> {
        if (n > 1)
            co_await scope.sleep(1h);
        self.reportStarted();
    };
    supervisor->addService(crew.spec(text("a"), slow));
    ServiceStatus status(supervisor.get(), text("a"));
    MICROIO_AWAIT(started(*supervisor));
    QTRY_COMPARE(status.state(), State::Running);
    auto waiting = status.restart();
    CancelScope scope;
    MICROIO_AWAIT(scope.sleep(1s));
    auto notTaken = status.restart(); // it is on its way
    supervisor.reset();
    QCOMPARE(chainFrom(std::move(waiting)), text("ServiceError"));
    QCOMPARE(chainFrom(std::move(notTaken)), text("ServiceError"));
    QTRY_COMPARE(shown(status), text("Absent 0"));
    QCOMPARE(status.source(), nullptr);
    QCOMPARE(outcomeOf(status.start()), text("there is no service \"a\", or no more"));
}

void tst_SupervisedStatus::aDestroyedStatusWaitsForNothing()
{
    Crew crew;
    Supervisor supervisor;
    supervisor.addService(crew.spec(text("a")));
    auto status = std::make_unique<ServiceStatus>(&supervisor, text("a"));
    MICROIO_AWAIT(started(supervisor));
    crew.take();
    auto restarting = status->restart();
    status->restart(); // nobody waits for this one
    status.reset();
    MICROIO_VERIFY_THROWS(Cancelled, std::move(restarting));
    QTRY_COMPARE(crew.all().left(7), text("a) +a a")); // what was asked for happens
}

/// A slot that opens an event loop, a modal dialog say: the supervisor goes on.
void tst_SupervisedStatus::anOrderInsideASlotIsCarriedOut()
{
    Crew crew;
    Supervisor supervisor;
    supervisor.addService(crew.spec(text("a")));
    ServiceStatus status(&supervisor, text("a"));
    std::optional<QCoro::Task<>> restarting;
    bool hasReturned = false;
    connect(&supervisor, &Supervisor::stateChanged, this, [&](ServiceThread::State state) {
        if (state != ServiceThread::State::Running)
            return;
        restarting.emplace(status.restart());
        QVERIFY(waitUntilIdle());
        QCOMPARE(crew.all(), text("+a a a) +a a"));
        hasReturned = true;
    });
    MICROIO_AWAIT(started(supervisor));
    QTRY_VERIFY(hasReturned);
    MICROIO_AWAIT(std::move(*restarting));
    QCOMPARE(crew.all(), text("+a a a) +a a"));
}

void tst_SupervisedStatus::aSupervisorOfAnotherThread()
{
    Crew crew;
    auto host = Tests::startScripted();
    auto *supervisor = host->callSync([&] {
        auto *made = new Supervisor(Strategy::OneForOne, host->context());
        made->setBackoff(backoff(1min));
        made->addService(crew.spec(text("a"), failing(1, 10s)));
        made->start();
        return made;
    });
    ServiceStatus status(supervisor, text("a"));
    MICROIO_AWAIT(status.start());
    CancelScope scope;
    MICROIO_AWAIT(scope.sleep(1s));
    QCOMPARE(shown(status), text("Running 0"));
    MICROIO_AWAIT(scope.sleep(10s));
    QCOMPARE(shown(status), text("Waiting 0 boom"));
    crew.take();
    MICROIO_AWAIT(status.start());
    QCOMPARE(crew.take(), text("+a"));
    MICROIO_AWAIT(status.restart());
    QTRY_COMPARE(shown(status), text("Running 0 boom"));
    MICROIO_AWAIT(status.stop());
    QTRY_COMPARE(status.state(), State::Stopped);

    auto starting = status.start();
    host->stop();
    QVERIFY(host->joinOrLog());
    const QString outcome = outcomeOf(std::move(starting)); // it may have been taken before, or not
    QVERIFY2(outcome == text("ended") || outcome.contains(text("service")), qPrintable(outcome));
    QTRY_COMPARE(status.state(), State::Absent);
    host.reset();
    QCOMPARE(outcomeOf(status.start()), text("there is no service \"a\", or no more"));
}

QTEST_GUILESS_MAIN(tst_SupervisedStatus)

#include "tst_supervisedstatus.moc"
