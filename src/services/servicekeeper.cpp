// SPDX-License-Identifier: Apache-2.0
#include "services/servicekeeper_p.h"

#include <list>
#include <mutex>

namespace MicroIO::Detail {

namespace {

/// Never destroyed: the threads may outlive main(), and so do their objects then.
struct Keeper
{
    std::mutex mutex;
    std::list<std::unique_ptr<ServiceThread>> services; // guarded by mutex
};

Keeper &keeper()
{
    static auto *instance = new Keeper;
    return *instance;
}

void release(const ServiceThread *ended)
{
    std::list<std::unique_ptr<ServiceThread>> gone; // destroyed with the mutex unlocked
    auto &k = keeper();
    const std::lock_guard lock(k.mutex);
    for (auto kept = k.services.begin(); kept != k.services.end(); ++kept) {
        if (kept->get() == ended) {
            gone.splice(gone.begin(), k.services, kept);
            break;
        }
    }
}

} // namespace

void keepUntilEnded(std::unique_ptr<ServiceThread> service)
{
    auto *kept = service.get();
    {
        auto &k = keeper();
        const std::lock_guard lock(k.mutex);
        k.services.push_back(std::move(service));
    }
    // Told by a context of its own, so that the service is not destroyed by a call of its own slot.
    auto *context = new QObject; // goes with the service
    const auto end = [kept, context] {
        context->deleteLater();
        release(kept);
    };
    QObject::connect(kept, &QThread::finished, context, end, Qt::QueuedConnection);
    if (kept->isFinished())
        QMetaObject::invokeMethod(context, end, Qt::QueuedConnection);
}

} // namespace MicroIO::Detail
