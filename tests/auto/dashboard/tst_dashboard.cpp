// SPDX-License-Identifier: Apache-2.0
#include "../shared/await.h"

#include "commandline.h"
#include "crew.h"
#include "dashboardwindow.h"
#include "picture.h"
#include "scenes.h"
#include "shown.h"
#include "textcheck.h"

#include <MicroIO/Test>

#include <QAccessible>
#include <QGuiApplication>
#include <QImage>
#include <QJSValue>
#include <QPalette>
#include <QProcess>
#include <QQuickItem>
#include <QQuickWindow>
#include <QTemporaryDir>
#include <QtTest/QtTest>

#include <algorithm>
#include <limits>

using namespace MicroIO;
using namespace std::chrono_literals;
using State = ServiceThread::State;
using Scenes::Scene;
using Tests::Shown;

Q_DECLARE_METATYPE(Scenes::Scene)

namespace {

constexpr QSize smallSize(800, 600);
constexpr QSize largeSize(1600, 1000);

const QString primes = Crew::nameOf(Crew::Primes);
const QString journal = Crew::nameOf(Crew::Journalist);

QStringList withProgram(QStringList arguments)
{
    arguments.prepend(QStringLiteral("servicedashboard"));
    return arguments;
}

/// Keeps the picture if somebody wants to look at it.
void keep(const QImage &picture, const QString &name)
{
    if (const QString folder = qEnvironmentVariable("MICROIO_PICTURES"); !folder.isEmpty())
        picture.save(QStringLiteral("%1/%2.png").arg(folder, name));
}

} // namespace

/// The window of examples/servicedashboard, drawn off-screen, and its command line.
class tst_Dashboard : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_guard.emplace(); }
    void cleanup()
    {
        QGuiApplication::setPalette(QPalette());
        m_guard.reset();
    }

    void noTextIsCut_data();
    void noTextIsCut();
    void crashButton();
    void stopAndStartButton();
    void restartButton();
    void freezeButton();
    void keysReachTheButtons();
    void buttonsHaveAccessibleNames();

    void arguments();
    void badArguments_data();
    void badArguments();
    void aPictureThatCannotBeWritten();
    void theProgramTakesAPicture();
    void theProgramRefusesBadArguments();
    void theProgramHelps();

private:
    /// The log tells of each failure.
    void expectFailures()
    {
        m_guard->allow(QRegularExpression(QStringLiteral("^microio\\.service: Service \\w+ has failed: ")));
    }

    std::optional<WarningGuard> m_guard;
};

void tst_Dashboard::noTextIsCut_data()
{
    QTest::addColumn<Scene>("scene");
    QTest::newRow("healthy") << Scene::Healthy;
    QTest::newRow("failed") << Scene::Failed;
    QTest::newRow("paused") << Scene::Paused;
}

void tst_Dashboard::noTextIsCut()
{
    QFETCH(const Scene, scene);
    expectFailures();
    Shown shown(Scenes::stillOptions(), smallSize);
    MICROIO_AWAIT(Scenes::play(CancelScope(), shown.crew, scene));
    auto &window = shown.window();
    const auto leastSamples = [&] {
        int least = std::numeric_limits<int>::max();
        Tests::forEachItem(window.contentItem(), [&](QQuickItem *item) {
            if (item->property("queueTop").isValid())
                least = std::min(
                    least,
                    item->property("queued").value<QJSValue>().property(QStringLiteral("length")).toInt());
        });
        return least;
    };
    QTRY_VERIFY(leastSamples() >= 2 && leastSamples() < std::numeric_limits<int>::max()); // something to draw

    // as it came about, change by change
    QTRY_COMPARE(Tests::cutTexts(window).join(QLatin1Char('\n')), QString());
    for (const bool isDark : {false, true}) {
        shown.dashboard.setDark(isDark);
        for (const QSize size : {smallSize, largeSize}) {
            window.resize(size);
            QTRY_COMPARE(window.size(), size);
            window.grabWindow(); // lays out
            QCoreApplication::processEvents();
            const QImage picture = window.grabWindow();
            keep(picture, QStringLiteral("%1-%2-%3")
                              .arg(QLatin1String(QTest::currentDataTag()),
                                   isDark ? QStringLiteral("dark") : QStringLiteral("light"))
                              .arg(size.width()));
            QCOMPARE(picture.size(), size);
            QCOMPARE(Tests::cutTexts(window).join(QLatin1Char('\n')), QString());
            const QColor background = picture.pixelColor(size.width() - 2, size.height() - 2);
            QCOMPARE(background.lightnessF() < 0.5, isDark);
        }
    }
}

void tst_Dashboard::crashButton()
{
    expectFailures();
    Shown shown;
    QTRY_VERIFY(shown.isClickable("crash", primes));
    shown.click("crash", primes);
    QTRY_COMPARE(shown.info(primes).restartCount, 1);
    QTRY_COMPARE(shown.info(primes).state, State::Running);
    QCOMPARE(shown.crew.supervisor().incidents().size(), qsizetype(1));
}

void tst_Dashboard::stopAndStartButton()
{
    Shown shown;
    const auto textOfButton = [&] { return shown.button("toggle", primes)->property("text").toString(); };
    QTRY_COMPARE(shown.info(primes).state, State::Running);
    QTRY_VERIFY(shown.isClickable("crash", primes));

    QTRY_VERIFY(shown.isClickable("toggle", primes));
    shown.click("toggle", primes);
    QTRY_COMPARE(shown.info(primes).state, State::Stopped);
    QTRY_COMPARE(textOfButton(), QStringLiteral("Start"));
    QVERIFY(!shown.isClickable("crash", primes));

    shown.click("toggle", primes);
    QTRY_COMPARE(shown.info(primes).state, State::Running);
    QTRY_COMPARE(textOfButton(), QStringLiteral("Stop"));
    QCOMPARE(shown.crew.supervisor().incidents().size(), qsizetype(0));
    Tests::turn(5); // for the answer to the button
}

void tst_Dashboard::restartButton()
{
    Shown shown;
    QTRY_COMPARE(shown.info(primes).state, State::Running);
    const QSignalSpy replaced(&shown.crew.supervisor(), &Supervisor::serviceReplaced);
    QTRY_VERIFY(shown.isClickable("restart", primes));
    shown.click("restart", primes);
    QTRY_COMPARE(replaced.size(), qsizetype(1));
    QCOMPARE(replaced.constFirst().constFirst().toString(), primes);
    QTRY_COMPARE(shown.info(primes).state, State::Running);
    QCOMPARE(shown.info(primes).restartCount, 0); // by hand
    Tests::turn(5); // for the answer to the button, which would be a warning after the end
}

void tst_Dashboard::freezeButton()
{
    m_guard->allow(QRegularExpression(QStringLiteral("journal")));
    auto options = Scenes::stillOptions();
    options.heartbeat = 200ms;
    options.freezeTime = 60s;
    Shown shown(options);
    auto *summary = shown.window().findChild<QQuickItem *>(QStringLiteral("summary"));
    QVERIFY(summary);
    QVERIFY(!shown.button("freeze", primes));
    QTRY_VERIFY(shown.isClickable("freeze", journal));
    shown.click("freeze", journal);
    QTRY_VERIFY(summary->property("text").toString().contains(QStringLiteral("no answer from journal")));
    QTRY_COMPARE(shown.info(journal).restartCount, 1);
    QTRY_COMPARE(shown.info(journal).state, State::Running);
    shown.crew.thaw();
    QTRY_VERIFY(!summary->property("text").toString().contains(QStringLiteral("no answer")));
}

void tst_Dashboard::keysReachTheButtons()
{
    expectFailures();
    Shown shown;
    auto &window = shown.window();
    window.requestActivate();
    QVERIFY(QTest::qWaitForWindowActive(&window));
    auto *services = window.findChild<QQuickItem *>(QStringLiteral("services"));
    QVERIFY(services);
    QTRY_COMPARE(services->property("count").toInt(), int(Crew::MemberCount));
    services->forceActiveFocus();
    services->setProperty("currentIndex", 0);
    for (int i = 0; i < Crew::Primes; ++i)
        QTest::keyClick(&window, Qt::Key_Down);
    QCOMPARE(services->property("currentIndex").toInt(), int(Crew::Primes));

    auto *crash = shown.button("crash", primes);
    QVERIFY(crash);
    QTRY_VERIFY(crash->isEnabled());
    for (int i = 0; i < 10 && !crash->hasActiveFocus(); ++i)
        QTest::keyClick(&window, Qt::Key_Tab);
    QVERIFY(crash->hasActiveFocus());
    QTest::keyClick(&window, Qt::Key_Space);
    QTRY_COMPARE(shown.info(primes).restartCount, 1);
}

void tst_Dashboard::buttonsHaveAccessibleNames()
{
    const Shown shown;
    QTRY_VERIFY(shown.button("freeze", journal));
    QSet<QString> names;
    int buttons = 0;
    Tests::forEachItem(shown.window().contentItem(), [&](QQuickItem *item) {
        if (!item->inherits("QQuickButton"))
            return;
        ++buttons;
        if (const auto *accessible = QAccessible::queryAccessibleInterface(item))
            names += accessible->text(QAccessible::Name);
    });
    QCOMPARE(buttons, 3 * Crew::MemberCount + 1);
    QCOMPARE(names.size(), qsizetype(buttons)); // each has its own
    QVERIFY(names.contains(QStringLiteral("Crash primes")));
    QVERIFY(names.contains(QStringLiteral("Freeze journal")));
}

void tst_Dashboard::arguments()
{
    const auto none = CommandLine::parse(withProgram({}));
    QVERIFY(!none.exit);
    QVERIFY(none.screenshot.isEmpty());
    QVERIFY(!none.scene);

    const auto all = CommandLine::parse(
        withProgram({QStringLiteral("--screenshot"), QStringLiteral("x.png"), QStringLiteral("--after"),
                     QStringLiteral("1.5"), QStringLiteral("--scene"), QStringLiteral("paused"),
                     QStringLiteral("--size"), QStringLiteral("1600x1000"), QStringLiteral("--dark"),
                     QStringLiteral("--watch"), QStringLiteral("/")}));
    QVERIFY2(!all.exit, all.exit ? qPrintable(all.exit->text) : "");
    QCOMPARE(all.screenshot, QStringLiteral("x.png"));
    QVERIFY(all.after == 1'500ms);
    QVERIFY(all.scene == Scene::Paused);
    QCOMPARE(all.size, largeSize);
    QVERIFY(all.isDark);
    QCOMPARE(all.folder, QStringLiteral("/"));

    const auto picture = CommandLine::parse(
        withProgram({QStringLiteral("--screenshot"), QStringLiteral("x.png")}));
    QVERIFY(picture.scene == Scene::Healthy);
    const auto help = CommandLine::parse(withProgram({QStringLiteral("--help")}));
    QVERIFY(help.exit && help.exit->status == 0);
    QVERIFY(help.exit->text.contains(QStringLiteral("--screenshot")));
}

void tst_Dashboard::badArguments_data()
{
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<QString>("error");
    const auto row = [](const char *name, const char *arguments, const char *error) {
        QTest::newRow(name) << QString::fromLatin1(arguments).split(QLatin1Char(' '))
                            << QString::fromLatin1(error);
    };
    row("no such option", "--frobnicate", "frobnicate");
    row("no option", "dark", "dark: it takes only options");
    row("no value", "--size", "size");
    row("no size", "--size big", "--size big: a size is WIDTHxHEIGHT, such as 800x600");
    row("negative size", "--size -800x600", "--size");
    row("small", "--size 799x600", "--size 799x600: sizes are from 800x600 to 7680x4320");
    row("large", "--size 800x99999", "--size 800x99999: sizes are from 800x600 to 7680x4320");
    row("no scene", "--scene happy", "--scene happy: the scenes are healthy, failed and paused");
    row("no seconds", "--screenshot x.png --after soon", "--after soon: a number of seconds");
    row("negative seconds", "--screenshot x.png --after=-1", "--after -1: a number of seconds");
    row("no number", "--screenshot x.png --after nan", "--after nan: a number of seconds");
    row("after without a picture", "--after 3", "needs --screenshot FILE");
    row("no picture", "--screenshot x.txt", "--screenshot x.txt: the name of a picture ends in .png");
    row("no place", "--screenshot /no/such/x.png", "there is no folder /no/such");
    row("nothing to watch", "--watch /no/such", "--watch /no/such: there is no such folder");
}

void tst_Dashboard::badArguments()
{
    QFETCH(const QStringList, arguments);
    QFETCH(const QString, error);
    const auto commandLine = CommandLine::parse(withProgram(arguments));
    QVERIFY(commandLine.exit);
    QCOMPARE(commandLine.exit->status, 1);
    QVERIFY2(commandLine.exit->text.startsWith(QStringLiteral("servicedashboard: "))
                 && commandLine.exit->text.contains(error),
             qPrintable(commandLine.exit->text));
}

void tst_Dashboard::aPictureThatCannotBeWritten()
{
    const QTemporaryDir folder;
    const QString inTheWay = folder.filePath(QStringLiteral("folder.png"));
    QVERIFY(QDir().mkdir(inTheWay));
    CommandLine commandLine;
    commandLine.screenshot = inTheWay;
    commandLine.scene = Scene::Healthy;
    Shown shown;
    MICROIO_COMPARE_AWAIT(takePicture(CancelScope(), commandLine, shown.crew, shown.window()), 1);
    QVERIFY(QFileInfo(inTheWay).isDir());
}

void tst_Dashboard::theProgramTakesAPicture()
{
    const QTemporaryDir folder;
    const QString file = folder.filePath(QStringLiteral("x.png"));
    QProcess program;
    program.setProcessChannelMode(QProcess::MergedChannels);
    auto environment = QProcessEnvironment::systemEnvironment();
    environment.remove(QStringLiteral("QT_QPA_PLATFORM")); // it chooses that itself
    environment.remove(QStringLiteral("QT_QUICK_BACKEND"));
    program.setProcessEnvironment(environment);
    program.start(QStringLiteral(MICROIO_SERVICEDASHBOARD),
                  {QStringLiteral("--screenshot"), file, QStringLiteral("--after"), QStringLiteral("0"),
                   QStringLiteral("--size"), QStringLiteral("801x602"), QStringLiteral("--dark")});
    QVERIFY(program.waitForFinished());
    QCOMPARE(program.readAll(), QByteArray());
    QCOMPARE(program.exitStatus(), QProcess::NormalExit);
    QCOMPARE(program.exitCode(), 0);
    const QImage picture(file);
    QCOMPARE(picture.size(), QSize(801, 602));
    QVERIFY(picture.pixelColor(799, 600).lightnessF() < 0.5);
}

void tst_Dashboard::theProgramRefusesBadArguments()
{
    QProcess program;
    program.start(QStringLiteral(MICROIO_SERVICEDASHBOARD), {QStringLiteral("--size"), QStringLiteral("5")});
    QVERIFY(program.waitForFinished());
    QCOMPARE(program.exitCode(), 1);
    QCOMPARE(program.readAllStandardOutput(), QByteArray());
    QCOMPARE(program.readAllStandardError(),
             QByteArray("servicedashboard: --size 5: a size is WIDTHxHEIGHT, such as 800x600\n"));
}

void tst_Dashboard::theProgramHelps()
{
    QProcess program;
    program.start(QStringLiteral(MICROIO_SERVICEDASHBOARD), {QStringLiteral("--help")});
    QVERIFY(program.waitForFinished());
    QCOMPARE(program.exitCode(), 0);
    QVERIFY(program.readAllStandardOutput().startsWith("Usage: servicedashboard "));
    QCOMPARE(program.readAllStandardError(), QByteArray());
}

QTEST_MAIN(tst_Dashboard)

#include "tst_dashboard.moc"
