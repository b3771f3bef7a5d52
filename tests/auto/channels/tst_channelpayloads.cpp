// SPDX-License-Identifier: Apache-2.0
#include "../shared/await.h"
#include "../shared/errorchain.h"
#include "../shared/messagelog.h"
#include "../shared/outcome.h"

#include <MicroIO/CancelScope>
#include <MicroIO/Channel>
#include <MicroIO/Mailbox>

#include <QtTest/QtTest>

using namespace MicroIO;
using Tests::await;
using Tests::chainOf;
using Tests::chainThrownBy;
using Tests::turn;

namespace {

/// A number that cannot be copied, and whose move constructor throws when it is told to: with the object moved from
/// left as it was.
class Fragile
{
public:
    explicit Fragile(int n)
        : number(n)
    {
        ++alive;
    }
    Fragile(Fragile &&other)
        : number(other.number)
    {
        if (movesLeft > 0 && --movesLeft == 0)
            throw Tests::failure("move");
        other.number = -1;
        ++alive;
    }
    Fragile &operator=(Fragile &&) = delete;
    ~Fragile() { --alive; }

    int number;

    /// The move that throws, counted from now on; 0: none does.
    static inline int movesLeft = 0;
    static inline int alive = 0;
};

/// Sends to its own channel when it is destroyed, also the empty ones that moving leaves behind.
class Talker
{
public:
    explicit Talker(const SendChannel<Talker> *c)
        : channel(c)
    {
        ++alive;
    }
    Talker(Talker &&other) noexcept
        : channel(std::exchange(other.channel, nullptr))
        , speaker(other.speaker)
    {
        ++alive;
    }
    Talker &operator=(Talker &&) = delete;
    ~Talker()
    {
        --alive;
        if (speaker && --left > 0)
            speaker->sendNow(Talker(nullptr));
        else if (channel && !speaker)
            channel->sendNow(Talker(nullptr));
    }

    const SendChannel<Talker> *channel;
    const SendChannel<Talker> *speaker =
        nullptr; // speaks at each destruction, as long as there is something left
    static inline int left = 0;
    static inline int alive = 0;
};

enum class Take { Receive, Next, Batch, TryReceive, Drain };
constexpr std::pair<Take, const char *> allTakes[] = {{Take::Receive, "receive"},
                                                      {Take::Next, "next"},
                                                      {Take::Batch, "nextBatch"},
                                                      {Take::TryReceive, "tryReceive"},
                                                      {Take::Drain, "drainNow"}};

/// Takes one item, or all: their numbers, "-" if there is none, or what was thrown.
QString take(Take how, ReceiveChannel<Fragile> &receive)
{
    QStringList numbers;
    const auto body = [&]() -> QCoro::Task<> {
        CancelScope scope;
        if (how == Take::Receive) {
            const Fragile item = co_await receive.receive(scope);
            numbers += QString::number(item.number);
        } else if (how == Take::Next) {
            const auto item = co_await receive.next(scope);
            numbers += item ? QString::number(item->number) : QStringLiteral("-");
        } else {
            const auto items = co_await receive.nextBatch(scope);
            for (const Fragile &item : items)
                numbers += QString::number(item.number);
        }
    };
    try {
        if (how == Take::TryReceive) {
            const auto item = receive.tryReceive();
            numbers += item ? QString::number(item->number) : QStringLiteral("-");
        } else if (how == Take::Drain) {
            for (const Fragile &item : receive.drainNow())
                numbers += QString::number(item.number);
        } else {
            await(body());
        }
    } catch (...) {
        numbers += chainOf(std::current_exception());
    }
    return numbers.join(QLatin1Char(' '));
}

void sendAll(const SendChannel<Fragile> &send, int count)
{
    for (int i = 1; i <= count; ++i)
        send.sendNow(Fragile(i));
}

QString sendOutcome(const SendChannel<Fragile> &send, int number, int throwingMove)
{
    QString outcome = QStringLiteral("waits");
    const auto body = [&]() -> QCoro::Task<> {
        CancelScope scope;
        try {
            Fragile item(number);
            Fragile::movesLeft = throwingMove;
            const auto accepted = co_await send.send(scope, std::move(item));
            outcome = QString::number(*accepted);
        } catch (...) {
            outcome = chainOf(std::current_exception());
        }
    };
    await(body());
    return outcome;
}

} // namespace

/// Items that are hard to handle: moves that throw, destructors that send.
class tst_ChannelPayloads : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init()
    {
        m_log.emplace();
        Fragile::movesLeft = Fragile::alive = 0;
        Talker::left = Talker::alive = 0;
    }
    void cleanup()
    {
        QCOMPARE(m_log->take(), QStringList());
        QCOMPARE(Fragile::alive, 0);
        QCOMPARE(Talker::alive, 0);
    }

    void aMoveThatThrowsLeavesTheItem_data();
    void aMoveThatThrowsLeavesTheItem();
    void aLaterMoveThatThrowsLeavesTheRest();
    void aSendWhoseMoveThrowsHasNotSent();
    void aBlockedSendWhoseMoveThrowsHasNotSent_data();
    void aBlockedSendWhoseMoveThrowsHasNotSent();
    void aWokenReceiveWhoseMoveThrows();
    void aMoveThatThrowsAndTheEnds();
    void destructorsMaySend_data();
    void destructorsMaySend();
    void destructorsOfBlockedSendsMaySend();
    void anItemMayOwnItsOwnChannel();

private:
    std::optional<Tests::MessageLog> m_log;
};

void tst_ChannelPayloads::aMoveThatThrowsLeavesTheItem_data()
{
    QTest::addColumn<int>("how");
    QTest::addColumn<bool>("bounded");
    for (const auto &[how, name] : allTakes) {
        QTest::addRow("%s", name) << int(how) << false;
        QTest::addRow("%s, bounded", name) << int(how) << true;
    }
}

void tst_ChannelPayloads::aMoveThatThrowsLeavesTheItem()
{
    QFETCH(int, how);
    QFETCH(bool, bounded);
    ChannelOptions options;
    if (bounded)
        options.capacity = 3;
    auto channel = createChannel<Fragile>(options);
    sendAll(channel.send, 3);
    for (int i = 0; i < 3; ++i) {
        Fragile::movesLeft = 1;
        QCOMPARE(take(Take(how), channel.receive), QStringLiteral("move"));
        QCOMPARE(channel.send.stats().queued, 3);
        QCOMPARE(channel.send.stats().received, 0u);
    }
    const bool isAll = Take(how) == Take::Batch || Take(how) == Take::Drain;
    QCOMPARE(take(Take(how), channel.receive), isAll ? QStringLiteral("1 2 3") : QStringLiteral("1"));
    channel.send.sendNow(Fragile(4));
    QCOMPARE(take(Take::Drain, channel.receive), isAll ? QStringLiteral("4") : QStringLiteral("2 3 4"));
}

void tst_ChannelPayloads::aLaterMoveThatThrowsLeavesTheRest()
{
    for (const Take how : {Take::Batch, Take::Drain}) {
        auto channel = createChannel<Fragile>();
        sendAll(channel.send, 4);
        Fragile::movesLeft = 3;
        QCOMPARE(take(how, channel.receive), QStringLiteral("1 2"));
        QCOMPARE(channel.send.stats().received, 2u);
        QCOMPARE(take(how, channel.receive), QStringLiteral("3 4"));
    }
}

void tst_ChannelPayloads::aSendWhoseMoveThrowsHasNotSent()
{
    int thrown = 0;
    for (int throwing = 1; throwing <= 6; ++throwing) {
        auto channel = createChannel<Fragile>();
        sendAll(channel.send, 1);
        Fragile item(2);
        Fragile::movesLeft = throwing;
        const QString now = chainThrownBy([&] { channel.send.sendNow(std::move(item)); });
        Fragile::movesLeft = 0;
        QString expected = QStringLiteral("1");
        if (now == QStringLiteral("nothing"))
            expected += QStringLiteral(" 2");
        else
            QCOMPARE(now, QStringLiteral("move"));
        thrown += now == QStringLiteral("move");

        const QString awaited = sendOutcome(channel.send, 3, throwing);
        Fragile::movesLeft = 0;
        if (awaited != QStringLiteral("move"))
            expected += QStringLiteral(" 3");
        thrown += awaited == QStringLiteral("move");
        channel.send.sendNow(Fragile(4));
        QCOMPARE(take(Take::Drain, channel.receive), expected + QStringLiteral(" 4"));
    }
    QVERIFY(thrown >= 4); // both ways, and into the channel too
}

void tst_ChannelPayloads::aBlockedSendWhoseMoveThrowsHasNotSent_data()
{
    QTest::addColumn<int>("capacity");
    QTest::newRow("bounded") << 1;
    QTest::newRow("rendezvous") << 0;
}

void tst_ChannelPayloads::aBlockedSendWhoseMoveThrowsHasNotSent()
{
    QFETCH(int, capacity);
    auto channel = createChannel<Fragile>({.capacity = capacity});
    sendAll(channel.send, capacity);
    QStringList outcomes{QStringLiteral("waits"), QStringLiteral("waits")};
    const auto body = [&](int index, int number) -> QCoro::Task<> {
        CancelScope scope;
        QString outcome;
        try {
            Fragile item(number);
            co_await channel.send.send(scope, std::move(item));
            outcome = QStringLiteral("sent");
        } catch (...) {
            outcome = chainOf(std::current_exception());
        }
        outcomes[index] = outcome;
    };
    body(0, 8);
    body(1, 9);
    // bounded: the first move takes the queued item out, the second one brings the oldest sender's in
    Fragile::movesLeft = capacity + 1;
    const QString taken = take(Take::TryReceive, channel.receive);
    QCOMPARE(taken, capacity ? QStringLiteral("1") : QStringLiteral("9"));
    turn(3);
    QCOMPARE(outcomes, (QStringList{QStringLiteral("move"), QStringLiteral("sent")}));
    QCOMPARE(take(Take::TryReceive, channel.receive), capacity ? QStringLiteral("9") : QStringLiteral("-"));
}

// The exception leaves the co_await, not the event loop.
void tst_ChannelPayloads::aWokenReceiveWhoseMoveThrows()
{
    for (const auto &[how, name] : allTakes) {
        if (how == Take::TryReceive || how == Take::Drain)
            continue;
        auto channel = createChannel<Fragile>();
        QTimer::singleShot(0, this, [&] {
            channel.send.sendNow(Fragile(1));
            Fragile::movesLeft = 1;
        });
        QCOMPARE(take(how, channel.receive), QStringLiteral("move"));
        QCOMPARE(take(how, channel.receive), QStringLiteral("1"));
    }
}

void tst_ChannelPayloads::aMoveThatThrowsAndTheEnds()
{
    for (const bool byReceiver : {false, true}) {
        auto channel = createChannel<Fragile>();
        sendAll(channel.send, 2);
        if (byReceiver)
            channel.receive.close();
        else
            channel.send.close();
        Fragile::movesLeft = 1;
        QCOMPARE(take(Take::Drain, channel.receive), QStringLiteral("move"));
        QCOMPARE(take(Take::Drain, channel.receive), QStringLiteral("1 2"));
        Fragile late(3);
        Fragile::movesLeft = 1;
        QCOMPARE(chainThrownBy([&] { channel.send.sendNow(std::move(late)); }), QStringLiteral("move"));
        QCOMPARE(late.number, 3);
        channel.receive = {};
    }
}

namespace {
enum class Fate { Received, Batch, Drained, TryReceived, Dropped, Refused };
}

void tst_ChannelPayloads::destructorsMaySend_data()
{
    QTest::addColumn<int>("fate");
    QTest::addColumn<bool>("everyShell"); // also the empty ones that moving leaves in the channel
    for (const bool everyShell : {false, true}) {
        QTest::addRow("received, %d", everyShell) << int(Fate::Received) << everyShell;
        QTest::addRow("in a batch, %d", everyShell) << int(Fate::Batch) << everyShell;
        QTest::addRow("drained, %d", everyShell) << int(Fate::Drained) << everyShell;
        QTest::addRow("tried, %d", everyShell) << int(Fate::TryReceived) << everyShell;
        QTest::addRow("dropped with the receive end, %d", everyShell) << int(Fate::Dropped) << everyShell;
        QTest::addRow("refused, %d", everyShell) << int(Fate::Refused) << everyShell;
    }
}

void tst_ChannelPayloads::destructorsMaySend()
{
    QFETCH(int, fate);
    QFETCH(bool, everyShell);
    auto channel = createChannel<Talker>({.lateSend = LateSend::Drop});
    if (Fate(fate) == Fate::Refused)
        channel.send.close();
    Talker::left = everyShell ? 20 : 0;
    const auto send = [&] {
        Talker item(&channel.send);
        if (everyShell)
            item.speaker = &channel.send;
        channel.send.sendNow(std::move(item));
    };
    for (int i = 0; i < 3; ++i)
        send();
    const auto body = [&]() -> QCoro::Task<> {
        CancelScope scope;
        if (Fate(fate) == Fate::Batch)
            co_await channel.receive.nextBatch(scope);
        for (int i = 0; i < 3 && Fate(fate) == Fate::Received; ++i)
            co_await channel.receive.receive(scope);
    };
    switch (Fate(fate)) {
    case Fate::Received:
    case Fate::Batch:
        await(body());
        break;
    case Fate::Drained:
        channel.receive.drainNow();
        break;
    case Fate::TryReceived:
        for (int i = 0; i < 3; ++i)
            channel.receive.tryReceive();
        break;
    case Fate::Dropped:
    case Fate::Refused:
        break;
    }
    const auto before = channel.send.stats();
    QVERIFY(Fate(fate) == Fate::Refused ? before.dropped >= 3 : before.sent >= 3);
    channel.receive = {};
    const auto after = channel.send.stats();
    QCOMPARE(after.queued, 0);
    if (Fate(fate) == Fate::Dropped)
        QVERIFY(after.dropped > before.dropped);
    Talker::left = 0;
}

void tst_ChannelPayloads::destructorsOfBlockedSendsMaySend()
{
    for (const QString &end : {QStringLiteral("cancel"), QStringLiteral("close"), QStringLiteral("drop")}) {
        auto channel = createChannel<Talker>({.lateSend = LateSend::Drop, .capacity = 2});
        channel.send.sendNow(Talker(nullptr));
        channel.send.sendNow(Talker(nullptr));
        CancelScope scope;
        int refused = 0;
        const auto body = [&]() -> QCoro::Task<> {
            Talker item(&channel.send);
            try {
                co_await channel.send.send(scope, std::move(item));
            } catch (const Cancelled &) {
                ++refused;
            }
        };
        body();
        if (end == QStringLiteral("cancel"))
            channel.receive.tryReceive(); // admits it: the item is in, and cancelling comes too late
        scope.cancel();
        if (end == QStringLiteral("close"))
            channel.send.close();
        else if (end == QStringLiteral("drop"))
            channel.receive = {};
        channel.receive = {};
        turn(3);
        QCOMPARE(refused, end == QStringLiteral("cancel") ? 0 : 1);
        QCOMPARE(channel.send.stats().blockedSends, 0);
    }
}

namespace {
/// Holds both ends of the channel that it travels in, by way of an actor's mailbox.
struct Owner
{
    std::shared_ptr<Mailbox<std::shared_ptr<Owner>>> mailbox =
        std::make_shared<Mailbox<std::shared_ptr<Owner>>>();
};
} // namespace

void tst_ChannelPayloads::anItemMayOwnItsOwnChannel()
{
    std::weak_ptr<Owner> weak;
    {
        auto owner = std::make_shared<Owner>();
        weak = owner;
        const auto mailbox = owner->mailbox;
        mailbox->submit(owner);
        mailbox->submit(std::move(owner));
        auto items = mailbox->drainNow();
        QCOMPARE(items.size(), size_t(2));
    }
    QVERIFY(weak.expired());
}

QTEST_GUILESS_MAIN(tst_ChannelPayloads)
#include "tst_channelpayloads.moc"
