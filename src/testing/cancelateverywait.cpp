// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/CancelAtEveryWait>

#include "testing/census_p.h"
#include "testing/testwait_p.h"
#include <MicroIO/Awaiting>
#include <MicroIO/Waiters>

#include <QScopeGuard>
#include <QTest>

#include <stdexcept>

namespace MicroIO {

namespace {

using Detail::Census;
using Detail::WaitCounter;

constexpr int mostWaits = 100000;

bool isCancelled(const std::exception_ptr &error)
{
    try {
        std::rethrow_exception(error);
    } catch (const Cancelled &) {
        return true;
    } catch (...) {
        return false;
    }
}

/// What is wrong with one run; empty if nothing is.
QString faultOfRun(const std::function<QCoro::Task<>(CancelScope)> &coroutine,
                   const std::function<void()> &check, WaitCounter &counter)
{
    const CancelScope scope;
    counter.root = scope.state().get();
    const quint64 begin = Census::instance().moment();
    Census::instance().setCounter(&counter);
    const auto uncount = qScopeGuard([] { Census::instance().setCounter(nullptr); });

    const auto end = std::make_shared<Detail::AwaitedValue<void>>();
    try {
        Detail::runAwaited<QCoro::Task<>, void>(coroutine(scope), end);
    } catch (...) {
        return QStringLiteral("the coroutine could not be called: %1")
            .arg(describe(std::current_exception()));
    }
    if (!end->isReached) {
        Detail::TestWait wait(QStringLiteral("a run of cancelAtEveryWait()"));
        end->wait = &wait;
        const bool isDone = wait.exec();
        end->wait = nullptr;
        if (!isDone)
            return wait.problem();
    }
    Census::instance().setCounter(nullptr);
    if (end->error && !(isCancelled(end->error) && scope.isCancelled()))
        return QStringLiteral("it ended with %1").arg(describe(end->error));
    if (!Census::instance().livingSince(begin).isEmpty() && !waitUntilIdle())
        return QStringLiteral("it leaves something behind that does not come to rest");
    const QStringList living = Census::instance().livingSince(begin);
    if (!living.isEmpty())
        return QStringLiteral("it left behind: %1").arg(living.join(QStringLiteral(", ")));
    if (!check)
        return {};
    try {
        check();
    } catch (...) {
        return QStringLiteral("the check threw: %1").arg(describe(std::current_exception()));
    }
    return QTest::currentTestFailed() ? QStringLiteral("the check failed") : QString();
}

} // namespace

int cancelAtEveryWait(const std::function<QCoro::Task<>(CancelScope)> &coroutine,
                      const std::function<void()> &check, const char *file, int line)
{
    if (!coroutine)
        throw std::invalid_argument("cancelAtEveryWait() with an empty coroutine");
    if (QTest::currentTestFailed())
        return -1; // a failure of the check could not be told from that one
    Census::instance().begin();
    const auto end = qScopeGuard([] { Census::instance().end(); });
    for (int target = 1; target <= mostWaits; ++target) {
        WaitCounter counter;
        counter.target = target;
        const QString fault = faultOfRun(coroutine, check, counter);
        const bool gotThrough = counter.count < target;
        if (fault.isEmpty() && gotThrough)
            return counter.count;
        if (fault.isEmpty())
            continue;
        const QString where =
            gotThrough ? QStringLiteral("without being cancelled")
                       : QStringLiteral("cancelled at wait %1 (%2)").arg(target).arg(counter.where);
        QTest::qFail(qPrintable(QStringLiteral("cancelAtEveryWait(): %1: %2").arg(where, fault)), file, line);
        return -1;
    }
    QTest::qFail("cancelAtEveryWait(): a run has more than 100,000 waits: does the coroutine end?", file,
                 line);
    return -1;
}

} // namespace MicroIO
