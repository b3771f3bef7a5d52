// SPDX-License-Identifier: Apache-2.0
#include "../auto/shared/messagelog.h"
#include "../auto/shared/outcome.h"
#include "../auto/shared/processfigure.h"
#include "../auto/shared/sanitized.h"
#include "../auto/shared/scriptedservice.h"

#include <MicroIO/Supervisor>

#include <QTimer>
#include <QtTest/QtTest>

#include <chrono>
#include <limits>
#include <random>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::failure;
using Tests::processFigure;
using Tests::ScriptedService;
using State = ServiceThread::State;
using Strategy = Supervisor::Strategy;

namespace {

#ifdef MICROIO_TEST_SANITIZED
constexpr bool isSanitized = true;
#else
constexpr bool isSanitized = false;
#endif

bool isLong()
{
    return qEnvironmentVariable("MICROIO_STRESS") == QStringLiteral("long");
}

/// How often a timer of 10 ms rings in this thread.
class Ticks
{
public:
    Ticks()
    {
        QObject::connect(&m_timer, &QTimer::timeout, &m_timer, [this] { ++m_count; });
        m_timer.setTimerType(Qt::PreciseTimer);
        m_timer.start(10ms);
        m_elapsed.start();
    }
    double share() const { return double(m_count) * 10 / double(m_elapsed.elapsed()); }

private:
    QTimer m_timer;
    QElapsedTimer m_elapsed;
    qint64 m_count = 0;
};

void turnFor(std::chrono::milliseconds duration)
{
    QEventLoop loop;
    QTimer::singleShot(duration, Qt::PreciseTimer, &loop, &QEventLoop::quit);
    loop.exec();
}

} // namespace

/// Supervisors whose services fail all the time.
class tst_StressSupervisors : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { m_log.reset(); }

    void chaos_data();
    void chaos();
    void commandsAtRandom();

private:
    std::optional<Tests::MessageLog> m_log; // which fills with failures
};

void tst_StressSupervisors::chaos_data()
{
    QTest::addColumn<Strategy>("strategy");
    QTest::newRow("one for one") << Strategy::OneForOne;
    QTest::newRow("one for all") << Strategy::OneForAll;
    QTest::newRow("rest for one") << Strategy::RestForOne;
}

// Real time: what is looked for is what piles up.
void tst_StressSupervisors::chaos()
{
    QFETCH(Strategy, strategy);
    const bool dieAlone = strategy == Strategy::OneForOne;
    const int count = dieAlone ? 50 : 10;
    turnFor(200ms); // threads of the test before are gone
    const qint64 threadsBefore = processFigure("Threads:");
    std::mt19937 random(1);
    std::optional<Supervisor> supervisor(std::in_place, strategy);
    supervisor->setIntensity({std::numeric_limits<int>::max(), 1s});
    for (int i = 0; i < count; ++i) {
        Supervisor::ServiceSpec spec;
        spec.name = QString::number(i);
        spec.factory = [dieAlone, &random]() -> std::unique_ptr<ServiceThread> {
            const auto life = std::chrono::milliseconds(random() % 51);
            return Tests::makeScripted(
                [life, dieAlone](ScriptedService &self, CancelScope scope) -> QCoro::Task<> {
                    self.reportStarted();
                    if (!dieAlone)
                        co_await scope.cancelled();
                    co_await scope.sleep(life);
                    throw failure("boom");
                });
        };
        supervisor->addService(spec);
    }
    qint64 restarts = 0;
    qint64 incidents = 0;
    connect(&*supervisor, &Supervisor::serviceRestarted, this, [&] { ++restarts; });
    connect(&*supervisor, &Supervisor::incidentAdded, this, [&] { ++incidents; });
    QTimer killer;
    killer.setSingleShot(true);
    connect(&killer, &QTimer::timeout, this, [&] {
        const QString name = QString::number(random() % quint32(count));
        if (auto *victim = supervisor->instance(name))
            victim->closeScope().fail(std::make_exception_ptr(failure("killed")));
        killer.start(20 + int(random() % 81));
    });
    supervisor->start();
    QTRY_COMPARE_WITH_TIMEOUT(supervisor->state(), State::Running, 30'000); // until then a failure ends it
    if (!dieAlone)
        killer.start(20);

    QTimer forgetting; // or what is measured would be the log
    connect(&forgetting, &QTimer::timeout, this, [this] { m_log->take(); });
    forgetting.start(100ms);

    const Ticks ticks;
    turnFor(!isLong() ? 1s : isSanitized ? 5s : 10s);
    const qint64 memoryEarly = processFigure("VmRSS:");
    turnFor(!isLong() ? 1s : isSanitized ? 5s : 50s);
    const qint64 memoryLate = processFigure("VmRSS:");
    const double share = ticks.share();
    killer.stop();

    QCOMPARE(supervisor->incidents().last().number, quint64(incidents));
    QVERIFY(supervisor->stopJoin(QDeadlineTimer(60s)));
    QCOMPARE(supervisor->state(), State::Stopped);
    supervisor.reset();
    qInfo("%lld incidents, %lld restarts; memory %lld kB, then %lld kB; the main thread's timer at %.0f%%",
          incidents, restarts, memoryEarly, memoryLate, share * 100);
    QVERIFY(restarts >= incidents - count && incidents > 10);
    QTRY_COMPARE(processFigure("Threads:"), threadsBefore);
    if (isLong() && !isSanitized) { // a sanitizer or a short time prove nothing
        QVERIFY2(double(memoryLate) <= double(memoryEarly) * 1.05, "memory grows");
        QVERIFY2(share > 0.5, "the main thread is starved");
    }
}

// Everything that can be done by hand, while services fail; then all stop, and nothing is left.
void tst_StressSupervisors::commandsAtRandom()
{
    const quint32 seed = std::random_device()();
    qInfo("seed %u", seed);
    std::mt19937 random(seed);
    std::atomic<int> living = 0;
    const int rounds = isLong() ? 300 : 15;
    for (int round = 0; round < rounds; ++round) {
        Supervisor supervisor(Strategy(round % 3));
        supervisor.setIntensity({std::numeric_limits<int>::max(), 1s});
        int last = 0;
        const auto add = [&] {
            Supervisor::ServiceSpec spec;
            spec.name = QString::number(last++);
            spec.restart = Supervisor::Restart(random() % 3);
            spec.factory = [&]() -> std::unique_ptr<ServiceThread> {
                const auto life = std::chrono::milliseconds(random() % 20);
                return Tests::makeScripted([life, probe = Tests::Probe(living)](
                                               ScriptedService &self, CancelScope scope) -> QCoro::Task<> {
                    self.reportStarted();
                    co_await scope.sleep(life);
                    if (life.count() % 2)
                        throw failure("boom");
                });
            };
            supervisor.addService(spec);
        };
        for (int i = 0; i < 6; ++i)
            add();
        supervisor.start();
        for (int i = 0; i < 60 && supervisor.state() != State::Failed; ++i) {
            const QString name = QString::number(random() % quint32(last));
            switch (random() % 6) {
            case 0:
                if (supervisor.state() != State::Stopping)
                    add();
                break;
            case 1:
                supervisor.removeService(name);
                break;
            case 2:
                supervisor.stopService(name);
                break;
            case 3:
                supervisor.startService(name);
                break;
            case 4:
                supervisor.restartService(name);
                break;
            case 5:
                turnFor(std::chrono::milliseconds(random() % 5));
                break;
            }
        }
        if (round % 2)
            QVERIFY(supervisor.stopJoin(QDeadlineTimer(60s)));
        else
            QVERIFY(Tests::await(supervisor.stopJoin(CancelScope())));
        QVERIFY(supervisor.state() == State::Stopped || supervisor.state() == State::Failed);
        for (const auto &info : supervisor.services()) {
            QVERIFY2(info.state == State::Stopped || info.state == State::Failed || info.state == State::Idle,
                     qPrintable(info.name));
        }
        m_log->take();
    }
    QCOMPARE(living, 0);
}

QTEST_GUILESS_MAIN(tst_StressSupervisors)

#include "tst_stress_supervisors.moc"
