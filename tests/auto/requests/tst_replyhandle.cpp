// SPDX-License-Identifier: Apache-2.0
#include "../shared/looper.h"
#include "../shared/messagelog.h"
#include "requests.h"

#include <MicroIO/Errors>

#include <QtTest/QtTest>

#include <array>
#include <barrier>
#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::chainFrom;
using Tests::chainThrownBy;
using Tests::Ending;
using Tests::endingOf;
using Tests::error;
using Tests::Handle;
using Tests::Pending;
using Tests::Probe;
using Tests::Registry;
using Tests::replyOf;
using Tests::text;

/// Who asks and who answers, and what is left when one of them has gone.
class tst_ReplyHandle : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void theFirstAnswerStands();
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
    void ofRacingAnswersOneWins();
    void aPendingReplyThatWasMovedFromThrows();
    void handlesOutliveTheRegistry();

private:
    std::optional<Tests::MessageLog> m_log;
};

// RR-02
void tst_ReplyHandle::theFirstAnswerStands()
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

// RR-11, D23
void tst_ReplyHandle::theLastHandleDroppedBreaksThePromise()
{
    Registry registry;
    auto pending = registry.expect(1);
    const Ending waiting(replyOf(pending, CancelScope()));
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
        [&] { blocked = endingOf([&] { return registry.request(2, [](const Handle &) {}); }); });
    asker.join();
    QCOMPARE(blocked, text("BrokenResourceError"));
}

// RR-11
void tst_ReplyHandle::handlesOfOneRequestShareOneTicket()
{
    Registry registry;
    auto pending = registry.expect(1);
    const Ending waiting(replyOf(pending, CancelScope()));
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

void tst_ReplyHandle::aHandleDroppedAfterTheAnswerChangesNothing()
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
void tst_ReplyHandle::aSendThatDropsItsHandleIsNotSilence_data()
{
    QTest::addColumn<bool>("blocking");
    QTest::newRow("blocking") << true;
    QTest::newRow("awaited") << false;
}

void tst_ReplyHandle::aSendThatDropsItsHandleIsNotSilence()
{
    QFETCH(bool, blocking);
    Registry registry;
    const auto send = [](Handle) {};
    const QString outcome = blocking ? endingOf([&] { return registry.request(1, send); })
                                     : chainFrom(registry.request(CancelScope(), 1, send));
    QCOMPARE(outcome, text("BrokenResourceError"));
    QCOMPARE(registry.size(), 0);
}

// RR-11
void tst_ReplyHandle::droppingThePendingReplyFreesTheKey()
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

void tst_ReplyHandle::assigningAPendingReplyGivesTheFormerUp()
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

void tst_ReplyHandle::givingUpWakesAWaitUnderWay()
{
    Registry registry;
    std::optional<Pending> pending = registry.expect(1);
    const Ending waiting(replyOf(*pending, CancelScope()));
    pending.reset();
    QCOMPARE(waiting.settled(), text("BrokenResourceError"));

    auto blocked = registry.expect(2);
    QString outcome;
    std::thread thread([&] { outcome = endingOf([&] { return blocked.wait(); }); });
    QVERIFY(blocked.cancel()); // from another thread than the one that waits, or is about to
    thread.join();
    QCOMPARE(outcome, text("BrokenResourceError"));
}

void tst_ReplyHandle::aStaleHandleNeverAnswersANewerRequest()
{
    Registry registry;
    std::optional<Pending> old = registry.expect(1);
    const Handle stale = old->handle();
    old.reset();
    auto newer = registry.expect(1);
    QVERIFY(!stale.resolve(text("stale")));
    QVERIFY(!stale.fail(error("stale")));
    const Ending waiting(replyOf(newer, CancelScope()));
    QCOMPARE(waiting.settled(), text("waits"));
    QVERIFY(registry.handle(1).resolve(text("newer")));
    QCOMPARE(waiting.settled(), text("newer"));
}

void tst_ReplyHandle::aHandleForNothingAnswersNothing()
{
    Registry registry;
    const Handle handle = registry.handle(1);
    QVERIFY(!handle.resolve(text("one")));
    QVERIFY(!handle.fail(error("X")));
    const Handle empty;
    QVERIFY(!empty.resolve(text("one")));
    QCOMPARE(empty.key(), 0);
}

void tst_ReplyHandle::ofRacingAnswersOneWins()
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
        const QString outcome = endingOf([&] { return pending.wait(); });
        for (auto &thread : threads)
            thread.join();
        QCOMPARE(wins[0] + wins[1] + wins[2] + wins[3], round + 1);
        QVERIFY(
            QStringList({text("0"), text("1"), text("BrokenResourceError"), text("3")}).contains(outcome));
    }
    QCOMPARE(registry.size(), 0);
}

void tst_ReplyHandle::aPendingReplyThatWasMovedFromThrows()
{
    Registry registry;
    auto first = registry.expect(1);
    auto second = std::move(first);
    QVERIFY_THROWS_EXCEPTION(std::logic_error, first.wait());
    QVERIFY_THROWS_EXCEPTION(std::logic_error, first.reply(CancelScope()));
    QVERIFY_THROWS_EXCEPTION(std::logic_error, first.future());
    QVERIFY_THROWS_EXCEPTION(std::logic_error, first.cancel());
    QVERIFY_THROWS_EXCEPTION(std::logic_error, first.handle());
    QVERIFY_THROWS_EXCEPTION(std::logic_error, first.key());
    first = std::move(second);
    QVERIFY(registry.resolve(1, text("one")));
    QCOMPARE(first.wait(), text("one"));
}

// invariant 12
void tst_ReplyHandle::handlesOutliveTheRegistry()
{
    std::optional<Registry> registry(std::in_place);
    std::optional<Pending> pending = registry->expect(1);
    const Handle handle = pending->handle();
    const Handle same = registry->handle(1);
    registry.reset();
    QVERIFY(!handle.resolve(text("late")));
    QCOMPARE(chainThrownBy([&] { pending->wait(); }), text("ClosedResourceError"));
    pending.reset();
    QVERIFY(!same.fail(error("late")));
    QCOMPARE(handle.key(), 1);
}

QTEST_GUILESS_MAIN(tst_ReplyHandle)

#include "tst_replyhandle.moc"
