// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/services/submission.h>

#include <QFutureWatcher>

namespace MicroIO::Detail {

Submission::~Submission() = default;

QCoro::Task<> Submission::begin(CancelScope scope)
{
    const auto future = watchedFuture();
    QFutureWatcher<void> watcher; // the only way to hear of a future's cancellation
    const auto cancelled = [this] { cancel(QStringLiteral("its future was cancelled")); };
    QObject::connect(&watcher, &QFutureWatcherBase::canceled, &watcher, cancelled);
    watcher.setFuture(future);
    if (future.isCanceled()) {
        cancelled();
        scope.throwIfCancelled();
    }
    auto body = beginBody(scope);
    co_await body;
}

void Submission::ended(End end, const std::exception_ptr &error)
{
    m_isFinished.store(true, std::memory_order_release);
    if (end == End::Cancelled)
        watchedFuture().cancel();
    else if (end != End::Value)
        setError(error);
    finishFuture();
}

} // namespace MicroIO::Detail
