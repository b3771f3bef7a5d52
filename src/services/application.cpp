// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/Application>

#include "loop/logging_p.h"
#include "services/quit_p.h"
#include <MicroIO/CloseScope>

#include <QCoreApplication>
#include <QThread>

#include <memory>
#include <utility>

namespace MicroIO::Detail {

namespace {

/// The main coroutine. It outlives runApplication() if it is deaf.
struct MainCoroutine
{
    explicit MainCoroutine(std::function<QCoro::Task<int>(CancelScope)> function)
        : body(std::move(function))
    {
    }

    const std::function<QCoro::Task<int>(CancelScope)> body;
    CancelScope scope;
    CloseScope ended;
};

QCoro::Task<> runMain(std::shared_ptr<MainCoroutine> coroutine)
{
    int code = 1;
    try {
        auto running = coroutine->body(coroutine->scope);
        code = co_await running;
    } catch (...) {
        if (!coroutine->scope.isCancelled()) {
            qCCritical(logTask).noquote()
                << "The main coroutine has failed:" << describe(std::current_exception());
        }
    }
    coroutine->ended.close();
    if (!coroutine->scope.isCancelled())
        QCoreApplication::exit(code);
}

QCoro::Task<> stopEverything(std::shared_ptr<MainCoroutine> coroutine, CancelScope limited)
{
    std::vector<QCoro::Task<>> stopping;
    for (auto *member : StoppedOnQuit::all())
        stopping.push_back(member->stopForQuit(limited));
    for (auto &task : stopping)
        co_await task;
    if (!coroutine)
        co_return;
    try {
        co_await coroutine->ended.closed(limited);
    } catch (const Cancelled &) {
        // It may have ended while others used up the limit.
        if (!coroutine->ended.isClosed())
            qCCritical(logTask, "The main coroutine has not ended within the time limit.");
    }
}

} // namespace

int runApplication(int (*exec)(), std::chrono::milliseconds limit,
                   std::function<QCoro::Task<int>(CancelScope)> body)
{
    const auto *thread = QThread::currentThread();
    if (thread != QCoreApplication::instance()->thread() || thread->loopLevel() > 0)
        return exec(); // which says why it does not run
    QObject context;
    std::shared_ptr<MainCoroutine> coroutine;
    if (body) {
        coroutine = std::make_shared<MainCoroutine>(std::move(body));
        QMetaObject::invokeMethod(
            &context, [coroutine] { runMain(coroutine); }, Qt::QueuedConnection);
    }
    const int code = exec();
    // Not when it is about to quit: newer Qt tells that in exit(), and the main coroutine, which may be the one that calls
    // it, cannot end before that returns.
    if (coroutine)
        coroutine->scope.cancel(QStringLiteral("the application quits"));
    turnUntilEnded(limit, [&](CancelScope limited) { return stopEverything(coroutine, limited); });
    return code;
}

} // namespace MicroIO::Detail
