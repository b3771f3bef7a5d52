// SPDX-License-Identifier: Apache-2.0
#include "services/servicelist_p.h"

#include "loop/logging_p.h"

#include <chrono>

namespace MicroIO::Detail {

using namespace std::chrono_literals;

namespace {

// What one service takes from the others where there is no limit.
constexpr auto longestShare = 5s;

QString groupStopped()
{
    return QStringLiteral("its service group was stopped");
}

void startFrom(const std::shared_ptr<const ServiceList> &services, size_t index)
{
    if (index == services->size())
        return;
    const auto &service = (*services)[index];
    if (!service->startUnlessStopped())
        return; // the group was stopped meanwhile
    service->onStartDecided([services, index](bool isReady) {
        if (isReady) {
            startFrom(services, index + 1);
        } else {
            stopAll(*services,
                    QStringLiteral("service %1 of its group was not ready").arg((*services)[index]->name));
        }
    });
}

/// True if there are none.
bool nameThoseThatRunOn(const ServiceList &services)
{
    bool isNone = true;
    for (auto service = services.rbegin(); service != services.rend(); ++service) {
        if (!(*service)->runs())
            continue;
        (*service)->logThatItRunsOn();
        isNone = false;
    }
    return isNone;
}

} // namespace

void startInOrder(const std::shared_ptr<const ServiceList> &services)
{
    startFrom(services, 0);
}

QCoro::Task<> startInOrder(CancelScope scope, ServiceList services)
{
    try {
        for (const auto &service : services) {
            scope.throwIfCancelled();
            service->startUnlessStopped();
            co_await WaitOf<ServiceStartWait, std::shared_ptr<ServicePrivate>>(scope.state(), service);
        }
    } catch (...) {
        stopAll(services, QStringLiteral("the start of its service group was broken off: %1")
                              .arg(describe(std::current_exception())));
        throw;
    }
}

bool stopAll(const ServiceList &services, const QString &reason)
{
    bool isNew = false;
    for (auto service = services.rbegin(); service != services.rend(); ++service)
        isNew |= (*service)->closeScope.close(reason);
    return isNew;
}

void waitUntilStarted(const ServiceList &services, QDeadlineTimer deadline)
{
    for (const auto &service : services) {
        if (!service->waitStartDecided(deadline)) {
            throw TimeoutError(QStringLiteral("service %1 of the group is not ready within the time limit")
                                   .arg(service->name));
        }
        service->throwUnlessStarted();
    }
}

bool joinAll(const ServiceList &services, QDeadlineTimer deadline)
{
    for (const auto &service : services)
        service->waitEnded(deadline);
    return nameThoseThatRunOn(services);
}

bool stopInOrder(const ServiceList &services, QDeadlineTimer deadline)
{
    for (size_t left = services.size(); left > 0; --left) {
        const auto &service = services[left - 1];
        service->closeScope.close(groupStopped());
        std::chrono::nanoseconds share = longestShare;
        if (!deadline.isForever())
            share = std::chrono::nanoseconds(deadline.remainingTimeNSecs()) / qint64(left);
        service->waitEnded(QDeadlineTimer(share));
    }
    return joinAll(services, deadline);
}

QCoro::Task<bool> stopInOrder(CancelScope scope, ServiceList services)
{
    using EndWait = WaitOf<ServiceEndWait, std::shared_ptr<ServicePrivate>>;
    try {
        for (size_t left = services.size(); left > 0; --left) {
            const auto &service = services[left - 1];
            service->closeScope.close(groupStopped());
            std::chrono::nanoseconds share = longestShare;
            if (scope.deadline() != Deadline::max())
                share = (scope.deadline() - now()) / qint64(left);
            const auto patience = scope.child(deadlineAfter(share));
            try {
                co_await EndWait(patience.state(), service);
            } catch (const Cancelled &) {
                if (!patience.timedOut() || scope.isCancelled())
                    throw;
            }
        }
        for (const auto &service : services)
            co_await EndWait(scope.state(), service);
    } catch (const Cancelled &) {
        stopAll(services, groupStopped());
        nameThoseThatRunOn(services);
        if (!scope.timedOut())
            throw;
        co_return false;
    }
    co_return true;
}

void refuseOwnThreads(const ServiceList &services, const char *function)
{
    for (const auto &service : services)
        service->refuseOwnThread(function);
}

} // namespace MicroIO::Detail
