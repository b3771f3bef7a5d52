// SPDX-License-Identifier: Apache-2.0
// How somebody tests a service of his own: hours of it, in milliseconds.
#include "refresher.h"

#include <MicroIO/Test>

#include <QtTest/QtTest>

#include <atomic>
#include <optional>

using namespace std::chrono_literals;

class tst_Refresher : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init()
    {
        m_warnings.emplace();
        m_leftovers.emplace();
        m_clock.emplace();
    }
    void cleanup()
    {
        m_clock.reset();
        m_leftovers.reset();
        m_warnings.reset();
    }

    void refreshesOnceAMinute();
    void backsOff();
    void failsAfterTenFailures();
    void comesBackUnderASupervisor();
    void cleansUpWhereverItIsCancelled();

private:
    std::optional<MicroIO::WarningGuard> m_warnings;
    std::optional<MicroIO::LeftoverGuard> m_leftovers;
    std::optional<MicroIO::TestClock> m_clock;
};

void tst_Refresher::refreshesOnceAMinute()
{
    std::atomic<int> fetched = 0;
    const auto refresher = MicroIO::makeService<Refresher>(
        [&](MicroIO::CancelScope) -> QCoro::Task<QString> { co_return QString::number(++fetched); });
    refresher->start();
    QVERIFY(MicroIO::waitForState(*refresher, MicroIO::ServiceThread::State::Running));
    const int before = fetched;
    m_clock->advance(24h);
    QCOMPARE(fetched - before, 24 * 60);
    QCOMPARE(refresher->latest(), QString::number(fetched));
}

void tst_Refresher::backsOff()
{
    const MicroIO::EventLog log;
    const MicroIO::CancelScope scope;
    const Refresher refresher([&](MicroIO::CancelScope own) -> QCoro::Task<QString> {
        if (log.size() == 2) {
            log.add(QStringLiteral("no answer"));
            co_await own.sleep(1h); // cut off after 30 s
        } else if (log.size() == 4) {
            co_return QStringLiteral("value");
        } else {
            log.add(QStringLiteral("failure"));
            throw std::runtime_error("no route to host");
        }
        co_return QString();
    });
    MICROIO_COMPARE_AWAIT(refresher.refresh(scope), QStringLiteral("value"));
    const QStringList expected{QStringLiteral("0 failure"), QStringLiteral("1000 failure"),
                               QStringLiteral("3000 no answer"), QStringLiteral("37000 failure")};
    QCOMPARE(log.timedEntries(), expected);
    QCOMPARE(m_clock->elapsed(), std::chrono::nanoseconds(45s));
}

void tst_Refresher::failsAfterTenFailures()
{
    m_warnings->allow(QRegularExpression(QStringLiteral("^microio\\.service: .*no route to host")));
    const auto refresher = MicroIO::makeService<Refresher>(
        [](MicroIO::CancelScope own) -> QCoro::Task<QString> {
            co_await own.checkpoint();
            throw std::runtime_error("no route to host");
        });
    refresher->start();
    QVERIFY(MicroIO::waitForState(*refresher, MicroIO::ServiceThread::State::Failed));
    QCOMPARE(m_clock->elapsed(), std::chrono::nanoseconds(511s)); // 1 + 2 + 4 + … + 256
}

void tst_Refresher::comesBackUnderASupervisor()
{
    m_warnings->allow(QRegularExpression(QStringLiteral("^microio\\.service: .*no route to host")));
    std::atomic<bool> isDown = false;
    MicroIO::Supervisor supervisor;
    supervisor.setBackoff({.initial = 1h, .maximum = 24h});
    supervisor.addService({.name = QStringLiteral("refresher"), .factory = [&] {
                               return MicroIO::makeService<Refresher>(
                                   [&](MicroIO::CancelScope) -> QCoro::Task<QString> {
                                       if (isDown)
                                           throw std::runtime_error("no route to host");
                                       co_return QStringLiteral("value");
                                   });
                           }});
    supervisor.start();
    MICROIO_AWAIT(supervisor.waitStarted(MicroIO::CancelScope()));

    isDown = true;
    m_clock->advance(20min); // a minute, 511 seconds of trying again, and some of the hour
    QVERIFY(!supervisor.instance(QStringLiteral("refresher")));
    QCOMPARE(supervisor.incidents().size(), 1);
    QVERIFY(supervisor.incidents().first().cause.contains(QStringLiteral("no route to host")));

    isDown = false;
    m_clock->advance(1h);
    const auto refresher = supervisor.service<Refresher>(QStringLiteral("refresher"));
    const auto ask = [](Refresher &service) -> QCoro::Task<QString> { co_return service.latest(); };
    MICROIO_COMPARE_AWAIT(refresher.call(MicroIO::CancelScope(), ask), QStringLiteral("value"));
    QCOMPARE(supervisor.serviceInfo(QStringLiteral("refresher"))->restartCount, 1);
}

void tst_Refresher::cleansUpWhereverItIsCancelled()
{
    int connections = 0;
    const Refresher refresher([&](MicroIO::CancelScope own) -> QCoro::Task<QString> {
        ++connections;
        const auto disconnect = qScopeGuard([&] { --connections; });
        co_await own.sleep(1s);
        co_await own.sleep(1s);
        co_return QStringLiteral("value");
    });
    const auto refresh = [&](MicroIO::CancelScope scope) -> QCoro::Task<> {
        co_await refresher.refresh(scope);
    };
    const auto check = [&] { QCOMPARE(connections, 0); };
    QCOMPARE(MicroIO::cancelAtEveryWait(refresh, check), 2);
}

QTEST_GUILESS_MAIN(tst_Refresher)
#include "tst_refresher.moc"
