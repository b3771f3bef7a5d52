// SPDX-License-Identifier: Apache-2.0
#include "../shared/fakesource.h"
#include "../shared/outcome.h"
#include "../shared/plainservices.h"

#include "status/updategate_p.h"

#include <MicroIO/Channel>
#include <MicroIO/LoopServiceThread>
#include <MicroIO/Service>
#include <MicroIO/ServiceGroup>
#include <MicroIO/ServiceModel>
#include <MicroIO/Test>

#include <QAbstractItemModelTester>
#include <QRegularExpression>
#include <QSortFilterProxyModel>
#include <QtTest/QtTest>

#include <numeric>
#include <random>

using namespace MicroIO;
using namespace std::chrono_literals;
using State = ServiceStatus::State;
using Tests::FakeSource;

namespace {

QString text(const char *latin1)
{
    return QString::fromLatin1(latin1);
}

std::unique_ptr<ServiceThread> makeWorking(const char *name)
{
    return makeService<ServiceThread>(text(name), Tests::workUntilStopped);
}

QString namesIn(const QAbstractItemModel &model)
{
    QStringList names;
    for (int row = 0; row < model.rowCount(); ++row)
        names += model.index(row, 0).data(ServiceModel::NameRole).toString();
    return names.join(QLatin1Char(' '));
}

/// What a model signalled about its rows: "+0-2", "-1", "1>0", and about its data: "0-1".
class RowSignals : public QObject
{
public:
    explicit RowSignals(const ServiceModel &model)
    {
        connect(&model, &ServiceModel::rowsInserted, this, [this](const QModelIndex &, int first, int last) {
            m_log += text("+") + range(first, last);
        });
        connect(&model, &ServiceModel::rowsRemoved, this, [this](const QModelIndex &, int first, int last) {
            m_log += text("-") + range(first, last);
        });
        connect(&model, &ServiceModel::rowsMoved, this,
                [this](const QModelIndex &, int first, int last, const QModelIndex &, int to) {
                    m_log += range(first, last) + text(">%1").arg(to);
                });
        connect(&model, &ServiceModel::modelReset, this, [this] { m_log += text("reset"); });
        connect(&model, &ServiceModel::dataChanged, this,
                [this](const QModelIndex &first, const QModelIndex &last, const QList<int> &roles) {
                    m_log += range(first.row(), last.row());
                    m_roles = roles;
                });
    }
    QString take() { return std::exchange(m_log, {}).join(QLatin1Char(' ')); }
    QList<int> roles() const { return m_roles; }

private:
    static QString range(int first, int last)
    {
        return first == last ? QString::number(first) : text("%1-%2").arg(first).arg(last);
    }

    QStringList m_log;
    QList<int> m_roles;
};

} // namespace

class tst_ServiceModel : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init()
    {
        m_warnings.emplace();
        // Newer versions of QAbstractItemModelTester ask for pixmaps, which there are none of without Qt Gui.
        m_warnings->allow(
            QRegularExpression(QStringLiteral("Trying to construct an instance of an invalid type")));
        m_leftovers.emplace();
        m_clock.emplace();
    }
    void cleanup()
    {
        m_clock.reset();
        m_leftovers.reset();
        m_warnings.reset();
    }

    void aGroupIsShownInTheOrderOfItsStart();
    void everyRoleAndColumnIsThatOfTheService();
    void rowsFollowTheSource_data();
    void rowsFollowTheSource();
    void rowsFollowAnySourceAnyHow();
    void neighboursThatChangeAreToldTogether();
    void onlyWhatHasChangedIsLookedAt();
    void aSourceThatGoesLeavesNothing_data();
    void aSourceThatGoesLeavesNothing();
    void aStatusIsOneObjectOfItsRow();
    void servicesOfTheSameNameAreToldApart();
    void anotherSourceIsAnotherList();
    void whatIsNoSourceIsRefused();
    void inAnEventLoopOfASlotItStandsStill();
    void figuresAreRefreshedWhileAViewReads();
    void aModelMayLiveInAService();
    void aThousandServices();

private:
    std::optional<WarningGuard> m_warnings;
    std::optional<LeftoverGuard> m_leftovers;
    std::optional<TestClock> m_clock;
};

void tst_ServiceModel::aGroupIsShownInTheOrderOfItsStart()
{
    ServiceGroup group;
    group.add(makeWorking("input"));
    ServiceModel model(&group);
    const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    QCOMPARE(model.source(), &group);
    QCOMPARE(namesIn(model), text("input"));
    group.add(makeWorking("output"));
    group.add(makeService<ServiceThread>(text("broken"), [](ServiceThread &) { throw Tests::failure("X"); }));
    QTRY_COMPARE(namesIn(model), text("input output broken"));
    group.start();
    const auto state = [&](int row) {
        return model.index(row, 0).data(ServiceModel::StateRole).value<State>();
    };
    QTRY_COMPARE(state(2), State::Failed);
    QTRY_COMPARE(state(0), State::Stopped);
    QTRY_COMPARE(state(1), State::Stopped);
    QCOMPARE(m_warnings->take().size(), 1); // its failure
    QCOMPARE(model.index(2, ServiceModel::ErrorStringColumn).data().toString(), text("X"));
}

void tst_ServiceModel::everyRoleAndColumnIsThatOfTheService()
{
    auto channel = createChannel<int>();
    ServiceGroup group;
    group.add(makeWorking("worker")).watch(text("jobs"), channel.receive);
    channel.send.sendNow(1);
    ServiceModel model(&group);
    const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    group.start().waitStarted();
    CancelScope scope;
    MICROIO_AWAIT(scope.sleep(3723s));
    model.refresh();
    QTRY_VERIFY(model.index(0, 0).data(ServiceModel::UptimeRole).toLongLong() >= 3'723'000);

    QVariantMap byRole;
    const auto roleNames = model.roleNames();
    for (auto role = roleNames.cbegin(); role != roleNames.cend(); ++role)
        byRole.insert(QString::fromLatin1(role.value()), model.index(0, 3).data(role.key()));
    QCOMPARE(byRole.take(text("status")).value<ServiceStatus *>(), model.status(0));
    QVERIFY(byRole.take(text("uptime")).toLongLong() < 3'724'000);
    QVERIFY(byRole.take(text("loopLag")).canConvert<qint64>());
    QCOMPARE(byRole.take(text("state")).value<State>(), State::Running);
    QCOMPARE(byRole, (QVariantMap{{text("name"), text("worker")},
                                  {text("stateText"), text("running")},
                                  {text("errorString"), QString()},
                                  {text("restartCount"), 0},
                                  {text("queuedItems"), qint64(1)},
                                  {text("pendingRequests"), qint64(0)},
                                  {text("canRestart"), false}}));
    QStringList table;
    for (int column = 0; column < model.columnCount(); ++column)
        table += model.headerData(column, Qt::Horizontal).toString() + text("=")
                 + model.index(0, column).data().toString();
    QCOMPARE(
        table.join(QLatin1Char('|')),
        text("Service=worker|State=running|Uptime=1:02:03|Restarts=0|Lag=0 ms|Queued=1|Pending=0|Error="));
    QCOMPARE(model.index(0, ServiceModel::QueuedItemsColumn).data(Qt::EditRole), QVariant(qint64(1)));
    QCOMPARE(model.rowOf(text("worker")), 0);
    QCOMPARE(model.rowOf(text("nobody")), -1);
    QCOMPARE(model.status(1), nullptr);
    QCOMPARE(model.data(model.index(5, 0), ServiceModel::NameRole), QVariant());
    QCOMPARE(m_warnings->take().size(), 1); // Qt's, of that index
}

void tst_ServiceModel::rowsFollowTheSource_data()
{
    QTest::addColumn<QString>("before");
    QTest::addColumn<QString>("after");
    QTest::addColumn<QString>("told");
    QTest::newRow("added behind") << "a"
                                  << "a b c"
                                  << "+1-2";
    QTest::newRow("added between") << "a d"
                                   << "a b c d"
                                   << "+1-2";
    QTest::newRow("removed") << "a b c d"
                             << "a d"
                             << "-1-2";
    QTest::newRow("removed here and there") << "a b c d e"
                                            << "b d"
                                            << "-4 -2 -0";
    QTest::newRow("moved to the front") << "a b c"
                                        << "c a b"
                                        << "2>0";
    QTest::newRow("replaced") << "a b c"
                              << "a x c"
                              << "-1 +1";
    QTest::newRow("all at once") << "a b c"
                                 << "x c y a"
                                 << "-1 +0 2>1 +2";
    QTest::newRow("emptied") << "a b"
                             << ""
                             << "-0-1";
    QTest::newRow("the same") << "a b"
                              << "a b"
                              << "";
}

void tst_ServiceModel::rowsFollowTheSource()
{
    QFETCH(QString, before);
    QFETCH(QString, after);
    QFETCH(QString, told);
    const auto source = std::make_shared<FakeSource>();
    for (const auto &name : before.split(QLatin1Char(' '), Qt::SkipEmptyParts))
        source->add(name);
    ServiceModel model;
    const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    model.setSource(source);
    QCOMPARE(namesIn(model), before);
    RowSignals rowSignals(model);
    source->arrange([&](auto &all) {
        Detail::ServiceEntries arranged;
        for (const auto &name : after.split(QLatin1Char(' '), Qt::SkipEmptyParts)) {
            const auto found = std::find_if(all.begin(), all.end(),
                                            [&](const auto &entry) { return entry->name() == name; });
            arranged.push_back(found == all.end() ? std::make_shared<Tests::FakeEntry>(name) : *found);
        }
        all.swap(arranged);
    });
    QVERIFY(waitUntilIdle());
    QCOMPARE(namesIn(model), after);
    QCOMPARE(rowSignals.take(), told);
}

/// Random changes of the list, many between two updates, under a tester and a proxy, which keep their own books.
void tst_ServiceModel::rowsFollowAnySourceAnyHow()
{
    std::mt19937 random(20250101);
    const auto below = [&](size_t end) { return std::uniform_int_distribution<size_t>(0, end - 1)(random); };
    const auto source = std::make_shared<FakeSource>();
    ServiceModel model;
    const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    QSortFilterProxyModel sorted;
    sorted.setSourceModel(&model);
    sorted.sort(0);
    const QAbstractItemModelTester sortedTester(&sorted,
                                                QAbstractItemModelTester::FailureReportingMode::QtTest);
    model.setSource(source);
    for (int round = 0; round < 300; ++round) {
        for (size_t changes = below(8); changes > 0; --changes) {
            source->arrange([&](auto &all) {
                const size_t what = below(4);
                if (what == 0 && !all.empty())
                    all.erase(all.begin() + std::ptrdiff_t(below(all.size())));
                else if (what == 1 && !all.empty())
                    std::swap(all[below(all.size())], all[below(all.size())]);
                else if (all.size() < 12)
                    all.insert(all.begin() + std::ptrdiff_t(below(all.size() + 1)),
                               std::make_shared<Tests::FakeEntry>(QString::number(below(1000))));
            });
            const auto all = source->entries();
            if (!all.empty())
                static_cast<Tests::FakeEntry *>(all[below(all.size())].get())->setState(State(below(8)));
        }
        m_clock->advance(Detail::UpdateGate::interval);
        const auto all = source->entries();
        QCOMPARE(size_t(model.rowCount()), all.size());
        for (int row = 0; row < model.rowCount(); ++row) {
            QCOMPARE(model.index(row, 0).data().toString(), all[size_t(row)]->name());
            QCOMPARE(model.index(row, 0).data(ServiceModel::StateRole).value<State>(),
                     all[size_t(row)]->facts().state);
        }
        QCOMPARE(sorted.rowCount(), model.rowCount());
    }
}

void tst_ServiceModel::neighboursThatChangeAreToldTogether()
{
    const auto source = std::make_shared<FakeSource>();
    std::vector<std::shared_ptr<Tests::FakeEntry>> entries;
    for (int i = 0; i < 6; ++i)
        entries.push_back(source->add(QString::number(i)));
    ServiceModel model;
    model.setSource(source);
    RowSignals rowSignals(model);
    for (const size_t i : {0u, 1u, 3u, 4u, 5u})
        entries[i]->setState(State::Running);
    QVERIFY(waitUntilIdle());
    QCOMPARE(rowSignals.take(), text("0-1 3-5"));
    QCOMPARE(rowSignals.roles(), (QList<int>{Qt::DisplayRole, Qt::EditRole, ServiceModel::StateRole,
                                             ServiceModel::StateTextRole}));
    entries[2]->change([](auto &) {}); // into what it is
    m_clock->advance(Detail::UpdateGate::interval);
    QCOMPARE(rowSignals.take(), QString());
}

void tst_ServiceModel::onlyWhatHasChangedIsLookedAt()
{
    const auto source = std::make_shared<FakeSource>();
    const auto quiet = source->add(text("quiet"));
    const auto busy = source->add(text("busy"));
    ServiceModel model;
    model.setSource(source);
    const int looks = quiet->timesLookedAt();
    const int reads = quiet->timesFiguresRead();
    for (int i = 0; i < 10; ++i) {
        busy->setState(i % 2 ? State::Running : State::Failed);
        m_clock->advance(Detail::UpdateGate::interval);
    }
    QCOMPARE(quiet->timesLookedAt(), looks);
    QCOMPARE(quiet->timesFiguresRead(), reads);
}

void tst_ServiceModel::aSourceThatGoesLeavesNothing_data()
{
    QTest::addColumn<bool>("theGroupGoes");
    QTest::newRow("a group") << true;
    QTest::newRow("its services") << false;
}

void tst_ServiceModel::aSourceThatGoesLeavesNothing()
{
    QFETCH(bool, theGroupGoes);
    auto one = makeWorking("one");
    auto two = makeWorking("two");
    auto group = std::make_unique<ServiceGroup>();
    group->add(*one).add(*two);
    if (theGroupGoes)
        group->add(makeWorking("owned"));
    ServiceModel model(group.get());
    const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    group->start().waitStarted();
    const QPointer<ServiceStatus> status = model.status(0);
    RowSignals rowSignals(model);
    if (theGroupGoes) {
        group.reset();
        QTRY_COMPARE(model.rowCount(), 0);
        QCOMPARE(model.source(), nullptr);
        QCOMPARE(one->state(), ServiceThread::State::Running);
    } else {
        one.reset();
        QTRY_COMPARE(namesIn(model), text("two"));
        two.reset();
        QTRY_COMPARE(model.rowCount(), 0);
    }
    QTRY_VERIFY(!status);
}

void tst_ServiceModel::aStatusIsOneObjectOfItsRow()
{
    ServiceGroup group;
    group.add(makeWorking("one"));
    group.add(makeWorking("two"));
    ServiceModel model(&group);
    auto *status = model.status(1);
    QCOMPARE(status->name(), text("two"));
    QCOMPARE(model.index(1, 0).data(ServiceModel::StatusRole).value<ServiceStatus *>(), status);
    QVERIFY(model.status(0) != status);
    MICROIO_AWAIT(status->start());
    QTRY_COMPARE(model.index(1, 0).data(ServiceModel::StateRole).value<State>(), State::Running);
    model.setRefreshInterval(0);
    QCOMPARE(status->refreshInterval(), 0);
    MICROIO_AWAIT(status->stop());
}

void tst_ServiceModel::servicesOfTheSameNameAreToldApart()
{
    ServiceGroup group;
    group.add(makeWorking("worker"));
    group.add(makeWorking("worker"));
    ServiceModel model(&group);
    MICROIO_AWAIT(model.status(1)->start());
    QCOMPARE(group.services().at(0)->state(), ServiceThread::State::Idle);
    QCOMPARE(group.services().at(1)->state(), ServiceThread::State::Running);
    QTRY_COMPARE(model.status(1)->state(), State::Running);
    QCOMPARE(model.status(0)->state(), State::Idle);
}

void tst_ServiceModel::anotherSourceIsAnotherList()
{
    ServiceGroup first;
    first.add(makeWorking("one"));
    first.add(makeWorking("two"));
    const auto alone = makeWorking("alone");
    ServiceModel model(&first);
    const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    RowSignals rowSignals(model);
    model.setSource(alone.get());
    QCOMPARE(namesIn(model), text("alone")); // at once
    QCOMPARE(rowSignals.take(), text("-0-1 +0"));
    first.add(makeWorking("three"));
    QVERIFY(waitUntilIdle());
    QCOMPARE(namesIn(model), text("alone"));
    model.setSource(static_cast<QObject *>(nullptr));
    QCOMPARE(model.rowCount(), 0);
}

void tst_ServiceModel::whatIsNoSourceIsRefused()
{
    ServiceGroup group;
    group.add(makeWorking("one"));
    ServiceModel model(&group);
    model.setSource(this);
    QCOMPARE(model.rowCount(), 0);
    QCOMPARE(model.source(), nullptr);
    QCOMPARE(m_warnings->take().size(), 1);
}

void tst_ServiceModel::inAnEventLoopOfASlotItStandsStill()
{
    const auto source = std::make_shared<FakeSource>();
    ServiceModel model;
    const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    model.setSource(source);
    QStringList seen;
    connect(&model, &ServiceModel::rowsInserted, this, [&] {
        if (seen.isEmpty()) {
            source->add(text("b"));
            m_clock->advance(Detail::UpdateGate::interval);
        }
        seen += namesIn(model);
    });
    source->add(text("a"));
    QTRY_COMPARE(seen.size(), 2);
    QCOMPARE(seen, (QStringList{text("a"), text("a b")}));
}

void tst_ServiceModel::figuresAreRefreshedWhileAViewReads()
{
    const auto source = std::make_shared<FakeSource>();
    const auto entry = source->add(text("fake"));
    ServiceModel model;
    model.setSource(source);
    model.setRefreshInterval(1); // of real time, in which there is nothing to wait for but this
    const auto queued = model.index(0, ServiceModel::QueuedItemsColumn);
    QList<int> roles;
    connect(&model, &ServiceModel::dataChanged, this,
            [&](const QModelIndex &, const QModelIndex &, const QList<int> &changed) {
                roles = changed;
                static_cast<void>(queued.data()); // as a view does that is visible
            });
    entry->setQueued(1);
    static_cast<void>(model.index(0, ServiceModel::StateColumn).data());
    QVERIFY(waitUntilIdle());
    QCOMPARE(roles, QList<int>()); // nobody looks at figures
    QCOMPARE(queued.data().toString(), text("0"));
    QTRY_VERIFY(!roles.isEmpty());
    QCOMPARE(roles, (QList<int>{Qt::DisplayRole, Qt::EditRole, ServiceModel::QueuedItemsRole}));
    for (int i = 2; i < 5; ++i) {
        roles.clear();
        entry->setQueued(i);
        QTRY_VERIFY(!roles.isEmpty());
        QCOMPARE(queued.data().toString(), QString::number(i));
    }
}

void tst_ServiceModel::aModelMayLiveInAService()
{
    m_clock.reset(); // virtual time would stand still: this thread neither turns its loop nor waits
    ServiceGroup group;
    auto &worker = group.add(makeWorking("worker"));
    const auto viewer = makeService<LoopServiceThread>(text("viewer"));
    viewer->start();
    viewer->waitStarted();
    auto *model = viewer->callSync([&] {
        auto *made = new ServiceModel(&group, viewer->context());
        made->setParent(viewer->context());
        return made;
    });
    const auto state = [&] {
        return viewer->callSync([&] {
            return model->rowCount() == 1 ? model->index(0, 0).data(ServiceModel::StateRole).value<State>()
                                          : State::Absent;
        });
    };
    // The thread of the group turns no loop meanwhile.
    worker.start();
    while (state() != State::Running)
        std::this_thread::yield();
    worker.stop();
    while (state() != State::Stopped)
        std::this_thread::yield();
}

void tst_ServiceModel::aThousandServices()
{
    const auto source = std::make_shared<FakeSource>();
    ServiceModel model;
    model.setSource(source);
    RowSignals rowSignals(model);
    std::vector<std::shared_ptr<Tests::FakeEntry>> entries;
    for (int i = 0; i < 1000; ++i)
        entries.push_back(source->add(QString::number(i)));
    QVERIFY(waitUntilIdle());
    QCOMPARE(rowSignals.take(), text("+0-999"));
    for (const auto &entry : entries)
        entry->setState(State::Running);
    m_clock->advance(Detail::UpdateGate::interval);
    QCOMPARE(rowSignals.take(), text("0-999"));
    source->arrange([](auto &all) { all.clear(); });
    m_clock->advance(Detail::UpdateGate::interval);
    QCOMPARE(rowSignals.take(), text("-0-999"));
}

QTEST_GUILESS_MAIN(tst_ServiceModel)

#include "tst_servicemodel.moc"
