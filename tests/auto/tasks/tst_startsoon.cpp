// SPDX-License-Identifier: Apache-2.0
#include "../shared/messagelog.h"
#include "../shared/outcome.h"

#include <MicroIO/CancelScope>
#include <MicroIO/TaskGroup>
#include <MicroIO/TestClock>

#include <QtTest/QtTest>

#include <functional>
#include <mutex>
#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::outcomeOf;

namespace {

struct Owner : QObject
{
    TaskGroup group{this};
};

/// A name that is logged, with the thread, when its last holder lets it go.
class Farewells
{
public:
    std::shared_ptr<void> watch(const QString &name)
    {
        return std::shared_ptr<void>(this, [name](void *self) { static_cast<Farewells *>(self)->say(name); });
    }

    QStringList names() const
    {
        const std::lock_guard lock(m_mutex);
        return m_names;
    }
    QList<QThread *> threads() const
    {
        const std::lock_guard lock(m_mutex);
        return m_threads;
    }

private:
    void say(const QString &name)
    {
        const std::lock_guard lock(m_mutex);
        m_names += name;
        m_threads += QThread::currentThread();
    }

    mutable std::mutex m_mutex;
    QStringList m_names; // guarded by m_mutex
    QList<QThread *> m_threads; // guarded by m_mutex
};

struct Counter
{
    int total = 0;

    QCoro::Task<int> add(CancelScope scope, int amount)
    {
        co_await scope.checkpoint();
        co_return total += amount;
    }
    QCoro::Task<int> peek() const { co_return total; }
    virtual QCoro::Task<int> kind() { co_return 1; }
    virtual ~Counter() = default;
};

struct SpecialCounter : Counter
{
    QCoro::Task<int> kind() override { co_return 2; }
};

QCoro::Task<int> freeFunction(int a, int b)
{
    co_return a - b;
}

QCoro::Task<int> freeFunctionWithScope(CancelScope scope, int a)
{
    co_await scope.checkpoint();
    co_return a;
}

/// The result of what \a start starts.
template<typename Start>
QString resultOf(Start start)
{
    return outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<QString> {
        const auto handle = start(group);
        const auto value = co_await handle.result(group.scope());
        co_return Tests::valueText(value);
    }));
}

} // namespace

/// startSoon(): what may be called, with what, and how long it lives.
class tst_StartSoon : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void callsFunctions();
    void callsMemberFunctions();
    void prefersTheScope();
    void takesMoveOnlyArgumentsAndCallables();
    void takesReferencesByStdRef();
    void argumentsAreCopiedAtOnce();
    void aNameComesFirst();
    void callableAndArgumentsOutliveTheFrame();
    void callableAndArgumentsAreDestroyedOnTheGroupsThread();
    void aChildOfAChildBelongsToTheGroup();
    void aFunctionThatThrowsBeforeItIsACoroutineFails();

private:
    std::optional<Tests::MessageLog> m_log;
};

void tst_StartSoon::callsFunctions()
{
    QCOMPARE(resultOf([](TaskGroup &g) { return g.startSoon(freeFunction, 5, 3); }), QStringLiteral("2"));
    QCOMPARE(resultOf([](TaskGroup &g) { return g.startSoon(&freeFunctionWithScope, 4); }),
             QStringLiteral("4"));
    const std::function<QCoro::Task<int>(CancelScope)> function = [](CancelScope) -> QCoro::Task<int> {
        co_return 6;
    };
    QCOMPARE(resultOf([&](TaskGroup &g) { return g.startSoon(function); }), QStringLiteral("6"));
    QCOMPARE(resultOf([](TaskGroup &g) {
                 return g.startSoon([calls = 0]() mutable -> QCoro::Task<int> { co_return ++calls; });
             }),
             QStringLiteral("1"));
    QCOMPARE(resultOf([](TaskGroup &g) {
                 return g.startSoon(std::bind(freeFunction, 9, std::placeholders::_1), 2);
             }),
             QStringLiteral("7"));
}

void tst_StartSoon::callsMemberFunctions()
{
    Counter counter;
    SpecialCounter special;
    const auto shared = std::make_shared<Counter>();
    QCOMPARE(resultOf([&](TaskGroup &g) { return g.startSoon(&Counter::add, &counter, 3); }),
             QStringLiteral("3"));
    QCOMPARE(resultOf([&](TaskGroup &g) { return g.startSoon(&Counter::add, std::ref(counter), 4); }),
             QStringLiteral("7"));
    QCOMPARE(resultOf([&](TaskGroup &g) { return g.startSoon(&Counter::add, shared, 5); }),
             QStringLiteral("5"));
    QCOMPARE(resultOf([&](TaskGroup &g) { return g.startSoon(&Counter::peek, &counter); }),
             QStringLiteral("7"));
    QCOMPARE(resultOf([&](TaskGroup &g) { return g.startSoon(&Counter::kind, &special); }),
             QStringLiteral("2"));
    // a copy of its own, as everywhere
    QCOMPARE(resultOf([&](TaskGroup &g) { return g.startSoon(&Counter::add, counter, 1); }),
             QStringLiteral("8"));
    QCOMPARE(counter.total, 7);
}

void tst_StartSoon::prefersTheScope()
{
    const auto either = [](const auto &...args) -> QCoro::Task<int> { co_return int(sizeof...(args)); };
    QCOMPARE(resultOf([&](TaskGroup &g) { return g.startSoon(either, 1, 2); }), QStringLiteral("3"));
    // a scope among the arguments is an argument
    const CancelScope own;
    const auto withTwo = [](CancelScope its, CancelScope given) -> QCoro::Task<bool> {
        co_return !(its == given) && given.isCancelled();
    };
    own.cancel();
    QCOMPARE(resultOf([&](TaskGroup &g) { return g.startSoon(withTwo, own); }), QStringLiteral("true"));
}

void tst_StartSoon::takesMoveOnlyArgumentsAndCallables()
{
    const auto sum = [](CancelScope scope, std::unique_ptr<int> a,
                        std::unique_ptr<int> b) -> QCoro::Task<int> {
        co_await scope.checkpoint();
        co_return *a + *b;
    };
    QCOMPARE(resultOf([&](TaskGroup &g) {
                 return g.startSoon(sum, std::make_unique<int>(1), std::make_unique<int>(2));
             }),
             QStringLiteral("3"));
    QCOMPARE(resultOf([&](TaskGroup &g) {
                 return g.startSoon([own = std::make_unique<int>(4)](CancelScope scope) -> QCoro::Task<int> {
                     co_await scope.checkpoint();
                     co_return *own;
                 });
             }),
             QStringLiteral("4"));
}

void tst_StartSoon::takesReferencesByStdRef()
{
    int value = 1;
    const auto increment = [](CancelScope scope, int &number) -> QCoro::Task<int> {
        co_await scope.checkpoint();
        co_return ++number;
    };
    QCOMPARE(resultOf([&](TaskGroup &g) { return g.startSoon(increment, std::ref(value)); }),
             QStringLiteral("2"));
    QCOMPARE(value, 2);
}

void tst_StartSoon::argumentsAreCopiedAtOnce()
{
    QStringList seen;
    outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
        // A reference parameter of a coroutine is safe: the argument lives until the child has ended.
        const auto child = [&](CancelScope scope, const QString &text) -> QCoro::Task<> {
            co_await scope.checkpoint();
            seen += text;
        };
        QString text = QStringLiteral("before");
        group.startSoon(child, text);
        text = QStringLiteral("after");
        co_return;
    }));
    QCOMPARE(seen, QStringList{QStringLiteral("before")});
}

void tst_StartSoon::aNameComesFirst()
{
    const auto echo = [](QString text) -> QCoro::Task<QString> { co_return text; };
    QString name;
    QCOMPARE(resultOf([&](TaskGroup &g) {
                 const auto handle = g.startSoon(QStringLiteral("name"), echo, QStringLiteral("argument"));
                 name = handle.name();
                 return handle;
             }),
             QStringLiteral("argument"));
    QCOMPARE(name, QStringLiteral("name"));
}

void tst_StartSoon::callableAndArgumentsOutliveTheFrame()
{
    Farewells farewells;
    outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
        group.startSoon(
            [&farewells, callable = farewells.watch(QStringLiteral("callable"))](
                CancelScope scope, const std::shared_ptr<void> &) -> QCoro::Task<> {
                const auto local = farewells.watch(QStringLiteral("frame"));
                co_await scope.checkpoint();
            },
            farewells.watch(QStringLiteral("argument")));
        co_return;
    }));
    const auto names = farewells.names();
    QCOMPARE(names.size(), 3);
    QCOMPARE(names.first(), QStringLiteral("frame"));
}

void tst_StartSoon::callableAndArgumentsAreDestroyedOnTheGroupsThread()
{
    Farewells farewells;
    Owner owner;
    owner.group.startSoon([]() -> QCoro::Task<> { co_return; });
    std::thread([&farewells, handle = owner.group.handle()] {
        for (int i = 0; i < 100; ++i) {
            handle.startSoon(
                [callable = farewells.watch(QString()), i](CancelScope scope,
                                                           const std::shared_ptr<void> &) -> QCoro::Task<> {
                    if (i % 2)
                        co_await scope.checkpoint();
                },
                farewells.watch(QString()));
        }
    }).join();
    QTRY_COMPARE(farewells.names().size(), 200);
    QCOMPARE(farewells.threads().count(thread()), 200);
}

void tst_StartSoon::aChildOfAChildBelongsToTheGroup()
{
    const TestClock clock;
    QStringList log;
    const auto outcome = outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
        group.startSoon([&log, handle = group.handle()](CancelScope scope) -> QCoro::Task<> {
            handle.startSoon([&log](CancelScope childScope) -> QCoro::Task<> {
                co_await childScope.sleep(1s);
                log += QStringLiteral("grandchild");
            });
            scope.cancel(); // its own scope is not the other's
            log += QStringLiteral("child");
            co_return;
        });
        co_return;
    }));
    QCOMPARE(outcome, QStringLiteral("true"));
    QCOMPARE(log, (QStringList{QStringLiteral("child"), QStringLiteral("grandchild")}));
    QCOMPARE(clock.elapsed(), 1s);
}

void tst_StartSoon::aFunctionThatThrowsBeforeItIsACoroutineFails()
{
    const auto outcome = outcomeOf(withTaskGroup(CancelScope(), [](TaskGroup &group) -> QCoro::Task<> {
        group.startSoon([](int) -> QCoro::Task<> { throw Tests::failure("no coroutine"); }, 1);
        co_return;
    }));
    QCOMPARE(outcome, QStringLiteral("TaskGroupError(no coroutine)"));
}

QTEST_GUILESS_MAIN(tst_StartSoon)

#include "tst_startsoon.moc"
