// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/requests/replyfuture.h>

#include "loop/scheduler_p.h"

#include <QCoreApplication>

namespace MicroIO::Detail {

FutureWatch::FutureWatch(std::function<void()> cancelled)
    : m_cancelled(std::move(cancelled))
{
}

FutureWatch::~FutureWatch() = default;

void FutureWatch::start(std::unique_ptr<FutureWatch> watch)
{
    if (auto *scheduler = Scheduler::current()) {
        watch->watch(scheduler);
    } else if (const auto *application = QCoreApplication::instance()) {
        if (Inbox::of(application->thread())->post(watch.get()))
            watch.release();
    }
}

void FutureWatch::run()
{
    watch(Scheduler::current());
    delete this;
}

void FutureWatch::listenTo(QFutureWatcherBase *watcher)
{
    QObject::connect(watcher, &QFutureWatcherBase::canceled, watcher, m_cancelled);
    QObject::connect(watcher, &QFutureWatcherBase::finished, watcher, &QObject::deleteLater);
}

} // namespace MicroIO::Detail
