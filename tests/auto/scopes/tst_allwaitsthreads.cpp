// SPDX-License-Identifier: Apache-2.0
#include "../shared/allwaits.h"
#include "../shared/looper.h"
#include "../shared/messagelog.h"

#include <MicroIO/TaskGroup>

#include <QtTest/QtTest>

#include <thread>

using namespace MicroIO;
using Tests::addRows;
using Tests::endsByOthers;
using Tests::endsBySource;
using Tests::From;
using Tests::Looper;
using Tests::record;
using Tests::RecorderPtr;
using Tests::turn;
using Tests::Wait;
using Tests::WaitRow;

/// Every wait of the library, and the thread that it waits on: who wakes it, and what if the thread, its loop or the
/// group of the waiting task goes. See allwaits.h.
class tst_AllWaitsThreads : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void invariant5_resumesOnItsOwnThread_data();
    void invariant5_resumesOnItsOwnThread();
    void endOfTheLoopEndsTheWait_data() { addRows(endsByOthers); }
    void endOfTheLoopEndsTheWait();
    void endOfTheLoopKeepsTheResult_data() { addRows(endsBySource); }
    void endOfTheLoopKeepsTheResult();
    void threadWithoutALoopIsRefused_data() { addRows(); }
    void threadWithoutALoopIsRefused();
    void invariant10_destroyedGroupUnwindsTheWait_data();
    void invariant10_destroyedGroupUnwindsTheWait();

private:
    std::optional<Tests::MessageLog> m_log;
};

void tst_AllWaitsThreads::invariant5_resumesOnItsOwnThread_data()
{
    QTest::addColumn<WaitRow>("row");
    QTest::addColumn<From>("from");
    for (const WaitRow &row : Tests::allWaits()) {
        for (const From from : {From::OwnLoop, From::OtherLoop, From::PlainThread}) {
            if (from == From::OwnLoop || row.completion != WaitRow::ByItself)
                QTest::addRow("%s, %s", row.name, Tests::nameOf(from)) << row << from;
        }
    }
}

void tst_AllWaitsThreads::invariant5_resumesOnItsOwnThread()
{
    QFETCH(WaitRow, row);
    QFETCH(From, from);

    Looper thread;
    const CancelScope scope;
    std::unique_ptr<Wait> wait;
    RecorderPtr recorder;
    thread.call([&] {
        wait = row.make();
        recorder = record(wait->wait(scope));
    });
    const auto wake = [&] {
        if (row.completion == WaitRow::BySource)
            wait->complete();
        else if (row.completion == WaitRow::Never)
            scope.cancel(QStringLiteral("enough"));
    };
    if (from == From::OwnLoop) {
        const bool resumedInside = thread.call([&] {
            wake();
            return row.completion != WaitRow::ByItself && recorder->isDone();
        });
        QVERIFY2(!resumedInside, "resumed inside of what completed it");
    } else {
        Tests::doFrom(from, wake);
    }
    // Real time for the sleep of 5 ms: it is the real timer of the other thread that wakes it there.
    QTRY_VERIFY(recorder->isDone());
    QCOMPARE(recorder->outcome(), row.completion == WaitRow::Never ? QStringLiteral("Cancelled(enough)")
                                                                   : QStringLiteral("ended"));
    QCOMPARE(recorder->thread(), &thread);
    thread.call([&] { wait.reset(); });
}

void tst_AllWaitsThreads::endOfTheLoopEndsTheWait()
{
    QFETCH(WaitRow, row);

    Looper thread;
    const CancelScope scope;
    std::unique_ptr<Wait> wait;
    QStringList outcomes;
    std::atomic<QThread *> resumedOn = nullptr;
    const auto swallow = [&]() -> QCoro::Task<> {
        for (int i = 0; i < 3; ++i) {
            try {
                co_await wait->wait(scope);
                outcomes += QStringLiteral("ended");
            } catch (...) {
                outcomes += Tests::errorText(std::current_exception());
            }
            resumedOn = QThread::currentThread();
        }
    };
    thread.call([&] {
        wait = row.make();
        swallow();
    });
    thread.call([] {}); // a turn for the children
    thread.end();
    // the first was suspended, the others began when the loop had ended
    QCOMPARE(outcomes, QStringList(3, QStringLiteral("Cancelled(the event loop has ended)")));
    QCOMPARE(resumedOn.load(), &thread);
    QVERIFY(!scope.isCancelled());
    QCOMPARE(wait->traces(), QString());
}

void tst_AllWaitsThreads::endOfTheLoopKeepsTheResult()
{
    QFETCH(WaitRow, row);

    Looper thread;
    const CancelScope scope;
    std::unique_ptr<Wait> wait;
    RecorderPtr recorder;
    thread.call([&] {
        wait = row.make();
        recorder = record(wait->wait(scope));
    });
    thread.call([] {}); // a turn for the children
    thread.end([&] { wait->complete(); });
    QCOMPARE(recorder->outcome(), wait->isToldAtOnce()
                                      ? QStringLiteral("ended")
                                      : QStringLiteral("Cancelled(the event loop has ended)"));
    QCOMPARE(recorder->thread(), &thread);
}

void tst_AllWaitsThreads::threadWithoutALoopIsRefused()
{
    QFETCH(WaitRow, row);

    const CancelScope scope;
    const auto wait = row.make();
    QString outcome;
    std::thread([&] { outcome = record(wait->wait(scope))->outcome(); }).join();
    QCOMPARE(outcome, QStringLiteral("WrongThreadError"));
    QCOMPARE(wait->traces(), QString());
}

void tst_AllWaitsThreads::invariant10_destroyedGroupUnwindsTheWait_data()
{
    QTest::addColumn<WaitRow>("row");
    QTest::addColumn<bool>("shielded");
    for (const WaitRow &row : Tests::allWaits()) {
        if (!endsByOthers(row))
            continue;
        QTest::addRow("%s", row.name) << row << false;
        QTest::addRow("%s, shielded", row.name) << row << true;
    }
}

void tst_AllWaitsThreads::invariant10_destroyedGroupUnwindsTheWait()
{
    QFETCH(WaitRow, row);
    QFETCH(bool, shielded);

    const auto wait = row.make();
    QObject owner;
    std::optional<TaskGroup> group(&owner);
    RecorderPtr recorder;
    group->startSoon([&](CancelScope scope) -> QCoro::Task<> {
        recorder = record(wait->wait(shielded ? scope.shielded() : scope));
        co_return;
    });
    turn(3);
    QVERIFY(recorder && !recorder->isDone());

    group.reset();
    QVERIFY2(recorder->isDone(), "suspended still when the destructor had returned");
    QCOMPARE(recorder->outcome(), QStringLiteral("Cancelled(its task group was destroyed)"));
    QCOMPARE(wait->traces(), QString());
}

QTEST_GUILESS_MAIN(tst_AllWaitsThreads)
#include "tst_allwaitsthreads.moc"
