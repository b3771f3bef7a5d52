// SPDX-License-Identifier: Apache-2.0
#include <QElapsedTimer>
#include <QProcess>
#include <QRegularExpression>
#include <QTest>

#include <utility>

/// The programs of examples/, as they are called from a shell.
class tst_Examples : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void counterDemo();
    void counterAnswersStandardInput();
    void counterAnswersAHundredThousandLines();
    void counterAnswersEveryLineOnceInOrder();
    void counterTakesArgumentsAsOperations();
    void counterSleeps();
    void counterPeeksBetweenOperations();
    void counterQuits_data();
    void counterQuits();
    void counterEndsWithoutInput();
    void counterAnswersALineBeforeTheNextComes();
    void counterFailsOnDemand_data();
    void counterFailsOnDemand();
    void afterAFailureEverythingIsAnsweredByItsCause_data();
    void afterAFailureEverythingIsAnsweredByItsCause();
    void afterAFailureNothingIsWaitedFor();

    void workerSaysHello();
};

namespace {

QString text(const char *utf8)
{
    return QString::fromUtf8(utf8);
}

struct Result
{
    int status = -1;
    QStringList lines; // of standard output
    QString errors; // standard error
};

QStringList linesOf(const QByteArray &output)
{
    QStringList lines = QString::fromUtf8(output).split(QLatin1Char('\n'));
    if (lines.last().isEmpty())
        lines.removeLast(); // ended by a line feed, as it should
    else
        lines.last() += QStringLiteral(" (no line feed)");
    return lines;
}

Result run(const char *program, const QStringList &arguments, const QByteArray &input = {})
{
    QProcess process;
    process.start(text(program), arguments);
    process.write(input);
    process.closeWriteChannel();
    Result result;
    if (!process.waitForFinished()) {
        process.kill();
        process.waitForFinished();
        result.errors = QStringLiteral("it hangs or cannot be started: ") + process.errorString();
        return result;
    }
    if (process.exitStatus() == QProcess::NormalExit)
        result.status = process.exitCode();
    result.lines = linesOf(process.readAllStandardOutput());
    result.errors = QString::fromUtf8(process.readAllStandardError());
    return result;
}

Result counter(const QByteArray &input)
{
    return run(MICROIO_COUNTERSERVICE, {}, input);
}

bool isError(const QString &line, const QString &operation)
{
    return line.startsWith(operation + QStringLiteral(" -> error: ")) && line.size() > operation.size() + 11;
}

} // namespace

void tst_Examples::counterDemo()
{
    const Result result = run(MICROIO_COUNTERSERVICE, {text("demo")});
    QCOMPARE(result.errors, QString());
    QCOMPARE(result.status, 0);
    QVERIFY(result.lines.contains(text("add 3 -> 3")));
    QVERIFY(result.lines.contains(text("add 7 -> 10")));
    QVERIFY(result.lines.contains(text("get -> 10")));
    for (const QString &line : result.lines)
        QVERIFY2(line.contains(text(" -> ")), qPrintable(line));
}

void tst_Examples::counterAnswersStandardInput()
{
    const Result result = counter("add 3\nadd 7\nget\nfrobnicate\nadd x\nget\n");
    QCOMPARE(result.errors, QString());
    QCOMPARE(result.status, 0);
    QCOMPARE(result.lines.size(), 6);
    QCOMPARE(result.lines.at(0), text("add 3 -> 3"));
    QCOMPARE(result.lines.at(1), text("add 7 -> 10"));
    QCOMPARE(result.lines.at(2), text("get -> 10"));
    QCOMPARE(result.lines.at(3), text("frobnicate -> error: unknown operation: frobnicate"));
    QVERIFY2(isError(result.lines.at(4), text("add x")), qPrintable(result.lines.at(4)));
    QCOMPARE(result.lines.at(5), text("get -> 10"));
}

void tst_Examples::counterAnswersAHundredThousandLines()
{
    constexpr int count = 100'000;
    const Result result = counter(QByteArray("add 1\n").repeated(count));
    QCOMPARE(result.errors, QString());
    QCOMPARE(result.status, 0);
    QCOMPARE(result.lines.size(), count);
    QCOMPARE(result.lines.last(), text("add 1 -> 100000"));
    for (int i = 0; i < count; ++i) {
        if (result.lines.at(i) != QStringLiteral("add 1 -> %1").arg(i + 1))
            QCOMPARE(result.lines.at(i), QStringLiteral("add 1 -> %1").arg(i + 1));
    }
}

void tst_Examples::counterAnswersEveryLineOnceInOrder()
{
    const QList<QByteArray> input{"add 1",
                                  "",
                                  "  add   2  ",
                                  "   ",
                                  "\tget",
                                  "get",
                                  "add",
                                  "add 1 2",
                                  "add 1.5",
                                  "add 99999999999999999999999",
                                  "sleep",
                                  "sleep x",
                                  "ADD 1",
                                  "-> get",
                                  QByteArray("ünknown"),
                                  QByteArray(5'000, 'x'),
                                  "peek",
                                  "add -4",
                                  "get"};
    for (const char *end : {"\n", ""}) { // the last line may come without a line feed
        const Result result = counter(input.join('\n') + end);
        QCOMPARE(result.errors, QString());
        QCOMPARE(result.status, 0);
        QCOMPARE(result.lines.size(), input.size());
        for (int i = 0; i < input.size(); ++i) {
            const QString begin = QString::fromUtf8(input.at(i)) + QStringLiteral(" -> ");
            QVERIFY2(result.lines.at(i).startsWith(begin), qPrintable(result.lines.at(i)));
        }
        const auto answer = [&](int i) { return result.lines.at(i).mid(input.at(i).size() + 4); };
        QCOMPARE(answer(0), text("1"));
        QCOMPARE(answer(2), text("3"));
        QCOMPARE(answer(5), text("3"));
        for (const int i : {1, 3, 6, 7, 8, 9, 10, 11, 12, 13})
            QVERIFY2(isError(result.lines.at(i), QString::fromUtf8(input.at(i))),
                     qPrintable(result.lines.at(i)));
        QCOMPARE(answer(16), text("3"));
        QCOMPARE(answer(17), text("-1"));
        QCOMPARE(answer(18), text("-1"));
    }
}

void tst_Examples::counterTakesArgumentsAsOperations()
{
    const Result result = run(MICROIO_COUNTERSERVICE,
                              {text("add 3"), text("get"), text("frobnicate"), text("add 4")}, "add 100\n");
    QCOMPARE(result.errors, QString());
    QCOMPARE(result.status, 0);
    QCOMPARE(result.lines,
             (QStringList{text("add 3 -> 3"), text("get -> 3"),
                          text("frobnicate -> error: unknown operation: frobnicate"), text("add 4 -> 7")}));
}

void tst_Examples::counterSleeps()
{
    QElapsedTimer timer;
    timer.start();
    const Result result = counter("add 1\nsleep 200\nadd 1\n");
    QVERIFY(timer.elapsed() >= 199);
    QCOMPARE(result.errors, QString());
    QCOMPARE(result.status, 0);
    QCOMPARE(result.lines.size(), 3);
    QVERIFY(result.lines.at(1).startsWith(text("sleep 200 -> ")));
    QVERIFY(!result.lines.at(1).contains(text("error")));
    QCOMPARE(result.lines.at(2), text("add 1 -> 2"));
}

void tst_Examples::counterPeeksBetweenOperations()
{
    const Result result = counter("peek\nadd 1\npeek\nsleep 20\nadd 1\npeek\npeek\n");
    QCOMPARE(result.errors, QString());
    QCOMPARE(result.status, 0);
    QCOMPARE(result.lines.size(), 7);
    QCOMPARE(result.lines.at(0), text("peek -> 0"));
    QCOMPARE(result.lines.at(2), text("peek -> 1"));
    QCOMPARE(result.lines.at(5), text("peek -> 2"));
    QCOMPARE(result.lines.at(6), text("peek -> 2"));
}

void tst_Examples::counterQuits_data()
{
    QTest::addColumn<bool>("moreInput");
    QTest::newRow("last line") << false;
    QTest::newRow("with more input") << true;
}

void tst_Examples::counterQuits()
{
    QFETCH(bool, moreInput);
    const Result result = counter(moreInput ? "add 1\nquit\nadd 1\n" : "add 1\nquit\n");
    QCOMPARE(result.errors, QString());
    QCOMPARE(result.status, 0);
    QCOMPARE(result.lines.size(), 2);
    QCOMPARE(result.lines.at(0), text("add 1 -> 1"));
    QVERIFY(result.lines.at(1).startsWith(text("quit -> ")));
    QVERIFY(!result.lines.at(1).contains(text("error")));
}

void tst_Examples::counterEndsWithoutInput()
{
    const Result result = counter("");
    QCOMPARE(result.errors, QString());
    QCOMPARE(result.status, 0);
    QCOMPARE(result.lines, QStringList());
}

void tst_Examples::counterAnswersALineBeforeTheNextComes()
{
    QProcess process;
    process.start(text(MICROIO_COUNTERSERVICE), {});
    const QList<std::pair<QByteArray, QByteArray>> talk{
        {"add 3\n", "add 3 -> 3\n"},      {"get\n", "get -> 3\n"}, {"frobnicate\n", ""},
        {"peek\n", "peek -> 3\n"},        {"sleep 1\n", ""},       {"\n", ""},
        {"add 1\nget\n", "add 1 -> 4\n"}, {"", "get -> 4\n"},      {"quit\n", ""},
    };
    for (const auto &[line, answer] : talk) {
        process.write(line);
        while (!process.canReadLine())
            QVERIFY2(process.waitForReadyRead(), line.constData());
        const QByteArray read = process.readLine();
        if (answer.isEmpty())
            QVERIFY2(read.startsWith(line.chopped(1) + " -> "), read.constData());
        else
            QCOMPARE(read, answer);
    }
    QVERIFY(process.waitForFinished()); // although its input is still open
    QCOMPARE(process.exitStatus(), QProcess::NormalExit);
    QCOMPARE(process.exitCode(), 0);
    QCOMPARE(process.readAllStandardError(), QByteArray());
}

void tst_Examples::counterFailsOnDemand_data()
{
    QTest::addColumn<int>("before");
    QTest::addColumn<int>("after");
    QTest::newRow("alone") << 0 << 0;
    QTest::newRow("first") << 0 << 10;
    QTest::newRow("middle") << 10 << 10;
    QTest::newRow("among many") << 5'000 << 5'000;
}

void tst_Examples::counterFailsOnDemand()
{
    QFETCH(int, before);
    QFETCH(int, after);
    const Result result = counter(QByteArray("add 1\n").repeated(before) + "fail\n"
                                  + QByteArray("add 1\n").repeated(after));
    QCOMPARE(result.status, 0);
    QCOMPARE(result.lines.size(), before + 1 + after);
    for (int i = 0; i < before; ++i)
        QCOMPARE(result.lines.at(i), QStringLiteral("add 1 -> %1").arg(i + 1));
    QVERIFY2(isError(result.lines.at(before), text("fail")), qPrintable(result.lines.at(before)));
    const QString cause = result.lines.at(before).mid(15);
    for (int i = before + 1; i < before + 1 + after; ++i) {
        const QString line = result.lines.at(i);
        QVERIFY2(isError(line, text("add 1")) && line.endsWith(cause), qPrintable(line));
    }
    // the log tells it once
    QCOMPARE(result.errors.count(QLatin1Char('\n')), 1);
    QVERIFY2(result.errors.contains(cause), qPrintable(result.errors));
}

void tst_Examples::afterAFailureEverythingIsAnsweredByItsCause_data()
{
    QTest::addColumn<QStringList>("operations");
    QTest::newRow("peek first") << QStringList{text("peek"), text("get"),  text("frobnicate"),
                                               QString(),    text("peek"), text("quit")};
    QTest::newRow("quit first") << QStringList{text("quit")};
    QTest::newRow("get first") << QStringList{text("get"), text("get"), text("quit")};
}

void tst_Examples::afterAFailureEverythingIsAnsweredByItsCause()
{
    QFETCH(QStringList, operations);
    for (int round = 0; round < 20; ++round) { // the service takes a moment to end
        const Result result = counter(QByteArray("add 1\nfail\n")
                                      + operations.join(QLatin1Char('\n')).toUtf8() + '\n');
        QCOMPARE(result.status, 0);
        QCOMPARE(result.lines.size(), 2 + operations.size());
        const QString cause = result.lines.at(1).mid(15);
        QVERIFY(!cause.isEmpty());
        for (int i = 0; i < operations.size(); ++i) {
            const QString line = result.lines.at(i + 2);
            QVERIFY2(isError(line, operations.at(i)) && line.contains(cause), qPrintable(line));
        }
    }
}

void tst_Examples::afterAFailureNothingIsWaitedFor()
{
    QElapsedTimer timer;
    timer.start();
    const Result result = counter("fail\nsleep 600000\nadd 1\nsleep 600000\n");
    QVERIFY(timer.elapsed() < 60'000);
    QCOMPARE(result.status, 0);
    QCOMPARE(result.lines.size(), 4);
    for (const QString &line : result.lines)
        QVERIFY2(line.contains(text(" -> error: ")), qPrintable(line));
}

void tst_Examples::workerSaysHello()
{
    const Result result = run(MICROIO_WORKER, {});
    QCOMPARE(result.errors, QString());
    QCOMPARE(result.status, 0);
    QCOMPARE(result.lines, QStringList{text("hello")});
}

QTEST_GUILESS_MAIN(tst_Examples)

#include "tst_examples.moc"
