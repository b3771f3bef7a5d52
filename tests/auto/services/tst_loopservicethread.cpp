// SPDX-License-Identifier: Apache-2.0
#include "../shared/errorchain.h"
#include "../shared/looper.h"
#include "../shared/messagelog.h"
#include "../shared/outcome.h"
#include "../shared/scriptedservice.h"

#include <MicroIO/CancelScope>
#include <MicroIO/Channel>
#include <MicroIO/CloseScope>
#include <MicroIO/Errors>
#include <MicroIO/LoopServiceThread>
#include <MicroIO/RequestRegistry>
#include <MicroIO/Service>
#include <MicroIO/TaskGroup>

#include <QtTest/QtTest>

#include <barrier>
#include <future>
#include <mutex>
#include <semaphore>
#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::await;
using Tests::chainFrom;
using Tests::chainThrownBy;
using Tests::failure;
using Tests::Looper;
using Tests::makeScripted;
using Tests::Probe;
using Tests::ScriptedService;
using Tests::startScripted;
using State = ServiceThread::State;

namespace {

QString text(const char *latin1)
{
    return QString::fromLatin1(latin1);
}

/// What the signals of a service told, and on which thread.
class Signals : public QObject
{
public:
    explicit Signals(const ServiceThread &service)
    {
        connect(&service, &ServiceThread::stateChanged, this,
                [this](State state) { m_states += nameOf(state); });
        connect(&service, &ServiceThread::failed, this,
                [this](const QString &error) { m_failures += error; });
        connect(
            &service, &ServiceThread::stateChanged, this,
            [this] {
                if (QThread::currentThread() != thread())
                    m_isElsewhere = true;
            },
            Qt::DirectConnection);
        connect(
            &service, &ServiceThread::failed, this,
            [this] {
                if (QThread::currentThread() != thread())
                    m_isElsewhere = true;
            },
            Qt::DirectConnection);
    }

    QString states() const { return m_states.join(QLatin1Char(' ')); }
    QStringList failures() const { return m_failures; }
    bool isElsewhere() const { return m_isElsewhere; }

    static QString nameOf(State state)
    {
        return QString::fromLatin1(QMetaEnum::fromType<State>().valueToKey(int(state)));
    }

private:
    QStringList m_states;
    QStringList m_failures;
    std::atomic<bool> m_isElsewhere = false;
};

QCoro::Task<> failAtOnce(ScriptedService &, CancelScope scope)
{
    co_await scope.checkpoint();
    throw failure("X");
}

QCoro::Task<> failWhenReady(ScriptedService &service, CancelScope scope)
{
    service.reportStarted();
    co_await scope.sleep(10ms);
    throw failure("X");
}

} // namespace

class tst_LoopServiceThread : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void happyPath();
    void statesAreToldOnTheOwnersThread();
    void aServiceWhoseCoroutineEndsHasStopped();
    void failingWhileStartingReachesTheParent_data();
    void failingWhileStartingReachesTheParent();
    void endingBeforeItIsReadyIsAFailure();
    void neverReady();
    void aStopWakesWhoWaitsForTheStart();
    void failingAfterItWasReady();
    void aFailingChildIsTheServicesFailure();
    void severalFailuresAreAllReported();
    void anErrorWhileStoppingIsAFailure();

    void stopFromAnywhereCountsOnce();
    void stopFromItsOwnSlot();
    void stopFromInside_data();
    void stopFromInside();
    void theReasonReachesTheCoroutines();
    void closingItsCloseScopeStopsIt();
    void quitCountsAsStop_data();
    void quitCountsAsStop();
    void stopBeforeStart();
    void theThreadEndsAfterItsLastChild();

    void joiningItselfIsRefused();
    void aJoinTimeOutIsReturnedAndLogged();
    void anObjectRunsOnce();
    void waitingForOneNeverStartedIsRefused();

    void deletedRightAfterStart_data();
    void deletedRightAfterStart();
    void deletedWithoutMakeServiceItIsJoined();
    void aDeletedServiceWaitsForItsLastWork();
    void nothingOfItIsGoneBeforeItsThreadIs();
    void handlesMayOutliveIt();

    void childrenFromOutsideRunOnItsThread();
    void aGroupOfAServiceThatDoesNotRunIsRefused();
    void registriesBoundToItEndWithIt_data();
    void registriesBoundToItEndWithIt();
    void sendersToAReceiverOfItsLoopAreTold();
    void receiversOfItsSendEndsAreTold();
    void whoWaitsForItsCloseScopeIsTold();

private:
    /// Takes the one line that a failed service leaves in the log.
    void expectFailureLogged(const QString &cause, const QString &name = QStringLiteral("scripted"))
    {
        const QStringList lines = m_log->take();
        QCOMPARE(lines.size(), 1);
        QVERIFY2(lines.first().startsWith(QStringLiteral("critical microio.service: ")),
                 qPrintable(lines.first()));
        QVERIFY2(lines.first().contains(name) && lines.first().contains(cause), qPrintable(lines.first()));
    }

    std::optional<Tests::MessageLog> m_log;
};

// TH-01
void tst_LoopServiceThread::happyPath()
{
    LoopServiceThread service(text("plain"));
    const Signals heard(service);
    QCOMPARE(service.name(), text("plain"));
    QCOMPARE(service.objectName(), text("plain"));
    QCOMPARE(service.state(), State::Idle);
    service.start();
    service.waitStarted();
    QCOMPARE(service.state(), State::Running);
    service.waitStarted(QDeadlineTimer(1ms)); // and again
    QVERIFY(!service.closeScope().isClosed());
    QVERIFY(service.stop(text("enough")));
    QVERIFY(!service.stop(text("more")));
    QVERIFY(service.joinOrLog());
    QVERIFY(service.joinOrLog(QDeadlineTimer(0))); // and again
    QCOMPARE(service.state(), State::Stopped);
    QVERIFY(service.isFinished());
    QVERIFY(service.closeScope().isClosed());
    QVERIFY(!service.closeScope().isFailed());
    QCOMPARE(service.closeScope().reason(), text("enough"));
    QTRY_COMPARE(heard.states(), text("Starting Running Stopping Stopped"));
    QCOMPARE(heard.failures(), QStringList());
    QVERIFY(!heard.isElsewhere());
    QVERIFY(!service.stop());
}

// TH-01
void tst_LoopServiceThread::statesAreToldOnTheOwnersThread()
{
    Looper owner;
    std::unique_ptr<ScriptedService> service;
    std::unique_ptr<Signals> heard;
    owner.call([&] {
        service = makeScripted(failWhenReady);
        heard = std::make_unique<Signals>(*service);
    });
    service->start();
    service->waitStarted();
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    QTRY_COMPARE(owner.call([&] { return heard->states(); }), text("Starting Running Failed"));
    QCOMPARE(owner.call([&] { return heard->failures(); }), QStringList{text("X")});
    QVERIFY(!heard->isElsewhere());
    owner.call([&] {
        heard.reset();
        service.reset();
    });
    expectFailureLogged(text("X"));
}

void tst_LoopServiceThread::aServiceWhoseCoroutineEndsHasStopped()
{
    std::atomic<int> alive = 0;
    const auto service = makeScripted([&](ScriptedService &self, CancelScope) -> QCoro::Task<> {
        self.taskGroup().startSoon([&](CancelScope scope) -> QCoro::Task<> {
            const Probe probe(alive);
            co_await scope.cancelled();
        });
        self.reportStarted();
        co_return;
    });
    const Signals heard(*service);
    service->start();
    service->waitStarted();
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(service->state(), State::Stopped);
    QVERIFY(service->closeScope().isClosed());
    QVERIFY(!service->closeScope().isFailed());
    QCOMPARE(alive.load(), 0);
    QTRY_COMPARE(heard.states(), text("Starting Running Stopped"));
    QVERIFY(!service->stop());
}

// TH-02, invariant 8
void tst_LoopServiceThread::failingWhileStartingReachesTheParent_data()
{
    QTest::addColumn<bool>("atOnce");
    QTest::newRow("before its first wait") << true;
    QTest::newRow("after a wait") << false;
}

void tst_LoopServiceThread::failingWhileStartingReachesTheParent()
{
    QFETCH(bool, atOnce);
    const auto service = makeScripted([atOnce](ScriptedService &, CancelScope scope) -> QCoro::Task<> {
        if (!atOnce)
            co_await scope.checkpoint();
        throw failure("X");
    });
    const Signals heard(*service);
    service->start();
    for (int i = 0; i < 2; ++i)
        QCOMPARE(chainThrownBy([&] { service->waitStarted(); }), text("ServiceError < X"));
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(chainThrownBy([&] { service->waitStarted(); }), text("ServiceError < X"));
    QCOMPARE(service->state(), State::Failed);
    QVERIFY(service->closeScope().isFailed());
    QCOMPARE(Tests::chainOf(service->closeScope().exception()), text("X"));
    QTRY_COMPARE(heard.states(), text("Starting Failed"));
    QCOMPARE(heard.failures(), QStringList{text("X")});
    expectFailureLogged(text("X"));
}

// invariant 8
void tst_LoopServiceThread::endingBeforeItIsReadyIsAFailure()
{
    const auto service = makeScripted(
        [](ScriptedService &, CancelScope scope) -> QCoro::Task<> { co_await scope.checkpoint(); });
    const Signals heard(*service);
    service->start();
    QVERIFY(chainThrownBy([&] { service->waitStarted(); }).startsWith(text("ServiceError")));
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(service->state(), State::Failed);
    QVERIFY(service->closeScope().isFailed());
    QTRY_COMPARE(heard.states(), text("Starting Failed"));
    QCOMPARE(heard.failures().size(), 1);
    expectFailureLogged(text("before it was ready"));
}

// TH-03
void tst_LoopServiceThread::neverReady()
{
    CloseScope gate;
    const auto service = makeScripted([gate](ScriptedService &self, CancelScope scope) -> QCoro::Task<> {
        co_await gate.closed(scope);
        self.reportStarted();
        self.reportStarted(); // a second time changes nothing
        co_await scope.cancelled();
    });
    const Signals heard(*service);
    service->start();
    QElapsedTimer timer;
    timer.start();
    QCOMPARE(chainThrownBy([&] { service->waitStarted(QDeadlineTimer(50ms)); }), text("TimeoutError"));
    QVERIFY(timer.elapsed() >= 49);
    QCOMPARE(chainThrownBy([&] { service->waitStarted(QDeadlineTimer(0)); }), text("TimeoutError"));
    QCOMPARE(service->state(), State::Starting);
    gate.close();
    service->waitStarted(QDeadlineTimer(30s));
    QCOMPARE(service->state(), State::Running);
    service->stop();
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    QTRY_COMPARE(heard.states(), text("Starting Running Stopping Stopped"));
}

// invariant 7
void tst_LoopServiceThread::aStopWakesWhoWaitsForTheStart()
{
    const auto service = makeScripted(
        [](ScriptedService &, CancelScope scope) -> QCoro::Task<> { co_await scope.cancelled(); });
    const Signals heard(*service);
    service->start();
    std::vector<std::thread> threads;
    std::vector<QString> told(3);
    for (QString &outcome : told)
        threads.emplace_back([&] { outcome = chainThrownBy([&] { service->waitStarted(); }); });
    QTRY_COMPARE(service->state(), State::Starting);
    service->stop();
    for (auto &thread : threads)
        thread.join();
    QCOMPARE(told, std::vector<QString>(3, text("ServiceError")));
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(service->state(), State::Stopped);
    QTRY_COMPARE(heard.states(), text("Starting Stopping Stopped"));
}

// TH-12
void tst_LoopServiceThread::failingAfterItWasReady()
{
    const auto service = makeScripted(failWhenReady);
    const Signals heard(*service);
    service->start();
    QTRY_COMPARE(heard.failures(), QStringList{text("X")});
    QCOMPARE(heard.states(), text("Starting Running Failed"));
    QVERIFY(!heard.isElsewhere());
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(service->state(), State::Failed);
    QCOMPARE(Tests::chainOf(service->closeScope().exception()), text("X"));
    QCOMPARE(chainThrownBy([&] { service->waitStarted(); }), text("ServiceError < X"));
    QCOMPARE(chainThrownBy([&] { service->taskGroup(); }), text("ServiceError < X"));
    QVERIFY(!service->stop());
    QCOMPARE(heard.failures().size(), 1);
    expectFailureLogged(text("X"));
}

// LT-13
void tst_LoopServiceThread::aFailingChildIsTheServicesFailure()
{
    const auto service = startScripted();
    const Signals heard(*service);
    std::atomic<int> alive = 0;
    service->taskGroup().startSoon([&](CancelScope scope) -> QCoro::Task<> { // a sibling
        const Probe probe(alive);
        co_await scope.cancelled();
    });
    service->taskGroup().startSoon([](CancelScope scope) -> QCoro::Task<> {
        co_await scope.checkpoint();
        throw failure("X");
    });
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(service->state(), State::Failed);
    QCOMPARE(Tests::chainOf(service->closeScope().exception()), text("X"));
    QCOMPARE(alive.load(), 0);
    QTRY_COMPARE(heard.failures(), QStringList{text("X")});
    expectFailureLogged(text("X"));
}

// invariant 4
void tst_LoopServiceThread::severalFailuresAreAllReported()
{
    const auto service = startScripted();
    service->callSync([&service] { // so that both begin in the same turn
        for (const char *what : {"X", "Y"}) {
            service->taskGroup().startSoon([what](CancelScope scope) -> QCoro::Task<> {
                try {
                    co_await scope.cancelled();
                } catch (const Cancelled &) {
                }
                throw failure(what);
            });
        }
        service->taskGroup().cancel();
    });
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    try {
        std::rethrow_exception(service->closeScope().exception());
    } catch (const TaskGroupError &e) {
        QStringList leaves;
        for (const auto &leaf : e.exceptions())
            leaves += Tests::chainOf(leaf);
        QCOMPARE(leaves, (QStringList{text("X"), text("Y")}));
    } catch (...) {
        QFAIL("not a TaskGroupError");
    }
    const QStringList lines = m_log->take();
    QCOMPARE(lines.size(), 1);
    QVERIFY2(lines.first().contains(text("X")) && lines.first().contains(text("Y")),
             qPrintable(lines.first()));
}

void tst_LoopServiceThread::anErrorWhileStoppingIsAFailure()
{
    const auto service = startScripted([](ScriptedService &self, CancelScope scope) -> QCoro::Task<> {
        self.reportStarted();
        try {
            co_await scope.cancelled();
        } catch (const Cancelled &) {
        }
        throw failure("X");
    });
    const Signals heard(*service);
    QVERIFY(service->stop());
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(service->state(), State::Failed);
    QTRY_COMPARE(heard.failures(), QStringList{text("X")});
    QCOMPARE(chainThrownBy([&] { service->waitStarted(); }), text("ServiceError < X"));
    expectFailureLogged(text("X"));
}

// TH-08
void tst_LoopServiceThread::stopFromAnywhereCountsOnce()
{
    for (int round = 0; round < 20; ++round) {
        const auto service = startScripted();
        constexpr int stoppers = 8;
        std::atomic<int> wins = 0;
        std::barrier begin(stoppers + 2);
        std::vector<std::thread> threads;
        for (int i = 0; i < stoppers; ++i) {
            threads.emplace_back([&] {
                begin.arrive_and_wait();
                wins += service->stop();
            });
        }
        // its own thread
        service->taskGroup().startSoon([&](CancelScope) -> QCoro::Task<> {
            begin.arrive_and_wait();
            wins += service->stop();
            co_return;
        });
        begin.arrive_and_wait();
        wins += service->stop();
        for (auto &thread : threads)
            thread.join();
        QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
        QCOMPARE(wins.load(), 1);
    }
}

// TH-08
void tst_LoopServiceThread::stopFromItsOwnSlot()
{
    const auto service = makeScripted();
    bool stopped = false;
    connect(service.get(), &ServiceThread::stateChanged, service.get(), [&](State state) {
        if (state == State::Running)
            stopped = service->stop();
    });
    const Signals heard(*service);
    service->start();
    QTRY_COMPARE(heard.states(), text("Starting Running Stopping Stopped"));
    QVERIFY(stopped);
}

namespace {
enum class Inside { Child, OwnCoroutine, CallSync, DestructorWhileUnwinding };

struct StopsInDestructor
{
    StopsInDestructor(ScriptedService &s, std::atomic<int> &w)
        : service(s)
        , wins(w)
    {
    }
    ~StopsInDestructor() { wins += service.stop(); }
    Q_DISABLE_COPY_MOVE(StopsInDestructor)
    ScriptedService &service;
    std::atomic<int> &wins;
};
} // namespace

// LT-11
void tst_LoopServiceThread::stopFromInside_data()
{
    QTest::addColumn<int>("place");
    QTest::newRow("a child of its group") << int(Inside::Child);
    QTest::newRow("its coroutine") << int(Inside::OwnCoroutine);
    QTest::newRow("a function called in it") << int(Inside::CallSync);
    QTest::newRow("a destructor during unwinding") << int(Inside::DestructorWhileUnwinding);
}

void tst_LoopServiceThread::stopFromInside()
{
    QFETCH(int, place);
    std::atomic<int> wins = 0;
    const auto service = startScripted(
        [&wins, place](ScriptedService &self, CancelScope scope) -> QCoro::Task<> {
            self.reportStarted();
            if (Inside(place) == Inside::OwnCoroutine) {
                co_await scope.checkpoint();
                wins += self.stop();
            }
            co_await scope.cancelled();
        });
    const Signals heard(*service);
    switch (Inside(place)) {
    case Inside::Child:
        service->taskGroup().startSoon([&](CancelScope scope) -> QCoro::Task<> {
            wins += service->stop();
            co_await scope.sleep(1h);
        });
        break;
    case Inside::CallSync:
        service->callSync([&] { wins += service->stop(); });
        break;
    case Inside::DestructorWhileUnwinding: {
        std::promise<void> begun;
        const auto handle = service->taskGroup().startSoon([&](CancelScope scope) -> QCoro::Task<> {
            const StopsInDestructor stops(*service, wins);
            begun.set_value();
            co_await scope.sleep(1h);
        });
        begun.get_future().wait();
        handle.cancel();
        QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
        break;
    }
    case Inside::OwnCoroutine:
        break;
    }
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(wins.load(), 1);
    QCOMPARE(service->state(), State::Stopped);
    QTRY_VERIFY(heard.states().endsWith(text("Stopping Stopped")));
}

// D20
void tst_LoopServiceThread::theReasonReachesTheCoroutines()
{
    std::mutex mutex;
    QStringList reasons;
    const auto sleeper = [&](CancelScope scope) -> QCoro::Task<> {
        try {
            co_await scope.sleep(1h);
        } catch (const Cancelled &e) {
            const std::lock_guard lock(mutex);
            reasons += e.reason();
        }
    };
    const auto service = startScripted([&](ScriptedService &self, CancelScope scope) -> QCoro::Task<> {
        self.taskGroup().startSoon(sleeper);
        self.reportStarted();
        auto own = sleeper(scope);
        co_await own;
    });
    service->stop(text("lunch"));
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    const std::lock_guard lock(mutex);
    QCOMPARE(reasons, (QStringList{text("lunch"), text("lunch")}));
}

void tst_LoopServiceThread::closingItsCloseScopeStopsIt()
{
    const auto service = startScripted();
    const Signals heard(*service);
    CloseScope life = service->closeScope();
    QVERIFY(life.close(text("end of input")));
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    QVERIFY(!service->stop());
    QCOMPARE(service->state(), State::Stopped);
    QCOMPARE(service->closeScope().reason(), text("end of input"));
    QTRY_VERIFY(heard.states().endsWith(text("Stopping Stopped")));
}

void tst_LoopServiceThread::quitCountsAsStop_data()
{
    QTest::addColumn<bool>("exits");
    QTest::addColumn<bool>("inside");
    QTest::newRow("quit") << false << false;
    QTest::newRow("exit") << true << false;
    QTest::newRow("quit, on its thread") << false << true;
    QTest::newRow("exit, on its thread") << true << true;
}

void tst_LoopServiceThread::quitCountsAsStop()
{
    QFETCH(bool, exits);
    QFETCH(bool, inside);
    std::atomic<bool> unwound = false;
    const auto service = startScripted([&unwound](ScriptedService &self, CancelScope scope) -> QCoro::Task<> {
        self.reportStarted();
        try {
            co_await scope.cancelled();
        } catch (const Cancelled &) {
        }
        co_await scope.shielded().sleep(5ms); // the loop turns on for those who clean up
        unwound = true;
    });
    const auto leave = [&] {
        if (exits)
            service->exit(3);
        else
            service->quit();
    };
    if (inside)
        service->callSync(leave);
    else
        leave();
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    QVERIFY(unwound);
    QCOMPARE(service->state(), State::Stopped);
    QVERIFY(service->closeScope().isClosed());
}

void tst_LoopServiceThread::stopBeforeStart()
{
    {
        const auto never = makeScripted();
        QVERIFY(never->stop());
        QVERIFY(!never->stop());
        QCOMPARE(never->state(), State::Idle);
        QVERIFY(never->joinOrLog(QDeadlineTimer(30s)));
    }
    std::atomic<bool> gotThrough = false;
    const auto service = makeScripted([&](ScriptedService &, CancelScope scope) -> QCoro::Task<> {
        co_await scope.checkpoint();
        gotThrough = true;
    });
    const Signals heard(*service);
    QVERIFY(service->stop(text("changed my mind")));
    service->start();
    QCOMPARE(chainThrownBy([&] { service->waitStarted(); }), text("ServiceError"));
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(service->state(), State::Stopped);
    QVERIFY(!gotThrough);
    QTRY_COMPARE(heard.states(), text("Starting Stopping Stopped"));
}

// D20, invariant 3
void tst_LoopServiceThread::theThreadEndsAfterItsLastChild()
{
    std::atomic<int> ended = 0;
    const auto service = startScripted();
    for (int i = 0; i < 10; ++i) {
        service->taskGroup().startSoon([&](CancelScope scope) -> QCoro::Task<> {
            try {
                co_await scope.sleep(1h);
            } catch (const Cancelled &) {
            }
            co_await scope.shielded().sleep(20ms);
            ++ended;
        });
    }
    service->callSync([] {}); // all have begun
    service->stop();
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(ended.load(), 10);
}

// TH-09, invariant 13
void tst_LoopServiceThread::joiningItselfIsRefused()
{
    const auto service = startScripted();
    QCOMPARE(chainThrownBy([&] { service->callSync([&] { service->joinOrLog(); }); }), text("DeadlockError"));
    QCOMPARE(chainThrownBy([&] { service->callSync([&] { service->waitStarted(); }); }),
             text("DeadlockError"));
    QCOMPARE(service->state(), State::Running);
    QCOMPARE(chainThrownBy([&] { service->callSync([&] { service->stopAndJoin(); }); }),
             text("DeadlockError"));
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s))); // it was stopped, though
}

// invariant 9
void tst_LoopServiceThread::aJoinTimeOutIsReturnedAndLogged()
{
    std::binary_semaphore wake(0);
    const auto service = startScripted();
    service->taskGroup().startSoon([&]() -> QCoro::Task<> {
        wake.acquire();
        co_return;
    });
    service->stop();
    const bool joined = service->joinOrLog(QDeadlineTimer(20ms));
    const QStringList lines = m_log->take();
    const State state = service->state();
    wake.release();
    QVERIFY(!joined);
    QVERIFY(state != State::Stopped && state != State::Idle);
    QCOMPARE(lines.size(), 1);
    QVERIFY2(lines.first().startsWith(text("critical microio.service: "))
                 && lines.first().contains(text("scripted")),
             qPrintable(lines.first()));
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
}

// D17
void tst_LoopServiceThread::anObjectRunsOnce()
{
    std::atomic<int> runs = 0;
    const auto service = startScripted([&](ScriptedService &self, CancelScope scope) -> QCoro::Task<> {
        ++runs;
        self.reportStarted();
        co_await scope.cancelled();
    });
    service->start(); // while it runs: as QThread does, nothing
    const Signals heard(*service);
    service->stop();
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    QTRY_VERIFY(heard.states().endsWith(text("Stopped")));
    const QString states = heard.states();
    QCOMPARE(m_log->take(), QStringList());

    service->start();
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    const QStringList lines = m_log->take();
    QCOMPARE(lines.size(), 1);
    QVERIFY2(lines.first().startsWith(text("critical microio.service: "))
                 && lines.first().contains(text("scripted")),
             qPrintable(lines.first()));
    Tests::turn(3);
    QCOMPARE(runs.load(), 1);
    QCOMPARE(service->state(), State::Stopped);
    QCOMPARE(heard.states(), states);
}

// D17
void tst_LoopServiceThread::waitingForOneNeverStartedIsRefused()
{
    const auto service = makeScripted();
    QCOMPARE(chainThrownBy([&] { service->waitStarted(); }), text("ServiceError"));
    QCOMPARE(chainThrownBy([&] { service->waitStarted(QDeadlineTimer(1h)); }), text("ServiceError"));
    QVERIFY(service->joinOrLog());
    service->stopAndJoin();
    QCOMPARE(service->state(), State::Idle);
}

namespace {

/// Uses what it owns from its thread, also while it ends.
class Owner : public LoopServiceThread
{
public:
    explicit Owner(std::atomic<int> &alive)
        : LoopServiceThread(QStringLiteral("owner"))
        , m_probe(alive)
        , m_words(3, std::string(100, 'x'))
    {
        auto channel = createChannel<std::string>();
        m_send = channel.send;
        m_receive = std::move(channel.receive);
        m_registry.bindTo(closeScope());
    }

private:
    QCoro::Task<> runAsync(CancelScope scope) override
    {
        const std::string first = m_words.at(0);
        m_receive.bind();
        reportStarted();
        taskGroup().startSoon(&Owner::work, this);
        try {
            while (auto word = co_await m_receive.next(scope))
                m_words.push_back(*word);
        } catch (const Cancelled &) {
            m_words.push_back(first);
        }
        co_await scope.shielded().checkpoint();
        m_words.push_back(first);
    }

    QCoro::Task<> work(CancelScope scope)
    {
        for (;;) {
            co_await scope.checkpoint();
            m_send.sendNow(m_words.at(1));
        }
    }

    const Probe m_probe;
    std::vector<std::string> m_words;
    SendChannel<std::string> m_send;
    ReceiveChannel<std::string> m_receive;
    RequestRegistry<int, int> m_registry;
};

} // namespace

void tst_LoopServiceThread::deletedRightAfterStart_data()
{
    QTest::addColumn<bool>("ready");
    QTest::newRow("at once") << false;
    QTest::newRow("when it is ready") << true;
}

void tst_LoopServiceThread::deletedRightAfterStart()
{
    QFETCH(bool, ready);
    std::atomic<int> alive = 0;
    for (int round = 0; round < 200; ++round) {
        auto service = makeService<Owner>(alive);
        service->start();
        if (ready)
            service->waitStarted();
        service.reset();
        QCOMPARE(alive.load(), 0);
    }
    QCoreApplication::processEvents(); // no news for objects that are gone
}

// D16
void tst_LoopServiceThread::deletedWithoutMakeServiceItIsJoined()
{
    CloseScope life;
    {
        LoopServiceThread service(text("on the stack"));
        life = service.closeScope();
        service.start();
        service.waitStarted();
    }
    QVERIFY(life.isClosed());
    {
        class Careful : public LoopServiceThread
        {
        public:
            Careful()
                : LoopServiceThread(QStringLiteral("careful"))
            {
            }
            ~Careful() override { stopAndJoin(); }
        };
        Careful service;
        service.start();
    }
}

// D16
void tst_LoopServiceThread::aDeletedServiceWaitsForItsLastWork()
{
    std::atomic<bool> done = false;
    auto service = startScripted([&done](ScriptedService &self, CancelScope scope) -> QCoro::Task<> {
        self.reportStarted();
        try {
            co_await scope.cancelled();
        } catch (const Cancelled &) {
        }
        co_await scope.shielded().sleep(100ms);
        done = true;
    });
    service.reset();
    QVERIFY(done);
}

namespace {
class Tells : public LoopServiceThread
{
public:
    explicit Tells(std::atomic<bool> &gone)
        : LoopServiceThread(QStringLiteral("tells"))
        , m_gone(gone)
    {
    }
    ~Tells() override { m_gone = true; }

private:
    std::atomic<bool> &m_gone;
};
} // namespace

// makeService(): the thread is still there while it says finished()
void tst_LoopServiceThread::nothingOfItIsGoneBeforeItsThreadIs()
{
    std::atomic<bool> gone = false;
    std::atomic<bool> wasGone = false;
    std::binary_semaphore finishing(0);
    auto service = makeService<Tells>(gone);
    connect(
        service.get(), &QThread::finished, service.get(),
        [&] {
            finishing.release();
            for (int i = 0; i < 100 && !gone; ++i)
                QThread::msleep(
                    1); // real time, for a destructor that wrongly does not wait: no event would tell
            wasGone = gone.load();
        },
        Qt::DirectConnection);
    service->start();
    service->waitStarted();
    service->stop();
    finishing.acquire();
    service.reset();
    QVERIFY(gone);
    QVERIFY(!wasGone);
}

// invariant 12
void tst_LoopServiceThread::handlesMayOutliveIt()
{
    CloseScope life;
    std::optional<TaskGroupHandle> group;
    {
        const auto service = startScripted();
        life = service->closeScope();
        group = service->taskGroup();
    }
    QVERIFY(life.isClosed());
    QVERIFY(!life.close());
    std::atomic<int> alive = 0;
    bool called = false;
    QCOMPARE(chainThrownBy([&] {
                 group->startSoon([&called, probe = Probe(alive)]() -> QCoro::Task<> {
                     called = true;
                     co_return;
                 });
             }),
             text("ClosedResourceError"));
    QVERIFY(!called);
    QCOMPARE(alive.load(), 0);
    QCOMPARE(group->size(), 0);

    CloseScope early;
    {
        const auto never = makeScripted();
        early = never->closeScope();
    }
    early.close(); // leads nowhere any more
}

void tst_LoopServiceThread::childrenFromOutsideRunOnItsThread()
{
    const auto service = startScripted();
    std::vector<std::thread> threads;
    std::atomic<int> ran = 0;
    std::atomic<int> elsewhere = 0;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int child = 0; child < 100; ++child) {
                service->taskGroup().startSoon([&](CancelScope scope) -> QCoro::Task<> {
                    elsewhere += QThread::currentThread() != service.get();
                    co_await scope.checkpoint();
                    elsewhere += QThread::currentThread() != service.get();
                    ++ran;
                });
            }
        });
    }
    for (auto &thread : threads)
        thread.join();
    const auto handle = service->taskGroup().startSoon([]() -> QCoro::Task<int> { co_return 7; });
    const auto body = [&]() -> QCoro::Task<int> {
        CancelScope scope;
        co_return co_await handle.result(scope);
    };
    QCOMPARE(await(body()), 7);
    QTRY_COMPARE(ran.load(), 400);
    QCOMPARE(elsewhere.load(), 0);
    QTRY_COMPARE(service->taskGroup().size(), 0);
    QCOMPARE(service->state(), State::Running);
}

// D18
void tst_LoopServiceThread::aGroupOfAServiceThatDoesNotRunIsRefused()
{
    const auto service = makeScripted();
    QCOMPARE(chainThrownBy([&] { service->taskGroup(); }), text("ServiceError"));
    service->start();
    service->waitStarted();
    service->taskGroup();
    service->stop();
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(chainThrownBy([&] { service->taskGroup(); }), text("ServiceError"));
}

// invariant 7
void tst_LoopServiceThread::registriesBoundToItEndWithIt_data()
{
    QTest::addColumn<int>("how");
    QTest::addColumn<QString>("told");
    QTest::newRow("stop") << 0 << text("ClosedResourceError");
    QTest::newRow("fail") << 1 << text("X");
    QTest::newRow("delete") << 2 << text("ClosedResourceError");
}

void tst_LoopServiceThread::registriesBoundToItEndWithIt()
{
    QFETCH(int, how);
    QFETCH(QString, told);
    RequestRegistry<int, int> registry;
    auto service = startScripted();
    registry.bindTo(service->closeScope());
    QString blocked;
    std::thread thread([&] { blocked = chainThrownBy([&] { registry.request(1, [] {}); }); });
    const auto send = [] {};
    auto awaited = registry.request(CancelScope(), 2, send);
    QTRY_COMPARE(registry.size(), 2);
    if (how == 0)
        service->stop();
    else if (how == 1)
        service->taskGroup().startSoon(failAtOnce, std::ref(*service), CancelScope());
    else
        service.reset();
    QCOMPARE(chainFrom(std::move(awaited)), told);
    thread.join();
    QCOMPARE(blocked, told);
    QVERIFY(chainThrownBy([&] { auto late = registry.expect(3); }).startsWith(text("ClosedResourceError")));
    if (how == 1) {
        QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
        expectFailureLogged(text("X"));
    }
}

// invariant 7, D23
void tst_LoopServiceThread::sendersToAReceiverOfItsLoopAreTold()
{
    auto channel = createChannel<int>();
    auto local = createChannel<int>(); // its receive end lives in the service's coroutine
    {
        auto service = startScripted(
            [&channel, receive = std::make_shared<ReceiveChannel<int>>(std::move(local.receive))](
                ScriptedService &self, CancelScope scope) -> QCoro::Task<> {
                const ReceiveChannel<int> mine = std::move(*receive);
                channel.receive.bind();
                self.reportStarted();
                co_await channel.receive.next(scope);
                co_await scope.cancelled();
            });
        channel.send.sendNow(1);
        QTRY_COMPARE(channel.send.stats().received, 1u);
        local.send.sendNow(1);
        service->stop();
        QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
        QCOMPARE(chainThrownBy([&] { local.send.sendNow(2); }), text("BrokenResourceError"));
        QCOMPARE(chainThrownBy([&] { channel.send.sendNow(2); }), text("BrokenResourceError"));
    }
    QCOMPARE(chainThrownBy([&] { channel.send.sendNow(3); }), text("BrokenResourceError"));
}

// invariant 7
void tst_LoopServiceThread::receiversOfItsSendEndsAreTold()
{
    auto channel = createChannel<int>();
    auto service = makeScripted([send = std::make_shared<SendChannel<int>>(std::exchange(channel.send, {}))](
                                    ScriptedService &self, CancelScope scope) -> QCoro::Task<> {
        const SendChannel<int> mine = std::exchange(*send, {});
        mine.sendNow(1);
        self.reportStarted();
        co_await scope.cancelled();
    });
    service->start();
    service->waitStarted();
    const auto body = [&]() -> QCoro::Task<QString> {
        CancelScope scope;
        const int item = co_await channel.receive.receive(scope);
        service->stop();
        const auto end = co_await channel.receive.next(scope);
        co_return QStringLiteral("%1 %2").arg(item).arg(end ? QStringLiteral("more") : QStringLiteral("end"));
    };
    QCOMPARE(await(body()), text("1 end"));
}

// CL-01, invariant 7
void tst_LoopServiceThread::whoWaitsForItsCloseScopeIsTold()
{
    const auto service = makeScripted(failWhenReady);
    CloseScope life = service->closeScope();
    bool called = false;
    const auto subscription = life.onClosed(this, [&] { called = true; });
    std::atomic<bool> woken = false;
    std::thread thread([&] { woken = life.wait(); });
    const auto body = [&]() -> QCoro::Task<> {
        CancelScope scope;
        co_await life.closed(scope);
        life.throwIfClosed();
    };
    auto awaited = body();
    service->start();
    QCOMPARE(chainFrom(std::move(awaited)), text("BrokenResourceError < X"));
    thread.join();
    QVERIFY(woken);
    QTRY_VERIFY(called);
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    expectFailureLogged(text("X"));
}

QTEST_GUILESS_MAIN(tst_LoopServiceThread)

#include "tst_loopservicethread.moc"
