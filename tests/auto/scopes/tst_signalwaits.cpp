// SPDX-License-Identifier: Apache-2.0
#include "../shared/emitter.h"
#include "../shared/looper.h"
#include "../shared/messagelog.h"
#include "../shared/recorder.h"

#include <MicroIO/CancelScope>

#include <QtTest/QtTest>

#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::Emitter;
using Tests::From;
using Tests::outcomeOf;
using Tests::record;
using Tests::turn;

// QT-06
/// cancellable(sender, signal).
class tst_SignalWaits : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void signalWithoutArguments();
    void signalWithOneArgument();
    void signalWithSeveralArguments();
    void privateSignalOfQt();
    void signalOfABaseClass();
    void onlyOneEmissionIsTaken();
    void emissionInTheSameThreadIsNotInline();
    void manyWaitersGetTheSameEmission();
    void emissionIsNeverMissed();
    void senderInAnotherThread();
    void emissionFromAPlainThread();
    void senderDestroyed_data();
    void senderDestroyed();
    void senderDestroyedInAnotherThread();
    void senderDestroyedAndScopeCancelled_data();
    void senderDestroyedAndScopeCancelled();
    void emissionOnTheWayBeatsTheDestruction();
    void nullSenderIsRefused();

private:
    std::optional<Tests::MessageLog> m_log;
};

void tst_SignalWaits::signalWithoutArguments()
{
    Emitter emitter;
    const auto wait = [&](CancelScope scope) -> QCoro::Task<> {
        co_await scope.cancellable(&emitter, &Emitter::nothing);
    };
    const auto waiter = record(wait(CancelScope()));
    turn(3);
    QVERIFY(!waiter->isDone());
    Q_EMIT emitter.nothing();
    QTRY_COMPARE(waiter->outcome(), QStringLiteral("ended"));
    QCOMPARE(emitter.listeners(), 0);
}

void tst_SignalWaits::signalWithOneArgument()
{
    Emitter emitter;
    const auto wait = [&](CancelScope scope) -> QCoro::Task<int> {
        const int number = co_await scope.cancellable(&emitter, &Emitter::one);
        co_return number;
    };
    QTimer::singleShot(0, &emitter, [&] { Q_EMIT emitter.one(7); });
    QCOMPARE(Tests::await(wait(CancelScope())), 7);
}

void tst_SignalWaits::signalWithSeveralArguments()
{
    Emitter emitter;
    const auto wait = [&](CancelScope scope) -> QCoro::Task<QString> {
        const auto [number, text] = co_await scope.cancellable(&emitter, &Emitter::two);
        co_return QStringLiteral("%1 %2").arg(number).arg(text);
    };
    QTimer::singleShot(0, &emitter, [&] { Q_EMIT emitter.two(7, QStringLiteral("seven")); });
    QCOMPARE(Tests::await(wait(CancelScope())), QStringLiteral("7 seven"));
}

void tst_SignalWaits::privateSignalOfQt()
{
    QTimer timer; // real time: a signal of Qt's own
    timer.setSingleShot(true);
    timer.start(1);
    const auto timeout = [&](CancelScope scope) -> QCoro::Task<> {
        co_await scope.cancellable(&timer, &QTimer::timeout);
    };
    QCOMPARE(outcomeOf(timeout(CancelScope())), QStringLiteral("ended"));

    QObject object;
    const auto named = [&](CancelScope scope) -> QCoro::Task<QString> {
        const QString name = co_await scope.cancellable(&object, &QObject::objectNameChanged);
        co_return name;
    };
    QTimer::singleShot(0, &object, [&] { object.setObjectName(QStringLiteral("name")); });
    QCOMPARE(outcomeOf(named(CancelScope())), QStringLiteral("name"));
}

void tst_SignalWaits::signalOfABaseClass()
{
    Emitter emitter;
    const auto wait = [&](CancelScope scope) -> QCoro::Task<QString> {
        const QString name = co_await scope.cancellable(&emitter, &QObject::objectNameChanged);
        co_return name;
    };
    QTimer::singleShot(0, &emitter, [&] { emitter.setObjectName(QStringLiteral("name")); });
    QCOMPARE(outcomeOf(wait(CancelScope())), QStringLiteral("name"));
}

void tst_SignalWaits::onlyOneEmissionIsTaken()
{
    Emitter emitter;
    QList<int> taken;
    const auto wait = [&](CancelScope scope) -> QCoro::Task<> {
        for (int i = 0; i < 2; ++i) {
            const int number = co_await scope.cancellable(&emitter, &Emitter::one);
            taken += number;
        }
    };
    const auto waiter = record(wait(CancelScope()));
    Q_EMIT emitter.one(1);
    Q_EMIT emitter.one(2); // nobody waits
    QTRY_COMPARE(taken, QList{1});
    Q_EMIT emitter.one(3);
    QTRY_VERIFY(waiter->isDone());
    QCOMPARE(taken, (QList{1, 3}));
}

// invariant 5
void tst_SignalWaits::emissionInTheSameThreadIsNotInline()
{
    Emitter emitter;
    const auto wait = [&](CancelScope scope) -> QCoro::Task<> {
        co_await scope.cancellable(&emitter, &Emitter::nothing);
    };
    const auto waiter = record(wait(CancelScope()));
    Q_EMIT emitter.nothing();
    QVERIFY(!waiter->isDone());
    QTRY_VERIFY(waiter->isDone());
}

void tst_SignalWaits::manyWaitersGetTheSameEmission()
{
    Emitter emitter;
    QList<int> taken;
    const auto wait = [&](CancelScope scope) -> QCoro::Task<> {
        const int number = co_await scope.cancellable(&emitter, &Emitter::one);
        taken += number;
    };
    for (int i = 0; i < 100; ++i)
        wait(CancelScope());
    Q_EMIT emitter.one(7);
    QTRY_COMPARE(taken, QList<int>(100, 7));
    QCOMPARE(emitter.listeners(), 0);
}

// "from the co_await on": also when the coroutine has used up its slice of the loop's time.
void tst_SignalWaits::emissionIsNeverMissed()
{
    constexpr int count = 100;
    Emitter emitter;
    const CancelScope scope;
    int taken = 0;
    const auto wait = [&]() -> QCoro::Task<> {
        co_await scope.cancellable(&emitter, &Emitter::nothing);
        ++taken;
    };
    const auto begin = [&] {
        QTest::qSleep(5); // real time, as slices are: longer than one
        for (int i = 0; i < count; ++i)
            wait();
        Q_EMIT emitter.nothing();
    };
    begin();
    turn(5);
    const int takenOutside = taken;
    taken = 0;
    const auto inACoroutine = [&]() -> QCoro::Task<> {
        co_await CancelScope().checkpoint();
        begin();
    };
    const auto ended = record(inACoroutine());
    QTRY_VERIFY(ended->isDone());
    turn(5);
    const int takenInside = taken;
    Q_EMIT emitter.nothing(); // for those that have missed it
    turn(5);
    QCOMPARE(takenOutside, count);
    QCOMPARE(takenInside, count);
}

void tst_SignalWaits::senderInAnotherThread()
{
    Tests::Looper thread;
    std::unique_ptr<Emitter> emitter;
    thread.call([&] { emitter = std::make_unique<Emitter>(); });
    const auto wait = [&](CancelScope scope) -> QCoro::Task<QString> {
        const auto [number, text] = co_await scope.cancellable(emitter.get(), &Emitter::two);
        co_return QStringLiteral("%1 %2 %3")
            .arg(number)
            .arg(text, QThread::currentThread() == qApp->thread() ? QStringLiteral("here")
                                                                  : QStringLiteral("there"));
    };
    auto task = wait(CancelScope());
    thread.post([&] { Q_EMIT emitter->two(7, QStringLiteral("seven")); });
    QCOMPARE(Tests::await(std::move(task)), QStringLiteral("7 seven here"));
    thread.call([&] { emitter.reset(); });
}

void tst_SignalWaits::emissionFromAPlainThread()
{
    Emitter emitter;
    const auto wait = [&](CancelScope scope) -> QCoro::Task<int> {
        const int number = co_await scope.cancellable(&emitter, &Emitter::one);
        co_return number;
    };
    auto task = wait(CancelScope());
    std::thread([&] { Q_EMIT emitter.one(7); }).join();
    QCOMPARE(Tests::await(std::move(task)), 7);
}

void tst_SignalWaits::senderDestroyed_data()
{
    QTest::addColumn<bool>("derived");
    QTest::newRow("QObject") << false;
    QTest::newRow("an heir") << true;
}

void tst_SignalWaits::senderDestroyed()
{
    QFETCH(bool, derived);

    auto emitter = std::make_unique<Emitter>();
    QObject *object = emitter.get();
    QString message;
    const auto wait = [&](CancelScope scope) -> QCoro::Task<> {
        try {
            if (derived)
                co_await scope.cancellable(emitter.get(), &Emitter::nothing);
            else
                co_await scope.cancellable(object, &QObject::objectNameChanged);
        } catch (const BrokenResourceError &e) {
            message = e.message();
            throw;
        }
    };
    const auto waiter = record(wait(CancelScope()));
    turn(2);
    emitter.reset();
    QVERIFY(!waiter->isDone());
    QTRY_VERIFY(waiter->isDone());
    QCOMPARE(waiter->outcome(), QStringLiteral("BrokenResourceError"));
    QCOMPARE(message, QStringLiteral("the sender was destroyed before it emitted the signal"));
}

void tst_SignalWaits::senderDestroyedInAnotherThread()
{
    Tests::Looper thread;
    std::unique_ptr<Emitter> emitter;
    thread.call([&] { emitter = std::make_unique<Emitter>(); });
    const auto wait = [&](CancelScope scope) -> QCoro::Task<> {
        co_await scope.cancellable(emitter.get(), &Emitter::nothing);
    };
    const auto waiter = record(wait(CancelScope()));
    thread.call([&] { emitter.reset(); });
    QTRY_VERIFY(waiter->isDone());
    QCOMPARE(waiter->outcome(), QStringLiteral("BrokenResourceError"));
    QCOMPARE(waiter->thread(), QThread::currentThread());
}

void tst_SignalWaits::senderDestroyedAndScopeCancelled_data()
{
    QTest::addColumn<bool>("cancelledFirst");
    QTest::addColumn<QString>("outcome");
    QTest::newRow("cancelled first") << true << QStringLiteral("Cancelled(enough)");
    QTest::newRow("destroyed first") << false << QStringLiteral("BrokenResourceError");
}

void tst_SignalWaits::senderDestroyedAndScopeCancelled()
{
    QFETCH(bool, cancelledFirst);
    QFETCH(QString, outcome);

    auto emitter = std::make_unique<Emitter>();
    const CancelScope scope;
    const auto wait = [&]() -> QCoro::Task<> {
        co_await scope.cancellable(emitter.get(), &Emitter::nothing);
    };
    const auto waiter = record(wait());
    if (cancelledFirst)
        scope.cancel(QStringLiteral("enough"));
    emitter.reset();
    scope.cancel(QStringLiteral("enough"));
    QTRY_VERIFY(waiter->isDone());
    QCOMPARE(waiter->outcome(), outcome);
}

void tst_SignalWaits::emissionOnTheWayBeatsTheDestruction()
{
    auto emitter = std::make_unique<Emitter>();
    const auto wait = [&](CancelScope scope) -> QCoro::Task<int> {
        const int number = co_await scope.cancellable(emitter.get(), &Emitter::one);
        co_return number;
    };
    auto task = wait(CancelScope());
    Q_EMIT emitter->one(7);
    emitter.reset();
    QCOMPARE(Tests::await(std::move(task)), 7);
}

// Bad input
void tst_SignalWaits::nullSenderIsRefused()
{
    const CancelScope scope;
    Emitter *const none = nullptr;
    QVERIFY_THROWS_EXCEPTION(std::invalid_argument, scope.cancellable(none, &Emitter::nothing));
}

QTEST_GUILESS_MAIN(tst_SignalWaits)
#include "tst_signalwaits.moc"
