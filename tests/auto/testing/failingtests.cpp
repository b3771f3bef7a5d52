// SPDX-License-Identifier: Apache-2.0
// Tests that fail on purpose: tst_testfailures runs each of them and reads what it says.
#include "../shared/looper.h"

#include <MicroIO/Channel>
#include <MicroIO/CloseScope>
#include <MicroIO/LoopServiceThread>
#include <MicroIO/RequestRegistry>
#include <MicroIO/Service>
#include <MicroIO/TaskGroup>
#include <MicroIO/Test>

#include <QCoroTask>
#include <QPromise>
#include <QtTest/QtTest>

#include <optional>
#include <stdexcept>

using namespace MicroIO;
using namespace std::chrono_literals;

namespace {

QCoro::Task<> sleepFor(CancelScope scope, std::chrono::nanoseconds duration)
{
    co_await scope.sleep(duration);
}

QCoro::Task<> waitFor(CancelScope scope, CloseScope gate)
{
    co_await gate.closed(scope);
}

} // namespace

class FailingTests : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void errorOfATask();
    void wrongValue();
    void wrongError();
    void noError();
    void verifyInACoroutine();
    void compareInAChild();
    void hang();
    void hangOfAManualClock();
    void hangInABlockingWait();
    void hangOfAForeignFuture();
    void taskThatNeverEnds();
    void advanceThatNeverEnds();
    void warning();
    void leftover();
    void wrongLog();
    void leakBehindTheThirdWait();
    void checkThatThrows();
    void errorOnlyWhenCancelled();
    void leftTask();
    void runThatHangs();
    void clockOutlivesItsTest();
    void testAfterThatClock();

private:
    std::optional<TestClock> m_clock;
};

void FailingTests::errorOfATask()
{
    const auto task = []() -> QCoro::Task<> {
        try {
            throw std::runtime_error("the inner cause");
        } catch (...) {
            std::throw_with_nested(ServiceError(QStringLiteral("the outer error")));
        }
        co_return;
    };
    MICROIO_AWAIT(task());
    qFatal("not reached");
}

void FailingTests::wrongValue()
{
    const auto task = []() -> QCoro::Task<int> { co_return 41; };
    MICROIO_COMPARE_AWAIT(task(), 42);
    qFatal("not reached");
}

void FailingTests::wrongError()
{
    const auto task = []() -> QCoro::Task<> {
        throw std::out_of_range("too far");
        co_return;
    };
    MICROIO_VERIFY_THROWS(TimeoutError, task());
    qFatal("not reached");
}

void FailingTests::noError()
{
    const auto task = []() -> QCoro::Task<> { co_return; };
    MICROIO_VERIFY_THROWS(TimeoutError, task());
    qFatal("not reached");
}

void FailingTests::verifyInACoroutine()
{
    const auto task = []() -> QCoro::Task<> {
        MICROIO_CO_VERIFY(1 > 2);
        qFatal("not reached");
        co_return;
    };
    MICROIO_AWAIT(task());
    qFatal("not reached");
}

void FailingTests::compareInAChild()
{
    const CancelScope scope;
    const auto child = []() -> QCoro::Task<> {
        MICROIO_CO_COMPARE(1, 2);
        co_return;
    };
    const auto task = [&]() -> QCoro::Task<> {
        co_await withTaskGroup(scope, [&](TaskGroup &group) -> QCoro::Task<> {
            group.startSoon(child);
            co_return;
        });
    };
    MICROIO_AWAIT(task());
    qFatal("not reached");
}

void FailingTests::hang()
{
    const TestClock clock;
    QObject owner;
    TaskGroup group(&owner);
    CloseScope gate;
    Tests::Looper looper;
    looper.setObjectName(QStringLiteral("the other thread"));
    const CancelScope scope;
    looper.call([&] { waitFor(scope, gate); });
    group.startSoon(QStringLiteral("the one who waits"), waitFor, gate);
    const auto task = [&]() -> QCoro::Task<> {
        co_await scope.sleep(1h);
        co_await gate.closed(scope);
    };
    MICROIO_AWAIT(task());
    qFatal("not reached");
}

void FailingTests::hangOfAManualClock()
{
    const TestClock clock(TestClock::Mode::Manual);
    const CancelScope scope;
    MICROIO_AWAIT(scope.sleep(90min));
    qFatal("not reached");
}

void FailingTests::hangInABlockingWait()
{
    const TestClock clock;
    CloseScope gate;
    const auto service = makeService<LoopServiceThread>(QStringLiteral("blocked service"));
    service->start();
    service->waitStarted();
    RequestRegistry<int, int> registry;
    const CancelScope scope;
    service->taskGroup().startSoon([&registry](CancelScope) -> QCoro::Task<> {
        try {
            registry.request(1, [] {});
        } catch (const TimeoutError &) {
        }
        co_return;
    });
    QVERIFY(gate.wait());
    qFatal("not reached");
}

void FailingTests::hangOfAForeignFuture()
{
    const TestClock clock;
    const CancelScope scope;
    QPromise<int> promise;
    promise.start();
    MICROIO_AWAIT(scope.cancellable(promise.future()));
    qFatal("not reached");
}

void FailingTests::taskThatNeverEnds()
{
    const TestClock clock;
    const CancelScope scope;
    const auto task = [&]() -> QCoro::Task<> {
        for (;;)
            co_await scope.checkpoint();
    };
    MICROIO_AWAIT(task());
    qFatal("not reached");
}

void FailingTests::advanceThatNeverEnds()
{
    TestClock clock(TestClock::Mode::Manual);
    const CancelScope scope;
    const auto task = [&]() -> QCoro::Task<> {
        for (;;)
            co_await scope.checkpoint();
    };
    task();
    clock.advance(1s);
    scope.cancel();
}

void FailingTests::warning()
{
    const WarningGuard guard;
    qWarning("a warning that nobody expects");
}

void FailingTests::leftover()
{
    const LeftoverGuard guard;
    static const CancelScope scope;
    sleepFor(scope, 24h);
}

void FailingTests::wrongLog()
{
    const EventLog log;
    log.add(QStringLiteral("one"));
    log.add(QStringLiteral("two"));
    const QStringList expected{QStringLiteral("one"), QStringLiteral("three")};
    MICROIO_COMPARE_LOG(log, expected);
    qFatal("not reached");
}

void FailingTests::leakBehindTheThirdWait()
{
    const TestClock clock;
    int living = 0;
    const auto five = [&](CancelScope scope) -> QCoro::Task<> {
        co_await scope.sleep(1s);
        co_await scope.sleep(1s);
        ++living;
        co_await scope.sleep(1s); // who is cancelled here leaves something
        --living;
        co_await scope.sleep(1s);
        co_await scope.sleep(1s);
    };
    const auto check = [&] { QCOMPARE(living, 0); };
    QCOMPARE(cancelAtEveryWait(five, check), 5);
}

void FailingTests::checkThatThrows()
{
    const TestClock clock;
    const auto task = [&](CancelScope scope) -> QCoro::Task<> { co_await scope.sleep(1s); };
    const auto check = [] { throw std::runtime_error("the check is broken"); };
    cancelAtEveryWait(task, check);
}

void FailingTests::errorOnlyWhenCancelled()
{
    const TestClock clock;
    const auto task = [&](CancelScope scope) -> QCoro::Task<> {
        try {
            co_await scope.sleep(1s);
        } catch (const Cancelled &) {
            throw std::runtime_error("broken clean-up");
        }
    };
    cancelAtEveryWait(task);
}

void FailingTests::leftTask()
{
    const TestClock clock(TestClock::Mode::Manual);
    QObject owner;
    TaskGroup group(&owner);
    const auto task = [&](CancelScope) -> QCoro::Task<> {
        group.startSoon(QStringLiteral("forgotten"), sleepFor, 1h);
        co_return;
    };
    cancelAtEveryWait(task);
}

void FailingTests::runThatHangs()
{
    const TestClock clock;
    CloseScope gate;
    const auto task = [&](CancelScope scope) -> QCoro::Task<> {
        try {
            co_await scope.sleep(1s);
        } catch (const Cancelled &) {
        }
        if (scope.isCancelled())
            co_await gate.closed(scope.shielded());
    };
    cancelAtEveryWait(task);
    gate.close();
}

void FailingTests::clockOutlivesItsTest()
{
    m_clock.emplace();
}

void FailingTests::testAfterThatClock()
{
    const CancelScope scope;
    MICROIO_AWAIT(scope.sleep(1s));
    m_clock.reset();
}

QTEST_GUILESS_MAIN(FailingTests)
#include "failingtests.moc"
