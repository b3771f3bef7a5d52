// SPDX-License-Identifier: Apache-2.0
#include <QProcess>
#include <QRegularExpression>
#include <QTemporaryDir>
#include <QtTest/QtTest>

#include <chrono>
#include <vector>

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
    void theProcessEndsInTime_data();
    void theProcessEndsInTime();
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
            row(application, "failure", runner, 1'000, 4);
            row(application, "child", runner, 1'000, 5);
            row(application, "signal", runner, 1'000, 6);
            row(application, "supervisor", runner, 1'000, 9);
        }
        row(application, "body", "runApplication", 1'000, 8);
    }
#ifdef MICROIO_TEST_WIDGETS
    row("widgets", "window", "stopOnQuit", 1'000, 0);
    row("widgets", "window", "runApplication", 1'000, 0);
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
    QVERIFY2(helper.state() == QProcess::NotRunning || helper.waitForFinished(60'000), "it hangs");
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
    constexpr int slack = MICROIO_QUITHELPER_SLACK; // of a loaded machine
    QVERIFY2(took < limit + slack, qPrintable(QString::number(took)));

    QVERIFY2(output.contains(text("tidied up")) || how == text("return"), qPrintable(output));
    if (how != text("return"))
        QVERIFY2(output.contains(text("returned %1").arg(code)), qPrintable(output));
    if (runner == text("runApplication") && how != text("body") && how != text("supervisor"))
        QVERIFY2(output.contains(text("main coroutine ended")), qPrintable(output));

    QStringList complaints = errors.split(QLatin1Char('\n'), Qt::SkipEmptyParts);
    complaints.removeAll(text("This plugin does not support propagateSizeHints()"));
    QStringList expected{text("Service deaf has not ended within the time limit; it runs on.")};
    if (how == text("failure"))
        expected.prepend(text("Service failing has failed: X"));
    if (how != text("return")) {
        for (QString &line : complaints) // the category, where the pattern has one
            line = line.mid(line.indexOf(text("Service ")));
        complaints.removeAll(text("Service crashing has failed: X"));
        QCOMPARE(complaints.join(QLatin1Char('|')), expected.join(QLatin1Char('|')));
    }
}

QTEST_GUILESS_MAIN(tst_Quit)

#include "tst_quit.moc"
