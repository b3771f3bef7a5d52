// SPDX-License-Identifier: Apache-2.0
#include <QProcess>
#include <QRegularExpression>
#include <QtTest/QtTest>

/// Runs tests that must fail, one by one, and reads what they say.
class tst_TestFailures : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void failsWithASentence_data();
    void failsWithASentence();
    void clockThatOutlivesItsTest();
};

namespace {

struct Run
{
    QString output;
    int status = -1;
};

Run run(const QStringList &tests)
{
    QProcess process;
    process.setProcessChannelMode(QProcess::MergedChannels);
    auto environment = QProcessEnvironment::systemEnvironment();
    environment.insert(QStringLiteral("MICROIO_TEST_TIMEOUT"), QStringLiteral("3000"));
    process.setProcessEnvironment(environment);
    process.start(QStringLiteral(MICROIO_FAILING_TESTS), tests);
    process.closeWriteChannel();
    Run result;
    if (process.waitForFinished(50000) && process.exitStatus() == QProcess::NormalExit)
        result.status = process.exitCode();
    result.output = QString::fromUtf8(process.readAll());
    return result;
}

} // namespace

void tst_TestFailures::failsWithASentence_data()
{
    QTest::addColumn<QStringList>("expected");

    const auto row = [](const char *test, const QStringList &expected) { QTest::newRow(test) << expected; };
    row("errorOfATask", {QStringLiteral("task\\(\\) has failed: the outer error: the inner cause"),
                         QStringLiteral("Loc: \\[.*failingtests.cpp\\(\\d+\\)\\]")});
    row("wrongValue", {QStringLiteral("Actual   \\(task\\(\\)\\): 41"),
                       QStringLiteral("Expected \\(42\\).*: 42"), QStringLiteral("failingtests.cpp")});
    row("wrongError", {QStringLiteral("has ended with too far, expected was TimeoutError")});
    row("noError", {QStringLiteral("has ended with no error, expected was TimeoutError")});
    row("verifyInACoroutine", {QStringLiteral("'1 > 2' returned FALSE"), QStringLiteral("failingtests.cpp")});
    row("compareInAChild",
        {QStringLiteral("Compared values are not the same"), QStringLiteral("failingtests.cpp")});
    row("hang",
        {QStringLiteral("task\\(\\): this hangs. Nothing is due, and nothing can run."),
         QStringLiteral("the one who waits waits for close scope \\(the main thread\\)"),
         QStringLiteral("a coroutine outside any task group waits for close scope \\(the other thread\\)"),
         QStringLiteral("Loc: \\[.*failingtests.cpp")});
    row("hangOfAManualClock",
        {QStringLiteral("moved by advance\\(\\) alone, and the next is due in 5400 s")});
    row("hangInABlockingWait", {QStringLiteral("The test is blocked for ever."),
                                QStringLiteral("is blocked in CloseScope::wait\\(\\)"),
                                QStringLiteral("blocked service is blocked in a reply"),
                                QStringLiteral("'gate.wait\\(\\)' returned FALSE")});
    row("hangOfAForeignFuture", {QStringLiteral("this hangs"), QStringLiteral("waits for future")});
    row("taskThatNeverEnds", {QStringLiteral("it has not come within 3 seconds of real time")});
    row("advanceThatNeverEnds",
        {QStringLiteral("advance\\(\\): it has not come within 3 seconds of real time")});
    row("warning",
        {QStringLiteral("not expected in the log: warning default: a warning that nobody expects")});
    row("leftover",
        {QStringLiteral("left behind by the test: a coroutine outside any task group waits for sleep")});
    row("wrongLog",
        {QStringLiteral("log is not as expected, from line 2 on:\\s+actual:\\s+two\\s+expected:\\s+three")});
    row("leakBehindTheThirdWait",
        {QStringLiteral("Actual   \\(living\\): 1"), QStringLiteral("cancelled at wait 3 \\(sleep"),
         QStringLiteral("the check failed")});
    row("checkThatThrows", {QStringLiteral("cancelled at wait 1 .*the check threw: the check is broken")});
    row("errorOnlyWhenCancelled", {QStringLiteral("cancelled at wait 1 .*it ended with broken clean-up")});
    row("leftTask", {QStringLiteral("without being cancelled: it left behind: forgotten")});
    row("runThatHangs", {QStringLiteral("cancelled at wait 1 .*this hangs.*Nothing is due")});
}

void tst_TestFailures::failsWithASentence()
{
    QFETCH(QStringList, expected);
    const QString test = QString::fromLatin1(QTest::currentDataTag());
    const Run result = run({test});
    const auto failure = QRegularExpression(QStringLiteral("FAIL!  : FailingTests::%1\\(\\)").arg(test));
    QVERIFY2(result.output.contains(failure), qPrintable(result.output));
    QVERIFY2(result.status > 0, qPrintable(result.output)); // it failed, and it did not crash
    QVERIFY2(!result.output.contains(QStringLiteral("not reached")), qPrintable(result.output));
    for (const QString &pattern : expected) {
        const QRegularExpression expression(pattern, QRegularExpression::DotMatchesEverythingOption);
        QVERIFY2(result.output.contains(expression), qPrintable(pattern + QLatin1Char('\n') + result.output));
    }
}

void tst_TestFailures::clockThatOutlivesItsTest()
{
    const Run result = run({QStringLiteral("clockOutlivesItsTest"), QStringLiteral("testAfterThatClock")});
    QCOMPARE(result.status, 1);
    QVERIFY2(
        result.output.contains(QStringLiteral("The TestClock made in clockOutlivesItsTest is still there in "
                                              "testAfterThatClock")),
        qPrintable(result.output));
}

QTEST_GUILESS_MAIN(tst_TestFailures)
#include "tst_testfailures.moc"
