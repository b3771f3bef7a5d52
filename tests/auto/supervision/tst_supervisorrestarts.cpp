// SPDX-License-Identifier: Apache-2.0
#include "crew.h"

#include <MicroIO/Test>

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
using Restart = Supervisor::Restart;

namespace {

/// When its instances were ready, in seconds.
Crew::Script timed(const EventLog &log, int failures, std::chrono::milliseconds delay = {})
{
    return [log, failures, delay](ScriptedService &self, CancelScope scope, int n) -> QCoro::Task<> {
        log.add(self.name());
        self.reportStarted();
        if (n > failures)
            co_return;
        co_await scope.sleep(delay);
        throw failure("boom");
    };
}

Supervisor::Backoff backoff(std::chrono::milliseconds initial, std::chrono::milliseconds maximum)
{
    Supervisor::Backoff made;
    made.initial = initial;
    made.maximum = maximum;
    return made;
}

QString statesOf(const Supervisor &supervisor)
{
    QStringList states;
    for (const auto &info : supervisor.services())
        states += info.name + QLatin1Char(':') + QVariant::fromValue(info.state).toString();
    return states.join(QLatin1Char(' '));
}

} // namespace

/// Which services a supervisor restarts, and when.
class tst_SupervisorRestarts : public QObject
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

    void whoIsRestarted_data();
    void whoIsRestarted();
    void strategies_data();
    void strategies();
    void temporaryBystander_data();
    void temporaryBystander();
    void windowSlides();
    void backoffDoubles();
    void backoffStartsAnewAfterAQuietTime();
    void actionsTellDelaysInReadableUnits_data();
    void actionsTellDelaysInReadableUnits();
    void pauses();
    void aFailingRestartIsAFailure();
    void aDeafSiblingIsReplaced();
    void anInnerSupervisorIsRestarted();
    void anInnerSupervisorStopsInOrder();
    void deafBelow();
    void wordsOfServices_data();
    void wordsOfServices();
    void significant_data();
    void significant();
    void byHand();
    void addedAndRemoved();
    void signalsTellTheStory();

private:
    std::optional<Tests::MessageLog> m_log;
    std::optional<TestClock> m_clock;
};

// SV-03, D11
void tst_SupervisorRestarts::whoIsRestarted_data()
{
    QTest::addColumn<Restart>("restart");
    QTest::addColumn<QString>("end");
    QTest::addColumn<bool>("isRestarted");
    const auto name = [](Restart restart) {
        return restart == Restart::Permanent   ? "permanent"
               : restart == Restart::Transient ? "transient"
                                               : "temporary";
    };
    for (const auto restart : {Restart::Permanent, Restart::Transient, Restart::Temporary}) {
        const auto row = [&](const char *end, bool isRestarted) {
            QTest::addRow("%s %s", name(restart), end) << restart << text(end) << isRestarted;
        };
        row("returns", restart == Restart::Permanent);
        row("stops itself", restart == Restart::Permanent);
        row("throws", restart != Restart::Temporary);
        row("is cancelled by nobody", restart != Restart::Temporary);
        row("is cancelled by its supervisor", false);
    }
}

void tst_SupervisorRestarts::whoIsRestarted()
{
    QFETCH(Restart, restart);
    QFETCH(QString, end);
    QFETCH(bool, isRestarted);
    std::atomic<int> made = 0;
    Supervisor supervisor;
    Supervisor::ServiceSpec spec;
    spec.name = text("a");
    spec.restart = restart;
    spec.factory = [&made, end]() -> std::unique_ptr<ServiceThread> {
        const bool isFirst = ++made == 1;
        return Tests::makeScripted([end, isFirst](ScriptedService &self, CancelScope scope) -> QCoro::Task<> {
            self.reportStarted();
            if (isFirst && end == text("returns"))
                co_return;
            if (isFirst && end == text("stops itself"))
                self.stop();
            if (isFirst && end == text("throws"))
                throw failure("boom");
            if (isFirst && end == text("is cancelled by nobody"))
                throw Cancelled(text("by nobody"));
            co_await scope.cancelled();
        });
    };
    supervisor.addService(spec);
    MICROIO_AWAIT(started(supervisor));
    if (end == text("is cancelled by its supervisor"))
        QVERIFY(supervisor.stopService(text("a")));
    if (isRestarted) {
        QTRY_COMPARE(made, 2);
        QTRY_COMPARE(statesOf(supervisor), text("a:Running"));
        QCOMPARE(supervisor.serviceInfo(text("a"))->restartCount, 1);
    } else if (restart == Restart::Temporary) {
        QTRY_COMPARE(supervisor.serviceNames(), QStringList());
        QVERIFY(!supervisor.startService(text("a")));
    } else {
        QTRY_COMPARE(statesOf(supervisor), text("a:Stopped"));
    }
    QVERIFY(waitUntilIdle());
    QCOMPARE(made, isRestarted ? 2 : 1);
    QCOMPARE(supervisor.state(), State::Running);
}

// SV-04
void tst_SupervisorRestarts::strategies_data()
{
    QTest::addColumn<Strategy>("strategy");
    QTest::addColumn<QString>("log");
    QTest::newRow("one for one") << Strategy::OneForOne << text("+b b");
    QTest::newRow("one for all") << Strategy::OneForAll << text("c) a) +a a +b b +c c");
    QTest::newRow("rest for one") << Strategy::RestForOne << text("c) +b b +c c");
}

void tst_SupervisorRestarts::strategies()
{
    QFETCH(Strategy, strategy);
    QFETCH(QString, log);
    Crew crew;
    Supervisor supervisor(strategy);
    for (const char *name : {"a", "b", "c"})
        supervisor.addService(crew.spec(text(name)));
    MICROIO_AWAIT(started(supervisor));
    crew.take();
    fail(supervisor, "b");
    QTRY_COMPARE(supervisor.serviceInfo(text("b"))->restartCount, 1);
    QTRY_COMPARE(statesOf(supervisor), text("a:Running b:Running c:Running"));
    QCOMPARE(crew.take().remove(text("b) ")), log); // it is cancelled by its child's error
}

// SV-11
void tst_SupervisorRestarts::temporaryBystander_data()
{
    QTest::addColumn<Strategy>("strategy");
    QTest::newRow("one for all") << Strategy::OneForAll;
    QTest::newRow("rest for one") << Strategy::RestForOne;
}

void tst_SupervisorRestarts::temporaryBystander()
{
    QFETCH(Strategy, strategy);
    const Crew crew;
    Supervisor supervisor(strategy);
    supervisor.setIntensity({1, 1h});
    supervisor.addService(crew.spec(text("a")));
    auto temporary = crew.spec(text("t"));
    temporary.restart = Restart::Temporary;
    supervisor.addService(temporary);
    MICROIO_AWAIT(started(supervisor));
    fail(supervisor, "a");
    QTRY_COMPARE(statesOf(supervisor), text("a:Running"));
    QVERIFY(crew.log.entries().contains(text("t)")));
    QCOMPARE(supervisor.incidents().size(), 1);
}

// SV-07
void tst_SupervisorRestarts::windowSlides()
{
    const Crew crew;
    Supervisor supervisor;
    supervisor.setIntensity({1, 200ms});
    supervisor.addService(crew.spec(text("a"), timed(crew.log, 10, 450ms)));
    supervisor.start();
    QTRY_COMPARE(supervisor.serviceInfo(text("a"))->restartCount, 10);
    QTRY_COMPARE(statesOf(supervisor), text("a:Running"));
    QCOMPARE(supervisor.state(), State::Running);
}

void tst_SupervisorRestarts::backoffDoubles()
{
    const Crew crew;
    Supervisor supervisor;
    supervisor.setBackoff(backoff(1s, 8s));
    supervisor.addService(crew.spec(text("a"), timed(crew.log, 6)));
    supervisor.start();
    QTRY_COMPARE(supervisor.serviceInfo(text("a"))->restartCount, 6);
    QTRY_COMPARE(statesOf(supervisor), text("a:Running"));
    QStringList times;
    for (const QString &entry : crew.log.timedEntries()) {
        if (entry.endsWith(text(" a")))
            times += entry.section(QLatin1Char(' '), 0, 0);
    }
    QCOMPARE(times.join(QLatin1Char(' ')), text("0 1000 3000 7000 15000 23000 31000"));
    QCOMPARE(supervisor.incidents().at(1).action, text("to be restarted in 2 s"));
}

void tst_SupervisorRestarts::backoffStartsAnewAfterAQuietTime()
{
    const Crew crew;
    Supervisor supervisor;
    supervisor.setBackoff(backoff(1s, 8s));
    supervisor.addService(crew.spec(text("a"), timed(crew.log, 3, 8s)));
    supervisor.start();
    QTRY_COMPARE(supervisor.serviceInfo(text("a"))->restartCount, 3);
    for (const auto &incident : supervisor.incidents())
        QCOMPARE(incident.action, text("to be restarted in 1 s"));
}

void tst_SupervisorRestarts::actionsTellDelaysInReadableUnits_data()
{
    QTest::addColumn<std::chrono::milliseconds>("delay");
    QTest::addColumn<QString>("action");

    QTest::newRow("below a second") << 20ms << text("to be restarted in 20 ms");
    QTest::newRow("seconds and a part")
        << std::chrono::milliseconds(1500) << text("to be restarted in 1500 ms");
    QTest::newRow("whole seconds") << std::chrono::milliseconds(2s) << text("to be restarted in 2 s");
    QTest::newRow("part of a long time") << 12'345ms << text("to be restarted in 12 s");
    QTest::newRow("above a minute") << std::chrono::milliseconds(90s) << text("to be restarted in 90 s");
    QTest::newRow("rounded up to a minute") << 59'900ms << text("to be restarted in 1 min");
    QTest::newRow("minutes") << std::chrono::milliseconds(10min) << text("to be restarted in 10 min");
}

void tst_SupervisorRestarts::actionsTellDelaysInReadableUnits()
{
    QFETCH(const std::chrono::milliseconds, delay);
    QFETCH(const QString, action);
    const Crew crew;
    Supervisor supervisor;
    supervisor.setBackoff(backoff(delay, delay));
    supervisor.addService(crew.spec(text("a"), timed(crew.log, 1)));
    supervisor.start();
    QTRY_COMPARE(supervisor.incidents().size(), 1);
    QCOMPARE(supervisor.incidents().constFirst().action, action);
}

// SV-14, D10
void tst_SupervisorRestarts::pauses()
{
    const Crew crew;
    Supervisor supervisor;
    supervisor.setDecay({1.5, 30s});
    supervisor.setOnLimit(Supervisor::OnLimit::Pause);
    auto pause = backoff(0s, 15s);
    pause.jitter = 0.5;
    supervisor.setBackoff(pause);
    supervisor.setJitterSeed(1);
    supervisor.addService(crew.spec(text("a"), timed(crew.log, 3)));
    supervisor.addService(crew.spec(text("b")));
    MICROIO_AWAIT(started(supervisor));
    QTRY_COMPARE(supervisor.serviceInfo(text("a"))->restartCount, 3);
    const QString paused = supervisor.incidents().at(1).action;
    QVERIFY2(paused.startsWith(text("too many failures: nothing is restarted for ")), qPrintable(paused));
    QTRY_COMPARE(statesOf(supervisor), text("a:Running b:Running"));
    QVERIFY(m_clock->elapsed() >= 7500ms && m_clock->elapsed() <= 15s);
    QCOMPARE(supervisor.incidents().at(2).action, text("restarted")); // the count is 0
    QVERIFY(!crew.log.entries().contains(text("b)")));
}

void tst_SupervisorRestarts::aFailingRestartIsAFailure()
{
    const Crew crew;
    Supervisor supervisor;
    supervisor.setObjectName(text("crew"));
    supervisor.addService(
        crew.spec(text("a"), [](ScriptedService &self, CancelScope scope, int n) -> QCoro::Task<> {
            if (n > 1)
                throw failure("no luck");
            self.reportStarted();
            co_await scope.checkpoint();
            throw failure("boom");
        }));
    MICROIO_VERIFY_THROWS(ServiceError, supervisor.run(CancelScope()));
    QCOMPARE(supervisor.incidents().size(), 4);
    QCOMPARE(supervisor.incidents().at(0).cause, text("boom"));
    QCOMPARE(supervisor.incidents().at(3).cause, text("no luck"));
}

// D9
void tst_SupervisorRestarts::aDeafSiblingIsReplaced()
{
    const Crew crew;
    DeafSpec deaf(text("deaf"));
    Supervisor supervisor(Strategy::OneForAll);
    supervisor.addService(crew.spec(text("a")));
    supervisor.addService(deaf.spec);
    MICROIO_AWAIT(started(supervisor));
    fail(supervisor, "a");
    QTRY_COMPARE(deaf.running(), 2);
    QTRY_COMPARE(statesOf(supervisor), text("a:Running deaf:Running"));
    QCOMPARE(supervisor.unresponsive(), QStringList{text("deaf")});
    deaf.letGo();
    QTRY_COMPARE(supervisor.unresponsive(), QStringList());
    QCOMPARE(m_log->take().filter(text("runs on")).size(), 1);
}

// SV-15
void tst_SupervisorRestarts::anInnerSupervisorIsRestarted()
{
    const Crew crew;
    Supervisor outer;
    outer.setObjectName(text("outer"));
    outer.setIntensity({2, 1h});
    outer.addService(crew.spec(text("a")));
    const auto inner = crew.spec(text("i"));
    outer.addSupervisor({text("inner"), [&] {
                             auto made = std::make_unique<Supervisor>();
                             made->setIntensity({0, 1h});
                             made->addService(inner);
                             return made;
                         }});
    outer.addService(crew.spec(text("b")));
    MICROIO_AWAIT(started(outer));
    QCOMPARE(crew.all(), text("+a a +i i +b b"));
    outer.supervisor(text("inner"))->addService(crew.spec(text("dynamic")));
    for (int i = 1; i <= 2; ++i) {
        fail(*outer.supervisor(text("inner")), "i");
        QTRY_COMPARE(outer.serviceInfo(text("inner"))->restartCount, i);
        QTRY_COMPARE(statesOf(outer), text("a:Running inner:Running b:Running"));
        QCOMPARE(outer.supervisor(text("inner"))->serviceNames(), QStringList{text("i")});
    }
    fail(*outer.supervisor(text("inner")), "i");
    QTRY_COMPARE(outer.state(), State::Failed);
    QCOMPARE(Tests::chainOf(outer.exception()), text("ServiceError < ServiceError < boom"));
    QVERIFY(outer.errorString().contains(text("supervisor inner gave up")));
    QVERIFY(crew.all().endsWith(text("b) a)")));
}

void tst_SupervisorRestarts::anInnerSupervisorStopsInOrder()
{
    Crew crew;
    Supervisor outer;
    outer.addService(crew.spec(text("a")));
    outer.addSupervisor({text("inner"), [&] {
                             auto made = std::make_unique<Supervisor>();
                             made->addService(crew.spec(text("i")));
                             made->addService(crew.spec(text("j")));
                             return made;
                         }});
    MICROIO_AWAIT(started(outer));
    crew.take();
    QVERIFY(outer.stopJoin(QDeadlineTimer(10s)));
    QCOMPARE(crew.take(), text("j) i) a)"));
}

void tst_SupervisorRestarts::deafBelow()
{
    const Crew crew;
    DeafSpec deaf(text("deaf"));
    Supervisor outer;
    outer.addService(crew.spec(text("a")));
    outer.addSupervisor({text("inner"), [&] {
                             auto made = std::make_unique<Supervisor>();
                             made->addService(crew.spec(text("i")));
                             made->addService(deaf.spec);
                             return made;
                         }});
    MICROIO_AWAIT(started(outer));
    MICROIO_COMPARE_AWAIT(outer.stopJoin(CancelScope().child(now() + 1s)), false);
    QVERIFY(crew.all().endsWith(text("i) a)")));
    QCOMPARE(outer.unresponsive(), QStringList{text("deaf")});
    deaf.letGo();
    QTRY_COMPARE(outer.unresponsive(), QStringList());
    m_log->take();
}

// SV-16
void tst_SupervisorRestarts::wordsOfServices_data()
{
    QTest::addColumn<bool>("ends");
    QTest::addColumn<bool>("contained");
    QTest::addColumn<QString>("states");
    QTest::newRow("do not restart") << false << false << text("a:Running inner:Running b:Running");
    QTest::newRow("terminate") << true << false << text("a:Stopped inner:Failed b:Stopped");
    QTest::newRow("terminate, contained") << true << true << text("a:Running inner:Failed b:Running");
}

void tst_SupervisorRestarts::wordsOfServices()
{
    QFETCH(bool, ends);
    QFETCH(bool, contained);
    QFETCH(QString, states);
    const Crew crew;
    Supervisor outer;
    outer.addService(crew.spec(text("a")));
    Supervisor::SupervisorSpec spec;
    spec.name = text("inner");
    spec.contained = contained;
    spec.factory = [&] {
        auto made = std::make_unique<Supervisor>();
        made->addService(crew.spec(text("i")));
        made->addService(crew.spec(text("j")));
        return made;
    };
    outer.addSupervisor(spec);
    outer.addService(crew.spec(text("b")));
    MICROIO_AWAIT(started(outer));
    const QPointer<Supervisor> inner = outer.supervisor(text("inner"));
    fail(*inner, "i",
         ends ? std::make_exception_ptr(TerminateSupervisor(text("enough")))
              : std::make_exception_ptr(DoNotRestart(text("enough"))));
    if (!ends) {
        QTRY_COMPARE(statesOf(*inner), text("i:Failed j:Running"));
    } else if (contained) {
        QTRY_COMPARE(outer.incidents().size(), 1);
        QCOMPARE(outer.state(), State::Running);
    } else {
        QTRY_COMPARE(outer.state(), State::Failed);
        QVERIFY_THROWS_EXCEPTION(TerminateSupervisor, std::rethrow_exception(outer.exception()));
        QVERIFY(outer.errorString().contains(text("enough")));
    }
    QCOMPARE(statesOf(outer), states);
    QCOMPARE(outer.serviceInfo(text("inner"))->restartCount, 0);
}

// SV-21
void tst_SupervisorRestarts::significant_data()
{
    QTest::addColumn<Supervisor::AutoShutdown>("mode");
    QTest::addColumn<QString>("what");
    QTest::addColumn<bool>("ends");
    using Mode = Supervisor::AutoShutdown;
    QTest::newRow("never, all end") << Mode::Never << text("end end") << false;
    QTest::newRow("any, one ends") << Mode::AnySignificant << text("end") << true;
    QTest::newRow("any, one throws") << Mode::AnySignificant << text("throw") << false;
    QTest::newRow("any, one is removed") << Mode::AnySignificant << text("remove") << false;
    QTest::newRow("all, one ends") << Mode::AllSignificant << text("end") << false;
    QTest::newRow("all, all end") << Mode::AllSignificant << text("end end") << true;
}

void tst_SupervisorRestarts::significant()
{
    QFETCH(Supervisor::AutoShutdown, mode);
    QFETCH(QString, what);
    QFETCH(bool, ends);
    const Crew crew;
    Supervisor supervisor;
    supervisor.setAutoShutdown(mode);
    supervisor.addService(crew.spec(text("first")));
    for (const char *name : {"s1", "s2"}) {
        auto spec = crew.spec(text(name));
        spec.restart = Restart::Transient;
        spec.significant = true;
        supervisor.addService(spec);
    }
    supervisor.addService(crew.spec(text("last")));
    MICROIO_AWAIT(started(supervisor));
    const QStringList events = what.split(QLatin1Char(' '));
    for (int i = 0; i < events.size(); ++i) {
        const QString name = QStringLiteral("s%1").arg(i + 1);
        if (events.at(i) == text("end"))
            supervisor.instance(name)->stop();
        else if (events.at(i) == text("throw"))
            fail(supervisor, qPrintable(name));
        else
            supervisor.removeService(name);
        QTRY_VERIFY(!supervisor.serviceInfo(name) || supervisor.serviceInfo(name)->state == State::Stopped
                    || supervisor.serviceInfo(name)->restartCount == 1);
        QVERIFY(waitUntilIdle());
    }
    if (ends) {
        QTRY_COMPARE(supervisor.state(), State::Stopped);
        QVERIFY(crew.all().endsWith(text("first)")));
        QVERIFY(!supervisor.exception());
    }
    QCOMPARE(supervisor.state(), ends ? State::Stopped : State::Running);
}

// SV-22
void tst_SupervisorRestarts::byHand()
{
    Crew crew;
    Supervisor supervisor(Strategy::OneForAll);
    supervisor.setIntensity({0, 1h});
    supervisor.addService(crew.spec(text("a")));
    supervisor.addService(crew.spec(text("b")));
    MICROIO_AWAIT(started(supervisor));
    QSignalSpy replaced(&supervisor, &Supervisor::serviceReplaced);
    QSignalSpy restarted(&supervisor, &Supervisor::serviceRestarted);
    crew.take();
    const QPointer<ServiceThread> first = supervisor.instance(text("a"));

    QVERIFY(supervisor.restartService(text("a")));
    QTRY_COMPARE(replaced.count(), 1);
    QTRY_COMPARE(statesOf(supervisor), text("a:Running b:Running"));
    QCOMPARE(crew.take(), text("a) +a a"));
    QTRY_VERIFY(!first);

    QVERIFY(supervisor.stopService(text("a")));
    QTRY_COMPARE(statesOf(supervisor), text("a:Stopped b:Running"));
    m_clock->advance(1h);
    QCOMPARE(statesOf(supervisor), text("a:Stopped b:Running"));
    QVERIFY(!supervisor.instance(text("a")));
    QVERIFY(supervisor.startService(text("a")));
    QTRY_COMPARE(statesOf(supervisor), text("a:Running b:Running"));

    QCOMPARE(replaced.count(), 2);
    QCOMPARE(restarted.count(), 0);
    QCOMPARE(supervisor.serviceInfo(text("a"))->restartCount, 0);
    QCOMPARE(supervisor.incidents().size(), 0);
    QVERIFY(!supervisor.startService(text("nobody")));
    QVERIFY(!supervisor.stopService(QString()));
}

void tst_SupervisorRestarts::addedAndRemoved()
{
    Crew crew;
    Supervisor supervisor;
    QSignalSpy changed(&supervisor, &Supervisor::servicesChanged);
    supervisor.addService(crew.spec(text("a")));
    MICROIO_AWAIT(started(supervisor));
    supervisor.addService(crew.spec(text("b")));
    QTRY_COMPARE(statesOf(supervisor), text("a:Running b:Running"));
    QCOMPARE(changed.count(), 2);
    QVERIFY(supervisor.removeService(text("a")));
    QCOMPARE(Tests::chainThrownBy([&] { supervisor.addService(crew.spec(text("a"))); }),
             text("service a: the supervisor has one of that name already"));
    QTRY_COMPARE(changed.count(), 3);
    QCOMPARE(statesOf(supervisor), text("b:Running"));
    supervisor.addService(crew.spec(text("a")));
    QTRY_COMPARE(statesOf(supervisor), text("b:Running a:Running"));
    QVERIFY(supervisor.stopJoin());
    QVERIFY_THROWS_EXCEPTION(std::logic_error, supervisor.addService(crew.spec(text("c"))));
}

void tst_SupervisorRestarts::signalsTellTheStory()
{
    const Crew crew;
    Supervisor supervisor;
    QStringList story;
    connect(&supervisor, &Supervisor::stateChanged, this,
            [&](State state) { story += QVariant::fromValue(state).toString(); });
    connect(&supervisor, &Supervisor::serviceStateChanged, this, [&](const QString &name, State state) {
        story += name + QLatin1Char(':') + QVariant::fromValue(state).toString();
    });
    connect(&supervisor, &Supervisor::serviceReplaced, this,
            [&](const QString &name) { story += text("replaced ") + name; });
    connect(&supervisor, &Supervisor::serviceRestarted, this,
            [&](const QString &name) { story += text("restarted ") + name; });
    connect(&supervisor, &Supervisor::incidentAdded, this, [&](const Supervisor::Incident &incident) {
        story += QStringLiteral("incident %1").arg(incident.number);
    });
    supervisor.addService(crew.spec(text("a"), failing(1, 10ms)));
    supervisor.start();
    QTRY_COMPARE(story.count(text("a:Running")), 2);
    supervisor.stop();
    QTRY_COMPARE(supervisor.state(), State::Stopped);
    QCOMPARE(
        story.join(text(", ")),
        text(
            "Starting, a:Starting, a:Running, Running, a:Failed, incident 1, replaced a, restarted a, a:Starting, "
            "a:Running, Stopping, a:Stopping, a:Stopped, Stopped"));
}

QTEST_GUILESS_MAIN(tst_SupervisorRestarts)

#include "tst_supervisorrestarts.moc"
