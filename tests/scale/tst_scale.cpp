// SPDX-License-Identifier: Apache-2.0
#include "usage.h"

#include "../auto/shared/loopthread.h"
#include "../auto/shared/messagelog.h"
#include "../auto/shared/outcome.h"

#include <MicroIO/CancelScope>
#include <MicroIO/CloseScope>
#include <MicroIO/Errors>
#include <MicroIO/TaskGroup>

#include <QtTest/QtTest>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::Probe;

namespace {

constexpr int many = 100000;
constexpr int million = Tests::isSanitized ? 100000 : 1000000;
constexpr uint smallStack = 256 * 1024;
// What a turn of the loop, its handlers and the test itself need.
constexpr qint64 shallow = Tests::isSanitized ? 128 * 1024 : 32 * 1024;

// So many exceptions take their time on a slow machine with a sanitizer.
constexpr auto patience = 5min;

QString outcomeOf(QCoro::Task<bool> task)
{
    return Tests::outcomeOf(std::move(task), patience);
}

struct Owner : QObject
{
    TaskGroup group{this};
};

QCoro::Task<> sleeper(CancelScope scope, std::reference_wrapper<std::atomic<int>> frames)
{
    const Probe probe(frames);
    co_await scope.sleep(1h);
}

QCoro::Task<> sleepIn(CancelScope scope, std::reference_wrapper<QString> told)
{
    try {
        co_await scope.sleep(1h);
    } catch (...) {
        told.get() = Tests::errorText(std::current_exception());
    }
}

/// A group whose only child does the same, \a depth times.
QCoro::Task<> nestGroups(CancelScope scope, int depth, std::reference_wrapper<std::atomic<int>> frames)
{
    const Probe probe(frames);
    co_await withTaskGroup(scope, [&](TaskGroup &group) -> QCoro::Task<> {
        if (depth > 1)
            group.startSoon(nestGroups, depth - 1, frames);
        else
            co_await group.scope().sleep(1h);
    });
}

/// On a thread with a stack of 256 KiB. \a function gives what went wrong.
QString onASmallStack(const std::function<QString()> &function)
{
    QString problem;
    Tests::LoopThread thread([&] { problem = function(); }, smallStack);
    thread.join();
    return problem;
}

#define EXPECT(condition) \
    do { \
        if (!(condition)) \
            return QStringLiteral("line %1: not %2").arg(__LINE__).arg(QStringLiteral(#condition)); \
    } while (false)

} // namespace

/// Cancelling, destroying and completing recurse neither with depth nor with number, and leave nothing behind.
class tst_Scale : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void childrenOfOneGroup();
    void cancelledSleepers();
    void destroyedSleepers();
    void failingChildren();
    void nestedScopes_data();
    void nestedScopes();
    void nestedScopesWithDeadlines();
    void nestedGroups_data();
    void nestedGroups();
    void waitersForOneEvent();
    void shortLivedChildrenOfALongLivedGroup();

private:
    std::optional<Tests::MessageLog> m_log;
};

void tst_Scale::childrenOfOneGroup()
{
    Tests::StackDepth stack;
    std::atomic<int> frames = 0;
    int ended = 0;
    int most = 0;
    const auto outcome = outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
        const auto child = [&](CancelScope scope) -> QCoro::Task<> {
            const Probe probe(frames);
            most = qMax(most, frames.load());
            co_await scope.checkpoint();
            co_await scope.checkpoint();
            stack.look();
            ++ended;
        };
        for (int i = 0; i < many; ++i)
            group.startSoon(child);
        co_return;
    }));
    QCOMPARE(outcome, QStringLiteral("true"));
    QCOMPARE(ended, many);
    QCOMPARE(frames, 0);
    QVERIFY(most > 1);
    QVERIFY2(stack.deepest() < shallow, qPrintable(QString::number(stack.deepest())));
}

void tst_Scale::cancelledSleepers()
{
    Tests::StackDepth stack;
    std::atomic<int> frames = 0;
    int told = 0;
    outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
        for (int i = 0; i < many; ++i) {
            group.startSoon([&](CancelScope scope) -> QCoro::Task<> {
                const Probe probe(frames);
                try {
                    co_await scope.sleep(1h);
                } catch (const Cancelled &) {
                    stack.look();
                    ++told;
                    throw;
                }
            });
        }
        while (frames < many)
            co_await group.scope().checkpoint();
        group.cancel();
    }));
    QCOMPARE(told, many);
    QCOMPARE(frames, 0);
    QVERIFY2(stack.deepest() < shallow, qPrintable(QString::number(stack.deepest())));
}

void tst_Scale::destroyedSleepers()
{
    const auto problem = onASmallStack([]() -> QString {
        std::atomic<int> frames = 0;
        auto owner = std::make_unique<Owner>();
        for (int i = 0; i < many; ++i)
            owner->group.startSoon(sleeper, std::ref(frames));
        while (frames < many)
            Tests::turn();
        owner.reset();
        EXPECT(frames == 0);
        return {};
    });
    QCOMPARE(problem, QString());
}

void tst_Scale::failingChildren()
{
    size_t errors = 0;
    const auto failAll = [](TaskGroup &group) -> QCoro::Task<> {
        const auto child = []() -> QCoro::Task<> {
            throw Tests::failure("X");
            co_return;
        };
        for (int i = 0; i < many; ++i)
            group.startSoon(child);
        co_return;
    };
    try {
        Tests::await(withTaskGroup(CancelScope(), failAll), patience);
    } catch (const TaskGroupError &e) {
        errors = e.exceptions().size();
    }
    QCOMPARE(errors, size_t(many));
}

namespace {
enum class Release { RootFirst, LeafFirst, LeafOnly };
}

void tst_Scale::nestedScopes_data()
{
    QTest::addColumn<int>("release");
    QTest::newRow("released root first") << int(Release::RootFirst);
    QTest::newRow("released leaf first") << int(Release::LeafFirst);
    QTest::newRow("all hang on the leaf") << int(Release::LeafOnly);
}

void tst_Scale::nestedScopes()
{
    QFETCH(int, release);
    const auto problem = onASmallStack([release]() -> QString {
        std::vector<CancelScope> chain;
        const CancelScope root;
        CancelScope leaf = root;
        for (int i = 0; i < many; ++i) {
            leaf = leaf.child();
            if (Release(release) != Release::LeafOnly)
                chain.push_back(leaf);
        }
        QString told;
        const auto task = sleepIn(leaf, std::ref(told));
        const CancelScope lateShield = leaf.shielded();
        EXPECT(root.cancel(QStringLiteral("root")));
        EXPECT(leaf.isCancelled());
        EXPECT(!lateShield.isCancelled());
        EXPECT(leaf.child().reason() == QStringLiteral("root"));
        Tests::turn(2);
        EXPECT(told == QStringLiteral("Cancelled(root)"));
        if (Release(release) == Release::RootFirst)
            std::reverse(chain.begin(), chain.end());
        while (!chain.empty())
            chain.pop_back();
        leaf = CancelScope(); // with the shield, the last one goes at the end
        return {};
    });
    QCOMPARE(problem, QString());
}

void tst_Scale::nestedScopesWithDeadlines()
{
    const auto problem = onASmallStack([]() -> QString {
        std::vector<CancelScope> chain;
        chain.reserve(many);
        CancelScope leaf;
        const Deadline start = now();
        for (int i = 0; i < many; ++i) {
            // outer later, inner earlier, and the other way round
            leaf = leaf.child(start + 1h + std::chrono::seconds(i % 2 ? i : many - i));
            chain.push_back(leaf);
        }
        QString told;
        const auto task = sleepIn(leaf, std::ref(told));
        Tests::turn();
        EXPECT(!leaf.isCancelled());
        // moved while somebody waits below
        for (size_t i = 0; i < many; i += 100)
            chain[i].setDeadline(start + 2h);
        EXPECT(!leaf.isCancelled());
        chain[many / 2].setDeadline(now());
        EXPECT(!chain[many / 2 - 1].isCancelled());
        EXPECT(chain[many / 2].timedOut());
        EXPECT(leaf.isCancelled());
        Tests::turn(2);
        EXPECT(told == QStringLiteral("Cancelled(the deadline has passed)"));
        chain.clear();
        return {};
    });
    QCOMPARE(problem, QString());
}

void tst_Scale::nestedGroups_data()
{
    QTest::addColumn<bool>("destroyed");
    QTest::newRow("cancelled") << false;
    QTest::newRow("destroyed") << true;
}

void tst_Scale::nestedGroups()
{
    QFETCH(bool, destroyed);
    const auto problem = onASmallStack([destroyed]() -> QString {
        constexpr int depth = many / 4;
        std::atomic<int> frames = 0;
        auto owner = std::make_unique<Owner>();
        const auto handle = owner->group.startSoon(nestGroups, depth, std::ref(frames));
        while (frames < depth)
            Tests::turn();
        Tests::turn(2);
        if (destroyed) {
            owner.reset();
        } else {
            owner->group.cancel();
            while (!handle.isFinished())
                Tests::turn();
        }
        EXPECT(frames == 0);
        EXPECT(handle.isFinished());
        return {};
    });
    QCOMPARE(problem, QString());
}

void tst_Scale::waitersForOneEvent()
{
    Tests::StackDepth stack;
    CloseScope gate;
    int waiting = 0;
    int woken = 0;
    outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
        TaskHandle<int> child = group.startSoon([&](CancelScope scope) -> QCoro::Task<int> {
            co_await gate.closed(scope);
            co_return 1;
        });
        for (int i = 0; i < many; ++i) {
            group.startSoon([&, child](CancelScope scope) -> QCoro::Task<> {
                ++waiting;
                woken += co_await child.result(scope);
                stack.look();
            });
        }
        while (waiting < many)
            co_await group.scope().checkpoint();
        gate.close();
    }));
    QCOMPARE(woken, many);
    QVERIFY2(stack.deepest() < shallow, qPrintable(QString::number(stack.deepest())));
}

void tst_Scale::shortLivedChildrenOfALongLivedGroup()
{
    constexpr int batch = 1000;
    Tests::StackDepth stack;
    int ended = 0;
    qint64 before = 0;
    qint64 after = 0;
    outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
        const auto child = [&](CancelScope scope, int number) -> QCoro::Task<> {
            const CancelScope own = scope.child(now() + 1h); // a deadline, a listener and a timer, too
            if (number % 10 == 0)
                own.onCancel(this, [] {});
            co_await own.checkpoint();
            stack.look();
            ++ended;
        };
        for (int i = 0; i < million / batch; ++i) {
            if (i == 10)
                before = Tests::allocatedBytes(); // warmed up
            for (int number = 0; number < batch; ++number)
                group.startSoon(child, number);
            co_await group.join(group.scope());
        }
        after = Tests::allocatedBytes();
    }));
    QCOMPARE(ended, million);
    qInfo("a million children leave %lld bytes, and the stack was %lld bytes deep",
          (long long)(after - before), (long long)stack.deepest());
    QVERIFY2(after - before < 64 * 1024, qPrintable(QString::number(after - before)));
    QVERIFY2(stack.deepest() < shallow, qPrintable(QString::number(stack.deepest())));
}

QTEST_GUILESS_MAIN(tst_Scale)

#include "tst_scale.moc"
