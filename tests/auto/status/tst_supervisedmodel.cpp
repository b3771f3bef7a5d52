// SPDX-License-Identifier: Apache-2.0
#include "../shared/fakesource.h"
#include "../supervision/crew.h"

#include "status/updategate_p.h"
#include "supervision/supervisor_p.h"

#include <MicroIO/IncidentModel>
#include <MicroIO/ServiceModel>
#include <MicroIO/Test>

#include <QAbstractItemModelTester>
#include <QMetaEnum>
#include <QtTest/QtTest>

using namespace MicroIO;
using namespace std::chrono_literals;
using Detail::UpdateGate;
using Tests::Crew;
using Tests::failing;
using Tests::started;
using Tests::text;
using State = ServiceStatus::State;

namespace {

State stateIn(const ServiceModel &model, int row)
{
    return model.index(row, 0).data(ServiceModel::StateRole).value<State>();
}

/// "a:Running b:Waiting"
QString shown(const ServiceModel &model)
{
    QStringList rows;
    for (int row = 0; row < model.rowCount(); ++row) {
        rows += model.index(row, 0).data().toString() + QLatin1Char(':')
                + text(QMetaEnum::fromType<State>().valueToKey(int(stateIn(model, row))));
    }
    return rows.join(QLatin1Char(' '));
}

} // namespace

/// The models over supervisors.
class tst_SupervisedModel : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init()
    {
        m_log.emplace();
        m_leftovers.emplace();
    }
    void cleanup()
    {
        m_leftovers.reset();
        QCOMPARE(Tests::complaints(*m_log), QStringList());
    }

    void rowsFollowTheSupervisor();
    void rowsStayInRestarts();
    void incidentsAreListed();
    void supervisorsMayGo();
    void modelsOfAnotherThread();
    void aHundredThousandChangesInASecond_data();
    void aHundredThousandChangesInASecond();
    void aCrashLoopInRealTime();
    void rowsMayChangeWhileTheIntervalDoes();
    void aStatusOfARowMayLookElsewhere();

private:
    std::optional<Tests::MessageLog> m_log;
    std::optional<LeftoverGuard> m_leftovers;
};

void tst_SupervisedModel::rowsFollowTheSupervisor()
{
    const TestClock clock;
    Crew crew;
    Supervisor supervisor;
    supervisor.addService(crew.spec(text("a")));
    Supervisor::SupervisorSpec inner;
    inner.name = text("inner");
    inner.factory = [&crew] {
        auto made = std::make_unique<Supervisor>();
        made->addService(crew.spec(text("leaf")));
        return made;
    };
    supervisor.addSupervisor(inner);
    ServiceModel model(&supervisor);
    const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    QCOMPARE(model.source(), &supervisor);
    QCOMPARE(shown(model), text("a:Idle inner:Idle"));
    MICROIO_AWAIT(started(supervisor));
    QTRY_COMPARE(shown(model), text("a:Running inner:Running"));
    auto temporary = crew.spec(text("b"));
    temporary.restart = Supervisor::Restart::Temporary;
    supervisor.addService(temporary);
    supervisor.addService(crew.spec(text("c")));
    QTRY_COMPARE(shown(model), text("a:Running inner:Running b:Running c:Running"));
    supervisor.removeService(text("a"));
    MICROIO_AWAIT(model.status(model.rowOf(text("b")))->stop());
    QTRY_COMPARE(shown(model), text("inner:Running c:Running"));
    supervisor.addService(crew.spec(text("a")));
    QTRY_COMPARE(shown(model), text("inner:Running c:Running a:Running"));
    QCOMPARE(model.index(1, 0).data(ServiceModel::CanRestartRole), QVariant(true));
    MICROIO_AWAIT(supervisor.stopJoin(CancelScope()));
    QTRY_COMPARE(shown(model), text("inner:Stopped c:Stopped a:Stopped"));
    QCOMPARE(model.index(1, 0).data(ServiceModel::CanRestartRole), QVariant(false));
}

void tst_SupervisedModel::rowsStayInRestarts()
{
    const TestClock clock;
    Crew crew;
    Supervisor supervisor;
    Supervisor::Backoff backoff;
    backoff.initial = 1s;
    supervisor.setBackoff(backoff);
    supervisor.addService(crew.spec(text("a"), failing(1, 1s)));
    supervisor.addService(crew.spec(text("b")));
    ServiceModel model(&supervisor);
    const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    QSignalSpy removed(&model, &ServiceModel::rowsRemoved);
    auto *status = model.status(0);
    MICROIO_AWAIT(started(supervisor));
    CancelScope scope;
    MICROIO_AWAIT(scope.sleep(1500ms));
    QCOMPARE(shown(model), text("a:Waiting b:Running"));
    QCOMPARE(model.index(0, ServiceModel::ErrorStringColumn).data().toString(), text("boom"));
    QCOMPARE(status->state(), State::Waiting);
    MICROIO_AWAIT(status->start());
    MICROIO_AWAIT(status->restart());
    QTRY_COMPARE(shown(model), text("a:Running b:Running"));
    MICROIO_AWAIT(scope.sleep(1min));
    QCOMPARE(model.status(0), status);
    QCOMPARE(removed.count(), 0);
}

void tst_SupervisedModel::incidentsAreListed()
{
    const TestClock clock;
    Crew crew;
    Supervisor supervisor;
    supervisor.setIntensity({1000, 1s});
    Supervisor::Backoff backoff;
    backoff.initial = 20ms;
    backoff.factor = 1;
    supervisor.setBackoff(backoff);
    supervisor.addService(crew.spec(text("a"), failing(120, 20ms)));
    IncidentModel model(&supervisor);
    const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    QCOMPARE(model.source(), &supervisor);
    const auto before = QDateTime::currentDateTime();
    MICROIO_AWAIT(started(supervisor));
    CancelScope scope;
    MICROIO_AWAIT(scope.sleep(35ms));
    QCOMPARE(model.rowCount(), 1);
    const auto data = [&](int role) { return model.index(0, 0).data(role); };
    QCOMPARE(data(IncidentModel::NumberRole), QVariant(quint64(1)));
    QCOMPARE(data(IncidentModel::ServiceRole), QVariant(text("a")));
    QCOMPARE(data(IncidentModel::CauseRole), QVariant(text("boom")));
    QCOMPARE(data(IncidentModel::ActionRole), QVariant(text("to be restarted in 20 ms")));
    QCOMPARE(data(IncidentModel::UptimeRole), QVariant(qint64(20)));
    QVERIFY(data(IncidentModel::TimeRole).toDateTime() >= before);
    QVERIFY(data(IncidentModel::TimeRole).toDateTime() <= QDateTime::currentDateTime());
    MICROIO_AWAIT(scope.sleep(1min));
    QCOMPARE(model.rowCount(), 100); // as many as are kept
    QCOMPARE(data(IncidentModel::NumberRole), QVariant(quint64(21)));
    QCOMPARE(model.index(99, 0).data(IncidentModel::NumberRole), QVariant(quint64(120)));
}

void tst_SupervisedModel::supervisorsMayGo()
{
    const TestClock clock;
    Crew crew;
    auto supervisor = std::make_unique<Supervisor>();
    supervisor->addService(crew.spec(text("a"), failing(1)));
    supervisor->addService(crew.spec(text("b")));
    ServiceModel model(supervisor.get());
    IncidentModel incidents(supervisor.get());
    const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    const QAbstractItemModelTester incidentTester(&incidents,
                                                  QAbstractItemModelTester::FailureReportingMode::QtTest);
    MICROIO_AWAIT(started(*supervisor));
    QTRY_COMPARE(incidents.rowCount(), 1);
    QTRY_COMPARE(shown(model), text("a:Running b:Running"));
    const QPointer<ServiceStatus> status = model.status(1);
    supervisor.reset();
    QTRY_COMPARE(model.rowCount(), 0);
    QTRY_COMPARE(incidents.rowCount(), 0);
    QTRY_VERIFY(!status);
    QCOMPARE(model.source(), nullptr);
    QCOMPARE(incidents.source(), nullptr);
    QVERIFY(crew.isGone());
}

void tst_SupervisedModel::modelsOfAnotherThread()
{
    const TestClock clock;
    Crew crew;
    Supervisor supervisor;
    supervisor.addService(crew.spec(text("a"), failing(1, 1s)));
    const auto viewer = Tests::startScripted();
    const auto [model, incidents] = viewer->callSync([&] {
        auto *services = new ServiceModel(&supervisor);
        auto *list = new IncidentModel(&supervisor);
        services->setParent(viewer->context());
        list->setParent(viewer->context());
        return std::pair(services, list);
    });
    const auto *const services = model;
    const auto *const list = incidents;
    const auto seen = [&] {
        return viewer->callSync(
            [&] { return shown(*services) + text(" %1").arg(QString::number(list->rowCount())); });
    };
    MICROIO_AWAIT(started(supervisor));
    CancelScope scope;
    MICROIO_AWAIT(scope.sleep(500ms));
    QCOMPARE(seen(), text("a:Running 0"));
    MICROIO_AWAIT(scope.sleep(1s));
    QCOMPARE(seen(), text("a:Running 1"));
    const auto restart = [&]() -> QCoro::Task<> {
        auto restarting = services->status(0)->restart();
        co_await restarting;
    };
    crew.take();
    MICROIO_AWAIT(viewer->call(scope, restart));
    QCOMPARE(crew.take(), text("a) +a"));
}

void tst_SupervisedModel::aHundredThousandChangesInASecond_data()
{
    QTest::addColumn<bool>("ofAModel");
    QTest::newRow("status") << false;
    QTest::newRow("model") << true;
}

/// What a supervisor writes down when its service does so, without one that really could.
void tst_SupervisedModel::aHundredThousandChangesInASecond()
{
    QFETCH(bool, ofAModel);
    TestClock clock(TestClock::Mode::Manual);
    Crew crew;
    Supervisor supervisor;
    supervisor.addService(crew.spec(text("a")));
    ServiceStatus status(&supervisor, text("a"));
    ServiceModel model(&supervisor);
    supervisor.start();
    QTRY_COMPARE(supervisor.state(), ServiceThread::State::Running);
    clock.advance(1s);
    QCOMPARE(shown(model), text("a:Running"));

    int updates = 0;
    if (ofAModel)
        connect(&model, &ServiceModel::dataChanged, this, [&] { ++updates; });
    else
        connect(&status, &ServiceStatus::changed, this, [&] { ++updates; });
    auto &records = *Detail::SupervisorPrivate::of(supervisor).records;
    const auto id = records.find(text("a"))->id;
    constexpr int count = 100'000;
    constexpr int steps = 250; // of 4 ms
    for (int i = 1; i <= count; ++i) {
        records.setEnded(id, i % 2 == 0); // waiting, and not
        records.setLastError(id, QString::number(i));
        if (i % (count / steps) == 0)
            clock.advance(1000ms / steps);
    }
    clock.advance(UpdateGate::interval);
    QCOMPARE(updates, 1 + 63); // at 4 ms, and then one every 16 ms
    QCOMPARE(status.errorString(), QString::number(count));
    QCOMPARE(status.state(), State::Waiting);
    QCOMPARE(shown(model), text("a:Waiting"));
    QCOMPARE(model.index(0, 0).data(ServiceModel::ErrorStringRole).toInt(), count);
}

/// In real time, which is only looked at: what is counted are the updates that there may be.
void tst_SupervisedModel::aCrashLoopInRealTime()
{
    constexpr int failures = 200;
    Crew crew;
    Supervisor supervisor;
    supervisor.setIntensity({2 * failures, 1h});
    supervisor.addService(crew.spec(text("a"), failing(failures)));
    ServiceModel model(&supervisor);
    IncidentModel incidents(&supervisor);
    const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    int updates = 0;
    int last = 0;
    connect(&model, &ServiceModel::dataChanged, this, [&] {
        ++updates;
        const int count = model.index(0, 0).data(ServiceModel::RestartCountRole).toInt();
        if (count < last || stateIn(model, 0) == State::Absent)
            qFatal("a count that goes backwards, or a state that did not happen");
        last = count;
    });
    QSignalSpy inserted(&incidents, &IncidentModel::rowsInserted);
    const auto begin = std::chrono::steady_clock::now();
    supervisor.start();
    QTRY_COMPARE_WITH_TIMEOUT(last, failures, 30'000);
    QTRY_COMPARE(shown(model), text("a:Running"));
    QTRY_COMPARE(incidents.index(incidents.rowCount() - 1, 0).data(IncidentModel::NumberRole).toInt(),
                 failures);
    const auto elapsed = std::chrono::steady_clock::now() - begin;
    QVERIFY2(updates <= 1 + elapsed / UpdateGate::interval, qPrintable(QString::number(updates)));
    QVERIFY(inserted.count() <= 1 + elapsed / UpdateGate::interval);
}

void tst_SupervisedModel::rowsMayChangeWhileTheIntervalDoes()
{
    const auto source = std::make_shared<Tests::FakeSource>();
    for (int i = 0; i < 5; ++i)
        source->add(QString::number(i));
    auto model = std::make_unique<ServiceModel>();
    model->setSource(source);
    for (int row = 0; row < 5; ++row)
        static_cast<void>(model->status(row));
    connect(model->status(2), &ServiceStatus::refreshIntervalChanged, this,
            [&] { model->setSource(static_cast<QObject *>(nullptr)); });
    model->setRefreshInterval(5);
    QCOMPARE(model->rowCount(), 0);
    model->setSource(source);
    connect(model->status(0), &ServiceStatus::refreshIntervalChanged, this, [&] { model.reset(); });
    model->setRefreshInterval(6);
    QVERIFY(!model);
}

void tst_SupervisedModel::aStatusOfARowMayLookElsewhere()
{
    Crew crew;
    Supervisor supervisor;
    supervisor.addService(crew.spec(text("a")));
    Supervisor other;
    other.addService(crew.spec(text("a")));
    ServiceModel model(&supervisor);
    auto *status = model.status(0);
    QCOMPARE(status->state(), State::Idle);
    status->setSource(&other);
    QCOMPARE(status->state(), State::Idle);
}

QTEST_GUILESS_MAIN(tst_SupervisedModel)

#include "tst_supervisedmodel.moc"
