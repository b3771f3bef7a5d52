// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/loop/readyitem.h>

#include <QFuture>
#include <QFutureWatcher>

#include <functional>
#include <memory>
#include <utility>

namespace MicroIO::Detail {

/// Tells when a future is cancelled by who has it. Qt tells that only to a watcher in a thread with an event loop.
class MICROIO_EXPORT FutureWatch : public ReadyItem
{
public:
    ~FutureWatch() override;

    /// Watches from the event loop of the calling thread, else from the application's, else not at all.
    static void start(std::unique_ptr<FutureWatch> watch);

    void run() final;
    void discard() final { delete this; }

protected:
    explicit FutureWatch(std::function<void()> cancelled);
    void listenTo(QFutureWatcherBase *watcher);

private:
    /// Makes a watcher that belongs to \a parent.
    virtual void watch(QObject *parent) = 0;

    std::function<void()> m_cancelled;
};

template<typename T>
class FutureWatchOf final : public FutureWatch
{
public:
    FutureWatchOf(QFuture<T> future, std::function<void()> cancelled)
        : FutureWatch(std::move(cancelled))
        , m_future(std::move(future))
    {
    }

private:
    void watch(QObject *parent) override
    {
        auto *watcher = new QFutureWatcher<T>(parent);
        listenTo(watcher);
        watcher->setFuture(m_future);
    }

    QFuture<T> m_future;
};

} // namespace MicroIO::Detail
