// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/scopes/futurewait.h>

#include <MicroIO/Errors>

namespace MicroIO::Detail {

FutureWaitBase::FutureWaitBase(ScopeRef scope)
    : ScopedWait(std::move(scope))
{
}

FutureWaitBase::~FutureWaitBase() = default;

void FutureWaitBase::throwBroken() const
{
    throw BrokenResourceError(QStringLiteral("the future was cancelled before it had a result"));
}

void FutureWaitBase::watch(std::unique_ptr<QFutureWatcherBase> watcher, std::function<bool()> wasCancelled)
{
    m_watcher = std::move(watcher);
    QObject::connect(m_watcher.get(), &QFutureWatcherBase::finished, m_watcher.get(),
                     [this] { completeReady(); });
    QObject::connect(m_watcher.get(), &QFutureWatcherBase::canceled, m_watcher.get(),
                     [this, wasCancelled = std::move(wasCancelled)] {
                         if (wasCancelled())
                             completeReady();
                     });
}

void FutureWaitBase::leave()
{
    m_watcher.reset();
}

} // namespace MicroIO::Detail
