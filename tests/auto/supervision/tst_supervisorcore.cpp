// SPDX-License-Identifier: Apache-2.0
#include "../../scale/usage.h"
#include "corescenarios.h"

#include <QtTest/QtTest>

#include <limits>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::CoreScript;
using Core = Detail::SupervisorCore;
using Strategy = Supervisor::Strategy;
using Tests::allowing;

/// The decisions of a supervisor, without threads and timers: see corescript.h for how to read the rows.
class tst_SupervisorCore : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void scenario_data();
    void scenario();
    void theWindowSlides();
    void countsDecay();
    void delaysDouble();
    void jitterStaysWithinItsBounds();
    void costIsLinear();
};

void tst_SupervisorCore::scenario_data()
{
    QTest::addColumn<Core::Rules>("rules");
    QTest::addColumn<QString>("children");
    QTest::addColumn<QString>("script");
    QTest::addColumn<QString>("log");
    for (const auto &each : Tests::scenarios()) {
        QTest::newRow(each.name) << each.rules << QString::fromLatin1(each.children)
                                 << QString::fromLatin1(each.script) << QString::fromLatin1(each.log);
    }
}

void tst_SupervisorCore::scenario()
{
    QFETCH(Core::Rules, rules);
    QFETCH(QString, children);
    QFETCH(QString, script);
    QFETCH(QString, log);
    CoreScript play(rules, children);
    play.run(script);
    QCOMPARE(play.log(), log);
}

// SV-07
void tst_SupervisorCore::theWindowSlides()
{
    Detail::RestartLimit limit(Supervisor::Intensity{1, 200ms});
    auto moment = Deadline(1h);
    for (int i = 0; i < 10; ++i, moment += 450ms)
        QVERIFY(!limit.countFailure(moment));
    QVERIFY(limit.countFailure(moment - 250ms)); // 200 ms after the one before: the window has both ends
    Detail::RestartLimit none(Supervisor::Intensity{0, 1ms});
    QVERIFY(none.countFailure(moment));
    Detail::RestartLimit unlimited(Supervisor::Intensity{std::numeric_limits<int>::max(), 1h});
    for (int i = 0; i < 1000; ++i)
        QVERIFY(!unlimited.countFailure(moment));
}

// SV-14
void tst_SupervisorCore::countsDecay()
{
    Detail::RestartLimit limit(Supervisor::Decay{3.5, 30s});
    auto moment = Deadline(1h);
    for (int i = 0; i < 3; ++i)
        QVERIFY(!limit.countFailure(moment)); // 1, 2, 3
    moment += 30s;
    QVERIFY(!limit.countFailure(moment)); // 2.5
    QVERIFY(!limit.countFailure(moment)); // 3.5, which is not above it
    moment += 30s;
    QVERIFY(!limit.countFailure(moment)); // 2.75
    QVERIFY(limit.countFailure(moment)); // 3.75
    limit.reset();
    for (int i = 0; i < 3; ++i)
        QVERIFY(!limit.countFailure(moment));
    QVERIFY(limit.countFailure(moment));
}

void tst_SupervisorCore::delaysDouble()
{
    Detail::BackoffPolicy policy;
    QCOMPARE(policy.delay(1), 0ns);
    QCOMPARE(policy.delay(100'000), 0ns);
    QCOMPARE(policy.pause(), std::chrono::nanoseconds(1min));
    policy.set({1s, 2, 60s, 0});
    const QList<std::chrono::nanoseconds> expected{1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s};
    for (int i = 0; i < expected.size(); ++i)
        QCOMPARE(policy.delay(i + 1), expected.at(i));
    QCOMPARE(policy.delay(100'000), std::chrono::nanoseconds(60s));
}

// SV-14
void tst_SupervisorCore::jitterStaysWithinItsBounds()
{
    const auto draw = [](quint32 seed, double jitter) {
        Detail::BackoffPolicy policy;
        policy.set({1s, 2, 60s, jitter});
        policy.setSeed(seed);
        QList<qint64> delays;
        for (int i = 0; i < 1000; ++i)
            delays += policy.delay(3).count();
        return delays;
    };
    for (const double jitter : {0.25, 1.0}) {
        const auto delays = draw(7, jitter);
        const auto [least, most] = std::minmax_element(delays.cbegin(), delays.cend());
        const double whole = double(std::chrono::nanoseconds(4s).count());
        QVERIFY(double(*least) >= whole * (1 - jitter) && *least >= 0);
        QVERIFY(double(*least) < whole * (1 - 0.95 * jitter));
        QVERIFY(double(*most) <= whole && double(*most) > whole * (1 - 0.05 * jitter));
        QCOMPARE(draw(7, jitter), delays);
        QVERIFY(draw(8, jitter) != delays);
    }
}

// 10,000 children start, all of them fail, are stopped and removed; ten times as many cost about ten times as much.
void tst_SupervisorCore::costIsLinear()
{
    const auto cost = [](int children, Strategy strategy) {
        const Deadline moment(1h);
        Core core;
        core.rules = allowing(std::numeric_limits<int>::max(), 1s, strategy);
        for (int i = 1; i <= children; ++i)
            core.add(quint64(i), {}, moment);
        qint64 actions = 0;
        const auto pump = [&] {
            for (auto batch = core.takeActions(); !batch.empty(); batch = core.takeActions()) {
                for (const auto &action : batch) {
                    ++actions;
                    if (action.kind == Detail::SupervisorAction::Kind::Start)
                        core.ready(action.child, moment);
                    else if (action.kind == Detail::SupervisorAction::Kind::Stop)
                        core.ended(action.child, {}, moment);
                }
            }
        };
        const double start = Tests::cpuTime();
        core.start(moment);
        pump();
        const Detail::ChildEnd failure{Detail::ChildEnd::Way::Error,
                                       std::make_exception_ptr(std::runtime_error("boom"))};
        if (strategy == Strategy::OneForOne) {
            for (int i = 1; i <= children; ++i) {
                core.ended(quint64(i), failure, moment);
                pump();
            }
        } else {
            core.ended(1, failure, moment);
            pump();
        }
        core.stop(moment);
        pump();
        const double seconds = Tests::cpuTime() - start;
        return core.phase() == Core::Phase::Ended && actions >= 3 * children ? seconds : -1;
    };
    for (const auto strategy : {Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne}) {
        double few = 1e9;
        double many = few;
        for (int i = 0; i < 3; ++i) {
            few = std::min(few, cost(1'000, strategy));
            many = std::min(many, cost(10'000, strategy));
        }
        QVERIFY(few > 0 && many > 0);
        qInfo("strategy %d: 1,000 children in %.2f ms, 10,000 in %.2f ms", int(strategy), few * 1e3,
              many * 1e3);
        QVERIFY2(many < 40 * few, "more than linear"); // quadratic would be a hundred times
    }
}

QTEST_GUILESS_MAIN(tst_SupervisorCore)

#include "tst_supervisorcore.moc"
