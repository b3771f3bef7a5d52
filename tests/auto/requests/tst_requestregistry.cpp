// SPDX-License-Identifier: Apache-2.0
#include "../shared/errorchain.h"
#include "../shared/looper.h"
#include "../shared/messagelog.h"
#include "../shared/outcome.h"

#include <MicroIO/CancelScope>
#include <MicroIO/CloseScope>
#include <MicroIO/Errors>
#include <MicroIO/RequestRegistry>
#include <MicroIO/Timeouts>

#include <QtTest/QtTest>

#include <array>
#include <barrier>
#include <functional>
#include <future>
#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::await;
using Tests::chainFrom;
using Tests::chainThrownBy;
using Tests::failure;
using Tests::Looper;
using Tests::Probe;
using Tests::turn;

namespace {

using Registry = RequestRegistry<int, QString>;
using Pending = PendingReply<int, QString>;
using Handle = ReplyHandle<int, QString>;

std::exception_ptr error(const char *text)
{
    return std::make_exception_ptr(failure(text));
}

QString text(const char *latin1)
{
    return QString::fromLatin1(latin1);
}

QCoro::Task<QString> replyOf(Pending &pending, CancelScope scope)
{
    co_return co_await pending.reply(scope);
}

/// How a wait has ended, in a line; "waits" until then.
class Outcome
{
public:
    Outcome() = default;
    explicit Outcome(QCoro::Task<QString> task) { run(std::move(task), m_state); }

    void set(const QString &outcome)
    {
        const std::lock_guard lock(m_state->mutex);
        m_state->text = outcome;
        m_state->thread = QThread::currentThread();
    }
    QString now() const
    {
        const std::lock_guard lock(m_state->mutex);
        return m_state->text;
    }
    /// After the event loop has had time for it.
    QString settled() const
    {
        turn(3);
        return now();
    }
    QThread *thread() const
    {
        const std::lock_guard lock(m_state->mutex);
        return m_state->thread;
    }

private:
    struct State
    {
        mutable std::mutex mutex;
        QString text = QStringLiteral("waits"); // guarded by mutex
        QThread *thread = nullptr; // guarded by mutex
    };

    static QCoro::Task<> run(QCoro::Task<QString> task, std::shared_ptr<State> state)
    {
        Outcome outcome(state);
        QString text;
        try {
            text = co_await task;
        } catch (...) {
            text = Tests::chainOf(std::current_exception());
        }
        outcome.set(text);
    }
    explicit Outcome(std::shared_ptr<State> state)
        : m_state(std::move(state))
    {
    }

    std::shared_ptr<State> m_state = std::make_shared<State>();
};

/// How a blocking \a function ends, in a line.
template<typename Function>
QString outcomeOf(Function &&function)
{
    try {
        return function();
    } catch (...) {
        return Tests::chainOf(std::current_exception());
    }
}

} // namespace

class tst_RequestRegistry : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void askAndAnswer();
    void blockingRequestWhoseSendAnswers_data();
    void blockingRequestWhoseSendAnswers();
    void awaitedRequestWhoseSendAnswers_data();
    void awaitedRequestWhoseSendAnswers();
    void moveOnlyValues();
    void aBlockedThreadIsAnswered();
    void theKeyIsFreeOnceItIsAnswered();

    void aTimeOutFreesTheKey();
    void aTimeLimitThatIsNotMetDoesNoHarm_data();
    void aTimeLimitThatIsNotMetDoesNoHarm();
    void theFirstAnswerStands();
    void aDuplicateKeyIsRefused();
    void anErrorIsAnAnswer();
    void aFailureWithoutAnErrorIsABrokenResource();
    void aThrowingSendFreesTheKey();
    void failAllWakesAll();
    void aClosedRegistryRefusesRequests_data();
    void aClosedRegistryRefusesRequests();
    void aRegistryDestroyedTellsWhoWaits();
    void nothingIsPendingThatIsAnswered();

    void cancellingAnAwaitedRequestFreesTheKey();
    void aRequestInACancelledScopeIsNeverSent();
    void aLimitByFailAfterFreesTheKey();
    void anAnswerThatHasComeIsGivenAlthoughItIsCancelled();
    void aCancelledReplyWaitLeavesTheAnswer();
    void aReplyInACancelledScopeLeavesTheAnswer();
    void anAnswerFromAnotherThreadResumesOnItsOwn();
    void aReplyWaitEndsWithItsLoop();

    void theLastHandleDroppedBreaksThePromise();
    void handlesOfOneRequestShareOneTicket();
    void aHandleDroppedAfterTheAnswerChangesNothing();
    void aSendThatDropsItsHandleIsNotSilence_data();
    void aSendThatDropsItsHandleIsNotSilence();
    void droppingThePendingReplyFreesTheKey();
    void assigningAPendingReplyGivesTheFormerUp();
    void givingUpWakesAWaitUnderWay();
    void aStaleHandleNeverAnswersANewerRequest();
    void aHandleForNothingAnswersNothing();

    void bindToCloseScope_data();
    void bindToCloseScope();
    void bindToACloseScopeThatHasEnded();
    void aRegistryMayGoBeforeWhatItIsBoundTo();
    void bindToObject();
    void bindToNullIsRefused();

    void invariant5_neverResumedInsideACall_data();
    void invariant5_neverResumedInsideACall();
    void ofRacingAnswersOneWins();

private:
    std::optional<Tests::MessageLog> m_log;
};

// RR-01
void tst_RequestRegistry::askAndAnswer()
{
    Registry registry;
    auto pending = registry.expect(7);
    QCOMPARE(pending.key(), 7);
    QCOMPARE(registry.size(), 1);
    QVERIFY(registry.contains(7));
    QVERIFY(!registry.contains(8));
    QCOMPARE(registry.pending(), QList<int>{7});
    QVERIFY(registry.resolve(7, text("seven")));
    QCOMPARE(registry.size(), 0);
    QCOMPARE(pending.wait(), text("seven"));

    auto awaited = registry.expect(8);
    QVERIFY(awaited.handle().resolve(text("eight")));
    QCOMPARE(await(replyOf(awaited, CancelScope())), text("eight"));
    QCOMPARE(registry.size(), 0);
}

namespace {
enum class Shape { Nothing, Key, HandleOnly };
void addShapes()
{
    QTest::addColumn<int>("shape");
    QTest::newRow("send()") << int(Shape::Nothing);
    QTest::newRow("send(key)") << int(Shape::Key);
    QTest::newRow("send(handle)") << int(Shape::HandleOnly);
}
} // namespace

// RR-01
void tst_RequestRegistry::blockingRequestWhoseSendAnswers_data()
{
    addShapes();
}

void tst_RequestRegistry::blockingRequestWhoseSendAnswers()
{
    QFETCH(int, shape);
    Registry registry;
    QString value;
    switch (Shape(shape)) {
    case Shape::Nothing:
        value = registry.request(3, [&] { registry.resolve(3, text("three")); });
        break;
    case Shape::Key:
        value = registry.request(3, [&](int key) { registry.resolve(key, text("three")); });
        break;
    default:
        value = registry.request(3, [&](const Handle &handle) {
            QCOMPARE(handle.key(), 3);
            handle.resolve(text("three"));
        });
        break;
    }
    QCOMPARE(value, text("three"));
    QCOMPARE(registry.size(), 0);
}

// RR-01
void tst_RequestRegistry::awaitedRequestWhoseSendAnswers_data()
{
    addShapes();
}

void tst_RequestRegistry::awaitedRequestWhoseSendAnswers()
{
    QFETCH(int, shape);
    Registry registry;
    CancelScope scope;
    const auto body = [&]() -> QCoro::Task<QString> {
        QString value;
        switch (Shape(shape)) {
        case Shape::Nothing:
            value = co_await registry.request(scope, 3, [&] { registry.resolve(3, text("three")); });
            break;
        case Shape::Key:
            value = co_await registry.request(scope, 3,
                                              [&](int key) { registry.resolve(key, text("three")); });
            break;
        default:
            value = co_await registry.request(scope, 3,
                                              [&](const Handle &handle) { handle.resolve(text("three")); });
            break;
        }
        co_return value;
    };
    QCOMPARE(await(body()), text("three"));
    QCOMPARE(registry.size(), 0);
}

void tst_RequestRegistry::moveOnlyValues()
{
    RequestRegistry<QString, std::unique_ptr<int>> registry;
    auto pending = registry.expect(text("a"));
    QVERIFY(registry.resolve(text("a"), std::make_unique<int>(1)));
    QCOMPARE(*pending.wait(), 1);
    CancelScope scope;
    const auto body = [&]() -> QCoro::Task<int> {
        const auto value = co_await registry.request(scope, QStringLiteral("b"), [&](const QString &key) {
            registry.resolve(key, std::make_unique<int>(2));
        });
        co_return *value;
    };
    QCOMPARE(await(body()), 2);
}

// RR-01: a std::thread blocks, without an event loop
void tst_RequestRegistry::aBlockedThreadIsAnswered()
{
    Registry registry;
    QString value;
    std::thread asker([&] { value = registry.request(1, [] {}); });
    QTRY_COMPARE(registry.size(), 1);
    QVERIFY(registry.resolve(1, text("one")));
    asker.join();
    QCOMPARE(value, text("one"));
}

void tst_RequestRegistry::theKeyIsFreeOnceItIsAnswered()
{
    Registry registry;
    auto first = registry.expect(1);
    QVERIFY(registry.resolve(1, text("first")));
    auto second = registry.expect(1); // the first answer has not been fetched yet
    QVERIFY(registry.resolve(1, text("second")));
    QCOMPARE(first.wait(), text("first"));
    QCOMPARE(second.wait(), text("second"));
}

// RR-02
void tst_RequestRegistry::aTimeOutFreesTheKey()
{
    std::atomic<int> alive = 0;
    RequestRegistry<int, Probe> registry;
    auto pending = registry.expect(1);
    QElapsedTimer timer;
    timer.start();
    QCOMPARE(chainThrownBy([&] { pending.wait(20ms); }), text("TimeoutError"));
    QVERIFY(timer.elapsed() >= 19);
    QVERIFY(!registry.contains(1));
    QVERIFY(!registry.resolve(1, Probe(alive)));
    QCOMPARE(alive.load(), 0);
    QVERIFY(!pending.handle().resolve(Probe(alive)));
    QCOMPARE(alive.load(), 0);
    const auto again = registry.expect(1);
    QCOMPARE(chainThrownBy([&] {
                 registry.request(
                     2, [] {}, QDeadlineTimer(0));
             }),
             text("TimeoutError"));
    QVERIFY(!registry.contains(2));
    QCOMPARE(chainThrownBy([&] {
                 registry.request(
                     2, [] {}, QDeadlineTimer(-5ms));
             }),
             text("TimeoutError"));
    QVERIFY(!registry.contains(2));
}

void tst_RequestRegistry::aTimeLimitThatIsNotMetDoesNoHarm_data()
{
    QTest::addColumn<QDeadlineTimer>("limit");
    QTest::newRow("a minute") << QDeadlineTimer(60s);
    QTest::newRow("a hundred years") << QDeadlineTimer(std::chrono::hours(24 * 36'500));
    QTest::newRow("a thousand years") << QDeadlineTimer(qint64(1'000) * 365 * 24 * 3'600 * 1'000);
    QTest::newRow("hours::max") << QDeadlineTimer(std::chrono::hours::max());
    QTest::newRow("nanoseconds::max") << QDeadlineTimer(std::chrono::nanoseconds::max());
    QTest::newRow("the largest number") << QDeadlineTimer(std::numeric_limits<qint64>::max() - 1);
    QTest::newRow("forever") << QDeadlineTimer(QDeadlineTimer::Forever);
}

void tst_RequestRegistry::aTimeLimitThatIsNotMetDoesNoHarm()
{
    QFETCH(QDeadlineTimer, limit);
    Registry registry;
    QString value;
    std::thread asker([&] {
        value = outcomeOf([&] {
            return registry.request(
                1, [] {}, limit);
        });
    });
    std::thread answerer([&] {
        while (!registry.resolve(1, QStringLiteral("one")))
            std::this_thread::yield();
    });
    answerer.join();
    asker.join();
    QCOMPARE(value, text("one"));
}

// RR-02
void tst_RequestRegistry::theFirstAnswerStands()
{
    std::atomic<int> alive = 0;
    {
        RequestRegistry<int, std::pair<int, Probe>> registry;
        auto pending = registry.expect(1);
        const auto handle = pending.handle();
        QVERIFY(handle.resolve({1, Probe(alive)}));
        QCOMPARE(alive.load(), 1);
        QVERIFY(!handle.resolve({2, Probe(alive)}));
        QVERIFY(!registry.resolve(1, {3, Probe(alive)}));
        QVERIFY(!handle.fail(error("late")));
        QVERIFY(!registry.fail(1, error("late")));
        QCOMPARE(alive.load(), 1);
        QCOMPARE(pending.wait().first, 1);
    }
    QCOMPARE(alive.load(), 0);
}

// RR-03
void tst_RequestRegistry::aDuplicateKeyIsRefused()
{
    Registry registry;
    auto first = registry.expect(1);
    const Outcome waiting(replyOf(first, CancelScope()));
    bool sent = false;
    const auto send = [&] { sent = true; };
    QCOMPARE(chainThrownBy([&] { auto second = registry.expect(1); }), text("DuplicateRequestError"));
    QCOMPARE(chainThrownBy([&] { registry.request(1, send); }), text("DuplicateRequestError"));
    QCOMPARE(chainFrom(registry.request(CancelScope(), 1, send)), text("DuplicateRequestError"));
    QVERIFY(!sent);
    QCOMPARE(waiting.settled(), text("waits"));
    QCOMPARE(registry.size(), 1);
    QVERIFY(registry.resolve(1, text("first")));
    QCOMPARE(waiting.settled(), text("first"));
}

void tst_RequestRegistry::anErrorIsAnAnswer()
{
    Registry registry;
    auto byKey = registry.expect(1);
    auto byHandle = registry.expect(2);
    QVERIFY(registry.fail(1, error("X")));
    QVERIFY(byHandle.handle().fail(error("Y")));
    QCOMPARE(registry.size(), 0);
    for (int i = 0; i < 2; ++i) { // and again: nobody waits for ever on what is decided
        QCOMPARE(chainThrownBy([&] { byKey.wait(); }), text("X"));
        QCOMPARE(chainFrom(replyOf(byHandle, CancelScope())), text("Y"));
    }
    QVERIFY(!registry.fail(1, error("X")));
}

void tst_RequestRegistry::aFailureWithoutAnErrorIsABrokenResource()
{
    Registry registry;
    auto pending = registry.expect(1);
    QVERIFY(registry.fail(1, nullptr));
    QCOMPARE(chainThrownBy([&] { pending.wait(); }), text("BrokenResourceError"));
}

// RR-05
void tst_RequestRegistry::aThrowingSendFreesTheKey()
{
    Registry registry;
    const auto plain = [&] {
        QCOMPARE(registry.size(), 1);
        throw failure("X");
    };
    QCOMPARE(chainThrownBy([&] { registry.request(1, plain); }), text("X"));
    QCOMPARE(registry.size(), 0);
    QCOMPARE(chainFrom(registry.request(CancelScope(), 1, plain)), text("X"));
    QCOMPARE(registry.size(), 0);

    Handle kept;
    const auto keeping = [&](const Handle &handle) {
        kept = handle;
        throw failure("X");
    };
    QCOMPARE(chainThrownBy([&] { registry.request(1, keeping); }), text("X"));
    QVERIFY(!kept.resolve(text("late")));
    auto pending = registry.expect(1);
    QVERIFY(registry.resolve(1, text("one")));
    QCOMPARE(pending.wait(), text("one"));
}

// RR-06
void tst_RequestRegistry::failAllWakesAll()
{
    Registry registry;
    std::vector<std::thread> threads;
    std::vector<QString> blocked(20);
    for (int i = 0; i < 20; ++i) {
        threads.emplace_back([&registry, &outcome = blocked[size_t(i)], i] {
            outcome = outcomeOf([&] { return registry.request(i, [] {}); });
        });
    }
    std::vector<Outcome> awaited;
    const auto send = [] {};
    for (int i = 20; i < 100; ++i)
        awaited.emplace_back(registry.request(CancelScope(), i, send));
    QTRY_COMPARE(registry.size(), 100);
    QCOMPARE(registry.failAll(error("X")), 100);
    QCOMPARE(registry.size(), 0);
    for (auto &thread : threads)
        thread.join();
    turn(3);
    for (const QString &outcome : blocked)
        QCOMPARE(outcome, text("X"));
    for (const Outcome &outcome : awaited)
        QCOMPARE(outcome.now(), text("X"));

    QCOMPARE(registry.failAll(error("X")), 0);
    auto next = registry.expect(1); // it is still open
    QVERIFY(registry.resolve(1, text("one")));
    QCOMPARE(next.wait(), text("one"));
}

// RR-06
void tst_RequestRegistry::aClosedRegistryRefusesRequests_data()
{
    QTest::addColumn<bool>("withCause");
    QTest::addColumn<QString>("woken");
    QTest::addColumn<QString>("refused");
    QTest::newRow("close()") << false << text("ClosedResourceError") << text("ClosedResourceError");
    QTest::newRow("close(X)") << true << text("X") << text("ClosedResourceError < X");
}

void tst_RequestRegistry::aClosedRegistryRefusesRequests()
{
    QFETCH(bool, withCause);
    QFETCH(QString, woken);
    QFETCH(QString, refused);
    Registry registry;
    auto first = registry.expect(1);
    const Outcome waiting(replyOf(first, CancelScope()));
    registry.close(withCause ? error("X") : std::exception_ptr());
    registry.close(error("a second close"));
    QCOMPARE(waiting.settled(), woken);
    QCOMPARE(registry.size(), 0);
    bool sent = false;
    const auto send = [&] { sent = true; };
    QCOMPARE(chainThrownBy([&] { auto pending = registry.expect(1); }), refused);
    QCOMPARE(chainThrownBy([&] { registry.request(1, send); }), refused);
    QCOMPARE(chainFrom(registry.request(CancelScope(), 1, send)), refused);
    QVERIFY(!sent);
    QVERIFY(!registry.resolve(1, text("late")));
    QVERIFY(!first.handle().resolve(text("late")));
}

void tst_RequestRegistry::aRegistryDestroyedTellsWhoWaits()
{
    auto registry = std::make_unique<Registry>();
    const auto send = [] {};
    const Outcome awaited(registry->request(CancelScope(), 1, send));
    auto pending = registry->expect(2);
    auto kept = registry->expect(3);
    const auto handle = kept.handle();
    QString blocked;
    std::promise<void> blocking;
    std::thread thread([&] {
        blocking.set_value();
        blocked = outcomeOf([&] { return pending.wait(); });
    });
    blocking.get_future().wait();
    registry.reset();
    thread.join();
    QCOMPARE(blocked, text("ClosedResourceError"));
    QCOMPARE(awaited.settled(), text("ClosedResourceError"));
    QVERIFY(!handle.resolve(text("late")));
    QCOMPARE(chainFrom(replyOf(kept, CancelScope())), text("ClosedResourceError"));
    QVERIFY(!kept.cancel());
}

void tst_RequestRegistry::nothingIsPendingThatIsAnswered()
{
    Registry registry;
    QVERIFY(!registry.resolve(1, text("one")));
    QVERIFY(!registry.fail(1, error("X")));
    QCOMPARE(registry.failAll(error("X")), 0);
    QCOMPARE(registry.pending(), QList<int>());
}

// RR-09
void tst_RequestRegistry::cancellingAnAwaitedRequestFreesTheKey()
{
    Registry registry;
    CancelScope scope;
    Handle handle;
    const auto send = [&](const Handle &h) { handle = h; };
    const Outcome waiting(registry.request(scope, 1, send));
    QCOMPARE(waiting.settled(), text("waits"));
    scope.cancel(text("why"));
    QCOMPARE(waiting.settled(), text("Cancelled(why)"));
    QCOMPARE(registry.size(), 0);
    QVERIFY(!registry.resolve(1, text("late")));
    QVERIFY(!handle.resolve(text("late")));
}

void tst_RequestRegistry::aRequestInACancelledScopeIsNeverSent()
{
    Registry registry;
    CancelScope scope;
    scope.cancel(text("why"));
    bool sent = false;
    const auto send = [&] { sent = true; };
    for (int i = 0; i < 3; ++i)
        QCOMPARE(chainFrom(registry.request(scope, 1, send)), text("Cancelled(why)"));
    QVERIFY(!sent);
    QCOMPARE(registry.size(), 0);
}

void tst_RequestRegistry::aLimitByFailAfterFreesTheKey()
{
    Registry registry;
    const auto ask = [&](CancelScope scope) -> QCoro::Task<QString> {
        co_return co_await registry.request(scope, 1, [] {});
    };
    QCOMPARE(chainFrom(failAfter(CancelScope(), 5ms, ask)), text("TimeoutError"));
    QCOMPARE(registry.size(), 0);
}

// invariant 2
void tst_RequestRegistry::anAnswerThatHasComeIsGivenAlthoughItIsCancelled()
{
    Registry registry;
    CancelScope scope;
    const auto send = [] {};
    const Outcome waiting(registry.request(scope, 1, send));
    registry.resolve(1, text("one"));
    scope.cancel();
    QCOMPARE(waiting.settled(), text("one"));

    CancelScope other;
    const Outcome cancelled(registry.request(other, 1, send));
    other.cancel();
    QVERIFY(registry.resolve(1, text("one"))); // it is pending until the coroutine has ended
    QCOMPARE(cancelled.settled(), text("Cancelled()"));
    QCOMPARE(registry.size(), 0);
}

void tst_RequestRegistry::aCancelledReplyWaitLeavesTheAnswer()
{
    Registry registry;
    auto pending = registry.expect(1);
    for (int i = 0; i < 3; ++i) {
        CancelScope scope;
        const Outcome waiting(replyOf(pending, scope));
        scope.cancel();
        QCOMPARE(waiting.settled(), text("Cancelled()"));
        QVERIFY(registry.contains(1));
    }
    registry.resolve(1, text("one"));
    QCOMPARE(await(replyOf(pending, CancelScope())), text("one"));
}

void tst_RequestRegistry::aReplyInACancelledScopeLeavesTheAnswer()
{
    Registry registry;
    auto pending = registry.expect(1);
    registry.resolve(1, text("one"));
    CancelScope scope;
    scope.cancel();
    QCOMPARE(chainFrom(replyOf(pending, scope)), text("Cancelled()"));
    QCOMPARE(await(replyOf(pending, CancelScope())), text("one"));
}

// RR-09, invariant 5
void tst_RequestRegistry::anAnswerFromAnotherThreadResumesOnItsOwn()
{
    const auto send = [] {};
    for (int i = 0; i < 10; ++i) {
        Registry registry;
        Outcome outcome;
        Looper thread;
        thread.call([&] { outcome = Outcome(registry.request(CancelScope(), 1, send)); });
        if (i % 2 == 0)
            registry.resolve(1, text("one"));
        else
            std::thread([&] { registry.resolve(1, text("one")); }).join();
        QTRY_COMPARE(outcome.now(), text("one"));
        QCOMPARE(outcome.thread(), static_cast<QThread *>(&thread));
    }
}

// D23: of one's own loop
void tst_RequestRegistry::aReplyWaitEndsWithItsLoop()
{
    const auto send = [] {};
    Registry registry;
    Outcome outcome;
    {
        Looper thread;
        thread.call([&] { outcome = Outcome(registry.request(CancelScope(), 1, send)); });
        QCOMPARE(registry.size(), 1);
    }
    QCOMPARE(outcome.now(), text("Cancelled(the event loop has ended)"));
    QCOMPARE(registry.size(), 0);
    QVERIFY(!registry.resolve(1, text("late")));
}

// RR-11, D23
void tst_RequestRegistry::theLastHandleDroppedBreaksThePromise()
{
    Registry registry;
    auto pending = registry.expect(1);
    const Outcome waiting(replyOf(pending, CancelScope()));
    std::vector<Handle> handles(3, pending.handle());
    handles.push_back(pending.handle());
    while (handles.size() > 1)
        handles.pop_back();
    QCOMPARE(waiting.settled(), text("waits"));
    std::thread([last = std::move(handles)] {}).join(); // on any thread
    QCOMPARE(waiting.settled(), text("BrokenResourceError"));
    QVERIFY(!registry.contains(1));
    QVERIFY(!registry.resolve(1, text("late")));
    QVERIFY(!pending.handle().resolve(text("late")));

    QString blocked;
    std::thread asker(
        [&] { blocked = outcomeOf([&] { return registry.request(2, [](const Handle &) {}); }); });
    asker.join();
    QCOMPARE(blocked, text("BrokenResourceError"));
}

// RR-11
void tst_RequestRegistry::handlesOfOneRequestShareOneTicket()
{
    Registry registry;
    auto pending = registry.expect(1);
    const Outcome waiting(replyOf(pending, CancelScope()));
    std::optional<Handle> byRegistry = registry.handle(1);
    std::optional<Handle> byPending = pending.handle();
    byRegistry.reset();
    QCOMPARE(waiting.settled(), text("waits"));
    byRegistry = registry.handle(1);
    byPending.reset();
    QCOMPARE(waiting.settled(), text("waits"));
    QVERIFY(byRegistry->resolve(text("one")));
    QCOMPARE(waiting.settled(), text("one"));
}

void tst_RequestRegistry::aHandleDroppedAfterTheAnswerChangesNothing()
{
    Registry registry;
    auto pending = registry.expect(1);
    pending.handle().resolve(text("one")); // the handle is gone after the expression
    QCOMPARE(pending.wait(), text("one"));

    auto old = registry.expect(2);
    std::optional<Handle> handle = old.handle();
    handle->resolve(text("two"));
    auto newer = registry.expect(2);
    handle.reset(); // must not break the newer one
    QVERIFY(registry.contains(2));
    QVERIFY(registry.resolve(2, text("newer")));
    QCOMPARE(newer.wait(), text("newer"));
}

// RR-11
void tst_RequestRegistry::aSendThatDropsItsHandleIsNotSilence_data()
{
    QTest::addColumn<bool>("blocking");
    QTest::newRow("blocking") << true;
    QTest::newRow("awaited") << false;
}

void tst_RequestRegistry::aSendThatDropsItsHandleIsNotSilence()
{
    QFETCH(bool, blocking);
    Registry registry;
    const auto send = [](Handle) {};
    const QString outcome = blocking ? outcomeOf([&] { return registry.request(1, send); })
                                     : chainFrom(registry.request(CancelScope(), 1, send));
    QCOMPARE(outcome, text("BrokenResourceError"));
    QCOMPARE(registry.size(), 0);
}

// RR-11
void tst_RequestRegistry::droppingThePendingReplyFreesTheKey()
{
    std::atomic<int> alive = 0;
    RequestRegistry<int, Probe> registry;
    ReplyHandle<int, Probe> handle;
    {
        const auto pending = registry.expect(1);
        handle = pending.handle();
    }
    QCOMPARE(registry.size(), 0);
    QVERIFY(!handle.resolve(Probe(alive)));
    QVERIFY(!registry.resolve(1, Probe(alive)));
    QCOMPARE(alive.load(), 0);

    auto pending = registry.expect(1);
    QVERIFY(pending.cancel());
    QVERIFY(!pending.cancel());
    QCOMPARE(registry.size(), 0);
    QCOMPARE(chainThrownBy([&] { pending.wait(); }), text("BrokenResourceError"));
}

void tst_RequestRegistry::assigningAPendingReplyGivesTheFormerUp()
{
    Registry registry;
    auto pending = registry.expect(1);
    auto other = registry.expect(2);
    pending = std::move(other);
    QCOMPARE(registry.pending(), QList<int>{2});
    QCOMPARE(pending.key(), 2);
    QVERIFY(registry.resolve(2, text("two")));
    QCOMPARE(pending.wait(), text("two"));
}

void tst_RequestRegistry::givingUpWakesAWaitUnderWay()
{
    Registry registry;
    std::optional<Pending> pending = registry.expect(1);
    const Outcome waiting(replyOf(*pending, CancelScope()));
    pending.reset();
    QCOMPARE(waiting.settled(), text("BrokenResourceError"));

    auto blocked = registry.expect(2);
    QString outcome;
    std::thread thread([&] { outcome = outcomeOf([&] { return blocked.wait(); }); });
    QVERIFY(blocked.cancel()); // from another thread than the one that waits, or is about to
    thread.join();
    QCOMPARE(outcome, text("BrokenResourceError"));
}

void tst_RequestRegistry::aStaleHandleNeverAnswersANewerRequest()
{
    Registry registry;
    std::optional<Pending> old = registry.expect(1);
    const Handle stale = old->handle();
    old.reset();
    auto newer = registry.expect(1);
    QVERIFY(!stale.resolve(text("stale")));
    QVERIFY(!stale.fail(error("stale")));
    const Outcome waiting(replyOf(newer, CancelScope()));
    QCOMPARE(waiting.settled(), text("waits"));
    QVERIFY(registry.handle(1).resolve(text("newer")));
    QCOMPARE(waiting.settled(), text("newer"));
}

void tst_RequestRegistry::aHandleForNothingAnswersNothing()
{
    Registry registry;
    const Handle handle = registry.handle(1);
    QVERIFY(!handle.resolve(text("one")));
    QVERIFY(!handle.fail(error("X")));
    const Handle empty;
    QVERIFY(!empty.resolve(text("one")));
    QCOMPARE(empty.key(), 0);
}

void tst_RequestRegistry::bindToCloseScope_data()
{
    QTest::addColumn<bool>("fails");
    QTest::addColumn<QString>("woken");
    QTest::addColumn<QString>("refused");
    QTest::newRow("close") << false << text("ClosedResourceError")
                           << text("ClosedResourceError < ClosedResourceError");
    QTest::newRow("fail") << true << text("X") << text("ClosedResourceError < X");
}

void tst_RequestRegistry::bindToCloseScope()
{
    QFETCH(bool, fails);
    QFETCH(QString, woken);
    QFETCH(QString, refused);
    Registry registry;
    CloseScope life;
    CloseScope other;
    registry.bindTo(life);
    registry.bindTo(other);
    auto first = registry.expect(1);
    const Outcome waiting(replyOf(first, CancelScope()));
    QString blocked;
    std::thread thread([&] { blocked = outcomeOf([&] { return registry.request(2, [] {}); }); });
    QTRY_COMPARE(registry.size(), 2);
    if (fails)
        life.fail(error("X"));
    else
        life.close(text("end of work"));
    thread.join();
    QCOMPARE(blocked, woken);
    QCOMPARE(waiting.settled(), woken);
    QCOMPARE(chainThrownBy([&] { auto pending = registry.expect(3); }), refused);
    if (!fails) {
        try {
            first.wait();
            QFAIL("nothing thrown");
        } catch (const ClosedResourceError &e) {
            QVERIFY2(e.message().contains(text("end of work")), e.what());
        }
    }
    other.fail(error("Y")); // too late
    QCOMPARE(chainThrownBy([&] { auto pending = registry.expect(3); }), refused);
}

void tst_RequestRegistry::bindToACloseScopeThatHasEnded()
{
    Registry registry;
    auto pending = registry.expect(1);
    CloseScope life;
    life.fail(error("X"));
    registry.bindTo(life);
    QCOMPARE(chainThrownBy([&] { pending.wait(); }), text("X"));
    QCOMPARE(chainThrownBy([&] { auto late = registry.expect(1); }), text("ClosedResourceError < X"));
}

void tst_RequestRegistry::aRegistryMayGoBeforeWhatItIsBoundTo()
{
    CloseScope life;
    QObject owner;
    {
        Registry registry;
        registry.bindTo(life);
        registry.bindTo(&owner);
    }
    life.close();
    // and while it ends
    for (int round = 0; round < 200; ++round) {
        CloseScope racing;
        auto registry = std::make_unique<Registry>();
        registry->bindTo(racing);
        std::barrier begin(2);
        std::thread closer([&] {
            begin.arrive_and_wait();
            racing.close();
        });
        begin.arrive_and_wait();
        registry.reset();
        closer.join();
    }
}

void tst_RequestRegistry::bindToObject()
{
    Registry registry;
    auto owner = std::make_unique<QObject>();
    registry.bindTo(owner.get());
    auto pending = registry.expect(1);
    const Outcome waiting(replyOf(pending, CancelScope()));
    QCOMPARE(waiting.settled(), text("waits"));
    owner.reset();
    QCOMPARE(waiting.settled(), text("ClosedResourceError"));
    QCOMPARE(chainThrownBy([&] { auto late = registry.expect(2); }),
             text("ClosedResourceError < ClosedResourceError"));
}

void tst_RequestRegistry::bindToNullIsRefused()
{
    Registry registry;
    QVERIFY_THROWS_EXCEPTION(std::invalid_argument, registry.bindTo(nullptr));
    auto pending = registry.expect(1); // and does no harm
    QVERIFY(registry.resolve(1, text("one")));
    QCOMPARE(pending.wait(), text("one"));
}

namespace {
enum class Act { Resolve, HandleResolve, Fail, FailAll, Close, Cancel, Drop };
}

// invariant 5, D13
void tst_RequestRegistry::invariant5_neverResumedInsideACall_data()
{
    QTest::addColumn<int>("act");
    QTest::addColumn<QString>("expected");
    QTest::newRow("resolve") << int(Act::Resolve) << text("one");
    QTest::newRow("handle.resolve") << int(Act::HandleResolve) << text("one");
    QTest::newRow("fail") << int(Act::Fail) << text("X");
    QTest::newRow("failAll") << int(Act::FailAll) << text("X");
    QTest::newRow("close") << int(Act::Close) << text("X");
    QTest::newRow("cancel") << int(Act::Cancel) << text("BrokenResourceError");
    QTest::newRow("handle dropped") << int(Act::Drop) << text("BrokenResourceError");
}

void tst_RequestRegistry::invariant5_neverResumedInsideACall()
{
    QFETCH(int, act);
    QFETCH(QString, expected);
    Registry registry;
    auto pending = registry.expect(1);
    const Outcome waiting(replyOf(pending, CancelScope()));
    switch (Act(act)) {
    case Act::Resolve:
        registry.resolve(1, text("one"));
        break;
    case Act::HandleResolve:
        pending.handle().resolve(text("one"));
        break;
    case Act::Fail:
        registry.fail(1, error("X"));
        break;
    case Act::FailAll:
        registry.failAll(error("X"));
        break;
    case Act::Close:
        registry.close(error("X"));
        break;
    case Act::Cancel:
        pending.cancel();
        break;
    case Act::Drop:
        pending.handle();
        break;
    }
    QCOMPARE(waiting.now(), text("waits"));
    QCOMPARE(waiting.settled(), expected);
}

void tst_RequestRegistry::ofRacingAnswersOneWins()
{
    constexpr int rounds = 500;
    Registry registry;
    std::array<std::atomic<int>, 4> wins{};
    for (int round = 0; round < rounds; ++round) {
        auto pending = registry.expect(round);
        const Handle handle = pending.handle();
        std::barrier begin(4);
        std::vector<std::thread> threads;
        const auto race = [&](size_t number, auto act) {
            threads.emplace_back([&begin, &wins, number, act] {
                begin.arrive_and_wait();
                wins[number] += act();
            });
        };
        race(0, [&] { return handle.resolve(QStringLiteral("0")); });
        race(1, [&] { return registry.fail(round, error("1")); });
        race(2, [&] { return pending.cancel(); });
        race(3, [&] { return registry.failAll(error("3")) == 1; });
        const QString outcome = outcomeOf([&] { return pending.wait(); });
        for (auto &thread : threads)
            thread.join();
        QCOMPARE(wins[0] + wins[1] + wins[2] + wins[3], round + 1);
        QVERIFY(
            QStringList({text("0"), text("1"), text("BrokenResourceError"), text("3")}).contains(outcome));
    }
    QCOMPARE(registry.size(), 0);
}

QTEST_GUILESS_MAIN(tst_RequestRegistry)

#include "tst_requestregistry.moc"
