// SPDX-License-Identifier: Apache-2.0
#include "../shared/looper.h"
#include "../shared/messagelog.h"
#include "requests.h"

#include <MicroIO/CloseScope>
#include <MicroIO/Errors>

#include <QtTest/QtTest>

#include <functional>
#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::await;
using Tests::chainFrom;
using Tests::chainThrownBy;
using Tests::error;
using Tests::failure;
using Tests::Looper;
using Tests::Pending;
using Tests::Registry;
using Tests::text;
using Tests::turn;

namespace {

using MoveOnly = std::unique_ptr<int>;

/// Its move constructor throws when the fuse has burnt down.
struct Fragile
{
    explicit Fragile(int n)
        : number(n)
    {
    }
    Fragile(Fragile &&other)
        : number(other.number)
    {
        if (fuse > 0 && --fuse == 0)
            throw failure("broken in transit");
    }
    Fragile &operator=(Fragile &&) = delete;

    int number;
    static inline int fuse = 0; // 0: none
};

/// Calls something when it is destroyed, wherever it has been moved to.
class Last
{
public:
    explicit Last(std::function<void()> words)
        : m_words(std::make_unique<std::function<void()>>(std::move(words)))
    {
    }
    Last(Last &&) noexcept = default;
    Last &operator=(Last &&) = delete;
    ~Last()
    {
        if (m_words)
            (*m_words)();
    }

private:
    std::unique_ptr<std::function<void()>> m_words;
};

/// An error that does the same.
struct LastError : std::exception
{
    explicit LastError(std::function<void()> words)
        : last(std::make_shared<Last>(std::move(words)))
    {
    }
    std::shared_ptr<Last> last;
};

/// What \a future ends with, in a line.
QString endOf(QFuture<QString> future)
{
    if (!future.isFinished())
        return QStringLiteral("waits");
    try {
        if (future.isCanceled() && future.resultCount() == 0)
            future.waitForFinished(); // throws, if there is an error
        return future.resultCount() ? future.result() : QStringLiteral("cancelled");
    } catch (...) {
        return Tests::chainOf(std::current_exception());
    }
}

} // namespace

/// What replies carry, and the futures that give them.
class tst_RequestValues : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void moveOnlyValues();
    void aValueThatBreaksOnItsWayInLeavesTheRequestPending();
    void aValueThatBreaksOnItsWayOutIsTold();
    void aValueThatBreaksOnItsWayIntoAFutureIsTold();
    void destructorsCallTheRegistry_data();
    void destructorsCallTheRegistry();

    void aFutureFinishes_data();
    void aFutureFinishes();
    void aFutureOfWhatWasDecidedIsFinished();
    void aFutureOfAMoveOnlyValue();
    void aFutureKeepsItsRequest();
    void whatHasAFutureIsNotWaitedForOtherwise();
    void cancellingAFutureGivesTheRequestUp_data();
    void cancellingAFutureGivesTheRequestUp();
    void anAnswerToACancelledFutureIsRefusedAtOnce();
    void aFutureOutlivesTheLoopThatAskedForIt();
    void continuationsRunWithoutALock();
    void aCoroutineAwaitsAFuture();

private:
    std::optional<Tests::MessageLog> m_log;
};

void tst_RequestValues::moveOnlyValues()
{
    RequestRegistry<QString, MoveOnly> registry;
    auto pending = registry.expect(text("a"));
    QVERIFY(registry.resolve(text("a"), std::make_unique<int>(1)));
    QCOMPARE(*pending.wait(), 1);
    const CancelScope scope;
    const auto body = [&]() -> QCoro::Task<int> {
        const auto value = co_await registry.request(scope, QStringLiteral("b"), [&](const QString &key) {
            registry.resolve(key, std::make_unique<int>(2));
        });
        co_return *value;
    };
    QCOMPARE(await(body()), 2);
}

void tst_RequestValues::aValueThatBreaksOnItsWayInLeavesTheRequestPending()
{
    RequestRegistry<int, Fragile> registry;
    auto pending = registry.expect(1);
    const auto handle = pending.handle();
    Fragile::fuse = 1;
    QCOMPARE(chainThrownBy([&] { registry.resolve(1, Fragile(7)); }), text("broken in transit"));
    Fragile::fuse = 1;
    QCOMPARE(chainThrownBy([&] { handle.resolve(Fragile(7)); }), text("broken in transit"));
    QVERIFY(registry.contains(1));
    QVERIFY(handle.resolve(Fragile(8)));
    QCOMPARE(pending.wait().number, 8);
}

void tst_RequestValues::aValueThatBreaksOnItsWayOutIsTold()
{
    RequestRegistry<int, Fragile> registry;
    auto pending = registry.expect(1);
    QVERIFY(registry.resolve(1, Fragile(7)));
    Fragile::fuse = 1;
    QCOMPARE(chainThrownBy([&] { pending.wait(); }), text("broken in transit"));
    QCOMPARE(pending.wait().number, 7); // it was not lost

    auto awaited = registry.expect(2);
    const auto body = [&]() -> QCoro::Task<int> {
        const auto value = co_await awaited.reply(CancelScope());
        co_return value.number;
    };
    QVERIFY(registry.resolve(2, Fragile(8)));
    Fragile::fuse = 1;
    QCOMPARE(chainFrom(body()), text("broken in transit"));
    QCOMPARE(await(body()), 8);
}

void tst_RequestValues::aValueThatBreaksOnItsWayIntoAFutureIsTold()
{
    RequestRegistry<int, Fragile> registry;
    auto future = registry.expect(1).future();
    Fragile::fuse = 2;
    registry.resolve(1, Fragile(7));
    QVERIFY(future.isFinished());
    QCOMPARE(chainThrownBy([&] { future.takeResult(); }), text("broken in transit"));
    QCOMPARE(registry.size(), 0);
}

namespace {
enum class Way { Refused, Dropped, DroppedInAFuture, GivenUp, Fail, FailAll, Close, TimeOut };
}

// A destructor that calls the registry would wait for ever if the registry's mutex were held.
void tst_RequestValues::destructorsCallTheRegistry_data()
{
    QTest::addColumn<int>("way");
    QTest::newRow("refused") << int(Way::Refused);
    QTest::newRow("dropped with its pending reply") << int(Way::Dropped);
    QTest::newRow("dropped with its future") << int(Way::DroppedInAFuture);
    QTest::newRow("given up") << int(Way::GivenUp);
    QTest::newRow("error of fail") << int(Way::Fail);
    QTest::newRow("error of failAll") << int(Way::FailAll);
    QTest::newRow("error of close") << int(Way::Close);
    QTest::newRow("time out") << int(Way::TimeOut);
}

void tst_RequestValues::destructorsCallTheRegistry()
{
    QFETCH(int, way);
    int calls = 0;
    {
        RequestRegistry<int, Last> registry;
        const auto words = [&] {
            ++calls;
            registry.contains(1);
            registry.failAll(nullptr);
            static_cast<void>(chainThrownBy([&] { auto pending = registry.expect(-calls); }));
        };
        std::optional<PendingReply<int, Last>> pending = registry.expect(1);
        const auto lastError = [&] { return std::make_exception_ptr(LastError(words)); };
        switch (Way(way)) {
        case Way::Refused:
            QVERIFY(!registry.resolve(2, Last(words)));
            break;
        case Way::Dropped:
            QVERIFY(registry.resolve(1, Last(words)));
            break;
        case Way::DroppedInAFuture: {
            const auto future = pending->future();
            QVERIFY(registry.resolve(1, Last(words)));
            turn(3); // what has watched it goes, too
            break;
        }
        case Way::GivenUp: {
            const auto handle = pending->handle();
            QVERIFY(pending->cancel());
            QVERIFY(!handle.resolve(Last(words)));
            break;
        }
        case Way::Fail:
            QVERIFY(registry.fail(1, lastError()));
            break;
        case Way::FailAll:
            QCOMPARE(registry.failAll(lastError()), 1);
            break;
        case Way::Close:
            registry.close(lastError());
            break;
        case Way::TimeOut:
            QCOMPARE(chainThrownBy([&] { pending->wait(QDeadlineTimer(0)); }), text("TimeoutError"));
            QVERIFY(!registry.resolve(1, Last(words)));
            break;
        }
        pending.reset();
        QCOMPARE(calls, Way(way) == Way::Close ? 0 : 1); // a closed registry keeps its error
    }
    QCOMPARE(calls, 1);
}

namespace {
enum class End { Resolve, Fail, DropHandle, Cancel, Close, DestroyRegistry };
}

void tst_RequestValues::aFutureFinishes_data()
{
    QTest::addColumn<int>("end");
    QTest::addColumn<QString>("expected");
    QTest::newRow("resolve") << int(End::Resolve) << text("one");
    QTest::newRow("fail") << int(End::Fail) << text("X");
    QTest::newRow("last handle dropped") << int(End::DropHandle) << text("BrokenResourceError");
    QTest::newRow("given up") << int(End::Cancel) << text("BrokenResourceError");
    QTest::newRow("close") << int(End::Close) << text("X");
    QTest::newRow("registry destroyed") << int(End::DestroyRegistry) << text("ClosedResourceError");
}

void tst_RequestValues::aFutureFinishes()
{
    QFETCH(int, end);
    QFETCH(QString, expected);
    std::optional<Registry> registry(std::in_place);
    auto pending = registry->expect(1);
    const auto future = pending.future();
    QVERIFY(future.isRunning());
    turn(2);
    QCOMPARE(endOf(future), text("waits"));
    std::thread([&] {
        switch (End(end)) {
        case End::Resolve:
            registry->resolve(1, QStringLiteral("one"));
            break;
        case End::Fail:
            registry->fail(1, error("X"));
            break;
        case End::DropHandle:
            pending.handle();
            break;
        case End::Cancel:
            pending.cancel();
            break;
        case End::Close:
            registry->close(error("X"));
            break;
        case End::DestroyRegistry:
            registry.reset();
            break;
        }
    }).join();
    QCOMPARE(endOf(future), expected);
    turn(3); // nothing is left that would warn
}

void tst_RequestValues::aFutureOfWhatWasDecidedIsFinished()
{
    Registry registry;
    auto first = registry.expect(1);
    registry.resolve(1, text("one"));
    QCOMPARE(endOf(first.future()), text("one"));
    auto second = registry.expect(2);
    registry.fail(2, error("X"));
    QCOMPARE(endOf(second.future()), text("X"));
}

void tst_RequestValues::aFutureOfAMoveOnlyValue()
{
    RequestRegistry<int, MoveOnly> registry;
    auto future = registry.expect(1).future();
    QVERIFY(registry.resolve(1, std::make_unique<int>(7)));
    QCOMPARE(*future.takeResult(), 7);
}

void tst_RequestValues::aFutureKeepsItsRequest()
{
    Registry registry;
    const auto future = registry.expect(1).future(); // the pending reply is gone
    QVERIFY(registry.contains(1));
    {
        const auto dropped = registry.expect(2).future();
    }
    turn(2);
    QVERIFY(registry.contains(2)); // nobody looks any more, but nobody has given it up
    QVERIFY(registry.resolve(2, text("two")));
    QVERIFY(registry.resolve(1, text("one")));
    QCOMPARE(endOf(future), text("one"));
}

void tst_RequestValues::whatHasAFutureIsNotWaitedForOtherwise()
{
    Registry registry;
    auto pending = registry.expect(1);
    const auto future = pending.future();
    for (int i = 0; i < 2; ++i) { // before and after the answer
        QCOMPARE(chainThrownBy([&] { pending.wait(QDeadlineTimer(0)); }), text("BusyResourceError"));
        QCOMPARE(chainFrom(Tests::replyOf(pending, CancelScope())), text("BusyResourceError"));
        QCOMPARE(chainThrownBy([&] { pending.future(); }), text("BusyResourceError"));
        registry.resolve(1, text("one"));
    }
    QCOMPARE(endOf(future), text("one"));
}

void tst_RequestValues::cancellingAFutureGivesTheRequestUp_data()
{
    QTest::addColumn<bool>("hasLoop");
    QTest::newRow("asked for by a loop") << true;
    QTest::newRow("asked for by a plain thread") << false;
}

void tst_RequestValues::cancellingAFutureGivesTheRequestUp()
{
    QFETCH(bool, hasLoop);
    Registry registry;
    QFuture<QString> future;
    Looper loop;
    const auto ask = [&] { future = registry.expect(1).future(); };
    if (hasLoop)
        loop.call(ask);
    else
        std::thread(ask).join();
    const auto handle = registry.handle(1);
    turn(2);
    future.cancel();
    QTRY_VERIFY(!registry.contains(1));
    QTRY_VERIFY(future.isFinished());
    QCOMPARE(endOf(future), text("cancelled"));
    QVERIFY(!handle.resolve(text("late")));
    auto again = registry.expect(1);
}

void tst_RequestValues::anAnswerToACancelledFutureIsRefusedAtOnce()
{
    Registry registry;
    auto first = registry.expect(1).future();
    auto second = registry.expect(2).future();
    first.cancel();
    second.cancel();
    QVERIFY(!registry.resolve(1, text("late"))); // before the loop has told of it
    QVERIFY(!registry.fail(2, error("late")));
    QCOMPARE(endOf(first), text("cancelled"));
    QCOMPARE(endOf(second), text("cancelled"));
    QCOMPARE(registry.size(), 0);
}

void tst_RequestValues::aFutureOutlivesTheLoopThatAskedForIt()
{
    Registry registry;
    QFuture<QString> first;
    QFuture<QString> second;
    {
        Looper loop;
        loop.call([&] {
            first = registry.expect(1).future();
            second = registry.expect(2).future();
        });
    }
    QVERIFY(registry.resolve(1, text("one")));
    QCOMPARE(endOf(first), text("one"));
    second.cancel();
    QVERIFY(!registry.resolve(2, text("late")));
    QVERIFY(second.isFinished());
}

void tst_RequestValues::continuationsRunWithoutALock()
{
    Registry registry;
    qsizetype pending = -1;
    auto future = registry.expect(1).future().then([&](const QString &value) {
        pending = registry.size();
        return value + value;
    });
    registry.resolve(1, text("one"));
    QCOMPARE(endOf(future), text("oneone"));
    QCOMPARE(pending, 0);
}

void tst_RequestValues::aCoroutineAwaitsAFuture()
{
    Registry registry;
    const CancelScope scope;
    const auto body = [&]() -> QCoro::Task<QString> {
        const auto future = registry.expect(1).future();
        co_return co_await scope.cancellable(future);
    };
    const Tests::Ending ending(body());
    QCOMPARE(ending.settled(), text("waits"));
    scope.cancel(text("why")); // cancels the future
    QTRY_COMPARE(ending.now(), text("Cancelled(why)"));
    QTRY_COMPARE(registry.size(), 0);
}

QTEST_GUILESS_MAIN(tst_RequestValues)

#include "tst_requestvalues.moc"
