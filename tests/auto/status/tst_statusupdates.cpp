// SPDX-License-Identifier: Apache-2.0
#include "../shared/fakesource.h"
#include "../shared/looper.h"
#include "../shared/outcome.h"

#include "status/statusfeed_p.h"

#include <MicroIO/ServiceModel>
#include <MicroIO/ServiceStatus>
#include <MicroIO/Test>

#include <QtTest/QtTest>

#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using Detail::StatusFeed;
using Detail::UpdateGate;
using State = ServiceStatus::State;
using Tests::FakeSource;

namespace {

QString text(const char *latin1)
{
    return QString::fromLatin1(latin1);
}

/// A status of a service that never was.
class Shown
{
public:
    explicit Shown(const std::shared_ptr<FakeSource> &source = std::make_shared<FakeSource>())
        : entry(source->add(text("fake")))
    {
        status.setName(text("fake"));
        status.setSource(source);
    }

    const std::shared_ptr<Tests::FakeEntry> entry;
    ServiceStatus status;
};

} // namespace

/// When the objects that show services are told of changes.
class tst_StatusUpdates : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_warnings.emplace(); }
    void cleanup() { m_warnings.reset(); }

    void theFirstChangeIsToldAtOnceAndTheOthersTogether();
    void aHundredThousandChangesInASecond_data();
    void aHundredThousandChangesInASecond();
    void changesFromManyThreadsEndOnTheTruth();
    void aChangeInsideAnUpdateIsNotLost();
    void aLeapBackOfTheClockStopsNothing();
    void anUpdateMayDestroyItsObject();
    void aSlotMayOpenAnEventLoop();
    void aSlotThatThrowsIsNamed();
    void aLoopThatHasEndedIsToldNothing();
    void figuresAreLookedAtAsLongAsSomebodyReadsThem();
    void aStatusShowsFiguresThatChangeSilently();
    void withoutAnIntervalFiguresComeByRefreshAlone();

private:
    std::optional<WarningGuard> m_warnings;
};

void tst_StatusUpdates::theFirstChangeIsToldAtOnceAndTheOthersTogether()
{
    TestClock clock(TestClock::Mode::Manual);
    QList<int> times;
    const auto gate = UpdateGate::create([&] { times += int(clock.elapsed() / 1ms); });
    gate->mark();
    QVERIFY(times.isEmpty()); // never inside
    clock.advance(0ms);
    gate->mark();
    gate->mark();
    clock.advance(10ms);
    gate->mark();
    clock.advance(5ms);
    QCOMPARE(times, QList<int>({0}));
    clock.advance(85ms);
    QCOMPARE(times, QList<int>({0, 16}));
    gate->mark(); // long after
    clock.advance(0ms);
    QCOMPARE(times, QList<int>({0, 16, 100}));
    gate->mark();
    gate->close();
    clock.advance(1h);
    QCOMPARE(times.size(), 3);
}

void tst_StatusUpdates::aHundredThousandChangesInASecond_data()
{
    QTest::addColumn<bool>("ofAModel");
    QTest::newRow("status") << false;
    QTest::newRow("model") << true;
}

void tst_StatusUpdates::aHundredThousandChangesInASecond()
{
    QFETCH(bool, ofAModel);
    TestClock clock(TestClock::Mode::Manual);
    const auto source = std::make_shared<FakeSource>();
    Shown shown(source);
    ServiceModel model;
    model.setSource(source);
    int updates = 0;
    if (ofAModel)
        connect(&model, &ServiceModel::dataChanged, this, [&] { ++updates; });
    else
        connect(&shown.status, &ServiceStatus::changed, this, [&] { ++updates; });
    const int looksBefore = shown.entry->timesLookedAt();
    constexpr int count = 100'000;
    constexpr int steps = 250; // of 4 ms
    for (int i = 1; i <= count; ++i) {
        shown.entry->change([i](auto &facts) {
            facts.state = i % 2 ? State::Running : State::Failed;
            facts.restartCount = i;
        });
        if (i % (count / steps) == 0)
            clock.advance(1000ms / steps);
    }
    clock.advance(16ms);
    QCOMPARE(updates, 1 + 63); // at 4 ms, and then one every 16 ms
    QCOMPARE(shown.entry->timesLookedAt() - looksBefore, 2 * 64);
    QCOMPARE(shown.status.restartCount(), count);
    QCOMPARE(shown.status.state(), State::Failed);
    QCOMPARE(model.data(model.index(0, 0), ServiceModel::RestartCountRole).toInt(), count);
    QCOMPARE(model.data(model.index(0, 0), ServiceModel::StateRole).value<State>(), State::Failed);
}

// In real time, which is only looked at: what is counted are the updates that there may be.
void tst_StatusUpdates::changesFromManyThreadsEndOnTheTruth()
{
    constexpr int threadCount = 4;
    constexpr int perThread = 25'000;
    Shown shown;
    int updates = 0;
    int last = 0;
    connect(&shown.status, &ServiceStatus::changed, this, [&] {
        ++updates;
        const int count = shown.status.restartCount();
        if (count <= last)
            qFatal("an update without a change, or backwards");
        last = count;
    });
    const auto begin = std::chrono::steady_clock::now();
    std::vector<std::thread> threads;
    for (int i = 0; i < threadCount; ++i) {
        threads.emplace_back([&] {
            for (int k = 0; k < perThread; ++k)
                shown.entry->change([](auto &facts) { ++facts.restartCount; });
        });
    }
    QTRY_COMPARE_WITH_TIMEOUT(shown.status.restartCount(), threadCount * perThread, 30'000);
    const auto elapsed = std::chrono::steady_clock::now() - begin;
    for (auto &thread : threads)
        thread.join();
    QVERIFY2(updates <= 1 + elapsed / UpdateGate::interval, qPrintable(QString::number(updates)));
    QVERIFY(updates >= 1);
}

void tst_StatusUpdates::aChangeInsideAnUpdateIsNotLost()
{
    TestClock clock(TestClock::Mode::Manual);
    Shown shown;
    connect(&shown.status, &ServiceStatus::restartCountChanged, this, [&] {
        if (shown.status.restartCount() < 3)
            shown.entry->change([](auto &facts) { ++facts.restartCount; });
    });
    shown.entry->change([](auto &facts) { ++facts.restartCount; });
    clock.advance(0ms);
    QCOMPARE(shown.status.restartCount(), 1);
    clock.advance(16ms);
    QCOMPARE(shown.status.restartCount(), 2);
    clock.advance(16ms);
    QCOMPARE(shown.status.restartCount(), 3);
}

void tst_StatusUpdates::aLeapBackOfTheClockStopsNothing()
{
    Shown shown;
    {
        TestClock clock(TestClock::Mode::Manual);
        clock.advance(1h);
        shown.entry->setState(State::Starting);
        clock.advance(0ms);
        QCOMPARE(shown.status.state(), State::Starting);
    }
    shown.entry->setState(State::Running);
    QTRY_COMPARE(shown.status.state(), State::Running);
}

void tst_StatusUpdates::anUpdateMayDestroyItsObject()
{
    const auto source = std::make_shared<FakeSource>();
    const auto entry = source->add(text("fake"));
    auto *status = new ServiceStatus;
    status->setName(text("fake"));
    status->setSource(source);
    auto *model = new ServiceModel;
    model->setSource(source);
    QPointer<QObject> statusAlive(status);
    QPointer<QObject> modelAlive(model);
    connect(status, &ServiceStatus::stateChanged, this, [status] { delete status; });
    connect(model, &ServiceModel::dataChanged, this, [model] { delete model; });
    entry->change([](auto &facts) {
        facts.state = State::Failed;
        facts.errorString = text("the next signal");
    });
    QTRY_VERIFY(!statusAlive && !modelAlive);
    entry->setState(State::Idle);
    QVERIFY(waitUntilIdle());
}

void tst_StatusUpdates::aSlotMayOpenAnEventLoop()
{
    const TestClock clock;
    Shown shown;
    int depth = 0;
    QList<State> inner;
    connect(&shown.status, &ServiceStatus::stateChanged, this, [&](State state) {
        if (depth > 0) {
            inner += state;
            return;
        }
        ++depth; // a modal dialog, say
        shown.entry->setState(State::Running);
        while (inner.isEmpty())
            QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents);
        --depth;
    });
    shown.entry->change([](auto &facts) {
        facts.state = State::Failed;
        facts.errorString = text("X");
    });
    QTRY_COMPARE(inner, QList<State>({State::Running}));
    QCOMPARE(shown.status.state(), State::Running);
    QCOMPARE(shown.status.errorString(), text("X"));
}

void tst_StatusUpdates::aSlotThatThrowsIsNamed()
{
    Shown shown;
    connect(&shown.status, &ServiceStatus::stateChanged, this, [](State state) {
        if (state == State::Failed)
            throw Tests::failure("X");
    });
    shown.entry->setState(State::Failed);
    QTRY_COMPARE(shown.status.state(), State::Failed);
    QCOMPARE(
        m_warnings->take(),
        QStringList(text("critical microio.service: A slot connected to the status of a service threw: X")));
    shown.entry->setState(State::Running);
    QTRY_COMPARE(shown.status.state(), State::Running);
}

void tst_StatusUpdates::aLoopThatHasEndedIsToldNothing()
{
    const auto source = std::make_shared<FakeSource>();
    const auto entry = source->add(text("fake"));
    Tests::Looper looper;
    auto *status = looper.call([&] {
        auto *made = new ServiceStatus;
        made->setName(text("fake"));
        made->setSource(source);
        return made;
    });
    // Marked all the time, while the loop ends and after it has.
    std::atomic<bool> stop = false;
    std::thread changes([&] {
        for (int i = 1; !stop; ++i)
            entry->change([i](auto &facts) { facts.restartCount = i; });
    });
    looper.end();
    entry->setState(State::Failed);
    stop = true;
    changes.join();
    QCOMPARE(status->state(), State::Idle);
    delete status;
    entry->setState(State::Running);
}

// The timer is one of real time; nothing here waits for it longer than it takes.
void tst_StatusUpdates::figuresAreLookedAtAsLongAsSomebodyReadsThem()
{
    int looks = 0;
    StatusFeed *seen = nullptr;
    StatusFeed feed(this, [&] {
        if (!seen->takeFiguresDue())
            return;
        ++looks;
        seen->figuresTold();
    });
    seen = &feed;
    feed.setInterval(1);
    QVERIFY(waitUntilIdle());
    QVERIFY(!feed.isRefreshing()); // nobody has read any
    QCOMPARE(looks, 0);
    feed.figureRead();
    QVERIFY(feed.isRefreshing());
    while (looks < 5) {
        const int before = looks;
        QTRY_VERIFY(looks > before);
        feed.figureRead();
        QVERIFY(feed.isRefreshing());
    }
    QTRY_VERIFY(!feed.isRefreshing()); // what was told last was not read
    const int before = looks;
    QVERIFY(waitUntilIdle());
    QCOMPARE(looks, before);
    feed.figureRead(); // visible again: new ones at once
    QVERIFY(feed.isRefreshing());
    QTRY_VERIFY(looks > before);
}

void tst_StatusUpdates::aStatusShowsFiguresThatChangeSilently()
{
    Shown shown;
    shown.status.setRefreshInterval(1); // real time, as above
    QSignalSpy told(&shown.status, &ServiceStatus::queuedItemsChanged);
    shown.entry->setQueued(7);
    QVERIFY(waitUntilIdle());
    QCOMPARE(told.count(), 0);
    QCOMPARE(shown.status.queuedItems(), 0); // as it was told; it is looked at from now on
    QTRY_COMPARE(told.count(), 1);
    QCOMPARE(shown.status.queuedItems(), 7);
    shown.entry->setQueued(8);
    QTRY_COMPARE(told.count(), 2);
    QCOMPARE(shown.status.queuedItems(), 8);
}

void tst_StatusUpdates::withoutAnIntervalFiguresComeByRefreshAlone()
{
    TestClock clock(TestClock::Mode::Manual);
    Shown shown;
    QSignalSpy told(&shown.status, &ServiceStatus::refreshIntervalChanged);
    shown.status.setRefreshInterval(-5);
    QCOMPARE(shown.status.refreshInterval(), 0);
    QCOMPARE(told.count(), 1);
    QCOMPARE(shown.status.queuedItems(), 0);
    const int reads = shown.entry->timesFiguresRead();
    shown.entry->setQueued(7);
    clock.advance(1h);
    QCOMPARE(shown.entry->timesFiguresRead(), reads);
    shown.status.refresh();
    shown.status.refresh();
    clock.advance(16ms);
    QCOMPARE(shown.status.queuedItems(), 7);
    QCOMPARE(shown.entry->timesFiguresRead(), reads + 1);
}

QTEST_GUILESS_MAIN(tst_StatusUpdates)

#include "tst_statusupdates.moc"
