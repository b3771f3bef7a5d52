// SPDX-License-Identifier: Apache-2.0
#include "../shared/messagelog.h"
#include "../shared/outcome.h"
#include "../shared/sanitized.h"

#include <MicroIO/Application>
#include <MicroIO/CancelScope>
#include <MicroIO/LoopServiceThread>
#include <MicroIO/Service>
#include <MicroIO/ServiceGroup>

#include <QProcess>
#include <QTimer>
#include <QtTest/QtTest>

#include <chrono>
#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;

namespace {

QString text(const char *latin1)
{
    return QString::fromLatin1(latin1);
}

} // namespace

/// QT-04: an application with services always quits, within its limit. See quithelper.cpp.
class tst_Quit : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void theProcessEndsInTime_data();
    void theProcessEndsInTime();

    void runApplicationGivesTheExitCode_data();
    void runApplicationGivesTheExitCode();
    void quittingTwiceIsQuittingOnce();
    void stopOnQuitBelongsToTheApplicationsThread();

private:
    std::optional<Tests::MessageLog> m_log;
};

void tst_Quit::theProcessEndsInTime_data()
{
    QTest::addColumn<QString>("application");
    QTest::addColumn<QString>("how");
    QTest::addColumn<QString>("runner");
    QTest::addColumn<int>("limit");
    QTest::addColumn<int>("code");
    const auto row = [](const char *application, const char *how, const char *runner, int limit, int code) {
        QTest::addRow("%s, %s, %s", application, how, runner)
            << text(application) << text(how) << text(runner) << limit << code;
    };
    const std::vector<const char *> applications = {
        "core",
#ifdef MICROIO_TEST_WIDGETS
        "widgets",
#endif
    };
    for (const char *application : applications) {
        for (const char *runner : {"stopOnQuit", "runApplication"}) {
            row(application, "quit", runner, 2'000, 3);
            row(application, "failure", runner, 300, 4);
            row(application, "child", runner, 300, 5);
            row(application, "signal", runner, 300, 6);
        }
        row(application, "body", "runApplication", 300, 8);
    }
#ifdef MICROIO_TEST_WIDGETS
    row("widgets", "window", "stopOnQuit", 300, 0);
    row("widgets", "window", "runApplication", 300, 0);
#endif
    // the five seconds of a group that goes
    row("core", "return", "stopOnQuit", 5'000, 7);
}

void tst_Quit::theProcessEndsInTime()
{
    QFETCH(QString, application);
    QFETCH(QString, how);
    QFETCH(QString, runner);
    QFETCH(int, limit);
    QFETCH(int, code);

    QProcess helper;
    auto environment = QProcessEnvironment::systemEnvironment();
    environment.insert(text("QT_QPA_PLATFORM"), text("offscreen"));
    const QTemporaryDir runtimeDir; // without one of its own, Qt complains
    environment.insert(text("XDG_RUNTIME_DIR"), runtimeDir.path());
    helper.setProcessEnvironment(environment);
    helper.start(QStringLiteral(MICROIO_QUITHELPER), {application, how, runner, QString::number(limit)});
    QString output;
    while (!output.contains(text("ready")) && helper.waitForReadyRead(30'000))
        output += QString::fromUtf8(helper.readAllStandardOutput());
    if (how == text("signal"))
        helper.terminate();
    QVERIFY2(helper.waitForFinished(60'000), "it hangs");
    const auto ended = std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
    output += QString::fromUtf8(helper.readAllStandardOutput());
    const QString errors = QString::fromUtf8(helper.readAllStandardError());

    QVERIFY2(helper.exitStatus() == QProcess::NormalExit, qPrintable(errors));
    QVERIFY2(helper.exitCode() == code, qPrintable(QString::number(helper.exitCode()) + errors));
    static const QRegularExpression asked(text("asked (\\d+)"));
    const auto begun = asked.match(output).captured(1).toLongLong();
    QVERIFY2(begun, qPrintable(output));
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
                          std::chrono::nanoseconds(ended - begun))
                          .count();
#ifdef MICROIO_TEST_SANITIZED
    constexpr int slack = 15'000; // a sanitizer's own end of a process
#else
    constexpr int slack = 1'500; // of a loaded machine
#endif
    QVERIFY2(took < limit + slack, qPrintable(QString::number(took)));

    QVERIFY2(output.contains(text("tidied up")) || how == text("return"), qPrintable(output));
    if (how != text("return"))
        QVERIFY2(output.contains(text("returned %1").arg(code)), qPrintable(output));
    if (runner == text("runApplication") && how != text("body"))
        QVERIFY2(output.contains(text("main coroutine ended")), qPrintable(output));

    QStringList complaints = errors.split(QLatin1Char('\n'), Qt::SkipEmptyParts);
    complaints.removeAll(text("This plugin does not support propagateSizeHints()"));
    QStringList expected{text("Service deaf has not ended within the time limit; it runs on.")};
    if (how == text("failure"))
        expected.prepend(text("Service failing has failed: X"));
    if (how != text("return")) {
        for (QString &line : complaints) // the category, where the pattern has one
            line = line.mid(line.indexOf(text("Service ")));
        QCOMPARE(complaints.join(QLatin1Char('|')), expected.join(QLatin1Char('|')));
    }
}

void tst_Quit::runApplicationGivesTheExitCode_data()
{
    QTest::addColumn<int>("how");
    QTest::addColumn<int>("code");
    QTest::newRow("what the main coroutine returns") << 0 << 7;
    QTest::newRow("what it returns at once") << 1 << 8;
    QTest::newRow("it throws") << 2 << 1;
    QTest::newRow("somebody quits before") << 3 << 0;
    QTest::newRow("somebody exits before") << 4 << 9;
    QTest::newRow("there is none") << 5 << 3;
    QTest::newRow("it is deaf") << 6 << 4;
}

void tst_Quit::runApplicationGivesTheExitCode()
{
    QFETCH(int, how);
    QFETCH(int, code);
    auto &app = *QCoreApplication::instance();
    LoopServiceThread service(text("served"));
    ServiceGroup group({&service});
    group.start().waitStarted();
    if (how >= 3) {
        QTimer::singleShot(10, &app, [how] {
            if (how == 3)
                QCoreApplication::quit();
            else
                QCoreApplication::exit(how == 4 ? 9 : how == 5 ? 3 : 4);
        });
    }
    const auto body = [how](CancelScope scope) -> QCoro::Task<int> {
        if (how == 1)
            co_return 8;
        if (how == 6)
            co_await CancelScope().sleep(1h);
        co_await scope.sleep(how >= 3 ? std::chrono::milliseconds(1h) : 10ms);
        if (how == 2)
            throw Tests::failure("X");
        co_return 7;
    };
    const int got = how == 5 ? runApplication(app, 200ms) : runApplication(app, 200ms, body);
    QCOMPARE(got, code);
    QCOMPARE(service.state(), ServiceThread::State::Stopped); // also one that is only borrowed
    const QStringList lines = m_log->take();
    if (how == 2)
        QCOMPARE(lines, QStringList{text("critical microio.task: The main coroutine has failed: X")});
    else if (how == 6)
        QCOMPARE(lines,
                 QStringList{
                     text("critical microio.task: The main coroutine has not ended within the time limit.")});
    else
        QCOMPARE(lines, QStringList());
}

void tst_Quit::quittingTwiceIsQuittingOnce()
{
    auto &app = *QCoreApplication::instance();
    std::atomic<bool> cleanedUp = false;
    class Slow : public LoopServiceThread
    {
    public:
        explicit Slow(std::atomic<bool> &cleanedUp)
            : LoopServiceThread(QStringLiteral("slow"))
            , m_cleanedUp(cleanedUp)
        {
        }

    private:
        QCoro::Task<> runAsync(CancelScope scope) override
        {
            reportStarted();
            try {
                co_await scope.cancelled();
            } catch (const Cancelled &) {
            }
            co_await scope.shielded().sleep(50ms);
            QCoreApplication::quit(); // once more, while the application quits
            co_await scope.shielded().sleep(50ms);
            m_cleanedUp = true;
        }
        std::atomic<bool> &m_cleanedUp;
    };
    {
        ServiceGroup group;
        group.add(makeService<Slow>(cleanedUp));
        group.stopOnQuit(30s);
        group.stopOnQuit(30s); // the last limit counts
        group.start().waitStarted();
        QTimer::singleShot(0, &app, [] { QCoreApplication::exit(3); });
        QCOMPARE(QCoreApplication::exec(), 3);
        QVERIFY(cleanedUp);
        QCOMPARE(group.services().first()->state(), ServiceThread::State::Stopped);
    }
}

void tst_Quit::stopOnQuitBelongsToTheApplicationsThread()
{
    QString error;
    std::thread([&] {
        ServiceGroup group;
        error = Tests::thrownBy([&] { group.stopOnQuit(1s); });
    }).join();
    QCOMPARE(error, text("WrongThreadError"));
}

QTEST_GUILESS_MAIN(tst_Quit)

#include "tst_quit.moc"
