// SPDX-License-Identifier: Apache-2.0
#include "../shared/messagelog.h"
#include "../shared/recorder.h"

#include "loop/scheduler_p.h"
#include <MicroIO/TaskGroup>
#include <MicroIO/TestClock>
#include <MicroIO/Timeouts>

#include <QtTest/QtTest>

using namespace MicroIO;
using namespace std::chrono_literals;
using MicroIO::Detail::Scheduler;
using Tests::outcomeOf;
using Tests::record;

namespace {

QCoro::Task<> cancelAfter(std::chrono::nanoseconds duration, CancelScope cancelled)
{
    co_await CancelScope().sleep(duration);
    cancelled.cancel(QStringLiteral("outer"));
}

} // namespace

/// moveOnAfter() and failAfter(), in virtual time.
class tst_Timeouts : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init()
    {
        m_log.emplace();
        m_clock.emplace();
    }
    void cleanup()
    {
        m_clock.reset();
        QCOMPARE(m_log->take(), QStringList());
    }

    void moveOnAfterBothWays();
    void moveOnAfterOfVoid();
    void failAfterExpires();
    void failAfterTellsWhat();
    void swallowedTimeoutGivesTheValue();
    void expiredLimit_data();
    void expiredLimit();
    void longestLimitNeverExpires();
    void outerShorterThanInner();
    void innerShorterThanOuter();
    void errorsBeatTimeouts_data();
    void errorsBeatTimeouts();
    void outerCancelledPassesThrough();
    void cancelledOuterIsNeverATimeout();
    void ownScopeCancelledByHand();
    void deadlinePostponedByTheBody();
    void limitAroundAGroup();
    void limitInTheCleanupOfATimeout();
    void bodyIsKeptUntilItHasEnded();
    void emptyBodyIsRefused();

private:
    std::optional<Tests::MessageLog> m_log;
    std::optional<TestClock> m_clock;
};

// TM-01
void tst_Timeouts::moveOnAfterBothWays()
{
    const auto before = Scheduler::current()->timerCount();
    const CancelScope scope;
    const auto slow = [](CancelScope own) -> QCoro::Task<int> {
        co_await own.sleep(1h);
        co_return 1;
    };
    const auto fast = [](CancelScope own) -> QCoro::Task<int> {
        co_await own.sleep(1s);
        co_return 1;
    };
    QCOMPARE(outcomeOf(moveOnAfter(scope, 1min, slow)), QStringLiteral("nothing"));
    QCOMPARE(m_clock->elapsed(), 1min);
    QCOMPARE(outcomeOf(moveOnAfter(scope, 1min, fast)), QStringLiteral("1"));
    QCOMPARE(m_clock->elapsed(), 1min + 1s);
    QVERIFY(!scope.isCancelled());
    QCOMPARE(Scheduler::current()->timerCount(), before);
}

void tst_Timeouts::moveOnAfterOfVoid()
{
    const CancelScope scope;
    const auto slow = [](CancelScope own) -> QCoro::Task<> { co_await own.sleep(1h); };
    const auto fast = [](CancelScope own) -> QCoro::Task<> { co_await own.checkpoint(); };
    QCOMPARE(outcomeOf(moveOnAfter(scope, 1min, slow)), QStringLiteral("false"));
    QCOMPARE(outcomeOf(moveOnAfter(scope, 1min, fast)), QStringLiteral("true"));
    QCOMPARE(m_clock->elapsed(), 1min);
}

// TM-02
void tst_Timeouts::failAfterExpires()
{
    const CancelScope scope;
    QString inside;
    const auto slow = [&](CancelScope own) -> QCoro::Task<> {
        try {
            co_await own.sleep(1h);
        } catch (const Cancelled &e) {
            inside = QStringLiteral("%1, %2").arg(e.reason(),
                                                  e.timedOut() ? QStringLiteral("timed out") : QString());
            throw;
        }
    };
    QCOMPARE(outcomeOf(failAfter(scope, 1min, slow)), QStringLiteral("TimeoutError"));
    QCOMPARE(m_clock->elapsed(), 1min);
    QCOMPARE(inside, QStringLiteral("the deadline has passed, timed out"));
    QVERIFY(!scope.isCancelled());
}

void tst_Timeouts::failAfterTellsWhat()
{
    const CancelScope scope;
    const auto slow = [](CancelScope own) -> QCoro::Task<int> {
        co_await own.sleep(1h);
        co_return 1;
    };
    QString told;
    const auto run = [&]() -> QCoro::Task<> {
        try {
            auto task = failAfter(scope, 0ms, slow, QStringLiteral("loading the index"));
            co_await task;
        } catch (const TimeoutError &e) {
            told = e.message();
        }
    };
    Tests::await(run());
    QCOMPARE(told, QStringLiteral("the time limit has passed: loading the index"));
}

// TM-03
void tst_Timeouts::swallowedTimeoutGivesTheValue()
{
    const CancelScope scope;
    const auto swallow = [](CancelScope own) -> QCoro::Task<int> {
        try {
            co_await own.sleep(1h);
        } catch (const Cancelled &) {
        }
        co_return 5;
    };
    QCOMPARE(outcomeOf(failAfter(scope, 1min, swallow)), QStringLiteral("5"));
    QCOMPARE(m_clock->elapsed(), 1min);
    QCOMPARE(outcomeOf(moveOnAfter(scope, 1min, swallow)), QStringLiteral("5"));
    QCOMPARE(m_clock->elapsed(), 2min);
}

// TM-04, D4
void tst_Timeouts::expiredLimit_data()
{
    QTest::addColumn<std::chrono::nanoseconds>("limit");
    QTest::newRow("zero") << std::chrono::nanoseconds(0);
    QTest::newRow("negative") << std::chrono::nanoseconds(-1s);
    QTest::newRow("longest negative") << std::chrono::nanoseconds::min();
}

void tst_Timeouts::expiredLimit()
{
    QFETCH(std::chrono::nanoseconds, limit);

    const CancelScope scope;
    QStringList log;
    const auto waits = [&](CancelScope own) -> QCoro::Task<int> {
        log += QStringLiteral("in");
        co_await own.sleep(0ns);
        log += QStringLiteral("after");
        co_return 1;
    };
    QCOMPARE(outcomeOf(moveOnAfter(scope, limit, waits)), QStringLiteral("nothing"));
    QCOMPARE(outcomeOf(failAfter(scope, limit, waits)), QStringLiteral("TimeoutError"));
    QCOMPARE(log, (QStringList{QStringLiteral("in"), QStringLiteral("in")}));

    const auto neverWaits = [](CancelScope) -> QCoro::Task<int> { co_return 7; };
    QCOMPARE(outcomeOf(moveOnAfter(scope, limit, neverWaits)), QStringLiteral("7"));
    QCOMPARE(outcomeOf(failAfter(scope, limit, neverWaits)), QStringLiteral("7"));
}

void tst_Timeouts::longestLimitNeverExpires()
{
    constexpr auto century = 24h * 36525;
    const CancelScope scope;
    const auto body = [&](CancelScope own) -> QCoro::Task<int> {
        co_await own.sleep(century);
        co_return own.deadline() == Deadline::max();
    };
    QCOMPARE(outcomeOf(failAfter(scope, std::chrono::nanoseconds::max(), body)), QStringLiteral("1"));
    QCOMPARE(m_clock->elapsed(), century);
}

// TM-06
void tst_Timeouts::outerShorterThanInner()
{
    const CancelScope scope;
    bool innerTimedOut = true, innerAbsorbed = false;
    const auto innermost = [&](CancelScope own) -> QCoro::Task<> {
        try {
            co_await own.sleep(1h);
        } catch (const Cancelled &e) {
            innerTimedOut = e.timedOut();
            throw;
        }
    };
    const auto inner = [&](CancelScope own) -> QCoro::Task<> {
        co_await moveOnAfter(own, 2min, innermost);
        innerAbsorbed = true;
    };
    QCOMPARE(outcomeOf(moveOnAfter(scope, 1min, inner)), QStringLiteral("false"));
    QCOMPARE(m_clock->elapsed(), 1min);
    QVERIFY(!innerTimedOut);
    QVERIFY(!innerAbsorbed);
    QCOMPARE(outcomeOf(failAfter(scope, 1min, inner)), QStringLiteral("TimeoutError"));
    QCOMPARE(m_clock->elapsed(), 2min);
}

void tst_Timeouts::innerShorterThanOuter()
{
    const CancelScope scope;
    const auto innermost = [](CancelScope own) -> QCoro::Task<> { co_await own.sleep(1h); };
    const auto inner = [&](CancelScope own) -> QCoro::Task<QString> {
        const bool ended = co_await moveOnAfter(own, 1min, innermost);
        co_await own.checkpoint();
        co_return ended ? QStringLiteral("ended") : QStringLiteral("moved on");
    };
    QCOMPARE(outcomeOf(failAfter(scope, 2min, inner)), QStringLiteral("moved on"));
    QCOMPARE(m_clock->elapsed(), 1min);
}

// TM-09
void tst_Timeouts::errorsBeatTimeouts_data()
{
    QTest::addColumn<bool>("late");
    QTest::newRow("before the deadline") << false;
    QTest::newRow("after it") << true;
}

void tst_Timeouts::errorsBeatTimeouts()
{
    QFETCH(bool, late);

    const CancelScope scope;
    const auto body = [&](CancelScope own) -> QCoro::Task<int> {
        try {
            if (late)
                co_await own.sleep(1h);
        } catch (const Cancelled &) {
        }
        throw Tests::failure("X");
        co_return 1;
    };
    QCOMPARE(outcomeOf(failAfter(scope, 1min, body)), QStringLiteral("X"));
    QCOMPARE(outcomeOf(moveOnAfter(scope, 1min, body)), QStringLiteral("X"));
    QCOMPARE(m_clock->elapsed(), late ? 2min : 0min);
}

// TM-11
void tst_Timeouts::outerCancelledPassesThrough()
{
    const CancelScope scope;
    const auto slow = [](CancelScope own) -> QCoro::Task<int> {
        co_await own.sleep(1h);
        co_return 1;
    };
    cancelAfter(1s, scope);
    QCOMPARE(outcomeOf(failAfter(scope, 1min, slow)), QStringLiteral("Cancelled(outer)"));
    QCOMPARE(m_clock->elapsed(), 1s);
    const CancelScope second;
    cancelAfter(1s, second);
    QCOMPARE(outcomeOf(moveOnAfter(second, 1min, slow)), QStringLiteral("Cancelled(outer)"));
    QCOMPARE(m_clock->elapsed(), 2s);
}

// D2: judged when the runner is about to return
void tst_Timeouts::cancelledOuterIsNeverATimeout()
{
    const CancelScope scope;
    const auto body = [&](CancelScope own) -> QCoro::Task<> {
        try {
            co_await own.sleep(1h);
        } catch (const Cancelled &) {
            scope.cancel(QStringLiteral("meanwhile"));
            throw;
        }
    };
    QCOMPARE(outcomeOf(failAfter(scope, 1min, body)), QStringLiteral("Cancelled(deadline)"));
}

void tst_Timeouts::ownScopeCancelledByHand()
{
    const CancelScope scope;
    const auto body = [](CancelScope own) -> QCoro::Task<int> {
        own.cancel(QStringLiteral("by hand"));
        co_await own.checkpoint();
        co_return 1;
    };
    QCOMPARE(outcomeOf(moveOnAfter(scope, 1h, body)), QStringLiteral("nothing"));
    QCOMPARE(outcomeOf(failAfter(scope, 1h, body)),
             QStringLiteral("Cancelled(by hand)")); // absorbs nothing else
}

void tst_Timeouts::deadlinePostponedByTheBody()
{
    const CancelScope scope;
    const auto body = [](CancelScope own) -> QCoro::Task<int> {
        own.setDeadline(now() + 1h);
        co_await own.sleep(3min);
        co_return 1;
    };
    QCOMPARE(outcomeOf(failAfter(scope, 1min, body)), QStringLiteral("1"));
    QCOMPARE(m_clock->elapsed(), 3min);
}

// TM-17
void tst_Timeouts::limitAroundAGroup()
{
    const CancelScope scope;
    const auto child = [](CancelScope own) -> QCoro::Task<> { co_await own.sleep(1h); };
    const auto groupBody = [&](TaskGroup &group, CancelScope own) -> QCoro::Task<> {
        group.startSoon(child);
        group.startSoon(child);
        co_await own.sleep(1h);
    };
    const auto body = [&](CancelScope own) -> QCoro::Task<> { co_await withTaskGroup(own, groupBody); };
    QCOMPARE(outcomeOf(failAfter(scope, 1min, body)), QStringLiteral("TimeoutError"));
    QCOMPARE(m_clock->elapsed(), 1min);
}

void tst_Timeouts::limitInTheCleanupOfATimeout()
{
    const CancelScope scope;
    const auto slow = [](CancelScope own) -> QCoro::Task<> { co_await own.sleep(1h); };
    QStringList log;
    const auto body = [&](CancelScope own) -> QCoro::Task<> {
        bool cancelled = false;
        try {
            co_await own.sleep(1h);
        } catch (const Cancelled &) {
            cancelled = true;
        }
        if (cancelled) {
            try {
                co_await failAfter(own.shielded(), 1s, slow);
            } catch (const TimeoutError &) {
                log += QStringLiteral("the cleanup timed out");
            }
        }
        co_await own.checkpoint();
    };
    QCOMPARE(outcomeOf(failAfter(scope, 1min, body)), QStringLiteral("TimeoutError"));
    QCOMPARE(m_clock->elapsed(), 1min + 1s);
    QCOMPARE(log, QStringList{QStringLiteral("the cleanup timed out")});
}

void tst_Timeouts::bodyIsKeptUntilItHasEnded()
{
    std::atomic<int> alive = 0;
    const CancelScope scope;
    Tests::RecorderPtr ended;
    {
        const auto body = [probe = Tests::Probe(alive)](CancelScope own) -> QCoro::Task<> {
            co_await own.sleep(1s);
        };
        const auto run = [](CancelScope outer, auto inner) -> QCoro::Task<> {
            co_await failAfter(outer, 1h, inner);
        };
        ended = record(run(scope, body));
    }
    QVERIFY(alive > 0);
    QTRY_VERIFY(ended->isDone());
    QTRY_COMPARE(alive.load(), 0);
}

// Bad input
void tst_Timeouts::emptyBodyIsRefused()
{
    const CancelScope scope;
    const std::function<QCoro::Task<>(CancelScope)> empty;
    QVERIFY_THROWS_EXCEPTION(std::invalid_argument, moveOnAfter(scope, 1s, empty));
    QVERIFY_THROWS_EXCEPTION(std::invalid_argument, failAfter(scope, 1s, empty));
}

QTEST_GUILESS_MAIN(tst_Timeouts)
#include "tst_timeouts.moc"
