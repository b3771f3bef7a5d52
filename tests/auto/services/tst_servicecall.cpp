// SPDX-License-Identifier: Apache-2.0
#include "../shared/blocker.h"
#include "../shared/errorchain.h"
#include "../shared/looper.h"
#include "../shared/messagelog.h"
#include "../shared/recorder.h"
#include "../shared/scriptedservice.h"

#include <MicroIO/CancelScope>
#include <MicroIO/Errors>
#include <MicroIO/LoopServiceThread>
#include <MicroIO/TaskGroup>
#include <MicroIO/Timeouts>

#include <QtTest/QtTest>

#include <future>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::Blocker;
using Tests::chainFrom;
using Tests::failure;
using Tests::From;
using Tests::Looper;
using Tests::makeScripted;
using Tests::Probe;
using Tests::record;
using Tests::ScriptedService;
using Tests::startScripted;
using Tests::turn;

namespace {

QString text(const char *latin1)
{
    return QString::fromLatin1(latin1);
}

/// What a service runs: sleeps until it is cancelled, and cleans up.
struct Sleeper
{
    std::promise<void> begun;
    std::promise<QString> reason;
    std::atomic<bool> cleanedUp = false;
    std::atomic<bool> swallows = false;

    QCoro::Task<int> run(CancelScope scope)
    {
        begun.set_value();
        try {
            co_await scope.sleep(1h);
        } catch (const Cancelled &e) {
            reason.set_value(e.reason());
        }
        co_await scope.shielded().sleep(10ms);
        cleanedUp = true;
        if (!swallows)
            co_await scope.checkpoint();
        co_return 5;
    }
};

} // namespace

/// LoopServiceThread::call(): what holds for a wait that passes a cancellation on.
class tst_ServiceCall : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void givesTheOutcome();
    void resumesOnItsOwnThread_data();
    void resumesOnItsOwnThread();
    void callsAcrossServices();
    void cancelledBeforeItIsNeverCalled();
    void cancelledDuringItWaitsForTheEnd_data();
    void cancelledDuringItWaitsForTheEnd();
    void cancelledBeforeItBegan();
    void theOutcomeStands();
    void aLimitIsPassedOn();
    void whatEndsByCancelledByItself();
    void isRefusedWhileTheServiceDoesNotRun();
    void whatIsCutOffEndsWithServiceError_data();
    void whatIsCutOffEndsWithServiceError();
    void whenTheCallersGroupIsDestroyed();
    void whenTheCallersLoopEnds();
    void aDroppedCallRunsOn();
    void threadWithoutALoopIsRefused();
    void anEmptyFunctionIsRefused();

private:
    std::optional<Tests::MessageLog> m_log;
};

void tst_ServiceCall::givesTheOutcome()
{
    const auto service = startScripted();
    std::atomic<QThread *> ranOn = nullptr;
    const auto calls = [&]() -> QCoro::Task<QString> {
        const CancelScope scope;
        const int number = co_await service->call(scope, [&](CancelScope own) -> QCoro::Task<int> {
            co_await own.checkpoint();
            ranOn = QThread::currentThread();
            co_return 7;
        });
        co_await service->call(scope, []() -> QCoro::Task<> { co_return; });
        const auto owned = std::make_shared<int>(8);
        const auto named = [owned](CancelScope) -> QCoro::Task<std::unique_ptr<int>> {
            co_return std::make_unique<int>(*owned);
        };
        const auto moveOnly = co_await service->call(scope, named);
        QString error;
        try {
            co_await service->call(scope, [](CancelScope own) -> QCoro::Task<int> {
                co_await own.checkpoint();
                throw std::out_of_range("X");
            });
        } catch (const std::out_of_range &e) {
            error = QString::fromUtf8(e.what());
        }
        co_return QStringLiteral("%1 %2 %3").arg(number).arg(*moveOnly).arg(error);
    };
    QCOMPARE(Tests::await(calls()), text("7 8 X"));
    QCOMPARE(ranOn.load(), static_cast<QThread *>(service.get()));
    QCOMPARE(service->state(), ServiceThread::State::Running);
    QTRY_COMPARE(service->taskGroup().size(), 0);
}

// invariant 5
void tst_ServiceCall::resumesOnItsOwnThread_data()
{
    QTest::addColumn<bool>("inside");
    QTest::newRow("another thread") << false;
    QTest::newRow("the service's own") << true;
}

void tst_ServiceCall::resumesOnItsOwnThread()
{
    QFETCH(bool, inside);
    const auto service = startScripted();
    Looper other;
    const auto calls = [&]() -> QCoro::Task<> {
        const CancelScope scope;
        const auto *home = QThread::currentThread();
        for (int i = 0; i < 100; ++i) {
            co_await service->call(scope,
                                   [](CancelScope own) -> QCoro::Task<> { co_await own.checkpoint(); });
            if (QThread::currentThread() != home)
                throw std::runtime_error("resumed elsewhere");
        }
    };
    Tests::RecorderPtr recorder;
    if (inside)
        service->callSync([&] { recorder = record(calls()); });
    else
        other.call([&] { recorder = record(calls()); });
    QTRY_VERIFY(recorder->isDone());
    QCOMPARE(recorder->outcome(), text("ended"));
}

// No thread is blocked, so that there is no cycle of blocked ones.
void tst_ServiceCall::callsAcrossServices()
{
    const auto a = startScripted();
    const auto b = startScripted();
    const auto calls = [&]() -> QCoro::Task<int> {
        const CancelScope scope;
        co_return co_await a->call(scope, [&](CancelScope inA) -> QCoro::Task<int> {
            co_return co_await b->call(inA, [&](CancelScope inB) -> QCoro::Task<int> {
                co_return co_await a->call(inB, [](CancelScope) -> QCoro::Task<int> { co_return 7; });
            });
        });
    };
    QCOMPARE(Tests::await(calls()), 7);
}

// invariant 1
void tst_ServiceCall::cancelledBeforeItIsNeverCalled()
{
    const auto service = startScripted();
    const CancelScope scope;
    scope.cancel(text("before"));
    std::atomic<bool> called = false;
    const auto calls = [&]() -> QCoro::Task<> {
        co_await service->call(scope, [&](CancelScope) -> QCoro::Task<> {
            called = true;
            co_return;
        });
    };
    for (int i = 0; i < 3; ++i)
        QCOMPARE(chainFrom(calls()), text("Cancelled(before)"));
    service->callSync([] {});
    QVERIFY(!called);
}

void tst_ServiceCall::cancelledDuringItWaitsForTheEnd_data()
{
    QTest::addColumn<From>("from");
    for (const auto from : {From::OwnLoop, From::OtherLoop, From::PlainThread})
        QTest::newRow(Tests::nameOf(from)) << from;
}

void tst_ServiceCall::cancelledDuringItWaitsForTheEnd()
{
    QFETCH(From, from);
    const auto service = startScripted();
    const CancelScope scope;
    Sleeper sleeper;
    const auto calls = [&]() -> QCoro::Task<> {
        co_await service->call(scope.child(), [&](CancelScope own) { return sleeper.run(own); });
    };
    const auto recorder = record(calls());
    sleeper.begun.get_future().wait();
    Tests::doFrom(from, [&] { scope.cancel(text("enough")); });
    QVERIFY(!recorder->isDone());
    QTRY_VERIFY(recorder->isDone());
    QVERIFY(sleeper.cleanedUp);
    QCOMPARE(recorder->outcome(), text("Cancelled(enough)"));
    QCOMPARE(sleeper.reason.get_future().get(), text("enough"));
    QCOMPARE(recorder->thread(), QThread::currentThread());
    QCOMPARE(service->state(), ServiceThread::State::Running);
}

void tst_ServiceCall::cancelledBeforeItBegan()
{
    const auto service = startScripted();
    std::atomic<int> alive = 0;
    std::atomic<bool> called = false;
    const CancelScope scope;
    const auto function = [&called, probe = Probe(alive)](CancelScope) -> QCoro::Task<> {
        called = true;
        co_return;
    };
    const auto calls = [&]() -> QCoro::Task<> { co_await service->call(scope, function); };
    Tests::RecorderPtr recorder;
    {
        const Blocker blocker(*service);
        recorder = record(calls());
        scope.cancel(text("enough"));
        turn(3);
        QVERIFY(!recorder->isDone());
    }
    QTRY_COMPARE(recorder->outcome(), text("Cancelled(enough)"));
    QVERIFY(!called);
    QCOMPARE(alive.load(), 1); // the named one
}

void tst_ServiceCall::theOutcomeStands()
{
    const auto service = startScripted();
    const CancelScope scope;
    Sleeper sleeper;
    sleeper.swallows = true;
    int value = 0;
    const auto calls = [&]() -> QCoro::Task<> {
        value = co_await service->call(scope, [&](CancelScope own) { return sleeper.run(own); });
    };
    const auto recorder = record(calls());
    sleeper.begun.get_future().wait();
    scope.cancel();
    QTRY_COMPARE(recorder->outcome(), text("ended"));
    QCOMPARE(value, 5);
}

void tst_ServiceCall::aLimitIsPassedOn()
{
    const auto service = startScripted();
    Sleeper sleeper;
    const auto calls = [&]() -> QCoro::Task<int> {
        const CancelScope scope;
        co_return co_await failAfter(scope, 20ms, [&](CancelScope limited) -> QCoro::Task<int> {
            co_return co_await service->call(limited, [&](CancelScope own) { return sleeper.run(own); });
        });
    };
    QCOMPARE(chainFrom(calls()), text("TimeoutError"));
    QVERIFY(sleeper.cleanedUp);
}

// D11, D22
void tst_ServiceCall::whatEndsByCancelledByItself()
{
    const auto service = startScripted();
    const auto calls = [&]() -> QCoro::Task<> {
        const CancelScope scope;
        co_await service->call(scope, [](CancelScope own) -> QCoro::Task<> {
            own.cancel(QStringLiteral("by itself"));
            co_await own.checkpoint();
        });
    };
    QCOMPARE(Tests::outcomeOf(calls()), text("TaskCancelledError"));
}

// D18
void tst_ServiceCall::isRefusedWhileTheServiceDoesNotRun()
{
    const auto service = makeScripted();
    std::atomic<bool> called = false;
    const auto calls = [&](ScriptedService &callee) -> QCoro::Task<> {
        const CancelScope scope;
        co_await callee.call(scope, [&](CancelScope) -> QCoro::Task<> {
            called = true;
            co_return;
        });
    };
    QCOMPARE(chainFrom(calls(*service)), text("ServiceError"));
    service->start();
    service->waitStarted();
    service->stop();
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(chainFrom(calls(*service)), text("ServiceError"));
    const auto failing = makeScripted([](ScriptedService &, CancelScope scope) -> QCoro::Task<> {
        co_await scope.checkpoint();
        throw failure("X");
    });
    failing->start();
    QVERIFY(failing->joinOrLog(QDeadlineTimer(30s)));
    m_log->take();
    QCOMPARE(chainFrom(calls(*failing)), text("ServiceError < X"));
    QVERIFY(!called);
}

namespace {
enum class CutOff { Stop, Failure, StopBeforeItBegan, Deletion };
}

// D20, invariant 7
void tst_ServiceCall::whatIsCutOffEndsWithServiceError_data()
{
    QTest::addColumn<int>("how");
    QTest::newRow("stop") << int(CutOff::Stop);
    QTest::newRow("failure") << int(CutOff::Failure);
    QTest::newRow("stop before it began") << int(CutOff::StopBeforeItBegan);
    QTest::newRow("deletion") << int(CutOff::Deletion);
}

void tst_ServiceCall::whatIsCutOffEndsWithServiceError()
{
    QFETCH(int, how);
    auto service = startScripted();
    std::promise<void> begun;
    const auto calls = [&]() -> QCoro::Task<> {
        const CancelScope scope;
        co_await service->call(scope, [&](CancelScope own) -> QCoro::Task<> {
            begun.set_value();
            co_await own.sleep(1h);
        });
    };
    QCoro::Task<> calling;
    {
        std::optional<Blocker> blocker;
        if (CutOff(how) == CutOff::StopBeforeItBegan)
            blocker.emplace(*service);
        calling = calls();
        if (!blocker)
            begun.get_future().wait();
        if (CutOff(how) == CutOff::Failure) {
            service->taskGroup().startSoon([](CancelScope scope) -> QCoro::Task<> {
                co_await scope.checkpoint();
                throw failure("X");
            });
        } else if (CutOff(how) == CutOff::Deletion) {
            service.reset();
        } else {
            service->stop(text("lunch"));
        }
    }
    QVERIFY(chainFrom(std::move(calling)).startsWith(text("ServiceError")));
    if (service)
        QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    if (CutOff(how) == CutOff::Failure)
        QCOMPARE(m_log->take().size(), 1);
}

// invariant 10
void tst_ServiceCall::whenTheCallersGroupIsDestroyed()
{
    const auto service = startScripted();
    QObject owner;
    std::optional<TaskGroup> group(&owner);
    Sleeper sleeper;
    Tests::RecorderPtr recorder;
    group->startSoon([&](CancelScope scope) -> QCoro::Task<> {
        const auto calls = [&](CancelScope own) -> QCoro::Task<> {
            co_await service->call(own, [&](CancelScope inService) { return sleeper.run(inService); });
        };
        recorder = record(calls(scope));
        co_return;
    });
    QTRY_VERIFY(recorder);
    sleeper.begun.get_future().wait();
    group.reset();
    QVERIFY(sleeper.cleanedUp); // what it refers to may be gone from here on
    QVERIFY(recorder->isDone());
    QVERIFY(recorder->outcome().startsWith(text("Cancelled(")));
}

void tst_ServiceCall::whenTheCallersLoopEnds()
{
    const auto service = startScripted();
    Looper caller;
    Sleeper sleeper;
    Tests::RecorderPtr recorder;
    const auto calls = [&]() -> QCoro::Task<> {
        const CancelScope scope;
        co_await service->call(scope, [&](CancelScope own) { return sleeper.run(own); });
    };
    caller.call([&] { recorder = record(calls()); });
    sleeper.begun.get_future().wait();
    caller.end();
    QVERIFY(sleeper.cleanedUp);
    QVERIFY(recorder->isDone());
    QCOMPARE(recorder->outcome(), text("TaskCancelledError"));
}

void tst_ServiceCall::aDroppedCallRunsOn()
{
    const auto service = startScripted();
    std::atomic<bool> done = false;
    const auto function = [&](CancelScope own) -> QCoro::Task<> {
        co_await own.sleep(5ms);
        done = true;
    };
    service->call(CancelScope(), function);
    QTRY_VERIFY(done);
    turn(3);
}

void tst_ServiceCall::threadWithoutALoopIsRefused()
{
    const auto service = startScripted();
    bool called = false;
    QString outcome;
    const auto calls = [&]() -> QCoro::Task<> {
        const CancelScope scope;
        co_await service->call(scope, [&](CancelScope) -> QCoro::Task<> {
            called = true;
            co_return;
        });
    };
    std::thread([&] { outcome = record(calls())->outcome(); }).join();
    QCOMPARE(outcome, text("WrongThreadError"));
    service->callSync([] {});
    QVERIFY(!called);
}

void tst_ServiceCall::anEmptyFunctionIsRefused()
{
    const auto service = startScripted();
    const std::function<QCoro::Task<>(CancelScope)> empty;
    QVERIFY_THROWS_EXCEPTION(std::invalid_argument, service->call(CancelScope(), empty));
}

QTEST_GUILESS_MAIN(tst_ServiceCall)

#include "tst_servicecall.moc"
