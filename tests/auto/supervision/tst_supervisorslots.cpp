// SPDX-License-Identifier: Apache-2.0
#include "crew.h"

#include "services/quit_p.h"
#include <MicroIO/Test>

#include <QEventLoop>
#include <QTimer>
#include <QtTest/QtTest>

#include <limits>

using namespace MicroIO;
using namespace std::chrono_literals;
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

constexpr int unlimited = std::numeric_limits<int>::max();

/// A dialog that is closed when \a isDone, or after a long time.
bool turnUntil(const std::function<bool()> &isDone)
{
    QEventLoop dialog;
    QTimer look;
    QObject::connect(&look, &QTimer::timeout, &dialog, [&] {
        if (isDone())
            dialog.quit();
    });
    look.start(1);
    QTimer::singleShot(30s, &dialog, &QEventLoop::quit);
    dialog.exec();
    return isDone();
}

/// It takes some time to stop.
Crew::Script stoppingIn(std::chrono::milliseconds time)
{
    return [time](ScriptedService &self, CancelScope scope, int) -> QCoro::Task<> {
        self.reportStarted();
        try {
            co_await scope.cancelled();
        } catch (const Cancelled &) {
        }
        co_await scope.shielded().sleep(time);
    };
}

Supervisor::SupervisorSpec below(const std::function<void(Supervisor &)> &fill)
{
    return {text("inner"), [fill] {
                auto made = std::make_unique<Supervisor>();
                fill(*made);
                return made;
            }};
}

} // namespace

/// What slots and factories may do while a supervisor works, and limits of stops from wherever they come.
class tst_SupervisorSlots : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(Tests::complaints(*m_log), QStringList()); }

    void aFactoryThatAlwaysFailsLeavesTheThread();
    void aDialogInASlotHoldsUpNothing();
    void whatASlotOrdersIsDoneInItsDialog();
    void theEndOfADeafOneIsSeenInADialog();
    void aFactoryMayTurnTheLoop();
    void stoppedByItsOwnSlot();
    void stoppedByItsFactory();
    void theOuterOneIsStoppedByASlotOfTheInner_data();
    void theOuterOneIsStoppedByASlotOfTheInner();
    void aSlotMayUseTheNameWhenItHasDestroyedUs();
    void runTellsTheFailureOfOneDestroyedBySlots();
    void whoEndsInTimeIsNotDeaf_data();
    void whoEndsInTimeIsNotDeaf();
    void anInnerOneHasTheWholeLimit();
    void anInnerOneKeepsItsOwnLimits();
    void cancelledStopHurriesInnerOnes();
    void aStartByHandThatFails_data();
    void aStartByHandThatFails();
    void aFailureIsSeenWithItsCause();
    void whatWasNotStartedGoes();
    void startInAFactoryIsRefused();
    void aCallableMayUseTheReference();
    void applicationsThatQuitAskOtherThreads();

private:
    std::optional<Tests::MessageLog> m_log;
};

void tst_SupervisorSlots::aFactoryThatAlwaysFailsLeavesTheThread()
{
    const Crew crew;
    Supervisor supervisor;
    supervisor.setIntensity({unlimited, 1s});
    auto spec = crew.spec(text("a"), failing(1));
    spec.factory = [factory = spec.factory, n = 0]() mutable {
        if (++n > 1)
            throw failure("no luck");
        return factory();
    };
    supervisor.addService(spec);
    int ticks = 0;
    QTimer timer;
    connect(&timer, &QTimer::timeout, this, [&ticks] { ++ticks; });
    timer.start(1);
    supervisor.start();
    QTRY_VERIFY(!supervisor.incidents().isEmpty() && supervisor.incidents().constLast().number > 100);
    const int before = ticks;
    QTRY_VERIFY(ticks > before + 20);
    QCOMPARE(supervisor.state(), State::Running);
    QVERIFY(supervisor.stopJoin());
}

void tst_SupervisorSlots::aDialogInASlotHoldsUpNothing()
{
    const Crew crew;
    Supervisor supervisor;
    supervisor.addService(crew.spec(text("a")));
    supervisor.addService(crew.spec(text("b")));
    bool isOpen = false;
    bool isRestarted = false;
    connect(&supervisor, &Supervisor::incidentAdded, this, [&](const Supervisor::Incident &incident) {
        if (std::exchange(isOpen, true))
            return;
        QCOMPARE(incident.service, text("a"));
        fail(supervisor, "b");
        isRestarted = turnUntil(
            [&supervisor] { return supervisor.serviceInfo(text("b"))->restartCount == 1; });
    });
    MICROIO_AWAIT(started(supervisor));
    fail(supervisor, "a");
    QTRY_VERIFY(isRestarted);
    QTRY_COMPARE(supervisor.serviceInfo(text("a"))->state, State::Running);
    QCOMPARE(supervisor.serviceInfo(text("a"))->restartCount, 1);
}

// Nothing else happens meanwhile that would have the order carried out: nobody is destroyed, nobody starts, nothing is due.
void tst_SupervisorSlots::whatASlotOrdersIsDoneInItsDialog()
{
    const Crew crew;
    Supervisor supervisor;
    auto spec = crew.spec(text("a"));
    spec.startTimeout = std::chrono::milliseconds::max();
    supervisor.addService(spec);
    std::optional<bool> isStopped;
    connect(&supervisor, &Supervisor::serviceStateChanged, this, [&](const QString &name, State state) {
        if (state != State::Running)
            return;
        QVERIFY(supervisor.stopService(name));
        isStopped = turnUntil(
            [&supervisor, &name] { return supervisor.serviceInfo(name)->state == State::Stopped; });
    });
    supervisor.start();
    QTRY_VERIFY(isStopped.has_value());
    QVERIFY(*isStopped);
}

void tst_SupervisorSlots::theEndOfADeafOneIsSeenInADialog()
{
    Supervisor supervisor;
    DeafSpec deaf(text("deaf"));
    deaf.spec.stopTimeout = 20ms;
    supervisor.addService(deaf.spec);
    bool hasEnded = false;
    connect(&supervisor, &Supervisor::incidentAdded, this, [&] {
        deaf.letGo();
        hasEnded = turnUntil([&deaf] { return deaf.running() == 0; });
    });
    MICROIO_AWAIT(started(supervisor));
    supervisor.stop();
    QTRY_COMPARE(supervisor.state(), State::Stopped);
    QVERIFY(hasEnded);
    QTRY_COMPARE(supervisor.unresponsive(), QStringList());
    QVERIFY(supervisor.stopJoin());
    m_log->take(); // it may be named before it has ended
}

void tst_SupervisorSlots::aFactoryMayTurnTheLoop()
{
    const Crew crew;
    Supervisor supervisor;
    supervisor.addService(crew.spec(text("a")));
    auto spec = crew.spec(text("b"));
    spec.factory = [&, factory = spec.factory, n = 0]() mutable {
        auto made = factory();
        if (++n == 2) {
            supervisor.stopService(text("b"));
            if (!turnUntil([] { return true; }))
                made.reset();
        }
        return made;
    };
    supervisor.addService(spec);
    MICROIO_AWAIT(started(supervisor));
    fail(supervisor, "b");
    QTRY_COMPARE(supervisor.incidents().size(), 1);
    QTRY_VERIFY(!supervisor.instance(text("b")));
    QVERIFY(supervisor.startService(text("b")));
    QTRY_COMPARE(supervisor.serviceInfo(text("b"))->state, State::Running);
}

void tst_SupervisorSlots::stoppedByItsOwnSlot()
{
    const Crew crew;
    Supervisor supervisor;
    int made = 0;
    auto spec = crew.spec(text("a"));
    spec.factory = [factory = spec.factory, &made] {
        ++made;
        return factory();
    };
    supervisor.addService(spec);
    supervisor.addService(crew.spec(text("b")));
    std::optional<bool> hasStopped;
    connect(&supervisor, &Supervisor::serviceStateChanged, this, [&](const QString &, State state) {
        if (state == State::Failed)
            hasStopped = supervisor.stopJoin(QDeadlineTimer(30s));
    });
    MICROIO_AWAIT(started(supervisor));
    fail(supervisor, "a");
    QTRY_VERIFY(hasStopped.has_value());
    QVERIFY(*hasStopped);
    QCOMPARE(supervisor.state(), State::Stopped);
    QCoreApplication::processEvents();
    QCOMPARE(made, 1);
}

void tst_SupervisorSlots::stoppedByItsFactory()
{
    const Crew crew;
    Supervisor supervisor;
    auto spec = crew.spec(text("a"));
    std::optional<bool> hasStopped;
    spec.factory = [&, factory = spec.factory, n = 0]() mutable {
        if (++n == 2)
            hasStopped = supervisor.stopJoin(QDeadlineTimer(30s));
        return factory();
    };
    supervisor.addService(crew.spec(text("before")));
    supervisor.addService(spec);
    MICROIO_AWAIT(started(supervisor));
    fail(supervisor, "a");
    QTRY_VERIFY(hasStopped.has_value());
    QVERIFY(*hasStopped);
    QTRY_COMPARE(supervisor.state(), State::Stopped);
    QTRY_VERIFY(crew.isGone());
}

void tst_SupervisorSlots::theOuterOneIsStoppedByASlotOfTheInner_data()
{
    QTest::addColumn<bool>("isDestroyed");
    QTest::newRow("stopped") << false;
    QTest::newRow("destroyed") << true;
}

void tst_SupervisorSlots::theOuterOneIsStoppedByASlotOfTheInner()
{
    QFETCH(bool, isDestroyed);
    const Crew crew;
    auto outer = std::make_unique<Supervisor>();
    bool isDone = false;
    outer->addService(crew.spec(text("a")));
    outer->addSupervisor(below([&](Supervisor &inner) {
        inner.addService(crew.spec(text("i")));
        connect(&inner, &Supervisor::serviceRestarted, this, [&] {
            if (isDestroyed)
                outer.reset();
            else
                QVERIFY(outer->stopJoin(QDeadlineTimer(30s)));
            isDone = true;
        });
    }));
    MICROIO_AWAIT(started(*outer));
    fail(*outer->supervisor(text("inner")), "i");
    QTRY_VERIFY(isDone);
    if (outer)
        QCOMPARE(outer->state(), State::Stopped);
    QTRY_VERIFY(crew.isGone());
}

void tst_SupervisorSlots::aSlotMayUseTheNameWhenItHasDestroyedUs()
{
    const Crew crew;
    auto supervisor = std::make_unique<Supervisor>();
    supervisor->addService(crew.spec(text("a service with a long name")));
    QString seen;
    connect(supervisor.get(), &Supervisor::serviceStateChanged, this, [&](const QString &name, State state) {
        if (state != State::Running)
            return;
        supervisor.reset();
        seen = name + QLatin1Char('!');
    });
    supervisor->start();
    QTRY_COMPARE(seen, text("a service with a long name!"));
}

// SV-25
void tst_SupervisorSlots::runTellsTheFailureOfOneDestroyedBySlots()
{
    const Crew crew;
    auto supervisor = std::make_unique<Supervisor>();
    supervisor->setIntensity({0, 1s});
    supervisor->addService(crew.spec(text("a"), failing(1)));
    connect(supervisor.get(), &Supervisor::stateChanged, this, [&](State state) {
        if (state == State::Failed)
            supervisor.reset();
    });
    MICROIO_VERIFY_THROWS(ServiceError, supervisor->run(CancelScope()));
    QVERIFY(!supervisor);
}

void tst_SupervisorSlots::whoEndsInTimeIsNotDeaf_data()
{
    QTest::addColumn<bool>("isBlocking");
    QTest::newRow("blocking") << true;
    QTest::newRow("awaited") << false;
}

void tst_SupervisorSlots::whoEndsInTimeIsNotDeaf()
{
    QFETCH(bool, isBlocking);
    const TestClock clock;
    const Crew crew;
    Supervisor supervisor;
    supervisor.addService(crew.spec(text("a")));
    supervisor.addService(crew.spec(text("b"), stoppingIn(500ms)));
    auto spec = crew.spec(text("c"), stoppingIn(400ms));
    spec.stopTimeout = 500ms;
    supervisor.addService(spec);
    MICROIO_AWAIT(started(supervisor));
    if (isBlocking)
        QVERIFY(supervisor.stopJoin(QDeadlineTimer(900ms)));
    else
        MICROIO_COMPARE_AWAIT(supervisor.stopJoin(CancelScope().child(now() + 900ms)), true);
    QCOMPARE(supervisor.unresponsive(), QStringList());
    QCOMPARE(supervisor.incidents().size(), 0);
}

void tst_SupervisorSlots::anInnerOneHasTheWholeLimit()
{
    const TestClock clock;
    const Crew crew;
    Supervisor outer;
    outer.addService(crew.spec(text("a")));
    outer.addSupervisor(
        below([&](Supervisor &inner) { inner.addService(crew.spec(text("slow"), stoppingIn(600ms))); }));
    MICROIO_AWAIT(started(outer));
    MICROIO_COMPARE_AWAIT(outer.stopJoin(CancelScope().child(now() + 1s)), true);
}

void tst_SupervisorSlots::anInnerOneKeepsItsOwnLimits()
{
    const TestClock clock;
    const Crew crew;
    Supervisor outer;
    auto spec = crew.spec(text("x"), [](ScriptedService &self, CancelScope scope, int n) -> QCoro::Task<> {
        if (n == 1) {
            self.reportStarted();
            co_await scope.sleep(10ms);
            throw failure("boom");
        }
        co_await scope.cancelled(); // it is never ready again
    });
    spec.startTimeout = 1s;
    outer.addService(spec);
    auto slow = crew.spec(text("slow"), stoppingIn(3s));
    slow.stopTimeout = 10s;
    outer.addSupervisor(below([&](Supervisor &inner) { inner.addService(slow); }));
    std::optional<bool> hasStopped;
    connect(&outer, &Supervisor::serviceRestarted, this, [&] { hasStopped = outer.stopJoin(); });
    MICROIO_AWAIT(started(outer));
    QTRY_VERIFY(hasStopped.has_value());
    QVERIFY(*hasStopped);
    QCOMPARE(outer.incidents().size(), 1);
}

void tst_SupervisorSlots::cancelledStopHurriesInnerOnes()
{
    const TestClock clock;
    const Crew crew;
    DeafSpec deaf(text("deaf"));
    deaf.spec.stopTimeout = std::chrono::milliseconds::max(); // virtual time is long
    Supervisor outer;
    outer.addSupervisor(below([&](Supervisor &inner) {
        inner.addService(crew.spec(text("i")));
        inner.addService(deaf.spec);
    }));
    MICROIO_AWAIT(started(outer));
    const CancelScope scope;
    auto stopping = outer.stopJoin(scope);
    scope.cancel();
    MICROIO_VERIFY_THROWS(Cancelled, std::move(stopping));
    auto *inner = outer.supervisor(text("inner"));
    QVERIFY(inner);
    QTRY_VERIFY(inner->serviceInfo(text("i"))->state >= State::Stopping);
    deaf.letGo();
    QTRY_COMPARE(outer.state(), State::Stopped);
}

void tst_SupervisorSlots::aStartByHandThatFails_data()
{
    QTest::addColumn<bool>("isAdded");
    QTest::addColumn<bool>("isFactory");
    QTest::newRow("added, the factory fails") << true << true;
    QTest::newRow("added, it fails") << true << false;
    QTest::newRow("started, the factory fails") << false << true;
    QTest::newRow("started, it fails") << false << false;
}

// SV-22
void tst_SupervisorSlots::aStartByHandThatFails()
{
    QFETCH(bool, isAdded);
    QFETCH(bool, isFactory);
    const Crew crew;
    Supervisor supervisor;
    supervisor.setIntensity({0, 1s});
    supervisor.addService(crew.spec(text("healthy")));
    const auto isBroken = std::make_shared<std::atomic<bool>>(isAdded);
    auto spec = crew.spec(text("z"),
                          [isBroken](ScriptedService &self, CancelScope scope, int) -> QCoro::Task<> {
                              if (*isBroken)
                                  throw failure("no file");
                              self.reportStarted();
                              co_await scope.cancelled();
                          });
    spec.factory = [factory = spec.factory, isBroken, isFactory] {
        if (isFactory && *isBroken)
            throw failure("no file");
        return factory();
    };
    if (!isAdded)
        supervisor.addService(spec);
    MICROIO_AWAIT(started(supervisor));
    if (isAdded) {
        supervisor.addService(spec);
    } else {
        QVERIFY(supervisor.stopService(text("z")));
        QTRY_COMPARE(supervisor.serviceInfo(text("z"))->state, State::Stopped);
        QTRY_VERIFY(!supervisor.instance(text("z")));
        *isBroken = true;
        QVERIFY(supervisor.startService(text("z")));
    }
    QTRY_COMPARE(supervisor.incidents().size(), 1);
    QCOMPARE(supervisor.incidents().constFirst().action, text("not restarted"));
    QVERIFY(supervisor.incidents().constFirst().cause.contains(text("no file")));
    QCOMPARE(supervisor.serviceInfo(text("z"))->state, State::Failed);
    QCOMPARE(supervisor.state(), State::Running);
    *isBroken = false;
    QVERIFY(supervisor.startService(text("z")));
    QTRY_COMPARE(supervisor.serviceInfo(text("z"))->state, State::Running);
    m_log->take();
}

// SV-23
void tst_SupervisorSlots::aFailureIsSeenWithItsCause()
{
    const Crew crew;
    Supervisor supervisor;
    supervisor.addService(crew.spec(text("a")));
    MICROIO_AWAIT(started(supervisor));
    auto *instance = supervisor.instance(text("a"));
    fail(supervisor, "a");
    QVERIFY(instance->wait(QDeadlineTimer(30s))); // our event loop has not turned
    const auto info = supervisor.serviceInfo(text("a"));
    QCOMPARE(info->state, State::Failed);
    QVERIFY2(info->lastError.contains(text("boom")), qPrintable(info->lastError));
}

void tst_SupervisorSlots::whatWasNotStartedGoes()
{
    const Crew crew;
    Supervisor supervisor;
    supervisor.addService(
        crew.spec(text("a"), [](ScriptedService &, CancelScope scope, int) -> QCoro::Task<> {
            co_await scope.checkpoint();
            throw failure("no start");
        }));
    supervisor.addService(crew.spec(text("b")));
    supervisor.addService(crew.spec(text("c")));
    supervisor.start();
    QTRY_COMPARE(supervisor.state(), State::Failed);
    QTRY_VERIFY(crew.isGone());
}

void tst_SupervisorSlots::startInAFactoryIsRefused()
{
    const Crew crew;
    Supervisor supervisor;
    auto spec = crew.spec(text("a"));
    State within = State::Failed;
    spec.factory = [&, factory = spec.factory] {
        supervisor.start();
        within = supervisor.state();
        return factory();
    };
    supervisor.addService(spec);
    MICROIO_AWAIT(started(supervisor));
    QCOMPARE(within, State::Idle);
    const QStringList lines = m_log->take();
    QCOMPARE(lines.size(), 1);
    QVERIFY2(lines.constFirst().contains(text("started a second time")), qPrintable(lines.constFirst()));
}

// What is refused is destroyed, and may ask for the same service as it goes.
void tst_SupervisorSlots::aCallableMayUseTheReference()
{
    const Crew crew;
    Supervisor supervisor;
    supervisor.addService(crew.spec(text("a")));
    MICROIO_AWAIT(started(supervisor));
    const auto a = supervisor.service<ScriptedService>(text("a"));
    auto *instance = supervisor.instance(text("a"));
    instance->stop();
    QVERIFY(instance->wait(QDeadlineTimer(30s)));
    int seen = 0;
    const auto make = [&] {
        const auto look = [&a, &seen](void *) {
            a.isUp();
            chainThrownBy([&a] { a.callSoon([] {}); });
            ++seen;
        };
        return std::shared_ptr<void>(nullptr, look);
    };
    QVERIFY(chainThrownBy([&] { a.callSoon([handle = make()] {}); }).startsWith(text("ServiceError")));
    QVERIFY(seen > 0);
}

// Those of other threads come and go meanwhile.
void tst_SupervisorSlots::applicationsThatQuitAskOtherThreads()
{
    std::atomic<bool> isOver = false;
    std::unique_ptr<QThread> other(QThread::create([&isOver] {
        while (!isOver)
            const Supervisor supervisor;
    }));
    other->start();
    const Supervisor ours;
    for (int i = 0; i < 20'000; ++i)
        QCOMPARE(Detail::StoppedOnQuit::all().size(), size_t(1));
    isOver = true;
    QVERIFY(other->wait(QDeadlineTimer(30s)));
}

QTEST_GUILESS_MAIN(tst_SupervisorSlots)

#include "tst_supervisorslots.moc"
