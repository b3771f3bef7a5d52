// SPDX-License-Identifier: Apache-2.0
#include "../shared/errorchain.h"
#include "../shared/looper.h"
#include "../shared/messagelog.h"
#include "../shared/outcome.h"
#include "../shared/plainservices.h"
#include "../shared/servicesignals.h"

#include <MicroIO/CancelScope>
#include <MicroIO/Errors>
#include <MicroIO/LoopServiceThread>
#include <MicroIO/Service>
#include <MicroIO/ServiceThread>

#include <QRegularExpression>
#include <QTimer>
#include <QtTest/QtTest>

#include <mutex>
#include <semaphore>
#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::chainFrom;
using Tests::chainThrownBy;
using Tests::failure;
using Tests::LoopingService;
using Tests::Probe;
using Tests::workUntilStopped;
using Signals = Tests::ServiceSignals;
using State = ServiceThread::State;

namespace {

QString text(const char *latin1)
{
    return QString::fromLatin1(latin1);
}

template<typename T>
concept CanBeTerminated = requires(T &thread)
{
    thread.terminate();
};
static_assert(CanBeTerminated<QThread> && !CanBeTerminated<ServiceThread>);

/// Every error that a service may meet, thrown as itself.
void throwNested()
{
    try {
        try {
            throw failure("the cable is loose");
        } catch (...) {
            std::throw_with_nested(failure("no link"));
        }
    } catch (...) {
        std::throw_with_nested(Error(QStringLiteral("no connection")));
    }
}

} // namespace

/// A service without an event loop: a function, or a subclass.
class tst_ServiceThread : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void aFunctionIsRun();
    void aSubclassIsRun();
    void itIsStartingFromStartOn();
    void failingToStartReachesTheParent();
    void failingAfterItWasReady();
    void theWholeChainOfCausesIsTold();
    void whateverIsThrownIsAFailure_data();
    void whateverIsThrownIsAFailure();
    void oneWithNothingToRunFails();
    void oneThatGetsNoThreadFails();
    void failingItsCloseScopeFailsIt();

    void aSecondStartIsRefused_data();
    void aSecondStartIsRefused();
    void waitingOnItsOwnThreadIsRefused();
    void itIsSeenThroughItsProperties();
    void aSlotMayDeleteIt();
    void nothingOfItRunsOnceItHasStopped();

private:
    /// Takes the one critical line.
    QString complaint()
    {
        const QStringList lines = m_log->take();
        return lines.size() == 1 && lines.first().startsWith(QStringLiteral("critical microio.service: "))
                   ? lines.first().mid(int(qstrlen("critical microio.service: ")))
                   : QStringLiteral("not one line: %1").arg(lines.join(QLatin1Char('|')));
    }

    std::optional<Tests::MessageLog> m_log;
};

// TH-01
void tst_ServiceThread::aFunctionIsRun()
{
    std::atomic<int> alive = 0;
    std::atomic<QThread *> ranOn = nullptr;
    std::atomic<QThread *> destroyedOn = nullptr;
    const auto guard = std::shared_ptr<int>(new int, [&](int *number) {
        delete number;
        destroyedOn = QThread::currentThread();
    });
    ServiceThread service(text("function"), [&ranOn, probe = Probe(alive), guard](ServiceThread &self) {
        ranOn = QThread::currentThread();
        workUntilStopped(self);
    });
    const Signals heard(service);
    QCOMPARE(service.name(), text("function"));
    QCOMPARE(service.state(), State::Idle);
    service.start();
    service.waitStarted();
    QCOMPARE(service.state(), State::Running);
    QVERIFY(service.stop());
    QVERIFY(service.joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(service.state(), State::Stopped);
    QCOMPARE(ranOn.load(), &service);
    QCOMPARE(alive.load(), 0);
    QTRY_COMPARE(heard.states(), text("Starting Running Stopping Stopped"));
    QVERIFY(!heard.isElsewhere());
    QCOMPARE(service.errorString(), QString());
    QVERIFY(!service.exception());
}

void tst_ServiceThread::aSubclassIsRun()
{
    const auto service = makeService<LoopingService>();
    service->start();
    const auto waits = [&]() -> QCoro::Task<QString> {
        const CancelScope scope;
        co_await service->waitStarted(scope);
        const auto state = service->state();
        service->stop();
        co_await service->join(scope);
        co_return Signals::nameOf(state) + Signals::nameOf(service->state());
    };
    QCOMPARE(Tests::await(waits()), text("RunningStopped"));
}

void tst_ServiceThread::itIsStartingFromStartOn()
{
    std::binary_semaphore go(0);
    ServiceThread service(text("slow"), [&](ServiceThread &self) {
        go.acquire();
        workUntilStopped(self);
    });
    service.start();
    QCOMPARE(service.state(), State::Starting);
    go.release();
    service.waitStarted();
    service.stopAndJoin();
}

// TH-02, invariant 8
void tst_ServiceThread::failingToStartReachesTheParent()
{
    std::binary_semaphore go(0);
    ServiceThread service(text("weak"), [&](ServiceThread &) {
        go.acquire();
        throw failure("X");
    });
    const Signals heard(service);
    service.start();
    std::vector<std::thread> threads;
    std::vector<QString> outcomes(4);
    for (QString &outcome : outcomes)
        threads.emplace_back([&] { outcome = chainThrownBy([&] { service.waitStarted(); }); });
    const auto wait = [&]() -> QCoro::Task<> {
        const CancelScope scope;
        co_await service.waitStarted(scope);
    };
    auto waiting = wait();
    go.release();
    QCOMPARE(chainFrom(std::move(waiting)), text("ServiceError < X"));
    for (auto &thread : threads)
        thread.join();
    QCOMPARE(outcomes, std::vector<QString>(4, text("ServiceError < X")));
    QVERIFY(service.joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(service.state(), State::Failed);
    QTRY_COMPARE(heard.states(), text("Starting Failed"));
    QCOMPARE(heard.failures(), QStringList{text("X")});
    QCOMPARE(complaint(), text("Service weak has failed: X"));
}

// TH-12
void tst_ServiceThread::failingAfterItWasReady()
{
    std::binary_semaphore go(0);
    ServiceThread service(text("weak"), [&](ServiceThread &self) {
        self.reportStarted();
        go.acquire();
        throw failure("X");
    });
    const Signals heard(service);
    service.start();
    service.waitStarted();
    go.release();
    QVERIFY(service.joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(service.state(), State::Failed);
    QCOMPARE(Tests::chainOf(service.exception()), text("X"));
    QCOMPARE(service.errorString(), text("X"));
    QTRY_COMPARE(heard.states(), text("Starting Running Failed"));
    QCOMPARE(heard.failures(), QStringList{text("X")});
    QVERIFY(!heard.isElsewhere());
    QCOMPARE(complaint(), text("Service weak has failed: X"));
}

void tst_ServiceThread::theWholeChainOfCausesIsTold()
{
    ServiceThread service(text("weak"), [](ServiceThread &) { throwNested(); });
    const Signals heard(service);
    service.start();
    QCOMPARE(chainThrownBy([&] { service.waitStarted(); }),
             text("ServiceError < no connection < no link < the cable is loose"));
    QTRY_COMPARE(heard.failures(), QStringList{text("no connection: no link: the cable is loose")});
    QCOMPARE(service.errorString(), text("no connection: no link: the cable is loose"));
    QCOMPARE(complaint(), text("Service weak has failed: no connection: no link: the cable is loose"));
}

// QT-07, invariant 11
void tst_ServiceThread::whateverIsThrownIsAFailure_data()
{
    QTest::addColumn<int>("what");
    QTest::addColumn<QString>("told");
    QTest::newRow("a number") << 0 << text("int 5");
    QTest::newRow("Cancelled") << 1 << text("Cancelled(by hand)");
    QTest::newRow("an error without a text") << 2 << text("ServiceError");
}

void tst_ServiceThread::whateverIsThrownIsAFailure()
{
    QFETCH(int, what);
    QFETCH(QString, told);
    ServiceThread service(text("weak"), [what](ServiceThread &self) {
        self.reportStarted();
        if (what == 0)
            throw 5;
        if (what == 1)
            throw Cancelled(QStringLiteral("by hand"));
        throw ServiceError();
    });
    service.start();
    QVERIFY(service.joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(service.state(), State::Failed);
    QCOMPARE(Tests::chainOf(service.closeScope().exception()), told);
    QVERIFY(complaint().startsWith(text("Service weak has failed: ")));
}

void tst_ServiceThread::oneWithNothingToRunFails()
{
    ServiceThread service(text("empty"));
    service.start();
    QVERIFY(chainThrownBy([&] { service.waitStarted(); }).startsWith(text("ServiceError")));
    QVERIFY(service.joinOrLog(QDeadlineTimer(30s)));
    QVERIFY(complaint().contains(text("nothing to run")));
}

void tst_ServiceThread::oneThatGetsNoThreadFails()
{
    ServiceThread service(text("unborn"), workUntilStopped);
    service.setStackSize(1); // which no system takes
    const Signals heard(service);
    service.start();
    if (service.state() != State::Failed) {
        service.stopAndJoin();
        QSKIP("the system takes a stack of one byte");
    }
    QCOMPARE(chainThrownBy([&] { service.waitStarted(); }), text("ServiceError < ServiceError"));
    QVERIFY(service.joinOrLog(QDeadlineTimer(30s)));
    QTRY_COMPARE(heard.states(), text("Starting Failed"));
    const QStringList lines = m_log->take(); // Qt's own, and ours
    QVERIFY(lines.last().contains(text("Service unborn has failed")));
}

void tst_ServiceThread::failingItsCloseScopeFailsIt()
{
    ServiceThread service(text("watched"), workUntilStopped);
    const Signals heard(service);
    service.start();
    service.waitStarted();
    QVERIFY(service.closeScope().fail(std::make_exception_ptr(failure("the watchdog barked"))));
    QVERIFY(service.joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(service.state(), State::Failed);
    QTRY_COMPARE(heard.states(), text("Starting Running Stopping Failed"));
    QCOMPARE(heard.failures(), QStringList{text("the watchdog barked")});
    QVERIFY(complaint().contains(text("the watchdog barked")));
}

namespace {
enum class Again { WhileItRuns, WhenItHasEnded, ThroughQThread, AfterStopAndJoin };
}

// D17
void tst_ServiceThread::aSecondStartIsRefused_data()
{
    QTest::addColumn<int>("when");
    QTest::newRow("while it runs") << int(Again::WhileItRuns);
    QTest::newRow("when it has ended") << int(Again::WhenItHasEnded);
    QTest::newRow("of its QThread") << int(Again::ThroughQThread);
    QTest::newRow("after stopAndJoin()") << int(Again::AfterStopAndJoin);
}

void tst_ServiceThread::aSecondStartIsRefused()
{
    QFETCH(int, when);
    std::atomic<int> runs = 0;
    ServiceThread service(text("once"), [&](ServiceThread &self) {
        ++runs;
        workUntilStopped(self);
    });
    const Signals heard(service);
    if (Again(when) == Again::AfterStopAndJoin) {
        service.stopAndJoin(); // of one that never ran
        service.start();
        QVERIFY(complaint().contains(text("Service once was started after stopAndJoin()")));
        QCOMPARE(service.state(), State::Idle);
        QVERIFY(!service.isRunning());
        QCOMPARE(runs.load(), 0);
        return;
    }
    service.start();
    service.waitStarted();
    if (Again(when) == Again::WhileItRuns) {
        service.start();
        QVERIFY(complaint().contains(text("Service once was started a second time")));
        QCOMPARE(service.state(), State::Running);
    }
    service.stop();
    QVERIFY(service.joinOrLog(QDeadlineTimer(30s)));
    QTRY_COMPARE(heard.states(), text("Starting Running Stopping Stopped"));
    if (Again(when) == Again::WhenItHasEnded)
        service.start();
    else if (Again(when) == Again::ThroughQThread)
        service.QThread::start();
    if (Again(when) != Again::WhileItRuns) {
        QVERIFY(service.joinOrLog(QDeadlineTimer(30s)));
        QVERIFY(complaint().contains(text("Service once was started a second time")));
    }
    Tests::turn(3);
    QCOMPARE(runs.load(), 1);
    QCOMPARE(heard.states(), text("Starting Running Stopping Stopped"));
}

// TH-09, invariant 13
void tst_ServiceThread::waitingOnItsOwnThreadIsRefused()
{
    std::mutex mutex;
    QStringList outcomes;
    ServiceThread service(text("own"), [&](ServiceThread &self) {
        const CancelScope scope;
        const auto waitStarted = [&]() -> QCoro::Task<> { co_await self.waitStarted(scope); };
        const auto join = [&]() -> QCoro::Task<> { co_await self.join(scope); };
        const std::lock_guard lock(mutex);
        outcomes += chainThrownBy([&] { self.waitStarted(); });
        outcomes += chainThrownBy([&] { self.waitStarted(QDeadlineTimer(0)); });
        outcomes += chainThrownBy([&] { self.joinOrLog(); });
        outcomes += chainFrom(waitStarted());
        outcomes += chainFrom(join());
        self.reportStarted();
        outcomes += chainThrownBy([&] { self.stopAndJoin(); });
    });
    service.start();
    QVERIFY(service.joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(service.state(), State::Stopped);
    const std::lock_guard lock(mutex);
    QCOMPARE(outcomes, QStringList(6, text("DeadlockError")));
}

void tst_ServiceThread::itIsSeenThroughItsProperties()
{
    ServiceThread service(text("seen"), [](ServiceThread &self) {
        self.reportStarted();
        throw failure("X");
    });
    const auto read = [&](const char *name) { return service.property(name); };
    const auto *meta = service.metaObject();
    QCOMPARE(read("name").toString(), text("seen"));
    QCOMPARE(read("state").toInt(), int(State::Idle));
    QVERIFY(meta->property(meta->indexOfProperty("name")).isConstant());
    const auto state = meta->property(meta->indexOfProperty("state"));
    QVERIFY(state.isEnumType());
    QCOMPARE(state.notifySignal().name(), QByteArray("stateChanged"));
    QSignalSpy spy(&service, state.notifySignal());
    service.start();
    QTRY_COMPARE(spy.size(), 3);
    QCOMPARE(spy.at(1).at(0).value<State>(), State::Running);
    QCOMPARE(read("state").toInt(), int(State::Failed));
    QCOMPARE(read("errorString").toString(), text("X"));
    QVERIFY(service.joinOrLog(QDeadlineTimer(30s)));
    complaint();
}

void tst_ServiceThread::aSlotMayDeleteIt()
{
    auto service = std::make_unique<ServiceThread>(text("deleted"), [](ServiceThread &self) {
        self.reportStarted();
        throw failure("X");
    });
    connect(service.get(), &ServiceThread::stateChanged, this, [&](State state) {
        if (state == State::Failed)
            service.reset();
    });
    service->start();
    QTRY_VERIFY(!service);
    complaint();
}

namespace {

/// Notes what the service's state is when it is destroyed.
class Witness : public QObject
{
public:
    Witness(ServiceThread &service, std::atomic<State> &seen)
        : m_service(service)
        , m_seen(seen)
    {
    }
    ~Witness() override { m_seen = m_service.state(); }

private:
    ServiceThread &m_service;
    std::atomic<State> &m_seen;
};

} // namespace

// What a service leaves behind in its thread's loop and among the objects to be deleted ends with it, not after it.
void tst_ServiceThread::nothingOfItRunsOnceItHasStopped()
{
    std::atomic<State> coroutineSaw = State::Idle;
    std::atomic<State> objectSaw = State::Idle;
    ServiceThread service(text("tidy"), [&](ServiceThread &self) {
        const auto sleep = [&](ServiceThread &mine) -> QCoro::Task<> {
            const Witness witness(mine, coroutineSaw);
            co_await CancelScope().sleep(1h);
        };
        sleep(self);
        auto *later = new Witness(self, objectSaw); // deleted below
        later->deleteLater();
        workUntilStopped(self);
    });
    service.start();
    service.waitStarted();
    service.stop();
    QVERIFY(service.joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(coroutineSaw.load(), State::Stopping);
    QCOMPARE(objectSaw.load(), State::Stopping);
}

QTEST_GUILESS_MAIN(tst_ServiceThread)

#include "tst_servicethread.moc"
