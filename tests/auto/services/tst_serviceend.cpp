// SPDX-License-Identifier: Apache-2.0
#include "../shared/errorchain.h"
#include "../shared/looper.h"
#include "../shared/messagelog.h"
#include "../shared/outcome.h"
#include "../shared/scriptedservice.h"
#include "../shared/servicesignals.h"

#include <MicroIO/CancelScope>
#include <MicroIO/Channel>
#include <MicroIO/CloseScope>
#include <MicroIO/Errors>
#include <MicroIO/LoopServiceThread>
#include <MicroIO/RequestRegistry>
#include <MicroIO/Service>
#include <MicroIO/TaskGroup>

#include <QtTest/QtTest>

#include <barrier>
#include <future>
#include <mutex>
#include <semaphore>
#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::await;
using Tests::chainFrom;
using Tests::chainThrownBy;
using Tests::failure;
using Tests::Looper;
using Tests::makeScripted;
using Tests::Probe;
using Tests::ScriptedService;
using Signals = Tests::ServiceSignals;
using Tests::startScripted;
using State = ServiceThread::State;

namespace {

QString text(const char *latin1)
{
    return QString::fromLatin1(latin1);
}

QCoro::Task<> failAtOnce(ScriptedService &, CancelScope scope)
{
    co_await scope.checkpoint();
    throw failure("X");
}

QCoro::Task<> failWhenReady(ScriptedService &service, CancelScope scope)
{
    service.reportStarted();
    co_await scope.sleep(10ms);
    throw failure("X");
}

} // namespace

/// What is left when a service has ended or was deleted: nobody waits for it, and nothing of it runs.
class tst_ServiceEnd : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void joiningItselfIsRefused();
    void aJoinTimeOutIsReturnedAndLogged();
    void waitingForOneNeverStartedIsRefused();
    void deletedRightAfterStart_data();
    void deletedRightAfterStart();
    void deletedWithoutMakeServiceItIsJoined();
    void aDeletedServiceWaitsForItsLastWork();
    void nothingOfItIsGoneBeforeItsThreadIs();
    void handlesMayOutliveIt();
    void childrenFromOutsideRunOnItsThread();
    void aGroupOfAServiceThatDoesNotRunIsRefused();
    void registriesBoundToItEndWithIt_data();
    void registriesBoundToItEndWithIt();
    void sendersToAReceiverOfItsLoopAreTold();
    void receiversOfItsSendEndsAreTold();
    void whoWaitsForItsCloseScopeIsTold();

private:
    /// Takes the one line that a failed service leaves in the log.
    void expectFailureLogged(const QString &cause, const QString &name = QStringLiteral("scripted"))
    {
        const QStringList lines = m_log->take();
        QCOMPARE(lines.size(), 1);
        QVERIFY2(lines.first().startsWith(QStringLiteral("critical microio.service: ")),
                 qPrintable(lines.first()));
        QVERIFY2(lines.first().contains(name) && lines.first().contains(cause), qPrintable(lines.first()));
    }

    std::optional<Tests::MessageLog> m_log;
};

// TH-09, invariant 13
void tst_ServiceEnd::joiningItselfIsRefused()
{
    const auto service = startScripted();
    QCOMPARE(chainThrownBy([&] { service->callSync([&] { service->joinOrLog(); }); }), text("DeadlockError"));
    QCOMPARE(chainThrownBy([&] { service->callSync([&] { service->waitStarted(); }); }),
             text("DeadlockError"));
    QCOMPARE(service->state(), State::Running);
    QCOMPARE(chainThrownBy([&] { service->callSync([&] { service->stopAndJoin(); }); }),
             text("DeadlockError"));
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s))); // it was stopped, though
}

// invariant 9
void tst_ServiceEnd::aJoinTimeOutIsReturnedAndLogged()
{
    std::binary_semaphore wake(0);
    const auto service = startScripted();
    service->taskGroup().startSoon([&]() -> QCoro::Task<> {
        wake.acquire();
        co_return;
    });
    service->stop();
    const bool joined = service->joinOrLog(QDeadlineTimer(20ms));
    const QStringList lines = m_log->take();
    const State state = service->state();
    wake.release();
    QVERIFY(!joined);
    QVERIFY(state != State::Stopped && state != State::Idle);
    QCOMPARE(lines.size(), 1);
    QVERIFY2(lines.first().startsWith(text("critical microio.service: "))
                 && lines.first().contains(text("scripted")),
             qPrintable(lines.first()));
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
}

// D17
void tst_ServiceEnd::waitingForOneNeverStartedIsRefused()
{
    const auto service = makeScripted();
    QCOMPARE(chainThrownBy([&] { service->waitStarted(); }), text("ServiceError"));
    QCOMPARE(chainThrownBy([&] { service->waitStarted(QDeadlineTimer(1h)); }), text("ServiceError"));
    QVERIFY(service->joinOrLog());
    service->stopAndJoin();
    QCOMPARE(service->state(), State::Idle);
}

namespace {

/// Uses what it owns from its thread, also while it ends.
class Owner : public LoopServiceThread
{
public:
    explicit Owner(std::atomic<int> &alive)
        : LoopServiceThread(QStringLiteral("owner"))
        , m_probe(alive)
        , m_words(3, std::string(100, 'x'))
    {
        auto channel = createChannel<std::string>();
        m_send = channel.send;
        m_receive = std::move(channel.receive);
        m_registry.bindTo(closeScope());
    }

private:
    QCoro::Task<> runAsync(CancelScope scope) override
    {
        const std::string first = m_words.at(0);
        m_receive.bind();
        reportStarted();
        taskGroup().startSoon(&Owner::work, this);
        try {
            while (auto word = co_await m_receive.next(scope))
                m_words.push_back(*word);
        } catch (const Cancelled &) {
            m_words.push_back(first);
        }
        co_await scope.shielded().checkpoint();
        m_words.push_back(first);
    }

    QCoro::Task<> work(CancelScope scope)
    {
        for (;;) {
            co_await scope.checkpoint();
            m_send.sendNow(m_words.at(1));
        }
    }

    const Probe m_probe;
    std::vector<std::string> m_words;
    SendChannel<std::string> m_send;
    ReceiveChannel<std::string> m_receive;
    RequestRegistry<int, int> m_registry;
};

} // namespace

void tst_ServiceEnd::deletedRightAfterStart_data()
{
    QTest::addColumn<bool>("ready");
    QTest::newRow("at once") << false;
    QTest::newRow("when it is ready") << true;
}

void tst_ServiceEnd::deletedRightAfterStart()
{
    QFETCH(bool, ready);
    std::atomic<int> alive = 0;
    for (int round = 0; round < 200; ++round) {
        auto service = makeService<Owner>(alive);
        service->start();
        if (ready)
            service->waitStarted();
        service.reset();
        QCOMPARE(alive.load(), 0);
    }
    QCoreApplication::processEvents(); // no news for objects that are gone
}

// D16
void tst_ServiceEnd::deletedWithoutMakeServiceItIsJoined()
{
    CloseScope life;
    {
        LoopServiceThread service(text("on the stack"));
        life = service.closeScope();
        service.start();
        service.waitStarted();
    }
    QVERIFY(life.isClosed());
    {
        class Careful : public LoopServiceThread
        {
        public:
            Careful()
                : LoopServiceThread(QStringLiteral("careful"))
            {
            }
            ~Careful() override { stopAndJoin(); }
        };
        Careful service;
        service.start();
    }
}

// D16
void tst_ServiceEnd::aDeletedServiceWaitsForItsLastWork()
{
    std::atomic<bool> done = false;
    auto service = startScripted([&done](ScriptedService &self, CancelScope scope) -> QCoro::Task<> {
        self.reportStarted();
        try {
            co_await scope.cancelled();
        } catch (const Cancelled &) {
        }
        co_await scope.shielded().sleep(100ms);
        done = true;
    });
    service.reset();
    QVERIFY(done);
}

namespace {
class Tells : public LoopServiceThread
{
public:
    explicit Tells(std::atomic<bool> &gone)
        : LoopServiceThread(QStringLiteral("tells"))
        , m_gone(gone)
    {
    }
    ~Tells() override { m_gone = true; }

private:
    std::atomic<bool> &m_gone;
};
} // namespace

// makeService(): the thread is still there while it says finished()
void tst_ServiceEnd::nothingOfItIsGoneBeforeItsThreadIs()
{
    std::atomic<bool> gone = false;
    std::atomic<bool> wasGone = false;
    std::binary_semaphore finishing(0);
    auto service = makeService<Tells>(gone);
    connect(
        service.get(), &QThread::finished, service.get(),
        [&] {
            finishing.release();
            for (int i = 0; i < 100 && !gone; ++i)
                QThread::msleep(
                    1); // real time, for a destructor that wrongly does not wait: no event would tell
            wasGone = gone.load();
        },
        Qt::DirectConnection);
    service->start();
    service->waitStarted();
    service->stop();
    finishing.acquire();
    service.reset();
    QVERIFY(gone);
    QVERIFY(!wasGone);
}

// invariant 12
void tst_ServiceEnd::handlesMayOutliveIt()
{
    CloseScope life;
    std::optional<TaskGroupHandle> group;
    {
        const auto service = startScripted();
        life = service->closeScope();
        group = service->taskGroup();
    }
    QVERIFY(life.isClosed());
    QVERIFY(!life.close());
    std::atomic<int> alive = 0;
    bool called = false;
    QCOMPARE(chainThrownBy([&] {
                 group->startSoon([&called, probe = Probe(alive)]() -> QCoro::Task<> {
                     called = true;
                     co_return;
                 });
             }),
             text("ClosedResourceError"));
    QVERIFY(!called);
    QCOMPARE(alive.load(), 0);
    QCOMPARE(group->size(), 0);

    CloseScope early;
    {
        const auto never = makeScripted();
        early = never->closeScope();
    }
    early.close(); // leads nowhere any more
}

void tst_ServiceEnd::childrenFromOutsideRunOnItsThread()
{
    const auto service = startScripted();
    std::vector<std::thread> threads;
    std::atomic<int> ran = 0;
    std::atomic<int> elsewhere = 0;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int child = 0; child < 100; ++child) {
                service->taskGroup().startSoon([&](CancelScope scope) -> QCoro::Task<> {
                    elsewhere += QThread::currentThread() != service.get();
                    co_await scope.checkpoint();
                    elsewhere += QThread::currentThread() != service.get();
                    ++ran;
                });
            }
        });
    }
    for (auto &thread : threads)
        thread.join();
    const auto handle = service->taskGroup().startSoon([]() -> QCoro::Task<int> { co_return 7; });
    const auto body = [&]() -> QCoro::Task<int> {
        CancelScope scope;
        co_return co_await handle.result(scope);
    };
    QCOMPARE(await(body()), 7);
    QTRY_COMPARE(ran.load(), 400);
    QCOMPARE(elsewhere.load(), 0);
    QTRY_COMPARE(service->taskGroup().size(), 0);
    QCOMPARE(service->state(), State::Running);
}

// D18
void tst_ServiceEnd::aGroupOfAServiceThatDoesNotRunIsRefused()
{
    const auto service = makeScripted();
    QCOMPARE(chainThrownBy([&] { service->taskGroup(); }), text("ServiceError"));
    service->start();
    service->waitStarted();
    service->taskGroup();
    service->stop();
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(chainThrownBy([&] { service->taskGroup(); }), text("ServiceError"));
}

// invariant 7
void tst_ServiceEnd::registriesBoundToItEndWithIt_data()
{
    QTest::addColumn<int>("how");
    QTest::addColumn<QString>("told");
    QTest::newRow("stop") << 0 << text("ClosedResourceError");
    QTest::newRow("fail") << 1 << text("X");
    QTest::newRow("delete") << 2 << text("ClosedResourceError");
}

void tst_ServiceEnd::registriesBoundToItEndWithIt()
{
    QFETCH(int, how);
    QFETCH(QString, told);
    RequestRegistry<int, int> registry;
    auto service = startScripted();
    registry.bindTo(service->closeScope());
    QString blocked;
    std::thread thread([&] { blocked = chainThrownBy([&] { registry.request(1, [] {}); }); });
    const auto send = [] {};
    auto awaited = registry.request(CancelScope(), 2, send);
    QTRY_COMPARE(registry.size(), 2);
    if (how == 0)
        service->stop();
    else if (how == 1)
        service->taskGroup().startSoon(failAtOnce, std::ref(*service), CancelScope());
    else
        service.reset();
    QCOMPARE(chainFrom(std::move(awaited)), told);
    thread.join();
    QCOMPARE(blocked, told);
    QVERIFY(chainThrownBy([&] { auto late = registry.expect(3); }).startsWith(text("ClosedResourceError")));
    if (how == 1) {
        QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
        expectFailureLogged(text("X"));
    }
}

// invariant 7, D23
void tst_ServiceEnd::sendersToAReceiverOfItsLoopAreTold()
{
    auto channel = createChannel<int>();
    auto local = createChannel<int>(); // its receive end lives in the service's coroutine
    {
        auto service = startScripted(
            [&channel, receive = std::make_shared<ReceiveChannel<int>>(std::move(local.receive))](
                ScriptedService &self, CancelScope scope) -> QCoro::Task<> {
                const ReceiveChannel<int> mine = std::move(*receive);
                channel.receive.bind();
                self.reportStarted();
                co_await channel.receive.next(scope);
                co_await scope.cancelled();
            });
        channel.send.sendNow(1);
        QTRY_COMPARE(channel.send.stats().received, 1u);
        local.send.sendNow(1);
        service->stop();
        QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
        QCOMPARE(chainThrownBy([&] { local.send.sendNow(2); }), text("BrokenResourceError"));
        QCOMPARE(chainThrownBy([&] { channel.send.sendNow(2); }), text("BrokenResourceError"));
    }
    QCOMPARE(chainThrownBy([&] { channel.send.sendNow(3); }), text("BrokenResourceError"));
}

// invariant 7
void tst_ServiceEnd::receiversOfItsSendEndsAreTold()
{
    auto channel = createChannel<int>();
    auto service = makeScripted([send = std::make_shared<SendChannel<int>>(std::exchange(channel.send, {}))](
                                    ScriptedService &self, CancelScope scope) -> QCoro::Task<> {
        const SendChannel<int> mine = std::exchange(*send, {});
        mine.sendNow(1);
        self.reportStarted();
        co_await scope.cancelled();
    });
    service->start();
    service->waitStarted();
    const auto body = [&]() -> QCoro::Task<QString> {
        CancelScope scope;
        const int item = co_await channel.receive.receive(scope);
        service->stop();
        const auto end = co_await channel.receive.next(scope);
        co_return QStringLiteral("%1 %2").arg(item).arg(end ? QStringLiteral("more") : QStringLiteral("end"));
    };
    QCOMPARE(await(body()), text("1 end"));
}

// CL-01, invariant 7
void tst_ServiceEnd::whoWaitsForItsCloseScopeIsTold()
{
    const auto service = makeScripted(failWhenReady);
    CloseScope life = service->closeScope();
    bool called = false;
    const auto subscription = life.onClosed(this, [&] { called = true; });
    std::atomic<bool> woken = false;
    std::thread thread([&] { woken = life.wait(); });
    const auto body = [&]() -> QCoro::Task<> {
        CancelScope scope;
        co_await life.closed(scope);
        life.throwIfClosed();
    };
    auto awaited = body();
    service->start();
    QCOMPARE(chainFrom(std::move(awaited)), text("BrokenResourceError < X"));
    thread.join();
    QVERIFY(woken);
    QTRY_VERIFY(called);
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    expectFailureLogged(text("X"));
}

QTEST_GUILESS_MAIN(tst_ServiceEnd)

#include "tst_serviceend.moc"
