// SPDX-License-Identifier: Apache-2.0
#include "shown.h"
#include "stallwatch.h"
#include "until.h"

#include <MicroIO/Application>
#include <MicroIO/Test>

#include <QElapsedTimer>
#include <QGuiApplication>
#include <QQuickWindow>
#include <QRegularExpression>
#include <QtTest/QtTest>

#include <chrono>
#include <optional>

using namespace MicroIO;
using namespace Tests;
using namespace std::chrono_literals;
using State = ServiceThread::State;

namespace {

QString text(const char *utf8)
{
    return QString::fromUtf8(utf8);
}

} // namespace

/// examples/servicedashboard as a person uses it: its window in an X server, its buttons by the mouse.
class tst_DashboardByClicks : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void crashStopStartAndCloseInTraffic_data();
    void crashStopStartAndCloseInTraffic();
};

void tst_DashboardByClicks::crashStopStartAndCloseInTraffic_data()
{
    QTest::addColumn<QString>("service");
    QTest::newRow("one that computes") << Crew::nameOf(Crew::Primes);
    QTest::newRow("one with a socket") << Crew::nameOf(Crew::Load);
    QTest::newRow("one that others hang on") << Crew::nameOf(Crew::Echo);
}

void tst_DashboardByClicks::crashStopStartAndCloseInTraffic()
{
    QFETCH(const QString, service);
    WarningGuard warnings;
    warnings.allow(QRegularExpression(text("^microio\\.service: Service \\w+ has failed: ")));
    const LeftoverGuard leftovers;
    std::optional<StallWatch> stalls;
    StallWatch::Milliseconds longest{0};
    StallWatch::Milliseconds ofTheMachine{0};
    QElapsedTimer quitting;
    int code = -1;
    {
        auto options = Scenes::stillOptions();
        options.intensity = {100, 1min};
        const auto shown = std::make_unique<Shown>(options);
        auto &window = shown->window();
        const auto textOf = [&](const char *button) {
            auto *item = shown->button(button, service);
            return item ? item->property("text").toString() : QString();
        };
        const auto answers = [&] { return shown->crew.work(Crew::Load); };
        const auto body = [&](CancelScope scope) -> QCoro::Task<int> {
            co_await until(scope, text("the window is there"), 10s * slowness,
                           [&] { return window.isExposed(); });
            window.requestActivate(); // as a window manager would
            co_await until(scope, text("the window is active"), 10s * slowness,
                           [&] { return window.isActive(); });
            co_await until(scope, text("all run"), 10s * slowness, [&] {
                return answers() > 0 && shown->isClickable("crash", service)
                       && shown->isClickable("toggle", service);
            });
            stalls.emplace(); // what it takes to load fonts and the like before is no stall

            shown->click("crash", service);
            co_await until(scope, text("it is restarted"), 5s * slowness, [&] {
                return shown->info(service).restartCount == 1 && shown->info(service).state == State::Running
                       && shown->isClickable("toggle", service) && textOf("toggle") == text("Stop");
            });

            shown->click("toggle", service);
            co_await until(scope, text("it has stopped"), 2s * slowness, [&] {
                return shown->info(service).state == State::Stopped && textOf("toggle") == text("Start")
                       && !shown->isClickable("crash", service);
            });
            shown->click("toggle", service);
            co_await until(scope, text("it runs again"), 5s * slowness, [&] {
                return shown->info(service).state == State::Running && textOf("toggle") == text("Stop");
            });

            const auto before = answers();
            co_await until(scope, text("there is traffic"), 10s * slowness,
                           [&] { return answers() >= before + 20; });
            quitting.start();
            window.close();
            co_await scope.cancelled();
            co_return 2;
        };
        code = runApplication(*qGuiApp, 2s, body);
        if (stalls) {
            longest = stalls->longest();
            ofTheMachine = stalls->longestOfTheMachine();
        }
    }
    QVERIFY(quitting.isValid());
    qInfo(
        "the GUI thread was away from its event loop for %lld ms at most, an idle thread from its processor for %lld "
        "ms; quitting took %lld ms",
        static_cast<long long>(longest.count()), static_cast<long long>(ofTheMachine.count()),
        static_cast<long long>(quitting.elapsed()));
    QCOMPARE(code, 0);
    QVERIFY(quitting.elapsed() < 1'000 * slowness);
#ifndef MICROIO_TEST_SANITIZED
    // A person begins to notice a stall of 100 ms; what other programs took from the whole machine is no stall of ours.
    QVERIFY(longest - ofTheMachine < 100ms);
#endif
}

QTEST_MAIN(tst_DashboardByClicks)

#include "tst_dashboardbyclicks.moc"
