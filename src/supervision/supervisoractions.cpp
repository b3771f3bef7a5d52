// SPDX-License-Identifier: Apache-2.0
#include "supervision/supervisor_p.h"

#include "loop/logging_p.h"
#include "scopes/errors_p.h"

// What the state machine wants to have done.

namespace MicroIO::Detail {

using Kind = SupervisorAction::Kind;
using Because = SupervisorAction::Because;
using Verdict = SupervisorAction::Verdict;

void SupervisorPrivate::perform(const SupervisorAction &action)
{
    switch (action.kind) {
    case Kind::Start:
        startChild(action);
        return;
    case Kind::Stop:
        stopChild(action);
        return;
    case Kind::SetAside:
        setAside(action);
        return;
    case Kind::Remove: {
        const auto removed = std::move(m_children.at(action.child));
        m_children.erase(action.child);
        m_looks.remove(action.child);
        m_ids.remove(removed->name);
        records->remove(action.child);
        tell([this] { Q_EMIT q->servicesChanged(); });
        return;
    }
    case Kind::Report:
        report(action);
        return;
    case Kind::Ready:
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
    const quint64 incarnation = ++m_children.at(id)->incarnation; // removed by actions alone, and we are one
    auto instance = std::move(m_children.at(id)->prepared);
    const QPointer<Supervisor> alive(q);
    if (!instance && core.isStarting(id)) {
        try {
            instance = make(*m_children.at(id));
        } catch (...) {
            if (!alive)
                return;
            // By the event loop, so that who fails all the time does not keep the thread.
            m_news.push_back({id, incarnation, State::Failed, childEnd(std::current_exception())});
            pumpSoon();
            return;
        }
        if (!alive)
            return;
    }
    // The factory may have turned the event loop, or stopped us.
    const auto found = m_children.find(id);
    if (found == m_children.end() || found->second->incarnation != incarnation)
        return;
    if (!core.isStarting(id)) {
        core.ended(id, {}, now());
        recordWanted(id);
        return;
    }
    Child &child = *found->second;
    child.instance = std::move(instance);
    child.instance->listen(q, [this, id, incarnation](State state) {
        m_news.push_back({id, incarnation, state});
        pumpSoon();
    });
    if (std::exchange(child.hadInstance, true))
        tell([this, name = child.name] { Q_EMIT q->serviceReplaced(name); });
    m_launch = action; // after the signal, and before anything else
}

void SupervisorPrivate::launch(const SupervisorAction &action)
{
    const ChildId id = action.child;
    Child &child = *m_children.at(id);
    if (!core.isStarting(id)) {
        const auto dropped = std::move(child.instance);
        core.ended(id, {}, now());
        recordWanted(id);
        return;
    }
    const bool isRestart = action.because == Because::Failure || action.because == Because::Sibling;
    const int count = core.restartCount(id);
    if (isRestart) {
        tell([this, name = child.name, count, reason = reasonText(action)] {
            Q_EMIT q->serviceRestarted(name, count, reason);
        });
    }
    const auto &instance = child.instance;
    if (auto *service = instance->service()) {
        instance->start();
        instance->record(*records, id, count);
        child.slot->fill(service);
    } else {
        instance->record(*records, id, count);
        instance->start(); // its slots may do anything
    }
}

void SupervisorPrivate::stopChild(const SupervisorAction &action)
{
    const auto &instance = m_children.at(action.child)->instance;
    if (!instance)
        return;
    m_looks.remove(action.child);
    instance->stop(stopText(action.reason), action.limit); // slots of a supervisor may do anything
}

void SupervisorPrivate::setAside(const SupervisorAction &action)
{
    Child &child = *m_children.at(action.child);
    if (!child.instance)
        return;
    const auto instance = std::move(child.instance);
    child.heartbeat.reset();
    child.uptime = instance->uptime();
    child.slot->empty({});
    instance->letGo(q);
    setLate(action.child, child, false);
    instance->setAside(child.name, *records);
    records->setEnded(action.child, core.isWanted(action.child));
}

void SupervisorPrivate::report(const SupervisorAction &action)
{
    const auto found = m_children.find(action.child);
    Supervisor::Incident incident{};
    incident.service = nameOf(action.child);
    incident.cause = action.cause.error ? describe(action.cause.error)
                                        : QStringLiteral("it ended without an error");
    incident.action = verdictText(action);
    if (action.verdict == Verdict::SetAside && !action.cause.error)
        incident.cause = QStringLiteral("it did not stop within its time limit");
    if (found != m_children.end()) {
        const auto &instance = found->second->instance;
        incident.uptime = instance ? instance->uptime() : found->second->uptime;
    }
    incident.time = QDateTime::currentDateTime();
    incident = records->add(incident);
    if (action.cause.error)
        records->setLastError(action.child, incident.cause);
    recordSweep(action);
    tell([this, incident] { Q_EMIT q->incidentAdded(incident); });
}

/// Siblings that are down are to be started again too.
void SupervisorPrivate::recordSweep(const SupervisorAction &action)
{
    if (core.rules.strategy == Supervisor::Strategy::OneForOne)
        return;
    if (action.verdict != Verdict::Restart && action.verdict != Verdict::Wait
        && action.verdict != Verdict::Pause)
        return;
    for (const auto &[id, child] : m_children)
        recordWanted(id);
}

void SupervisorPrivate::finish()
{
    const auto error = endError();
    setState(error ? State::Failed : State::Stopped, error);
    if (error) {
        records->started.fail(error);
        records->ended.fail(error);
        const QString text = describe(error);
        qCCritical(logService).noquote()
            << QStringLiteral("Supervisor %1 has failed: %2").arg(displayName(), text);
        tell([this, text] { Q_EMIT q->gaveUp(text); });
    } else {
        records->started.fail(std::make_exception_ptr(
            ServiceError(QStringLiteral("the supervisor was stopped before all services were ready"))));
        records->ended.close();
    }
    // What was made and has not been started.
    std::vector<std::unique_ptr<SupervisedInstance>> unused;
    for (const auto &[id, child] : m_children)
        unused.push_back(std::move(child->prepared));
}

void SupervisorPrivate::setState(State state, const std::exception_ptr &error)
{
    records->setState(state, error);
    if (state == State::Running)
        records->started.close();
    tell([this, state] { Q_EMIT q->stateChanged(state); });
}

} // namespace MicroIO::Detail
