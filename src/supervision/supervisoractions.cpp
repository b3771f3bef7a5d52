// SPDX-License-Identifier: Apache-2.0
#include "supervision/supervisor_p.h"

#include "loop/logging_p.h"
#include "scopes/errors_p.h"

// What the state machine wants to have done.

namespace MicroIO::Detail {

using Kind = SupervisorAction::Kind;
using Because = SupervisorAction::Because;

void SupervisorPrivate::perform(const SupervisorAction &action)
{
    switch (action.kind) {
    case Kind::Start:
        startChild(action);
        return;
    case Kind::Stop:
        if (auto &instance = m_children.at(action.child)->instance) {
            m_looks.remove(action.child);
            instance->stop(stopText(action.reason), action.limit);
        }
        return;
    case Kind::SetAside: {
        Child &child = *m_children.at(action.child);
        if (!child.instance)
            return;
        child.heartbeat.reset();
        child.uptime = child.instance->uptime();
        child.slot->empty({});
        child.instance->letGo(q);
        setLate(action.child, child, false);
        child.instance->setAside(child.name, *records);
        child.instance.reset();
        return;
    }
    case Kind::Remove: {
        const auto removed = std::move(m_children.at(action.child));
        m_children.erase(action.child);
        m_looks.remove(action.child);
        m_ids.remove(removed->name);
        records->remove(action.child);
        Q_EMIT q->servicesChanged();
        return;
    }
    case Kind::Report:
        report(action);
        return;
    case Kind::Ready:
        m_readySince = now();
        setState(State::Running);
        return;
    case Kind::ShutDown:
        if (m_stopReason.isEmpty())
            m_stopReason = QStringLiteral("its supervisor is ending");
        setState(State::Stopping);
        return;
    case Kind::End:
        finish();
        return;
    }
}

void SupervisorPrivate::startChild(const SupervisorAction &action)
{
    const ChildId id = action.child;
    const QPointer<Supervisor> alive(q);
    Child &child = *m_children.at(id); // removed by actions alone, and we are one
    auto instance = std::move(child.prepared);
    try {
        if (!instance)
            instance = make(child);
    } catch (...) {
        if (!alive)
            return;
        const auto error = std::current_exception();
        records->setLastError(id, describe(error));
        records->setFailed(id);
        core.ended(id, childEnd(error), now());
        return;
    }
    if (!alive)
        return;
    const bool isReplacement = child.incarnation++ > 0;
    child.instance = std::move(instance);
    child.instance->listen(q, [this, id, incarnation = child.incarnation](State state) {
        m_news.push_back({id, incarnation, state});
        pumpSoon();
    });
    const QString name = child.name;
    if (isReplacement) {
        Q_EMIT q->serviceReplaced(name);
        if (!alive)
            return;
    }
    child.instance->start();
    if (!alive)
        return;
    child.instance->record(*records, id);
    if (auto *service = child.instance->service())
        child.slot->fill(service);
    if (action.because != Because::Failure && action.because != Because::Sibling)
        return;
    const int count = core.restartCount(id);
    records->setRestartCount(id, count);
    Q_EMIT q->serviceRestarted(name, count, reasonText(action));
}

void SupervisorPrivate::report(const SupervisorAction &action)
{
    const auto found = m_children.find(action.child);
    Supervisor::Incident incident{};
    incident.service = nameOf(action.child);
    incident.cause = action.cause.error ? describe(action.cause.error)
                                        : QStringLiteral("it ended without an error");
    incident.action = verdictText(action);
    if (action.verdict == SupervisorAction::Verdict::SetAside && !action.cause.error)
        incident.cause = QStringLiteral("it did not stop within its time limit");
    if (found != m_children.end()) {
        const auto &instance = found->second->instance;
        incident.uptime = instance ? instance->uptime() : found->second->uptime;
    }
    incident.time = QDateTime::currentDateTime();
    incident = records->add(incident);
    if (action.cause.error)
        records->setLastError(action.child, incident.cause);
    Q_EMIT q->incidentAdded(incident);
}

void SupervisorPrivate::finish()
{
    const auto error = endError();
    const QPointer<Supervisor> alive(q);
    const auto kept = records; // of those who wait, and who may destroy us
    setState(error ? State::Failed : State::Stopped, error);
    if (error) {
        kept->started.fail(error);
        kept->ended.fail(error);
    } else {
        kept->started.fail(std::make_exception_ptr(
            ServiceError(QStringLiteral("the supervisor was stopped before all services were ready"))));
        kept->ended.close();
    }
    if (!error || !alive)
        return;
    const QString text = describe(error);
    qCCritical(logService).noquote()
        << QStringLiteral("Supervisor %1 has failed: %2").arg(displayName(), text);
    Q_EMIT q->gaveUp(text);
}

void SupervisorPrivate::setState(State state, const std::exception_ptr &error)
{
    records->setState(state, error);
    if (state == State::Running)
        records->started.close();
    Q_EMIT q->stateChanged(state);
}

} // namespace MicroIO::Detail
