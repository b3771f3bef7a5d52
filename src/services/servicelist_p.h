// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "services/servicethread_p.h"
#include <MicroIO/CancelScope>
#include <MicroIO/Clock>

#include <QCoroTask>
#include <QDeadlineTimer>
#include <QString>

#include <memory>
#include <vector>

namespace MicroIO::Detail {

/// The services of a group, in order: what is done to them that may outlast the group.
using ServiceList = std::vector<std::shared_ptr<ServicePrivate>>;

/// Starts them one after another, each when the one before is ready, from whichever thread tells so. If one is not, all
/// are stopped.
void startInOrder(const std::shared_ptr<const ServiceList> &services);
QCoro::Task<> startInOrder(CancelScope scope, ServiceList services);

/// Tells all to stop, the last first. True if that was new to any.
bool stopAll(const ServiceList &services, const QString &reason);

/// Blocks until all are ready. Throws as ServiceGroup::waitStarted() does.
void waitUntilStarted(const ServiceList &services, QDeadlineTimer deadline);

/// Blocks until all have ended; false, with those that have not named in the log, if \a deadline passed before.
bool joinAll(const ServiceList &services, QDeadlineTimer deadline);

/// Stops one after another, the last first: see ServiceGroup::stopJoin().
bool stopInOrder(const ServiceList &services, QDeadlineTimer deadline);
QCoro::Task<bool> stopInOrder(CancelScope scope, ServiceList services);

/// Throws DeadlockError on the thread of one of them.
void refuseOwnThreads(const ServiceList &services, const char *function);

} // namespace MicroIO::Detail
