// SPDX-License-Identifier: Apache-2.0
#include "../shared/errorchain.h"
#include "../shared/looper.h"
#include "../shared/messagelog.h"
#include "../shared/outcome.h"
#include "../shared/scriptedservice.h"
#include "../shared/servicesignals.h"

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
using Signals = Tests::ServiceSignals;
using Tests::startScripted;
using State = ServiceThread::State;

namespace {

QString text(const char *latin1)
{
    return QString::fromLatin1(latin1);
}

QCoro::Task<> failWhenReady(ScriptedService &service, CancelScope scope)
{
    service.reportStarted();
    co_await scope.sleep(10ms);
    throw failure("X");
}

} // namespace

/// A service with an event loop: how it starts, fails and stops. Its end is in tst_serviceend.
class tst_LoopServiceThread : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void happyPath();
    void statesAreToldOnTheOwnersThread();
    void theBaseOnAScopeThatOthersCancelFails();
    void theBaseAwaitedElsewhereOutlivesTheService();
    void aPlainServiceEndsWithItsTaskGroup();
    void aServiceWhoseCoroutineEndsHasStopped();
    void whoAwaitsTheBaseIsCancelled_data();
    void whoAwaitsTheBaseIsCancelled();
    void failingWhileStartingReachesTheParent_data();
    void failingWhileStartingReachesTheParent();
    void endingBeforeItIsReadyIsAFailure();
    void neverReady();
    void aStopWakesWhoWaitsForTheStart();
    void failingAfterItWasReady();
    void aFailingChildIsTheServicesFailure();
    void severalFailuresAreAllReported();
    void anErrorWhileStoppingIsAFailure();

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

namespace {

/// Does as a plain service does, and then notes how that has ended.
class Extended : public LoopServiceThread
{
public:
    explicit Extended(bool doesMore)
        : LoopServiceThread(text("extended"))
        , m_doesMore(doesMore)
    {
    }

    QString heard;

protected:
    QCoro::Task<> runAsync(CancelScope scope) override
    {
        auto plain = LoopServiceThread::runAsync(scope);
        try {
            if (m_doesMore)
                co_await scope.checkpoint();
        } catch (const Cancelled &) {
            // the plain one is to tell it
        }
        try {
            co_await plain;
            heard = text("nothing");
        } catch (const Cancelled &e) {
            heard = text(e.timedOut() ? "timed out: " : "cancelled: ") + e.reason();
            throw;
        }
    }

private:
    const bool m_doesMore;
};

} // namespace

void tst_LoopServiceThread::whoAwaitsTheBaseIsCancelled_data()
{
    QTest::addColumn<bool>("doesMore");
    QTest::addRow("it awaits nothing else") << false;
    QTest::addRow("it awaits something else before") << true;
}

void tst_LoopServiceThread::whoAwaitsTheBaseIsCancelled()
{
    QFETCH(const bool, doesMore);
    const auto service = makeService<Extended>(doesMore);
    service->start();
    service->waitStarted();
    QVERIFY(service->stop(text("enough")));
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(service->heard, text("cancelled: enough"));
    QCOMPARE(service->state(), State::Stopped);

    // while it idles
    const auto idle = makeService<Extended>(doesMore);
    idle->start();
    idle->waitStarted();
    for (int turn = 0; turn < 2; ++turn)
        idle->callSync([] {});
    QVERIFY(idle->stop(text("enough")));
    QVERIFY(idle->joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(idle->heard, text("cancelled: enough"));
    QCOMPARE(idle->state(), State::Stopped);

    // before it has begun
    const auto late = makeService<Extended>(doesMore);
    QVERIFY(late->stop(text("changed my mind")));
    late->start();
    QVERIFY(late->joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(late->heard, text("cancelled: changed my mind"));
    QCOMPARE(late->state(), State::Stopped);
}

namespace {

/// A plain service, but for the scope that it waits on.
class Rescoped : public LoopServiceThread
{
public:
    explicit Rescoped(CancelScope scope)
        : LoopServiceThread(text("rescoped"))
        , m_scope(std::move(scope))
    {
    }

protected:
    QCoro::Task<> runAsync(CancelScope) override { return LoopServiceThread::runAsync(m_scope); }

private:
    const CancelScope m_scope;
};

} // namespace

void tst_LoopServiceThread::theBaseOnAScopeThatOthersCancelFails()
{
    const CancelScope scope;
    const auto service = makeService<Rescoped>(scope);
    service->start();
    service->waitStarted();
    scope.cancel(text("by others"));
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(service->state(), State::Failed); // nobody has stopped it
    expectFailureLogged(text("by others"), text("rescoped"));
}

void tst_LoopServiceThread::theBaseAwaitedElsewhereOutlivesTheService()
{
    const CancelScope scope;
    auto service = std::make_unique<LoopServiceThread>(text("elsewhere"));
    auto task = service->runAsync(scope);
    service.reset();
    scope.cancel(text("enough"));
    QCOMPARE(chainThrownBy([&] { await(std::move(task)); }), text("Cancelled(enough)"));
}

void tst_LoopServiceThread::aPlainServiceEndsWithItsTaskGroup()
{
    const auto service = makeService<LoopServiceThread>(text("plain"));
    service->start();
    service->waitStarted();
    service->taskGroup().cancel();
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(service->state(), State::Stopped);
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

QTEST_GUILESS_MAIN(tst_LoopServiceThread)

#include "tst_loopservicethread.moc"
