// SPDX-License-Identifier: Apache-2.0
#include "supervision/supervisor_p.h"

#include "scopes/errors_p.h"

namespace MicroIO::Detail {

using Verdict = SupervisorAction::Verdict;

namespace {

/// In the largest unit that tells what matters: "250 ms", "2 s", "10 min".
QString inWords(std::chrono::nanoseconds duration)
{
    using namespace std::chrono_literals;
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(duration);
    if (milliseconds < 10s && milliseconds % 1s != 0ms)
        return QStringLiteral("%1 ms").arg(milliseconds.count());
    const auto seconds = std::chrono::round<std::chrono::seconds>(milliseconds);
    if (seconds < 1min || (seconds < 10min && seconds % 1min != 0s))
        return QStringLiteral("%1 s").arg(seconds.count());
    return QStringLiteral("%1 min").arg(std::chrono::round<std::chrono::minutes>(seconds).count());
}

} // namespace

QString SupervisorPrivate::displayName() const
{
    return q->objectName().isEmpty() ? QStringLiteral("without a name") : q->objectName();
}

QString SupervisorPrivate::nameOf(ChildId id) const
{
    const auto found = m_children.find(id);
    return found == m_children.end() ? QString() : found->second->name;
}

/// Why a service is restarted.
QString SupervisorPrivate::reasonText(const SupervisorAction &action) const
{
    if (action.because == SupervisorAction::Because::Sibling)
        return QStringLiteral("%1 has failed").arg(nameOf(action.culprit));
    return action.cause.error ? describe(action.cause.error) : QStringLiteral("it ended without an error");
}

QString SupervisorPrivate::stopText(SupervisorAction::Reason reason) const
{
    using Reason = SupervisorAction::Reason;
    switch (reason) {
    case Reason::ByHand:
        return QStringLiteral("it was stopped by hand");
    case Reason::Removed:
        return QStringLiteral("it was removed from its supervisor");
    case Reason::Restart:
        return QStringLiteral("it is restarted by hand");
    case Reason::NotReady:
        return QStringLiteral("it was not ready in time");
    case Reason::Unresponsive:
        return QStringLiteral("its event loop does not answer");
    case Reason::Sibling:
        return QStringLiteral("it is restarted with a service that has failed");
    case Reason::ShutDown:
        return m_stopReason;
    }
    return {};
}

QString SupervisorPrivate::verdictText(const SupervisorAction &action) const
{
    switch (action.verdict) {
    case Verdict::Restart:
        return action.delay.count() == 0 ? QStringLiteral("restarted")
                                         : QStringLiteral("to be restarted in %1").arg(inWords(action.delay));
    case Verdict::RestartWithSibling:
        return QStringLiteral("restarted with the one that has failed before");
    case Verdict::RestartByHand:
        return QStringLiteral("restarted by hand");
    case Verdict::Wait:
        return QStringLiteral("to be restarted after the pause, in %1").arg(inWords(action.delay));
    case Verdict::Pause:
        return QStringLiteral("too many failures: nothing is restarted for %1").arg(inWords(action.delay));
    case Verdict::LeaveDown:
        return QStringLiteral("not restarted");
    case Verdict::GiveUpStart:
        return QStringLiteral("the start of the supervisor is given up");
    case Verdict::GiveUp:
        return QStringLiteral("too many failures: the supervisor gives up");
    case Verdict::Terminate:
        return QStringLiteral("the supervisor ends, as it was told");
    case Verdict::AutoShutdown:
        return QStringLiteral("the supervisor ends, because this significant service has ended");
    case Verdict::GoOnStopping:
        return QStringLiteral("none, everything is being stopped");
    case Verdict::SetAside:
        return QStringLiteral("set aside until it ends");
    }
    return {};
}

/// What the supervisor has failed with; null if it has not.
std::exception_ptr SupervisorPrivate::endError() const
{
    using EndWay = SupervisorEnd::Way;
    const auto &end = core.end();
    const QString who = nameOf(end.child);
    switch (end.way) {
    case EndWay::Normal:
        break;
    case EndWay::StartFailed:
        return nest(ServiceError(QStringLiteral("supervisor %1 has not started, because service %2 has not")
                                     .arg(displayName(), who)),
                    end.cause.error);
    case EndWay::TooManyRestarts: {
        QStringList story;
        for (const auto &incident :
             records->incidents().last(qMin(records->incidents().size(), qsizetype(10)))) {
            story += QStringLiteral("%1. %2: %3 (%4)")
                         .arg(QString::number(incident.number), incident.service, incident.cause,
                              incident.action);
        }
        return nest(
            ServiceError(
                QStringLiteral("supervisor %1 gave up, because of too many restarts, the last of service "
                               "%2 [%3]")
                    .arg(displayName(), who, story.join(QStringLiteral("; ")))),
            end.cause.error);
    }
    case EndWay::Terminated:
        return nest(
            TerminateSupervisor(QStringLiteral("service %1 has ended supervisor %2").arg(who, displayName())),
            end.cause.error);
    }
    return nullptr;
}

} // namespace MicroIO::Detail
