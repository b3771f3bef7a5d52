// SPDX-License-Identifier: Apache-2.0
#include "../shared/await.h"
#include "../shared/blocker.h"
#include "../shared/errorchain.h"
#include "../shared/messagelog.h"
#include "../shared/outcome.h"
#include "../shared/scriptedservice.h"

#include <MicroIO/CancelScope>
#include <MicroIO/Errors>
#include <MicroIO/LoopServiceThread>

#include <QFutureWatcher>
#include <QtTest/QtTest>

#include <functional>
#include <future>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::Blocker;
using Tests::chainThrownBy;
using Tests::failure;
using Tests::makeScripted;
using Tests::Probe;
using Tests::ScriptedService;
using Tests::startScripted;
using Progress = LoopServiceThread::Progress;

namespace {

QString text(const char *latin1)
{
    return QString::fromLatin1(latin1);
}

/// How \a future has ended: "cancelled", its error, or "finished".
template<typename T>
QString endOf(QFuture<T> future)
{
    const QString error = chainThrownBy([&] { future.waitForFinished(); });
    if (error != text("nothing"))
        return error;
    return future.isCanceled() ? text("cancelled") : text("finished");
}

QCoro::Task<> sleepLong(CancelScope scope)
{
    co_await scope.sleep(1h);
}

} // namespace

/// LoopServiceThread::submit().
class tst_Submit : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void theFutureTellsTheOutcome();
    void theFunctionMayTakeWhatItNeeds();
    void anErrorIsTheFuturesAndNotTheServices();
    void cancellingTheFutureCancelsTheCoroutine_data();
    void cancellingTheFutureCancelsTheCoroutine();
    void cancelledBeforeItBeganItNeverRuns();
    void aValueInSpiteOfTheCancellationIsDropped();
    void aDroppedFutureChangesNothing();
    void aCoroutineThatEndsByCancelledCancelsItsFuture();

    void isRefusedWhileTheServiceDoesNotRun_data();
    void isRefusedWhileTheServiceDoesNotRun();
    void whatIsCutOffEndsWithServiceError_data();
    void whatIsCutOffEndsWithServiceError();
    void anEmptyFunctionIsRefused();

    void progressIsHeardByAWatcher();
    void lateProgressIsWithoutEffect();
    void aCoroutineMayAwaitTheFuture();
    void continuationsRun();

private:
    std::optional<Tests::MessageLog> m_log;
};

// LT-08
void tst_Submit::theFutureTellsTheOutcome()
{
    const auto service = startScripted();
    auto number = service->submit([](CancelScope scope) -> QCoro::Task<int> {
        co_await scope.checkpoint();
        co_return 7;
    });
    static_assert(std::is_same_v<decltype(number), QFuture<int>>);
    QCOMPARE(number.result(), 7);

    std::atomic<QThread *> ranOn = nullptr;
    auto nothing = service->submit([&ranOn](CancelScope scope) -> QCoro::Task<> {
        co_await scope.checkpoint();
        ranOn = QThread::currentThread();
    });
    static_assert(std::is_same_v<decltype(nothing), QFuture<void>>);
    QCOMPARE(endOf(nothing), text("finished"));
    QCOMPARE(ranOn.load(), static_cast<QThread *>(service.get()));

    auto moveOnly = service->submit(
        [](CancelScope) -> QCoro::Task<std::unique_ptr<int>> { co_return std::make_unique<int>(8); });
    QCOMPARE(*moveOnly.takeResult(), 8);

    auto failed = service->submit([](CancelScope scope) -> QCoro::Task<int> {
        co_await scope.checkpoint();
        throw std::out_of_range("X");
    });
    QVERIFY_THROWS_EXCEPTION(std::out_of_range, failed.result());

    auto atOnce = service->submit([](CancelScope) -> QCoro::Task<int> {
        throw failure("X");
        co_return 1;
    });
    QCOMPARE(endOf(atOnce), text("X"));
    auto noCoroutine = service->submit([](CancelScope) -> QCoro::Task<int> { throw failure("Y"); });
    QCOMPARE(endOf(noCoroutine), text("Y"));
}

void tst_Submit::theFunctionMayTakeWhatItNeeds()
{
    const auto service = startScripted();
    const auto number = std::make_shared<int>(7);
    QCOMPARE(service->submit([number]() -> QCoro::Task<int> { co_return *number; }).result(), 7);
    QCOMPARE(service->submit([number](CancelScope) -> QCoro::Task<int> { co_return *number; }).result(), 7);
    QCOMPARE(
        service->submit([number](CancelScope, Progress) -> QCoro::Task<int> { co_return *number; }).result(),
        7);
    auto moveOnly = [owned = std::make_unique<int>(8)]() -> QCoro::Task<int> { co_return *owned; };
    QCOMPARE(service->submit(std::move(moveOnly)).result(), 8);
    const std::function<QCoro::Task<int>(CancelScope)> named = [](CancelScope) -> QCoro::Task<int> {
        co_return 9;
    };
    QCOMPARE(service->submit(named).result(), 9);
    QCOMPARE(endOf(service->submit([](CancelScope scope) {
                 return scope.isCancelled() ? sleepLong(scope) : sleepLong(scope.child(now()));
             })),
             text("cancelled"));
}

void tst_Submit::anErrorIsTheFuturesAndNotTheServices()
{
    const auto service = startScripted();
    for (int i = 0; i < 3; ++i) {
        QCOMPARE(endOf(service->submit([](CancelScope scope) -> QCoro::Task<> {
                     co_await scope.checkpoint();
                     throw failure("X");
                 })),
                 text("X"));
    }
    QTRY_COMPARE(service->taskGroup().size(), 0);
    QCOMPARE(service->state(), ServiceThread::State::Running);
}

// LT-08
void tst_Submit::cancellingTheFutureCancelsTheCoroutine_data()
{
    QTest::addColumn<bool>("copy");
    QTest::newRow("the future") << false;
    QTest::newRow("a copy of it") << true;
}

void tst_Submit::cancellingTheFutureCancelsTheCoroutine()
{
    QFETCH(bool, copy);
    const auto service = startScripted();
    std::atomic<int> alive = 0;
    std::promise<void> begun;
    std::promise<QString> reason;
    std::atomic<bool> cleanedUp = false;
    auto future = service->submit([&, probe = Probe(alive)](CancelScope scope) -> QCoro::Task<int> {
        begun.set_value();
        try {
            co_await scope.sleep(1h);
        } catch (const Cancelled &e) {
            reason.set_value(e.reason());
        }
        co_await scope.shielded().sleep(10ms);
        cleanedUp = true;
        co_await scope.checkpoint();
        co_return 1;
    });
    begun.get_future().wait();
    if (copy)
        QFuture<int>(future).cancel();
    else
        future.cancel();
    QCOMPARE(reason.get_future().get(), text("its future was cancelled"));
    QCOMPARE(endOf(future), text("cancelled"));
    QVERIFY(cleanedUp); // it finishes when the coroutine has ended
    QCOMPARE(alive.load(), 0);
    QVERIFY(future.isFinished());
    QCOMPARE(future.resultCount(), 0);
    QCOMPARE(service->state(), ServiceThread::State::Running);
}

// LT-09
void tst_Submit::cancelledBeforeItBeganItNeverRuns()
{
    const auto service = startScripted();
    std::atomic<int> alive = 0;
    std::atomic<int> ran = 0;
    QFuture<void> future;
    {
        const Blocker blocker(*service);
        future = service->submit([&ran, probe = Probe(alive)](CancelScope scope) -> QCoro::Task<> {
            ++ran;
            co_await scope.sleep(1h);
        });
        future.cancel();
        QVERIFY(future.isCanceled());
    }
    QCOMPARE(endOf(future), text("cancelled"));
    QVERIFY(future.isFinished());
    QCOMPARE(ran.load(), 0);
    QCOMPARE(alive.load(), 0);
}

void tst_Submit::aValueInSpiteOfTheCancellationIsDropped()
{
    const auto service = startScripted();
    std::promise<void> begun;
    auto future = service->submit([&begun](CancelScope scope) -> QCoro::Task<int> {
        begun.set_value();
        try {
            co_await scope.sleep(1h);
        } catch (const Cancelled &) {
        }
        co_return 7;
    });
    begun.get_future().wait();
    future.cancel();
    QCOMPARE(endOf(future), text("cancelled"));
}

// LT-08
void tst_Submit::aDroppedFutureChangesNothing()
{
    const auto service = startScripted();
    std::atomic<bool> done = false;
    service->submit([&done](CancelScope scope) -> QCoro::Task<> {
        co_await scope.sleep(5ms);
        done = true;
    });
    QTRY_VERIFY(done);
}

// D11
void tst_Submit::aCoroutineThatEndsByCancelledCancelsItsFuture()
{
    const auto service = startScripted();
    QCOMPARE(endOf(service->submit([](CancelScope scope) -> QCoro::Task<int> {
                 scope.cancel(QStringLiteral("by itself"));
                 co_await scope.sleep(1h);
                 co_return 1;
             })),
             text("cancelled"));
    QCOMPARE(endOf(service->submit([](CancelScope) -> QCoro::Task<int> {
                 throw Cancelled(QStringLiteral("by hand"));
                 co_return 1;
             })),
             text("cancelled"));
    QCOMPARE(service->state(), ServiceThread::State::Running);
}

namespace {
enum class When { BeforeStart, AfterStop, AfterFailure };
}

// LT-03, D18
void tst_Submit::isRefusedWhileTheServiceDoesNotRun_data()
{
    QTest::addColumn<int>("when");
    QTest::addColumn<QString>("error");
    QTest::newRow("before the start") << int(When::BeforeStart) << text("ServiceError");
    QTest::newRow("after a stop") << int(When::AfterStop) << text("ServiceError");
    QTest::newRow("after a failure") << int(When::AfterFailure) << text("ServiceError < X");
}

void tst_Submit::isRefusedWhileTheServiceDoesNotRun()
{
    QFETCH(int, when);
    QFETCH(QString, error);
    const auto service = makeScripted([when](ScriptedService &self, CancelScope scope) -> QCoro::Task<> {
        self.reportStarted();
        if (When(when) == When::AfterFailure)
            throw failure("X");
        co_await scope.cancelled();
    });
    if (When(when) != When::BeforeStart) {
        service->start();
        if (When(when) == When::AfterStop)
            service->stop();
        QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
        m_log->take();
    }
    std::atomic<int> alive = 0;
    bool called = false;
    const auto future = service->submit([&called, probe = Probe(alive)](CancelScope) -> QCoro::Task<int> {
        called = true;
        co_return 1;
    });
    QVERIFY(future.isFinished());
    QCOMPARE(endOf(future), error);
    QCOMPARE(alive.load(), 0);
    QVERIFY(!called);
}

namespace {
enum class CutOff { Stop, Failure, NormalEnd, StopBeforeItBegan, Deletion };
}

// D20, invariant 7, LT-13
void tst_Submit::whatIsCutOffEndsWithServiceError_data()
{
    QTest::addColumn<int>("how");
    QTest::addColumn<QString>("why");
    QTest::newRow("stop") << int(CutOff::Stop) << text("lunch");
    QTest::newRow("failure") << int(CutOff::Failure) << text("X");
    QTest::newRow("normal end") << int(CutOff::NormalEnd) << text("the service has ended");
    QTest::newRow("stop before it began") << int(CutOff::StopBeforeItBegan) << text("lunch");
    QTest::newRow("deletion") << int(CutOff::Deletion) << text("the service is being destroyed");
}

void tst_Submit::whatIsCutOffEndsWithServiceError()
{
    QFETCH(int, how);
    QFETCH(QString, why);
    CloseScope end;
    auto service = startScripted([end](ScriptedService &self, CancelScope scope) -> QCoro::Task<> {
        self.reportStarted();
        co_await end.closed(scope);
    });
    std::atomic<int> alive = 0;
    std::promise<void> begun;
    QFuture<void> future;
    {
        std::optional<Blocker> blocker;
        if (CutOff(how) == CutOff::StopBeforeItBegan)
            blocker.emplace(*service);
        future = service->submit([&begun, probe = Probe(alive)](CancelScope scope) -> QCoro::Task<> {
            begun.set_value();
            co_await scope.sleep(1h);
        });
        if (!blocker)
            begun.get_future().wait();
        switch (CutOff(how)) {
        case CutOff::Stop:
        case CutOff::StopBeforeItBegan:
            service->stop(text("lunch"));
            break;
        case CutOff::Failure:
            service->taskGroup().startSoon([](CancelScope scope) -> QCoro::Task<> {
                co_await scope.checkpoint();
                throw failure("X");
            });
            break;
        case CutOff::NormalEnd:
            end.close();
            break;
        case CutOff::Deletion:
            service.reset();
            break;
        }
    }
    try {
        future.waitForFinished();
        QFAIL("no error");
    } catch (const ServiceError &) {
        const QString told = describe(std::current_exception());
        QVERIFY2(told.contains(why), qPrintable(told));
    }
    QCOMPARE(alive.load(), 0);
    if (service)
        QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    if (CutOff(how) == CutOff::Failure)
        QCOMPARE(m_log->take().size(), 1);
}

void tst_Submit::anEmptyFunctionIsRefused()
{
    const auto service = startScripted();
    QVERIFY_THROWS_EXCEPTION(std::invalid_argument,
                             service->submit(std::function<QCoro::Task<>(CancelScope)>()));
}

void tst_Submit::progressIsHeardByAWatcher()
{
    const auto service = startScripted();
    std::promise<void> go;
    const auto gone = go.get_future().share();
    QFutureWatcher<int> watcher;
    QList<QPair<int, int>> ranges;
    QList<int> values;
    QStringList texts;
    connect(&watcher, &QFutureWatcherBase::progressRangeChanged, this,
            [&](int minimum, int maximum) { ranges += qMakePair(minimum, maximum); });
    connect(&watcher, &QFutureWatcherBase::progressValueChanged, this, [&](int value) { values += value; });
    connect(&watcher, &QFutureWatcherBase::progressTextChanged, this,
            [&](const QString &progressText) { texts += progressText; });
    QSignalSpy finished(&watcher, &QFutureWatcherBase::finished);
    Blocker blocker(*service);
    watcher.setFuture(service->submit([](CancelScope scope, Progress progress) -> QCoro::Task<int> {
        progress.setRange(0, 3);
        for (int i = 1; i <= 3; ++i) {
            co_await scope.sleep(50ms); // Qt tells no more than 25 values a second
            progress.setValueAndText(i, QString::number(i));
        }
        co_return 7;
    }));
    blocker.letGo();
    QTRY_COMPARE(finished.size(), 1);
    QVERIFY(ranges.contains(qMakePair(0, 3)));
    QCOMPARE(values.last(), 3);
    QCOMPARE(texts.last(), text("3"));
    QVERIFY(values.size() >= 2);
    QCOMPARE(watcher.result(), 7);
}

void tst_Submit::lateProgressIsWithoutEffect()
{
    const auto service = startScripted();
    std::optional<Progress> kept;
    auto future = service->submit([&kept](CancelScope, Progress progress) -> QCoro::Task<int> {
        kept.emplace(progress);
        progress.setRange(0, 10);
        progress.setValue(4);
        co_return 7;
    });
    future.waitForFinished(); // result() returns before that
    QCOMPARE(future.progressValue(), 4);
    kept->setRange(0, 100);
    kept->setValueAndText(50, text("late"));
    QCOMPARE(future.progressMaximum(), 10);
    QCOMPARE(future.progressValue(), 4);
    QCOMPARE(future.result(), 7);
}

void tst_Submit::aCoroutineMayAwaitTheFuture()
{
    const auto service = startScripted();
    std::promise<void> begun;
    std::promise<void> wasCancelled;
    const auto work = [&](CancelScope scope) -> QCoro::Task<int> {
        begun.set_value();
        try {
            co_await scope.sleep(1h);
        } catch (const Cancelled &) {
            wasCancelled.set_value();
            throw;
        }
        co_return 1;
    };
    const CancelScope scope;
    const auto wait = [&]() -> QCoro::Task<> { co_await scope.cancellable(service->submit(work)); };
    auto waiting = wait();
    begun.get_future().wait();
    scope.cancel(text("enough"));
    QCOMPARE(Tests::chainFrom(std::move(waiting)), text("Cancelled(enough)"));
    wasCancelled.get_future().wait();

    const auto quick = []() -> QCoro::Task<int> { co_return 7; };
    const auto waitQuick = [&]() -> QCoro::Task<int> {
        const CancelScope own;
        co_return co_await own.cancellable(service->submit(quick));
    };
    QCOMPARE(Tests::await(waitQuick()), 7);
}

void tst_Submit::continuationsRun()
{
    const auto service = startScripted();
    int result = 0;
    QThread *thread = nullptr;
    CloseScope
        isAttached; // how the continuation comes to the service's thread: ThreadSanitizer cannot see Qt's own way
    const auto submitted = [isAttached](CancelScope scope) -> QCoro::Task<int> {
        co_await isAttached.closed(scope);
        co_return 7;
    };
    const auto future = service->submit(submitted).then(this, [&](int value) {
        result = value;
        thread = QThread::currentThread();
    });
    isAttached.close();
    QTRY_VERIFY(future.isFinished());
    QCOMPARE(result, 7);
    QCOMPARE(thread, QThread::currentThread());
}

QTEST_GUILESS_MAIN(tst_Submit)

#include "tst_submit.moc"
