// SPDX-License-Identifier: Apache-2.0
#include "supervision/supervisorspecs_p.h"

#include "supervision/supervisor_p.h"

#include <stdexcept>

namespace MicroIO::Detail {

using namespace std::chrono_literals;

namespace {

void require(bool isRight, const QString &message)
{
    if (!isRight)
        throw std::invalid_argument(message.toStdString());
}

void checkChild(const QString &what, const QString &name, bool hasFactory, Supervisor::Restart restart,
                bool isSignificant, const SupervisorPrivate &supervisor)
{
    if (supervisor.core.phase() >= SupervisorCore::Phase::Stopping)
        throw std::logic_error(
            QStringLiteral("%1 %2 was added to a supervisor that was stopped").arg(what, name).toStdString());
    require(!name.isEmpty(), QStringLiteral("a %1 without a name; give it one in its spec").arg(what));
    require(!supervisor.find(name),
            QStringLiteral("%1 %2: the supervisor has one of that name already").arg(what, name));
    require(hasFactory, QStringLiteral("%1 %2 without a factory; give it one in its spec").arg(what, name));
    require(
        !isSignificant || restart != Supervisor::Restart::Permanent,
        QStringLiteral("%1 %2 is significant and Permanent; make it Transient or Temporary").arg(what, name));
}

} // namespace

void checkSpec(const Supervisor::Intensity &intensity)
{
    require(intensity.restarts >= 0, QStringLiteral("an intensity of less than 0 restarts"));
    require(intensity.period > 0ms, QStringLiteral("an intensity within no time; give it a period"));
}

void checkSpec(const Supervisor::Decay &decay)
{
    require(decay.threshold >= 0, QStringLiteral("a decay with a threshold below 0"));
    require(decay.halfLife > 0ms, QStringLiteral("a decay without a half-life; give it one"));
}

void checkSpec(const Supervisor::Backoff &backoff)
{
    require(backoff.initial >= 0ms, QStringLiteral("a back-off with an initial delay below 0"));
    require(backoff.factor >= 1, QStringLiteral("a back-off with a factor below 1"));
    require(backoff.maximum >= backoff.initial && backoff.maximum > 0ms,
            QStringLiteral("a back-off whose maximum is less than its initial delay, or 0"));
    require(backoff.jitter >= 0 && backoff.jitter <= 1,
            QStringLiteral("a back-off with a jitter that is not between 0 and 1"));
}

void checkSpec(const Supervisor::ServiceSpec &spec, const SupervisorPrivate &supervisor)
{
    checkChild(QStringLiteral("service"), spec.name, bool(spec.factory), spec.restart, spec.significant,
               supervisor);
    require(spec.startTimeout > 0ms, QStringLiteral("service %1 without a startTimeout").arg(spec.name));
    require(spec.stopTimeout >= 0ms, QStringLiteral("service %1 with a stopTimeout below 0").arg(spec.name));
    require(spec.heartbeat >= 0ms, QStringLiteral("service %1 with a heartbeat below 0").arg(spec.name));
}

void checkSpec(const Supervisor::SupervisorSpec &spec, const SupervisorPrivate &supervisor)
{
    checkChild(QStringLiteral("supervisor"), spec.name, bool(spec.factory), spec.restart, spec.significant,
               supervisor);
}

} // namespace MicroIO::Detail
