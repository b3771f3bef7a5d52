// SPDX-License-Identifier: Apache-2.0
#include "receiving.h"

#include "../shared/looper.h"
#include "../shared/messagelog.h"

#include <QtTest/QtTest>

#include <numeric>
#include <thread>

using namespace MicroIO;
using Tests::await;
using Tests::chainFrom;
using Tests::chainThrownBy;
using Tests::End;
using Tests::error;
using Tests::Looper;
using Tests::receiveOne;
using Tests::Receiving;
using Tests::turn;

namespace {

QCoro::Task<std::vector<int>> batchOf(ReceiveChannel<int> &receive, CancelScope scope = CancelScope())
{
    co_return co_await receive.nextBatch(scope);
}

/// What a notifier has signalled, in order, and whether on its own thread.
class Signals
{
public:
    explicit Signals(ChannelNotifier *notifier, std::function<QString()> onReadyRead = {})
    {
        const auto note = [this](const QString &what) {
            const std::lock_guard lock(m_mutex);
            m_log += what;
            m_thread = QThread::currentThread();
        };
        QObject::connect(notifier, &ChannelNotifier::readyRead, notifier, [note, onReadyRead] {
            note(QStringLiteral("readyRead") + (onReadyRead ? onReadyRead() : QString()));
        });
        QObject::connect(notifier, &ChannelNotifier::closed, notifier,
                         [note] { note(QStringLiteral("closed")); });
        QObject::connect(notifier, &ChannelNotifier::failed, notifier,
                         [note](const QString &text) { note(QStringLiteral("failed(%1)").arg(text)); });
    }
    QString log() const
    {
        const std::lock_guard lock(m_mutex);
        return m_log.join(QLatin1Char(' '));
    }
    QString settled() const
    {
        turn(3);
        return log();
    }
    QThread *thread() const
    {
        const std::lock_guard lock(m_mutex);
        return m_thread;
    }

private:
    mutable std::mutex m_mutex;
    QStringList m_log; // guarded by m_mutex
    QThread *m_thread = nullptr; // guarded by m_mutex
};

QString textOf(const std::vector<int> &items)
{
    QStringList texts;
    for (const int item : items)
        texts += QString::number(item);
    return QStringLiteral("[%1]").arg(texts.join(QLatin1Char(' ')));
}

} // namespace

/// The other ways to receive: batches, without waiting, and by signals.
class tst_ChannelReceiving : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void aBatchIsAllThatIsQueued();
    void aBatchWaitsForOneItem();
    void aBatchIsEmptyAtTheEnd();
    void batchesAndSingleItemsKeepTheOrder();
    void aWokenBatchReturnsAlthoughItIsCancelled();

    void tryReceiveNeverWaits();
    void tryReceiveWhileAReceiveWaitsIsRefused();
    void tryReceiveElsewhereIsRefused();
    void tryReceiveNeedsNoLoopBeforeBinding();
    void anEmptyEndIsClosed();

    void oneSignalForABurst();
    void theNotifierTellsWhatCameBefore();
    void itemsAreSignalledBeforeTheEnd_data();
    void itemsAreSignalledBeforeTheEnd();
    void signalsComeOnTheReceiversThread();
    void theNotifierIsMadeOnTheReceiversThread();
    void theNotifierGoesWithTheReceiveEnd_data();
    void theNotifierGoesWithTheReceiveEnd();
    void aSlotMayDropTheReceiveEnd();
    void aSlotThatThrowsIsLogged();
    void aRendezvousSenderIsSignalled();

private:
    std::optional<Tests::MessageLog> m_log;
};

void tst_ChannelReceiving::aBatchIsAllThatIsQueued()
{
    auto channel = createChannel<int>();
    std::vector<int> expected(1'000);
    std::iota(expected.begin(), expected.end(), 1);
    for (const int item : expected)
        channel.send.sendNow(item);
    QCOMPARE(await(batchOf(channel.receive)), expected);
    QCOMPARE(channel.receive.stats().received, 1'000u);
    QCOMPARE(channel.receive.stats().queued, 0);
}

void tst_ChannelReceiving::aBatchWaitsForOneItem()
{
    auto channel = createChannel<int>();
    auto task = batchOf(channel.receive);
    turn(2);
    QVERIFY(!task.isReady());
    channel.send.sendNow(1);
    channel.send.sendNow(2); // before it has resumed
    QCOMPARE(await(std::move(task)), (std::vector<int>{1, 2}));
}

void tst_ChannelReceiving::aBatchIsEmptyAtTheEnd()
{
    auto channel = createChannel<int>();
    channel.send.sendNow(1);
    channel.send.close();
    QCOMPARE(await(batchOf(channel.receive)), std::vector<int>{1});
    for (int i = 0; i < 3; ++i)
        QCOMPARE(await(batchOf(channel.receive)), std::vector<int>());
    auto failed = createChannel<int>();
    failed.send.sendNow(1);
    failed.send.fail(error("X"));
    QCOMPARE(await(batchOf(failed.receive)), std::vector<int>{1});
    for (int i = 0; i < 3; ++i)
        QCOMPARE(chainFrom(batchOf(failed.receive)), QStringLiteral("X"));
}

void tst_ChannelReceiving::batchesAndSingleItemsKeepTheOrder()
{
    auto channel = createChannel<int>();
    int next = 0;
    const auto sendSome = [&](int count) {
        for (int i = 0; i < count; ++i)
            channel.send.sendNow(next++);
    };
    std::vector<int> got;
    const auto add = [&got](const std::vector<int> &items) {
        got.insert(got.end(), items.begin(), items.end());
    };
    for (int round = 0; round < 50; ++round) {
        sendSome(round * 3 % 97); // chunks that are full, begun, and mixed
        sendSome(3);
        got.push_back(await(receiveOne(channel.receive, CancelScope())));
        got.push_back(channel.receive.tryReceive().value_or(-1));
        sendSome(2);
        if (round % 3 == 0)
            add(await(batchOf(channel.receive)));
        else if (round % 3 == 1)
            add(channel.receive.drainNow());
    }
    add(channel.receive.drainNow());
    std::vector<int> expected(static_cast<size_t>(next));
    std::iota(expected.begin(), expected.end(), 0);
    QCOMPARE(got, expected);
}

// D6
void tst_ChannelReceiving::aWokenBatchReturnsAlthoughItIsCancelled()
{
    auto channel = createChannel<int>();
    CancelScope scope;
    auto task = batchOf(channel.receive, scope);
    turn(2);
    channel.send.sendNow(1);
    scope.cancel();
    QCOMPARE(await(std::move(task)), std::vector<int>{1});
}

void tst_ChannelReceiving::tryReceiveNeverWaits()
{
    auto channel = createChannel<int>();
    QCOMPARE(channel.receive.tryReceive(), std::nullopt);
    channel.send.sendNow(1);
    channel.send.sendNow(2);
    channel.send.fail(error("X"));
    QCOMPARE(channel.receive.tryReceive(), std::optional<int>(1));
    QCOMPARE(channel.receive.tryReceive(), std::optional<int>(2));
    QCOMPARE(channel.receive.tryReceive(), std::nullopt);
    QCOMPARE(chainFrom(receiveOne(channel.receive, CancelScope())), QStringLiteral("X"));
}

// D14
void tst_ChannelReceiving::tryReceiveWhileAReceiveWaitsIsRefused()
{
    auto channel = createChannel<int>();
    CancelScope scope;
    const Receiving receiving(channel.receive, scope);
    QCOMPARE(receiving.settled(), QStringLiteral("waits"));
    QCOMPARE(chainThrownBy([&] { channel.receive.tryReceive(); }), QStringLiteral("BusyResourceError"));
    channel.send.sendNow(1);
    QCOMPARE(chainThrownBy([&] { channel.receive.tryReceive(); }), QStringLiteral("BusyResourceError"));
    QCOMPARE(receiving.settled(), QStringLiteral("1"));
    QCOMPARE(channel.receive.tryReceive(), std::nullopt);
}

// CH-24
void tst_ChannelReceiving::tryReceiveElsewhereIsRefused()
{
    auto channel = createChannel<int>();
    {
        Looper thread;
        thread.call([&] { channel.receive.bind(); });
        channel.send.sendNow(1);
        QCOMPARE(chainThrownBy([&] { channel.receive.tryReceive(); }), QStringLiteral("WrongThreadError"));
    }
    QCOMPARE(channel.receive.tryReceive(), std::optional<int>(1));
}

void tst_ChannelReceiving::tryReceiveNeedsNoLoopBeforeBinding()
{
    auto channel = createChannel<int>();
    channel.send.sendNow(1);
    channel.send.sendNow(2);
    std::optional<int> item;
    std::thread([&] { item = channel.receive.tryReceive(); }).join();
    QCOMPARE(item, std::optional<int>(1));
    QCOMPARE(await(receiveOne(channel.receive, CancelScope())), 2); // it did not bind it
}

// invariant 12
void tst_ChannelReceiving::anEmptyEndIsClosed()
{
    SendChannel<int> send;
    ReceiveChannel<int> receive;
    const auto closed = QStringLiteral("ClosedResourceError");
    QCOMPARE(chainThrownBy([&] { send.sendNow(1); }), closed);
    QCOMPARE(Tests::Sending(send, 1).outcome(), closed);
    QVERIFY(send.isClosed() && !send.close() && !send.fail(error("X")) && send.stats().closed);
    QCOMPARE(chainThrownBy([&] { receive.drainNow(); }), closed);
    QCOMPARE(chainThrownBy([&] { receive.tryReceive(); }), closed);
    QCOMPARE(chainThrownBy([&] { receive.bind(); }), closed);
    QCOMPARE(chainThrownBy([&] { receive.notifier(); }), closed);
    QCOMPARE(chainFrom(receiveOne(receive, CancelScope())), closed);
    QVERIFY(receive.isClosed() && !receive.close() && !receive.fail(error("X")) && receive.stats().closed);
}

void tst_ChannelReceiving::oneSignalForABurst()
{
    auto channel = createChannel<int>();
    const Signals seen(channel.receive.notifier(), [&] { return textOf(channel.receive.drainNow()); });
    QCOMPARE(seen.settled(), QString());
    for (int i = 1; i <= 3; ++i)
        channel.send.sendNow(i);
    QCOMPARE(seen.log(), QString()); // never inside a call
    QCOMPARE(seen.settled(), QStringLiteral("readyRead[1 2 3]"));
    channel.send.sendNow(4);
    QCOMPARE(seen.settled(), QStringLiteral("readyRead[1 2 3] readyRead[4]"));
}

void tst_ChannelReceiving::theNotifierTellsWhatCameBefore()
{
    auto channel = createChannel<int>();
    channel.send.sendNow(1);
    channel.send.close();
    const Signals seen(channel.receive.notifier());
    QCOMPARE(channel.receive.notifier(), channel.receive.notifier());
    QCOMPARE(seen.settled(), QStringLiteral("readyRead closed"));
}

void tst_ChannelReceiving::itemsAreSignalledBeforeTheEnd_data()
{
    Tests::addEnds({{End::Close, "closed"},
                    {End::LastCopyGone, "closed"},
                    {End::Fail, "failed(X)"},
                    {End::ReceiverCloses, "closed"},
                    {End::ReceiverFails, "failed(X)"}});
}

void tst_ChannelReceiving::itemsAreSignalledBeforeTheEnd()
{
    QFETCH(int, end);
    QFETCH(QString, expected);
    auto channel = createChannel<int>();
    const Signals seen(channel.receive.notifier(), [&] { return textOf(channel.receive.drainNow()); });
    channel.send.sendNow(1);
    channel.send.sendNow(2);
    apply(End(end), channel);
    QCOMPARE(seen.log(), QString());
    QCOMPARE(seen.settled(), QStringLiteral("readyRead[1 2] ") + expected);
    channel.send.close();
    QCOMPARE(seen.settled(), QStringLiteral("readyRead[1 2] ") + expected); // once
}

void tst_ChannelReceiving::signalsComeOnTheReceiversThread()
{
    auto channel = createChannel<int>();
    Looper thread;
    std::unique_ptr<Signals> seen;
    thread.call([&] {
        ChannelNotifier *notifier = channel.receive.notifier(); // binds it
        seen = std::make_unique<Signals>(notifier, [&] { return textOf(channel.receive.drainNow()); });
    });
    QCOMPARE(channel.receive.notifier()->thread(), &thread);
    QCOMPARE(chainThrownBy([&] { channel.receive.bind(); }), QStringLiteral("WrongThreadError"));
    channel.send.sendNow(1);
    QTRY_COMPARE(seen->log(), QStringLiteral("readyRead[1]"));
    std::thread([send = std::exchange(channel.send, {})] { send.fail(error("X")); }).join();
    QTRY_COMPARE(seen->log(), QStringLiteral("readyRead[1] failed(X)"));
    QCOMPARE(seen->thread(), &thread);
}

void tst_ChannelReceiving::theNotifierIsMadeOnTheReceiversThread()
{
    Looper thread;
    auto channel = createChannel<int>();
    thread.call([&] { channel.receive.bind(); });
    QCOMPARE(chainThrownBy([&] { channel.receive.notifier(); }), QStringLiteral("WrongThreadError"));
    QVERIFY(thread.call([&] { return channel.receive.notifier(); }));
    auto unbound = createChannel<int>();
    QString outcome;
    std::thread([&] { outcome = chainThrownBy([&] { unbound.receive.notifier(); }); }).join();
    QCOMPARE(outcome, QStringLiteral("WrongThreadError"));
}

namespace {
enum class DropFrom { Own, Other, AfterTheLoop };
}

void tst_ChannelReceiving::theNotifierGoesWithTheReceiveEnd_data()
{
    QTest::addColumn<int>("from");
    QTest::addColumn<bool>("withNews"); // a signal is on its way
    for (const bool withNews : {false, true}) {
        QTest::addRow("own thread, %d", withNews) << int(DropFrom::Own) << withNews;
        QTest::addRow("other thread, %d", withNews) << int(DropFrom::Other) << withNews;
        QTest::addRow("its loop has ended, %d", withNews) << int(DropFrom::AfterTheLoop) << withNews;
    }
}

void tst_ChannelReceiving::theNotifierGoesWithTheReceiveEnd()
{
    QFETCH(int, from);
    QFETCH(bool, withNews);
    auto channel = createChannel<int>();
    std::atomic<int> destroyed = 0;
    std::atomic<int> signalled = 0;
    Looper thread;
    thread.call([&] {
        ChannelNotifier *notifier = channel.receive.notifier();
        QObject::connect(
            notifier, &QObject::destroyed, notifier, [count = &destroyed] { ++*count; },
            Qt::DirectConnection);
        QObject::connect(notifier, &ChannelNotifier::readyRead, notifier, [count = &signalled] { ++*count; });
    });
    thread.call([&] {
        if (withNews)
            channel.send.sendNow(1);
        if (DropFrom(from) == DropFrom::Own)
            channel.receive = {};
        else if (DropFrom(from) == DropFrom::Other)
            std::thread([&] { channel.receive = {}; }).join();
    });
    if (DropFrom(from) == DropFrom::AfterTheLoop) {
        thread.end();
        QCOMPARE(destroyed.load(), 0);
        channel.receive = {};
    }
    QTRY_COMPARE(destroyed.load(), 1);
    thread.end();
    if (DropFrom(from) != DropFrom::AfterTheLoop)
        QCOMPARE(signalled.load(), 0);
}

void tst_ChannelReceiving::aSlotMayDropTheReceiveEnd()
{
    auto channel = createChannel<int>();
    const Signals seen(channel.receive.notifier(), [&] {
        channel.receive = {};
        return QString();
    });
    channel.send.sendNow(1);
    channel.send.close();
    QCOMPARE(seen.settled(), QStringLiteral("readyRead")); // and no more, of a notifier that is gone
    QVERIFY(channel.send.isClosed());
}

// invariant 11
void tst_ChannelReceiving::aSlotThatThrowsIsLogged()
{
    auto channel = createChannel<int>();
    QObject::connect(channel.receive.notifier(), &ChannelNotifier::readyRead, channel.receive.notifier(),
                     [] { throw Tests::failure("boom"); });
    channel.send.sendNow(1);
    turn(3);
    const QStringList lines = m_log->take();
    QCOMPARE(lines.size(), 1);
    QVERIFY2(lines.first().contains(QStringLiteral("boom")), qPrintable(lines.first()));
}

void tst_ChannelReceiving::aRendezvousSenderIsSignalled()
{
    auto channel = createChannel<int>({.capacity = 0});
    const Signals seen(channel.receive.notifier(), [&] { return textOf(channel.receive.drainNow()); });
    const Tests::Sending sending(channel.send, 7);
    QCOMPARE(seen.settled(), QStringLiteral("readyRead[7]"));
    QCOMPARE(sending.settled(), QStringLiteral("1"));
}

QTEST_GUILESS_MAIN(tst_ChannelReceiving)
#include "tst_channelreceiving.moc"
