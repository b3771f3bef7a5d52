// SPDX-License-Identifier: Apache-2.0
#include "../shared/looper.h"
#include "../shared/messagelog.h"
#include "requests.h"

#include "scopes/closescope_p.h"
#include <MicroIO/CloseScope>
#include <MicroIO/Errors>

#include <QtTest/QtTest>

#include <barrier>
#include <functional>
#include <future>
#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::await;
using Tests::chainFrom;
using Tests::chainThrownBy;
using Tests::Ending;
using Tests::endingOf;
using Tests::error;
using Tests::failure;
using Tests::Handle;
using Tests::Pending;
using Tests::Registry;
using Tests::replyOf;
using Tests::text;
using Tests::turn;

/// RequestRegistry: keys, answers, and its end.
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
    void theKeyIsFreeOnceItIsAnswered();
    void aDuplicateKeyIsRefused();
    void keysOfItsOwn();
    void anErrorIsAnAnswer();
    void aFailureWithoutAnErrorIsABrokenResource();
    void aThrowingSendFreesTheKey();
    void failAllWakesAll();
    void aClosedRegistryRefusesRequests_data();
    void aClosedRegistryRefusesRequests();
    void aRegistryDestroyedTellsWhoWaits();
    void nothingIsPendingThatIsAnswered();
    void bindToCloseScope_data();
    void bindToCloseScope();
    void bindToACloseScopeThatHasEnded();
    void aRegistryMayGoBeforeWhatItIsBoundTo();
    void bindToObject();
    void bindToNullIsRefused();
    void bindingAgainDoesNotAccumulate();
    void aRegistryThatIsClosedUnbindsItself();
    void anEmptySendIsRefused();

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

// RR-03
void tst_RequestRegistry::aDuplicateKeyIsRefused()
{
    Registry registry;
    auto first = registry.expect(1);
    const Ending waiting(replyOf(first, CancelScope()));
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

void tst_RequestRegistry::keysOfItsOwn()
{
    Registry registry;
    const auto chosen = registry.expect(2);
    const auto first = registry.expect();
    const auto second = registry.expect();
    QCOMPARE(first.key(), 1);
    QCOMPARE(second.key(), 3);
    registry.close();
    QVERIFY_THROWS_EXCEPTION(ClosedResourceError, const auto refused = registry.expect());

    RequestRegistry<quint8, int> small;
    const auto kept = small.expect();
    for (int i = 0; i < 1000; ++i)
        QVERIFY(small.expect().key() != kept.key());
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
            outcome = endingOf([&] { return registry.request(i, [] {}); });
        });
    }
    std::vector<Ending> awaited;
    const auto send = [] {};
    for (int i = 20; i < 100; ++i)
        awaited.emplace_back(registry.request(CancelScope(), i, send));
    QTRY_COMPARE(registry.size(), 100);
    QCOMPARE(registry.failAll(error("X")), 100);
    QCOMPARE(registry.size(), 0);
    for (auto &thread : threads)
        thread.join();
    for (const QString &outcome : blocked)
        QCOMPARE(outcome, text("X"));
    for (const Ending &outcome : awaited)
        QTRY_COMPARE(outcome.now(), text("X"));

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
    const Ending waiting(replyOf(first, CancelScope()));
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
    const Ending awaited(registry->request(CancelScope(), 1, send));
    auto pending = registry->expect(2);
    auto kept = registry->expect(3);
    const auto handle = kept.handle();
    QString blocked;
    std::promise<void> blocking;
    std::thread thread([&] {
        blocking.set_value();
        blocked = endingOf([&] { return pending.wait(); });
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
    const Ending waiting(replyOf(first, CancelScope()));
    QString blocked;
    std::thread thread([&] { blocked = endingOf([&] { return registry.request(2, [] {}); }); });
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
    const Ending waiting(replyOf(pending, CancelScope()));
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

void tst_RequestRegistry::bindingAgainDoesNotAccumulate()
{
    struct Owner : QObject
    {
        int bindings() const { return receivers(SIGNAL(destroyed(QObject *))); }
    };
    Registry registry;
    CloseScope life;
    auto owner = std::make_unique<Owner>();
    for (int i = 0; i < 100; ++i) {
        registry.bindTo(life);
        registry.bindTo(owner.get());
        CloseScope shortLived; // gone without an end: nothing is to be closed by it
        registry.bindTo(shortLived);
    }
    QCOMPARE(life.state()->listeners.size(), size_t(1));
    QCOMPARE(owner->bindings(), 1);
    auto pending = registry.expect(1);
    owner.reset();
    QCOMPARE(chainThrownBy([&] { pending.wait(); }), text("ClosedResourceError"));
}

void tst_RequestRegistry::aRegistryThatIsClosedUnbindsItself()
{
    CloseScope life;
    CloseScope other;
    std::optional<Registry> registry(std::in_place);
    registry->bindTo(life);
    registry->bindTo(other);
    const auto pending = registry->expect(1); // keeps the table
    registry.reset();
    QCOMPARE(life.state()->listeners.size(), size_t(0));
    QCOMPARE(other.state()->listeners.size(), size_t(0));

    Registry closed;
    closed.close();
    closed.bindTo(life);
    QCOMPARE(life.state()->listeners.size(), size_t(0));
}

void tst_RequestRegistry::anEmptySendIsRefused()
{
    Registry registry;
    const std::function<void()> none;
    QVERIFY_THROWS_EXCEPTION(std::invalid_argument, registry.request(1, none));
    QVERIFY_THROWS_EXCEPTION(std::invalid_argument, registry.request(CancelScope(), 1, none));
    QCOMPARE(registry.size(), 0);
}

QTEST_GUILESS_MAIN(tst_RequestRegistry)

#include "tst_requestregistry.moc"
