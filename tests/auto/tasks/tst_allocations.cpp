// SPDX-License-Identifier: Apache-2.0
#include "../shared/allocations.h"
#include "../shared/await.h"

#include <MicroIO/CancelScope>
#include <MicroIO/CloseScope>
#include <MicroIO/TaskGroup>

#include <QPromise>
#include <QtTest/QtTest>

#include <deque>
#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;

namespace {

constexpr int waiters = 1000;
constexpr size_t warmUp = 3;
constexpr size_t rounds = 20;

struct Owner : QObject
{
    TaskGroup group{this};
};

/// Counts those who reach a point, and tells when all have.
struct Barrier
{
    void arrive()
    {
        if (++arrived == waiters)
            all.close();
    }

    int arrived = 0;
    CloseScope all;
};

/// Many coroutines do wait(scope, round) in every round, in step; release(round) ends it. Gives what is allocated for a
/// wait, once warmed up.
template<typename Wait, typename Release>
double allocationsPerWait(Wait wait, Release release)
{
    std::vector<Barrier> ready(rounds);
    std::vector<CloseScope> go(rounds);
    std::vector<Barrier> begun(rounds);
    unsigned long long before = 0;
    unsigned long long after = 0;
    Tests::await(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
        const auto waiter = [&](CancelScope scope) -> QCoro::Task<> {
            for (size_t round = 0; round < rounds; ++round) {
                ready[round].arrive();
                co_await go[round].closed(scope);
                begun[round].arrive();
                co_await wait(scope, round);
            }
        };
        for (int i = 0; i < waiters; ++i)
            group.startSoon(waiter);
        for (size_t round = 0; round < rounds; ++round) {
            co_await ready[round].all.closed(group.scope());
            if (round == warmUp)
                before = Tests::allocationCount;
            after = Tests::allocationCount;
            go[round].close();
            co_await begun[round].all.closed(group.scope());
            release(round);
        }
    }));
    return double(after - before) / (double(waiters) * double(rounds - 1 - warmUp));
}

const auto byItself = [](size_t) {};

// Sleeps that began one after the other would be due one after the other, each few with a timer and an event of their
// own, as many as the machine is slow. So the loop is held until all are.
constexpr auto nap = 10ms;
const auto untilAllAreDue = [](size_t) { std::this_thread::sleep_for(nap); };

} // namespace

/// DESIGN.md, section 3: "No allocation per wait for a source of our own."
class tst_Allocations : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void theCounterCounts();
    void checkpoint();
    void sleep();
    void sleepUnderADeadline();
    void endOfACloseScope();
    void resultOfAChild();
    void endOfAGroup();
    void waitsForOthers();
    void aChild();

private:
    static void tell(const char *what, double count) { qInfo("%-26s %6.3f allocations", what, count); }
};

// A slice, a turn and a timer cost something, however many waits they serve.
#define VERIFY_NONE(what, count) \
    do { \
        const double perWait = count; \
        tell(what, perWait); \
        QVERIFY2(perWait < 0.05, qPrintable(QString::number(perWait))); \
    } while (false)

void tst_Allocations::theCounterCounts()
{
    const auto before = Tests::allocationCount.load();
    // behind the compiler's back, which may leave out what it sees
    const auto object = std::make_unique<QObject>();
    QVERIFY(Tests::allocationCount > before);
    const double perWait = allocationsPerWait(
        [](const CancelScope &scope, size_t) {
            static_cast<void>(QObject()); // has a private part
            return scope.checkpoint();
        },
        byItself);
    QVERIFY(perWait > 1);
}

void tst_Allocations::checkpoint()
{
    VERIFY_NONE(
        "checkpoint",
        allocationsPerWait([](const CancelScope &scope, size_t) { return scope.checkpoint(); }, byItself));
}

// Real time, here and below: what a TestClock allocates would be counted, and what a real timer costs would not.
void tst_Allocations::sleep()
{
    VERIFY_NONE("sleep", allocationsPerWait([](const CancelScope &scope, size_t) { return scope.sleep(nap); },
                                            untilAllAreDue));
}

void tst_Allocations::sleepUnderADeadline()
{
    const CancelScope limited = CancelScope().child(now() + 1h);
    VERIFY_NONE(
        "sleep under a deadline",
        allocationsPerWait([&](const CancelScope &, size_t) { return limited.sleep(nap); }, untilAllAreDue));
}

void tst_Allocations::endOfACloseScope()
{
    std::vector<CloseScope> gates(rounds);
    VERIFY_NONE(
        "end of a close scope",
        allocationsPerWait([&](const CancelScope &scope, size_t round) { return gates[round].closed(scope); },
                           [&](size_t round) { gates[round].close(); }));
}

void tst_Allocations::resultOfAChild()
{
    std::vector<CloseScope> gates(rounds);
    std::vector<TaskHandle<int>> children;
    Owner owner;
    for (const CloseScope &gate : gates) {
        children.push_back(owner.group.startSoon([gate](CancelScope scope) -> QCoro::Task<int> {
            co_await gate.closed(scope);
            co_return 1;
        }));
    }
    VERIFY_NONE("result of a child",
                allocationsPerWait(
                    [&](const CancelScope &scope, size_t round) { return children[round].result(scope); },
                    [&](size_t round) { gates[round].close(); }));
}

void tst_Allocations::endOfAGroup()
{
    std::vector<CloseScope> gates(rounds);
    std::deque<Owner> owners(rounds);
    for (size_t i = 0; i < rounds; ++i) {
        owners[i].group.startSoon(
            [gate = gates[i]](CancelScope scope) -> QCoro::Task<> { co_await gate.closed(scope); });
    }
    VERIFY_NONE("end of a group",
                allocationsPerWait(
                    [&](const CancelScope &scope, size_t round) { return owners[round].group.join(scope); },
                    [&](size_t round) { gates[round].close(); }));
}

void tst_Allocations::waitsForOthers()
{
    QObject sender;
    const double signal = allocationsPerWait(
        [&](const CancelScope &scope, size_t) {
            return scope.cancellable(&sender, &QObject::objectNameChanged);
        },
        [&](size_t round) { sender.setObjectName(QString::number(round)); });
    tell("signal", signal);

    std::deque<QPromise<int>> promises(rounds);
    for (auto &promise : promises)
        promise.start();
    const double future = allocationsPerWait(
        [&](const CancelScope &scope, size_t round) { return scope.cancellable(promises[round].future()); },
        [&](size_t round) {
            promises[round].addResult(1);
            promises[round].finish();
        });
    tell("future", future);

    std::vector<CloseScope> gates(rounds);
    const auto foreign = [](CloseScope gate) -> QCoro::Task<> { co_await gate.closed(CancelScope()); };
    const double abandonable = allocationsPerWait(
        [&](const CancelScope &scope, size_t round) { return scope.abandonOnCancel(foreign(gates[round])); },
        [&](size_t round) { gates[round].close(); });
    tell("foreign task, with its own", abandonable);

    // Told, not promised; but growth would be a mistake.
    QVERIFY(signal < 15);
    QVERIFY(future < 25);
    QVERIFY(abandonable < 15);
}

void tst_Allocations::aChild()
{
    constexpr int children = 1000;
    unsigned long long before = 0;
    unsigned long long after = 0;
    Tests::await(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
        const auto child = [](CancelScope scope) -> QCoro::Task<> { co_await scope.checkpoint(); };
        for (int round = 0; round < 3; ++round) {
            before = Tests::allocationCount;
            for (int i = 0; i < children; ++i)
                group.startSoon(child);
            co_await group.join(CancelScope());
            after = Tests::allocationCount;
        }
    }));
    const double each = double(after - before) / children;
    tell("a child, with its frame", each);
    QVERIFY(each < 6); // its record, its frame, what tells its end, and QCoro's list of who awaits it
}

QTEST_GUILESS_MAIN(tst_Allocations)

#include "tst_allocations.moc"
