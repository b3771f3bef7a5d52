// SPDX-License-Identifier: Apache-2.0
#include "../shared/errorchain.h"
#include "../shared/messagelog.h"
#include "../shared/outcome.h"

#include <MicroIO/CancelScope>
#include <MicroIO/Channel>
#include <MicroIO/Errors>

#include <QtTest/QtTest>

#include <functional>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::await;
using Tests::chainFrom;
using Tests::chainThrownBy;
using Tests::failure;
using Tests::Probe;
using Tests::turn;

namespace {

std::exception_ptr error(const char *text)
{
    return std::make_exception_ptr(failure(text));
}

QCoro::Task<int> receiveOne(ReceiveChannel<int> &receive, CancelScope scope)
{
    co_return co_await receive.receive(scope);
}

QCoro::Task<std::optional<int>> nextOne(ReceiveChannel<int> &receive, CancelScope scope)
{
    co_return co_await receive.next(scope);
}

/// A receive under way: what it gave, "waits" until then.
class Receiving
{
public:
    Receiving(ReceiveChannel<int> &receive, CancelScope scope)
        : m_state(std::make_shared<QString>(QStringLiteral("waits")))
    {
        run(receive, std::move(scope), m_state);
    }
    QString outcome() const { return *m_state; }
    /// After the event loop has had time for it.
    QString settled() const
    {
        turn(3);
        return *m_state;
    }

private:
    static QCoro::Task<> run(ReceiveChannel<int> &receive, CancelScope scope, std::shared_ptr<QString> state)
    {
        QString outcome;
        try {
            outcome = QString::number(co_await receive.receive(scope));
        } catch (...) {
            outcome = Tests::chainOf(std::current_exception());
        }
        *state = outcome;
    }

    std::shared_ptr<QString> m_state;
};

/// All that \a receive gives until it throws, and what that was.
QString receiveAll(ReceiveChannel<int> &receive)
{
    QStringList log;
    for (int i = 0; i < 20; ++i) {
        try {
            log += QString::number(await(receiveOne(receive, CancelScope())));
        } catch (...) {
            log += Tests::chainOf(std::current_exception());
            break;
        }
    }
    return log.join(QLatin1Char(' '));
}

/// The same in loop form: the end of the stream is "|".
QString nextAll(ReceiveChannel<int> &receive)
{
    QStringList log;
    const auto loop = [&]() -> QCoro::Task<> {
        CancelScope scope;
        while (auto item = co_await receive.next(scope))
            log += QString::number(*item);
        log += QStringLiteral("|");
    };
    try {
        await(loop());
    } catch (...) {
        log += Tests::chainOf(std::current_exception());
    }
    return log.join(QLatin1Char(' '));
}

enum class End { Close, LastCopyGone, Fail, ReceiverCloses, ReceiverFails };

struct EndName
{
    End end;
    const char *name;
};
constexpr EndName allEnds[] = {{End::Close, "close"},
                               {End::LastCopyGone, "last copy gone"},
                               {End::Fail, "fail"},
                               {End::ReceiverCloses, "receiver closes"},
                               {End::ReceiverFails, "receiver fails"}};

void apply(End end, Channel<int> &channel)
{
    switch (end) {
    case End::Close:
        QVERIFY(channel.send.close());
        break;
    case End::LastCopyGone:
        channel.send = SendChannel<int>();
        break;
    case End::Fail:
        QVERIFY(channel.send.fail(error("X")));
        break;
    case End::ReceiverCloses:
        QVERIFY(channel.receive.close());
        break;
    case End::ReceiverFails:
        QVERIFY(channel.receive.fail(error("X")));
        break;
    }
}

} // namespace

/// One thread: order, ends, errors, cancellation. tst_channelthreads.cpp has the rest.
class tst_Channel : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void itemsAreNumberedAndArriveInOrder();
    void moveOnlyItemsAreReceivedAndDrained();
    void aValueThatIsAnErrorIsAValue();
    void statsTellWhatHappened();

    void anEndWakesAWaitingReceive_data();
    void anEndWakesAWaitingReceive();
    void whatIsQueuedIsReceivedBeforeTheEnd_data();
    void whatIsQueuedIsReceivedBeforeTheEnd();
    void theEndIsToldForEver_data();
    void theEndIsToldForEver();
    void onlyTheFirstEndCounts_data();
    void onlyTheFirstEndCounts();
    void aFailureWithoutAnErrorIsABrokenResource();
    void lateSendsThrowOrAreDroppedAndCounted_data();
    void lateSendsThrowOrAreDroppedAndCounted();
    void aDroppedReceiveEndRefusesSends_data();
    void aDroppedReceiveEndRefusesSends();
    void droppingTheReceiveEndEndsAWaitingReceive();
    void theStreamEndsWithTheLastCopyOfTheSendEnd();
    void aCopyThatClosesEndsItForAllCopies();

    void drainGivesAllInOrder_data();
    void drainGivesAllInOrder();
    void itemsAreDestroyedOnce_data();
    void itemsAreDestroyedOnce();
    void aThrowingReceiverLosesNothingThatIsQueued();
    void anItemsDestructorMaySend();

    void aCancelledReceiveLeavesTheItem_data();
    void aCancelledReceiveLeavesTheItem();
    void aReceiveInACancelledScopeTakesNothing_data();
    void aReceiveInACancelledScopeTakesNothing();
    void aWokenReceiveReturnsItsItemAlthoughItIsCancelled();
    void aReceiveCancelledBeforeTheItemComesTakesNothing();
    void aWokenReceiveWhoseItemWasDrainedWaitsOn();
    void aWokenReceiveWhoseItemWasDrainedCanBeCancelled();
    void aWokenReceiveWhoseItemWasDrainedSeesTheEnd();
    void aSecondReceiveIsRefusedAtOnce();
    void afterACancelledReceiveAnotherMayWait();
    void theReceiveEndCanBeMovedWhileAReceiveWaits();

    void invariant5_neverResumedInsideACall_data();
    void invariant5_neverResumedInsideACall();

private:
    std::optional<Tests::MessageLog> m_log;
};

// CH-01
void tst_Channel::itemsAreNumberedAndArriveInOrder()
{
    auto [send, receive] = createChannel<int>();
    for (int i = 1; i <= 3; ++i)
        QCOMPARE(send.sendNow(i * 10), std::optional<quint64>(i));
    receive.bind();
    const auto copy = send;
    QCOMPARE(copy.sendNow(40), std::optional<quint64>(4));
    for (int i = 1; i <= 4; ++i)
        QCOMPARE(await(receiveOne(receive, CancelScope())), i * 10);
    Receiving waiting(receive, CancelScope());
    QCOMPARE(send.sendNow(50), std::optional<quint64>(5));
    QCOMPARE(waiting.settled(), QStringLiteral("50"));
}

void tst_Channel::moveOnlyItemsAreReceivedAndDrained()
{
    auto channel = createChannel<std::unique_ptr<int>>();
    auto &receive = channel.receive;
    for (int i = 1; i <= 4; ++i)
        channel.send.sendNow(std::make_unique<int>(i));
    const auto two = [&]() -> QCoro::Task<int> {
        CancelScope scope;
        const auto first = co_await receive.receive(scope);
        const auto second = co_await receive.next(scope);
        co_return *first * 10 + **second;
    };
    QCOMPARE(await(two()), 12);
    const auto rest = receive.drainNow();
    QCOMPARE(rest.size(), size_t(2));
    QCOMPARE(*rest[0] * 10 + *rest[1], 34);

    bool got = false;
    const auto late = [&]() -> QCoro::Task<> {
        CancelScope scope;
        const auto item = co_await receive.receive(scope);
        got = *item == 5;
    };
    auto task = late();
    channel.send.sendNow(std::make_unique<int>(5));
    await(std::move(task));
    QVERIFY(got);
}

// D12
void tst_Channel::aValueThatIsAnErrorIsAValue()
{
    auto channel = createChannel<std::exception_ptr>();
    channel.send.sendNow(error("a value"));
    channel.send.sendNow(nullptr);
    channel.send.close();
    const auto body = [&]() -> QCoro::Task<QStringList> {
        QStringList log;
        CancelScope scope;
        while (auto item = co_await channel.receive.next(scope))
            log += Tests::chainOf(*item);
        co_return log;
    };
    QCOMPARE(await(body()), (QStringList{QStringLiteral("a value"), QStringLiteral("none")}));
}

void tst_Channel::statsTellWhatHappened()
{
    ChannelOptions options;
    options.lateSend = LateSend::Drop;
    auto [send, receive] = createChannel<int>(options);
    for (int i = 0; i < 5; ++i)
        send.sendNow(i);
    await(receiveOne(receive, CancelScope()));
    auto stats = send.stats();
    QCOMPARE(stats.sent, 5u);
    QCOMPARE(stats.received, 1u);
    QCOMPARE(stats.queued, 4);
    QCOMPARE(stats.dropped, 0u);
    QVERIFY(!stats.closed);
    QVERIFY(!send.isClosed() && !receive.isClosed());

    receive.drainNow();
    send.close();
    send.sendNow(6);
    send.sendNow(7);
    stats = receive.stats();
    QCOMPARE(stats.sent, 5u);
    QCOMPARE(stats.received, 5u);
    QCOMPARE(stats.queued, 0);
    QCOMPARE(stats.dropped, 2u);
    QVERIFY(stats.closed);
    QVERIFY(send.isClosed() && receive.isClosed());
}

namespace {
void addEnds(const QMap<End, const char *> &expected)
{
    QTest::addColumn<int>("end");
    QTest::addColumn<QString>("expected");
    for (const auto &end : allEnds) {
        if (expected.contains(end.end))
            QTest::newRow(end.name) << int(end.end) << QString::fromLatin1(expected.value(end.end));
    }
}
} // namespace

// CH-03, CH-04, CH-12
void tst_Channel::anEndWakesAWaitingReceive_data()
{
    addEnds({{End::Close, "EndOfStream"},
             {End::LastCopyGone, "EndOfStream"},
             {End::Fail, "X"},
             {End::ReceiverCloses, "ClosedResourceError"},
             {End::ReceiverFails, "X"}});
}

void tst_Channel::anEndWakesAWaitingReceive()
{
    QFETCH(int, end);
    QFETCH(QString, expected);
    {
        auto channel = createChannel<int>();
        const Receiving waiting(channel.receive, CancelScope());
        QCOMPARE(waiting.settled(), QStringLiteral("waits"));
        apply(End(end), channel);
        QCOMPARE(waiting.settled(), expected);
    }
    {
        auto channel = createChannel<int>();
        const auto loop = [&]() -> QCoro::Task<QString> {
            CancelScope scope;
            QString text;
            try {
                const auto item = co_await channel.receive.next(scope);
                text = item ? QStringLiteral("an item") : QStringLiteral("EndOfStream");
            } catch (...) {
                text = Tests::chainOf(std::current_exception());
            }
            co_return text;
        };
        auto task = loop();
        turn();
        QVERIFY(!task.isReady());
        apply(End(end), channel);
        QCOMPARE(await(std::move(task)), expected);
    }
}

// CH-03, CH-04, D7
void tst_Channel::whatIsQueuedIsReceivedBeforeTheEnd_data()
{
    addEnds({{End::Close, "1 2 3 EndOfStream"},
             {End::LastCopyGone, "1 2 3 EndOfStream"},
             {End::Fail, "1 2 3 X"},
             {End::ReceiverCloses, "ClosedResourceError"},
             {End::ReceiverFails, "1 2 3 X"}});
}

void tst_Channel::whatIsQueuedIsReceivedBeforeTheEnd()
{
    QFETCH(int, end);
    QFETCH(QString, expected);
    for (const bool inLoopForm : {false, true}) {
        auto channel = createChannel<int>();
        for (int i = 1; i <= 3; ++i)
            channel.send.sendNow(i);
        apply(End(end), channel);
        if (inLoopForm)
            QCOMPARE(nextAll(channel.receive),
                     expected.replace(QStringLiteral("EndOfStream"), QStringLiteral("|")));
        else
            QCOMPARE(receiveAll(channel.receive), expected);
        if (End(end) == End::ReceiverCloses)
            QCOMPARE(channel.receive.drainNow(), (std::vector<int>{1, 2, 3}));
    }
}

// CH-03, CH-04: and it does not spin or wait
void tst_Channel::theEndIsToldForEver_data()
{
    anEndWakesAWaitingReceive_data();
}

void tst_Channel::theEndIsToldForEver()
{
    QFETCH(int, end);
    QFETCH(QString, expected);
    auto channel = createChannel<int>();
    apply(End(end), channel);
    for (int i = 0; i < 50; ++i) {
        QCOMPARE(chainFrom(receiveOne(channel.receive, CancelScope())), expected);
        if (expected == QStringLiteral("EndOfStream"))
            QCOMPARE(await(nextOne(channel.receive, CancelScope())), std::nullopt);
        else
            QCOMPARE(chainFrom(nextOne(channel.receive, CancelScope())), expected);
    }
}

// CH-04, CH-13
void tst_Channel::onlyTheFirstEndCounts_data()
{
    QTest::addColumn<int>("first");
    QTest::addColumn<int>("second");
    for (const auto &first : allEnds) {
        for (const auto &second : allEnds) {
            if (first.end != End::LastCopyGone && second.end != End::LastCopyGone)
                QTest::addRow("%s, then %s", first.name, second.name) << int(first.end) << int(second.end);
        }
    }
}

void tst_Channel::onlyTheFirstEndCounts()
{
    QFETCH(int, first);
    QFETCH(int, second);
    auto channel = createChannel<int>();
    channel.send.sendNow(1);
    apply(End(first), channel);
    switch (End(second)) {
    case End::Close:
        QVERIFY(!channel.send.close());
        break;
    case End::Fail:
        QVERIFY(!channel.send.fail(error("Y")));
        break;
    case End::ReceiverCloses:
        QVERIFY(!channel.receive.close());
        break;
    case End::ReceiverFails:
        QVERIFY(!channel.receive.fail(error("Y")));
        break;
    case End::LastCopyGone:
        break;
    }
    switch (End(first)) {
    case End::Close:
        QCOMPARE(receiveAll(channel.receive), QStringLiteral("1 EndOfStream"));
        break;
    case End::Fail:
    case End::ReceiverFails:
        QCOMPARE(receiveAll(channel.receive), QStringLiteral("1 X"));
        break;
    case End::ReceiverCloses:
        QCOMPARE(receiveAll(channel.receive), QStringLiteral("ClosedResourceError"));
        break;
    case End::LastCopyGone:
        break;
    }
}

void tst_Channel::aFailureWithoutAnErrorIsABrokenResource()
{
    auto channel = createChannel<int>();
    QVERIFY(channel.send.fail(nullptr));
    QCOMPARE(receiveAll(channel.receive), QStringLiteral("BrokenResourceError"));
    QCOMPARE(chainThrownBy([&] { channel.send.sendNow(1); }), QStringLiteral("ClosedResourceError"));
}

// CH-05, CH-12
void tst_Channel::lateSendsThrowOrAreDroppedAndCounted_data()
{
    QTest::addColumn<int>("end");
    QTest::addColumn<bool>("drop");
    QTest::addColumn<QString>("expected");
    const auto row = [](End end, const char *name, const char *expected) {
        QTest::addRow("%s, throw", name) << int(end) << false << QString::fromLatin1(expected);
        QTest::addRow("%s, drop", name) << int(end) << true << QStringLiteral("nothing");
    };
    row(End::Close, "close", "ClosedResourceError");
    row(End::Fail, "fail", "ClosedResourceError < X");
    row(End::ReceiverCloses, "receiver closes", "BrokenResourceError");
    row(End::ReceiverFails, "receiver fails", "BrokenResourceError < X");
}

void tst_Channel::lateSendsThrowOrAreDroppedAndCounted()
{
    QFETCH(int, end);
    QFETCH(bool, drop);
    QFETCH(QString, expected);
    ChannelOptions options;
    options.lateSend = drop ? LateSend::Drop : LateSend::Throw;
    auto channel = createChannel<int>(options);
    channel.send.sendNow(1);
    apply(End(end), channel);
    for (int i = 0; i < 3; ++i) {
        std::optional<quint64> number = 99;
        QCOMPARE(chainThrownBy([&] { number = channel.send.sendNow(2); }), expected);
        QCOMPARE(number, drop ? std::nullopt : std::optional<quint64>(99));
    }
    QCOMPARE(channel.send.stats().dropped, 3u);
    QCOMPARE(channel.send.stats().sent, 1u);
    QCOMPARE(channel.receive.drainNow(), std::vector<int>{1});
}

// CH-12
void tst_Channel::aDroppedReceiveEndRefusesSends_data()
{
    QTest::addColumn<bool>("byAssignment");
    QTest::newRow("destroyed") << false;
    QTest::newRow("assigned over") << true;
}

void tst_Channel::aDroppedReceiveEndRefusesSends()
{
    QFETCH(bool, byAssignment);
    auto channel = createChannel<int>();
    auto receive = std::make_unique<ReceiveChannel<int>>(std::move(channel.receive));
    channel.send.sendNow(1);
    if (byAssignment)
        *receive = createChannel<int>().receive;
    else
        receive.reset();
    QCOMPARE(chainThrownBy([&] { channel.send.sendNow(2); }), QStringLiteral("BrokenResourceError"));
    QVERIFY(channel.send.isClosed());
    QVERIFY(!channel.send.close());
    const auto stats = channel.send.stats();
    QCOMPARE(stats.queued, 0);
    QCOMPARE(stats.dropped, 1u);
}

// CH-12
void tst_Channel::droppingTheReceiveEndEndsAWaitingReceive()
{
    auto channel = createChannel<int>();
    std::optional<Receiving> waiting;
    {
        ReceiveChannel<int> receive = std::move(channel.receive);
        waiting.emplace(receive, CancelScope());
        QCOMPARE(waiting->settled(), QStringLiteral("waits"));
    }
    QCOMPARE(waiting->settled(), QStringLiteral("ClosedResourceError"));
}

// CH-13
void tst_Channel::theStreamEndsWithTheLastCopyOfTheSendEnd()
{
    auto channel = createChannel<int>();
    std::vector<SendChannel<int>> copies(3, channel.send);
    channel.send = SendChannel<int>();
    const Receiving waiting(channel.receive, CancelScope());
    copies.pop_back();
    copies.pop_back();
    QCOMPARE(waiting.settled(), QStringLiteral("waits"));
    QVERIFY(!channel.receive.isClosed());
    copies.back().sendNow(1);
    QCOMPARE(waiting.settled(), QStringLiteral("1"));
    const Receiving again(channel.receive, CancelScope());
    copies.pop_back();
    QVERIFY(channel.receive.isClosed());
    QCOMPARE(again.settled(), QStringLiteral("EndOfStream"));
}

// CH-13
void tst_Channel::aCopyThatClosesEndsItForAllCopies()
{
    auto channel = createChannel<int>();
    const SendChannel<int> copy = channel.send;
    {
        const SendChannel<int> closer = channel.send;
        QVERIFY(closer.close());
        QVERIFY(!closer.close());
    }
    QVERIFY(!copy.close());
    QVERIFY(copy.isClosed());
    QCOMPARE(chainThrownBy([&] { copy.sendNow(1); }), QStringLiteral("ClosedResourceError"));
    QCOMPARE(chainThrownBy([&] { channel.send.sendNow(1); }), QStringLiteral("ClosedResourceError"));
}

namespace {
enum class DrainWhen { Unbound, Bound, Closed, Failed, SendersGone };
}

// CH-20
void tst_Channel::drainGivesAllInOrder_data()
{
    QTest::addColumn<int>("when");
    QTest::addColumn<QString>("afterwards");
    QTest::newRow("before any bind") << int(DrainWhen::Unbound) << QString();
    QTest::newRow("bound") << int(DrainWhen::Bound) << QString();
    QTest::newRow("closed") << int(DrainWhen::Closed) << QStringLiteral("EndOfStream");
    QTest::newRow("failed") << int(DrainWhen::Failed) << QStringLiteral("X");
    QTest::newRow("send ends gone") << int(DrainWhen::SendersGone) << QStringLiteral("EndOfStream");
}

void tst_Channel::drainGivesAllInOrder()
{
    QFETCH(int, when);
    QFETCH(QString, afterwards);
    auto channel = createChannel<int>();
    if (DrainWhen(when) == DrainWhen::Bound)
        channel.receive.bind();
    for (int i = 1; i <= 3; ++i)
        channel.send.sendNow(i);
    if (DrainWhen(when) == DrainWhen::Closed)
        channel.send.close();
    else if (DrainWhen(when) == DrainWhen::Failed)
        channel.send.fail(error("X"));
    else if (DrainWhen(when) == DrainWhen::SendersGone)
        channel.send = SendChannel<int>();
    QCOMPARE(channel.receive.drainNow(), (std::vector<int>{1, 2, 3}));
    QCOMPARE(channel.receive.drainNow(), std::vector<int>());
    QCOMPARE(channel.receive.stats().received, 3u);
    if (afterwards.isEmpty()) {
        channel.send.sendNow(4);
        QCOMPARE(channel.receive.drainNow(), std::vector<int>{4});
    } else {
        QCOMPARE(receiveAll(channel.receive), afterwards);
        QCOMPARE(receiveAll(channel.receive), afterwards);
    }
}

namespace {
enum class Fate { Received, Drained, LeftInChannel, RefusedThrow, RefusedDrop, TakenByDeadFrame };
}

void tst_Channel::itemsAreDestroyedOnce_data()
{
    QTest::addColumn<int>("fate");
    QTest::newRow("received") << int(Fate::Received);
    QTest::newRow("drained") << int(Fate::Drained);
    QTest::newRow("left in the channel") << int(Fate::LeftInChannel);
    QTest::newRow("refused, throws") << int(Fate::RefusedThrow);
    QTest::newRow("refused, dropped") << int(Fate::RefusedDrop);
    QTest::newRow("given to a receive that was cancelled too") << int(Fate::TakenByDeadFrame);
}

// CH-20
void tst_Channel::itemsAreDestroyedOnce()
{
    QFETCH(int, fate);
    std::atomic<int> alive = 0;
    {
        ChannelOptions options;
        options.lateSend = Fate(fate) == Fate::RefusedDrop ? LateSend::Drop : LateSend::Throw;
        auto channel = createChannel<Probe>(options);
        auto &receive = channel.receive;
        CancelScope scope;
        const auto loop = [&]() -> QCoro::Task<> {
            for (;;)
                const Probe item = co_await receive.receive(scope);
        };
        if (Fate(fate) == Fate::RefusedThrow || Fate(fate) == Fate::RefusedDrop)
            channel.send.close();
        if (Fate(fate) == Fate::Received || Fate(fate) == Fate::TakenByDeadFrame)
            loop();
        for (int i = 0; i < 5; ++i) {
            try {
                channel.send.sendNow(Probe(alive));
            } catch (const ClosedResourceError &) {
            }
        }
        switch (Fate(fate)) {
        case Fate::Received:
            QCOMPARE(alive.load(), 5);
            turn(3);
            QCOMPARE(alive.load(), 0);
            scope.cancel();
            turn(2);
            break;
        case Fate::Drained: {
            const auto items = receive.drainNow();
            QCOMPARE(alive.load(), 5);
            break;
        }
        case Fate::LeftInChannel:
            QCOMPARE(alive.load(), 5);
            break;
        case Fate::RefusedThrow:
        case Fate::RefusedDrop:
            break;
        case Fate::TakenByDeadFrame:
            scope.cancel();
            turn(3);
            QCOMPARE(channel.send.stats().received, 1u);
            QCOMPARE(alive.load(), 4);
            break;
        }
        if (Fate(fate) != Fate::LeftInChannel && Fate(fate) != Fate::TakenByDeadFrame)
            QCOMPARE(alive.load(), 0);
    }
    QCOMPARE(alive.load(), 0);
}

void tst_Channel::aThrowingReceiverLosesNothingThatIsQueued()
{
    auto channel = createChannel<int>();
    for (int i = 1; i <= 3; ++i)
        channel.send.sendNow(i);
    const auto loop = [&]() -> QCoro::Task<> {
        CancelScope scope;
        while (auto item = co_await channel.receive.next(scope)) {
            if (*item == 2)
                throw failure("handler");
        }
    };
    QCOMPARE(chainFrom(loop()), QStringLiteral("handler"));
    QCOMPARE(channel.receive.drainNow(), std::vector<int>{3});
}

namespace {
/// Says by the channel it travels in that it is gone: foreign code that must not meet a lock.
struct Talker
{
    explicit Talker(SendChannel<Talker> *c)
        : channel(c)
    {
    }
    Talker(Talker &&other) noexcept
        : channel(std::exchange(other.channel, nullptr))
    {
    }
    Talker &operator=(Talker &&) = delete;
    ~Talker()
    {
        if (channel)
            channel->sendNow(Talker(nullptr));
    }
    SendChannel<Talker> *channel;
};
} // namespace

void tst_Channel::anItemsDestructorMaySend()
{
    ChannelOptions options;
    options.lateSend = LateSend::Drop;
    auto channel = createChannel<Talker>(options);
    channel.send.sendNow(Talker(&channel.send));
    channel.receive.drainNow();
    QCOMPARE(channel.send.stats().queued, 1);
    channel.send.sendNow(Talker(&channel.send));
    channel.receive = ReceiveChannel<Talker>();
    QCOMPARE(channel.send.stats().dropped, 1u);
    channel.send.sendNow(Talker(&channel.send)); // dropped, and what its destructor sends is too
    QCOMPARE(channel.send.stats().dropped, 3u);
}

// CH-07
void tst_Channel::aCancelledReceiveLeavesTheItem_data()
{
    QTest::addColumn<bool>("next");
    QTest::newRow("receive") << false;
    QTest::newRow("next") << true;
}

void tst_Channel::aCancelledReceiveLeavesTheItem()
{
    QFETCH(bool, next);
    auto channel = createChannel<int>();
    CancelScope scope;
    QString outcome;
    const auto body = [&]() -> QCoro::Task<> {
        try {
            if (next)
                co_await channel.receive.next(scope);
            else
                co_await channel.receive.receive(scope);
            outcome = QStringLiteral("an item");
        } catch (...) {
            outcome = Tests::chainOf(std::current_exception());
        }
    };
    auto task = body();
    scope.cancel(QStringLiteral("why"));
    turn(3);
    channel.send.sendNow(7);
    await(std::move(task));
    QCOMPARE(outcome, QStringLiteral("Cancelled(why)"));
    QCOMPARE(await(receiveOne(channel.receive, CancelScope())), 7);
}

// CH-07
void tst_Channel::aReceiveInACancelledScopeTakesNothing_data()
{
    aCancelledReceiveLeavesTheItem_data();
}

void tst_Channel::aReceiveInACancelledScopeTakesNothing()
{
    QFETCH(bool, next);
    auto channel = createChannel<int>();
    channel.send.sendNow(7);
    CancelScope scope;
    scope.cancel(QStringLiteral("why"));
    for (int i = 0; i < 3; ++i) {
        QCOMPARE(next ? chainFrom(nextOne(channel.receive, scope))
                      : chainFrom(receiveOne(channel.receive, scope)),
                 QStringLiteral("Cancelled(why)"));
    }
    QCOMPARE(channel.receive.stats().received, 0u);
    QCOMPARE(await(receiveOne(channel.receive, CancelScope())), 7);
    // also at the end of the stream: the scope goes first
    channel.send.close();
    QCOMPARE(next ? chainFrom(nextOne(channel.receive, scope))
                  : chainFrom(receiveOne(channel.receive, scope)),
             QStringLiteral("Cancelled(why)"));
}

// D6, invariant 2
void tst_Channel::aWokenReceiveReturnsItsItemAlthoughItIsCancelled()
{
    auto channel = createChannel<int>();
    CancelScope scope;
    const Receiving woken(channel.receive, scope);
    channel.send.sendNow(7);
    QCOMPARE(channel.receive.stats().queued, 1); // a completion only wakes
    scope.cancel();
    QCOMPARE(woken.settled(), QStringLiteral("7"));
    QCOMPARE(channel.receive.stats().queued, 0);
    QCOMPARE(chainFrom(receiveOne(channel.receive, scope)), QStringLiteral("Cancelled()"));
}

// D6, invariant 2
void tst_Channel::aReceiveCancelledBeforeTheItemComesTakesNothing()
{
    auto channel = createChannel<int>();
    CancelScope scope;
    const Receiving cancelled(channel.receive, scope);
    scope.cancel();
    channel.send.sendNow(7); // in the same turn
    QCOMPARE(cancelled.settled(), QStringLiteral("Cancelled()"));
    QCOMPARE(channel.receive.drainNow(), std::vector<int>{7});
}

// D6
void tst_Channel::aWokenReceiveWhoseItemWasDrainedWaitsOn()
{
    auto channel = createChannel<int>();
    const Receiving receiving(channel.receive, CancelScope());
    for (int i = 0; i < 3; ++i) {
        channel.send.sendNow(i);
        QCOMPARE(channel.receive.drainNow(), std::vector<int>{i});
        QCOMPARE(receiving.settled(), QStringLiteral("waits"));
    }
    channel.send.sendNow(8);
    QCOMPARE(receiving.settled(), QStringLiteral("8"));
}

// D6
void tst_Channel::aWokenReceiveWhoseItemWasDrainedCanBeCancelled()
{
    for (const bool atOnce : {true, false}) {
        auto channel = createChannel<int>();
        CancelScope scope;
        const Receiving receiving(channel.receive, scope);
        channel.send.sendNow(1);
        channel.receive.drainNow();
        if (!atOnce)
            QCOMPARE(receiving.settled(), QStringLiteral("waits"));
        scope.cancel(QStringLiteral("why"));
        QCOMPARE(receiving.settled(), QStringLiteral("Cancelled(why)"));
        channel.send.sendNow(2);
        QCOMPARE(channel.receive.drainNow(), std::vector<int>{2});
    }
}

// D6
void tst_Channel::aWokenReceiveWhoseItemWasDrainedSeesTheEnd()
{
    auto channel = createChannel<int>();
    const Receiving receiving(channel.receive, CancelScope());
    channel.send.sendNow(1);
    channel.receive.drainNow();
    channel.send.close();
    QCOMPARE(receiving.settled(), QStringLiteral("EndOfStream"));
}

// D14
void tst_Channel::aSecondReceiveIsRefusedAtOnce()
{
    auto channel = createChannel<int>();
    const Receiving first(channel.receive, CancelScope());
    const Receiving second(channel.receive, CancelScope());
    QCOMPARE(second.outcome(), QStringLiteral("BusyResourceError")); // without a turn of the loop
    QCOMPARE(first.settled(), QStringLiteral("waits"));
    channel.send.sendNow(1);
    channel.send.sendNow(2);
    const Receiving third(channel.receive, CancelScope()); // the first one is woken, but has not resumed
    QCOMPARE(third.outcome(), QStringLiteral("BusyResourceError"));
    QCOMPARE(first.settled(), QStringLiteral("1"));
    const Receiving fourth(channel.receive, CancelScope());
    QCOMPARE(fourth.outcome(), QStringLiteral("2"));
}

void tst_Channel::afterACancelledReceiveAnotherMayWait()
{
    auto channel = createChannel<int>();
    CancelScope scope;
    const Receiving first(channel.receive, scope);
    scope.cancel();
    QCOMPARE(first.settled(), QStringLiteral("Cancelled()"));
    const Receiving second(channel.receive, CancelScope());
    channel.send.sendNow(1);
    QCOMPARE(second.settled(), QStringLiteral("1"));
}

void tst_Channel::theReceiveEndCanBeMovedWhileAReceiveWaits()
{
    auto channel = createChannel<int>();
    const Receiving waiting(channel.receive, CancelScope());
    ReceiveChannel<int> moved = std::move(channel.receive);
    channel.send.sendNow(1);
    QCOMPARE(waiting.settled(), QStringLiteral("1"));
    channel.send.sendNow(2);
    QCOMPARE(await(receiveOne(moved, CancelScope())), 2);
}

// invariant 5, D13
void tst_Channel::invariant5_neverResumedInsideACall_data()
{
    QTest::addColumn<int>("end");
    QTest::newRow("sendNow") << -1;
    for (const auto &end : allEnds)
        QTest::newRow(end.name) << int(end.end);
}

void tst_Channel::invariant5_neverResumedInsideACall()
{
    QFETCH(int, end);
    auto channel = createChannel<int>();
    const Receiving waiting(channel.receive, CancelScope());
    if (end < 0)
        channel.send.sendNow(1);
    else
        apply(End(end), channel);
    QCOMPARE(waiting.outcome(), QStringLiteral("waits"));
    QVERIFY(waiting.settled() != QStringLiteral("waits"));
}

QTEST_GUILESS_MAIN(tst_Channel)

#include "tst_channel.moc"
