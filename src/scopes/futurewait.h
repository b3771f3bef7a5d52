// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/scopes/scopedwait.h>

#include <QFuture>
#include <QFutureWatcher>

#include <functional>
#include <memory>

namespace MicroIO::Detail {

/// Waits for a future by a watcher of its own: QCoro's crashes on a cancelled future without a result.
class MICROIO_EXPORT FutureWaitBase : public ScopedWait
{
public:
    const char *waitsFor() const override { return "future"; }
    bool isForeign() const final { return true; }

protected:
    explicit FutureWaitBase(ScopeRef scope);
    ~FutureWaitBase() override;

    void throwBroken() const;
    void watch(std::unique_ptr<QFutureWatcherBase> watcher, std::function<bool()> wasCancelled);
    void leave() override;

private:
    std::unique_ptr<QFutureWatcherBase> m_watcher;
};

template<typename T>
class FutureWait final : public FutureWaitBase
{
public:
    FutureWait(ScopeRef scope, QFuture<T> future)
        : FutureWaitBase(std::move(scope))
        , m_future(std::move(future))
    {
    }

    T await_resume()
    {
        if (!isReady() && outcome() != Outcome::WrongThread)
            m_future.cancel();
        checkOutcome();
        // Before the result is looked at: one that is cancelled may have none, and may never finish.
        if (wasCancelled(m_future))
            throwBroken();
        m_future.waitForFinished(); // it is; throws what the future holds
        if constexpr (!std::is_void_v<T>) {
            if (m_future.resultCount() == 0)
                throwBroken();
            if constexpr (std::is_copy_constructible_v<T>)
                return m_future.result();
            else
                return m_future.takeResult();
        }
    }

private:
    bool enter() override
    {
        if (m_future.isFinished() || wasCancelled(m_future))
            return true;
        auto watcher = std::make_unique<QFutureWatcher<T>>();
        auto *watched = watcher.get();
        watch(std::move(watcher), [future = m_future] { return wasCancelled(future); });
        watched->setFuture(m_future);
        return false;
    }

    // To Qt, a future with an exception is cancelled too.
    static bool wasCancelled(const QFuture<T> &future)
    {
        return future.isCanceled() && !QFutureInterfaceBase::get(future).hasException();
    }

    QFuture<T> m_future;
};

} // namespace MicroIO::Detail
