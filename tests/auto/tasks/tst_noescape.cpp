// SPDX-License-Identifier: Apache-2.0
#include "../shared/messagelog.h"
#include "../shared/outcome.h"

#include <MicroIO/CancelScope>
#include <MicroIO/CloseScope>
#include <MicroIO/Errors>
#include <MicroIO/RunInThread>
#include <MicroIO/TaskGroup>

#include <QtTest/QtTest>

#include <coroutine>
#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::errorText;
using Tests::failure;
using Tests::outcomeOf;

namespace {

struct Owner : QObject
{
    TaskGroup group{this};
};

enum class Thrown { StdException, Int, Class, GroupError };

struct NoException
{
};

[[noreturn]] void throwIt(Thrown thrown)
{
    switch (thrown) {
    case Thrown::StdException:
        throw failure("X");
    case Thrown::Int:
        throw 5;
    case Thrown::Class:
        throw NoException();
    case Thrown::GroupError:
        throw TaskGroupError({std::make_exception_ptr(failure("X"))});
    }
    Q_UNREACHABLE();
}

using Child = std::function<QCoro::Task<>(CancelScope, Thrown)>;

QCoro::Task<> atOnce(CancelScope, Thrown thrown)
{
    throwIt(thrown);
    co_return;
}

QCoro::Task<> later(CancelScope scope, Thrown thrown)
{
    co_await scope.checkpoint();
    throwIt(thrown);
}

QCoro::Task<> noCoroutine(CancelScope, Thrown thrown)
{
    throwIt(thrown);
}

QCoro::Task<> fromADestructor(CancelScope scope, Thrown thrown)
{
    struct Trap
    {
        Thrown thrown;
        ~Trap() noexcept(false) { throwIt(thrown); }
    };
    const Trap trap{thrown};
    co_await scope.checkpoint();
}

QCoro::Task<> whileCleaningUp(CancelScope scope, Thrown thrown)
{
    scope.cancel();
    try {
        co_await scope.checkpoint();
    } catch (const Cancelled &) {
        throwIt(thrown);
    }
}

QCoro::Task<> fromAPoolThread(CancelScope scope, Thrown thrown)
{
    co_await runInThread(scope, [thrown] { throwIt(thrown); });
}

} // namespace

/// Invariant 11: no exception escapes into Qt's event loop; each is told, once.
class tst_NoEscape : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void invariant11_ofAChild_data();
    void invariant11_ofAChild();
    void invariant11_ofACallback_data();
    void invariant11_ofACallback();
    void invariant11_ofAHandlerOfErrors();
    void invariant11_ofAnotherCoroutineType();
    void invariant11_atTheEndOfAGroup();
    void invariant11_whatIsAbandonedFailsLater();
    void invariant11_workThatTheDestructorWaitedFor();
    void invariant11_aValueThatThrowsWhenItIsCopied();

private:
    std::optional<Tests::MessageLog> m_log;
};

void tst_NoEscape::invariant11_ofAChild_data()
{
    QTest::addColumn<Child>("child");
    QTest::addColumn<int>("thrown");
    const std::pair<const char *, Child> children[] = {
        {"at once", atOnce},
        {"later", later},
        {"no coroutine", noCoroutine},
        {"from a destructor", fromADestructor},
        {"while cleaning up", whileCleaningUp},
        {"on a pool thread", fromAPoolThread},
    };
    const std::pair<const char *, Thrown> kinds[] = {
        {"std::exception", Thrown::StdException},
        {"int", Thrown::Int},
        {"class", Thrown::Class},
        {"group error", Thrown::GroupError},
    };
    for (const auto &[name, child] : children) {
        for (const auto &[kind, thrown] : kinds)
            QTest::addRow("%s, %s", name, kind) << child << int(thrown);
    }
}

// QT-07, for every group and with or without anyone who listens
void tst_NoEscape::invariant11_ofAChild()
{
    QFETCH(Child, child);
    QFETCH(int, thrown);
    QString text;
    try {
        throwIt(Thrown(thrown));
    } catch (...) {
        text = errorText(std::current_exception());
    }
    const QString inLog = Thrown(thrown) == Thrown::StdException ? QStringLiteral("X")
                          : Thrown(thrown) == Thrown::GroupError
                              ? QStringLiteral("an error in a task group: X")
                              : QStringLiteral("an exception that is no std::exception");
    // withTaskGroup(): in its error
    QCOMPARE(outcomeOf(withTaskGroup(CancelScope(),
                                     [&](TaskGroup &group) -> QCoro::Task<> {
                                         group.startSoon(child, Thrown(thrown));
                                         co_return;
                                     })),
             QStringLiteral("TaskGroupError(%1)").arg(text));
    QCOMPARE(m_log->take(), QStringList());

    // an open group without a listener: in the log
    Owner owner;
    const auto handle = owner.group.startSoon(QStringLiteral("child"), child, Thrown(thrown));
    QTRY_COMPARE(owner.group.size(), 0);
    QCOMPARE(m_log->take(), QStringList{QStringLiteral("critical microio.task: child failed: ") + inLog});
    const auto awaited = [&]() -> QCoro::Task<> { co_await handle.result(CancelScope()); };
    QCOMPARE(outcomeOf(awaited()), text);
    QCOMPARE(m_log->take(), QStringList());

    // with a listener: there
    QStringList heard;
    owner.group.onError(this, [&](std::exception_ptr error) { heard += errorText(error); });
    owner.group.startSoon(child, Thrown(thrown));
    QTRY_COMPARE(heard, QStringList{text});

    // by start(): to its caller
    const auto starting = [&](CancelScope scope, TaskStatus<>) { return child(scope, Thrown(thrown)); };
    QCOMPARE(outcomeOf(owner.group.start(CancelScope(), starting)), text);
    Tests::turn(2);
    QCOMPARE(heard, QStringList{text});
}

void tst_NoEscape::invariant11_ofACallback_data()
{
    QTest::addColumn<QString>("callback");
    for (const auto *callback : {"onCancel", "onClosed", "onCancel, late", "onClosed, late"})
        QTest::newRow(callback) << QString::fromLatin1(callback);
}

void tst_NoEscape::invariant11_ofACallback()
{
    QFETCH(QString, callback);
    int calls = 0;
    const auto throwing = [&] {
        ++calls;
        throw failure("X");
    };
    const CancelScope scope;
    CloseScope state;
    const bool isLate = callback.endsWith(QStringLiteral("late"));
    const bool isCancel = callback.startsWith(QStringLiteral("onCancel"));
    for (const bool subscribes : {!isLate, isLate}) {
        if (subscribes) {
            isCancel ? scope.onCancel(this, throwing) : state.onClosed(this, throwing);
        } else {
            scope.cancel();
            state.close();
        }
    }
    QCOMPARE(calls, 0);
    QTRY_COMPARE(calls, 1);
    Tests::turn(2); // the loop goes on
    const QStringList said = m_log->take();
    QCOMPARE(said.size(), 1);
    QVERIFY2(said.first().startsWith(QStringLiteral("critical"))
                 && said.first().contains(QStringLiteral("callback threw")),
             qPrintable(said.first()));
}

void tst_NoEscape::invariant11_ofAHandlerOfErrors()
{
    Owner owner;
    owner.group.onError(this, [](std::exception_ptr error) { std::rethrow_exception(error); });
    owner.group.startSoon(later, Thrown::Int);
    owner.group.startSoon(later, Thrown::StdException);
    Tests::turn(4);
    QCOMPARE(m_log->take().size(), 2);
    QCOMPARE(owner.group.size(), 0);
}

namespace {

/// A coroutine type that keeps no exception: it comes out of resume().
struct Careless
{
    struct promise_type
    {
        Careless get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { throw; }
    };

    std::coroutine_handle<promise_type> coroutine;
};

Careless careless(CancelScope scope)
{
    co_await scope.checkpoint();
    throw failure("careless");
}

} // namespace

void tst_NoEscape::invariant11_ofAnotherCoroutineType()
{
    const auto other = careless(CancelScope());
    Tests::turn(2);
    QVERIFY(other.coroutine.done());
    other.coroutine.destroy();
    const QStringList said = m_log->take();
    QCOMPARE(said.size(), 1);
    QVERIFY2(
        said.first().startsWith(QStringLiteral("critical microio.task: A coroutine let an exception escape")),
        qPrintable(said.first()));
}

void tst_NoEscape::invariant11_atTheEndOfAGroup()
{
    auto owner = std::make_unique<Owner>();
    for (const auto thrown : {Thrown::StdException, Thrown::Int}) {
        owner->group.startSoon([thrown](CancelScope scope) -> QCoro::Task<> {
            try {
                co_await scope.sleep(1h);
            } catch (const Cancelled &) {
                throwIt(thrown);
            }
        });
    }
    Tests::turn();
    owner.reset();
    QCOMPARE(m_log->take().filter(QStringLiteral("failed: ")).size(), 2);
}

// QT-07: "each error ends in a group, future, state or the last-resort handler, once"
void tst_NoEscape::invariant11_whatIsAbandonedFailsLater()
{
    CloseScope gate;
    const CancelScope scope;
    const auto foreign = [](CloseScope until) -> QCoro::Task<> {
        co_await until.closed(CancelScope());
        throw failure("abandoned");
    };
    const auto waiting = [&]() -> QCoro::Task<> { co_await scope.abandonOnCancel(foreign(gate)); };
    QTimer::singleShot(0, this, [&] { scope.cancel(QStringLiteral("impatient")); });
    QCOMPARE(outcomeOf(waiting()), QStringLiteral("Cancelled(impatient)"));
    gate.close();
    Tests::turn(2);
    QCOMPARE(m_log->take().filter(QStringLiteral("abandoned")).size(), 1);
}

// QT-07
void tst_NoEscape::invariant11_workThatTheDestructorWaitedFor()
{
    CloseScope running;
    QString told;
    auto owner = std::make_unique<Owner>();
    owner->group.startSoon(QStringLiteral("child"), [&](CancelScope scope) -> QCoro::Task<> {
        try {
            co_await runInThread(scope, [&](CancelScope its) {
                running.close();
                while (!its.isCancelled())
                    std::this_thread::yield();
                throw failure("disk full");
            });
        } catch (const std::exception &e) {
            told = QString::fromUtf8(e.what());
        }
    });
    Tests::turn(2);
    QVERIFY(running.wait());
    owner.reset();
    // to who awaits it, or to the log
    QCOMPARE(told.count(QStringLiteral("disk full"))
                 + m_log->take().filter(QStringLiteral("disk full")).size(),
             1);
}

namespace {

struct Uncopyable
{
    Uncopyable() = default;
    Uncopyable(const Uncopyable &) { throw failure("copied"); }
    Uncopyable(Uncopyable &&) = default;
    Uncopyable &operator=(Uncopyable &&) = default;
    ~Uncopyable() = default;
};

} // namespace

void tst_NoEscape::invariant11_aValueThatThrowsWhenItIsCopied()
{
    const auto outcome = outcomeOf(withTaskGroup(CancelScope(), [](TaskGroup &group) -> QCoro::Task<QString> {
        const auto handle = group.startSoon([](CancelScope scope) -> QCoro::Task<Uncopyable> {
            co_await scope.checkpoint();
            co_return Uncopyable();
        });
        QString text;
        try {
            co_await handle.result(group.scope());
        } catch (...) {
            text = errorText(std::current_exception());
        }
        co_return text;
    }));
    QCOMPARE(outcome, QStringLiteral("copied"));
}

QTEST_GUILESS_MAIN(tst_NoEscape)

#include "tst_noescape.moc"
