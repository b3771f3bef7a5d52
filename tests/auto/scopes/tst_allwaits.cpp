// SPDX-License-Identifier: Apache-2.0
#include "../shared/allwaits.h"
#include "../shared/looper.h"
#include "../shared/messagelog.h"

#include <QDirIterator>
#include <QFile>
#include <QtTest/QtTest>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::addRows;
using Tests::endsByOthers;
using Tests::endsBySource;
using Tests::From;
using Tests::record;
using Tests::RecorderPtr;
using Tests::turn;
using Tests::Wait;
using Tests::WaitRow;

namespace {

QString joined(const QSet<QString> &names)
{
    QStringList list(names.begin(), names.end());
    list.sort();
    return list.join(QStringLiteral(", "));
}

} // namespace

/// What holds for every wait of the library that a cancellation ends: see allwaits.h.
class tst_AllWaits : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void everyAwaiterHasARow();
    void invariant1_cancelledScopeThrowsAtEveryWait_data();
    void invariant1_cancelledScopeThrowsAtEveryWait();
    void invariant1_oneCoroutineSwallowsCancelledAtAllWaits();
    void cancellationEndsTheWait_data();
    void cancellationEndsTheWait();
    void invariant2_completedThenCancelledReturns_data() { addRows(endsBySource); }
    void invariant2_completedThenCancelledReturns();
    void invariant2_cancelledThenCompletedThrows_data() { addRows(endsBySource); }
    void invariant2_cancelledThenCompletedThrows();
    void endsWithItsSource_data();
    void endsWithItsSource();
    void shieldIsNotReached_data() { addRows(endsByOthers); }
    void shieldIsNotReached();

private:
    std::optional<Tests::MessageLog> m_log;
};

void tst_AllWaits::everyAwaiterHasARow()
{
    static const QRegularExpression classPattern(
        QStringLiteral("\\bclass\\s+(?:MICROIO_EXPORT\\s+)?(\\w+)(?:\\s+final)?\\s*:\\s*public\\s+(\\w+)"));
    QMultiHash<QString, QString> heirs;
    QDirIterator files(QStringLiteral(MICROIO_SOURCE_DIR), {QStringLiteral("*.h"), QStringLiteral("*.cpp")},
                       QDir::Files, QDirIterator::Subdirectories);
    while (files.hasNext()) {
        QFile file(files.next());
        QVERIFY2(file.open(QIODevice::ReadOnly), qPrintable(file.fileName()));
        auto matches = classPattern.globalMatch(QString::fromUtf8(file.readAll()));
        while (matches.hasNext()) {
            const auto match = matches.next();
            heirs.insert(match.captured(2), match.captured(1));
        }
    }
    QSet<QString> awaiters;
    QStringList open{QStringLiteral("ScopedWait")};
    while (!open.isEmpty()) {
        for (const QString &heir : heirs.values(open.takeFirst())) {
            awaiters.insert(heir);
            open += heir;
        }
    }

    QSet<QString> known;
    for (const WaitRow &row : Tests::allWaits())
        known.insert(row.awaiter);
    for (const QString &name : Tests::passingAwaiters() + Tests::awaiterBases())
        known.insert(name);

    const auto without = awaiters - known;
    QVERIFY2(without.isEmpty(),
             qPrintable(QStringLiteral("these waits have no row in tests/auto/shared/allwaits.h: %1")
                            .arg(joined(without))));
    const auto gone = known - awaiters;
    QVERIFY2(gone.isEmpty(),
             qPrintable(QStringLiteral("these rows are of no wait in src: %1").arg(joined(gone))));
}

void tst_AllWaits::invariant1_cancelledScopeThrowsAtEveryWait_data()
{
    QTest::addColumn<WaitRow>("row");
    QTest::addColumn<QString>("by");
    QTest::addColumn<bool>("ready"); // what is waited for has happened already
    for (const WaitRow &row : Tests::allWaits()) {
        for (const char *by : {"itself", "parent", "deadline"})
            QTest::addRow("%s, %s", row.name, by) << row << QString::fromLatin1(by) << false;
        if (endsBySource(row))
            QTest::addRow("%s, ready", row.name) << row << QStringLiteral("itself") << true;
    }
}

void tst_AllWaits::invariant1_cancelledScopeThrowsAtEveryWait()
{
    QFETCH(WaitRow, row);
    QFETCH(QString, by);
    QFETCH(bool, ready);

    const CancelScope parent;
    const CancelScope scope = parent.child();
    if (by == QStringLiteral("itself"))
        scope.cancel(QStringLiteral("enough"));
    else if (by == QStringLiteral("parent"))
        parent.cancel(QStringLiteral("enough"));
    else
        scope.setDeadline(now());
    const auto wait = row.make();
    if (ready) {
        wait->complete();
        turn(5);
    }

    QStringList outcomes;
    const auto swallow = [&]() -> QCoro::Task<> {
        for (int i = 0; i < 5; ++i) {
            try {
                co_await wait->wait(scope);
                outcomes += QStringLiteral("ended");
            } catch (...) {
                outcomes += Tests::errorText(std::current_exception());
            }
        }
    };
    Tests::await(swallow());

    const auto expected = by == QStringLiteral("deadline") ? QStringLiteral("Cancelled(deadline)")
                                                           : QStringLiteral("Cancelled(enough)");
    QCOMPARE(outcomes, QStringList(5, expected));
    QCOMPARE(wait->traces(), QString());
    QCOMPARE(wait->effects(), QString());
}

void tst_AllWaits::invariant1_oneCoroutineSwallowsCancelledAtAllWaits()
{
    const CancelScope scope;
    const auto rows = Tests::allWaits();
    std::vector<std::unique_ptr<Wait>> waits;
    for (const WaitRow &row : rows)
        waits.push_back(row.make());
    turn(3);

    QStringList deaf;
    const auto swallowAll = [&]() -> QCoro::Task<> {
        scope.cancel();
        for (size_t i = 0; i < rows.size(); ++i) {
            bool threw = false;
            try {
                co_await waits[i]->wait(scope);
            } catch (const Cancelled &) {
                threw = true;
            }
            if (!threw)
                deaf += QString::fromLatin1(rows[i].name);
        }
    };
    Tests::await(swallowAll());
    QCOMPARE(deaf, QStringList());
}

void tst_AllWaits::cancellationEndsTheWait_data()
{
    QTest::addColumn<WaitRow>("row");
    QTest::addColumn<From>("from");
    for (const WaitRow &row : Tests::allWaits()) {
        for (const From from : {From::OwnLoop, From::OtherLoop, From::PlainThread})
            QTest::addRow("%s, %s", row.name, Tests::nameOf(from)) << row << from;
    }
}

void tst_AllWaits::cancellationEndsTheWait()
{
    QFETCH(WaitRow, row);
    QFETCH(From, from);

    const CancelScope scope;
    const auto wait = row.make();
    const RecorderPtr recorder = record(wait->wait(scope));
    if (row.completion != WaitRow::ByItself)
        turn(3);
    QVERIFY(!recorder->isDone());

    Tests::doFrom(from, [&] { scope.cancel(QStringLiteral("enough")); });
    QVERIFY2(!recorder->isDone(), "resumed inside of cancel()");
    QTRY_VERIFY(recorder->isDone());
    QCOMPARE(recorder->outcome(), QStringLiteral("Cancelled(enough)"));
    QCOMPARE(recorder->thread(), QThread::currentThread());
    QCOMPARE(wait->traces(), QString());
}

void tst_AllWaits::invariant2_completedThenCancelledReturns()
{
    QFETCH(WaitRow, row);

    const CancelScope scope;
    const auto wait = row.make();
    QString next = QStringLiteral("not begun");
    const auto body = [&]() -> QCoro::Task<> {
        co_await wait->wait(scope);
        try {
            co_await scope.checkpoint();
        } catch (...) {
            next = Tests::errorText(std::current_exception());
        }
    };
    const RecorderPtr recorder = record(body());
    turn(3);
    QVERIFY(!recorder->isDone());

    bool cancelled = false;
    wait->completeThen([&] { cancelled = scope.cancel(QStringLiteral("late")); });
    QTRY_VERIFY(recorder->isDone());
    turn(3);
    QVERIFY(cancelled);
    QCOMPARE(recorder->outcome(), QStringLiteral("ended"));
    QCOMPARE(next, QStringLiteral("Cancelled(late)"));
    QCOMPARE(wait->traces(), QString());
}

void tst_AllWaits::invariant2_cancelledThenCompletedThrows()
{
    QFETCH(WaitRow, row);

    const CancelScope scope;
    const auto wait = row.make();
    const RecorderPtr recorder = record(wait->wait(scope));
    turn(3);
    QVERIFY(!recorder->isDone());

    scope.cancel(QStringLiteral("enough"));
    wait->complete();
    QVERIFY(!recorder->isDone());
    QTRY_VERIFY(recorder->isDone());
    turn(3);
    QCOMPARE(recorder->outcome(), QStringLiteral("Cancelled(enough)"));
    QCOMPARE(wait->traces(), QString());
}

void tst_AllWaits::endsWithItsSource_data()
{
    QTest::addColumn<WaitRow>("row");
    QTest::addColumn<Tests::SourceEnd>("end");
    for (const WaitRow &row : Tests::allWaits()) {
        for (const Tests::SourceEnd &end : row.ends)
            QTest::addRow("%s, %s", row.name, end.name) << row << end;
    }
}

void tst_AllWaits::endsWithItsSource()
{
    QFETCH(WaitRow, row);
    QFETCH(Tests::SourceEnd, end);

    const CancelScope scope;
    const auto wait = row.make();
    const RecorderPtr recorder = record(wait->wait(scope));
    turn(3);
    QVERIFY(!recorder->isDone());

    end.end(*wait);
    QVERIFY2(!recorder->isDone(), "resumed inside of what ended it");
    QTRY_VERIFY(recorder->isDone());
    QCOMPARE(recorder->outcome(), end.outcome);
    QVERIFY(!scope.isCancelled());
    turn(3);
    QCOMPARE(wait->traces(), QString());
}

void tst_AllWaits::shieldIsNotReached()
{
    QFETCH(WaitRow, row);

    const CancelScope outer;
    const CancelScope shield = outer.shielded();
    const auto wait = row.make();
    const RecorderPtr recorder = record(wait->wait(shield));
    outer.cancel(QStringLiteral("not for the shield"));
    turn(3);
    QVERIFY(!recorder->isDone());

    if (row.completion == WaitRow::BySource)
        wait->complete();
    else
        shield.cancel(QStringLiteral("its own"));
    QTRY_VERIFY(recorder->isDone());
    QCOMPARE(recorder->outcome(), row.completion == WaitRow::BySource ? QStringLiteral("ended")
                                                                      : QStringLiteral("Cancelled(its own)"));
}

QTEST_GUILESS_MAIN(tst_AllWaits)
#include "tst_allwaits.moc"
