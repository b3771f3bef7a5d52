// SPDX-License-Identifier: Apache-2.0
#include "../shared/messagelog.h"
#include "../shared/outcome.h"

#include <MicroIO/CancelScope>
#include <MicroIO/Errors>
#include <MicroIO/TaskGroup>

#include <QtTest/QtTest>

#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::outcomeOf;
using Tests::thrownBy;

using Starting = std::function<QCoro::Task<>(CancelScope, TaskStatus<int>)>;

/// TaskStatus: told once, from any thread, and safe to keep.
class tst_TaskStatus : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void startedCountsOnce();
    void readinessComesFromAnotherThread();
    void theStatusOutlivesTheGroup();

private:
    std::optional<Tests::MessageLog> m_log;
};

// ST-04
void tst_TaskStatus::startedCountsOnce()
{
    QString second;
    const auto outcome = outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<int> {
        const auto child = [&](CancelScope, TaskStatus<int> status) -> QCoro::Task<> {
            status.started(1);
            second = thrownBy([&] { status.started(2); });
            co_return;
        };
        co_return co_await group.start<int>(group.scope(), child);
    }));
    QVERIFY2(second.startsWith(QStringLiteral("logic_error")), qPrintable(second));
    QCOMPARE(outcome, QStringLiteral("1"));
}

// ST-11
void tst_TaskStatus::readinessComesFromAnotherThread()
{
    QThread *resumedOn = nullptr;
    std::vector<std::thread> threads;
    const auto outcome = outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<int> {
        const auto value = [&](CancelScope, TaskStatus<std::unique_ptr<int>> status) -> QCoro::Task<> {
            threads.emplace_back([status] { status.started(std::make_unique<int>(41)); });
            co_await group.scope().cancelled();
        };
        const auto nothing = [&](CancelScope, TaskStatus<> status) -> QCoro::Task<> {
            threads.emplace_back([status] { status.started(); });
            co_await group.scope().cancelled();
        };
        int sum = 0;
        for (int i = 0; i < 50; ++i) {
            const auto given = co_await group.start<std::unique_ptr<int>>(group.scope(), value);
            sum += *given;
            co_await group.start(group.scope(), nothing);
        }
        resumedOn = QThread::currentThread();
        group.cancel();
        co_return sum;
    }));
    for (auto &thread : threads)
        thread.join();
    QCOMPARE(outcome, QStringLiteral("2050"));
    QCOMPARE(resumedOn, thread());
}

// invariant 12: a handle is safe to keep
void tst_TaskStatus::theStatusOutlivesTheGroup()
{
    std::optional<TaskStatus<int>> early;
    std::optional<TaskStatus<int>> used;
    const auto keep = [&](CancelScope, TaskStatus<int> status) -> QCoro::Task<> {
        if (!early) {
            early = status;
            co_return;
        }
        used = status;
        status.started(1);
    };
    outcomeOf(withTaskGroup(CancelScope(), [&](TaskGroup &group) -> QCoro::Task<> {
        try {
            co_await group.start<int>(group.scope(), keep);
        } catch (const NotReadyError &) {
        }
        co_await group.start<int>(group.scope(), keep);
    }));
    QVERIFY(!early->started(2)); // the child has ended
    QString second;
    std::thread([&] { second = thrownBy([&] { used->started(3); }); }).join();
    QVERIFY2(second.startsWith(QStringLiteral("logic_error")), qPrintable(second));
}

QTEST_GUILESS_MAIN(tst_TaskStatus)

#include "tst_taskstatus.moc"
