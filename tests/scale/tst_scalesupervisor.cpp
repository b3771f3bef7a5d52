// SPDX-License-Identifier: Apache-2.0
#include "../auto/shared/messagelog.h"
#include "../auto/shared/processfigure.h"
#include "../auto/shared/sanitized.h"
#include "../auto/shared/scriptedservice.h"

#include <MicroIO/Supervisor>

#include <QtTest/QtTest>

#include <functional>
#include <limits>

#include <sys/resource.h>

using namespace MicroIO;
using namespace std::chrono_literals;
using State = ServiceThread::State;

namespace {

/// Turns the event loop all the time, which QTRY_COMPARE does not. False after five minutes.
bool turnUntil(const std::function<bool()> &isReached)
{
    QDeadlineTimer limit(5min);
    while (!isReached() && !limit.hasExpired())
        QCoreApplication::processEvents(QEventLoop::AllEvents | QEventLoop::WaitForMoreEvents);
    return isReached();
}

} // namespace

/// A thousand services under one supervisor, as many threads.
class tst_ScaleSupervisor : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void aThousandServices();
};

void tst_ScaleSupervisor::aThousandServices()
{
#ifdef MICROIO_TEST_SANITIZED
    constexpr int count = 100;
#else
    constexpr int count = 1'000;
#endif
    // The event loop of each thread holds a descriptor.
    rlimit descriptors{};
    QCOMPARE(getrlimit(RLIMIT_NOFILE, &descriptors), 0);
    descriptors.rlim_cur = qMin<rlim_t>(descriptors.rlim_max, 4 * count);
    QCOMPARE(setrlimit(RLIMIT_NOFILE, &descriptors), 0);
    if (descriptors.rlim_cur < 2 * count)
        QSKIP("not enough descriptors are allowed");

    const Tests::MessageLog log;
    int ready = 0;
    Supervisor supervisor;
    supervisor.setIntensity({std::numeric_limits<int>::max(), 1s});
    connect(&supervisor, &Supervisor::serviceStateChanged, this,
            [&](const QString &, State state) { ready += state == State::Running; });
    for (int i = 0; i < count; ++i) {
        Supervisor::ServiceSpec spec;
        spec.name = QString::number(i);
        spec.startTimeout = spec.stopTimeout = 5min;
        spec.factory = []() -> std::unique_ptr<ServiceThread> { return Tests::makeScripted(); };
        supervisor.addService(spec);
    }
    const qint64 before = Tests::processFigure("VmRSS:");
    QElapsedTimer timer;
    timer.start();
    supervisor.start();
    QVERIFY(turnUntil([&] { return supervisor.state() == State::Running; }));
    const auto started = timer.restart();
    const qint64 memory = Tests::processFigure("VmRSS:") - before;

    ready = 0;
    for (int i = 0; i < count; ++i) {
        supervisor.instance(QString::number(i))
            ->closeScope()
            .fail(std::make_exception_ptr(std::runtime_error("boom")));
    }
    QVERIFY(turnUntil([&] { return ready == count; }));
    const auto restarted = timer.restart();
    for (const auto &info : supervisor.services()) {
        QCOMPARE(info.restartCount, 1);
        QCOMPARE(info.state, State::Running);
    }
    timer.restart();
    supervisor.stop();
    QVERIFY(turnUntil([&] { return supervisor.state() == State::Stopped; }));
    const auto stopped = timer.elapsed();
    qInfo("%d services: started in %lld ms, all restarted in %lld ms, stopped in %lld ms; %lld kB each",
          count, started, restarted, stopped, memory / count);
}

QTEST_GUILESS_MAIN(tst_ScaleSupervisor)

#include "tst_scalesupervisor.moc"
