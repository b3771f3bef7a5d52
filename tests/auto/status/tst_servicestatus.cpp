// SPDX-License-Identifier: Apache-2.0
#include "../shared/errorchain.h"
#include "../shared/fakesource.h"
#include "../shared/outcome.h"
#include "../shared/plainservices.h"
#include "../shared/scriptedservice.h"

#include <MicroIO/Channel>
#include <MicroIO/Service>
#include <MicroIO/ServiceGroup>
#include <MicroIO/ServiceStatus>
#include <MicroIO/Test>

#include <QMetaEnum>
#include <QtTest/QtTest>

#include <semaphore>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::chainThrownBy;
using Tests::failure;
using State = ServiceStatus::State;

namespace {

QString text(const char *latin1)
{
    return QString::fromLatin1(latin1);
}

std::unique_ptr<ServiceThread> makeWorking(const char *name)
{
    return makeService<ServiceThread>(text(name), Tests::workUntilStopped);
}

std::unique_ptr<ServiceThread> makeFailing(const char *name)
{
    return makeService<ServiceThread>(text(name), [](ServiceThread &) { throw failure("the disk is full"); });
}

/// One that is ready when it is let go.
std::unique_ptr<ServiceThread> makeSlow(const char *name, std::binary_semaphore &letGo)
{
    return makeService<ServiceThread>(text(name), [&letGo](ServiceThread &service) {
        letGo.acquire();
        Tests::workUntilStopped(service);
    });
}

/// The states that a status told, and how often it told anything.
class Told : public QObject
{
public:
    explicit Told(const ServiceStatus &status)
    {
        connect(&status, &ServiceStatus::stateChanged, this, [this](State state) {
            m_states += text(QMetaEnum::fromType<State>().valueToKey(int(state)));
        });
        connect(&status, &ServiceStatus::changed, this, [this] { ++m_updates; });
    }
    QString states() const { return m_states.join(QLatin1Char(' ')); }
    int updates() const { return m_updates; }

private:
    QStringList m_states;
    int m_updates = 0;
};

} // namespace

/// What a status says of real services, and what can be done by it.
class tst_ServiceStatus : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init()
    {
        m_warnings.emplace();
        m_leftovers.emplace();
        m_clock.emplace();
    }
    void cleanup()
    {
        m_clock.reset();
        m_leftovers.reset();
        m_warnings.reset();
    }

    void everyPropertyIsThatOfTheService();
    void theLifeOfAServiceIsSeen();
    void startEndsWhenTheServiceIsReady();
    void whatCannotStartSaysWhy();
    void stopLeavesAnIdleServiceToBeStarted();
    void onlyASupervisorRestarts();
    void aTaskOfADestroyedStatusIsCancelled();
    void whatHasGoneIsAbsent_data();
    void whatHasGoneIsAbsent();
    void aServiceThatIsAddedLaterAppears();
    void anotherNameIsAnotherService();
    void whatIsNoSourceIsRefused();
    void everyThreadMayHaveAStatus();
    void aStatusThatIsMovedComplains();
    void everyStateHasAText();

private:
    std::optional<WarningGuard> m_warnings;
    std::optional<LeftoverGuard> m_leftovers;
    std::optional<TestClock> m_clock;
};

void tst_ServiceStatus::everyPropertyIsThatOfTheService()
{
    auto channel = createChannel<int>();
    channel.send.sendNow(1);
    channel.send.sendNow(2);
    ServiceGroup group;
    auto &worker = group.add(makeWorking("worker"));
    worker.watch(text("jobs"), channel.receive);
    const ServiceStatus status(&group, text("worker"));
    const auto property = [&](const char *name) { return status.property(name); };
    QCOMPARE(property("name").toString(), text("worker"));
    QCOMPARE(property("source").value<QObject *>(), &group);
    QCOMPARE(property("state").value<State>(), State::Idle);
    QCOMPARE(property("stateText").toString(), text("not started"));
    QCOMPARE(property("errorString").toString(), QString());
    QCOMPARE(property("queuedItems").toLongLong(), 2);
    QCOMPARE(property("pendingRequests").toLongLong(), 0);
    QCOMPARE(property("uptime").toLongLong(), 0);
    QCOMPARE(property("loopLag").toLongLong(), 0);
    QCOMPARE(property("restartCount").toInt(), 0);
    QCOMPARE(property("canRestart").toBool(), false);
    for (int i = status.metaObject()->propertyOffset(); i < status.metaObject()->propertyCount(); ++i)
        QVERIFY2(status.metaObject()->property(i).hasNotifySignal(), status.metaObject()->property(i).name());

    group.start().waitStarted();
    QTRY_COMPARE(status.state(), State::Running);
    CancelScope scope;
    MICROIO_AWAIT(scope.sleep(5s));
    const qint64 before = status.uptime();
    const_cast<ServiceStatus &>(status).refresh();
    QTRY_VERIFY(status.uptime() >= before + 5000);
}

void tst_ServiceStatus::theLifeOfAServiceIsSeen()
{
    std::binary_semaphore letGo{0};
    const auto service = makeSlow("slow", letGo);
    const ServiceStatus status(service.get());
    QCOMPARE(status.name(), text("slow"));
    const Told told(status);
    service->start();
    QTRY_COMPARE(status.state(), State::Starting);
    letGo.release();
    QTRY_COMPARE(status.state(), State::Running);
    service->closeScope().fail(std::make_exception_ptr(failure("the line is dead")));
    QTRY_COMPARE(status.state(), State::Failed);
    QCOMPARE(m_warnings->take().size(), 1); // its failure
    QCOMPARE(status.errorString(), service->errorString());
    QVERIFY(status.errorString().contains(text("the line is dead")));
    QCOMPARE(QString(told.states()).remove(text("Stopping ")), text("Starting Running Failed"));
}

void tst_ServiceStatus::startEndsWhenTheServiceIsReady()
{
    std::binary_semaphore letGo{0};
    const auto service = makeSlow("slow", letGo);
    ServiceStatus status(service.get());
    bool isReady = false;
    const auto start = [&]() -> QCoro::Task<> {
        co_await status.start();
        isReady = true;
    };
    auto starting = start();
    QTRY_COMPARE(status.state(), State::Starting);
    QVERIFY(!isReady);
    letGo.release();
    MICROIO_AWAIT(std::move(starting));
    QVERIFY(isReady);
    MICROIO_AWAIT(status.start()); // it was started before
    MICROIO_AWAIT(status.stop());
    QCOMPARE(service->state(), ServiceThread::State::Stopped);
    QTRY_COMPARE(status.state(), State::Stopped);
    MICROIO_AWAIT(status.stop());
}

void tst_ServiceStatus::whatCannotStartSaysWhy()
{
    ServiceGroup group;
    group.add(makeFailing("disk"));
    ServiceStatus status(&group, text("disk"));
    QCOMPARE(chainThrownBy([&] { Tests::await(status.start()); }), text("ServiceError < the disk is full"));
    QTRY_COMPARE(status.state(), State::Failed);
    QCOMPARE(m_warnings->take().size(), 1); // its failure
    QCOMPARE(chainThrownBy([&] { Tests::await(status.start()); }), text("ServiceError < the disk is full"));
    QCOMPARE(Tests::outcomeOf(status.start()),
             text("service disk cannot be started again: it runs once; a Supervisor could restart it"));
    ServiceStatus nobody(&group, text("nobody"));
    QCOMPARE(Tests::outcomeOf(nobody.start()), text("there is no service \"nobody\", or no more"));
    QCOMPARE(Tests::outcomeOf(nobody.stop()), text("there is no service \"nobody\", or no more"));
    QCOMPARE(Tests::outcomeOf(nobody.restart()), text("there is no service \"nobody\", or no more"));
}

void tst_ServiceStatus::stopLeavesAnIdleServiceToBeStarted()
{
    const auto service = makeWorking("worker");
    ServiceStatus status(service.get());
    MICROIO_AWAIT(status.stop());
    QVERIFY(!service->closeScope().isClosed());
    MICROIO_AWAIT(status.start());
    QCOMPARE(service->state(), ServiceThread::State::Running);
}

void tst_ServiceStatus::onlyASupervisorRestarts()
{
    const auto service = makeWorking("worker");
    ServiceStatus status(service.get());
    service->start();
    QVERIFY(!status.canRestart());
    QCOMPARE(Tests::outcomeOf(status.restart()),
             text("service worker cannot be restarted: it runs once, and no Supervisor makes it anew"));
    QVERIFY(!service->closeScope().isClosed());

    const auto source = std::make_shared<Tests::FakeSource>();
    const auto entry = source->add(text("fake"));
    entry->change([](auto &facts) { facts.canRestart = true; });
    status.setSource(source);
    status.setName(text("fake"));
    QVERIFY(status.canRestart());
    MICROIO_AWAIT(status.restart());
    QTRY_COMPARE(status.restartCount(), 1);
}

void tst_ServiceStatus::aTaskOfADestroyedStatusIsCancelled()
{
    const auto source = std::make_shared<Tests::FakeSource>();
    const auto entry = source->add(text("slow"));
    auto status = std::make_unique<ServiceStatus>();
    status->setSource(source);
    status->setName(text("slow"));
    auto starting = status->start();
    status.reset();
    MICROIO_VERIFY_THROWS(Cancelled, std::move(starting));
    QCOMPARE(entry->facts().state, State::Starting); // what was asked for goes on
}

void tst_ServiceStatus::whatHasGoneIsAbsent_data()
{
    QTest::addColumn<bool>("ownedByAGroup");
    QTest::addColumn<bool>("theGroupGoes");
    QTest::newRow("a service") << false << false;
    QTest::newRow("a borrowed service of a group") << true << false;
    QTest::newRow("a group") << true << true;
}

void tst_ServiceStatus::whatHasGoneIsAbsent()
{
    QFETCH(bool, ownedByAGroup);
    QFETCH(bool, theGroupGoes);
    auto service = makeFailing("gone");
    auto group = std::make_unique<ServiceGroup>();
    group->add(*service);
    ServiceStatus status;
    status.setName(text("gone"));
    status.setSource(ownedByAGroup ? static_cast<QObject *>(group.get()) : service.get());
    service->start();
    QTRY_COMPARE(status.state(), State::Failed);
    QCOMPARE(m_warnings->take().size(), 1); // its failure
    const Told told(status);
    if (theGroupGoes)
        group.reset();
    else
        service.reset();
    QTRY_COMPARE(status.state(), State::Absent);
    QCOMPARE(told.states(), text("Absent"));
    QCOMPARE(status.stateText(), text("not there"));
    QCOMPARE(status.errorString(), QString());
    QCOMPARE(status.name(), text("gone"));
    QCOMPARE(status.source(), ownedByAGroup ? group.get() : nullptr);
    QCOMPARE(Tests::outcomeOf(status.start()), text("there is no service \"gone\", or no more"));
}

void tst_ServiceStatus::aServiceThatIsAddedLaterAppears()
{
    ServiceGroup group;
    const ServiceStatus status(&group, text("late"));
    QCOMPARE(status.state(), State::Absent);
    group.add(makeWorking("early"));
    group.add(makeWorking("late"));
    QTRY_COMPARE(status.state(), State::Idle);
    group.start();
    QTRY_COMPARE(status.state(), State::Running);
}

void tst_ServiceStatus::anotherNameIsAnotherService()
{
    ServiceGroup group;
    group.add(makeWorking("one"));
    group.add(makeWorking("two")).start();
    ServiceStatus status(&group, text("one"));
    QSignalSpy renamed(&status, &ServiceStatus::nameChanged);
    QSignalSpy moved(&status, &ServiceStatus::sourceChanged);
    QCOMPARE(status.state(), State::Idle);
    status.setName(text("two"));
    QVERIFY(status.state() != State::Idle); // at once
    status.setName(text("two"));
    QCOMPARE(renamed.count(), 1);
    status.setSource(static_cast<QObject *>(nullptr));
    QCOMPARE(status.state(), State::Absent);
    const auto alone = makeWorking("alone");
    status.setSource(alone.get());
    QCOMPARE(status.state(), State::Idle);
    QCOMPARE(renamed.count(), 2);
    QCOMPARE(moved.count(), 2);
    QTRY_COMPARE(group.services().constLast()->state(), ServiceThread::State::Running);
}

void tst_ServiceStatus::whatIsNoSourceIsRefused()
{
    ServiceStatus status;
    QCOMPARE(status.state(), State::Absent);
    status.setSource(this);
    QCOMPARE(status.source(), nullptr);
    QCOMPARE(status.state(), State::Absent);
    QCOMPARE(
        m_warnings->take(),
        QStringList(text("warning microio.service: MicroIO::ServiceStatus: a tst_ServiceStatus has nothing "
                         "to show; give it a ServiceGroup, a Supervisor or a ServiceThread")));
}

void tst_ServiceStatus::everyThreadMayHaveAStatus()
{
    m_clock.reset(); // virtual time would stand still: this thread neither turns its loop nor waits
    ServiceGroup group;
    auto &worker = group.add(makeWorking("worker"));
    const auto viewer = Tests::startScripted(
        [](Tests::ScriptedService &self, CancelScope scope) -> QCoro::Task<> {
            self.reportStarted();
            co_await scope.cancelled();
        });
    // The thread of the status alone: that of the group is blocked here, and turns no loop.
    const auto seen = viewer->callSync([&] {
        auto *status = new ServiceStatus(&group, text("worker"), viewer->context());
        auto *log = new Told(*status);
        log->setParent(status);
        return std::pair(status, log);
    });
    worker.start();
    worker.waitStarted();
    const auto state = [&] { return viewer->callSync([&] { return seen.first->state(); }); };
    while (state() != State::Running)
        std::this_thread::yield();
    worker.stop();
    QVERIFY(worker.joinOrLog());
    while (state() != State::Stopped)
        std::this_thread::yield();
    auto starting = viewer->call(CancelScope(), [&]() -> QCoro::Task<> { co_await seen.first->start(); });
    MICROIO_VERIFY_THROWS(ServiceError, std::move(starting));
}

void tst_ServiceStatus::aStatusThatIsMovedComplains()
{
    QThread other;
    ServiceStatus status;
    status.moveToThread(&other);
    QCOMPARE(m_warnings->take(),
             QStringList(
                 text("critical microio.service: A MicroIO::ServiceStatus is moved to another thread, where "
                      "nothing of it is true any more: create it there.")));
}

void tst_ServiceStatus::everyStateHasAText()
{
    const auto states = QMetaEnum::fromType<State>();
    QSet<QString> texts;
    for (int i = 0; i < states.keyCount(); ++i)
        texts += ServiceStatus::textOf(State(states.value(i)));
    QCOMPARE(texts.size(), states.keyCount());
    QVERIFY(!texts.contains(QString()));
}

QTEST_GUILESS_MAIN(tst_ServiceStatus)

#include "tst_servicestatus.moc"
