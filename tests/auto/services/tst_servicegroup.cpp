// SPDX-License-Identifier: Apache-2.0
#include "../shared/errorchain.h"
#include "../shared/messagelog.h"
#include "../shared/outcome.h"

#include <MicroIO/CancelScope>
#include <MicroIO/Errors>
#include <MicroIO/LoopServiceThread>
#include <MicroIO/Service>
#include <MicroIO/ServiceGroup>
#include <MicroIO/Timeouts>

#include <QtTest/QtTest>

#include <mutex>
#include <semaphore>
#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::chainFrom;
using Tests::chainThrownBy;
using Tests::failure;
using State = ServiceThread::State;

namespace {

QString text(const char *latin1)
{
    return QString::fromLatin1(latin1);
}

/// What happened, in order, on any threads.
class Log
{
public:
    void note(const QString &line)
    {
        const std::lock_guard lock(m_mutex);
        m_lines += line;
    }
    QString all() const
    {
        const std::lock_guard lock(m_mutex);
        return m_lines.join(QLatin1Char(' '));
    }

private:
    mutable std::mutex m_mutex;
    QStringList m_lines; // guarded by m_mutex
};

/// Takes its time to be ready and to stop, and notes both.
class Slow : public LoopServiceThread
{
public:
    Slow(const char *name, Log &log, std::chrono::milliseconds time = 5ms)
        : LoopServiceThread(QString::fromLatin1(name))
        , m_log(log)
        , m_time(time)
    {
    }
    ~Slow() override { m_log.note(QLatin1Char('~') + name()); }

private:
    QCoro::Task<> runAsync(CancelScope scope) override
    {
        m_log.note(QLatin1Char('(') + name());
        co_await scope.sleep(m_time);
        m_log.note(name());
        reportStarted();
        try {
            co_await scope.cancelled();
        } catch (const Cancelled &) {
        }
        co_await scope.shielded().sleep(m_time);
        m_log.note(name() + QLatin1Char(')'));
    }

    Log &m_log;
    const std::chrono::milliseconds m_time;
};

/// Does not look at its close scope until it is let go.
class Deaf : public ServiceThread
{
public:
    explicit Deaf(std::binary_semaphore &letGo)
        : ServiceThread(QStringLiteral("deaf"), [&letGo](ServiceThread &service) {
            service.reportStarted();
            letGo.acquire();
        })
    {
    }
};

std::unique_ptr<ServiceThread> makeFailing()
{
    return std::make_unique<ServiceThread>(QStringLiteral("failing"),
                                           [](ServiceThread &) { throw failure("X"); });
}

std::unique_ptr<ServiceThread> makeNeverReady()
{
    return std::make_unique<ServiceThread>(QStringLiteral("never"), [](ServiceThread &service) {
        static_cast<void>(service.closeScope().wait());
    });
}

} // namespace

class tst_ServiceGroup : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void startsInOrderAndStopsInReverse_data();
    void startsInOrderAndStopsInReverse();
    void readsAsInMicroio();
    void startNeverBlocks();
    void aFailingStartStopsTheOthers_data();
    void aFailingStartStopsTheOthers();
    void aStartThatIsCancelledStopsAll();
    void aStopWhileItStartsEndsTheStart();
    void theWaitForTheStartHasOneLimit();
    void aDeafServiceCostsNoOneElseTheirTime_data();
    void aDeafServiceCostsNoOneElseTheirTime();
    void stopJoinIsCancelled();
    void stopTellsAllAtOnce();
    void theGroupOwnsOrBorrows();
    void aDeafServiceOutlivesItsGroup();
    void aGroupDestroyedWhileItStarts();
    void whoRunsAlreadyIsTakenAsItIs();
    void waitingOnTheThreadOfAServiceIsRefused();
    void misuseIsRefused();
    void anEmptyGroup();

private:
    std::optional<Tests::MessageLog> m_log;
};

namespace {
enum class How { Blocking, Awaiting };
}

// SV-01's rule
void tst_ServiceGroup::startsInOrderAndStopsInReverse_data()
{
    QTest::addColumn<int>("how");
    QTest::newRow("blocking") << int(How::Blocking);
    QTest::newRow("awaiting") << int(How::Awaiting);
}

void tst_ServiceGroup::startsInOrderAndStopsInReverse()
{
    QFETCH(int, how);
    Log log;
    {
        ServiceGroup group;
        for (const char *name : {"c", "a", "b"})
            group.add(makeService<Slow>(name, log));
        if (How(how) == How::Blocking) {
            group.start().waitStarted();
        } else {
            const auto start = [&]() -> QCoro::Task<> {
                const CancelScope scope;
                co_await group.start(scope);
            };
            Tests::await(start());
        }
        QCOMPARE(log.all(), text("(c c (a a (b b"));
        if (How(how) == How::Blocking) {
            QVERIFY(group.stopJoin(QDeadlineTimer(30s)));
        } else {
            const auto stop = [&]() -> QCoro::Task<bool> {
                const CancelScope scope;
                co_return co_await group.stopJoin(scope);
            };
            QVERIFY(Tests::await(stop()));
        }
        QCOMPARE(log.all(), text("(c c (a a (b b b) a) c)"));
        for (const auto *service : group.services())
            QCOMPARE(service->state(), State::Stopped);
    }
    QCOMPARE(log.all(), text("(c c (a a (b b b) a) c) ~b ~a ~c"));
}

void tst_ServiceGroup::readsAsInMicroio()
{
    LoopServiceThread iopub(text("iopub"));
    LoopServiceThread input(text("input"));
    ServiceThread heartbeat(text("heartbeat"), [](ServiceThread &service) {
        service.reportStarted();
        static_cast<void>(service.closeScope().wait());
    });
    ServiceGroup services({&iopub, &input, &heartbeat});
    services.start().waitStarted();
    QCOMPARE(services.services(), (QList<ServiceThread *>{&iopub, &input, &heartbeat}));
    for (const auto *service : services.services())
        QCOMPARE(service->state(), State::Running);
    QVERIFY(services.stopJoin(30s));
    QVERIFY(iopub.isFinished() && input.isFinished() && heartbeat.isFinished());
    QVERIFY(services.stopJoin(30s)); // and again
}

// Although this thread's event loop does not turn meanwhile.
void tst_ServiceGroup::startNeverBlocks()
{
    std::binary_semaphore go(0);
    ServiceThread first(text("first"), [&](ServiceThread &service) {
        go.acquire();
        service.reportStarted();
        static_cast<void>(service.closeScope().wait());
    });
    LoopServiceThread second(text("second"));
    ServiceGroup group({&first, &second});
    group.start();
    QCOMPARE(first.state(), State::Starting);
    QCOMPARE(second.state(), State::Idle);
    go.release();
    group.waitStarted(QDeadlineTimer(30s));
    QCOMPARE(second.state(), State::Running);
    QVERIFY(group.stopJoin(30s));
}

// SV-02's rule
void tst_ServiceGroup::aFailingStartStopsTheOthers_data()
{
    startsInOrderAndStopsInReverse_data();
}

void tst_ServiceGroup::aFailingStartStopsTheOthers()
{
    QFETCH(int, how);
    Log log;
    ServiceGroup group;
    const auto &first = group.add(makeService<Slow>("a", log));
    group.add(makeFailing());
    const auto &last = group.add(makeService<Slow>("b", log));
    if (How(how) == How::Blocking) {
        const QString error = chainThrownBy([&] { group.start().waitStarted(); });
        QCOMPARE(error, text("ServiceError < X"));
        QCOMPARE(chainThrownBy([&] { group.waitStarted(); }), error);
    } else {
        const auto start = [&]() -> QCoro::Task<> {
            const CancelScope scope;
            co_await group.start(scope);
        };
        QCOMPARE(chainFrom(start()), text("ServiceError < X"));
    }
    QVERIFY(group.joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(first.state(), State::Stopped);
    QCOMPARE(last.state(), State::Idle);
    QCOMPARE(log.all(), text("(a a a)"));
    QCOMPARE(m_log->take(), QStringList{text("critical microio.service: Service failing has failed: X")});
}

void tst_ServiceGroup::aStartThatIsCancelledStopsAll()
{
    Log log;
    ServiceGroup group;
    auto &first = group.add(makeService<Slow>("a", log));
    auto &second = group.add(makeNeverReady());
    const CancelScope scope;
    const auto start = [&]() -> QCoro::Task<> { co_await group.start(scope); };
    auto starting = start();
    QTRY_COMPARE(second.state(), State::Starting);
    scope.cancel(text("enough"));
    QCOMPARE(chainFrom(std::move(starting)), text("Cancelled(enough)"));
    QVERIFY(group.joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(first.state(), State::Stopped);
    QCOMPARE(second.state(), State::Stopped);
}

// invariant 7
void tst_ServiceGroup::aStopWhileItStartsEndsTheStart()
{
    for (int round = 0; round < 50; ++round) {
        Log log;
        ServiceGroup group;
        for (const char *name : {"a", "b", "c", "d"})
            group.add(makeService<Slow>(name, log, 0ms));
        group.start();
        QString outcome;
        std::thread waiting([&] { outcome = chainThrownBy([&] { group.waitStarted(); }); });
        if (round % 2)
            QThread::yieldCurrentThread();
        group.stop(text("enough"));
        waiting.join();
        QVERIFY(outcome == text("nothing") || outcome == text("ServiceError"));
        QVERIFY(group.joinOrLog(QDeadlineTimer(30s)));
        for (const auto *service : group.services())
            QVERIFY(service->state() == State::Stopped || service->state() == State::Idle);
    }
}

// TH-07
void tst_ServiceGroup::theWaitForTheStartHasOneLimit()
{
    ServiceGroup group;
    for (int i = 0; i < 3; ++i)
        group.add(makeNeverReady());
    // Real time: the limit of a blocking wait under the real clock.
    QElapsedTimer timer;
    timer.start();
    QCOMPARE(chainThrownBy([&] { group.start().waitStarted(QDeadlineTimer(1s)); }), text("TimeoutError"));
    const auto elapsed = timer.elapsed();
    QVERIFY2(elapsed >= 999 && elapsed < 2500, qPrintable(QString::number(elapsed))); // three limits are 3 s
    QVERIFY(group.stopJoin(30s));
}

// TH-07, D9, invariant 9
void tst_ServiceGroup::aDeafServiceCostsNoOneElseTheirTime_data()
{
    QTest::addColumn<int>("how");
    QTest::addColumn<int>("place");
    for (const auto how : {How::Blocking, How::Awaiting}) {
        for (int place = 0; place < 3; ++place) {
            QTest::addRow("%s, the deaf one is number %d", how == How::Blocking ? "blocking" : "awaiting",
                          place)
                << int(how) << place;
        }
    }
}

void tst_ServiceGroup::aDeafServiceCostsNoOneElseTheirTime()
{
    QFETCH(int, how);
    QFETCH(int, place);
    std::binary_semaphore letGo(0);
    Log log;
    ServiceGroup group;
    for (int i = 0; i < 3; ++i) {
        if (i == place)
            group.add(std::make_unique<Deaf>(letGo));
        else
            group.add(makeService<Slow>("slow", log));
    }
    group.start().waitStarted();
    // Long enough for the others to end in their share of it, also on a machine that has much else to do.
    constexpr auto limit = 1s;
    QElapsedTimer timer;
    timer.start();
    bool haveEnded = true;
    if (How(how) == How::Blocking) {
        haveEnded = group.stopJoin(limit);
    } else {
        const auto stop = [&]() -> QCoro::Task<bool> {
            co_return co_await group.stopJoin(CancelScope().child(now() + limit));
        };
        haveEnded = Tests::await(stop());
    }
    const auto elapsed = timer.elapsed();
    const QStringList lines = m_log->take();
    QList<State> states;
    for (const auto *service : group.services())
        states += service->state();
    letGo.release();
    QVERIFY(!haveEnded);
    QVERIFY2(elapsed >= 999 && elapsed < 5000, qPrintable(QString::number(elapsed)));
    for (int i = 0; i < 3; ++i)
        QCOMPARE(states.at(i), i == place ? State::Stopping : State::Stopped);
    QCOMPARE(lines,
             QStringList{text("critical microio.service: Service deaf has not ended within the time limit; "
                              "it runs on.")});
    QVERIFY(group.joinOrLog(QDeadlineTimer(30s)));
}

void tst_ServiceGroup::stopJoinIsCancelled()
{
    std::binary_semaphore letGo(0);
    Log log;
    ServiceGroup group;
    auto &first = group.add(makeService<Slow>("a", log));
    group.add(std::make_unique<Deaf>(letGo));
    group.start().waitStarted();
    const CancelScope scope;
    const auto stop = [&]() -> QCoro::Task<> { co_await group.stopJoin(scope); };
    auto stopping = stop();
    Tests::turn(3);
    QCOMPARE(first.state(), State::Running); // the deaf one holds it up
    scope.cancel(text("hurry"));
    QCOMPARE(chainFrom(std::move(stopping)), text("Cancelled(hurry)"));
    QVERIFY(first.closeScope().isClosed());
    const QStringList lines = m_log->take();
    letGo.release();
    QVERIFY(group.joinOrLog(QDeadlineTimer(30s)));
    QVERIFY(lines.join(QLatin1Char('|')).contains(text("Service deaf has not ended")));
}

void tst_ServiceGroup::stopTellsAllAtOnce()
{
    std::binary_semaphore letGo(0);
    Log log;
    ServiceGroup group;
    auto &first = group.add(makeService<Slow>("a", log));
    group.add(std::make_unique<Deaf>(letGo));
    group.start().waitStarted();
    QVERIFY(group.stop(text("lunch")));
    QVERIFY(!group.stop());
    QCOMPARE(first.closeScope().reason(), text("lunch"));
    QTRY_COMPARE(first.state(), State::Stopped);
    letGo.release();
    QVERIFY(group.joinOrLog(QDeadlineTimer(30s)));
}

void tst_ServiceGroup::theGroupOwnsOrBorrows()
{
    Log log;
    const auto borrowed = makeService<Slow>("borrowed", log);
    {
        ServiceGroup group;
        auto &owned = group.add(makeService<Slow>("owned", log));
        static_assert(std::is_same_v<decltype(owned), Slow &>);
        group.add(*borrowed).start().waitStarted();
    }
    QVERIFY(log.all().endsWith(text("owned) ~owned")));
    QCOMPARE(borrowed->state(), State::Running);
    borrowed->stop();
    QVERIFY(borrowed->joinOrLog(QDeadlineTimer(30s)));
}

// D16
void tst_ServiceGroup::aDeafServiceOutlivesItsGroup()
{
    std::binary_semaphore letGo(0);
    QPointer<ServiceThread> deaf;
    {
        ServiceGroup group;
        deaf = &group.add(std::make_unique<Deaf>(letGo));
        group.start().waitStarted();
        QVERIFY(!group.stopJoin(10ms));
        m_log->take();
    } // five seconds of patience, in real time
    const QStringList lines = m_log->take();
    QVERIFY(deaf);
    QCOMPARE(lines.size(), 1);
    letGo.release();
    QTRY_VERIFY(!deaf);
}

void tst_ServiceGroup::aGroupDestroyedWhileItStarts()
{
    for (int round = 0; round < 50; ++round) {
        Log log;
        LoopServiceThread borrowed(text("borrowed"));
        std::optional<ServiceGroup> group(std::in_place);
        group->add(makeService<Slow>("a", log, 0ms));
        group->add(borrowed);
        group->add(makeService<Slow>("b", log, 0ms));
        group->start();
        if (round % 2)
            QThread::yieldCurrentThread();
        group.reset();
        QVERIFY(!log.all().endsWith(text("(")));
        borrowed.stopAndJoin();
    }
}

void tst_ServiceGroup::whoRunsAlreadyIsTakenAsItIs()
{
    LoopServiceThread first(text("first"));
    LoopServiceThread second(text("second"));
    first.start();
    ServiceGroup group({&first, &second});
    group.start().waitStarted();
    QCOMPARE(second.state(), State::Running);
    QVERIFY(group.stopJoin(30s));
}

// invariant 13
void tst_ServiceGroup::waitingOnTheThreadOfAServiceIsRefused()
{
    LoopServiceThread service(text("own"));
    ServiceGroup group({&service});
    group.start().waitStarted();
    const auto inside = [&](const std::function<void()> &function) {
        return service.callSync([&] { return chainThrownBy(function); });
    };
    QCOMPARE(inside([&] { group.waitStarted(); }), text("DeadlockError"));
    QCOMPARE(inside([&] { group.joinOrLog(QDeadlineTimer(0)); }), text("DeadlockError"));
    QCOMPARE(inside([&] { group.stopJoin(30s); }), text("DeadlockError"));
    QCOMPARE(service.state(), State::Running);
    QVERIFY(group.stopJoin(30s));
}

void tst_ServiceGroup::misuseIsRefused()
{
    LoopServiceThread service(text("one"));
    QVERIFY_THROWS_EXCEPTION(std::invalid_argument, ServiceGroup({&service, nullptr}));
    QVERIFY_THROWS_EXCEPTION(std::invalid_argument, ServiceGroup({&service, &service}));
    ServiceGroup group;
    QVERIFY_THROWS_EXCEPTION(std::invalid_argument, group.add(std::unique_ptr<ServiceThread>()));
    QCOMPARE(chainThrownBy([&] { group.waitStarted(); }), text("ServiceError"));
    group.add(service);
    QCOMPARE(chainThrownBy([&] { group.waitStarted(); }), text("ServiceError"));
    group.start().waitStarted();
    LoopServiceThread late(text("late"));
    QVERIFY_THROWS_EXCEPTION(std::logic_error, group.add(late));
    group.start();
    QVERIFY(m_log->take().join(QLatin1Char('|')).contains(text("started a second time")));
    QVERIFY(group.stopJoin(30s));
}

void tst_ServiceGroup::anEmptyGroup()
{
    ServiceGroup group;
    group.start().waitStarted();
    QVERIFY(!group.stop());
    QVERIFY(group.joinOrLog(QDeadlineTimer(0)));
    QVERIFY(group.stopJoin(0ms));
    const auto both = [&]() -> QCoro::Task<bool> {
        const CancelScope scope;
        co_return co_await group.stopJoin(scope);
    };
    QVERIFY(Tests::await(both()));
}

QTEST_GUILESS_MAIN(tst_ServiceGroup)

#include "tst_servicegroup.moc"
