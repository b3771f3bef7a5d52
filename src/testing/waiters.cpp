// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/Waiters>

#include "loop/scheduler_p.h"
#include "testing/clockcore_p.h"
#include "testing/testwait_p.h"
#include <MicroIO/Errors>

#include <QMetaEnum>
#include <QScopeGuard>

namespace MicroIO {

using Detail::ClockCore;

namespace {

bool hasEnded(ServiceThread::State state)
{
    return state == ServiceThread::State::Stopped || state == ServiceThread::State::Failed;
}

QString nameOf(ServiceThread::State state)
{
    return QString::fromLatin1(QMetaEnum::fromType<ServiceThread::State>().valueToKey(int(state)));
}

} // namespace

std::chrono::milliseconds testTimeout()
{
    bool isSet = false;
    const int limit = qEnvironmentVariableIntValue("MICROIO_TEST_TIMEOUT", &isSet);
    return isSet && limit > 0 ? std::chrono::milliseconds(limit) : std::chrono::seconds(30);
}

bool waitForState(ServiceThread &service, ServiceThread::State state, std::chrono::milliseconds limit)
{
    const QString what =
        QStringLiteral("waitForState() of service %1, %2").arg(service.name(), nameOf(state));
    Detail::TestWait wait(what);
    bool isThere = false;
    const auto look = [&](ServiceThread::State reached) {
        isThere |= reached == state;
        if (isThere || hasEnded(reached))
            wait.done();
    };
    const auto connection = QObject::connect(&service, &ServiceThread::stateChanged, &service, look);
    const auto disconnect = qScopeGuard([&connection] { QObject::disconnect(connection); });
    look(service.state());
    if (!wait.exec(limit))
        qInfo().noquote() << wait.problem();
    else if (!isThere)
        qInfo().noquote() << QStringLiteral("%1: it is %2").arg(what, nameOf(service.state()));
    return isThere;
}

bool waitUntilIdle(std::chrono::milliseconds limit)
{
    if (!Detail::Scheduler::current())
        throw WrongThreadError(QStringLiteral("waitUntilIdle() on a thread without an event loop"));
    auto &core = ClockCore::instance();
    const bool isWatching = core.begin(ClockCore::Mode::Watching);
    const auto end = qScopeGuard([&] {
        if (isWatching)
            core.end();
    });
    if (!core.isDrivenHere())
        throw WrongThreadError(
            QStringLiteral("waitUntilIdle() on another thread than the one that made the clock"));
    if (core.driver().waitUntilIdle(limit))
        return true;
    qInfo().noquote() << core.driver().problem();
    return false;
}

} // namespace MicroIO
